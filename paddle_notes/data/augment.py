"""图像增广：对整批做，没有逐张的 Python 循环。

每个函数的随机量都由参数给出，函数本身没有随机性：同样的输入总得到同样的输出。
"""

from __future__ import annotations

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], "float32")  # 亮度里红、绿、蓝各占多少（ITU-R BT.601）


def crop_images(images: np.ndarray, size: int, corners: np.ndarray) -> np.ndarray:
    """逐张裁剪：``images`` (N, C, H, W)，``corners`` (N, 2) 为左上角的行与列 → (N, C, size, size)。"""
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(2, 3))
    return windows[np.arange(len(images)), :, corners[:, 0], corners[:, 1]]


def shift_images(images: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """逐张平移：``images`` (N, C, H, H)，``offsets`` (N, 2) 为向下、向右的像素数，空处补 0。"""
    largest = int(np.abs(offsets).max(initial=0))
    if largest == 0:
        return images
    padded = np.pad(images, ((0, 0), (0, 0), (largest, largest), (largest, largest)))
    return crop_images(padded, images.shape[-1], largest - offsets)


def flip_images(images: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """``flags`` (N,) 为真的各张左右翻转，其余不变。"""
    return np.where(flags[:, None, None, None], images[..., ::-1], images)


def center_crop(images: np.ndarray, size: int) -> np.ndarray:
    """取正中的 (N, C, size, size)。"""
    top, left = (images.shape[2] - size) // 2, (images.shape[3] - size) // 2
    return images[:, :, top : top + size, left : left + size]


def gray(images: np.ndarray) -> np.ndarray:
    """彩色图的亮度：(N, 3, H, W) → (N, 1, H, W)。"""
    return np.einsum("nchw,c->nhw", images, LUMA)[:, None]


def blend(images: np.ndarray, other: np.ndarray | float, factors: np.ndarray) -> np.ndarray:
    """``factors`` (N,) 倍的图像加上 1 − ``factors`` 倍的 ``other``，截到 [0, 255]。"""
    return np.clip(other + factors[:, None, None, None] * (images - other), 0, 255)


def jitter_colors(images: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """颜色抖动：亮度、对比度、饱和度依次乘以 ``factors`` (N, 3) 的三列，1 为不变。

    ``images`` 是 (N, 3, H, W)，像素 0–255；返回 float32，不取整。
    """
    brightness, contrast, saturation = factors.astype("float32").T
    images = blend(images.astype("float32"), 0, brightness)
    images = blend(images, gray(images).mean((1, 2, 3), keepdims=True), contrast)
    return blend(images, gray(images), saturation)


def color_components(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """全部像素的颜色的主成分：(N, 3, H, W) → 特征值 (3,)，特征向量 (3, 3)，每列一个；像素先除以 255。

    特征向量的正负号本是任意的，这里使每列绝对值最大的一个为正，换一种线性代数库也一样。
    """
    total, products = np.zeros(3), np.zeros((3, 3))
    for image in images:  # 逐张累加：全部变成浮点数太占内存
        pixels = image.reshape(3, -1) / 255
        total += pixels.sum(1)
        products += pixels @ pixels.T
    count = images.size // 3
    values, vectors = np.linalg.eigh((products - np.outer(total, total) / count) / (count - 1))
    largest = vectors[np.abs(vectors).argmax(0), np.arange(3)]
    return values, vectors * np.sign(largest)


def light_colors(images: np.ndarray, alphas: np.ndarray, components: tuple) -> np.ndarray:
    """AlexNet 的 PCA 光照：整张图加上 Σ αᵢ·λᵢ·pᵢ 这一个颜色，截到 [0, 255]，返回 float32。

    ``alphas`` 是 (N, 3)，``components`` 是 :func:`color_components` 的特征值 λ 与特征向量 p。
    """
    values, vectors = components
    shifts = 255 * (alphas * values) @ vectors.T  # (N, 3)
    return np.clip(images + shifts.astype("float32")[:, :, None, None], 0, 255)
