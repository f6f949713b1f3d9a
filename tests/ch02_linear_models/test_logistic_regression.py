"""逻辑回归：与 scikit-learn 同样的 w、b；梯度 Xᵀ(σ − t)；为什么不用平方损失。"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from paddle_notes.ch02_linear_models.logistic_regression import (
    cost,
    fit,
    gradients,
    predict,
    squared_loss_gradient,
)
from paddle_notes.ch02_linear_models.softmax import sigmoid


@pytest.fixture(scope="module")
def cancer():
    X, targets = load_breast_cancer(return_X_y=True)
    return (X - X.mean(0)) / X.std(0), targets


@pytest.mark.parametrize("C", [0.01, 1.0, 10.0])
def test_equals_scikit_learn(C, cancer):
    X, targets = cancer
    w, b, steps = fit(X, targets, C)
    theirs = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(X, targets)
    assert steps <= 15
    assert np.abs(w - theirs.coef_[0]).max() < 1e-4
    assert b == pytest.approx(theirs.intercept_[0], abs=1e-4)
    # 我们的点代价不更高，梯度是 0：确实是最小值
    assert cost(X, targets, w, b, C) <= cost(X, targets, theirs.coef_[0], theirs.intercept_[0], C) * (
        1 + 1e-12
    )
    assert max(map(np.max, map(np.abs, gradients(X, targets, w, b, C)))) < 1e-6
    assert np.array_equal(predict(X, w, b), theirs.predict(X))


def test_gradient_is_x_times_probability_minus_label(cancer):
    X, targets = cancer
    w, b = np.linspace(-1, 1, 30), 0.5
    dw, db = gradients(X, targets, w, b, C=2.0)
    error = 1 / (1 + np.exp(-(X @ w + b))) - targets
    assert np.allclose(dw - w, 2 * X.T @ error, rtol=1e-12)
    assert db == pytest.approx(2 * error.sum())


def test_minimum_cross_entropy_is_maximum_likelihood():
    """只有偏置时，最大似然的概率就是 1 的比例：30 个样本里 21 个。"""
    targets = np.arange(30) < 21
    _, b, _ = fit(np.zeros((30, 1)), targets.astype(int))
    assert sigmoid(np.array(b)) == pytest.approx(0.7)


def test_likelihood_is_the_product_of_probabilities():
    generator = np.random.default_rng(0)
    X, targets, w = generator.standard_normal((6, 2)), np.array([0, 1, 1, 0, 1, 0]), np.array([1.0, -2.0])
    p = sigmoid(X @ w + 0.5)
    likelihood = np.prod(np.where(targets == 1, p, 1 - p))
    assert cost(X, targets, w, 0.5) - w @ w / 2 == pytest.approx(-np.log(likelihood))


def test_squared_loss_has_no_gradient_where_it_is_needed_most():
    z, targets = np.array([-20.0, -2.0]), np.array([1.0, 1.0])
    assert abs(squared_loss_gradient(z, targets)[0]) < 1e-8  # 错得离谱，却几乎不动
    assert sigmoid(z)[0] - 1 == pytest.approx(-1)  # 交叉熵的梯度最大
    # 导数先变大再变小：不是单调的，所以平方损失不是凸的；交叉熵的 σ − t 是单调的
    grid = np.linspace(-20, 20, 401)
    squared = squared_loss_gradient(grid, np.ones(401))
    assert (np.diff(squared) < -1e-6).any()
    assert (np.diff(squared) > 1e-6).any()
    assert (np.diff(sigmoid(grid) - 1) >= 0).all()
    h = 1e-6
    slope = ((sigmoid(z + h) - targets) ** 2 - (sigmoid(z - h) - targets) ** 2) / 2 / (2 * h)
    assert np.allclose(squared_loss_gradient(z, targets), slope, atol=1e-9)


def test_rounding_does_not_stop_the_last_steps():
    """到了最优处，代价变化不过 10⁻¹⁴，舍入使它看上去没有降低；步子不能因此一直减半，停在原地。"""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3))
    targets = (rng.random(300) < sigmoid(X @ [1.0, -2.0, 1.0])).astype(float)
    for scale in (1.0, 1e-3):
        _, _, steps = fit(X * [1, 1, scale], targets)
        assert steps < 20


def test_errors_name_the_cause(cancer):
    X, targets = cancer
    with pytest.raises(ValueError, match="0 与 1"):
        fit(X, 2 * targets - 1)
    with pytest.raises(ValueError, match="2 步还没有收敛"):
        fit(X, targets, max_steps=2)
