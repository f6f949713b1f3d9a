"""自回归：认得出造数据的系数与阶数，与直接的最小二乘相同，与单位无关。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.config import SeriesData
from paddle_notes.data.autoregression import AutoRegression, lagged
from paddle_notes.data.series import load_sunspots, split


def simulate(weights: list[float], count: int, bias: float = 0.0, noise: float = 1.0) -> np.ndarray:
    """由 x_t = b + Σ w_k x_{t−k} + 噪声 造出的序列。"""
    generator, values = np.random.default_rng(0), [0.0] * len(weights)
    for _ in range(count):
        values.append(bias + np.dot(weights, values[: -len(weights) - 1 : -1]) + noise * generator.normal())
    return np.array(values)


def test_recovers_the_process():
    values = simulate([0.6, 0.0, -0.5], 20_000, bias=3.0)
    fitted = AutoRegression.fit(values, np.arange(20, len(values)), 12)
    assert not fitted.difference and len(fitted.weights) >= 4
    assert np.allclose(fitted.weights[:4], [3.0, 0.6, 0.0, -0.5], atol=0.06)
    assert np.abs(fitted.weights[4:]).max(initial=0) < 0.03


def test_a_random_walk_is_differenced():
    """随机游走的差分才有规律：差分服从 AR(1)。"""
    values = np.cumsum(simulate([0.5], 3000, bias=0.2))
    fitted = AutoRegression.fit(values, np.arange(20, len(values)), 8)
    assert fitted.name == "差分的 AR(1)"
    assert np.allclose(fitted.weights, [0.2, 0.5], atol=0.05)


def test_equal_to_least_squares():
    """系数与 numpy 的最小二乘相同，预测等于系数乘输入。"""
    train, _, test = load_sunspots(SeriesData(name="sunspots", window=24, period=11))
    fitted = AutoRegression.fit(train.values, train.targets, 24)
    assert fitted.name == "AR(8)"
    X, y = lagged(train.values, train.targets, 8), train.truth()
    expected = np.linalg.lstsq(X, y, rcond=None)[0]
    assert np.allclose(fitted.weights, expected, rtol=1e-6)
    forecast = fitted.forecast(test.values, test.targets)
    assert np.allclose(forecast, lagged(test.values, test.targets, 8) @ expected)
    t = test.targets[5]
    assert np.isclose(forecast[5], fitted.weights[0] + fitted.weights[1:] @ test.values[t - 8 : t][::-1])


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0), (1e6, 1e9)])
def test_units_do_not_matter(scale, shift):
    values = simulate([0.6, 0.2], 400, bias=1.0)
    targets = np.arange(10, 300)
    first = AutoRegression.fit(values, targets, 8)
    other = AutoRegression.fit(values * scale + shift, targets, 8)
    assert (first.name, first.difference) == (other.name, other.difference)
    late = np.arange(300, 400)
    expected = first.forecast(values, late) * scale + shift
    assert np.allclose(other.forecast(values * scale + shift, late), expected, rtol=1e-6, atol=1e-4 * scale)


def test_too_few_values_or_no_noise():
    values = np.arange(9.0)
    assert AutoRegression.fit(values, np.arange(2, 6), 2) is None
    fitted = AutoRegression.fit(np.full(40, 7.0), np.arange(5, 30), 5)  # 处处相等
    assert np.allclose(fitted.forecast(np.full(40, 7.0), np.arange(30, 40)), 7)
    wave = 20 + 5 * np.sin(np.arange(120) * 2 * np.pi / 12)  # 没有噪声：正弦波恰是 AR(2)
    fitted = AutoRegression.fit(wave, np.arange(12, 80), 12)
    assert np.allclose(fitted.forecast(wave, np.arange(80, 120)), wave[80:], atol=1e-4)


def test_the_series_prints_it():
    values = simulate([0.9], 300)
    config = SeriesData(name="series", window=5)
    train, valid, test = split(values, config, "x")
    found = train.baselines({"valid": valid, "test": test})
    assert list(found) == ["坚持法", AutoRegression.fit(train.values, train.targets, 5).name]
    assert all(found[name]["test"]["rmse"] < 1.3 for name in found)
    few = split(np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3]), SeriesData(name="series", window=2), "x")
    assert list(few[0].baselines({"valid": few[1]})) == ["坚持法"]  # 训练的目标不够拟合
