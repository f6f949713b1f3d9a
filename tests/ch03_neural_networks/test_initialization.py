"""初始化：信号与梯度每过一层乘以多少，float16 的溢出。方差由 test_ch03_topics 检查。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch03_neural_networks.initialization import (
    SCHEMES,
    constant,
    depth_table,
    first_overflow,
    he_normal,
    he_uniform,
    moment_bounds,
    normal,
    signal_by_depth,
    xavier_normal,
    xavier_uniform,
)


def test_constant_and_small_random():
    generator = np.random.default_rng(0)
    assert (constant(0.5)(3, 2, generator) == np.full((3, 2), 0.5)).all()
    weights = normal(0.01)(200, 100, generator)
    assert weights.shape == (200, 100)
    assert abs(weights.std() / 0.01 - 1) < 0.03


@pytest.mark.parametrize(
    ("initializer", "limit"), [(xavier_uniform, np.sqrt(6 / 300)), (he_uniform, np.sqrt(6 / 200))]
)
def test_uniform_limits(initializer, limit):
    weights = initializer(200, 100, np.random.default_rng(0))
    assert 0.99 * limit < np.abs(weights).max() < limit


def test_moment_bounds_hold_and_are_tight():
    """界限是 5 倍标准误差：重复 400 次，误差的标准差应是界限的 1/5。"""
    generator = np.random.default_rng(0)
    for draw, variance, kurtosis in (
        (lambda: generator.normal(0, 2, 500), 4.0, 3.0),
        (lambda: generator.uniform(-3, 3, 500), 3.0, 1.8),
    ):
        samples = np.array([draw() for _ in range(400)])
        mean_bound, variance_bound = moment_bounds(variance, kurtosis, 500)
        np.testing.assert_allclose(samples.mean(axis=1).std(), mean_bound / 5, rtol=0.15)
        np.testing.assert_allclose(samples.var(axis=1).std(), variance_bound / 5, rtol=0.15)


@pytest.mark.parametrize("std", [0.05, 0.15])
def test_relu_scales_by_a_known_factor_each_layer(std):
    """Var(y) = n·σ²·E[x²]，ReLU 又使 E[x²] 减半：每层的方差乘以 n·σ²/2，梯度同样。"""
    outputs, gradients = signal_by_depth(normal(std), "relu", depth=20)
    factor = std * np.sqrt(256 / 2)
    assert outputs.shape == gradients.shape == (21,)
    np.testing.assert_allclose((outputs[20] / outputs[1]) ** (1 / 19), factor, rtol=0.03)
    np.testing.assert_allclose((gradients[0] / gradients[20]) ** (1 / 20), factor, rtol=0.03)


def test_he_keeps_relu_alive_and_xavier_halves_the_variance():
    he = signal_by_depth(he_normal, "relu", depth=50)
    xavier = signal_by_depth(xavier_normal, "relu", depth=50)
    assert all(0.2 < scale < 5 for sequence in he for scale in sequence)
    np.testing.assert_allclose((xavier[0][50] / xavier[0][1]) ** (1 / 49), np.sqrt(1 / 2), rtol=0.03)


def test_vanishing_and_exploding_over_fifty_layers():
    rows = {(name, what): values for name, what, values in depth_table([1, 50])}
    assert len(rows) == 2 * len(SCHEMES)
    assert max(rows["N(0, 0.01²) + tanh", "输出"][1], rows["N(0, 0.01²) + tanh", "梯度"][1]) < 1e-35
    assert rows["Xavier + sigmoid", "输出"][1] > 0.05  # 输出正常，梯度却没有了
    assert rows["Xavier + sigmoid", "梯度"][1] < 1e-25
    assert min(rows["Xavier + tanh", what][1] for what in ("输出", "梯度")) > 0.01
    assert min(rows["N(0, 0.15²) + ReLU", what][1] for what in ("输出", "梯度")) > 1e9


def test_float16_overflows_where_float32_does_not():
    """每层乘以 0.15·√128 ≈ 1.70，标准正态的最大值约 3：ln(65504/3)/ln 1.70 ≈ 19 层后超出 float16。"""
    infinite, nan = first_overflow(0.15, 30, "float16")
    assert 16 <= infinite <= 21
    assert nan == infinite + 1
    assert first_overflow(0.15, 30, "float32") == (None, None)
    assert first_overflow(np.sqrt(2 / 256), 30, "float16") == (None, None)  # He 的标准差
