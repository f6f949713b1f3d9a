"""生成网络的样本：由固定的噪声生成，拼成一张图。"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn


def to_pixels(images: np.ndarray) -> np.ndarray:
    """[−1, 1] → 0..255 的 uint8。"""
    return np.round((images + 1) * 127.5).astype("uint8")


def from_pixels(pixels: np.ndarray) -> Tensor:
    """0..255 的 uint8 → [−1, 1]。"""
    return paddle.to_tensor(pixels.astype("float32") / 127.5 - 1)


def fixed_noise(count: int, latent_size: int, seed: int = 0) -> Tensor:
    """由 ``seed`` 决定的噪声 (count, latent_size)，与训练用的随机数无关。"""
    noise = np.random.RandomState(seed).standard_normal((count, latent_size))  # 各版本 NumPy 都相同
    return paddle.to_tensor(noise.astype("float32"))


@paddle.no_grad()
def generate_images(model: nn.Layer, count: int, seed: int = 0) -> np.ndarray:
    """用推理模式生成 ``count`` 张图像，(count, C, s, s) uint8。"""
    model.eval()
    noise = fixed_noise(count, model.latent_size, seed)
    images = [model.sample(noise[first : first + 64]).numpy() for first in range(0, count, 64)]
    return to_pixels(np.concatenate(images))


def make_grid(images: np.ndarray, gap: int = 2) -> np.ndarray:
    """把图像 (N, C, s, s) uint8 排成接近正方形的一张 (H, W, 3) uint8，彼此隔 ``gap`` 个像素。"""
    count, channels, size, _ = images.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    cell = size + gap
    grid = np.zeros((rows * cell + gap, columns * cell + gap, channels), "uint8")
    for index, image in enumerate(images.transpose(0, 2, 3, 1)):  # (s, s, C)
        top, left = (index // columns) * cell + gap, (index % columns) * cell + gap
        grid[top : top + size, left : left + size] = image
    return np.repeat(grid, 3, axis=2) if channels == 1 else grid
