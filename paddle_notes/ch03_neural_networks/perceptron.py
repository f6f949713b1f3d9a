"""单个神经元、感知机与异或。

论文：Rosenblatt, *The Perceptron: A Probabilistic Model for Information Storage and Organization
in the Brain*, 1958；收敛性见 Novikoff, *On Convergence Proofs on Perceptrons*, 1962；
异或的反例见 Minsky 与 Papert, *Perceptrons*, 1969。

想法：神经元把输入加权求和、加上偏置，再过一个激活函数。激活函数取阶跃函数，就是感知机，
它的分界面 x·w + b = 0 是一条直线。与、或分得开，异或的两类各占一条对角线，一条直线分不开；
加一个隐藏层就分得开了。
"""

from __future__ import annotations

import numpy as np

from .activations import sigmoid, sigmoid_derivative

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)  # (4, 2)

# 逻辑运算 -> 四个输入上的答案
TRUTH_TABLES = {
    "and": np.array([0, 0, 0, 1]),
    "or": np.array([0, 1, 1, 1]),
    "xor": np.array([0, 1, 1, 0]),
}


def neuron(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """一个 sigmoid 神经元：x (N, D)、w (D,)、b () → (N,)。"""
    # y = σ(x·w + b)
    return sigmoid(x @ w + b)


def neuron_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """神经元的反向，返回 ∂L/∂x (N, D)、∂L/∂w (D,)、∂L/∂b ()。

    w 与 b 被 N 个样本共用，所以它们的梯度是各样本之和。
    """
    # z = x·w + b，∂L/∂z = ∂L/∂y·σ′(z)
    dz = dy * sigmoid_derivative(x @ w + b)  # (N,)
    # ∂z/∂x = w，∂z/∂w = x，∂z/∂b = 1
    return np.outer(dz, w), x.T @ dz, dz.sum()


def step(z: np.ndarray) -> np.ndarray:
    """阶跃函数：z > 0 为 1，否则为 0。z ≠ 0 处的导数都是 0，z = 0 处不可导，所以感知机不能用梯度下降训练。"""
    return (z > 0).astype(int)


def train_perceptron(x: np.ndarray, labels: np.ndarray, epochs: int) -> tuple[np.ndarray, float, list[int]]:
    """感知机学习规则：逐个样本地看，分错了才改。

    参数：
        x: 输入 (N, D)。
        labels: 标签 (N,)，0 或 1。
        epochs: 至多几轮；一轮没有分错就提前结束。

    返回权重 (D,)、偏置与每轮分错的个数。数据线性可分时，Novikoff 的定理保证分错的总次数有限。
    """
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        wrong = 0
        for sample, label in zip(x, labels):
            error = label - step(sample @ w + b)  # 0 是分对了；±1 是分错了，符号是该往哪边改
            # w ← w + (t − y)·x，b ← b + (t − y)
            w, b = w + error * sample, b + error
            wrong += abs(int(error))
        mistakes.append(wrong)
        if wrong == 0:
            break
    return w, float(b), mistakes


def xor_by_hand(x: np.ndarray) -> np.ndarray:
    """不用训练，直接写出解异或的两层感知机：x (N, 2) → (N,)。

    隐藏层两个神经元各画一条直线，分别算“或”与“与”；异或就是“或”而不“与”。
    """
    w1 = np.array([[1.0, 1.0], [1.0, 1.0]])  # (2, 2)，每列是一个神经元
    b1 = np.array([-0.5, -1.5])  # 至少一个 1；两个都是 1
    hidden = step(x @ w1 + b1)  # (N, 2)
    w2 = np.array([1.0, -1.0])
    return step(hidden @ w2 - 0.5)  # (N,)
