"""求导的三个例子：标量对向量、标量对矩阵、链式法则；每个都有前向与手推的反向。

约定：标量 L 对向量或矩阵的导数，与这个向量或矩阵同形，每个位置是 L 对该处元素的偏导数。
"""

from __future__ import annotations

import numpy as np

from .activations import sigmoid


def quadratic_form(w: np.ndarray, a: np.ndarray) -> np.ndarray:
    """二次型 L = wᵀAw：w (D,)、A (D, D) → 标量。"""
    # L = Σ_ij w_i·A_ij·w_j
    return w @ a @ w


def quadratic_form_backward(dy: np.ndarray, w: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """标量对向量：w_k 既在左边出现，也在右边出现，两次的导数相加。返回 ∂L/∂w (D,) 与 ∂L/∂A (D, D)。"""
    # ∂L/∂w = (A + Aᵀ)·w，∂L/∂A_ij = w_i·w_j
    return dy * (a + a.T) @ w, dy * np.outer(w, w)


def squared_error(x: np.ndarray, w: np.ndarray, target: np.ndarray) -> np.ndarray:
    """线性回归的代价 L = ½‖XW − T‖²：X (N, D)、W (D, K)、T (N, K) → 标量。"""
    # L = ½·Σ_nk (Σ_d X_nd·W_dk − T_nk)²
    return 0.5 * np.sum((x @ w - target) ** 2)


def squared_error_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """标量对矩阵。记残差 R = XW − T (N, K)，返回 ∂L/∂X、∂L/∂W、∂L/∂T。

    形状就能定出公式：∂L/∂W 是 (D, K)，由 X (N, D) 与 R (N, K) 相乘，只能是 XᵀR。
    """
    residual = dy * (x @ w - target)  # (N, K)
    # ∂L/∂X = R·Wᵀ，∂L/∂W = Xᵀ·R，∂L/∂T = −R
    return residual @ w.T, x.T @ residual, -residual


def neuron_loss(x: np.ndarray, w: np.ndarray, b: np.ndarray, target: np.ndarray) -> np.ndarray:
    """一个神经元的平方损失，拆成四步，每步一个中间量；四个输入都是标量。"""
    u = w * x
    z = u + b
    a = sigmoid(z)
    # L = (σ(w·x + b) − t)²
    return (a - target) ** 2


def neuron_loss_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, b: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """链式法则：从 L 往回，每步乘以这一步自己的导数。返回 ∂L/∂x、∂L/∂w、∂L/∂b、∂L/∂t。"""
    u = w * x
    z = u + b
    a = sigmoid(z)
    # ∂L/∂a = 2·(a − t)
    da = dy * 2.0 * (a - target)
    # ∂L/∂z = ∂L/∂a·σ′(z)，σ′(z) = a·(1 − a)
    dz = da * a * (1.0 - a)
    # ∂L/∂u = ∂L/∂b = ∂L/∂z：加号把梯度原样传给两边
    du = db = dz
    # ∂L/∂w = ∂L/∂u·x，∂L/∂x = ∂L/∂u·w：乘号把梯度乘以另一边
    return du * w, du * x, db, -da
