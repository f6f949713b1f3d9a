"""本章的图：都画得出来，没有缺字；图里说的事实是真的。"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from paddle_notes.ch07_recurrent import figures


@pytest.fixture
def quick(monkeypatch):
    """少训练几步，图照样画全。"""
    latch, repeat = figures.train_latch, figures.train_to_repeat
    dates, copies = figures.train_dates, figures.copy_accuracy
    monkeypatch.setattr(figures, "train_dates", lambda: dates(3))
    monkeypatch.setattr(figures, "copy_accuracy", lambda attention: copies(attention, num_updates=3))
    monkeypatch.setattr(figures, "train_latch", lambda: latch(3))
    monkeypatch.setattr(figures, "train_to_repeat", lambda clip_norm: repeat(clip_norm, 3))


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_is_drawn_without_missing_glyphs(name, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "label", lambda chinese, english: english)
    picture = tmp_path / f"{name}.png"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        figures.FIGURES[name](picture)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert 5_000 < picture.stat().st_size < 150_000


def test_latch_sequences():
    """目标是最近一个有标记的数。"""
    x, targets = figures.latch_sequences(np.random.default_rng(0), 8, 30)
    assert x.shape == (8, 30, 2) and targets.shape == (8, 30)
    assert (x[:, 0, 1] == 1).all()
    for row in range(8):
        for t in range(30):
            latest = max(step for step in range(t + 1) if x[row, step, 1])
            assert targets[row, t] == x[row, latest, 0]


def test_trained_gates_open_at_the_marks():
    """有标记时输入门比遗忘门大，没有时遗忘门接近 1、输入门接近 0。"""
    x, _ = figures.latch_sequences(np.random.default_rng(1), 1, 60)
    traces = figures.trace_gates(x[0], figures.train_latch(300))
    marked = x[0, :, 1] == 1
    assert traces["i"][marked].min() > 0.5 > traces["f"][marked].max()
    assert traces["i"][~marked].max() < 0.1 and traces["f"][~marked].min() > 0.9


def test_gradients_vanish_and_explode_with_distance():
    """50 步之外：默认的三种都消失；开着遗忘门、更新门的留住；RNN 的权重放大则爆炸。"""
    far = {name: figures.gradient_by_distance(name)[50] for name in figures.VANISHING}
    assert far["RNN"] < far["GRU"] < 1e-9 and far["LSTM"] < 1e-9
    assert 0.1 < far["LSTM, b_f + 4"] < 10 and 0.1 < far["GRU, b_z + 4"] < 10
    assert far["RNN, W_hh × 4"] > 1000


def test_exploding_without_clipping():
    losses, norms = figures.train_to_repeat(None, 30)
    clipped, clipped_norms = figures.train_to_repeat(1.0, 30)
    assert losses[0] == clipped[0] and norms[0] == clipped_norms[0]  # 同样的起点
    assert losses.max() > 1e6 and norms.max() > 1e6
    assert clipped[-1] < 0.05 and clipped_norms.max() < 10


def test_the_attention_of_a_date_follows_the_characters():
    """写年份的一位时看它，写月与日的一位时看同一个数的字。"""
    answer, weights = figures.date_attention(figures.train_dates(), "一九九八年十一月二十五日")
    assert answer == "1998-11-25"
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    rows = [0, 1, 2, 3, 5, 6, 7, 8, 9]  # 除了第一个“-”
    assert weights.argmax(1)[rows].tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 10]


def test_copied_strings():
    sources, sentences = figures.copy_batch(np.random.default_rng(0), 50, (2, 5))
    assert set((sources > 0).sum(1)) == {2, 3, 4, 5}
    for source, sentence in zip(sources, sentences):
        length = (source > 0).sum()
        assert (
            sentence[: length + 2].tolist() == [2, *source[:length], 3] and not sentence[length + 2 :].any()
        )


def test_a_fixed_vector_does_not_hold_a_long_string():
    """同样的步数，长的数字串只有带注意力的抄得对。"""
    with_attention, without = (figures.copy_accuracy(attention) for attention in (True, False))
    assert with_attention.min() > 0.9
    assert without[1] > 0.9 and without[11:].max() < 0.1
