"""掩码：让填充的位置不影响结果。

一批句子补到同样长之后，凡是在时间上求和、求平均、取最大的地方，都要把填充的位置排除在外：
否则同一个句子，与长句子放在一批里和与短句子放在一批里，结果不同。

- 取最大：先把填充处换成 −∞；
- 求平均的损失：填充处的损失乘 0，除以真正的词元数，而不是总的位置数。
"""

from __future__ import annotations

import numpy as np


def max_over_time(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """在时间上取最大值：x (N, T, C)、lengths (N,) → (N, C)，只看每个序列的前 lengths 步。"""
    m = np.arange(x.shape[1]) < lengths[:, None]  # (N, T)
    # y = max_t x_t，t < 长度
    return np.where(m[..., None], x, -np.inf).max(axis=1)


def max_over_time_backward(dy: np.ndarray, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """:func:`max_over_time` 的反向：梯度只给取到最大值的那一步。"""
    m = np.arange(x.shape[1]) < lengths[:, None]  # (N, T)
    winner = np.where(m[..., None], x, -np.inf).argmax(axis=1)[:, None]  # (N, 1, C)
    dx = np.zeros_like(x)
    np.put_along_axis(dx, winner, dy[:, None], axis=1)
    return dx


def masked_cross_entropy(logits: np.ndarray, labels: np.ndarray, padding: int = 0) -> np.ndarray:
    """平均每个真正的词元的交叉熵：logits (N, T, V)、labels (N, T) → 一个数。

    标签等于 ``padding`` 的位置不算。一个真正的词元也没有时抛出 ValueError。
    """
    m = labels != padding  # (N, T)
    if not m.any():
        raise ValueError("这一批全是填充，没有可算损失的词元；请去掉空的样本")
    shifted = logits - logits.max(axis=-1, keepdims=True)  # 减去最大值，指数不溢出
    # log p_v = z_v − log Σ e^z
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))  # (N, T, V)
    # L = − Σ m·log p_label / Σ m
    picked = np.take_along_axis(log_p, labels[..., None], axis=-1)[..., 0]  # (N, T)
    return -(m * picked).sum() / m.sum()


def masked_cross_entropy_backward(
    dy: np.ndarray, logits: np.ndarray, labels: np.ndarray, padding: int = 0
) -> np.ndarray:
    """:func:`masked_cross_entropy` 的反向：∂L/∂z = m·(p − 独热标签) / Σ m，填充处为零。"""
    m = labels != padding  # (N, T)
    p = np.exp(logits - logits.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)  # (N, T, V)
    target = np.eye(logits.shape[-1])[labels]  # (N, T, V)
    return dy * m[..., None] * (p - target) / m.sum()
