"""对称性：隐藏单元从同样的权重出发，就永远一样。

想法：交换两个隐藏单元（连同它们的输出权重），网络算的是同一个函数。所以若两个单元的权重起初相等，
它们的输出相等，得到的梯度也相等，每一步之后仍然相等：H 个单元只顶一个。全零更糟：隐藏层的输出与
输出权重都是 0，除了输出的偏置，谁也没有梯度。随机的初值才能打破对称。
"""

from __future__ import annotations

import numpy as np

from .decision_boundary import Parameters, initialize, two_moons, update
from .initialization import Initializer


def train_from(
    initializer: Initializer, num_steps: int = 200, hidden_size: int = 8
) -> tuple[Parameters, np.ndarray]:
    """在两弯月上从给定的初值训练，返回最后的参数与 W₁ 的历史 (num_steps + 1, 2, hidden_size)。"""
    x, labels = two_moons()
    parameters = initialize(hidden_size, initializer)
    history = [parameters["w1"]]
    for _ in range(num_steps):
        update(parameters, x, labels, lr=0.3)
        history.append(parameters["w1"])
    return parameters, np.stack(history)


def count_distinct_units(w1: np.ndarray) -> int:
    """W₁ (D, H) 有几列互不相同，也就是有几个真正不同的隐藏单元；差在 10⁻¹² 以内的是舍入。"""
    return len(np.unique(w1.round(12), axis=1).T)
