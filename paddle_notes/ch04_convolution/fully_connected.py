"""全连接层就是卷积：核与特征图一样大的卷积，只有一个位置可放，做的正是全连接。

论文：Sermanet 等, *OverFeat: Integrated Recognition, Localization and Detection
using Convolutional Networks*, 2013；Long, Shelhamer, Darrell,
*Fully Convolutional Networks for Semantic Segmentation*, 2014。

把 7×7 特征图上的全连接层改写成 7×7 卷积，权重一个不变，但网络不再限定图像的大小：
图像更大时，得到的是一张分数图，相当于把分类器滑过整张图，而重叠的部分只算了一次。
"""

from __future__ import annotations

import numpy as np


def fully_connected(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(N, C, H, W) 展平后乘以 weight (C·H·W, K)，加上 bias (K) → (N, K)。"""
    # y = xW + b
    return x.reshape(len(x), -1) @ weight + bias


def fully_connected_backward(
    dy: np.ndarray, x: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """给定 ∂L/∂y (N, K)，返回 ∂L/∂x、∂L/∂weight、∂L/∂bias。"""
    # y = xW + b  ⇒  ∂L/∂x = dy·Wᵀ，∂L/∂W = xᵀ·dy，∂L/∂b = Σ dy
    return (dy @ weight.T).reshape(x.shape), x.reshape(len(x), -1).T @ dy, dy.sum(axis=0)


def as_kernel(weight, channels: int, height: int, width: int):
    """全连接的权重 (C·H·W, K) → 等价的卷积核 (K, C, H, W)；NumPy 数组与 Paddle 张量都可以。

    展平的次序是通道、行、列，与 ``reshape`` 一致，所以转置之后直接改形状。
    """
    return weight.T.reshape([-1, channels, height, width])
