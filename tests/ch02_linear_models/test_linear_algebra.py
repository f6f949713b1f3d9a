"""线性代数：两种写法的打分相等，可加与齐次，行列式，对向量的导数，梯度的方向。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch02_linear_models.linear_algebra import (
    additivity_error,
    append_one,
    determinant,
    directional_derivative,
    homogeneity_error,
    linear_form_gradient,
    linear_map,
    linear_map_backward,
    quadratic_form_gradient,
    score,
)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def slopes(function, x, h=1e-6):
    """标量函数对 x 每个分量的差分。"""
    return np.array([(function(x + h * e) - function(x - h * e)) / (2 * h) for e in np.eye(len(x))])


def test_a_batch_in_rows_gives_the_score_of_every_sample(generator):
    W, b, X = (generator.standard_normal(shape) for shape in ((3, 5), 3, (4, 5)))
    one_by_one = np.stack([score(W, x, b) for x in X])
    assert np.allclose(linear_map(X, W.T, b), one_by_one, rtol=0, atol=1e-14)
    assert np.allclose(append_one(X) @ np.vstack([W.T, b]), one_by_one, rtol=0, atol=1e-14)


def test_score_of_the_worked_example():
    """W 是 3×4，x 是 4 个像素：三个类别的分数。"""
    W = np.array([[0.2, -0.5, 0.1, 2.0], [1.5, 1.3, 2.1, 0.0], [0.0, 0.25, 0.2, -0.3]])
    x, b = np.array([56.0, 231.0, 24.0, 2.0]), np.array([1.1, 3.2, -1.2])
    assert np.allclose(score(W, x, b), [-96.8, 437.9, 60.75], rtol=0, atol=1e-10)


def test_backward_has_the_shapes_of_the_variables(generator):
    X, W = generator.standard_normal((4, 5)), generator.standard_normal((5, 3))
    grads = linear_map_backward(np.ones((4, 3)), X, W)
    assert {name: grad.shape for name, grad in grads.items()} == {"X": (4, 5), "W": (5, 3), "b": (3,)}
    assert np.array_equal(grads["b"], [4, 4, 4])  # b 加到了四个样本上
    assert np.allclose(grads["W"], np.repeat(X.sum(0)[:, None], 3, 1), rtol=0, atol=1e-14)


def test_wx_is_linear_and_the_bias_breaks_it(generator):
    W, x, z = generator.standard_normal((3, 5)), generator.standard_normal(5), generator.standard_normal(5)
    assert additivity_error(lambda v: W @ v, x, z) < 1e-14
    assert homogeneity_error(lambda v: W @ v, x, -2.5) < 1e-14
    b = np.array([1.0, 2.0, 3.0])
    assert additivity_error(lambda v: score(W, v, b), x, z) == pytest.approx(3.0)  # 多加了一个 b
    assert homogeneity_error(lambda v: score(W, v, b), x, 3.0) == pytest.approx(6.0)
    assert additivity_error(lambda v: v**2, np.array([1.0]), np.array([2.0])) == 4.0  # 2·1·2


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_determinant_equals_numpy(size, generator):
    A = generator.standard_normal((size, size))
    before = A.copy()
    assert determinant(A) == pytest.approx(np.linalg.det(A), rel=1e-12)
    assert np.array_equal(A, before)


def test_determinant_facts():
    assert determinant(np.array([[1, 2], [3, 4]])) == pytest.approx(-2)
    assert determinant(np.array([[0.0, 1.0], [1.0, 0.0]])) == -1  # 主元是 0，要交换两行
    assert determinant(np.array([[1.0, 2.0], [2.0, 4.0]])) == 0
    # 数乘矩阵，每个元素都乘；行列式乘的是数的 n 次方
    assert determinant(2 * np.eye(3)) == 8
    with pytest.raises(ValueError, match=r"方阵.*\(2, 3\)"):
        determinant(np.ones((2, 3)))


def test_derivatives_by_a_vector_equal_differences(generator):
    a, A, x = generator.standard_normal(4), generator.standard_normal((4, 4)), generator.standard_normal(4)
    assert np.allclose(linear_form_gradient(a), slopes(lambda v: a @ v, x), atol=1e-8)
    assert np.allclose(quadratic_form_gradient(A, x), slopes(lambda v: v @ A @ v, x), atol=1e-8)
    assert np.allclose(quadratic_form_gradient(np.eye(4), x), 2 * x, rtol=0, atol=1e-15)


def test_gradient_is_the_direction_of_steepest_ascent():
    gradient = np.array([3.0, 4.0])
    angles = np.linspace(0, 2 * np.pi, 3601)
    rates = [directional_derivative(gradient, np.array([np.cos(a), np.sin(a)])) for a in angles]
    best = angles[int(np.argmax(rates))]
    assert best == pytest.approx(np.arctan2(4, 3), abs=1e-3)
    assert directional_derivative(gradient, gradient) == pytest.approx(5.0)  # ‖∇f‖
    assert directional_derivative(gradient, -10 * gradient) == pytest.approx(-5.0)  # 只看方向，不看长短
    assert directional_derivative(gradient, np.array([-4.0, 3.0])) == pytest.approx(0.0)  # 沿等高线走


def test_only_a_scalar_function_has_a_gradient():
    """对向量 backward()，Paddle 求的是它的和的梯度；平均是另一个标量函数，梯度小 N 倍。"""
    import paddle

    value = np.array([1.0, -2.0, 3.0, 0.5])

    def gradient(function):
        x = paddle.to_tensor(value, stop_gradient=False)
        function(x).backward()
        return x.grad.numpy()

    by_sum = slopes(lambda x: float((x**2).sum()), value)
    np.testing.assert_allclose(gradient(lambda x: x * x), by_sum, atol=1e-8)
    np.testing.assert_allclose(gradient(lambda x: (x * x).sum()), by_sum, atol=1e-8)
    np.testing.assert_allclose(gradient(lambda x: (x * x).mean()), by_sum / 4, atol=1e-8)
