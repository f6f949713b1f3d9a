"""图像增广：训练时随机改动图像，标签不变，使网络不把位置、左右、光照当作类别的依据。

论文：Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional
Neural Networks*, 2012（翻转、随机裁剪、PCA 光照）；颜色抖动见 Howard,
*Some Improvements on Deep Convolutional Neural Network Based Image Classification*, 2013。

图像是 [0, 1] 的浮点数 (N, C, H, W)。每个函数都对整批做，没有逐张的循环；随机性全部来自
``generator``，同样的种子得到同样的结果。只用在训练集上：验证时要的是可比的结果。
"""

from __future__ import annotations

import numpy as np

# 亮度里红、绿、蓝各占多少（ITU-R BT.601）：人眼对绿最敏感
LUMA = np.array([0.299, 0.587, 0.114])


def per_image(values: np.ndarray) -> np.ndarray:
    """(N) → (N, 1, 1, 1)，以便与 (N, C, H, W) 运算。"""
    return values[:, None, None, None]


def random_flip(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """每张各以 1/2 的概率左右翻转。数字、文字不能用：翻转之后就不是原来的字了。"""
    flags = generator.random(len(images)) < 0.5
    return np.where(per_image(flags), images[..., ::-1], images)


def random_crop(images: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """每张各在随机的位置裁出 ``size``×``size``：(N, C, H, W) → (N, C, size, size)。

    论文从 256×256 中裁 224×224。要边长不变，先在四周补 0。图像比 ``size`` 小时抛 ``ValueError``。
    """
    height, width = images.shape[2:]
    if size > min(height, width):
        raise ValueError(f"裁不出 {size}×{size}：图像只有 {height}×{width}；请先补边，或减小 size")
    top = generator.integers(0, height - size + 1, len(images))
    left = generator.integers(0, width - size + 1, len(images))
    # 全部可能的裁剪是一个视图，不占内存；从中按 (图, 上, 左) 取出 N 个
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(2, 3))
    return windows[np.arange(len(images)), :, top, left]


def gray(images: np.ndarray) -> np.ndarray:
    """彩色图的亮度：(N, 3, H, W) → (N, 1, H, W)。"""
    # 亮度 = 0.299·红 + 0.587·绿 + 0.114·蓝
    return np.einsum("nchw,c->nhw", images, LUMA)[:, None]


def blend(images: np.ndarray, other: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """``factors`` (N) 倍的图像加上 1 − ``factors`` 倍的 ``other``，截到 [0, 1]：1 不变，0 变成 ``other``。"""
    # y = f·x + (1 − f)·other
    return np.clip(other + per_image(factors) * (images - other), 0, 1)


def adjust_brightness(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """亮度：与全黑的图混合。"""
    return blend(images, np.zeros_like(images), factors)


def adjust_contrast(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """对比度：与它自己的平均亮度混合，亮的更亮，暗的更暗（factor > 1）。"""
    return blend(images, gray(images).mean(axis=(1, 2, 3), keepdims=True), factors)


def adjust_saturation(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """饱和度：与它自己的灰度图混合，颜色更浓（factor > 1）或更淡。"""
    return blend(images, gray(images), factors)


def color_jitter(images: np.ndarray, strength: float, generator: np.random.Generator) -> np.ndarray:
    """颜色抖动：亮度、对比度、饱和度依次乘以随机的系数，每张各自取自 [1 − strength, 1 + strength]。"""
    for adjust in (adjust_brightness, adjust_contrast, adjust_saturation):
        images = adjust(images, generator.uniform(1 - strength, 1 + strength, len(images)))
    return images


def color_components(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """全部像素的颜色的主成分：(N, 3, H, W) → 特征值 λ (3)，特征向量 (3, 3)，每列一个。

    把每个像素看成三维空间里的一点，协方差矩阵的特征向量是颜色变化的三个主要方向，
    最大的一个大致是“一起变亮或变暗”。
    """
    pixels = images.transpose(1, 0, 2, 3).reshape(3, -1)  # (3, N·H·W)
    return np.linalg.eigh(np.cov(pixels))


def pca_lighting(
    images: np.ndarray,
    eigenvalues: np.ndarray,
    eigenvectors: np.ndarray,
    generator: np.random.Generator,
    std: float = 0.1,
) -> np.ndarray:
    """AlexNet 的 PCA 光照：沿颜色的主成分移动整张图的颜色，模拟光的强弱与颜色的变化。

    每张图抽三个数，图中的全部像素加上同一个颜色；结果截到 [0, 1]。

    参数：
        eigenvalues, eigenvectors: 由 :func:`color_components` 在训练集上算一次。
        std: α 的标准差，论文为 0.1。
    """
    alphas = generator.normal(0, std, (len(images), 3))
    # 每个像素加上 [p₁, p₂, p₃]·[α₁λ₁, α₂λ₂, α₃λ₃]ᵀ
    shifts = (alphas * eigenvalues) @ eigenvectors.T  # (N, 3)
    return np.clip(images + shifts[:, :, None, None], 0, 1)
