"""逻辑回归：两类，用最大似然训练。

模型说标签 t（0 或 1）为 1 的概率是 σ(xᵀw + b)。把 N 个标签出现的概率乘起来是似然，取负对数，乘积变成和，
就是二元交叉熵之和：最大似然与最小交叉熵是同一件事。再加 L2 惩罚（不罚偏置），与 scikit-learn 同样的写法：

    J(w, b) = ½‖w‖² + C·Σ [−t·log σ(z) − (1 − t)·log(1 − σ(z))]，   z = Xw + b

C 越大，惩罚的份量越小。J 是凸的，只有一个最小值，所以用什么办法求，答案都一样。这里用牛顿法，十来步就到底。

它**不用**平方损失：½(σ(z) − t)² 对 z 的导数是 (σ − t)·σ·(1 − σ)，错得最厉害时 σ(1 − σ) ≈ 0，几乎没有
梯度，而且不是凸的。交叉熵的导数是 σ − t，错得越厉害越大。
"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch02_linear_models.linear_algebra import append_one
from paddle_notes.ch02_linear_models.losses import binary_cross_entropy
from paddle_notes.ch02_linear_models.softmax import sigmoid


def cost(X: np.ndarray, targets: np.ndarray, w: np.ndarray, b: np.ndarray, C: float = 1.0) -> np.ndarray:
    """负对数似然加 L2 惩罚，一个数：X (N, D)，targets (N,) 取 0 或 1，w (D,)，b 是一个数。"""
    # J = ½‖w‖² + C·Σ l(xᵢᵀw + b, tᵢ)
    return 0.5 * w @ w + C * binary_cross_entropy(X @ w + b, targets).sum()


def gradients(
    X: np.ndarray, targets: np.ndarray, w: np.ndarray, b: np.ndarray, C: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """代价的梯度 (∂J/∂w, ∂J/∂b)。"""
    error = sigmoid(X @ w + b) - targets  # (N,)
    # ∂J/∂w = w + C·Xᵀ(σ − t)，   ∂J/∂b = C·Σ (σ − t)
    return w + C * X.T @ error, C * error.sum()


def fit(
    X: np.ndarray, targets: np.ndarray, C: float = 1.0, max_steps: int = 50
) -> tuple[np.ndarray, float, int]:
    """牛顿法求最小值，返回 w、b 与走了几步。

    在当前点用二次函数近似 J，跳到它的最低点：θ ← θ − H⁻¹g，θ = (w, b)。离得远时这样跳可能越过头，
    所以代价没有降低就把步子减半。到最优处附近，每一步正确的位数加倍。

    抛出：
        ValueError: 标签不是 0 与 1；或 ``max_steps`` 步之内没有收敛。
    """
    if not np.isin(targets, (0, 1)).all():
        raise ValueError("逻辑回归的标签应是 0 与 1；标签若是 −1 与 +1，请用 (标签 + 1)/2")
    A = append_one(X)  # (N, D + 1)
    penalty = np.append(np.ones(X.shape[1]), 0.0)  # 偏置不受惩罚
    theta = np.zeros(X.shape[1] + 1)
    for step in range(max_steps):
        gradient = np.append(*gradients(X, targets, theta[:-1], theta[-1], C))
        if np.abs(gradient).max() < 1e-8 * max(1.0, C):
            return theta[:-1], float(theta[-1]), step
        p = sigmoid(A @ theta)
        # H = diag(1, …, 1, 0) + C·Aᵀ·diag(σ(1 − σ))·A
        hessian = np.diag(penalty) + C * A.T @ (A * (p * (1 - p))[:, None])
        direction = np.linalg.solve(hessian, gradient)
        here, size = cost(X, targets, theta[:-1], theta[-1], C), 1.0
        while size > 1e-8:
            candidate = theta - size * direction
            # 到了最优处，代价的变化比舍入误差还小：容许这么一点，否则步子会一直减半，停在原地
            if cost(X, targets, candidate[:-1], candidate[-1], C) <= here + 1e-12 * abs(here):
                break
            size /= 2
        theta = candidate
    raise ValueError(f"牛顿法走了 {max_steps} 步还没有收敛；请先把特征标准化，或减小 C")


def predict(X: np.ndarray, w: np.ndarray, b: float) -> np.ndarray:
    """标签 (N,)：σ(z) > ½ 即 z > 0 时为 1。分界面 Xw + b = 0 是一个平面。"""
    return (X @ w + b > 0).astype(int)


def squared_loss_gradient(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """平方损失 ½(σ(z) − t)² 对 z 的导数，逐个元素；用来与交叉熵的 σ(z) − t 对照，不用来训练。"""
    p = sigmoid(logits)
    # ∂/∂z ½(σ − t)² = (σ − t)·σ·(1 − σ)
    return (p - targets) * p * (1 - p)
