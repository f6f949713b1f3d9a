"""容量：训练误差随容量单调下降，泛化误差先降后升；限制参数的范围也是限制容量。"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from paddle_notes.ch01_machine_learning.capacity import (
    compare,
    fit_polynomial,
    make_data,
    mean_squared_error,
    powers,
    predict,
)


@pytest.fixture(scope="module")
def data():
    return make_data(15, seed=97), make_data(1000, seed=1)


def test_powers_and_prediction():
    np.testing.assert_array_equal(powers(np.array([2.0, -1.0]), 3), [[1, 2, 4, 8], [1, -1, 1, -1]])
    np.testing.assert_allclose(predict(np.array([1.0, 0.0, 2.0]), np.array([3.0])), [19])


def test_fit_recovers_a_polynomial():
    x = np.linspace(-1, 1, 20)
    np.testing.assert_allclose(fit_polynomial(x, 1 - 2 * x + 3 * x**3, 3), [1, -2, 0, 3], atol=1e-12)


def test_training_error_falls_and_generalization_error_turns(data):
    errors = compare(*data, [(degree, 0.0) for degree in range(15)])
    train = [error.train for error in errors]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(train))
    assert train[14] < 1e-6  # 15 个参数穿过 15 个点
    generalization = [error.generalization for error in errors]
    best = int(np.argmin(generalization))
    assert best == 3
    assert generalization[0] > 5 * generalization[best]  # 欠拟合
    assert generalization[13] > 100 * generalization[best]  # 过拟合
    assert train[13] < train[best] < train[0]


def test_range_of_the_weights_is_capacity_too(data):
    """同是 13 次多项式：惩罚越大，参数的范围越小，训练误差越大，泛化误差先降后升。"""
    errors = compare(*data, [(13, penalty) for penalty in (0.0, 1e-10, 1e-6, 1e-3, 1.0, 100.0)])
    largest = [error.largest_weight for error in errors]
    train = [error.train for error in errors]
    assert largest == sorted(largest, reverse=True) and train == sorted(train)
    generalization = [error.generalization for error in errors]
    assert int(np.argmin(generalization)) == 3
    assert generalization[0] > 10 * generalization[3] and generalization[5] > 5 * generalization[3]


def test_constant_term_is_not_penalized():
    x = np.linspace(-1, 1, 21)
    w = fit_polynomial(x, 7 + x, 4, penalty=1e9)
    np.testing.assert_allclose(w, [7, 0, 0, 0, 0], atol=1e-6)


def test_penalty_minimizes_the_stated_objective(data):
    (x, y), _ = data
    w = fit_polynomial(x, y, 5, penalty=0.01)

    def objective(w):
        return mean_squared_error(w, x, y) + 0.01 * np.sum(w[1:] ** 2)

    generator = np.random.default_rng(0)
    assert all(objective(w + 1e-3 * generator.standard_normal(6)) > objective(w) for _ in range(50))


def test_more_data_reduces_overfitting():
    """同样的 13 次多项式，训练样本从 15 个增加到 200 个，泛化误差接近噪声的方差 0.04。"""
    test = make_data(1000, seed=1)
    few, many = (compare(make_data(n, seed=97), test, [(13, 0.0)])[0] for n in (15, 200))
    assert few.generalization > 1
    assert many.generalization < 0.06
    assert many.train > few.train
