"""softmax 回归：三种写法走同一条路，学会手写数字，两类时就是逻辑回归。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from sklearn.datasets import load_digits

from paddle_notes.ch02_linear_models import logistic_regression
from paddle_notes.ch02_linear_models.softmax_regression import (
    SoftmaxRegression,
    cost,
    cross_entropy_primitive,
    gradients,
    train_layer,
    train_numpy,
    train_primitives,
)


@pytest.fixture(scope="module")
def digits():
    """8×8 的手写数字：1,297 张训练、500 张验证。返回 X、标签，各两份。"""
    X, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, labels = X[order] / 16, labels[order]
    return X[500:], labels[500:], X[:500], labels[:500]


def test_three_forms_follow_the_same_path(digits):
    """学习率 1/2 在 float32 里没有误差；走完两轮，三种写法的参数相同。"""
    X, labels = digits[:2]
    W, b = train_numpy(X, labels, 10, lr=0.5, epochs=2)
    W2, b2 = train_primitives(X, labels, 10, lr=0.5, epochs=2)
    model = train_layer(X.reshape(-1, 1, 8, 8), labels, 10, lr=0.5, epochs=2)
    assert np.abs(W).max() > 0.1
    for other_W, other_b in ((W2, b2), (model.linear.weight.numpy(), model.linear.bias.numpy())):
        assert np.allclose(other_W, W, rtol=0, atol=1e-12)
        assert np.allclose(other_b, b, rtol=0, atol=1e-12)


def test_it_learns_digits(digits):
    X, labels, X_valid, labels_valid = digits
    W, b = train_numpy(X, labels, 10, lr=0.5, epochs=20)
    assert cost(X, labels, np.zeros((64, 10)), np.zeros(10)) == pytest.approx(np.log(10))
    assert cost(X, labels, W, b) < 0.25
    assert np.mean((X_valid @ W + b).argmax(1) == labels_valid) > 0.93


def test_gradients_of_weights_sum_to_zero_over_the_classes(digits):
    """softmax 不受全部分数一起加减的影响，所以沿那个方向的梯度是 0。"""
    X, labels = digits[0][:50], digits[1][:50]
    generator = np.random.default_rng(0)
    dW, db = gradients(X, labels, generator.standard_normal((64, 10)), generator.standard_normal(10))
    assert np.abs(dW.sum(1)).max() < 1e-15
    assert abs(db.sum()) < 1e-15


def test_two_classes_are_logistic_regression():
    """分数之差的梯度：第二类那一列的梯度就是逻辑回归的（去掉惩罚，取平均），第一类的是它的相反数。"""
    generator = np.random.default_rng(1)
    X, labels, w = (
        generator.standard_normal((20, 3)),
        generator.integers(0, 2, 20),
        np.array([0.5, -1.0, 2.0]),
    )
    dW, db = gradients(X, labels, np.stack([np.zeros(3), w], 1), np.array([0.0, 0.25]))
    dw, db_logistic = logistic_regression.gradients(X, labels, w, 0.25)
    assert np.allclose(dW[:, 1], (dw - w) / 20, rtol=0, atol=1e-14)
    assert np.allclose(dW[:, 0], -dW[:, 1], rtol=0, atol=1e-14)
    assert db[1] == pytest.approx(db_logistic / 20, abs=1e-14)


def test_primitive_cross_entropy_is_stable():
    logits = paddle.to_tensor([[1e4, 0.0], [-1e4, 1e4]], stop_gradient=False)
    loss = cross_entropy_primitive(logits, paddle.to_tensor([1, 0]))
    assert loss.numpy().tolist() == [1e4, 2e4]
    loss.sum().backward()
    assert logits.grad.numpy().tolist() == [[1, -1], [-1, 1]]


def test_layer_flattens_images_and_starts_from_equal_scores():
    model = SoftmaxRegression(num_classes=10)
    assert sum(p.size for p in model.parameters()) == 7850
    assert model(paddle.ones([2, 1, 28, 28])).shape == [2, 10]
    assert not model(paddle.ones([2, 1, 28, 28])).any()
    colour = SoftmaxRegression(3, in_channels=3, image_size=4)
    x = paddle.randn([2, 3, 4, 4])
    colour.linear.weight.set_value(paddle.randn([48, 3]))
    expected = x.numpy().reshape(2, 48) @ colour.linear.weight.numpy()
    assert np.allclose(colour(x).numpy(), expected, atol=1e-5)
