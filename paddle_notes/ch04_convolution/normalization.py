"""批量归一化与局部响应归一化。

论文：Ioffe, Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing
Internal Covariate Shift*, 2015；Krizhevsky, Sutskever, Hinton,
*ImageNet Classification with Deep Convolutional Neural Networks*, 2012（局部响应归一化）。

形状一律是 x (N, C, H, W)；批量归一化的统计量与参数每个通道一个，形状 (C)。
"""

from __future__ import annotations

import numpy as np

# ---------------------------------------------------------------- 批量归一化


def per_channel(values: np.ndarray) -> np.ndarray:
    """(C) → (1, C, 1, 1)，以便与 (N, C, H, W) 运算。"""
    return values[:, None, None]


def batch_statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """每个通道在这一批全部像素上的均值与方差（除以个数 m = N·H·W，不是 m − 1）。"""
    # μ = 1/m·Σ x，σ² = 1/m·Σ (x − μ)²
    return x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))


def batch_norm_inference(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> np.ndarray:
    """用给定的均值与方差归一化：推理时给的是训练中累积的滑动平均，对每个像素是同一个线性函数。"""
    # y = γ·(x − μ)/√(σ² + ε) + β
    x_hat = (x - per_channel(mean)) / per_channel(np.sqrt(variance + epsilon))
    return per_channel(gamma) * x_hat + per_channel(beta)


def batch_norm_training(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float) -> np.ndarray:
    """训练时：均值与方差取自这一批本身，所以一张图的输出与同批的别的图有关。"""
    return batch_norm_inference(x, gamma, beta, *batch_statistics(x), epsilon)


def batch_norm_inference_backward(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """推理时的反向，返回 ∂L/∂x、∂L/∂γ、∂L/∂β；均值与方差是常数。"""
    scale = 1 / np.sqrt(variance + epsilon)
    x_hat = (x - per_channel(mean)) * per_channel(scale)
    # ∂L/∂γ = Σ dy·x̂，∂L/∂β = Σ dy，∂L/∂x = dy·γ/√(σ² + ε)
    dgamma, dbeta = (dy * x_hat).sum(axis=(0, 2, 3)), dy.sum(axis=(0, 2, 3))
    return dy * per_channel(gamma * scale), dgamma, dbeta


def batch_norm_training_backward(
    dy: np.ndarray, x: np.ndarray, gamma: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """训练时的反向，返回 ∂L/∂x、∂L/∂γ、∂L/∂β。

    改动一个像素，也改动了 μ 与 σ²，从而改动同一通道的全部输出。三条路加起来，化简后是：
    在 γ·dy/√(σ² + ε) 中减去它的平均，再减去它在 x̂ 方向上的分量。
    """
    mean, variance = batch_statistics(x)
    dx, dgamma, dbeta = batch_norm_inference_backward(dy, x, gamma, mean, variance, epsilon)
    scale = 1 / np.sqrt(variance + epsilon)
    x_hat = (x - per_channel(mean)) * per_channel(scale)
    m = dy.size // len(gamma)
    # ∂L/∂x = γ/√(σ² + ε)·(dy − 1/m·Σ dy − x̂·1/m·Σ dy·x̂)
    dx -= per_channel(gamma * scale) * (per_channel(dbeta) + x_hat * per_channel(dgamma)) / m
    return dx, dgamma, dbeta


def update_running(
    running_mean: np.ndarray, running_variance: np.ndarray, x: np.ndarray, momentum: float
) -> tuple[np.ndarray, np.ndarray]:
    """训练时每一步更新滑动平均，返回新的均值与方差；``momentum`` 是旧值所占的比例，Paddle 默认 0.9。

    Paddle 累积的是除以 m 的方差，与归一化时用的一样；论文推理时乘以 m/(m − 1) 变成无偏估计。
    """
    mean, variance = batch_statistics(x)
    # 滑动平均 ← momentum·滑动平均 + (1 − momentum)·这一批
    return (
        momentum * running_mean + (1 - momentum) * mean,
        momentum * running_variance + (1 - momentum) * variance,
    )


def dropout_variance(mean: float, variance: float, probability: float) -> float:
    """均值 μ、方差 σ² 的数经过丢弃法（训练时，留下的除以 1 − p）之后的方差。

    均值不变，方差却变大；推理时丢弃法什么也不做，方差又变回 σ²。丢弃法若放在批量归一化之前，
    累积的是训练时偏大的方差，推理时就除得过多。见 Li, Chen, Hu, Yang,
    *Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift*, 2018。
    """
    # E[y²] = (σ² + μ²)/(1 − p)  ⇒  Var[y] = (σ² + μ²)/(1 − p) − μ²
    return (variance + mean**2) / (1 - probability) - mean**2


# ---------------------------------------------------------------- 局部响应归一化


def sum_over_neighbours(x: np.ndarray, size: int) -> np.ndarray:
    """每个通道换成它与左右各 ⌊size/2⌋ 个通道之和，``size`` 是奇数；两端之外的通道是 0。"""
    half = size // 2
    padded = np.pad(x, ((0, 0), (half, half), (0, 0), (0, 0)))
    return sum(padded[:, i : i + x.shape[1]] for i in range(size))


def local_response_norm(x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> np.ndarray:
    """局部响应归一化：同一个像素上，相邻的通道互相抑制。论文取 n = 5，α = 1e-4，β = 0.75，k = 2。

    Paddle 的 ``LocalResponseNorm`` 对 n 个平方取平均，所以要把它的 ``alpha`` 设成 n·α。
    """
    # b_i = a_i / (k + α·Σ_j a_j²)^β，j 从 i − ⌊n/2⌋ 到 i + ⌊n/2⌋
    return x * (k + alpha * sum_over_neighbours(x**2, size)) ** -beta


def local_response_norm_backward(
    dy: np.ndarray, x: np.ndarray, size: int, alpha: float, beta: float, k: float
) -> np.ndarray:
    """给定 ∂L/∂y，返回 ∂L/∂x：一条路经过分子，另一条经过邻近的每个通道的分母。"""
    scale = k + alpha * sum_over_neighbours(x**2, size)  # s_i
    # ∂L/∂x_i = dy_i·s_i^(−β) − 2αβ·x_i·Σ_j dy_j·x_j·s_j^(−β−1)
    through_scale = sum_over_neighbours(dy * x * scale ** (-beta - 1), size)
    return dy * scale**-beta - 2 * alpha * beta * x * through_scale
