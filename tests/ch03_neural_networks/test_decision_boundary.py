"""分界面：单元多则拟合得紧，惩罚强则权重小、拟合得松。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch03_neural_networks.decision_boundary import (
    accuracy,
    compare,
    fit,
    initialize,
    two_moons,
    update,
)
from paddle_notes.ch03_neural_networks.mlp import cross_entropy, mlp


def test_two_moons():
    x, labels = two_moons(noise=0.0)
    assert x.shape == (60, 2) and np.bincount(labels).tolist() == [30, 30]
    np.testing.assert_allclose(np.hypot(*x[labels == 0].T), 1)  # 以 (0, 0) 为圆心的半圆
    np.testing.assert_allclose(np.hypot(*(x[labels == 1] - [1, 0.5]).T), 1)
    assert (x[labels == 0][:, 1] >= 0).all() and (x[labels == 1][:, 1] <= 0.5).all()


def test_update_descends_and_decays_only_weights():
    x, labels = two_moons()
    parameters = initialize(8)
    parameters["b1"] += 0.25
    plain, decayed = {**parameters}, {**parameters}
    loss = update(plain, x, labels, lr=0.1)
    assert update(plain, x, labels, lr=0.1) < loss
    plain = {**parameters}
    update(plain, x, labels, lr=0.5)
    update(decayed, x, labels, lr=0.5, decay=0.25)
    for name in ("w1", "w2"):  # 多减去 η·λ·w
        np.testing.assert_allclose(plain[name] - decayed[name], 0.125 * parameters[name], atol=1e-15)
    for name in ("b1", "b2"):
        np.testing.assert_array_equal(plain[name], decayed[name])


def test_more_hidden_units_fit_more_closely():
    (_, _, _, few, _), (_, _, _, many, many_test) = compare((2, 200), (0.0,))
    assert few < 0.9 < 0.95 < many
    assert many_test < many - 0.1  # 过拟合


@pytest.fixture(scope="module")
def penalized():
    """20 个单元，惩罚从弱到强：λ -> 参数。"""
    x, labels = two_moons()
    return {decay: fit(x, labels, 20, decay, num_steps=2000) for decay in (0.0, 0.003, 0.03, 0.3)}


def test_a_stronger_penalty_shrinks_the_weights_and_fits_less_closely(penalized):
    x, labels = two_moons()
    norms = [float(np.linalg.norm(p["w1"]) + np.linalg.norm(p["w2"])) for p in penalized.values()]
    losses = [cross_entropy(mlp(x, **p), labels)[0] for p in penalized.values()]
    assert norms == sorted(norms, reverse=True) and norms[-1] < norms[0] / 5
    assert losses == sorted(losses) and losses[-1] > losses[0] + 0.2


def test_a_strong_penalty_leaves_a_straight_boundary(penalized):
    """λ = 0.3 时权重被压到 0 附近，一条直线就能以 95 % 以上的一致复现它的分类。"""
    x, _ = two_moons(2000, seed=1)

    def agreement(parameters):
        predicted = mlp(x, **parameters).argmax(axis=1)
        design = np.column_stack([x, np.ones(len(x))])
        w = np.linalg.lstsq(design, 2.0 * predicted - 1.0, rcond=None)[0]
        return np.mean((design @ w > 0) == predicted)

    assert agreement(penalized[0.03]) > 0.95 > agreement(penalized[0.0])


def test_accuracy_counts_correct_predictions():
    parameters = {"w1": np.eye(2), "b1": np.zeros(2), "w2": np.eye(2), "b2": np.zeros(2)}
    x = np.array([[2.0, 1.0], [1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert accuracy(parameters, x, np.array([0, 1, 1, 1])) == 0.75
