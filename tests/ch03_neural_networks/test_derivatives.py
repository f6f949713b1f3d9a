"""标量对向量与矩阵的导数：手算的例子，最小二乘解处梯度为 0。值与梯度对 Paddle 由 test_ch03_topics 检查。"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch03_neural_networks.derivatives import (
    neuron_loss,
    neuron_loss_backward,
    quadratic_form,
    quadratic_form_backward,
    squared_error,
    squared_error_backward,
)


def test_quadratic_form_worked_by_hand():
    """L = w₁² + 2·w₁·w₂ + 3·w₂²：在 (1, 2) 处 L = 17，∂L/∂w = (2w₁ + 2w₂, 2w₁ + 6w₂) = (6, 14)。"""
    w, a = np.array([1.0, 2.0]), np.array([[1.0, 2.0], [0.0, 3.0]])
    assert quadratic_form(w, a) == 17
    dw, da = quadratic_form_backward(np.array(1.0), w, a)
    np.testing.assert_array_equal(dw, [6, 14])
    np.testing.assert_array_equal(da, [[1, 2], [2, 4]])


def test_gradient_vanishes_at_the_least_squares_solution():
    generator = np.random.default_rng(0)
    x, target = generator.standard_normal((10, 3)), generator.standard_normal((10, 2))
    best = np.linalg.lstsq(x, target, rcond=None)[0]
    _, dw, _ = squared_error_backward(np.array(1.0), x, best, target)
    np.testing.assert_allclose(dw, 0, atol=1e-12)
    assert squared_error(x, best, target) < squared_error(x, best + 0.1, target)


def test_gradients_have_the_shape_of_their_variables():
    x, w, target = np.ones((10, 3)), np.ones((3, 2)), np.ones((10, 2))
    gradients = squared_error_backward(np.array(1.0), x, w, target)
    assert [gradient.shape for gradient in gradients] == [(10, 3), (3, 2), (10, 2)]


def test_chain_rule_worked_by_hand():
    """w·x + b = 0 处 σ = 1/2、σ′ = 1/4；目标是 0，所以 ∂L/∂z = 2·(1/2)·(1/4) = 1/4。"""
    x, w, b, target = (np.array(value) for value in (2.0, 3.0, -6.0, 0.0))
    assert neuron_loss(x, w, b, target) == 0.25
    assert neuron_loss_backward(np.array(1.0), x, w, b, target) == (0.75, 0.5, 0.25, -1.0)
