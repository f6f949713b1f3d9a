"""对抗的损失，手写前向与反向。

论文：Goodfellow 等, *Generative Adversarial Nets*, 2014；单侧标签平滑：Salimans 等,
*Improved Techniques for Training GANs*, 2016。

判别器给出 logits r（真图像）与 s（样本），各 (N,)；D = σ(logit)，σ(t) = 1/(1 + e⁻ᵗ)。
全部写成 softplus(t) = ln(1 + eᵗ)，而不是先求 σ 再取对数：logit 是 40 时 1 − σ(40) 已舍入成 0，
对数就成了 −∞，softplus 却还准。
"""

from __future__ import annotations

import numpy as np


def sigmoid(t: np.ndarray) -> np.ndarray:
    """σ(t) = 1/(1 + e⁻ᵗ)；分 t 的正负两种情形，指数的幂总不大于 0，不会溢出。"""
    e = np.exp(-np.abs(t))
    return np.where(t >= 0, 1 / (1 + e), e / (1 + e))


def softplus(t: np.ndarray) -> np.ndarray:
    """softplus(t) = ln(1 + eᵗ)，导数是 σ(t)。"""
    return np.logaddexp(0.0, t)


def discriminator_loss(real: np.ndarray, fake: np.ndarray, smoothing: float = 0.0) -> np.ndarray:
    """判别器的损失：真图像的目标是 1 − ε，样本的目标是 0 的交叉熵，返回 0 维数组。"""
    # L = mean(−(1 − ε)·ln σ(r) − ε·ln(1 − σ(r))) + mean(−ln(1 − σ(s)))
    on_real = (1 - smoothing) * softplus(-real) + smoothing * softplus(real)
    return on_real.mean() + softplus(fake).mean()


def discriminator_loss_backward(
    dy: np.ndarray, real: np.ndarray, fake: np.ndarray, smoothing: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """给定 ∂L/∂y（0 维），返回 ∂L/∂r、∂L/∂s。"""
    # ∂/∂r = (σ(r) − (1 − ε))/N，∂/∂s = σ(s)/N：都是“概率减目标”
    return dy * (sigmoid(real) - (1 - smoothing)) / real.size, dy * sigmoid(fake) / fake.size


def minimax_generator_loss(fake: np.ndarray) -> np.ndarray:
    """生成器的损失，论文的原式：mean(ln(1 − D))，返回 0 维数组。"""
    # ln(1 − σ(s)) = −softplus(s)
    return -softplus(fake).mean()


def minimax_generator_loss_backward(dy: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """给定 ∂L/∂y（0 维），返回 ∂L/∂s。判别器越确信样本是假的（s → −∞），它越接近 0。"""
    # ∂/∂s = −σ(s)/N = −D/N
    return -dy * sigmoid(fake) / fake.size


def non_saturating_generator_loss(fake: np.ndarray) -> np.ndarray:
    """生成器的损失，论文实际用的：mean(−ln D)，返回 0 维数组。"""
    # −ln σ(s) = softplus(−s)
    return softplus(-fake).mean()


def non_saturating_generator_loss_backward(dy: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """给定 ∂L/∂y（0 维），返回 ∂L/∂s。判别器越确信样本是假的，它越接近 −1/N，梯度最大。"""
    # ∂/∂s = −(1 − σ(s))/N = −(1 − D)/N
    return -dy * sigmoid(-fake) / fake.size


def optimal_discriminator(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """真、假的密度各为 ``p``、``q`` 时最好的判别器：D* = p/(p + q)。

    D 在每一点上最大化 p·ln D + q·ln(1 − D)，令导数 p/D − q/(1 − D) = 0 就得到它。
    """
    return p / (p + q)
