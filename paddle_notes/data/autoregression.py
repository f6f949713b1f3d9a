"""自回归 AR(p)：时间序列的对照，由前 p 个值的线性函数预测下一个值，最小二乘拟合。

    x_t = b + w_1·x_{t−1} + … + w_p·x_{t−p}

序列或它的差分都试，p 从 1 试到给定的上限，取修正的赤池信息量准则（Hurvich 与 Tsai，1989）最小的：

    AICc = n·ln(RSS/n) + 2K + 2K(K + 1)/(n − K − 1)，    K = p + 2（w、b 与噪声的方差）

RSS 是 n 个目标上的残差平方和。它只看训练部分：p 每大一，残差总会小一点，后两项就是为此扣的分。
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


def lagged(signal: np.ndarray, targets: np.ndarray, order: int) -> np.ndarray:
    """各目标的输入 (N, 1 + order)：1，前一个值，前两个值，……。"""
    lags = signal[targets[:, None] - np.arange(1, order + 1)]
    return np.concatenate([np.ones((len(targets), 1)), lags], axis=1)


@dataclass(frozen=True)
class AutoRegression:
    """拟合好的自回归。

    属性：
        weights: (1 + p,)，b 与 w_1 … w_p。
        difference: 序列是不是先取了差分。
    """

    weights: np.ndarray
    difference: bool

    @property
    def name(self) -> str:
        return f"{'差分的 ' if self.difference else ''}AR({len(self.weights) - 1})"

    def forecast(self, values: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """由各目标之前的值作一步预测，(N,)。"""
        signal = np.diff(values, prepend=values[0]) if self.difference else values
        found = lagged(signal, targets, len(self.weights) - 1) @ self.weights
        return values[targets - 1] + found if self.difference else found

    @classmethod
    def fit(cls, values: np.ndarray, targets: np.ndarray, max_order: int) -> AutoRegression | None:
        """在下标为 ``targets`` 的目标上拟合，p 至多 ``max_order``；目标太少，一个 p 也试不了时为 None。"""
        best, count = (math.inf, None), len(targets)
        mean, std = values[targets].mean(), values[targets].std() or 1.0
        for difference in (False, True):
            signal = (values - mean) / std  # 与单位无关，正规方程的条件数也小
            signal = np.diff(signal, prepend=signal[0]) if difference else signal
            X, y = lagged(signal, targets, max_order - difference), signal[targets]
            gram, moments = X.T @ X, X.T @ y  # p 小的，正规方程是它左上角的一块
            for order in range(1, max_order - difference + 1):
                if count - (order + 2) - 1 <= 0:
                    break
                weights = np.linalg.lstsq(gram[: order + 1, : order + 1], moments[: order + 1], rcond=None)[0]
                rss = max(y @ y - weights @ moments[: order + 1], count * 1e-12)  # 完全可预测时不取 ln 0
                score = count * math.log(rss / count) + 2 * (order + 2) * count / (count - order - 3)
                if score < best[0]:
                    best = score, (weights, difference)
        if best[1] is None:
            return None
        weights, difference = best[1]
        scaled = 0.0 if difference else mean * (1 - weights[1:].sum())  # 换回原来的单位
        return cls(np.array([weights[0] * std + scaled, *weights[1:]]), difference)
