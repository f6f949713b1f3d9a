"""对称性：常数初值下，H 个隐藏单元只顶一个。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch03_neural_networks.decision_boundary import initialize, two_moons
from paddle_notes.ch03_neural_networks.initialization import constant, he_normal, normal
from paddle_notes.ch03_neural_networks.mlp import cross_entropy, mlp, mlp_backward
from paddle_notes.ch03_neural_networks.symmetry import count_distinct_units, gradients, train_from


def test_zeros_leave_only_the_output_bias_moving():
    parameters, history = train_from(constant(0.0))
    assert history.shape == (201, 2, 8)
    for name in ("w1", "b1", "w2"):
        assert not parameters[name].any(), name


def test_equal_units_stay_equal():
    parameters, history = train_from(constant(0.5))
    assert [count_distinct_units(w1) for w1 in history[[0, 1, 200]]] == [1, 1, 1]
    assert abs(history[200] - history[0]).max() > 0.05  # 它们在动，只是一起动
    # 8 个单元的网络与只有 1 个单元、输出权重 8 倍的网络是同一个函数
    single = {
        "w1": parameters["w1"][:, :1],
        "b1": parameters["b1"][:1],
        "w2": 8 * parameters["w2"][:1],
        "b2": parameters["b2"],
    }
    x, _ = two_moons()
    np.testing.assert_allclose(mlp(x, **parameters), mlp(x, **single), rtol=1e-10)


@pytest.mark.parametrize("initializer", [he_normal, normal(0.01)])
def test_random_numbers_break_the_symmetry(initializer):
    _, history = train_from(initializer)
    assert count_distinct_units(history[0]) == count_distinct_units(history[-1]) == 8


def test_swapping_two_units_changes_nothing():
    parameters = initialize(4)
    order = [1, 0, 2, 3]
    swapped = {
        "w1": parameters["w1"][:, order],
        "b1": parameters["b1"][order],
        "w2": parameters["w2"][order],
        "b2": parameters["b2"],
    }
    x, _ = two_moons()
    np.testing.assert_allclose(mlp(x, **swapped), mlp(x, **parameters), rtol=1e-12)


def test_gradients_without_dropout_are_those_of_the_network():
    x, labels = two_moons()
    parameters = initialize(8)
    _, dlogits = cross_entropy(mlp(x, **parameters), labels)
    _, *expected = mlp_backward(dlogits, x, **parameters)
    found = gradients(parameters, x, labels, np.ones((len(x), 8)), 0.0)
    for gradient, other in zip(found.values(), expected):
        np.testing.assert_allclose(gradient, other, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout_breaks_the_symmetry_of_a_constant(p):
    """第一步输出的两列权重相等，传回隐藏层的梯度是 0；第二步起各单元不同，损失降到一个单元做不到的地方。"""
    parameters, history = train_from(constant(0.5), num_steps=2000, p=p)
    single, alone = train_from(constant(0.5), num_steps=2000)
    assert [count_distinct_units(w1) for w1 in history[[0, 1, 2, 2000]]] == [1, 1, 8, 8]
    assert count_distinct_units(alone[-1]) == 1
    x, labels = two_moons()
    loss, of_one_unit = (cross_entropy(mlp(x, **each), labels)[0] for each in (parameters, single))
    assert loss < of_one_unit - 0.03


def test_dropout_cannot_move_zeros():
    """全零：隐藏层的输出与输出层的权重都是 0，乘以什么样的掩码还是 0。"""
    parameters, _ = train_from(constant(0.0), p=0.5)
    for name in ("w1", "b1", "w2"):
        assert not parameters[name].any(), name
