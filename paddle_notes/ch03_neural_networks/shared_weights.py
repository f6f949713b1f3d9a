"""共享权重：同一个参数用在两处，它的梯度是两处之和。

卷积让一个核用在所有位置，循环网络让一组权重用在所有时刻，都是共享权重；反向传播不需要为此做任何特别的事。
"""

from __future__ import annotations

import numpy as np
from paddle import Tensor, nn
from paddle.nn import functional as F

from .activations import tanh, tanh_derivative


def shared(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """同一个权重连用两次：x (N, D)、w (D, D) → (N, D)。"""
    # y = tanh(x·W)·W
    return tanh(x @ w) @ w


def shared_backward(dy: np.ndarray, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """返回 ∂L/∂x 与 ∂L/∂W；后者是第二次使用与第一次使用的梯度之和。"""
    z = x @ w
    second = tanh(z).T @ dy  # 只看外面的那个 W
    dz = (dy @ w.T) * tanh_derivative(z)  # (N, D)
    first = x.T @ dz  # 只看里面的那个 W
    # ∂L/∂W = 第一次的 + 第二次的
    return dz @ w.T, first + second


class SharedLinear(nn.Layer):
    """把同一个 ``nn.Linear`` 用两次：(N, features) → (N, features)。它只有一份参数。"""

    def __init__(self, features: int):
        super().__init__()
        self.linear = nn.Linear(features, features, bias_attr=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.tanh(self.linear(x))
        return self.linear(x)
