"""激活函数：值与导数，NumPy 手写。

逐个元素的函数成对出现：``f(x)`` 与 ``f_derivative(x)``，形状不变；反向传播时
∂L/∂x = ∂L/∂y · f′(x)，逐个元素相乘。softmax 的每个输出都与同一行的全部输入有关，
所以它的反向 :func:`softmax_backward` 直接给出 ∂L/∂x。

每个函数在 x = ±10⁴ 处都不溢出，也不出现 NaN。

论文：ReLU 见 Nair 与 Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines*, 2010；
leaky ReLU 见 Maas 等, *Rectifier Nonlinearities Improve Neural Network Acoustic Models*, 2013；
GELU 见 Hendrycks 与 Gimpel, *Gaussian Error Linear Units*, 2016。
"""

from __future__ import annotations

import math

import numpy as np

_erfc = np.vectorize(math.erfc, otypes=[float])  # 互补误差函数 erfc(x) = 1 − erf(x)，逐个元素


def sigmoid(x: np.ndarray) -> np.ndarray:
    """把任意的数压进 (0, 1)。

    直接算 1 / (1 + e⁻ˣ)，x = −10⁴ 时 e⁻ˣ 溢出；所以指数里只放 −|x|，它至多是 1。
    """
    e = np.exp(-np.abs(x))
    # σ(x) = 1 / (1 + e⁻ˣ) = eˣ / (1 + eˣ)，前者用于 x ≥ 0，后者用于 x < 0
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def sigmoid_derivative(x: np.ndarray) -> np.ndarray:
    """σ′(x) = σ(x)·(1 − σ(x))，最大是 x = 0 处的 1/4。

    1 − σ(x) 写成 σ(−x)：x 很大时 σ(x) 舍入成 1，相减会得 0。
    """
    # σ′ = σ(x)·σ(−x)
    return sigmoid(x) * sigmoid(-x)


def tanh(x: np.ndarray) -> np.ndarray:
    """双曲正切，把任意的数压进 (−1, 1)；它是拉伸、平移了的 sigmoid：tanh(x) = 2σ(2x) − 1。"""
    # tanh(x) = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
    return np.tanh(x)


def tanh_derivative(x: np.ndarray) -> np.ndarray:
    """tanh′(x) = 1 − tanh²(x)，最大是 x = 0 处的 1。"""
    # 由 tanh(x) = 2σ(2x) − 1 得 tanh′(x) = 4σ′(2x)：x 很大时不像 1 − tanh² 那样相减得 0
    return 4.0 * sigmoid_derivative(2.0 * x)


def relu(x: np.ndarray) -> np.ndarray:
    """负的变成 0，正的不变。"""
    # relu(x) = max(0, x)
    return np.maximum(x, 0.0)


def relu_derivative(x: np.ndarray) -> np.ndarray:
    """x > 0 时为 1，否则为 0；x = 0 处没有导数，与 Paddle 一样取 0。"""
    return np.where(x > 0, 1.0, 0.0)


def leaky_relu(x: np.ndarray, slope: float = 0.01) -> np.ndarray:
    """负的一侧不变成 0，而是乘以一个小的斜率，于是负的一侧也有梯度。"""
    # leaky_relu(x) = x（x ≥ 0），slope·x（x < 0）
    return np.where(x < 0, slope * x, x)


def leaky_relu_derivative(x: np.ndarray, slope: float = 0.01) -> np.ndarray:
    """x < 0 时为 ``slope``，否则为 1；x = 0 处没有导数，与 Paddle 一样取 1。"""
    return np.where(x < 0, slope, 1.0)


def gelu(x: np.ndarray) -> np.ndarray:
    """x 乘以标准正态分布函数 Φ(x)：处处光滑，x 很大时像 ReLU。"""
    # gelu(x) = x·Φ(x)，Φ(x) = erfc(−x/√2) / 2
    return x * 0.5 * _erfc(-x / math.sqrt(2.0))


def gelu_derivative(x: np.ndarray) -> np.ndarray:
    """gelu′(x) = Φ(x) + x·φ(x)，φ 是标准正态分布的密度。"""
    cumulative = 0.5 * _erfc(-x / math.sqrt(2.0))
    # φ(x) = exp(−x²/2) / √(2π)
    density = np.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi)
    return cumulative + x * density


def softmax(x: np.ndarray) -> np.ndarray:
    """把每一行 K 个分数变成和为 1 的概率，(N, K) → (N, K)。

    分子、分母同乘以 e 的 −max 次方，结果不变，而指数都不大于 0，不会溢出。
    """
    shifted = x - x.max(axis=-1, keepdims=True)
    e = np.exp(shifted)
    # p_i = exp(x_i) / Σ_j exp(x_j)
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """softmax 的反向：由 ∂L/∂p 求 ∂L/∂x，(N, K) → (N, K)。

    雅可比矩阵是 ∂p_i/∂x_j = p_i·(1[i = j] − p_j)。不必造出这个 K×K 的矩阵，乘开就是下式。
    """
    p = softmax(x)
    # ∂L/∂x_j = p_j·(∂L/∂p_j − Σ_i ∂L/∂p_i·p_i)
    return p * (dy - (dy * p).sum(axis=-1, keepdims=True))
