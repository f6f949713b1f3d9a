"""图像的数据集：一叠图像与标签，怎样切成批。"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

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
from paddle_notes.data.batches import Arrays, Batches
from paddle_notes.data.info import ImageInfo
from paddle_notes.data.preprocess import Preprocess
from paddle_notes.data.splits import split_indices
from paddle_notes.errors import UserError

# 不超过这么多字节的图像文件夹一次读进内存，更大的在用到时再读
MEMORY_LIMIT = 2 << 30


class ImageFiles:
    """在用到时才读的一叠图像：``files[index]`` 像数组那样给出 (B, C, H, W) uint8。"""

    def __init__(self, files: list[Path], preprocess: Preprocess):
        self.files = files
        self.preprocess = preprocess

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        with ThreadPoolExecutor() as pool:  # 解码时不占 Python 的全局锁，多线程有用
            return np.stack(list(pool.map(self.preprocess.load, [self.files[i] for i in index])))


def open_files(files: list[Path], preprocess: Preprocess) -> np.ndarray | ImageFiles:
    """一批图像文件：放得进内存就一次读完，否则在用到时再读。"""
    images = ImageFiles(files, preprocess)
    if len(files) * preprocess.in_channels * preprocess.load_size**2 <= MEMORY_LIMIT:
        return images[np.arange(len(files))]
    return images


@dataclass(frozen=True)
class ImageSet:
    """一份图像数据。

    属性：
        images: (N, C, H, W) uint8 数组，或 :class:`ImageFiles`。
        labels: (N,) int64，从 0 开始的类别编号。
        class_names: 各类的名字。
        preprocess: 怎样变成网络的输入。
    """

    images: np.ndarray | ImageFiles
    labels: np.ndarray
    class_names: tuple[str, ...]
    preprocess: Preprocess

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """编号为 ``index`` (B,) 的图像 (B, C, H, W) uint8 与标签 (B,)。"""
        return self.images[index], self.labels[index]

    def info(self) -> ImageInfo:
        return ImageInfo(class_names=list(self.class_names), preprocess=self.preprocess)

    def batches(self, config, training: bool = False, seed: int = 0) -> ImageBatches:
        """照 ``config``（:class:`~paddle_notes.config.ImageData`）切成批。"""
        if not training:
            return ImageBatches(self, config.batch_size)
        dataset = self
        if config.shuffle_labels:
            dataset = replace(self, labels=np.random.default_rng([seed, 2]).permutation(self.labels))
        return ImageBatches(dataset, config.batch_size, True, seed, **config.augment.model_dump())


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
        draws, color_draws = (self.draws(epoch), self.color_draws(epoch)) if self.training else ((), ())

        def read(index: np.ndarray) -> Arrays:
            images, labels = self.dataset[index]
            if not self.training:
                images = center_crop(images, preprocess.image_size)
            else:
                images = self.recolor(self.augment(images, draws[index]), color_draws[index])
            return preprocess.normalize(images), labels

        return read


def split_valid(dataset: ImageSet, valid_fraction: float) -> tuple[ImageSet, ImageSet]:
    """从训练部分里每类随机取 ``valid_fraction`` 作验证，返回剩下的训练与验证两份。"""
    train, valid = (
        replace(dataset, images=dataset.images[index], labels=dataset.labels[index])
        for index in split_indices(dataset.labels, valid_fraction)
    )
    return train, valid


def make_preprocess(config, own_size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocess:
    """由 ``config``（ImageData）与图像本来的边长定出预处理；通道数即 ``mean`` 的个数。"""
    size = config.image_size or own_size
    load_size = config.load_size or size
    if load_size < size:
        raise UserError(f"data.load_size 是 {load_size}，不应小于 data.image_size 的 {size}")
    if not config.normalize:  # 归一化成为恒等映射：(x/255 − 0)/(1/255) = x
        mean, std = (0.0,) * len(mean), (1 / 255,) * len(std)
    return Preprocess(in_channels=len(mean), image_size=size, mean=mean, std=std, load_size=load_size)
