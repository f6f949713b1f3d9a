"""图像增广：对整批做，没有逐张的 Python 循环。

每个函数的随机量都由参数给出，函数本身没有随机性：同样的输入总得到同样的输出。
"""

from __future__ import annotations

import numpy as np


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
