"""把数据切成批：打乱、增广、归一化都对整批做。

第 e 轮的次序与增广只由（种子, e, 样本编号）决定，与迭代器走到哪里无关。
因此训练停在任何一步都能接着走，结果逐位相同。
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from paddle_notes.data.augment import center_crop, crop_images, flip_images, shift_images

if TYPE_CHECKING:
    from paddle_notes.data.images import ImageSet

Arrays = tuple[np.ndarray, ...]


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

    def info(self) -> dict:
        """网络与预测需要知道的事。"""
        return self.dataset.info()

    def baselines(self, others: dict[str, Batches]) -> dict[str, dict[str, dict[str, float]]]:
        """由这一份（训练部分）得出、在 ``others`` 各份上评判的对照；数据集没有时为空。"""
        if not hasattr(self.dataset, "baselines"):
            return {}
        return self.dataset.baselines({name: batches.dataset for name, batches in others.items()})

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


class ImageBatches(Batches):
    """图像的批：(图像 (B, C, H, W) float32, 标签 (B,) int64)，训练时增广。

    参数：
        dataset: 图像。比 ``preprocess.image_size`` 大时裁剪：训练随机取，验证取正中。
        batch_size, training, seed: 见 :class:`Batches`。
        shift: 随机平移至多几个像素。
        flip: 是否以 1/2 的概率左右翻转。
    """

    def __init__(
        self,
        dataset: ImageSet,
        batch_size: int,
        training: bool = False,
        seed: int = 0,
        shift: int = 0,
        flip: bool = False,
    ):
        super().__init__(dataset, batch_size, training, seed)
        self.shift = shift
        self.flip = flip

    def draws(self, epoch: int) -> np.ndarray:
        """第 ``epoch`` 轮每个样本的随机量：[0, 1) 上的均匀分布，(N, 5)。"""
        return np.random.default_rng([self.seed, epoch, 1]).random((self.num_samples, 5))

    def augment(self, images: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """增广一批图像 (B, C, H, W)，``draws`` (B, 5) 是这些样本的随机量。"""
        size = self.dataset.preprocess.image_size
        if images.shape[-1] > size:
            corners = (draws[:, :2] * (images.shape[-1] - size + 1)).astype(int)
            images = crop_images(images, size, corners)
        if self.shift:
            offsets = (draws[:, 2:4] * (2 * self.shift + 1)).astype(int) - self.shift
            images = shift_images(images, offsets)
        if self.flip:
            images = flip_images(images, draws[:, 4] < 0.5)
        return images

    def reader(self, epoch: int) -> Callable[[np.ndarray], Arrays]:
        preprocess = self.dataset.preprocess
        draws = self.draws(epoch) if self.training else None

        def read(index: np.ndarray) -> Arrays:
            images, labels = self.dataset[index]
            if draws is None:
                images = center_crop(images, preprocess.image_size)
            else:
                images = self.augment(images, draws[index])
            return preprocess.normalize(images), labels

        return read
