"""第 3 章的题目：激活函数、神经元、全连接、多层感知机、自动求导、丢弃法、初始化、求导。"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from paddle_notes.ch03_neural_networks import (
    activations,
    derivatives,
    initialization,
    mlp,
    perceptron,
    shared_weights,
)
from paddle_notes.ch03_neural_networks import dropout as dropout_by_hand
from paddle_notes.ch03_neural_networks.autograd import Tensor

from .core import Moment, Topic, functional, layer

NUM_DRAWS = (250, 400)  # 权重的形状，共 10⁵ 个


def away_from_zero(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """绝对值在 0.1 到 2 之间的随机数：在 0 处有折的函数，差分不会跨过折点。"""
    return generator.uniform(0.1, 2.0, shape) * generator.choice([-1.0, 1.0], shape)


def named(backward: Callable, *names: str) -> Callable:
    """把返回若干个梯度的反向，变成返回 {输入的名字: 梯度} 的。"""

    def wrapped(dy, **inputs):
        return dict(zip(names, backward(dy, **inputs)))

    return wrapped


# ---------------------------------------------------------------- 激活函数


def elementwise(name: str, primitive: Callable, function: Callable) -> Callable:
    """逐个元素的激活函数的题目：Paddle 的写法有基本运算与 ``paddle.nn.functional`` 两种。"""
    forward, derivative = getattr(activations, name), getattr(activations, f"{name}_derivative")

    def topic(generator: np.random.Generator) -> Topic:
        return Topic(
            inputs={"x": away_from_zero(generator, 4, 5)},
            forward=forward,
            backward=lambda dy, x: {"x": dy * derivative(x)},
            forms={"原语": functional(primitive), "paddle.nn": functional(function)},
        )

    return topic


def sigmoid_primitive(x):
    return 1.0 / (1.0 + paddle.exp(-x))


def tanh_primitive(x):
    return (paddle.exp(x) - paddle.exp(-x)) / (paddle.exp(x) + paddle.exp(-x))


def relu_primitive(x):
    return x.clip(min=0.0)


def leaky_relu_primitive(x, slope):
    return x.clip(min=0.0) + slope * x.clip(max=0.0)


def leaky_relu(generator: np.random.Generator) -> Topic:
    slope = 0.25  # float32 能精确表示
    return Topic(
        inputs={"x": away_from_zero(generator, 4, 5)},
        forward=partial(activations.leaky_relu, slope=slope),
        backward=lambda dy, x: {"x": dy * activations.leaky_relu_derivative(x, slope)},
        forms={
            "原语": functional(partial(leaky_relu_primitive, slope=slope)),
            "paddle.nn": functional(partial(F.leaky_relu, negative_slope=slope)),
        },
    )


def gelu_primitive(x):
    return x * 0.5 * (1.0 + paddle.erf(x / 2.0**0.5))


def softmax_primitive(x):
    e = paddle.exp(x - x.max(axis=-1, keepdim=True))
    return e / e.sum(axis=-1, keepdim=True)


def softmax(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={"x": generator.standard_normal((4, 5))},
        forward=activations.softmax,
        backward=lambda dy, x: {"x": activations.softmax_backward(dy, x)},
        forms={"原语": functional(softmax_primitive), "paddle.nn": functional(F.softmax)},
    )


# ---------------------------------------------------------------- 神经元、全连接、多层感知机


def perceptron_neuron(generator: np.random.Generator) -> Topic:
    def by_layer(linear, x):
        return F.sigmoid(linear(x)).squeeze(-1)

    def as_columns(form: Callable) -> Callable:
        """``nn.Linear`` 的权重是 (D, 1)、偏置是 (1,)，手写的是 (D,) 与 ()。"""

        def wrapped(dy, x, w, b):
            y, grads = form(dy, x=x, w=w[:, None], b=b[None])
            return y, {"x": grads["x"], "w": grads["w"][:, 0], "b": grads["b"][0]}

        return wrapped

    return Topic(
        inputs={
            "x": generator.standard_normal((4, 3)),
            "w": generator.standard_normal(3),
            "b": np.array(generator.standard_normal()),
        },
        forward=perceptron.neuron,
        backward=named(perceptron.neuron_backward, "x", "w", "b"),
        forms={
            "原语": functional(lambda x, w, b: sigmoid_primitive(x @ w + b)),
            "paddle.nn": as_columns(layer(lambda: nn.Linear(3, 1), {"w": "weight", "b": "bias"}, by_layer)),
        },
    )


def linear_layer(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={
            "x": generator.standard_normal((4, 3)),
            "w": generator.standard_normal((3, 2)),
            "b": generator.standard_normal(2),
        },
        forward=mlp.linear,
        backward=named(mlp.linear_backward, "x", "w", "b"),
        forms={
            "原语": functional(lambda x, w, b: x @ w + b),
            "paddle.nn": layer(lambda: nn.Linear(3, 2), {"w": "weight", "b": "bias"}),
        },
    )


def mlp_topic(generator: np.random.Generator) -> Topic:
    inputs = {
        "x": generator.standard_normal((3, 4)),
        "w1": generator.standard_normal((4, 5)),
        "b1": generator.standard_normal(5),
        "w2": generator.standard_normal((5, 2)),
        "b2": generator.standard_normal(2),
    }
    while np.abs(inputs["x"] @ inputs["w1"] + inputs["b1"]).min() < 0.01:  # 离 ReLU 的折点远一些
        inputs["b1"] = generator.standard_normal(5)
    parameters = {
        "w1": "hidden.0.weight",
        "b1": "hidden.0.bias",
        "w2": "classifier.weight",
        "b2": "classifier.bias",
    }
    return Topic(
        inputs=inputs,
        forward=mlp.mlp,
        backward=named(mlp.mlp_backward, "x", "w1", "b1", "w2", "b2"),
        forms={
            "原语": functional(mlp.mlp_primitives),
            # 4 个输入就是一张 2×2 的图像
            "paddle.nn": layer(lambda: mlp.MLP(2, image_size=2, hidden_sizes=(5,)), parameters),
        },
    )


def shared_weights_topic(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={"x": generator.standard_normal((4, 3)), "w": generator.standard_normal((3, 3))},
        forward=shared_weights.shared,
        backward=named(shared_weights.shared_backward, "x", "w"),
        forms={
            "原语": functional(lambda x, w: tanh_primitive(x @ w) @ w),
            "paddle.nn": layer(lambda: shared_weights.SharedLinear(3), {"w": "linear.weight"}),
        },
    )


# ---------------------------------------------------------------- 自动求导与求导


def composite(x, w, b, relu: Callable):
    """一张用到各种运算的计算图，:class:`Tensor` 与 Paddle 的张量都能照着算；有广播，x、w、b 都用了不止一次。

    Paddle 的张量没有 ``relu`` 方法，所以 ``relu`` 由外面给。
    """
    hidden = (x @ w + b).tanh()  # (3, 4)
    gate = hidden.sigmoid() * (x * x).sum(1).reshape(3, 1)  # (3, 4)
    positive = (gate - b / 2.0).exp() + 1.0
    squared = (positive.log() ** 2).mean(0)  # (4,)
    return squared.reshape(2, 2) @ w.transpose(1, 0).reshape(2, 4) + relu(-x).sum()  # (2, 4)


def autograd(generator: np.random.Generator) -> Topic:
    def build(**inputs):
        tensors = {name: Tensor(value) for name, value in inputs.items()}
        return composite(**tensors, relu=Tensor.relu), tensors

    def forward(**inputs):
        return build(**inputs)[0].data

    def backward(dy, **inputs):
        y, tensors = build(**inputs)
        y.backward(dy)
        return {name: tensor.grad for name, tensor in tensors.items()}

    return Topic(
        inputs={
            "x": away_from_zero(generator, 3, 2),
            "w": generator.standard_normal((2, 4)),
            "b": generator.standard_normal(4),
        },
        forward=forward,
        backward=backward,
        forms={"原语": functional(partial(composite, relu=F.relu))},
    )


def vector_derivative(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={"w": generator.standard_normal(4), "a": generator.standard_normal((4, 4))},
        forward=derivatives.quadratic_form,
        backward=named(derivatives.quadratic_form_backward, "w", "a"),
        forms={"原语": functional(lambda w, a: (w * (a @ w)).sum())},
    )


def matrix_derivative(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={
            "x": generator.standard_normal((4, 3)),
            "w": generator.standard_normal((3, 2)),
            "target": generator.standard_normal((4, 2)),
        },
        forward=derivatives.squared_error,
        backward=named(derivatives.squared_error_backward, "x", "w", "target"),
        forms={
            "原语": functional(lambda x, w, target: 0.5 * (x @ w - target).square().sum()),
            "paddle.nn": functional(lambda x, w, target: 0.5 * F.mse_loss(x @ w, target, reduction="sum")),
        },
    )


def chain_rule(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={name: np.array(generator.standard_normal()) for name in ("x", "w", "b", "target")},
        forward=derivatives.neuron_loss,
        backward=named(derivatives.neuron_loss_backward, "x", "w", "b", "target"),
        forms={
            "原语": functional(lambda x, w, b, target: (sigmoid_primitive(w * x + b) - target) ** 2),
            "paddle.nn": functional(lambda x, w, b, target: F.mse_loss(F.sigmoid(w * x + b), target)),
        },
    )


# ---------------------------------------------------------------- 随机的题目


def dropout(generator: np.random.Generator) -> Topic:
    """给定掩码，值与梯度相等；掩码本身以矩检验。

    ``paddle.nn`` 的掩码不能由外面给，但同样的种子得到同样的掩码：先对全 1 的张量做一次，看出哪些被丢弃。
    """
    p, shape = 0.5, (4, 5)
    seed = int(generator.integers(2**31))

    def by_paddle(x):
        paddle.seed(seed)
        return F.dropout(x, p)

    mask = (by_paddle(paddle.ones(shape, "float64")).numpy() > 0).astype(float)
    return Topic(
        inputs={"x": away_from_zero(generator, *shape)},
        forward=lambda x: dropout_by_hand.dropout(x, mask, p),
        backward=lambda dy, x: {"x": dropout_by_hand.dropout_backward(dy, mask, p)},
        forms={
            "原语": functional(lambda x: x * paddle.to_tensor(mask) / (1.0 - p)),
            "paddle.nn": functional(by_paddle),
        },
        moments=dropout_moments(generator),
    )


def dropout_moments(generator: np.random.Generator) -> tuple[Moment, ...]:
    """丢弃概率 1/4，对 10⁵ 个 1：均值仍是 1，被丢弃的占 1/4；界限见 :func:`dropout.moment_bounds`。"""
    p, ones = 0.25, np.ones(NUM_DRAWS)
    mean_bound, zeros_bound = dropout_by_hand.moment_bounds(p, ones.size)
    paddle.seed(int(generator.integers(2**31)))
    outputs = {
        "numpy": dropout_by_hand.dropout(ones, dropout_by_hand.sample_mask(ones.shape, p, generator), p),
        "paddle.nn": F.dropout(paddle.to_tensor(ones), p).numpy(),
    }
    moments = []
    for form, y in outputs.items():
        moments.append(Moment(f"{form} 均值", float(y.mean()), 1.0, mean_bound))
        moments.append(Moment(f"{form} 丢弃的比例", float((y == 0).mean()), p, zeros_bound))
    return tuple(moments)


def initializer(by_hand: Callable, by_paddle: Callable, variance: float, kurtosis: float) -> Callable:
    """一种初始化的题目：手写的与 ``paddle.nn`` 的，10⁵ 个权重的均值与方差都在界限之内。

    界限的推导见 :func:`initialization.moment_bounds`。
    """

    def topic(generator: np.random.Generator) -> Topic:
        paddle.seed(int(generator.integers(2**31)))
        draws = {
            "numpy": by_hand(*NUM_DRAWS, generator),
            "paddle.nn": nn.Linear(*NUM_DRAWS, weight_attr=by_paddle()).weight.numpy().astype("float64"),
        }
        moments = []
        for form, weights in draws.items():
            mean_bound, variance_bound = initialization.moment_bounds(variance, kurtosis, weights.size)
            moments.append(Moment(f"{form} 均值", float(weights.mean()), 0.0, mean_bound))
            moments.append(Moment(f"{form} 方差", float(weights.var()), variance, variance_bound))
        return Topic(moments=tuple(moments))

    return topic


N_IN, N_OUT = NUM_DRAWS
UNIFORM, NORMAL = 1.8, 3.0  # 峰度

TOPICS: dict[str, Callable[[np.random.Generator], Topic]] = {
    "sigmoid": elementwise("sigmoid", sigmoid_primitive, F.sigmoid),
    "tanh": elementwise("tanh", tanh_primitive, F.tanh),
    "relu": elementwise("relu", relu_primitive, F.relu),
    "leaky_relu": leaky_relu,
    "gelu": elementwise("gelu", gelu_primitive, F.gelu),
    "softmax": softmax,
    "perceptron_neuron": perceptron_neuron,
    "linear_layer": linear_layer,
    "mlp": mlp_topic,
    "shared_weights": shared_weights_topic,
    "vector_derivative": vector_derivative,
    "matrix_derivative": matrix_derivative,
    "chain_rule": chain_rule,
    "autograd": autograd,
    "dropout": dropout,
    "xavier_uniform": initializer(
        initialization.xavier_uniform, nn.initializer.XavierUniform, 2.0 / (N_IN + N_OUT), UNIFORM
    ),
    "xavier_normal": initializer(
        initialization.xavier_normal, nn.initializer.XavierNormal, 2.0 / (N_IN + N_OUT), NORMAL
    ),
    "he_uniform": initializer(initialization.he_uniform, nn.initializer.KaimingUniform, 2.0 / N_IN, UNIFORM),
    "he_normal": initializer(initialization.he_normal, nn.initializer.KaimingNormal, 2.0 / N_IN, NORMAL),
}
