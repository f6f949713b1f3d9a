"""标签平滑：手写的前向与反向（NumPy）。

论文：Szegedy 等, *Rethinking the Inception Architecture for Computer Vision*, 2015；
Transformer 的论文取 ε = 0.1。

想法：独热的目标要网络把正确的词的概率推到 1，logits 便越来越大，一旦错了也十分自信。
把目标的 ε 分给全部 V 个词，正确的词的 logit 比别的高出有限的一截就到了最小值。
"""

from __future__ import annotations

import numpy as np


def smooth(labels: np.ndarray, vocab_size: int, epsilon: float) -> np.ndarray:
    """平滑后的目标分布：labels (N, T) → (N, T, V)，每行的和是 1。"""
    one_hot = np.arange(vocab_size) == labels[..., None]  # (N, T, V)
    # q_v = (1 − ε)·[v = y] + ε/V
    return (1 - epsilon) * one_hot + epsilon / vocab_size


def smoothed_cross_entropy(
    logits: np.ndarray, labels: np.ndarray, epsilon: float, padding: int = 0
) -> np.ndarray:
    """平均每个词元的平滑交叉熵：logits (N, T, V)、labels (N, T) → 一个数；填充不算。"""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))  # (N, T, V)
    q = smooth(labels, logits.shape[-1], epsilon)
    m = labels != padding  # (N, T)
    # L = Σ_t m_t·(−Σ_v q_v·log p_v) / Σ_t m_t
    return -(m[..., None] * q * log_p).sum() / m.sum()


def smoothed_cross_entropy_backward(
    dy: np.ndarray, logits: np.ndarray, labels: np.ndarray, epsilon: float, padding: int = 0
) -> np.ndarray:
    """:func:`smoothed_cross_entropy` 的反向。"""
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    m = labels != padding
    # ∂L/∂z = m·(p − q) / Σ m
    return dy * m[..., None] * (p - smooth(labels, logits.shape[-1], epsilon)) / m.sum()


def best_gap(vocab_size: int, epsilon: float) -> float:
    """损失最小时，正确的词的 logit 比别的词高多少：p = q 处，ln(q_正确 / q_其他)。"""
    # Δ = ln((1 − ε + ε/V) / (ε/V)) = ln((1 − ε)·V/ε + 1)
    return float(np.log((1 - epsilon) * vocab_size / epsilon + 1))
