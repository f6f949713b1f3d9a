"""第 2 章的后一半：惩罚的值与梯度，优化器走五步之后的参数。

优化器的题目没有对输入的梯度可比：值是参数，输入是起点与五步的梯度。
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paddle_notes.ch02_linear_models import optimizers, regularization
from paddle_notes.verification.core import Form, Topic, functional

# Paddle 把这些常数存成 float32，所以都取能精确表示的数
STRENGTH, L1_RATIO = 0.75, 0.25
LR, MOMENTUM, BETA1, BETA2, EPSILON, WEIGHT_DECAY = 0.125, 0.5, 0.5, 0.75, 2.0**-20, 0.25


def weights(generator: np.random.Generator) -> np.ndarray:
    """(3, 2)，绝对值在 0.25 到 1.25 之间：差分不会跨过 |w| 在 0 处的尖点。"""
    return generator.choice([-1.0, 1.0], (3, 2)) * generator.uniform(0.25, 1.25, (3, 2))


def l1_penalty(generator: np.random.Generator) -> Topic:
    import paddle
    import paddle.nn.functional as F

    return Topic(
        inputs={"w": weights(generator)},
        forward=lambda w: regularization.l1_penalty(w, STRENGTH),
        backward=lambda dy, w: {"w": dy * regularization.l1_penalty_gradient(w, STRENGTH)},
        forms={
            "原语": functional(lambda w: STRENGTH * w.abs().sum()),
            "paddle.nn": functional(lambda w: STRENGTH * F.l1_loss(w, paddle.zeros_like(w), reduction="sum")),
        },
    )


def l2_penalty(generator: np.random.Generator) -> Topic:
    import paddle
    import paddle.nn.functional as F

    return Topic(
        inputs={"w": weights(generator)},
        forward=lambda w: regularization.l2_penalty(w, STRENGTH),
        backward=lambda dy, w: {"w": dy * regularization.l2_penalty_gradient(w, STRENGTH)},
        forms={
            "原语": functional(lambda w: STRENGTH / 2 * (w * w).sum()),
            "paddle.nn": functional(
                lambda w: STRENGTH / 2 * F.mse_loss(w, paddle.zeros_like(w), reduction="sum")
            ),
        },
    )


def elastic_net(generator: np.random.Generator) -> Topic:
    import paddle
    import paddle.nn.functional as F

    def by_losses(w):
        zeros = paddle.zeros_like(w)
        absolute = F.l1_loss(w, zeros, reduction="sum")
        squared = F.mse_loss(w, zeros, reduction="sum")
        return STRENGTH * (L1_RATIO * absolute + (1 - L1_RATIO) / 2 * squared)

    return Topic(
        inputs={"w": weights(generator)},
        forward=lambda w: regularization.elastic_net_penalty(w, STRENGTH, L1_RATIO),
        backward=lambda dy, w: {"w": dy * regularization.elastic_net_penalty_gradient(w, STRENGTH, L1_RATIO)},
        forms={
            "原语": functional(
                lambda w: STRENGTH * (L1_RATIO * w.abs().sum() + (1 - L1_RATIO) / 2 * (w * w).sum())
            ),
            "paddle.nn": functional(by_losses),
        },
    )


def optimizer_topic(generator: np.random.Generator, by_hand: Callable, by_paddle: Callable) -> Topic:
    """一个优化器走五步。``by_hand()`` 造手写的，``by_paddle(参数)`` 造 Paddle 的。

    参数是权重 (3, 2) 与偏置 (2,)，返回的值是二者展平之后接在一起，(8,)。
    """
    inputs = {
        "w": generator.standard_normal((3, 2)),
        "b": generator.standard_normal(2),
        "w_grads": generator.standard_normal((5, 3, 2)),
        "b_grads": generator.standard_normal((5, 2)),
    }

    def forward(w, b, w_grads, b_grads):
        params, optimizer = [w.copy(), b.copy()], by_hand()
        for grads in zip(w_grads, b_grads):
            optimizer.step(params, list(grads))
        return np.concatenate([param.ravel() for param in params])

    return Topic(inputs=inputs, forward=forward, forms={"paddle.optimizer": optimizer_form(by_paddle)})


def optimizer_form(build: Callable) -> Form:
    """把一个 Paddle 优化器变成一种写法：损失取 Σ w·g，它对 w 的梯度就是给定的 g。"""
    import paddle

    def form(_, w, b, w_grads, b_grads):
        params = [paddle.create_parameter(value.shape, "float64") for value in (w, b)]
        for param, value in zip(params, (w, b)):
            param.set_value(paddle.to_tensor(value))
        optimizer = build(params)
        for grads in zip(w_grads, b_grads):
            sum((param * paddle.to_tensor(grad)).sum() for param, grad in zip(params, grads)).backward()
            optimizer.step()
            optimizer.clear_grad()
        return np.concatenate([param.numpy().ravel() for param in params]), {}

    return form


def sgd(generator: np.random.Generator) -> Topic:
    from paddle.optimizer import SGD

    return optimizer_topic(generator, lambda: optimizers.SGD(LR), lambda params: SGD(LR, params))


def momentum(generator: np.random.Generator) -> Topic:
    from paddle.optimizer import Momentum

    return optimizer_topic(
        generator, lambda: optimizers.Momentum(LR, MOMENTUM), lambda params: Momentum(LR, MOMENTUM, params)
    )


def adam(generator: np.random.Generator) -> Topic:
    from paddle.optimizer import Adam

    return optimizer_topic(
        generator,
        lambda: optimizers.Adam(LR, BETA1, BETA2, EPSILON),
        lambda params: Adam(LR, BETA1, BETA2, EPSILON, params),
    )


def adamw(generator: np.random.Generator) -> Topic:
    """权重衰减，偏置不衰减。"""
    from paddle.optimizer import AdamW

    def by_paddle(params):
        weight, bias = params
        groups = [
            {"params": [weight], "weight_decay": WEIGHT_DECAY},
            {"params": [bias], "weight_decay": 0.0},
        ]
        return AdamW(LR, BETA1, BETA2, EPSILON, groups)

    return optimizer_topic(
        generator,
        lambda: optimizers.Adam(LR, BETA1, BETA2, EPSILON, WEIGHT_DECAY),
        by_paddle,
    )


TOPICS: dict[str, Callable[[np.random.Generator], Topic]] = {
    "sgd": sgd,
    "momentum": momentum,
    "adam": adam,
    "adamw": adamw,
    "l1_penalty": l1_penalty,
    "l2_penalty": l2_penalty,
    "elastic_net": elastic_net,
}
