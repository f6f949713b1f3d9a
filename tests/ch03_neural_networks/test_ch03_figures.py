"""本章的图：都画得出来，中文、英文都没有缺字；图上的数与手算相等。"""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pytest

from paddle_notes.ch03_neural_networks import decision_boundary, figures
from paddle_notes.ch03_neural_networks.derivatives import neuron_loss_backward


@pytest.fixture
def quick(monkeypatch):
    """少训练几步、网络窄一些，图照样画全。"""
    monkeypatch.setattr(decision_boundary, "fit", partial(decision_boundary.fit, num_steps=20))
    monkeypatch.setattr(figures, "signal_by_depth", partial(figures.signal_by_depth, width=16))


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_is_drawn_without_missing_glyphs(name, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "label", lambda chinese, english: english)
    path = tmp_path / f"{name}.png"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*missing from.*font")
        figures.FIGURES[name](path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = (int.from_bytes(content[start : start + 4], "big") for start in (16, 20))
    assert width >= 800 and height >= 200
    assert len(content) < 150_000


def test_the_graph_shows_the_gradients_of_the_chain_rule():
    nodes = {node.op: node for node in figures.small_graph().ancestors()}
    values = [nodes[name].data for name in "xwbt"]
    gradients = neuron_loss_backward(np.array(1.0), *values)
    np.testing.assert_allclose([nodes[name].grad for name in "xwbt"], gradients, rtol=1e-14)
