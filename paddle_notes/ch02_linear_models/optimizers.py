"""优化器与小批量梯度下降，NumPy 手写。

想法：梯度指向损失上升最快的方向，所以沿 −梯度 走一小步，步子的大小是学习率 η。各种优化器只在
“用哪个方向、走多远”上不同，都写成同样的形式：``step(params, grads)`` 就地更新一列数组。

- 随机梯度下降：Robbins 与 Monro, *A Stochastic Approximation Method*, 1951。
- 动量：Polyak, *Some Methods of Speeding Up the Convergence of Iteration Methods*, 1964。
- Adam：Kingma 与 Ba, *Adam: A Method for Stochastic Optimization*, 2014。
- AdamW：Loshchilov 与 Hutter, *Decoupled Weight Decay Regularization*, 2017。

权重衰减只作用于多于一维的数组，即权重矩阵；偏置是一维的，不衰减。后半部分用最小二乘说明批大小、
学习率、梯度累积与在线学习。
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

# ---------------------------------------------------------------- 优化器


class SGD:
    """随机梯度下降，``lr`` 是学习率 η，``weight_decay`` 是 λ。"""

    def __init__(self, lr: float, weight_decay: float = 0.0):
        self.lr = lr
        self.weight_decay = weight_decay

    def step(self, params: list[np.ndarray], grads: list[np.ndarray]) -> None:
        for w, g in zip(params, grads):
            if w.ndim > 1:
                # g ← g + λw，等于给损失加上 λ/2·Σw²
                g = g + self.weight_decay * w
            # w ← w − ηg
            w -= self.lr * g


class Momentum:
    """动量：速度 v 是过去梯度的加权和，越早的越轻。方向一致时越走越快，来回摆动时互相抵消。"""

    def __init__(self, lr: float, momentum: float = 0.9):
        self.lr = lr
        self.momentum = momentum
        self.velocity: list[np.ndarray] | None = None

    def step(self, params: list[np.ndarray], grads: list[np.ndarray]) -> None:
        if self.velocity is None:
            self.velocity = [np.zeros_like(w) for w in params]
        for w, g, v in zip(params, grads, self.velocity):
            # v ← μv + g
            v *= self.momentum
            v += g
            # w ← w − ηv
            w -= self.lr * v


class Adam:
    """Adam：每个参数各有自己的步长，梯度一向小的走得远些，一向大的走得近些。

    m 是梯度的滑动平均，v 是梯度平方的滑动平均。二者从 0 开始，前几步偏小，除以 1 − βᵗ 修正。
    ``weight_decay`` 与梯度分开，不经过 √v（AdamW）；为 0 时就是 Adam。
    """

    def __init__(
        self,
        lr: float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.m: list[np.ndarray] | None = None
        self.v: list[np.ndarray] | None = None
        self.t = 0

    def step(self, params: list[np.ndarray], grads: list[np.ndarray]) -> None:
        if self.m is None:
            self.m = [np.zeros_like(w) for w in params]
            self.v = [np.zeros_like(w) for w in params]
        self.t += 1
        for w, g, m, v in zip(params, grads, self.m, self.v):
            if w.ndim > 1:
                # w ← w − ηλw
                w -= self.lr * self.weight_decay * w
            # m ← β₁m + (1 − β₁)g
            m *= self.beta1
            m += (1 - self.beta1) * g
            # v ← β₂v + (1 − β₂)g²
            v *= self.beta2
            v += (1 - self.beta2) * g**2
            # m̂ = m / (1 − β₁ᵗ)，v̂ = v / (1 − β₂ᵗ)
            m_hat = m / (1 - self.beta1**self.t)
            v_hat = v / (1 - self.beta2**self.t)
            # w ← w − η·m̂ / (√v̂ + ε)
            w -= self.lr * m_hat / (np.sqrt(v_hat) + self.epsilon)


# ---------------------------------------------------------------- 学习率的衰减


def step_decay(lr: float, step: int, step_size: int, gamma: float) -> float:
    """分级：每 ``step_size`` 步乘以 γ，η·γ^⌊t/s⌋。"""
    return lr * gamma ** (step // step_size)


def exponential_decay(lr: float, step: int, gamma: float) -> float:
    """指数：每一步乘以 γ，η·γᵗ。"""
    return lr * gamma**step


def inverse_time_decay(lr: float, step: int, gamma: float) -> float:
    """反比：η / (1 + γt)。满足 Σηₜ = ∞、Σηₜ² < ∞，随机梯度下降收敛的经典条件。"""
    return lr / (1 + gamma * step)


def cosine_decay(lr: float, step: int, total_steps: int) -> float:
    """余弦：从 η 平滑地降到 0，η·(1 + cos(πt/T)) / 2。"""
    return lr * (1 + math.cos(math.pi * step / total_steps)) / 2


# ---------------------------------------------------------------- 最小二乘上的梯度下降


def squared_error(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """代价 L(w) = 1/(2n)·Σ(xᵢw − yᵢ)²。X (n, d)，y (n,)，w (d,)。"""
    return float(np.mean((X @ w - y) ** 2) / 2)


def squared_error_gradient(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """∂L/∂w = 1/n·Xᵀ(Xw − y)，(d,)。"""
    return X.T @ (X @ w - y) / len(X)


def largest_learning_rate(X: np.ndarray) -> float:
    """最小二乘上梯度下降不发散的学习率的上界 2/λmax，λmax 是 XᵀX/n 的最大特征值。

    沿特征值为 λ 的方向，每一步把误差乘以 1 − ηλ；要它的绝对值小于 1，必须 0 < η < 2/λ。
    """
    return 2 / float(np.linalg.eigvalsh(X.T @ X / len(X))[-1])


def minibatches(n: int, batch_size: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """打乱 n 个下标，每 ``batch_size`` 个一批依次给出；最后一批可能少几个。"""
    order = generator.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def descend(
    X: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    optimizer: SGD | Momentum | Adam,
    batch_size: int,
    epochs: int,
    seed: int = 0,
    schedule: Callable[[int], float] | None = None,
) -> np.ndarray:
    """从 ``w`` 出发做小批量梯度下降，返回走过的每一点，(步数 + 1, d)。

    ``batch_size`` 为 n 是批量梯度下降，为 1 是随机梯度下降，其余是小批量梯度下降。
    ``schedule`` 由步数给出学习率；不给时学习率不变。
    """
    generator = np.random.default_rng(seed)
    w = w.copy()
    path = [w.copy()]
    for _ in range(epochs):
        for batch in minibatches(len(X), batch_size, generator):
            if schedule is not None:
                optimizer.lr = schedule(len(path) - 1)
            optimizer.step([w], [squared_error_gradient(X[batch], y[batch], w)])
            path.append(w.copy())
    return np.array(path)


def gradient_noise(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, batch_size: int, draws: int, generator: np.random.Generator
) -> float:
    """小批量的梯度与全体的梯度之差的平方，``draws`` 批的平均。有放回地抽样，它的期望是 tr(Σ)/B。

    Σ 是单个样本的梯度的协方差（见 :func:`sample_variance`），B 是批大小。
    """
    batches = generator.integers(0, len(X), (draws, batch_size))
    errors = np.einsum("kbd,d->kb", X[batches], w) - y[batches]  # (draws, B)
    gradients = np.einsum("kbd,kb->kd", X[batches], errors) / batch_size  # (draws, d)
    return float(np.mean(np.sum((gradients - squared_error_gradient(X, y, w)) ** 2, axis=1)))


def sample_variance(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """单个样本的梯度的方差 tr(Σ) = 1/n·Σ‖gᵢ − ḡ‖²。"""
    gradients = X * (X @ w - y)[:, None]  # (n, d)
    return float(np.mean(np.sum((gradients - gradients.mean(0)) ** 2, axis=1)))


def accumulated_gradient(
    X: np.ndarray, y: np.ndarray, w: np.ndarray, micro_batch_size: int, average: bool
) -> np.ndarray:
    """梯度累积：内存放不下一大批时，分成几小批，各自求梯度，加起来再更新一次。

    ``average`` 为真时每小批按样本数的比例加权，结果就是整批的梯度；为假时直接相加，
    k 个同样大的小批得到整批梯度的 k 倍，相当于学习率乘以 k。
    """
    total = np.zeros_like(w)
    for start in range(0, len(X), micro_batch_size):
        rows = slice(start, start + micro_batch_size)
        gradient = squared_error_gradient(X[rows], y[rows], w)
        total += gradient * len(X[rows]) / len(X) if average else gradient
    return total


def learn_online(X: np.ndarray, y: np.ndarray, optimizer: SGD | Momentum | Adam) -> np.ndarray:
    """在线学习：样本一个个到来，先预测，再用它更新一次，然后丢掉。返回每个样本上的预测，(n,)。

    每个预测都在见到答案之前作出，所以这些误差就是泛化误差的估计，不必另留验证集。
    """
    w = np.zeros(X.shape[1])
    predictions = np.empty(len(X))
    for i, (x, target) in enumerate(zip(X, y)):
        predictions[i] = x @ w
        optimizer.step([w], [(predictions[i] - target) * x])
    return predictions
