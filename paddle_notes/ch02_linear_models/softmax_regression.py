"""softmax 回归：线性函数打分，softmax 变成概率，交叉熵作损失。三种写法，得到同样的 W 与 b。

================ ==========================================
 写法              函数
================ ==========================================
NumPy，手推梯度    :func:`train_numpy`
Paddle 的基本运算  :func:`train_primitives`
paddle.nn         :func:`train_layer`，用 :class:`SoftmaxRegression`
================ ==========================================

形状：X (N, D)，W (D, K)，b (K,)，标签 (N,)，分数（logits）XW + b 是 (N, K)。它就是没有隐藏层的神经网络，
参数 (D + 1)·K 个；两类时与逻辑回归相同，那里的 w 是这里两列之差。
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn

from paddle_notes.ch02_linear_models.linear_algebra import linear_map, linear_map_backward
from paddle_notes.ch02_linear_models.linear_regression import minibatches
from paddle_notes.ch02_linear_models.losses import (
    cross_entropy,
    cross_entropy_backward,
    reduce_loss,
    reduce_loss_backward,
)


def cost(X: np.ndarray, labels: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """代价：各样本交叉熵的平均，一个数。"""
    # J = −1/N · Σ log softmax(XW + b)[标签]
    return reduce_loss(cross_entropy(linear_map(X, W, b), labels))


def gradients(
    X: np.ndarray, labels: np.ndarray, W: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """代价的梯度 (∂J/∂W, ∂J/∂b)：从代价往回，依次过平均、交叉熵、线性函数。"""
    logits = linear_map(X, W, b)  # (N, K)
    dloss = reduce_loss_backward(1.0, labels)  # (N,)，每个是 1/N
    # ∂J/∂logits = (p − 独热)/N
    dlogits = cross_entropy_backward(dloss, logits, labels)  # (N, K)
    # ∂J/∂W = Xᵀ·∂J/∂logits，   ∂J/∂b = Σ_n ∂J/∂logits[n]
    grads = linear_map_backward(dlogits, X, W)
    return grads["W"], grads["b"]


def train_numpy(
    X: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    lr: float = 0.1,
    batch_size: int = 64,
    epochs: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    """小批量随机梯度下降，梯度是手推的。返回 W 与 b。"""
    W, b = np.zeros((X.shape[1], num_classes)), np.zeros(num_classes)
    for batch in minibatches(len(X), batch_size, epochs):
        dW, db = gradients(X[batch], labels[batch], W, b)
        W = W - lr * dW
        b = b - lr * db
    return W, b


def cross_entropy_primitive(logits: Tensor, labels: Tensor) -> Tensor:
    """用 Paddle 的基本运算写的交叉熵，(N, K)、(N,) → (N,)：−logits[标签] + log Σ exp(logits)。"""
    m = logits.max(-1, keepdim=True).detach()  # 减去它不改变结果，所以不必求导
    log_sum_exp = m[:, 0] + (logits - m).exp().sum(-1).log()  # (N,)
    return log_sum_exp - logits.take_along_axis(labels.unsqueeze(-1), -1)[:, 0]


def train_primitives(
    X: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    lr: float = 0.1,
    batch_size: int = 64,
    epochs: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    """同样的训练，用 Paddle 的张量运算写前向，梯度由自动求导给出。返回 W 与 b。"""
    inputs, targets = paddle.to_tensor(X), paddle.to_tensor(labels)
    W = paddle.zeros([X.shape[1], num_classes], dtype=inputs.dtype)
    b = paddle.zeros([num_classes], dtype=inputs.dtype)
    W.stop_gradient = b.stop_gradient = False
    for batch in minibatches(len(X), batch_size, epochs):
        index = paddle.to_tensor(batch)
        cross_entropy_primitive(inputs[index] @ W + b, targets[index]).mean().backward()
        with paddle.no_grad():
            for parameter in (W, b):
                parameter.set_value(parameter - lr * parameter.grad)
                parameter.clear_gradient()
    return W.numpy(), b.numpy()


class SoftmaxRegression(nn.Layer):
    """softmax 回归。输入 (N, in_channels, s, s)，展平后乘一个矩阵，输出 logits (N, num_classes)。

    参数从 0 开始：代价是凸的，没有隐藏层，也就没有对称性的问题；一开始各类的概率相等，损失是 ln K。

    参数：
        num_classes: 类别数 K。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素）；D = in_channels·s²。
    """

    def __init__(self, num_classes: int, in_channels: int = 1, image_size: int = 28):
        super().__init__()
        zero = nn.initializer.Constant(0.0)
        self.linear = nn.Linear(in_channels * image_size**2, num_classes, weight_attr=zero, bias_attr=zero)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)  # (N, D)
        return self.linear(x)  # (N, num_classes)


def train_layer(
    images: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    lr: float = 0.1,
    batch_size: int = 64,
    epochs: int = 10,
) -> SoftmaxRegression:
    """同样的训练，用 ``paddle.nn``：图像 (N, C, s, s)。返回训练好的网络。"""
    inputs, targets = paddle.to_tensor(images), paddle.to_tensor(labels)
    model = SoftmaxRegression(num_classes, images.shape[1], images.shape[2])
    model.to(dtype=inputs.dtype)
    optimizer = paddle.optimizer.SGD(lr, parameters=model.parameters())
    for batch in minibatches(len(images), batch_size, epochs):
        index = paddle.to_tensor(batch)
        nn.functional.cross_entropy(model(inputs[index]), targets[index]).backward()
        optimizer.step()
        optimizer.clear_grad()
    return model
