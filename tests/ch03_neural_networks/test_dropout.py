"""丢弃法：期望不变，方差 x²·p/(1 − p)，训练与推理。与 Paddle 相等由 test_ch03_topics 检查。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.ch03_neural_networks.dropout import dropout, dropout_backward, moment_bounds, sample_mask


def test_worked_by_hand():
    mask = np.array([1.0, 0.0, 1.0])
    np.testing.assert_array_equal(dropout(np.array([1.0, 2.0, 3.0]), mask, 0.5), [2, 0, 6])
    np.testing.assert_array_equal(dropout_backward(np.array([1.0, 1.0, -1.0]), mask, 0.5), [2, 0, -2])
    np.testing.assert_array_equal(dropout(np.array([3.0]), np.ones(1), 0.25), [4])


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.9])
def test_expectation_is_unchanged(p):
    """一个值为 2 的输出丢弃 10⁵ 次：平均仍是 2，方差是 4·p/(1 − p)。"""
    mask = sample_mask((100_000,), p, np.random.default_rng(0))
    y = dropout(np.full(100_000, 2.0), mask, p)
    mean_bound, zeros_bound = moment_bounds(p, y.size)
    assert abs(y.mean() - 2) <= 2 * mean_bound
    assert abs((y == 0).mean() - p) <= zeros_bound
    assert abs(y.var() - 4 * p / (1 - p)) <= 0.05 * y.var()
    assert set(np.unique(mask)) <= {0.0, 1.0}


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_bad_probability(p):
    with pytest.raises(ValueError, match=f"应在 0 与 1 之间（不含 1），得到 {p}"):
        sample_mask((2,), p, np.random.default_rng(0))


def test_inference_is_the_identity():
    layer, x = nn.Dropout(0.5), paddle.ones([100])
    paddle.seed(0)
    assert set(layer(x).numpy().tolist()) == {0.0, 2.0}
    layer.eval()
    assert paddle.equal_all(layer(x), x)
