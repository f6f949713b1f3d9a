"""图像是数组；同一个东西，换个视角、光照、背景，数字就全变了。

一张彩色图像是 (H, W, C) 的数组：H 行、W 列、C = 3 个通道（红、绿、蓝），每个数是 0–255 的整数。
灰度图只有一个通道，常省去最后一维，写成 (H, W)。

:data:`VARIATIONS` 是视觉的几种困难，各写成一个对灰度图像 (N, H, W) 的变换（背景为 0）：人看还是同一个数字，
像素却差得很远。
"""

from __future__ import annotations

import numpy as np


def to_column(image: np.ndarray) -> np.ndarray:
    """把图像 (H, W, C) 拉成一列 (H·W·C, 1)。

    次序是先行、再列、最后通道：第 h 行、第 w 列、通道 c 的数落在第 (h·W + w)·C + c 行。
    """
    return image.reshape(-1, 1)


def from_column(column: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """把一列还原成形状为 ``shape`` 的图像。只看这一列看不出 ``shape``，所以要另给。"""
    return column.reshape(shape)


def flatten(images: np.ndarray) -> np.ndarray:
    """一批图像 (N, H, W, C) → (N, H·W·C)，一张图一行：成批计算时的写法。"""
    return images.reshape(len(images), -1)


def sample(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """从图像 (N, H, W) 的 (rows, columns) 处取值，位置可以是小数（双线性插值），图像以外为 0。

    ``rows`` 与 ``columns`` 是 (H', W')，各图相同；返回 (N, H', W')。
    """
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (1, 2), (1, 2)))  # 四周补 0，(N, H + 3, W + 3)
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top, left = rows.astype(int), columns.astype(int)
    down, right = rows - top, columns - left  # 小数部分，就是下方、右方像素的权重
    upper = padded[:, top, left] * (1 - right) + padded[:, top, left + 1] * right
    lower = padded[:, top + 1, left] * (1 - right) + padded[:, top + 1, left + 1] * right
    return upper * (1 - down) + lower * down


def centered_grid(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """每个像素相对图像中心的坐标（行、列），各为 (H, W)。"""
    height, width = images.shape[1:]
    rows, columns = np.mgrid[:height, :width].astype(float)
    return rows - (height - 1) / 2, columns - (width - 1) / 2


def sample_centered(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """同 :func:`sample`，但坐标以图像中心为原点。"""
    height, width = images.shape[1:]
    return sample(images, rows + (height - 1) / 2, columns + (width - 1) / 2)


def shift(images: np.ndarray, down: float = 0, right: float = 0) -> np.ndarray:
    """向下、向右平移若干像素，移出去的丢掉。"""
    rows, columns = centered_grid(images)
    return sample_centered(images, rows - down, columns - right)


def rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """绕中心逆时针旋转：相机歪了。"""
    rows, columns = centered_grid(images)
    angle = np.deg2rad(degrees)
    # 输出的每个像素，转回去找它在原图上的位置
    return sample_centered(
        images,
        rows * np.cos(angle) + columns * np.sin(angle),
        columns * np.cos(angle) - rows * np.sin(angle),
    )


def view_from_side(images: np.ndarray, degrees: float) -> np.ndarray:
    """从侧面看一张平的纸：宽度缩成 cos(degrees) 倍。"""
    rows, columns = centered_grid(images)
    return sample_centered(images, rows, columns / np.cos(np.deg2rad(degrees)))


def change_light(images: np.ndarray, gain: float) -> np.ndarray:
    """光照变为 ``gain`` 倍：每个像素同乘一个数，超过 255 的截成 255。"""
    return np.minimum(images * gain, 255)


def deform(images: np.ndarray, amplitude: float) -> np.ndarray:
    """形变：各行左右错开，最多 ``amplitude`` 个像素，从上到下是一个周期的正弦。"""
    rows, columns = centered_grid(images)
    return sample_centered(images, rows, columns - amplitude * np.sin(2 * np.pi * rows / images.shape[1]))


def occlude(images: np.ndarray, side: int, value: float = 0) -> np.ndarray:
    """遮挡：正中盖上一个边长 ``side`` 的方块。"""
    top, left = (images.shape[1] - side) // 2, (images.shape[2] - side) // 2
    covered = images.copy()
    covered[:, top : top + side, left : left + side] = value
    return covered


def change_background(images: np.ndarray, value: float) -> np.ndarray:
    """背景由 0 换成 ``value``，笔画最亮处仍是 255，中间的按比例。"""
    return value + images * (255 - value) / 255


VARIATIONS = {
    "shift": lambda images: shift(images, right=4),
    "rotate": lambda images: rotate(images, 30),
    "viewpoint": lambda images: view_from_side(images, 50),
    "light": lambda images: change_light(images, 0.3),
    "deformation": lambda images: deform(images, 3),
    "occlusion": lambda images: occlude(images, 8),
    "background": lambda images: change_background(images, 100),
}
