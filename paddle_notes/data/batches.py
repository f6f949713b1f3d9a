"""把图像切成批：打乱、增广、归一化都对整批做。

第 e 轮的次序与增广只由（种子, e, 样本编号）决定，与迭代器走到哪里无关。
因此训练停在任何一步都能接着走，结果逐位相同。
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from paddle_notes.data.augment import center_crop, crop_images, flip_images, shift_images
from paddle_notes.data.images import ImageSet


class Batches:
    """一份数据的批。``epoch(e)`` 依次给出 (图像 (B, C, H, W) float32, 标签 (B,) int64)。

    参数：
        dataset: 数据。图像比 ``preprocess.image_size`` 大时裁剪：训练随机取，验证取正中。
        batch_size: 一批的样本数；最后一批可以少些。
        training: 是否打乱并增广。
        seed: 次序与增广的随机种子。
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
        self.dataset = dataset
        self.batch_size = batch_size
        self.training = training
        self.seed = seed
        self.shift = shift
        self.flip = flip

    def __len__(self) -> int:
        """一轮有几批。"""
        return -(-self.num_samples // self.batch_size)

    @property
    def num_samples(self) -> int:
        return len(self.dataset.labels)

    def info(self) -> dict:
        """网络与预测需要知道的事，见 :meth:`ImageSet.info`。"""
        return self.dataset.info()

    def order(self, epoch: int) -> np.ndarray:
        """第 ``epoch`` 轮的样本编号，(N,) int64。"""
        if not self.training:
            return np.arange(self.num_samples)
        return np.random.default_rng([self.seed, epoch]).permutation(self.num_samples)

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

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """第 ``epoch`` 轮，从第 ``start`` 批开始。"""
        order, preprocess = self.order(epoch), self.dataset.preprocess
        draws = self.draws(epoch) if self.training else None
        for first in range(start * self.batch_size, self.num_samples, self.batch_size):
            index = order[first : first + self.batch_size]
            images = self.dataset.images[index]
            if draws is None:
                images = center_crop(images, preprocess.image_size)
            else:
                images = self.augment(images, draws[index])
            yield preprocess.normalize(images), self.dataset.labels[index]
