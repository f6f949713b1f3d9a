"""把内存里的图像切成批：打乱、增广、归一化都对整批做，没有逐个样本的 Python 循环。

第 e 轮的次序与增广只由（种子, e, 样本编号）决定，与迭代器走到哪里无关。
因此训练停在任何一步都能接着走，结果逐位相同。
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from paddle_notes.data.images import ImageSet


def shift_images(images: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """逐张平移：``images`` (N, C, H, W)，``offsets`` (N, 2) 为向下、向右的像素数，空处补 0。"""
    largest = int(np.abs(offsets).max(initial=0))
    if largest == 0:
        return images
    n, _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (largest, largest), (largest, largest)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    down, right = largest - offsets[:, 0], largest - offsets[:, 1]
    return windows[np.arange(n), :, down, right]  # (N, C, H, W)


class Batches:
    """一份数据的批。``epoch(e)`` 依次给出 (图像 (B, C, H, W) float32, 标签 (B,) int64)。

    参数：
        dataset: 数据。
        batch_size: 一批的样本数；最后一批可以少些。
        shuffle: 是否每轮打乱。
        seed: 次序与增广的随机种子。
        shift: 随机平移至多几个像素。
    """

    def __init__(
        self, dataset: ImageSet, batch_size: int, shuffle: bool = False, seed: int = 0, shift: int = 0
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.shift = shift

    def __len__(self) -> int:
        """一轮有几批。"""
        return -(-self.num_samples // self.batch_size)

    @property
    def num_samples(self) -> int:
        return len(self.dataset.labels)

    def order(self, epoch: int) -> np.ndarray:
        """第 ``epoch`` 轮的样本编号，(N,) int64。"""
        if not self.shuffle:
            return np.arange(self.num_samples)
        return np.random.default_rng([self.seed, epoch]).permutation(self.num_samples)

    def offsets(self, epoch: int) -> np.ndarray:
        """第 ``epoch`` 轮每个样本的平移量，(N, 2) int64。"""
        generator = np.random.default_rng([self.seed, epoch, 1])
        return generator.integers(-self.shift, self.shift + 1, (self.num_samples, 2))

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """第 ``epoch`` 轮，从第 ``start`` 批开始。"""
        order, offsets = self.order(epoch), self.offsets(epoch)
        for first in range(start * self.batch_size, self.num_samples, self.batch_size):
            index = order[first : first + self.batch_size]
            images = self.dataset.images[index]
            if self.shift:
                images = shift_images(images, offsets[index])
            yield self.dataset.preprocess.normalize(images), self.dataset.labels[index]
