"""激活函数：±10⁴ 处稳定、尾部精确、导数的界、softmax 的雅可比矩阵。

值与梯度等于 Paddle 的，由 test_ch03_topics 检查。
"""

from __future__ import annotations

import math

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes.ch03_neural_networks import activations
from paddle_notes.ch03_neural_networks.activations import (
    leaky_relu_derivative,
    relu_derivative,
    sigmoid,
    sigmoid_derivative,
    softmax,
    softmax_backward,
    tanh,
    tanh_derivative,
)

# 名字 -> (f(−10⁴), f(10⁴), f′(−10⁴), f′(10⁴))
LIMITS = {
    "sigmoid": (0, 1, 0, 0),
    "tanh": (-1, 1, 0, 0),
    "relu": (0, 1e4, 0, 1),
    "leaky_relu": (-1e2, 1e4, 0.01, 1),
    "gelu": (0, 1e4, 0, 1),
}


@pytest.mark.parametrize("name", LIMITS)
def test_stable_at_ten_thousand(name):
    x = np.array([-1e4, 1e4])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        values = getattr(activations, name)(x)
        derivatives = getattr(activations, f"{name}_derivative")(x)
    np.testing.assert_array_equal([*values, *derivatives], LIMITS[name])


def test_softmax_is_stable_at_ten_thousand():
    x = np.array([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        p = softmax(x)
        dx = softmax_backward(np.eye(2, 3), x)
    np.testing.assert_allclose(p, [[0.5, 0, 0.5], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-15)
    np.testing.assert_allclose(dx, [[0.25, 0, -0.25], [-1 / 9, 2 / 9, -1 / 9]], atol=1e-16)


def test_tails_are_not_rounded_to_zero():
    """x = ±40 时 1 − σ(x) 与 1 − tanh²(x) 相减得 0，而真正的导数不是 0。"""
    tail = math.exp(-40)
    np.testing.assert_allclose(sigmoid(np.array(-40.0)), tail, rtol=1e-15)
    np.testing.assert_allclose(sigmoid_derivative(np.array([-40.0, 40.0])), tail, rtol=1e-15)
    np.testing.assert_allclose(tanh_derivative(np.array([-20.0, 20.0])), 4 * tail, rtol=1e-15)
    # gelu(−10) = −10·Φ(−10)，Φ(−10) = 7.619853024160527e-24
    np.testing.assert_allclose(activations.gelu(np.array(-10.0)), -7.619853024160527e-23, rtol=1e-12)


def test_bounds_of_the_derivatives():
    x = np.linspace(-5, 5, 1001)
    assert sigmoid_derivative(x).max() == sigmoid_derivative(np.array(0.0)) == 0.25
    assert tanh_derivative(x).max() == tanh_derivative(np.array(0.0)) == 1.0
    np.testing.assert_allclose(tanh(x), 2 * sigmoid(2 * x) - 1, atol=1e-15)
    np.testing.assert_allclose(tanh_derivative(x), 1 - tanh(x) ** 2, atol=1e-15)


def test_derivative_at_zero_is_that_of_paddle():
    for function, derivative in ((F.relu, relu_derivative), (F.leaky_relu, leaky_relu_derivative)):
        x = paddle.zeros([1], "float64")
        x.stop_gradient = False
        function(x).backward()
        np.testing.assert_allclose(derivative(np.zeros(1)), x.grad.numpy(), rtol=1e-7)


def test_softmax_is_a_distribution_and_ignores_shifts():
    x = np.random.default_rng(0).standard_normal((5, 4))
    np.testing.assert_allclose(softmax(x).sum(axis=1), 1, rtol=1e-15)
    np.testing.assert_allclose(softmax(x + 100), softmax(x), rtol=1e-13)
    # 两类的 softmax 就是分数之差的 sigmoid
    np.testing.assert_allclose(softmax(x[:, :2])[:, 0], sigmoid(x[:, 0] - x[:, 1]), rtol=1e-14)


def test_softmax_backward_equals_the_full_jacobian():
    generator = np.random.default_rng(0)
    x, dy = generator.standard_normal((2, 1, 6))
    p = softmax(x)[0]
    jacobian = np.diag(p) - np.outer(p, p)  # ∂p_i/∂x_j = p_i·(1[i = j] − p_j)
    np.testing.assert_allclose(softmax_backward(dy, x)[0], jacobian.T @ dy[0], rtol=1e-13)
