"""层归一化：手写的前向与反向（NumPy）。

论文：Ba, Kiros, Hinton, *Layer Normalization*, 2016。

想法：批量归一化对每个通道在整批上求均值与方差，句子有长有短、训练与推理不同时都不方便。
层归一化换一个方向：对每个词元，在它自己的 d 个分量上求均值与方差，与别的词元、别的句子无关，
训练与推理是同一个公式。
"""

from __future__ import annotations

import numpy as np

EPSILON = 1e-5


def layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float = EPSILON) -> np.ndarray:
    """x (…, d)，gamma、beta (d,) → (…, d)。"""
    # μ = Σ x_i / d
    mean = x.mean(axis=-1, keepdims=True)
    # σ² = Σ (x_i − μ)² / d
    variance = x.var(axis=-1, keepdims=True)
    # y = γ·(x − μ) / √(σ² + ε) + β
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def layer_norm_backward(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, epsilon: float = EPSILON
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """:func:`layer_norm` 的反向，返回 (dx, dgamma, dbeta)。"""
    mean = x.mean(axis=-1, keepdims=True)
    std = np.sqrt(x.var(axis=-1, keepdims=True) + epsilon)
    normalized = (x - mean) / std  # x̂
    others = tuple(range(x.ndim - 1))
    dgamma, dbeta = (dy * normalized).sum(axis=others), dy.sum(axis=others)
    g = dy * gamma  # ∂L/∂x̂
    # dx = (g − 平均(g) − x̂·平均(g·x̂)) / √(σ² + ε)：减去的两项来自 μ 与 σ
    dx = g - g.mean(axis=-1, keepdims=True) - normalized * (g * normalized).mean(axis=-1, keepdims=True)
    return dx / std, dgamma, dbeta
