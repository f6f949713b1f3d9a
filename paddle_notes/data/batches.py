"""把数据切成批。

第 e 轮的次序与增广只由（种子, e, 样本编号）决定，与迭代器走到哪里无关。
因此训练停在任何一步都能接着走，结果逐位相同。
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from paddle_notes.data.info import Info

Arrays = tuple[np.ndarray, ...]
NUM_PROBES = 64  # 指纹看几个样本
POOL = 50  # 每 50 批的样本按长度排序再切成批


class Batches:
    """一份数据的批：``epoch(e)`` 依次给出第 e 轮的各批。

    参数：
        dataset: 数据集：``len(dataset)`` 是样本数，``dataset[index]`` 取出编号为 ``index`` (B,) 的样本，
            是几个第一维为 B 的数组；``dataset.info()`` 是网络与预测需要知道的事。
        batch_size: 一批的样本数；最后一批可以少些。
        training: 是否打乱。
        seed: 次序与增广的随机种子。
    """

    def __init__(self, dataset: Any, batch_size: int, training: bool = False, seed: int = 0):
        self.dataset = dataset
        self.batch_size = batch_size
        self.training = training
        self.seed = seed

    def __len__(self) -> int:
        """一轮有几批。"""
        return -(-self.num_samples // self.batch_size)

    @property
    def num_samples(self) -> int:
        return len(self.dataset)

    def info(self) -> Info:
        """网络与预测需要知道的事。"""
        return self.dataset.info()

    def arrays(self) -> Arrays:
        """整份数据，照原来的次序，不增广；几个第一维为样本数的数组，如 (图像, 标签)。"""
        plain = copy.copy(self)
        plain.training = False
        return plain.reader(0)(np.arange(self.num_samples))

    def baselines(self, others: dict[str, Batches]) -> dict[str, dict[str, dict[str, float]]]:
        """由这一份（训练部分）得出、在 ``others`` 各份上评判的对照；数据集没有时为空。"""
        if not hasattr(self.dataset, "baselines"):
            return {}
        return self.dataset.baselines({name: batches.dataset for name, batches in others.items()})

    def probes(self) -> Arrays:
        """算指纹用的样本：均匀取出的几十个，没有增广。"""
        count = len(self.dataset)
        return self.dataset[np.linspace(0, count - 1, min(count, NUM_PROBES)).astype(int)]

    def fingerprint(self) -> dict:
        """这份数据的指纹：样本数，与一些样本的散列，用来认出数据换过；与批大小、次序、增广无关。

        没有取到的样本改了，认不出来。小数只取两位：换一台机器，求均值的末位就不同，标准化的数随之不同。
        """
        digest = hashlib.sha256()
        for array in map(np.asarray, self.probes()):
            if array.dtype.kind == "f":
                array = np.round(array, 2) + 0.0  # −0 变成 0
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return {"samples": self.num_samples, "sha256": digest.hexdigest()[:16]}

    def order(self, epoch: int) -> np.ndarray:
        """第 ``epoch`` 轮的样本编号，(N,) int64。"""
        if not self.training:
            return np.arange(self.num_samples)
        return np.random.default_rng([self.seed, epoch]).permutation(self.num_samples)

    def indices(self, epoch: int) -> list[np.ndarray]:
        """第 ``epoch`` 轮各批的样本编号。"""
        order = self.order(epoch)
        return [order[first : first + self.batch_size] for first in range(0, len(order), self.batch_size)]

    def reader(self, epoch: int) -> Callable[[np.ndarray], Arrays]:
        """第 ``epoch`` 轮里由样本编号得到一批的函数。"""
        return self.dataset.__getitem__

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Arrays]:
        """第 ``epoch`` 轮，从第 ``start`` 批开始。"""
        read = self.reader(epoch)
        for index in self.indices(epoch)[start:]:
            yield read(index)


class BucketBatches(Batches):
    """长短不一的样本的批：长度（``dataset.lengths`` (N,)）相近的放在一批，填充就少。

    训练时打乱之后每 50 批排一次序，再打乱各批的先后。
    """

    def indices(self, epoch: int) -> list[np.ndarray]:
        lengths = self.dataset.lengths
        if not self.training:
            order = np.argsort(lengths, kind="stable")
            return [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        order, size, batches = self.order(epoch), self.batch_size * POOL, []
        for first in range(0, len(order), size):
            pool = order[first : first + size]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            batches += [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
        shuffled = np.random.default_rng([self.seed, epoch, 1]).permutation(len(batches))
        return [batches[i] for i in shuffled]
