"""对称性：隐藏单元从同样的权重出发，就永远一样。

想法：交换两个隐藏单元（连同它们的输出权重），网络算的是同一个函数。所以若两个单元的权重起初相等，
它们的输出相等，得到的梯度也相等，每一步之后仍然相等：H 个单元只顶一个。全零更糟：隐藏层的输出与
输出权重都是 0，除了输出的偏置，谁也没有梯度。随机的初值才能打破对称。

丢弃法也是一种随机：各单元的掩码不同，收到的梯度就不同。所以常数（不为 0）的初值加上丢弃法，两步之后各单元
就不一样了；全零的初值仍然不动，因为那里要被掩码乘的数本来就是 0。
"""

from __future__ import annotations

import numpy as np

from .activations import relu, relu_derivative
from .decision_boundary import Parameters, initialize, two_moons
from .dropout import dropout, dropout_backward, sample_mask
from .initialization import Initializer
from .mlp import cross_entropy, linear, linear_backward


def gradients(
    parameters: Parameters, x: np.ndarray, labels: np.ndarray, mask: np.ndarray, p: float
) -> Parameters:
    """隐藏层之后接丢弃法的网络的梯度；``mask`` (N, H)，p = 0 而掩码全是 1 时就是没有丢弃法。"""
    z = linear(x, parameters["w1"], parameters["b1"])  # (N, H)
    hidden = dropout(relu(z), mask, p)
    _, dlogits = cross_entropy(linear(hidden, parameters["w2"], parameters["b2"]), labels)
    dhidden, dw2, db2 = linear_backward(dlogits, hidden, parameters["w2"], parameters["b2"])
    dz = dropout_backward(dhidden, mask, p) * relu_derivative(z)
    _, dw1, db1 = linear_backward(dz, x, parameters["w1"], parameters["b1"])
    return {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2}


def train_from(
    initializer: Initializer, num_steps: int = 200, hidden_size: int = 8, p: float = 0.0, seed: int = 0
) -> tuple[Parameters, np.ndarray]:
    """在两弯月上从给定的初值训练，返回最后的参数与 W₁ 的历史 (num_steps + 1, 2, hidden_size)。

    参数：
        p: 隐藏层的丢弃概率。
        seed: 掩码的种子。
    """
    x, labels = two_moons()
    parameters = initialize(hidden_size, initializer)
    generator = np.random.default_rng(seed)
    history = [parameters["w1"]]
    for _ in range(num_steps):
        mask = sample_mask((len(x), hidden_size), p, generator)
        for name, gradient in gradients(parameters, x, labels, mask, p).items():
            parameters[name] = parameters[name] - 0.3 * gradient
        history.append(parameters["w1"])
    return parameters, np.stack(history)


def count_distinct_units(w1: np.ndarray) -> int:
    """W₁ (D, H) 有几列互不相同，也就是有几个真正不同的隐藏单元；差在 10⁻¹² 以内的是舍入。"""
    return len(np.unique(w1.round(12), axis=1).T)
