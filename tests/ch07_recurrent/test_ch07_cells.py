"""三种单元的事实：参数的排列、各个门的作用、数值稳定。与 Paddle 相等在 test_ch07_topics.py。"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from paddle import nn

from paddle_notes.ch07_recurrent.cells import (
    CELLS,
    Weights,
    gru_forward,
    initial_weights,
    lstm_forward,
    sigmoid,
)

PADDLE_CELLS = {"rnn": nn.SimpleRNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
H = 3


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return generator.standard_normal((2, 4)), generator.standard_normal((2, H)), generator


@pytest.mark.parametrize("cell", CELLS)
def test_shapes_are_those_of_paddle(cell):
    ours = initial_weights(cell, 4, H, np.random.default_rng(0))
    theirs = PADDLE_CELLS[cell](4, H)
    for name in Weights._fields:
        assert list(getattr(ours, name).shape) == getattr(theirs, name).shape
        assert np.abs(getattr(ours, name)).max() <= H**-0.5


def gate_bias(weights: Weights, gate: int, value: float) -> Weights:
    """把第 ``gate`` 个门的偏置改成 ``value``。"""
    bias = weights.bias_ih.copy()
    bias[gate * H : (gate + 1) * H] = value
    return weights._replace(bias_ih=bias)


def test_lstm_gates(arrays):
    """四个门的次序是 i、f、c̃、o：遗忘门开、输入门关则记忆不变；输出门关则 h 为零。"""
    x, h, generator = arrays
    c = generator.standard_normal((2, H))
    weights = initial_weights("lstm", 4, H, generator)
    keep = gate_bias(gate_bias(weights, 0, -100), 1, 100)
    (_, c_new), _ = lstm_forward(x, (h, c), keep)
    assert np.array_equal(c_new, c)
    forget = gate_bias(gate_bias(weights, 0, 100), 1, -100)
    (_, c_new), cache = lstm_forward(x, (h, c), forget)
    assert np.allclose(c_new, cache[5])  # 只剩候选
    (h_new, _), _ = lstm_forward(x, (h, c), gate_bias(weights, 3, -100))
    assert np.abs(h_new).max() < 1e-40


def test_gru_gates(arrays):
    """次序是 r、z、c̃：更新门为 1 则状态不变；重置门为 0 则候选与旧的状态无关，只剩输入一侧的偏置。"""
    x, h, generator = arrays
    weights = initial_weights("gru", 4, H, generator)
    (h_new,), _ = gru_forward(x, (h,), gate_bias(weights, 1, 100))
    assert np.array_equal(h_new, h)
    fresh = gate_bias(gate_bias(weights, 0, -100), 1, -100)
    (first,), _ = gru_forward(x, (h,), fresh)
    (second,), _ = gru_forward(x, (h + 0.5,), fresh)
    assert np.allclose(first, second, rtol=0, atol=1e-12)


def test_the_two_candidate_biases_of_gru_are_different(arrays):
    """RNN 与 LSTM 的两个偏置可以合成一个，GRU 的候选不行：隐状态一侧的那个要乘重置门。"""
    x, h, generator = arrays
    changed = {}
    for cell in CELLS:
        weights = initial_weights(cell, 4, H, generator)
        merged = weights._replace(
            bias_ih=weights.bias_ih + weights.bias_hh, bias_hh=np.zeros_like(weights.bias_hh)
        )
        state = (h,) * CELLS[cell].num_states
        before, after = (CELLS[cell].forward(x, state, w)[0][0] for w in (weights, merged))
        changed[cell] = np.abs(before - after).max() > 1e-6
    assert changed == {"rnn": False, "lstm": False, "gru": True}


def test_sigmoid_does_not_overflow():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0, 0.5, 1]
