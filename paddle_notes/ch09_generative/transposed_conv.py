"""转置卷积：步幅 t 的卷积把边长缩小 t 倍，转置卷积把它放大 t 倍，手写前向与反向。

论文：Radford, Metz, Chintala, *Unsupervised Representation Learning with Deep Convolutional
Generative Adversarial Networks*, 2015，其中叫 fractionally-strided convolution。

卷积是线性的，可以写成 y = A·x；转置卷积就是 y = Aᵀ·x，也就是卷积对输入求梯度的那个运算。
它不是卷积的逆：形状换回来了，值没有换回来。

做法：输入的每个像素乘上整个核，盖在输出上，相邻的两块错开 t 格，重叠处相加，最后四周裁去 p 圈。

    x (N, C, h, w)，weight (C, K, k, k)，y (N, K, H, W)，H = (h − 1)·t − 2p + k + o

o（output_padding）在下、右多留几行几列：步幅 t > 1 的卷积把几种边长变成同一个，o 说明要的是哪一个。
"""

from __future__ import annotations

import numpy as np


def output_size(size: int, kernel_size: int, stride: int, padding: int, output_padding: int) -> int:
    """输出的边长。"""
    # H = (h − 1)·t − 2p + k + o
    return (size - 1) * stride - 2 * padding + kernel_size + output_padding


def conv_transpose2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
) -> np.ndarray:
    """转置卷积：(N, C, h, w) → (N, K, H, W)。"""
    num_images, _, h, w = x.shape
    num_out, k = weight.shape[1], weight.shape[2]
    size = [output_size(side, k, stride, padding, output_padding) for side in (h, w)]
    padded = np.zeros((num_images, num_out, size[0] + 2 * padding, size[1] + 2 * padding))
    for a, b in np.ndindex(k, k):
        rows, cols = slice(a, a + stride * h, stride), slice(b, b + stride * w, stride)
        # y[n, o, i·t + a, j·t + b] += Σ_c x[n, c, i, j]·weight[c, o, a, b]
        padded[:, :, rows, cols] += np.einsum("ncij,co->noij", x, weight[:, :, a, b])
    return padded[:, :, padding : padding + size[0], padding : padding + size[1]] + bias[:, None, None]


def conv_transpose2d_backward(
    dy: np.ndarray,
    x: np.ndarray,
    weight: np.ndarray,
    stride: int = 1,
    padding: int = 0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """给定 ∂L/∂y，返回 ∂L/∂x、∂L/∂weight、∂L/∂bias。∂L/∂x 正是用同一个核做步幅 t 的卷积。"""
    h, w = x.shape[2:]
    k = weight.shape[2]
    padded = np.pad(dy, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for a, b in np.ndindex(k, k):
        window = padded[:, :, a : a + stride * h : stride, b : b + stride * w : stride]  # (N, K, h, w)
        # ∂L/∂x[n, c, i, j] = Σ_o Σ_a Σ_b dy[n, o, i·t + a, j·t + b]·weight[c, o, a, b]
        dx += np.einsum("noij,co->ncij", window, weight[:, :, a, b])
        # ∂L/∂weight[c, o, a, b] = Σ_n Σ_i Σ_j x[n, c, i, j]·dy[n, o, i·t + a, j·t + b]
        dweight[:, :, a, b] = np.einsum("ncij,noij->co", x, window)
    return dx, dweight, dy.sum((0, 2, 3))
