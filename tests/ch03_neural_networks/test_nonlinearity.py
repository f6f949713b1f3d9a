"""没有激活函数，两层等于一层；有了 ReLU，段数随深度加倍。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch03_neural_networks.activations import relu
from paddle_notes.ch03_neural_networks.nonlinearity import count_pieces, merge_linear, sawtooth


def test_two_linear_layers_are_one():
    generator = np.random.default_rng(0)
    x, w1, w2 = (generator.standard_normal(shape) for shape in ((5, 3), (3, 4), (4, 2)))
    b1, b2 = generator.standard_normal(4), generator.standard_normal(2)
    w, b = merge_linear(w1, b1, w2, b2)
    assert w.shape == (3, 2) and b.shape == (2,)
    np.testing.assert_allclose((x @ w1 + b1) @ w2 + b2, x @ w + b, rtol=1e-12)
    # 中间有 ReLU 时就并不成一层
    assert np.abs(relu(x @ w1 + b1) @ w2 + b2 - (x @ w + b)).max() > 0.1


@pytest.mark.parametrize("depth", range(1, 9))
def test_pieces_double_with_depth(depth):
    assert count_pieces(lambda x: sawtooth(x, depth), 4096) == 2**depth


@pytest.mark.parametrize("width", [1, 3, 15])
def test_one_hidden_layer_has_at_most_one_more_piece_than_units(width):
    bends = np.arange(1, width + 1) / 16
    coefficients = np.random.default_rng(0).integers(1, 5, width)

    def network(x):
        return relu(x[:, None] - bends) @ coefficients

    assert count_pieces(network, 64) == width + 1
