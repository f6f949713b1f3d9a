"""证明几种写法是同一件事：值相等、梯度相等，手推的梯度经得起差分检验。

一个题目（:class:`Topic`）由手写的 NumPy 前向与反向，和若干 Paddle 写法组成。检查分三步，都用 float64：

1. 前向：各写法的输出之差；
2. 反向：给定输出的梯度 ∂L/∂y（随机取），各写法求得的 ∂L/∂x 之差；
3. 差分：L(x) = Σ dy·y(x)，手推的 ∂L/∂x 与 (L(x + h) − L(x − h)) / 2h 之差。

差都是相对的：|a − b| / max(1, |a|, |b|) 的最大值。随机的题目（丢弃法、初始化）另以矩来检验，
见 :class:`Moment`。
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np

VALUE_BAR = 1e-10
GRAD_BAR = 1e-8
GRADCHECK_BAR = 1e-6

Arrays = dict[str, np.ndarray]
# 一种 Paddle 写法：给定 ∂L/∂y（不求梯度时为 None）与各输入，返回 (y, 各输入的梯度)
Form = Callable[..., tuple[np.ndarray, Arrays]]


@dataclass(frozen=True)
class Moment:
    """随机量的一项统计：``measured`` 应落在 ``expected`` 左右 ``bound`` 之内。

    ``bound`` 由抽样个数推出，例如均值取 5σ/√n：正确的实现越界的概率小于百万分之一。
    """

    name: str
    measured: float
    expected: float
    bound: float

    @property
    def passed(self) -> bool:
        return abs(self.measured - self.expected) <= self.bound


@dataclass(frozen=True)
class Topic:
    """一个题目。

    属性：
        inputs: 输入的名字 -> float64 数组，要对它们求梯度。
        forward: 手写的前向，``forward(**inputs)`` 返回 y。没有前向的题目（只有矩）为 None。
        backward: 手写的反向，``backward(dy, **inputs)`` 返回 {输入的名字: 梯度}；没有梯度的题目为 None。
        forms: 写法的名字 -> Paddle 写法，用 :func:`functional` 或 :func:`layer` 造。
        moments: 随机的题目的各项统计。
        value_bar: 值之差的界限，只在 Paddle 把某个常数存成 float32 时放宽到 1e-6，并写明 ``note``。
        note: 说明。
    """

    inputs: Arrays = field(default_factory=dict)
    forward: Callable[..., np.ndarray] | None = None
    backward: Callable[..., Arrays] | None = None
    forms: dict[str, Form] = field(default_factory=dict)
    moments: tuple[Moment, ...] = ()
    value_bar: float = VALUE_BAR
    note: str = ""


@dataclass(frozen=True)
class Result:
    """一个题目的结果；没有做的检查为 None。"""

    topic: str
    value_diff: float | None
    grad_diff: float | None
    gradcheck: float | None
    passed: bool
    forms: tuple[str, ...] = ()
    moments: tuple[Moment, ...] = ()
    note: str = ""

    def as_dict(self) -> dict:
        return asdict(self)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """两个数组的最大相对差；形状不同或有 NaN 时为无穷大。"""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return float("inf")
    if a.size == 0:
        return 0.0
    gap = np.abs(a - b) / np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    return float("inf") if np.isnan(gap).any() else float(gap.max())


def central_difference(function: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """标量函数在 ``x`` 处的差分梯度：每个分量 (f(x + h) − f(x − h)) / 2h，误差 O(h²)。"""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (function(x + step) - function(x - step)) / (2 * h)
    return gradient


def gradient_check(topic: Topic, dy: np.ndarray) -> float:
    """手推的梯度与差分梯度的最大相对差。"""
    gradients = topic.backward(dy, **topic.inputs)
    worst = 0.0
    for name, value in topic.inputs.items():

        def scalar(x, name=name):
            return float(np.sum(dy * topic.forward(**{**topic.inputs, name: x})))

        worst = max(worst, difference(gradients[name], central_difference(scalar, value)))
    return worst


def check(name: str, topic: Topic, generator: np.random.Generator) -> Result:
    """检查一个题目。"""
    value_diff = grad_diff = gradcheck = None
    if topic.forward is not None:
        y = np.asarray(topic.forward(**topic.inputs))
        dy = generator.standard_normal(y.shape) if topic.backward is not None else None
        outcomes = [form(dy, **topic.inputs) for form in topic.forms.values()]
        value_diff = max((difference(y, value) for value, _ in outcomes), default=0.0)
        if topic.backward is not None:
            by_hand = topic.backward(dy, **topic.inputs)
            grad_diff = max(
                (difference(by_hand[key], grads[key]) for _, grads in outcomes for key in topic.inputs),
                default=0.0,
            )
            gradcheck = gradient_check(topic, dy)
    passed = (
        (value_diff is None or value_diff <= topic.value_bar)
        and (grad_diff is None or grad_diff <= max(GRAD_BAR, topic.value_bar))
        and (gradcheck is None or gradcheck <= GRADCHECK_BAR)
        and all(moment.passed for moment in topic.moments)
    )
    if topic.moments and value_diff is None:
        value_diff = max(abs(moment.measured - moment.expected) for moment in topic.moments)
    forms = ("numpy", *topic.forms) if topic.forward is not None else tuple(topic.forms)
    return Result(name, value_diff, grad_diff, gradcheck, passed, forms, topic.moments, topic.note)


def functional(function: Callable) -> Form:
    """把一个 Paddle 函数（接受与返回张量）变成一种写法，梯度由 Paddle 的自动求导给出。"""
    import paddle

    def form(dy: np.ndarray | None, **inputs: np.ndarray) -> tuple[np.ndarray, Arrays]:
        tensors = {name: paddle.to_tensor(value, stop_gradient=False) for name, value in inputs.items()}
        y = function(**tensors)
        if dy is None:
            return y.numpy(), {}
        y.backward(paddle.to_tensor(dy))
        return y.numpy(), {name: gradient_of(tensor) for name, tensor in tensors.items()}

    return form


def gradient_of(tensor) -> np.ndarray:
    """张量的梯度；没有用到它时 Paddle 给出 None，即 0。"""
    return np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()


def layer(
    build: Callable,
    parameters: dict[str, str],
    call: Callable | None = None,
    transposed: tuple[str, ...] = (),
) -> Form:
    """把一个 ``paddle.nn`` 层变成一种写法。

    参数：
        build: 造层的函数，如 ``lambda: nn.Linear(4, 3)``；造出后转成 float64。
        parameters: 输入的名字 -> 层的参数的名字，如 ``{"w": "weight"}``；这些输入复制进层里，梯度从层里取。
        call: ``call(layer, **其余输入)`` 返回 y；默认依次传给层。
        transposed: 其中哪些输入与层里的参数互为转置。
    """
    import paddle

    def form(dy: np.ndarray | None, **inputs: np.ndarray) -> tuple[np.ndarray, Arrays]:
        net = build()
        net.to(dtype="float64")
        own = dict(net.named_parameters())
        for name, key in parameters.items():
            value = inputs[name].T if name in transposed else inputs[name]
            own[key].set_value(paddle.to_tensor(np.ascontiguousarray(value)))
        tensors = {
            name: paddle.to_tensor(value, stop_gradient=False)
            for name, value in inputs.items()
            if name not in parameters
        }
        y = call(net, **tensors) if call else net(*tensors.values())
        if dy is None:
            return y.numpy(), {}
        y.backward(paddle.to_tensor(dy))
        grads = {name: gradient_of(tensor) for name, tensor in tensors.items()}
        for name, key in parameters.items():
            gradient = gradient_of(own[key])
            grads[name] = gradient.T if name in transposed else gradient
        return y.numpy(), grads

    return form
