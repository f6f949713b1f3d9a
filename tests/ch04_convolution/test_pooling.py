"""池化：手算的例子、没有参数、对小的平移有多不敏感。梯度在 test_ch04_topics 里检查。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.ch04_convolution import pooling
from paddle_notes.ch04_convolution.conv2d import depthwise_conv2d
from paddle_notes.ch04_convolution.figures import POOLS, digits, edge_maps

X = np.array([[1.0, 3, 2, 0], [4, 2, 1, 1], [0, 1, 5, 6], [1, 2, 7, 8]])[None, None]


def test_by_hand():
    assert pooling.max_pool2d(X, 2, 2).tolist() == [[[[4, 2], [2, 8]]]]
    assert pooling.average_pool2d(X, 2, 2).tolist() == [[[[2.5, 1], [1, 6.5]]]]
    assert pooling.max_pool2d(X, 3, 1).tolist() == [[[[5, 6], [7, 8]]]]


def test_gradients_by_hand():
    dy = np.array([[1.0, 2], [3, 4]])[None, None]
    expected = np.zeros((4, 4))
    expected[1, 0], expected[0, 2], expected[3, 1], expected[3, 3] = 1, 2, 3, 4
    np.testing.assert_array_equal(pooling.max_pool2d_backward(dy, X, 2, 2)[0, 0], expected)
    shared = pooling.average_pool2d_backward(dy, X, 2, 2)[0, 0]
    np.testing.assert_array_equal(shared, np.kron(dy[0, 0] / 4, np.ones((2, 2))))


def test_tie_goes_to_the_first():
    gradient = pooling.max_pool2d_backward(np.ones((1, 1, 1, 1)), np.zeros((1, 1, 2, 2)), 2, 2)
    assert gradient[0, 0].tolist() == [[1, 0], [0, 0]]


def test_pooling_has_no_parameters_and_keeps_the_channels():
    for layer in (nn.MaxPool2D(2), nn.AvgPool2D(2)):
        assert layer.parameters() == []
        assert layer(paddle.zeros([2, 5, 8, 6])).shape == [2, 5, 4, 3]


def test_average_pooling_is_a_depthwise_convolution_with_a_constant_kernel():
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    kernel = np.full((3, 1, 2, 2), 1 / 4)
    np.testing.assert_allclose(
        pooling.average_pool2d(x, 2, 2), depthwise_conv2d(x, kernel, stride=2), atol=1e-15
    )


def test_relu_and_max_pooling_commute_but_average_does_not():
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6))

    def relu(values):
        return np.maximum(values, 0)

    np.testing.assert_array_equal(relu(pooling.max_pool2d(x, 2, 2)), pooling.max_pool2d(relu(x), 2, 2))
    gap = relu(pooling.average_pool2d(x, 2, 2)) - pooling.average_pool2d(relu(x), 2, 2)
    assert np.abs(gap).max() > 0.1


def test_a_feature_that_stays_in_its_window_does_not_change_the_output():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 0] = 1
    assert pooling.shift_change(lambda x: pooling.max_pool2d(x, 2, 2), x, right=1) == 0  # 列 0 → 列 1
    assert pooling.shift_change(lambda x: pooling.max_pool2d(x, 2, 2), x, right=2) == pytest.approx(2**0.5)
    assert pooling.shift_change(lambda x: x, x, right=1) == pytest.approx(2**0.5)


def test_tolerance_to_small_shifts_on_digits():
    """右移一个像素：不池化变 72%，2×2 最大池化变 53%，4×4 变 36%；隔一个取一个毫无帮助。"""
    maps = edge_maps(digits(200)[0])
    change = {name: pooling.shift_change(pool, maps, 1) for name, (_, pool) in POOLS.items()}
    assert change["不池化"] == pytest.approx(0.720, abs=0.005)
    assert change["隔一个取一个"] == pytest.approx(0.724, abs=0.005)
    assert change["2×2 平均池化"] == pytest.approx(0.584, abs=0.005)
    assert change["2×2 最大池化"] == pytest.approx(0.534, abs=0.005)
    assert change["4×4 平均池化"] == pytest.approx(0.374, abs=0.005)
    assert change["4×4 最大池化"] == pytest.approx(0.361, abs=0.005)
