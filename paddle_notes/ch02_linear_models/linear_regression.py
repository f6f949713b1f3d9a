"""线性回归：用 y = Xw + b 预测一个数。同一件事的四种写法，得到同样的 w 与 b。

=================== =========================================
 写法                 函数
=================== =========================================
闭式解               :func:`closed_form`
NumPy，手推梯度       :func:`train_numpy`
Paddle 的基本运算     :func:`train_primitives`，梯度由自动求导给出
paddle.nn            :func:`train_layer`，用 :class:`LinearRegression`
=================== =========================================

代价是各样本损失的平均，损失是差的平方的一半，½ 使导数里没有系数：

    J(w, b) = 1/N · Σ ½·(xᵢᵀw + b − yᵢ)²

形状：X (N, D)，w (D,)，b 是一个数，y (N,)。
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import paddle
from paddle import Tensor, nn

from paddle_notes.ch02_linear_models.linear_algebra import append_one

TRUE_W = (2.0, -3.4)
TRUE_B = 4.2


def synthetic_data(
    num_samples: int = 1000, noise: float = 0.01, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """y = X·(2, −3.4) + 4.2 + 噪声；X 是标准正态的，噪声的标准差是 ``noise``。返回 X (N, 2)、y (N,)。"""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((num_samples, len(TRUE_W)))
    y = X @ np.array(TRUE_W) + TRUE_B + noise * generator.standard_normal(num_samples)
    return X, y


def cost(X: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """代价 J，一个数。"""
    # J = 1/N · Σ ½·(Xw + b − y)²
    return np.mean((X @ w + b - y) ** 2) / 2


def gradients(X: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """代价 J 的梯度 (∂J/∂w, ∂J/∂b)。

    若代价取和而不取平均，梯度就是这里的 N 倍：学习率要除以 N 才走同样的一步。
    """
    error = X @ w + b - y  # (N,)
    # ∂J/∂w = 1/N · Xᵀ(Xw + b − y)
    dw = X.T @ error / len(X)  # (D,)
    # ∂J/∂b = 1/N · Σ (Xw + b − y)
    db = error.mean()
    return dw, db


def closed_form(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """令梯度为 0，直接解出 w 与 b。

    把 b 并入 w（X 添一列 1，记作 A，参数记作 θ），梯度 Aᵀ(Aθ − y) = 0，即正规方程 AᵀAθ = Aᵀy。
    程序不去算 AᵀA：它的条件数是 A 的平方。``lstsq`` 用奇异值分解，答案相同，误差小。

    抛出：
        ValueError: 特征线性相关（或样本比参数少），解不唯一。
    """
    # θ = (AᵀA)⁻¹·Aᵀy
    theta, _, rank, _ = np.linalg.lstsq(append_one(X), y, rcond=None)
    if rank < X.shape[1] + 1:
        raise ValueError("特征线性相关，或样本比参数少，最小二乘的解不唯一；请去掉多余的特征，或加样本")
    return theta[:-1], float(theta[-1])


def minibatches(num_samples: int, batch_size: int, epochs: int, seed: int = 0) -> Iterator[np.ndarray]:
    """依次给出每一批的样本编号：每轮重新打乱，每个样本用一次；最后一批可以不满。"""
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(num_samples)
        for start in range(0, num_samples, batch_size):
            yield order[start : start + batch_size]


def train_numpy(
    X: np.ndarray, y: np.ndarray, lr: float = 0.03, batch_size: int = 10, epochs: int = 3
) -> tuple[np.ndarray, float]:
    """小批量随机梯度下降，梯度是手推的。返回 w 与 b。"""
    w, b = np.zeros(X.shape[1]), 0.0
    for batch in minibatches(len(X), batch_size, epochs):
        dw, db = gradients(X[batch], y[batch], w, b)
        # θ ← θ − η·∂J/∂θ
        w = w - lr * dw
        b = b - lr * db
    return w, float(b)


def train_primitives(
    X: np.ndarray, y: np.ndarray, lr: float = 0.03, batch_size: int = 10, epochs: int = 3
) -> tuple[np.ndarray, float]:
    """同样的训练，用 Paddle 的张量运算写前向，梯度由自动求导给出。返回 w 与 b。"""
    inputs, targets = paddle.to_tensor(X), paddle.to_tensor(y)
    w = paddle.zeros([X.shape[1]], dtype=inputs.dtype)
    b = paddle.zeros([], dtype=inputs.dtype)
    w.stop_gradient = b.stop_gradient = False  # 自动求导默认不管数据，只管标明的参数
    for batch in minibatches(len(X), batch_size, epochs):
        index = paddle.to_tensor(batch)
        error = inputs[index] @ w + b - targets[index]  # (批大小,)
        (error.square().mean() / 2).backward()
        with paddle.no_grad():  # 更新参数这一步本身不求导
            for parameter in (w, b):
                parameter.set_value(parameter - lr * parameter.grad)
                parameter.clear_gradient()  # 不清零，下一次的梯度会加在上面
    return w.numpy(), b.item()


class LinearRegression(nn.Layer):
    """线性回归。输入 (N, num_features)，输出 (N,)；参数从 0 开始（问题是凸的，从哪里开始都一样）。

    参数：
        num_features: 特征的个数 D。
    """

    def __init__(self, num_features: int):
        super().__init__()
        zero = nn.initializer.Constant(0.0)
        self.linear = nn.Linear(num_features, 1, weight_attr=zero, bias_attr=zero)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)  # (N, 1)
        return x.squeeze(-1)  # (N,)，与标签同形；留着 (N, 1) 的话，减 (N,) 会广播成 (N, N)


def train_layer(
    X: np.ndarray, y: np.ndarray, lr: float = 0.03, batch_size: int = 10, epochs: int = 3
) -> tuple[np.ndarray, float]:
    """同样的训练，用 ``paddle.nn`` 的层、损失函数与优化器。返回 w 与 b。"""
    inputs, targets = paddle.to_tensor(X), paddle.to_tensor(y)
    model = LinearRegression(X.shape[1])
    model.to(dtype=inputs.dtype)
    optimizer = paddle.optimizer.SGD(lr, parameters=model.parameters())
    for batch in minibatches(len(X), batch_size, epochs):
        index = paddle.to_tensor(batch)
        loss = nn.functional.mse_loss(model(inputs[index]), targets[index]) / 2
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    return model.linear.weight.numpy()[:, 0], model.linear.bias.item()
