"""池化：在小窗口里取最大值或平均值，缩小特征图，也不在意特征移动了一两个像素。

没有参数；每个通道各做各的，通道数不变。形状 (N, C, H, W) → (N, C, oh, ow)，
窗口边长 k，步幅 t（最常见的是 k = t = 2，边长减半），不填充，放不下的几行几列丢掉。
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paddle_notes.ch04_convolution.conv2d import col2im, sliding_windows


def windows_last(x: np.ndarray, kernel_size: int, stride: int) -> np.ndarray:
    """每个窗口拉成一列：(N, C, H, W) → (N, C, oh, ow, k·k)。"""
    windows = sliding_windows(x, kernel_size, kernel_size, stride)
    return windows.reshape(*windows.shape[:4], -1)


def scatter(dwindows: np.ndarray, shape: tuple[int, ...], kernel_size: int, stride: int) -> np.ndarray:
    """:func:`windows_last` 的反向：(N, C, oh, ow, k·k) 加回 ``shape`` = (N, C, H, W)。"""
    columns = dwindows.transpose(1, 4, 0, 2, 3)  # (C, k·k, N, oh, ow)
    columns = columns.reshape(columns.shape[0] * columns.shape[1], -1)  # (C·k·k, N·oh·ow)
    return col2im(columns, shape, kernel_size, kernel_size, stride)


def max_pool2d(x: np.ndarray, kernel_size: int, stride: int) -> np.ndarray:
    """最大池化：窗口里有没有这个特征。"""
    # y[n, c, i, j] = max_{a, b} x[n, c, i·t + a, j·t + b]
    return windows_last(x, kernel_size, stride).max(axis=-1)


def max_pool2d_backward(dy: np.ndarray, x: np.ndarray, kernel_size: int, stride: int) -> np.ndarray:
    """给定 ∂L/∂y，返回 ∂L/∂x：梯度只送给窗口里最大的那一个（并列时是最前面的），其余为 0。"""
    windows = windows_last(x, kernel_size, stride)
    winners = windows.argmax(axis=-1)[..., None]  # (N, C, oh, ow, 1)
    dwindows = np.zeros(windows.shape)
    # ∂y/∂x = 1（最大的那个），0（其余）
    np.put_along_axis(dwindows, winners, dy[..., None], axis=-1)
    return scatter(dwindows, x.shape, kernel_size, stride)


def average_pool2d(x: np.ndarray, kernel_size: int, stride: int) -> np.ndarray:
    """平均池化：窗口里这个特征平均有多强。等于每个通道各用一个全是 1/k² 的核做卷积。"""
    # y[n, c, i, j] = 1/k²·Σ_{a, b} x[n, c, i·t + a, j·t + b]
    return windows_last(x, kernel_size, stride).mean(axis=-1)


def average_pool2d_backward(dy: np.ndarray, x: np.ndarray, kernel_size: int, stride: int) -> np.ndarray:
    """给定 ∂L/∂y，返回 ∂L/∂x：窗口里每个像素各分到 1/k²。"""
    # ∂y/∂x = 1/k²
    share = dy[..., None] / kernel_size**2
    dwindows = np.broadcast_to(share, (*dy.shape, kernel_size**2))
    return scatter(dwindows, x.shape, kernel_size, stride)


def subsample(x: np.ndarray, stride: int) -> np.ndarray:
    """不池化，隔 ``stride`` 个像素取一个：同样缩小，作为池化的对照。"""
    return x[:, :, ::stride, ::stride]


def shift_change(pool: Callable[[np.ndarray], np.ndarray], x: np.ndarray, right: int) -> float:
    """图像右移 ``right`` 个像素后，``pool`` 的输出变了多少：‖新 − 旧‖ / ‖旧‖，对一批取平均。

    0 是一点没变，两张毫不相干（正交）的特征图约为 1.4。x (N, C, H, W)，移出去的像素从左边进来。
    """
    before, after = pool(x), pool(np.roll(x, right, axis=-1))
    changes = np.linalg.norm((after - before).reshape(len(x), -1), axis=1)
    return float(np.mean(changes / np.linalg.norm(before.reshape(len(x), -1), axis=1)))
