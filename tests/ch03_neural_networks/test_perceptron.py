"""感知机：学得会与、或，学不会异或；收敛定理的界；多层感知机解异或。"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from paddle_notes.ch03_neural_networks.decision_boundary import accuracy, fit
from paddle_notes.ch03_neural_networks.perceptron import (
    INPUTS,
    TRUTH_TABLES,
    neuron,
    step,
    train_perceptron,
    xor_by_hand,
)


def test_neuron_is_the_sigmoid_of_the_weighted_sum():
    x = np.array([[1.0, 2.0], [0.0, 0.0]])
    y = neuron(x, np.array([3.0, -1.0]), np.array(-1.0))
    np.testing.assert_allclose(y, [0.5, 1 / (1 + np.e)])  # 3 − 2 − 1 = 0；−1


@pytest.mark.parametrize(("name", "epochs"), [("and", 6), ("or", 4)])
def test_learns_and_and_or(name, epochs):
    w, b, mistakes = train_perceptron(INPUTS, TRUTH_TABLES[name], epochs=100)
    assert (step(INPUTS @ w + b) == TRUTH_TABLES[name]).all()
    assert mistakes[-1] == 0 and all(mistakes[:-1])
    assert len(mistakes) == epochs


def test_never_learns_xor():
    w, b, mistakes = train_perceptron(INPUTS, TRUTH_TABLES["xor"], epochs=1000)
    assert len(mistakes) == 1000 and all(mistakes)
    assert (step(INPUTS @ w + b) != TRUTH_TABLES["xor"]).any()


def test_no_line_solves_xor():
    """试遍 21³ 条直线，最多分对 3 个；与、或则有 4 个全对的。"""
    numbers = np.linspace(-2, 2, 21)
    lines = np.array(list(itertools.product(numbers, repeat=3)))  # (9261, 3)：w₁、w₂、b
    outputs = step(lines[:, :2] @ INPUTS.T + lines[:, 2:])  # (9261, 4)
    best = {name: int((outputs == labels).sum(axis=1).max()) for name, labels in TRUTH_TABLES.items()}
    assert best == {"and": 4, "or": 4, "xor": 3}


def test_number_of_mistakes_is_within_novikoffs_bound():
    """样本都在半径 R 之内、间隔至少 γ 时，分错的总次数不超过 (R/γ)²（偏置当作恒为 1 的输入）。"""
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (200, 2))
    direction = np.array([0.6, 0.8])  # 单位向量，偏置 0
    distance = x @ direction
    x, distance = x[abs(distance) > 0.1], distance[abs(distance) > 0.1]
    _, _, mistakes = train_perceptron(x, step(distance), epochs=1000)
    radius = np.sqrt((x**2).sum(axis=1) + 1).max()
    assert mistakes[-1] == 0
    assert 0 < sum(mistakes) <= (radius / abs(distance).min()) ** 2


def test_two_layers_solve_xor():
    assert (xor_by_hand(INPUTS) == TRUTH_TABLES["xor"]).all()
    parameters = fit(INPUTS, TRUTH_TABLES["xor"], hidden_size=8, num_steps=500)
    assert accuracy(parameters, INPUTS, TRUTH_TABLES["xor"]) == 1
