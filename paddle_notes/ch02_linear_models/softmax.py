"""由分数到概率：softmax、它的对数，log-sum-exp，以及两类时的 sigmoid。

全部沿最后一维计算：x (…, K)。指数会溢出（float64 的 exp(710) 就是无穷大），而 softmax 只与分数之差有关，
所以先减去最大值：最大的指数变成 exp(0) = 1，既不溢出，分母也不会是 0。
"""

from __future__ import annotations

import numpy as np


def log_sum_exp(x: np.ndarray) -> np.ndarray:
    """log Σ exp(x_j)，(…, K) → (…)：最大值的光滑近似，在 max 与 max + log K 之间。"""
    m = x.max(-1, keepdims=True)
    # LSE(x) = m + log Σ_j exp(x_j − m)
    return m[..., 0] + np.log(np.exp(x - m).sum(-1))


def log_sum_exp_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """∂LSE/∂x_i = exp(x_i)/Σ_j exp(x_j)：log-sum-exp 的梯度就是 softmax。"""
    # ∂L/∂x = dy · softmax(x)
    return dy[..., None] * softmax(x)


def log_softmax(x: np.ndarray) -> np.ndarray:
    """softmax 的对数，(…, K) → (…, K)。先算 softmax 再取对数，概率下溢成 0 时会得到 −∞；这样算不会。"""
    # log p_i = x_i − LSE(x)
    return x - log_sum_exp(x)[..., None]


def log_softmax_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """∂log p_j/∂x_i = 1{i = j} − p_i。"""
    # ∂L/∂x = dy − p · Σ_j dy_j
    return dy - softmax(x) * dy.sum(-1, keepdims=True)


def softmax(x: np.ndarray) -> np.ndarray:
    """把 K 个任意的分数变成概率，(…, K) → (…, K)：都大于 0，和为 1，分数的次序不变。"""
    exps = np.exp(x - x.max(-1, keepdims=True))
    # p_i = exp(x_i) / Σ_j exp(x_j)
    return exps / exps.sum(-1, keepdims=True)


def softmax_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """∂p_j/∂x_i = p_j·(1{i = j} − p_i)：每个概率都与全部分数有关。"""
    p = softmax(x)
    # ∂L/∂x = p ⊙ (dy − Σ_j dy_j·p_j)
    return p * (dy - (dy * p).sum(-1, keepdims=True))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1/(1 + exp(−x))，逐个元素：两类的分数是 (x, 0) 时，softmax 给第一类的概率。

    |x| 很大时也不溢出：指数里只出现 −|x|。
    """
    e = np.exp(-np.abs(x))
    # σ(x) = 1/(1 + e⁻ˣ) = eˣ/(1 + eˣ)，x 为负时用后一式
    return np.where(x >= 0, 1.0, e) / (1.0 + e)
