"""权重的初始化，以及信号与梯度随深度怎样变化。

论文：Glorot 与 Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010
（Xavier）；He 等, *Delving Deep into Rectifiers*, 2015（He）。

想法：全连接层 y = xW 的每个输出是 n_in 项之和。各项独立、均值为 0 时，方差相加：

    Var(y) = n_in · Var(w) · E[x²]

要让各层输出的大小不随深度变化，Var(w) 应取 1/n_in；反向传播时同理应取 1/n_out。Xavier 取两者的折中
2/(n_in + n_out)，适合在 0 附近斜率为 1 的 tanh。ReLU 把一半置 0，E[x²] 减半，He 因此取 2/n_in。

权重的形状都是 (n_in, n_out)，与 ``paddle.nn.Linear`` 相同。
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .activations import relu, relu_derivative, sigmoid, sigmoid_derivative, tanh, tanh_derivative

# 激活函数的名字 -> (函数, 导数)
ACTIVATIONS = {
    "sigmoid": (sigmoid, sigmoid_derivative),
    "tanh": (tanh, tanh_derivative),
    "relu": (relu, relu_derivative),
}

# 一种初始化：(n_in, n_out, 随机数生成器) -> 权重 (n_in, n_out)
Initializer = Callable[[int, int, np.random.Generator], np.ndarray]


def constant(value: float) -> Initializer:
    """全部取同一个数；取 0 就是全零。隐藏单元因此一模一样，见 :mod:`.symmetry`。"""
    return lambda n_in, n_out, generator: np.full((n_in, n_out), value)


def normal(std: float) -> Initializer:
    """均值为 0、标准差为 ``std`` 的正态分布，不管层有多宽。``std`` = 0.01 就是“小随机数”。"""
    return lambda n_in, n_out, generator: generator.normal(0.0, std, (n_in, n_out))


def xavier_uniform(n_in: int, n_out: int, generator: np.random.Generator) -> np.ndarray:
    """[−a, a] 上的均匀分布，方差 a²/3 = 2/(n_in + n_out)。"""
    # a = √(6 / (n_in + n_out))
    a = np.sqrt(6.0 / (n_in + n_out))
    return generator.uniform(-a, a, (n_in, n_out))


def xavier_normal(n_in: int, n_out: int, generator: np.random.Generator) -> np.ndarray:
    """正态分布，方差 2/(n_in + n_out)。"""
    # σ = √(2 / (n_in + n_out))
    return generator.normal(0.0, np.sqrt(2.0 / (n_in + n_out)), (n_in, n_out))


def he_uniform(n_in: int, n_out: int, generator: np.random.Generator) -> np.ndarray:
    """[−a, a] 上的均匀分布，方差 a²/3 = 2/n_in。"""
    # a = √(6 / n_in)
    a = np.sqrt(6.0 / n_in)
    return generator.uniform(-a, a, (n_in, n_out))


def he_normal(n_in: int, n_out: int, generator: np.random.Generator) -> np.ndarray:
    """正态分布，方差 2/n_in。"""
    # σ = √(2 / n_in)
    return generator.normal(0.0, np.sqrt(2.0 / n_in), (n_in, n_out))


def moment_bounds(variance: float, kurtosis: float, count: int) -> tuple[float, float]:
    """``count`` 次抽样的均值与方差各应落在真值左右多远之内，取 5 倍标准误差。

    总体的均值为 0，方差 σ²，峰度 κ = E[w⁴]/σ⁴（正态分布为 3，均匀分布为 (a⁴/5)/(a²/3)² = 1.8）。

    - 样本均值的方差是 σ²/n，所以 |均值| ≤ 5·σ/√n。
    - 样本方差 ≈ (1/n)·Σ w²，一项的方差是 E[w⁴] − σ⁴ = (κ − 1)·σ⁴，所以 |方差 − σ²| ≤ 5·σ²·√((κ − 1)/n)。

    n 很大时两者都近似正态，正确的实现越界的概率不到百万分之一。
    """
    return 5.0 * np.sqrt(variance / count), 5.0 * variance * np.sqrt((kurtosis - 1.0) / count)


def signal_by_depth(
    initializer: Initializer, activation: str, depth: int, width: int = 256, num_samples: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """让信号穿过 ``depth`` 层再让梯度传回来，返回各层输出的标准差与各层输入处梯度的标准差。

    两个结果都是 (depth + 1,)：前者第 0 个是输入（标准正态分布），第 l 个是第 l 层的输出；
    后者最后一个是最末层输出处的梯度（标准正态分布），第 0 个是传到输入的梯度。
    """
    function, derivative = ACTIVATIONS[activation]
    generator = np.random.default_rng(0)
    x = generator.standard_normal((num_samples, width))  # (N, width)
    outputs, weights, sums = [x], [], []
    for _ in range(depth):
        w = initializer(width, width, generator)
        z = outputs[-1] @ w
        weights.append(w)
        sums.append(z)
        outputs.append(function(z))  # (N, width)
    gradients = [generator.standard_normal((num_samples, width))]
    for w, z in zip(reversed(weights), reversed(sums)):
        # ∂L/∂x = (∂L/∂y·f′(z))·Wᵀ
        gradients.append((gradients[-1] * derivative(z)) @ w.T)
    return np.array([y.std() for y in outputs]), np.array([g.std() for g in reversed(gradients)])


# 图与表中比较的几种做法：说明 -> (初始化, 激活函数)
SCHEMES: dict[str, tuple[Initializer, str]] = {
    "N(0, 0.01²) + tanh": (normal(0.01), "tanh"),
    "Xavier + sigmoid": (xavier_normal, "sigmoid"),
    "Xavier + tanh": (xavier_normal, "tanh"),
    "Xavier + ReLU": (xavier_normal, "relu"),
    "He + ReLU": (he_normal, "relu"),
    "N(0, 0.15²) + ReLU": (normal(0.15), "relu"),
}


def depth_table(depths: Sequence[int]) -> list[tuple[str, str, list[float]]]:
    """各种做法在 ``depths`` 这些深度上的标准差，每行是（做法，输出或梯度，各深度的数）。

    梯度一行的第 l 个数，是从最末层往回走了 l 层之后的梯度。
    """
    rows = []
    for name, (initializer, activation) in SCHEMES.items():
        outputs, gradients = signal_by_depth(initializer, activation, max(depths))
        rows.append((name, "输出", [float(outputs[depth]) for depth in depths]))
        rows.append((name, "梯度", [float(gradients[::-1][depth]) for depth in depths]))
    return rows


def first_overflow(std: float, depth: int, dtype: str, width: int = 256) -> tuple[int | None, int | None]:
    """ReLU 网络用 ``dtype`` 做前向，返回第几层最先出现无穷大、第几层最先出现 NaN；没有则为 None。

    float16 最大只到 65,504，再大就是无穷大；下一层里无穷大与无穷大相减，成了 NaN。
    """
    generator = np.random.default_rng(0)
    x = generator.standard_normal((4, width)).astype(dtype)  # (4, width)
    infinite = nan = None
    with np.errstate(over="ignore", invalid="ignore"):
        for layer in range(1, depth + 1):
            x = relu(x @ normal(std)(width, width, generator).astype(dtype)).astype(dtype)
            if infinite is None and np.isinf(x).any():
                infinite = layer
            if nan is None and np.isnan(x).any():
                nan = layer
    return infinite, nan
