"""丢弃法：训练时随机把一部分输出置 0，推理时什么也不做。

论文：Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov,
*Dropout: A Simple Way to Prevent Neural Networks from Overfitting*, 2014。

想法：每个单元都可能缺席，别的单元就不能只靠它，学到的特征更独立；也可以看作训练了许多个共享权重的
小网络，推理时取它们的平均。这里是“反向丢弃法”：训练时把留下的除以 1 − p，于是期望不变，推理时不必再乘。
论文的写法是训练时不除，推理时把权重乘以 1 − p，两者等价。
"""

from __future__ import annotations

import numpy as np


def sample_mask(shape: tuple[int, ...], p: float, generator: np.random.Generator) -> np.ndarray:
    """以概率 p 取 0、以概率 1 − p 取 1 的掩码；p 不在 [0, 1) 内时抛 ValueError。"""
    if not 0.0 <= p < 1.0:
        raise ValueError(f"丢弃概率 p 应在 0 与 1 之间（不含 1），得到 {p}；p = 1 会丢掉全部输出")
    return (generator.random(shape) >= p).astype(float)


def dropout(x: np.ndarray, mask: np.ndarray, p: float) -> np.ndarray:
    """训练时的前向，掩码与 x 同形。推理时不调用它，y = x。

    E[m] = 1 − p，所以 E[y] = x；Var(y) = x²·p/(1 − p)。
    """
    # y = m·x / (1 − p)
    return mask * x / (1.0 - p)


def dropout_backward(dy: np.ndarray, mask: np.ndarray, p: float) -> np.ndarray:
    """反向用前向的同一个掩码：被丢弃的没有梯度，留下的同样放大。"""
    # ∂L/∂x = ∂L/∂y·m / (1 − p)
    return dy * mask / (1.0 - p)


def moment_bounds(p: float, count: int) -> tuple[float, float]:
    """对 ``count`` 个 1 做一次丢弃，输出的均值与被丢弃的比例，各应落在真值（1 与 p）左右多远之内。

    被丢弃的比例是 n 次伯努利试验的平均，方差 p·(1 − p)/n。一个输出取 0 或 1/(1 − p)，方差 p/(1 − p)，
    n 个的平均的方差再除以 n。都取 5 倍标准差。
    """
    return 5.0 * np.sqrt(p / (1.0 - p) / count), 5.0 * np.sqrt(p * (1.0 - p) / count)
