"""线性回归：四种写法都求出 w = (2, −3.4)、b = 4.2，训练的三种写法逐位相同。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddle_notes.ch02_linear_models.linear_regression import (
    TRUE_B,
    TRUE_W,
    LinearRegression,
    closed_form,
    cost,
    gradients,
    minibatches,
    synthetic_data,
    train_layer,
    train_numpy,
    train_primitives,
)


@pytest.fixture(scope="module")
def data():
    return synthetic_data()


def test_data_follow_the_formula(data):
    X, y = data
    assert (X.shape, y.shape) == ((1000, 2), (1000,))
    noise = y - X @ [2, -3.4] - 4.2
    assert noise.std() == pytest.approx(0.01, rel=0.1)
    assert np.array_equal(synthetic_data()[1], y)
    assert not np.array_equal(synthetic_data(seed=1)[1], y)


@pytest.mark.parametrize("fit", [closed_form, train_numpy, train_primitives, train_layer])
def test_every_form_recovers_the_parameters(fit, data):
    w, b = fit(*data)
    assert np.abs(w - np.array(TRUE_W)).max() < 1e-2
    assert abs(b - TRUE_B) < 1e-2


@pytest.mark.parametrize("train", [train_primitives, train_layer])
def test_automatic_gradients_follow_the_same_path(train, data):
    """同样的批次、同样的学习率：走完两轮，参数与手推梯度的相同。学习率取 1/32，float32 里没有误差。"""
    expected_w, expected_b = train_numpy(*data, lr=1 / 32, epochs=2)
    w, b = train(*data, lr=1 / 32, epochs=2)
    assert np.allclose(w, expected_w, rtol=0, atol=1e-12)
    assert b == pytest.approx(expected_b, abs=1e-12)


def test_closed_form_has_zero_gradient_and_the_least_cost(data):
    X, y = data
    w, b = closed_form(X, y)
    dw, db = gradients(X, y, w, b)
    assert max(np.abs(dw).max(), abs(db)) < 1e-12
    nudge = np.array([1e-3, 0])
    assert cost(X, y, w, b) < min(cost(X, y, w + nudge, b), cost(X, y, w, b - 1e-3))


def test_closed_form_needs_independent_features():
    X = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [5.0, 10.0]])  # 第二列是第一列的两倍
    with pytest.raises(ValueError, match="线性相关"):
        closed_form(X, np.arange(4.0))
    with pytest.raises(ValueError, match="样本比参数少"):
        closed_form(X[:2, :1] * [1, 0] + np.eye(2), np.arange(2.0))


def test_gradient_of_the_sum_is_n_times_the_gradient_of_the_mean(data):
    """把每个样本当作一批，梯度相加，是整批平均代价的梯度的 N 倍。"""
    X, y = data[0][:50], data[1][:50]
    w, b = np.array([1.0, 1.0]), 0.0
    summed = sum(gradients(X[i : i + 1], y[i : i + 1], w, b)[0] for i in range(50))
    assert np.allclose(summed, 50 * gradients(X, y, w, b)[0], rtol=1e-12)


def test_minibatches_use_every_sample_once_an_epoch():
    batches = list(minibatches(10, 4, epochs=2))
    assert [len(batch) for batch in batches] == [4, 4, 2, 4, 4, 2]
    first, second = np.concatenate(batches[:3]), np.concatenate(batches[3:])
    assert sorted(first) == sorted(second) == list(range(10))
    assert list(first) != list(second)  # 每轮重新打乱


def test_too_large_a_learning_rate_diverges(data):
    """X 的各维方差约为 1，平均代价的曲率约为 1，学习率超过 2 就越走越远。"""
    X, y = data
    w, _ = train_numpy(X, y, lr=2.5, batch_size=len(X), epochs=30)
    assert np.abs(w).max() > 1e3


def test_layer_returns_one_number_a_sample():
    model = LinearRegression(3)
    assert model(paddle.ones([5, 3])).shape == [5]
    assert sum(p.size for p in model.parameters()) == 4
    assert not model(paddle.ones([5, 3])).any()  # 参数从 0 开始
