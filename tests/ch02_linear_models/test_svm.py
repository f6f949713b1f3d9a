"""线性支持向量机：与 LinearSVC 同样的目标值、间隔与支持向量、核的想法、缩放、三种写法。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.svm import SVC, LinearSVC

from paddle_notes.ch02_linear_models import losses, svm
from paddle_notes.ch02_linear_models.svm import (
    LinearSVM,
    binary_cost,
    cost,
    fit_binary,
    margin,
    multi_class_hinge,
    polynomial_features,
    rbf_features,
    rings,
    standardize,
    support_vectors,
    train_layer,
    train_numpy,
)


@pytest.fixture(scope="module")
def cancer():
    X, targets = load_breast_cancer(return_X_y=True)
    return X, 2 * targets - 1


@pytest.fixture(scope="module")
def scaled(cancer):
    return standardize(cancer[0])[0], cancer[1]


def accuracy(X, signs, w, b) -> float:
    return float(np.mean(np.sign(X @ w + b) == signs))


def test_standardize_uses_the_training_part_only():
    train, valid = standardize(np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[5.0, 7.0]]))
    assert train.tolist() == [[-1, 0], [1, 0]]
    assert valid.tolist() == [[3, 2]]  # (5 − 2)/1；取值不变的特征只减均值


@pytest.mark.parametrize("C", [0.01, 0.1])
def test_objective_equals_linear_svc(C, scaled):
    """同样的目标，LinearSVC 用对偶坐标下降，这里用次梯度下降：目标值的相对差不到万分之一。"""
    w, b = fit_binary(*scaled, C)
    theirs = LinearSVC(C=C, loss="hinge", tol=1e-8, max_iter=1_000_000, random_state=0).fit(*scaled)
    ours, best = (
        binary_cost(*scaled, *parameters, C)
        for parameters in ((w, b), (theirs.coef_[0], theirs.intercept_[0]))
    )
    assert best <= ours < best * (1 + 1e-4)
    assert np.abs(w - theirs.coef_[0]).max() < 2e-3
    assert np.array_equal(np.sign(scaled[0] @ w + b), theirs.predict(scaled[0]))
    expected = support_vectors(*scaled, theirs.coef_[0], theirs.intercept_[0])
    assert np.array_equal(support_vectors(*scaled, w, b), expected)


def test_margin_and_support_vectors_of_four_points():
    """(±1, 0) 与更远的 (±3, 5)：分界面是竖直的中线，间隔 1，只有近的两个点是支持向量。"""
    X, signs = np.array([[1.0, 0.0], [3.0, 5.0], [-1.0, 0.0], [-3.0, 5.0]]), np.array([1, 1, -1, -1])
    w, b = fit_binary(X, signs, C=10.0, steps=20_000)
    assert np.allclose(w, [1, 0], atol=0.02)
    assert b == pytest.approx(0, abs=0.02)
    assert margin(w) == pytest.approx(1, abs=0.02)
    assert support_vectors(X, signs, w, b, tolerance=0.05).tolist() == [0, 2]
    # 惩罚 b 与否在这里没有分别（b = 0），所以与 SVC 也相同
    theirs = SVC(kernel="linear", C=10.0).fit(X, signs)
    assert theirs.support_.tolist() == [2, 0]
    assert np.allclose(w, theirs.coef_[0], atol=0.02)


def test_only_support_vectors_matter(scaled):
    """去掉其余的点，再训练一次，答案不变。"""
    X, signs = scaled
    w, b = fit_binary(X, signs, C=0.1)
    kept = support_vectors(X, signs, w, b)
    assert len(kept) < len(X) / 5
    w2, b2 = fit_binary(X[kept], signs[kept], C=0.1)
    assert np.abs(w - w2).max() < 5e-3
    assert abs(b - b2) < 5e-3


def test_features_must_be_scaled(cancer, scaled):
    """原始特征的大小差几十万倍：走同样的步数，没缩放的还远没有到底，准确率也低。"""
    X = cancer[0]
    assert X.std(0).max() / X.std(0).min() > 1e5
    raw, standard = fit_binary(*cancer, C=0.1), fit_binary(*scaled, C=0.1)
    assert binary_cost(*cancer, *raw, 0.1) > 100 * binary_cost(*scaled, *standard, 0.1)
    assert accuracy(*cancer, *raw) < 0.94
    assert accuracy(*scaled, *standard) > 0.98


def test_polynomial_kernel():
    X, Z = np.random.default_rng(0).standard_normal((2, 6, 3))
    features = polynomial_features(X)
    assert features.shape == (6, 10)
    assert np.allclose(features @ polynomial_features(Z).T, (1 + X @ Z.T) ** 2, rtol=1e-12)


def test_rbf_features():
    X = np.array([[0.0, 0.0], [3.0, 4.0]])
    features = rbf_features(X, X, gamma=0.1)
    assert np.allclose(features, [[1, np.exp(-2.5)], [np.exp(-2.5), 1]])


def test_features_separate_what_a_line_cannot():
    X, signs = rings()
    assert accuracy(X, signs, *fit_binary(X, signs, steps=2000)) < 0.7
    for features in (polynomial_features(X), rbf_features(X, X)):
        assert accuracy(features, signs, *fit_binary(features, signs, steps=2000)) == 1.0


def test_hinge_by_hand_and_in_paddle_agree():
    scores, labels = 3 * np.random.default_rng(0).standard_normal((7, 5)), np.array([0, 1, 2, 3, 4, 0, 1])
    in_paddle = multi_class_hinge(paddle.to_tensor(scores), paddle.to_tensor(labels)).numpy()
    assert np.allclose(in_paddle, losses.multi_class_hinge(scores, labels), rtol=0, atol=1e-13)


@pytest.fixture(scope="module")
def digits():
    X, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, labels = X[order] / 16, labels[order]
    return X[500:], labels[500:], X[:500], labels[:500]


def test_two_forms_follow_the_same_path(digits):
    """学习率 1/64、λ = 1/64 在 float32 里没有误差；走完两轮，参数相同。"""
    X, labels = digits[:2]
    options = {"lr": 1 / 64, "weight_decay": 1 / 64, "epochs": 2}
    W, b = train_numpy(X, labels, 10, **options)
    model = train_layer(X.reshape(-1, 1, 8, 8), labels, 10, **options)
    assert np.abs(W).max() > 0.1
    assert np.allclose(model.linear.weight.numpy(), W, rtol=0, atol=1e-12)
    assert np.allclose(model.linear.bias.numpy(), b, rtol=0, atol=1e-12)


def test_it_learns_digits(digits):
    X, labels, X_valid, labels_valid = digits
    W, b = train_numpy(X, labels, 10, epochs=20)
    assert cost(X, labels, np.zeros((64, 10)), np.zeros(10), 0.01) == 9  # K − 1
    assert np.mean((X_valid @ W + b).argmax(1) == labels_valid) > 0.92


def test_weights_are_decayed_and_biases_are_not(digits):
    X, labels = digits[0][:20], digits[1][:20]
    W, b = np.ones((64, 10)), np.arange(10.0)
    dW, db = svm.gradients(X, labels, W, b, weight_decay=0.0)
    dW2, db2 = svm.gradients(X, labels, W, b, weight_decay=0.5)
    assert np.allclose(dW2 - dW, 0.5, rtol=0, atol=1e-14)
    assert np.array_equal(db, db2)
    assert cost(X, labels, W, b, 0.5) - cost(X, labels, W, b, 0.0) == pytest.approx(0.25 * 640)


def test_layer_gives_scores_of_images():
    model = LinearSVM(num_classes=10)
    assert sum(p.size for p in model.parameters()) == 7850
    assert model(paddle.ones([2, 1, 28, 28])).shape == [2, 10]
