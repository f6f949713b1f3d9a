"""一页线性代数：向量、矩阵、行列式，对向量求导，线性映射与打分函数。

约定：NumPy 的一维数组 (D,) 不分行列；要分的时候写成二维，列向量是 (D, 1)，行向量是 (1, D)。
本章的公式把一个样本 x 写成列向量，f = Wx + b；代码把 N 个样本放在矩阵 X 的各行里，一次算完，
f = XW + b，这里的 W 是公式里的 W 的转置。Paddle 的 ``nn.Linear`` 也这样存权重。
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def score(W: np.ndarray, x: np.ndarray, b: np.ndarray) -> np.ndarray:
    """打分函数：给一个样本 x 的 K 个类别各打一个分。

    参数：
        W: (K, D)，每行是一个类别的模板，分数是模板与 x 的内积。
        x: (D,)，例如展平成一列的图像。
        b: (K,)，与 x 无关的那部分分数。
    """
    # f = Wx + b
    return W @ x + b  # (K,)


def linear_map(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """一批样本的打分：X (N, D)，W (D, K)，b (K,) → (N, K)。b 加到每一行上（广播）。"""
    # f = XW + b
    return X @ W + b


def linear_map_backward(dy: np.ndarray, X: np.ndarray, W: np.ndarray) -> dict[str, np.ndarray]:
    """:func:`linear_map` 的反向：由 dy = ∂L/∂f (N, K) 得到 ∂L/∂X、∂L/∂W、∂L/∂b。

    f[n, k] = Σ_d X[n, d]·W[d, k] + b[k]，按分量求导再写成矩阵；每个梯度与它的变量同形。
    """
    return {
        # ∂L/∂X = dy·Wᵀ
        "X": dy @ W.T,  # (N, D)
        # ∂L/∂W = Xᵀ·dy
        "W": X.T @ dy,  # (D, K)
        # ∂L/∂b = Σ_n dy[n]
        "b": dy.sum(0),  # (K,)
    }


def append_one(X: np.ndarray) -> np.ndarray:
    """在每个样本末尾添一个 1：(N, D) → (N, D + 1)。于是 XW + b 成为 [X, 1]·[W; b]，偏置并入了权重。"""
    return np.hstack([X, np.ones((len(X), 1), X.dtype)])


def additivity_error(f: Callable, x: np.ndarray, z: np.ndarray) -> float:
    """f(x + z) 与 f(x) + f(z) 的最大差；线性映射为 0（可加性）。"""
    return float(np.abs(f(x + z) - (f(x) + f(z))).max())


def homogeneity_error(f: Callable, x: np.ndarray, a: float) -> float:
    """f(a·x) 与 a·f(x) 的最大差；线性映射为 0（齐次性）。"""
    return float(np.abs(f(a * x) - a * f(x)).max())


def determinant(A: np.ndarray) -> float:
    """行列式：方阵把体积放大的倍数，是**一个数**；矩阵是一张表。用高斯消元求。

    抛出：
        ValueError: 不是方阵；行列式只对方阵有定义。
    """
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"行列式只对方阵有定义，得到的形状是 {A.shape}；请给出 n×n 的矩阵")
    U = A.astype("float64")  # 副本
    result = 1.0
    for k in range(len(U)):
        pivot = k + int(np.abs(U[k:, k]).argmax())  # 选绝对值最大的一行作主元，误差小
        if U[pivot, k] == 0:
            return 0.0
        if pivot != k:
            U[[k, pivot]] = U[[pivot, k]]
            result = -result  # 交换两行，行列式变号
        result *= U[k, k]
        U[k + 1 :] -= np.outer(U[k + 1 :, k] / U[k, k], U[k])  # 一行减去另一行的倍数，行列式不变
    return float(result)


def linear_form_gradient(a: np.ndarray) -> np.ndarray:
    """标量 aᵀx 对向量 x 的导数。x 的第 i 个分量的系数是 a_i，所以梯度就是 a，与 x 无关。"""
    # ∂(aᵀx)/∂x = a
    return a.copy()


def quadratic_form_gradient(A: np.ndarray, x: np.ndarray) -> np.ndarray:
    """标量 xᵀAx 对向量 x 的导数；A 对称时是 2Ax，A 是单位矩阵时（x 的长度的平方）是 2x。"""
    # ∂(xᵀAx)/∂x = (A + Aᵀ)x
    return (A + A.T) @ x


def directional_derivative(gradient: np.ndarray, direction: np.ndarray) -> float:
    """沿 ``direction``（先化成单位长度 u）走，函数的变化率 ∇f·u = ‖∇f‖·cos θ。

    θ = 0 时最大：梯度指向上升最快的方向，它的长度就是那个方向的斜率；负梯度下降最快。
    """
    # ∇f·u
    return float(gradient @ direction / np.linalg.norm(direction))
