"""平移不变与局部性：从全连接层到卷积，只加两条限制。

图像的全连接层给每个输出、每个像素各一个权重。加上“只看附近的像素”（局部性），权重大多成了 0；
再加上“到处用同一组权重”（平移不变），剩下的非零权重里只有一个核那么多个不同的数。这就是卷积。
所以卷积也能写成一个大矩阵乘以拉成一列的图像，这个矩阵由 :func:`convolution_matrix` 写出。
"""

from __future__ import annotations

import numpy as np


def convolution_matrix(kernel: np.ndarray, height: int, width: int) -> np.ndarray:
    """与互相关等价的全连接权重：``kernel`` (kh, kw) → (oh·ow, height·width)。

    ``(矩阵 @ x.ravel()).reshape(oh, ow)`` 等于一个通道、步幅 1、不填充的卷积。
    """
    kh, kw = kernel.shape
    oh, ow = height - kh + 1, width - kw + 1
    matrix = np.zeros((oh, ow, height, width))
    for i, j in np.ndindex(oh, ow):
        matrix[i, j, i : i + kh, j : j + kw] = kernel  # 一行：核放在 (i, j)，别处是 0
    return matrix.reshape(oh * ow, height * width)


def shift(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """把 (…, H, W) 的最后两维循环平移：移出去的从对面进来，所以没有边界的影响。"""
    return np.roll(x, (down, right), axis=(-2, -1))
