"""隐藏单元的个数与惩罚的强弱，怎样改变分界面。

数据是平面上的“两弯月”，分界面可以直接画出来。隐藏单元少，分界面只有几折，欠拟合；单元多，
分界面可以绕着每个点走，过拟合；在单元多的网络上加大惩罚，权重变小，分界面又变得平直。
"""

from __future__ import annotations

import numpy as np

from .initialization import Initializer, he_normal
from .mlp import cross_entropy, mlp, mlp_backward
from .weight_decay import decayed_step

Parameters = dict[str, np.ndarray]


def two_moons(count: int = 60, noise: float = 0.35, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """两个半圆弧，各 ``count``/2 个点，坐标加标准差为 ``noise`` 的噪声。返回 (count, 2) 与标签 (count,)。"""
    generator = np.random.default_rng(seed)
    angle = np.linspace(0.0, np.pi, count // 2)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1.0 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.concatenate([upper, lower])  # (count, 2)
    return x + generator.normal(0.0, noise, x.shape), np.repeat([0, 1], count // 2)


def initialize(hidden_size: int, initializer: Initializer = he_normal, num_inputs: int = 2) -> Parameters:
    """一个隐藏层、两类的 :func:`.mlp.mlp` 的参数；偏置为 0。"""
    generator = np.random.default_rng(0)
    return {
        "w1": initializer(num_inputs, hidden_size, generator),
        "b1": np.zeros(hidden_size),
        "w2": initializer(hidden_size, 2, generator),
        "b2": np.zeros(2),
    }


def update(
    parameters: Parameters, x: np.ndarray, labels: np.ndarray, lr: float = 1.0, decay: float = 0.0
) -> float:
    """用全部样本做一步梯度下降，改写 ``parameters``，返回这一步之前的损失。只有权重衰减，偏置不衰减。"""
    loss, dlogits = cross_entropy(mlp(x, **parameters), labels)
    _, *gradients = mlp_backward(dlogits, x, **parameters)
    for (name, value), gradient in zip(parameters.items(), gradients):
        parameters[name] = decayed_step(value, gradient, lr, decay if name.startswith("w") else 0.0)
    return loss


def fit(
    x: np.ndarray, labels: np.ndarray, hidden_size: int, decay: float = 0.0, num_steps: int = 5000
) -> Parameters:
    """从 He 初始化训练 ``num_steps`` 步，返回参数。"""
    parameters = initialize(hidden_size)
    for _ in range(num_steps):
        update(parameters, x, labels, decay=decay)
    return parameters


def accuracy(parameters: Parameters, x: np.ndarray, labels: np.ndarray) -> float:
    """分对的比例。"""
    return float(np.mean(mlp(x, **parameters).argmax(axis=1) == labels))


def compare(
    hidden_sizes: tuple[int, ...], decays: tuple[float, ...]
) -> list[tuple[int, float, Parameters, float, float]]:
    """训练若干个网络，每行是（单元数、衰减系数、参数、训练准确率、测试准确率）。

    训练用 :func:`two_moons` 的 60 个点，测试用同一分布的另外 2,000 个点。
    """
    x, labels = two_moons()
    test_x, test_labels = two_moons(2000, seed=1)
    rows = []
    for hidden_size in hidden_sizes:
        for decay in decays:
            parameters = fit(x, labels, hidden_size, decay)
            scores = accuracy(parameters, x, labels), accuracy(parameters, test_x, test_labels)
            rows.append((hidden_size, decay, parameters, *scores))
    return rows
