"""把数据切成批：打乱、增广、归一化都对整批做。

第 e 轮的次序与增广只由（种子, e, 样本编号）决定，与迭代器走到哪里无关。
因此训练停在任何一步都能接着走，结果逐位相同。
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from paddle_notes.data.augment import (
    center_crop,
    color_components,
    crop_images,
    flip_images,
    jitter_colors,
    light_colors,
    shift_images,
)
from paddle_notes.errors import UserError

if TYPE_CHECKING:
    from paddle_notes.data.images import ImageSet

Arrays = tuple[np.ndarray, ...]
NUM_PROBES = 64  # 指纹看几个样本


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


class ImageBatches(Batches):
    """图像的批：(图像 (B, C, H, W) float32, 标签 (B,) int64)，训练时增广。

    参数：
        dataset: 图像。比 ``preprocess.image_size`` 大时裁剪：训练随机取，验证取正中。
        batch_size, training, seed: 见 :class:`Batches`。
        shift: 随机平移至多几个像素。
        flip: 是否以 1/2 的概率左右翻转。
        color_jitter: 颜色抖动的强度 s：亮度、对比度、饱和度的系数各取自 [1 − s, 1 + s]；只用于彩色图。
        lighting: PCA 光照的标准差，论文为 0.1；只用于彩色图。
    """

    def __init__(
        self,
        dataset: ImageSet,
        batch_size: int,
        training: bool = False,
        seed: int = 0,
        shift: int = 0,
        flip: bool = False,
        color_jitter: float = 0.0,
        lighting: float = 0.0,
    ):
        super().__init__(dataset, batch_size, training, seed)
        self.shift = shift
        self.flip = flip
        self.color_jitter = color_jitter
        self.lighting = lighting
        if (color_jitter or lighting) and dataset.preprocess.in_channels != 3:
            raise UserError(
                "data.augment 的 color_jitter 与 lighting 只用于彩色图，这份数据是灰度的；请删去它们"
            )

    def draws(self, epoch: int) -> np.ndarray:
        """第 ``epoch`` 轮每个样本的随机量：[0, 1) 上的均匀分布，(N, 5)。"""
        return np.random.default_rng([self.seed, epoch, 1]).random((self.num_samples, 5))

    def color_draws(self, epoch: int) -> np.ndarray:
        """第 ``epoch`` 轮每个样本怎样改变颜色：抖动的三个系数与 PCA 光照的三个 α，(N, 6)。"""
        generator = np.random.default_rng([self.seed, epoch, 2])
        factors = generator.uniform(1 - self.color_jitter, 1 + self.color_jitter, (self.num_samples, 3))
        alphas = generator.normal(0, self.lighting, (self.num_samples, 3))
        return np.hstack([factors, alphas])

    @cached_property
    def components(self) -> tuple[np.ndarray, np.ndarray]:
        """训练图像的颜色的主成分；图像很多时由均匀取出的 1,000 张估计。"""
        chosen = np.linspace(0, self.num_samples - 1, min(self.num_samples, 1000)).astype(int)
        return color_components(self.dataset[chosen][0])

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

    def recolor(self, images: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """改变一批图像 (B, 3, H, W) 的颜色，``draws`` (B, 6) 是这些样本的随机量。"""
        if self.color_jitter:
            images = jitter_colors(images, draws[:, :3])
        if self.lighting:
            images = light_colors(images, draws[:, 3:], self.components)
        return images

    def reader(self, epoch: int) -> Callable[[np.ndarray], Arrays]:
        preprocess = self.dataset.preprocess
        draws = self.draws(epoch) if self.training else None
        color_draws = self.color_draws(epoch) if self.training else None

        def read(index: np.ndarray) -> Arrays:
            images, labels = self.dataset[index]
            if draws is None:
                images = center_crop(images, preprocess.image_size)
            else:
                images = self.recolor(self.augment(images, draws[index]), color_draws[index])
            return preprocess.normalize(images), labels

        return read
