"""逐位置的前馈网络：手写的前向与反向（NumPy）。

论文：Vaswani 等, *Attention Is All You Need*, 2017，第 3.3 节。

想法：注意力在词与词之间传递信息，但对各个值只做加权平均；前馈网络对每个词各做一次同样的
两层全连接，中间放大四倍，非线性都在这里。
"""

from __future__ import annotations

import numpy as np


def feed_forward(x: np.ndarray, w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray) -> np.ndarray:
    """x (N, T, d)、w1 (d, f)、w2 (f, d) → (N, T, d)。"""
    # FFN(x) = max(0, x·W₁ + b₁)·W₂ + b₂
    return np.maximum(0, x @ w1 + b1) @ w2 + b2


def feed_forward_backward(
    dy: np.ndarray, x: np.ndarray, w1: np.ndarray, b1: np.ndarray, w2: np.ndarray
) -> dict[str, np.ndarray]:
    """:func:`feed_forward` 的反向，返回各个输入的梯度。"""
    z = x @ w1 + b1  # (N, T, f)
    hidden = np.maximum(0, z)
    # dz = (dy·W₂ᵀ)∘[z > 0]
    dz = (dy @ w2.T) * (z > 0)
    return {
        "x": dz @ w1.T,
        "w1": np.einsum("nti,nto->io", x, dz),
        "b1": dz.sum(axis=(0, 1)),
        "w2": np.einsum("nti,nto->io", hidden, dy),
        "b2": dy.sum(axis=(0, 1)),
    }
