"""权重衰减：等于 L2 惩罚的一步，等于 Paddle 的 SGD；对 Adam 两者不同。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddle_notes.ch03_neural_networks.weight_decay import decayed_step, penalized_step


def test_decay_is_the_l2_penalty_for_sgd():
    generator = np.random.default_rng(0)
    w, gradient = generator.standard_normal((2, 5))
    np.testing.assert_allclose(
        decayed_step(w, gradient, 0.5, 0.25), penalized_step(w, gradient, 0.5, 0.25), rtol=1e-14
    )
    np.testing.assert_array_equal(decayed_step(np.array([1.0]), np.array([0.0]), 0.5, 0.5), [0.75])


def paddle_step(optimizer_class, w: np.ndarray, gradient: np.ndarray, lr: float, decay: float) -> np.ndarray:
    parameter = paddle.create_parameter([len(w)], "float64")
    parameter.set_value(paddle.to_tensor(w))
    optimizer = optimizer_class(lr, parameters=[parameter], weight_decay=decay)
    (parameter * paddle.to_tensor(gradient)).sum().backward()
    optimizer.step()
    return parameter.numpy()


def test_equals_paddle_sgd():
    w, gradient = np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.25, -1.0])
    expected = paddle_step(paddle.optimizer.SGD, w, gradient, 0.5, 0.25)
    np.testing.assert_allclose(decayed_step(w, gradient, 0.5, 0.25), expected, rtol=1e-15)


def test_adam_with_a_penalty_is_not_adamw():
    """Adam 的第一步只看梯度的符号：惩罚不改变符号，就毫无作用；AdamW 则照样把权重缩小 η·λ·w。"""
    w, gradient = np.array([1.0, 2.0]), np.array([1.0, 1.0])
    with_penalty = paddle_step(paddle.optimizer.Adam, w, gradient, 0.125, 0.5)
    decoupled = paddle_step(paddle.optimizer.AdamW, w, gradient, 0.125, 0.5)
    np.testing.assert_allclose(with_penalty, w - 0.125, atol=1e-6)
    np.testing.assert_allclose(decoupled, w - 0.125 - 0.125 * 0.5 * w, atol=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_without_gradient_the_weight_decays_geometrically(decay):
    w = np.array([8.0])
    for _ in range(3):
        w = decayed_step(w, np.zeros(1), 1.0, decay)
    assert w == 8 * (1 - decay) ** 3
