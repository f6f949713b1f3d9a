"""容量、欠拟合与过拟合：用多项式拟合几个带噪声的点。

多项式 f(x) = w₀ + w₁x + … + w_d x^d 的参数是 w，次数 d 是超参数。容量由两件事决定：

- 参数的个数：次数越高，能表示的曲线越多；
- 参数的取值范围：同样的次数，惩罚大的 w，就只剩下平缓的曲线。

容量太小，训练误差就降不下去（欠拟合）；容量太大，训练误差接近 0，曲线却为了穿过噪声而剧烈摆动，
在没有见过的点上误差很大（过拟合）。
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def make_data(num_samples: int, seed: int, noise: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """x 在 [−1, 1] 上均匀地取，y = sin(πx) + 噪声，各为 (N,)。"""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-1, 1, num_samples)
    return x, np.sin(np.pi * x) + noise * generator.standard_normal(num_samples)


def powers(x: np.ndarray, degree: int) -> np.ndarray:
    """x (N,) → 各次幂 (N, degree + 1)：1, x, x², …。"""
    return x[:, None] ** np.arange(degree + 1)


def fit_polynomial(x: np.ndarray, y: np.ndarray, degree: int, penalty: float = 0.0) -> np.ndarray:
    """最小二乘求 w (degree + 1,)：使 1/N·Σ (f(x) − y)² + penalty·Σ_{j≥1} w_j² 最小。

    常数项 w₀ 只管上下平移，不惩罚。惩罚项等于在数据后面添 degree 行：√(N·penalty)·w_j 应为 0。
    """
    features = powers(x, degree)  # (N, degree + 1)
    extra = np.sqrt(len(x) * penalty) * np.eye(degree + 1)[1:]  # (degree, degree + 1)
    w, *_ = np.linalg.lstsq(np.vstack([features, extra]), np.append(y, np.zeros(degree)), rcond=None)
    return w


def predict(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    """f(x)：(N,) → (N,)。"""
    return powers(x, len(w) - 1) @ w


def mean_squared_error(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """1/N·Σ (f(x) − y)²。"""
    return float(np.mean((predict(w, x) - y) ** 2))


@dataclass(frozen=True)
class Errors:
    """一次拟合：训练误差、用大量新的点估计的泛化误差、最大的 |w_j|（j ≥ 1）。"""

    train: float
    generalization: float
    largest_weight: float


Points = tuple[np.ndarray, np.ndarray]


def compare(train: Points, test: Points, settings: Sequence[tuple[int, float]]) -> list[Errors]:
    """对每一组（次数，惩罚）拟合一次，量出误差。"""
    results = []
    for degree, penalty in settings:
        w = fit_polynomial(*train, degree, penalty)
        largest = float(np.abs(w[1:]).max(initial=0))
        results.append(Errors(mean_squared_error(w, *train), mean_squared_error(w, *test), largest))
    return results
