"""线性支持向量机：分对还不够，要留有余地。

Cortes 与 Vapnik, *Support-Vector Networks*, 1995。

两类时标签 y = ±1，分数 f = xᵀw + b。点到分界面 f = 0 的距离是 |f|/‖w‖；若要求每个点 y·f ≥ 1，
最近的点离分界面至少 1/‖w‖，这段距离叫间隔。间隔最大就是 ‖w‖ 最小；做不到 y·f ≥ 1 的点，用铰链损失罚：

    J(w, b) = ½(‖w‖² + b²) + C·Σ max(0, 1 − yᵢ·fᵢ)

这是 scikit-learn 的 ``LinearSVC(loss="hinge")`` 的目标，它连偏置一起罚（把偏置当作常数特征 1 的权重）。
y·f > 1 的点损失是 0，梯度也是 0，去掉它们答案不变；其余的点叫支持向量，答案全由它们决定。

多类时每类一个分数，用多类铰链损失；偏置不罚，平均而不求和，与训练神经网络时的写法一致：

    J(W, b) = 1/N · Σ_i Σ_{j≠y} max(0, s_j − s_y + 1) + ½λ·‖W‖²
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn

from paddle_notes.ch02_linear_models import losses
from paddle_notes.ch02_linear_models.linear_algebra import linear_map, linear_map_backward
from paddle_notes.ch02_linear_models.linear_regression import minibatches


def standardize(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """每个特征减去均值、除以标准差；均值与标准差只由 ``train`` 求，``others``（验证集、测试集）照用。

    间隔是距离，距离要求各个特征可以相比：一个特征从克换成毫克，就会独占全部的距离。
    """
    mean, std = train.mean(0), train.std(0)
    std = np.where(std > 0, std, 1.0)  # 取值不变的特征：减去均值之后是 0，除以几都一样
    return [(X - mean) / std for X in (train, *others)]


# ---------------------------------------------------------------- 两类


def binary_cost(X: np.ndarray, signs: np.ndarray, w: np.ndarray, b: float, C: float = 1.0) -> float:
    """两类的代价，一个数：X (N, D)，signs (N,) 取 ±1，w (D,)。"""
    # J = ½(‖w‖² + b²) + C·Σ max(0, 1 − y·(xᵀw + b))
    return float((w @ w + b * b) / 2 + C * losses.hinge(X @ w + b, signs).sum())


def fit_binary(
    X: np.ndarray, signs: np.ndarray, C: float = 1.0, steps: int = 5000
) -> tuple[np.ndarray, float]:
    """次梯度下降求代价的最小值，返回 w 与 b。

    铰链有尖角，在最优处梯度也不趋于 0，所以步长要逐渐缩小：η = 1/(t + 100C)。惩罚项的曲率是 1，
    1/t 是这种函数的标准步长（Shalev-Shwartz 等, *Pegasos*, 2007）；100C 使开头几步不至于太大。
    """
    w, b = np.zeros(X.shape[1]), 0.0
    for t in range(1, steps + 1):
        dscores = losses.hinge_backward(np.full(len(X), C), X @ w + b, signs)  # (N,)
        lr = 1 / (t + 100 * C)
        # ∂J/∂w = w + C·Xᵀ(−y·1{y·f < 1})，   ∂J/∂b 同理
        w = w - lr * (w + X.T @ dscores)
        b = b - lr * (b + dscores.sum())
    return w, float(b)


def margin(w: np.ndarray) -> float:
    """间隔：分界面 f = 0 到 f = ±1 的距离。"""
    # 1/‖w‖
    return float(1 / np.linalg.norm(w))


def support_vectors(
    X: np.ndarray, signs: np.ndarray, w: np.ndarray, b: float, tolerance: float = 0.01
) -> np.ndarray:
    """支持向量的编号：在间隔之内、正好在边上或分错的点，y·f ≤ 1。``tolerance`` 容许数值解的误差。"""
    return np.flatnonzero(signs * (X @ w + b) <= 1 + tolerance)


# ---------------------------------------------------------------- 核的想法


def polynomial_features(X: np.ndarray) -> np.ndarray:
    """二次多项式特征：(N, D) → (N, 1 + D + D(D + 1)/2)，依次是 1、√2·x_i、x_i²、√2·x_i·x_j。

    系数这样取，是为了 φ(x)·φ(z) = (1 + x·z)²：内积不必先算出特征就能算，这就是核。
    """
    i, j = np.triu_indices(X.shape[1], k=1)
    root = np.sqrt(2.0)
    return np.hstack([np.ones((len(X), 1)), root * X, X**2, root * X[:, i] * X[:, j]])


def rbf_features(X: np.ndarray, centers: np.ndarray, gamma: float = 1.0) -> np.ndarray:
    """高斯（RBF）特征：与 M 个中心各有多近，(N, D)、(M, D) → (N, M)。"""
    squared = ((X[:, None, :] - centers[None, :, :]) ** 2).sum(-1)  # (N, M)
    # φ_m(x) = exp(−γ·‖x − c_m‖²)
    return np.exp(-gamma * squared)


def rings(num_samples: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """两圈同心的点，半径约 1 与 2，直线分不开。返回 X (N, 2) 与 ±1 的标签。"""
    generator = np.random.default_rng(seed)
    signs = np.where(np.arange(num_samples) % 2 == 0, 1, -1)
    radius = np.where(signs > 0, 1.0, 2.0) + 0.1 * generator.standard_normal(num_samples)
    angle = generator.uniform(0, 2 * np.pi, num_samples)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), signs


# ---------------------------------------------------------------- 多类


def cost(X: np.ndarray, labels: np.ndarray, W: np.ndarray, b: np.ndarray, weight_decay: float) -> np.ndarray:
    """多类的代价，一个数：X (N, D)，W (D, K)，b (K,)，``weight_decay`` 是 λ。"""
    hinge = losses.reduce_loss(losses.multi_class_hinge(linear_map(X, W, b), labels))
    # J = 1/N · Σ 多类铰链 + ½λ·‖W‖²
    return hinge + weight_decay / 2 * (W**2).sum()


def gradients(
    X: np.ndarray, labels: np.ndarray, W: np.ndarray, b: np.ndarray, weight_decay: float
) -> tuple[np.ndarray, np.ndarray]:
    """多类代价的梯度 (∂J/∂W, ∂J/∂b)；偏置没有惩罚那一项。"""
    scores = linear_map(X, W, b)  # (N, K)
    dscores = losses.multi_class_hinge_backward(losses.reduce_loss_backward(1.0, labels), scores, labels)
    grads = linear_map_backward(dscores, X, W)
    # ∂J/∂W = Xᵀ·∂铰链/∂s + λW
    return grads["W"] + weight_decay * W, grads["b"]


def train_numpy(
    X: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    weight_decay: float = 0.01,
    lr: float = 0.02,
    batch_size: int = 64,
    epochs: int = 10,
) -> tuple[np.ndarray, np.ndarray]:
    """小批量次梯度下降，梯度是手推的。返回 W 与 b。"""
    W, b = np.zeros((X.shape[1], num_classes)), np.zeros(num_classes)
    for batch in minibatches(len(X), batch_size, epochs):
        dW, db = gradients(X[batch], labels[batch], W, b, weight_decay)
        W = W - lr * dW
        b = b - lr * db
    return W, b


def multi_class_hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """用 Paddle 的基本运算写的多类铰链损失，(N, K)、(N,) → (N,)。

    Paddle 自带的 ``multi_margin_loss`` 是它的 1/K：把各类的和换成了平均。
    """
    right_scores = scores.take_along_axis(labels.unsqueeze(-1), -1)  # (N, 1)
    margins = (scores - right_scores + 1).clip(min=0)  # (N, K)，正确的类那一格恒为 1
    # l = Σ_{j≠y} max(0, s_j − s_y + 1)
    return margins.sum(-1) - 1


class LinearSVM(nn.Layer):
    """线性支持向量机。输入 (N, in_channels, s, s)，展平后乘一个矩阵，输出各类的分数 (N, num_classes)。

    与 softmax 回归的网络完全相同，不同的只是损失：这里用 :func:`multi_class_hinge`。分数不是概率。

    参数：
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素）。
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
    weight_decay: float = 0.01,
    lr: float = 0.02,
    batch_size: int = 64,
    epochs: int = 10,
) -> LinearSVM:
    """同样的训练，用 ``paddle.nn``：图像 (N, C, s, s)。返回训练好的网络。"""
    inputs, targets = paddle.to_tensor(images), paddle.to_tensor(labels)
    model = LinearSVM(num_classes, images.shape[1], images.shape[2])
    model.to(dtype=inputs.dtype)
    optimizer = paddle.optimizer.SGD(lr, parameters=model.parameters())
    for batch in minibatches(len(images), batch_size, epochs):
        index = paddle.to_tensor(batch)
        hinge = multi_class_hinge(model(inputs[index]), targets[index]).mean()
        loss = hinge + weight_decay / 2 * model.linear.weight.square().sum()
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    return model
