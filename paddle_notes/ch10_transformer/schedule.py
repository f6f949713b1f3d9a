"""论文的学习率：先线性升高，再与步数的平方根成反比地降低。

论文：Vaswani 等, *Attention Is All You Need*, 2017，第 5.3 节。配置里写 ``optimizer.schedule: noam``，
峰值由 ``optimizer.lr`` 给出，见 :func:`peak`。
"""

from __future__ import annotations

import numpy as np


def noam(step: np.ndarray, d_model: int, warmup_steps: int) -> np.ndarray:
    """第 ``step`` 步（从 1 起）的学习率。"""
    step = np.asarray(step, "float64")
    # lr = d^(−1/2)·min(step^(−1/2), step·warmup^(−3/2))
    return d_model**-0.5 * np.minimum(step**-0.5, step * warmup_steps**-1.5)


def peak(d_model: int, warmup_steps: int) -> float:
    """学习率的最大值，在第 warmup 步：1 / √(d·warmup)。"""
    return float((d_model * warmup_steps) ** -0.5)
