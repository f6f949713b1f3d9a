"""预处理：中心化、标准化、最小–最大缩放、L2 归一化。

X 是 (N, D)，一个样本一行，一个特征一列。前三种逐列进行，统计量（均值、标准差、最小值、最大值）
**只从训练集得到**，验证与测试样本用同一组数变换：用了它们自己的统计量，就等于考前看了考卷。
L2 归一化逐行进行，每个样本自成一体，没有统计量。

这些都只改变数据的尺度，不限制模型，所以不是正则化。
"""

from __future__ import annotations

import numpy as np


class Center:
    """中心化：减去每一列的均值。"""

    def fit(self, x: np.ndarray) -> Center:
        self.mean = x.mean(axis=0)  # (D,)
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        return x - self.mean


class Standardize:
    """标准化：减去均值，除以标准差（除以 N 的那一种）。不变的列标准差是 0，只减不除。"""

    def fit(self, x: np.ndarray) -> Standardize:
        self.mean = x.mean(axis=0)  # (D,)
        std = x.std(axis=0)
        # 全相同的一列，求均值时的舍入误差会使标准差不恰好是 0
        constant = x.max(axis=0) == x.min(axis=0)
        self.std = np.where(constant, 1.0, std)
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        return (x - self.mean) / self.std


class MinMax:
    """最小–最大缩放：训练集的最小值变成 0，最大值变成 1。不变的列变成 0。

    验证样本可以落到 [0, 1] 之外，这是对的：它们不参与定尺度。
    """

    def fit(self, x: np.ndarray) -> MinMax:
        self.low = x.min(axis=0)  # (D,)
        span = x.max(axis=0) - self.low
        self.span = np.where(span == 0, 1.0, span)
        return self

    def transform(self, x: np.ndarray) -> np.ndarray:
        return (x - self.low) / self.span


def standardize(x: np.ndarray) -> np.ndarray:
    """把 X 用它自己的均值与标准差标准化：(N, D) → (N, D)。"""
    return Standardize().fit(x).transform(x)


def standardize_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """∂L/∂X，均值与标准差也是 X 的函数（批量归一化的反向传播就是它）。

    y = (x − μ)/σ。改动一个 x，μ 与 σ 跟着变，所以要从 dy 里减去它的均值，以及它沿 y 的部分。
    """
    y = standardize(x)
    # ∂L/∂x = (dy − mean(dy) − y·mean(dy·y)) / σ
    return (dy - dy.mean(axis=0) - y * (dy * y).mean(axis=0)) / x.std(axis=0)


def min_max(x: np.ndarray) -> np.ndarray:
    """把 X 的每一列缩放到 [0, 1]：(N, D) → (N, D)。"""
    return MinMax().fit(x).transform(x)


def min_max_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """∂L/∂X。y = (x − a)/(b − a)，a、b 是一列的最小值与最大值，它们所在的样本多得一份梯度。"""
    y = min_max(x)
    span = x.max(axis=0) - x.min(axis=0)
    dx = dy / span
    columns = np.arange(x.shape[1])
    # ∂y/∂a = −(1 − y)/(b − a)，∂y/∂b = −y/(b − a)
    dx[x.argmin(axis=0), columns] -= (dy * (1 - y)).sum(axis=0) / span
    dx[x.argmax(axis=0), columns] -= (dy * y).sum(axis=0) / span
    return dx


def l2_normalize(x: np.ndarray) -> np.ndarray:
    """每一行除以它的长度：(N, D) → (N, D)。全 0 的行不变。

    归一化之后 ‖a − b‖² = 2 − 2·cos(a, b)：欧氏距离只看方向，图像整体变亮变暗就没有影响了。
    """
    length = np.linalg.norm(x, axis=1, keepdims=True)  # (N, 1)
    return x / np.where(length == 0, 1.0, length)


def l2_normalize_backward(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """∂L/∂X = (dy − y·(y·dy)) / ‖x‖：沿 x 方向的改动不影响 y，所以减去这一部分。"""
    y = l2_normalize(x)
    return (dy - y * (y * dy).sum(axis=1, keepdims=True)) / np.linalg.norm(x, axis=1, keepdims=True)
