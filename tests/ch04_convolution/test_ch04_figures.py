"""本章的图：都画得出来，没有中文字体时也没有缺字；训练的几张少训练几步。"""

from __future__ import annotations

import warnings

import numpy as np
import paddle
import pytest

from paddle_notes.ch04_convolution import edges, features, figures, small_training
from paddle_notes.ch04_convolution.network import SmallConvNet


@pytest.fixture
def quick(monkeypatch):
    """少训练几步，图照样画全。"""
    train, learn_kernel = figures.train, edges.learn_kernel

    def train_shortly(model, images, labels, learning_rate, num_steps):
        return train(model, images, labels, learning_rate, num_steps=6)

    def learn_shortly(images, targets, kernel_size, learning_rate, num_steps):
        return learn_kernel(images, targets, kernel_size, learning_rate, num_steps=3)

    for module in (figures, small_training):
        monkeypatch.setattr(module, "train", train_shortly)
    monkeypatch.setattr(edges, "learn_kernel", learn_shortly)
    figures.trained_network.cache_clear()
    yield
    figures.trained_network.cache_clear()


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_is_drawn_without_missing_glyphs(name, quick, tmp_path, monkeypatch):
    for module in (figures, features):
        monkeypatch.setattr(module, "label", lambda chinese, english: english)
    path = tmp_path / f"{name}.png"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*missing from.*font")
        figures.FIGURES[name](path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = (int.from_bytes(content[start : start + 4], "big") for start in (16, 20))
    assert width >= 400 and height >= 200
    assert len(content) < 150_000


def test_digits_cover_every_class():
    images, labels = figures.digits(200)
    assert images.shape == (200, 1, 28, 28) and (images.min(), images.max()) == (0, 1)
    assert np.bincount(labels).tolist() == [20] * 10


def test_small_start_shrinks_both_convolutions():
    paddle.seed(0)
    model = SmallConvNet()
    figures.small_start(model)
    for block in (model.block1, model.block2):
        weight = block[0].weight.numpy()
        assert weight.std() == pytest.approx(0.01, rel=5 / (2 * weight.size) ** 0.5)


def test_batch_norm_trains_from_tiny_weights_where_nothing_else_moves():
    """权重取 N(0, 0.01²)：没有批量归一化时损失停在 ln 10，有就学得动。"""
    images, labels = figures.digits(200)
    losses = {}
    for batch_norm in (False, True):
        paddle.seed(0)
        model = SmallConvNet(batch_norm=batch_norm)
        figures.small_start(model)
        losses[batch_norm] = figures.train(model, images, labels, learning_rate=0.01, num_steps=12)[-1]
    assert losses[False] == pytest.approx(np.log(10), abs=0.02)
    assert losses[True] < 1.8
