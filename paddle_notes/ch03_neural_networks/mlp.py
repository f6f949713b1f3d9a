"""多层感知机，三种写法：NumPy 手写前向与反向，Paddle 的基本运算，``paddle.nn``。

论文：Rumelhart, Hinton, Williams, *Learning Representations by Back-Propagating Errors*, 1986。

想法：全连接层与激活函数交替。前向传播从输入算到损失；反向传播从损失往回，逐层用链式法则求出
每个参数的梯度。三种写法的值与梯度相等，由 ``python tools/verify.py ch03.mlp`` 证明。

:class:`MLP` 用在 28×28 的灰度图像上，一个 256 个单元的隐藏层，10 类：

====== ================== ============ =========
阶段   层                 输出形状     参数
====== ================== ============ =========
展平   拉成一列           (N, 784)     0
隐藏层 全连接，激活，丢弃 (N, 256)     200,960
输出   全连接             (N, 10)      2,570
====== ================== ============ =========

合计 203,530 个参数。
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from paddle import Tensor, nn

from .activations import relu, relu_derivative, softmax

# ---------------------------------------------------------------- NumPy 手写


def linear(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """全连接层：x (N, D)、w (D, K)、b (K,) → (N, K)。"""
    # y = x·W + b
    return x @ w + b


def linear_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """全连接层的反向：由 ∂L/∂y (N, K) 求 ∂L/∂x (N, D)、∂L/∂W (D, K)、∂L/∂b (K,)。"""
    # ∂L/∂x = ∂L/∂y·Wᵀ，∂L/∂W = xᵀ·∂L/∂y，∂L/∂b = Σ_n ∂L/∂y_n
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)


def mlp(x: np.ndarray, w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray) -> np.ndarray:
    """一个隐藏层的多层感知机：x (N, D) → logits (N, K)，隐藏层有 H 个 ReLU 单元。"""
    hidden = relu(linear(x, w1, b1))  # (N, H)
    return linear(hidden, w2, b2)  # (N, K)


def mlp_backward(
    dy: np.ndarray, x: np.ndarray, w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """:func:`mlp` 的反向，次序与前向相反。返回 ∂L/∂x、∂L/∂W₁、∂L/∂b₁、∂L/∂W₂、∂L/∂b₂。"""
    z = linear(x, w1, b1)  # (N, H)
    hidden = relu(z)
    dhidden, dw2, db2 = linear_backward(dy, hidden, w2, b2)
    dz = dhidden * relu_derivative(z)  # (N, H)
    dx, dw1, db1 = linear_backward(dz, x, w1, b1)
    return dx, dw1, db1, dw2, db2


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """softmax 与交叉熵：logits (N, K)、labels (N,) → 平均损失与 ∂L/∂logits (N, K)。"""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    # L = (1/N)·Σ_n (log Σ_j exp(z_nj) − z_n,label)
    loss = np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, labels])
    # ∂L/∂z = (p − 独热) / N
    gradient = softmax(logits)
    gradient[rows, labels] -= 1.0
    return float(loss), gradient / len(labels)


# ---------------------------------------------------------------- Paddle 的基本运算


def mlp_primitives(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    """与 :func:`mlp` 相同，写成 Paddle 的矩阵乘、加、截断；梯度由自动求导给出。"""
    hidden = (x @ w1 + b1).clip(min=0)  # (N, H)
    return hidden @ w2 + b2  # (N, K)


# ---------------------------------------------------------------- paddle.nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class MLP(nn.Layer):
    """多层感知机。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    参数：
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素）；第一层有 in_channels·s² 个输入。
        hidden_sizes: 各隐藏层的单元数，至少一层。
        dropout: 每个隐藏层之后的丢弃概率。
        activation: 隐藏层的激活函数。
        initialization: 权重的初始化：``default`` 是 He（ReLU）或 Xavier；``constant`` 全是 0.01，
            各单元永远相同，只用来演示。
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int = 1,
        image_size: int = 28,
        hidden_sizes: tuple[int, ...] = (256,),
        dropout: float = 0.0,
        activation: Literal["relu", "sigmoid", "tanh"] = "relu",
        initialization: Literal["default", "constant"] = "default",
    ):
        super().__init__()
        if not hidden_sizes or min(hidden_sizes) < 1:
            raise ValueError(
                f"隐藏层的单元数应是一个或几个正整数，得到 {list(hidden_sizes)}；"
                "请把 hidden_sizes 写成 [256] 这样"
            )
        sizes = [in_channels * image_size**2, *hidden_sizes]
        layers: list[nn.Layer] = []
        for num_inputs, num_outputs in zip(sizes, hidden_sizes):
            layers += [nn.Linear(num_inputs, num_outputs), ACTIVATIONS[activation](), nn.Dropout(dropout)]
        self.hidden = nn.Sequential(*layers)
        self.classifier = nn.Linear(sizes[-1], num_classes)
        self.reset_parameters(activation, initialization)

    def reset_parameters(self, activation: str, initialization: str) -> None:
        """ReLU 用 He 初始化，sigmoid 与 tanh 用 Xavier 初始化；偏置为 0。"""
        if initialization == "constant":
            initialize = nn.initializer.Constant(0.01)
        elif activation == "relu":
            initialize = nn.initializer.KaimingNormal(nonlinearity="relu")
        else:
            initialize = nn.initializer.XavierUniform()
        for layer in self.sublayers():
            if isinstance(layer, nn.Linear):
                initialize(layer.weight)
                nn.initializer.Constant(0.0)(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)  # (N, in_channels·s²)
        x = self.hidden(x)  # (N, 最后一个隐藏层的单元数)
        return self.classifier(x)  # (N, num_classes)
