"""L1、L2 与弹性网惩罚，NumPy 手写。

想法：训练误差之外再罚一罚大的权重，宁可拟合得差一点，换取在新数据上的误差小一点。

- 岭回归（L2）：Hoerl 与 Kennard, *Ridge Regression: Biased Estimation for Nonorthogonal Problems*, 1970。
- Lasso（L1）：Tibshirani, *Regression Shrinkage and Selection via the Lasso*, 1996。
- 弹性网：Zou 与 Hastie, *Regularization and Variable Selection via the Elastic Net*, 2005。
- 坐标下降：Friedman, Hastie, Tibshirani, *Regularization Paths for Generalized Linear Models via
  Coordinate Descent*, 2010。

各函数里 X (n, d)，y (n,)，w (d,)，偏置 b 是一个数，不受惩罚；代价是

    J(w, b) = 1/(2n)·Σ(xᵢw + b − yᵢ)² + 惩罚(w)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# ---------------------------------------------------------------- 惩罚及其梯度


def l1_penalty(w: np.ndarray, strength: float) -> float:
    """L1 惩罚 λ·Σ|wⱼ|。"""
    return strength * np.sum(np.abs(w))


def l1_penalty_gradient(w: np.ndarray, strength: float) -> np.ndarray:
    """λ·sign(w)：大小与 w 无关，再小的权重也以同样的力气推向 0。w = 0 处不可导，取次梯度 0。"""
    return strength * np.sign(w)


def l2_penalty(w: np.ndarray, strength: float) -> float:
    """L2 惩罚 λ/2·Σwⱼ²：平方和，不开方。"""
    return strength / 2 * np.sum(w**2)


def l2_penalty_gradient(w: np.ndarray, strength: float) -> np.ndarray:
    """λw：与 w 成正比，越接近 0 推得越轻，所以权重变小而不恰好为 0。"""
    return strength * w


def elastic_net_penalty(w: np.ndarray, strength: float, l1_ratio: float) -> float:
    """弹性网 λ·(ρ·Σ|wⱼ| + (1 − ρ)/2·Σwⱼ²)，ρ 为 1 是 L1，为 0 是 L2。"""
    return l1_penalty(w, strength * l1_ratio) + l2_penalty(w, strength * (1 - l1_ratio))


def elastic_net_penalty_gradient(w: np.ndarray, strength: float, l1_ratio: float) -> np.ndarray:
    """λ·(ρ·sign(w) + (1 − ρ)·w)。"""
    return l1_penalty_gradient(w, strength * l1_ratio) + l2_penalty_gradient(w, strength * (1 - l1_ratio))


# ---------------------------------------------------------------- 带惩罚的最小二乘


def ridge(X: np.ndarray, y: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
    """岭回归的闭式解，返回 (w, b)。``strength`` 为 0 时就是最小二乘。

    先减去均值，b 就从方程里消失，从而不受惩罚。scikit-learn 的 ``Ridge`` 不除以 n，它的 ``alpha`` 是 nλ。
    """
    x_mean, y_mean = X.mean(0), y.mean()
    Xc, yc = X - x_mean, y - y_mean
    n, d = X.shape
    # w = (XᵀX/n + λI)⁻¹ Xᵀy/n
    w = np.linalg.solve(Xc.T @ Xc / n + strength * np.eye(d), Xc.T @ yc / n)
    # b = ȳ − x̄w
    return w, float(y_mean - x_mean @ w)


def soft_threshold(x: np.ndarray | float, threshold: float) -> np.ndarray | float:
    """软阈值 S(x, t) = sign(x)·max(|x| − t, 0)：向 0 推 t，推过头的停在 0。

    它是 ½(w − x)² + t|w| 的最小点。L1 惩罚的解里有恰好等于 0 的权重，就是从这里来的。
    """
    return np.sign(x) * np.maximum(np.abs(x) - threshold, 0.0)


def elastic_net(
    X: np.ndarray,
    y: np.ndarray,
    strength: float,
    l1_ratio: float = 1.0,
    tolerance: float = 1e-12,
    max_sweeps: int = 100_000,
) -> tuple[np.ndarray, float]:
    """坐标下降求弹性网，返回 (w, b)；``l1_ratio`` 为 1 就是 Lasso。

    每次只动一个权重，其余不动：一元的问题有现成的解，就是软阈值。轮流更新各个权重，直到一轮中
    变化最大的不超过 ``tolerance``（相对最大的权重）。各列都不能是常数。

    没有在 ``max_sweeps`` 轮之内收敛时抛 ValueError。
    """
    x_mean, y_mean = X.mean(0), y.mean()
    Xc = X - x_mean
    n, d = X.shape
    scale = (Xc**2).sum(0) / n  # ‖xⱼ‖²/n，(d,)
    if not scale.all():
        raise ValueError(f"第 {int(np.argmin(scale))} 列是常数，定不出它的权重；请先去掉这一列")
    w = np.zeros(d)
    residual = y - y_mean  # y − Xw，(n,)
    for _ in range(max_sweeps):
        largest_change = 0.0
        for j in range(d):
            # ρⱼ = 1/n·xⱼᵀ(y − Σ_{k≠j} x_k w_k)
            correlation = Xc[:, j] @ residual / n + scale[j] * w[j]
            # wⱼ = S(ρⱼ, λρ) / (‖xⱼ‖²/n + λ(1 − ρ))
            new = soft_threshold(correlation, strength * l1_ratio) / (scale[j] + strength * (1 - l1_ratio))
            residual += Xc[:, j] * (w[j] - new)
            largest_change = max(largest_change, abs(new - w[j]))
            w[j] = new
        if largest_change <= tolerance * max(1.0, np.abs(w).max()):
            return w, float(y_mean - x_mean @ w)
    raise ValueError(f"坐标下降 {max_sweeps} 轮之后还没有收敛；请先把各列标准化，或增大 strength")


# ---------------------------------------------------------------- 硬约束


def project_l2_ball(w: np.ndarray, radius: float) -> np.ndarray:
    """‖w‖₂ ≤ r 中离 w 最近的点：超出去就按比例缩回来。"""
    return w * min(1.0, radius / np.linalg.norm(w)) if w.any() else w


def project_l1_ball(w: np.ndarray, radius: float) -> np.ndarray:
    """‖w‖₁ ≤ r 中离 w 最近的点：各分量都向 0 推同样的 t，t 恰使绝对值之和等于 r。"""
    if np.abs(w).sum() <= radius:
        return w
    largest = np.sort(np.abs(w))[::-1]
    # 若留下最大的 k 个，则 t = (它们的和 − r) / k；取使第 k 个仍大于 t 的最大的 k
    thresholds = (np.cumsum(largest) - radius) / np.arange(1, len(w) + 1)
    return soft_threshold(w, thresholds[largest > thresholds][-1])


def constrained_least_squares(
    X: np.ndarray, y: np.ndarray, project: Callable[[np.ndarray], np.ndarray], steps: int = 20_000
) -> np.ndarray:
    """硬约束：在允许的范围里求 1/(2n)·‖Xw − y‖² 的最小点，返回 w。没有偏置，请先减去均值。

    投影梯度下降：照常走一步，走出了范围就投影回来。步长取 1/λmax，代价不会上升。
    """
    hessian = X.T @ X / len(X)  # (d, d)
    correlation = X.T @ y / len(X)  # (d,)
    lr = 1 / np.linalg.eigvalsh(hessian)[-1]
    w = np.zeros(X.shape[1])
    for _ in range(steps):
        w = project(w - lr * (hessian @ w - correlation))
    return w


# ---------------------------------------------------------------- 先验


def negative_log_gaussian(w: np.ndarray, std: float) -> float:
    """各分量独立、均值为 0 的高斯先验的 −log p(w) = Σw²/(2τ²) + d·log(τ√(2π))，τ 是标准差。"""
    return float(np.sum(w**2) / (2 * std**2) + w.size * np.log(std * np.sqrt(2 * np.pi)))


def negative_log_laplace(w: np.ndarray, scale: float) -> float:
    """各分量独立、中心为 0 的拉普拉斯先验的 −log p(w) = Σ|w|/s + d·log(2s)。"""
    return float(np.sum(np.abs(w)) / scale + w.size * np.log(2 * scale))


def negative_log_posterior(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, noise_std: float, negative_log_prior: float
) -> float:
    """−log p(w | X, y)，差一个与 w 无关的常数：−log p(y | X, w) − log p(w)，噪声是标准差 σ 的高斯分布。

    乘以 σ²/n，就是 1/(2n)·‖Xw − y‖² 加上惩罚：高斯先验对应 L2，λ = σ²/(nτ²)；
    拉普拉斯先验对应 L1，λ = σ²/(ns)。后验最大（MAP）的 w 就是带惩罚的最小二乘的解。
    """
    return float(np.sum((X @ w - y) ** 2) / (2 * noise_std**2) + negative_log_prior)
