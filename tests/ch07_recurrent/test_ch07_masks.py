"""掩码：填充的位置不影响取最大值，也不影响损失。与 Paddle 相等在 test_ch07_topics.py。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch07_recurrent.masks import (
    masked_cross_entropy,
    masked_cross_entropy_backward,
    max_over_time,
    max_over_time_backward,
)


def test_max_over_time_looks_only_at_real_steps():
    x = np.array([[[1.0], [5], [9]], [[-3], [-2], [-1]]])  # (2, 3, 1)
    assert max_over_time(x, np.array([2, 1])).tolist() == [[5], [-3]]
    dx = max_over_time_backward(np.ones((2, 1)), x, np.array([2, 1]))
    assert dx[..., 0].tolist() == [[0, 1, 0], [1, 0, 0]]


def test_more_padding_changes_nothing():
    generator = np.random.default_rng(0)
    logits, labels = generator.standard_normal((2, 3, 5)), np.array([[1, 2, 3], [4, 0, 0]])
    longer = np.concatenate([logits, generator.standard_normal((2, 4, 5))], axis=1)
    padded = np.concatenate([labels, np.zeros((2, 4), int)], axis=1)
    loss = masked_cross_entropy(logits, labels)
    assert masked_cross_entropy(longer, padded) == pytest.approx(loss, abs=1e-15)
    short = masked_cross_entropy_backward(1.0, logits, labels)
    long = masked_cross_entropy_backward(1.0, longer, padded)
    assert np.allclose(long[:, :3], short, rtol=0, atol=1e-15)
    assert not long[:, 3:].any() and not short[1, 1:].any()


def test_loss_is_the_mean_over_real_tokens():
    """logits 全为 0 时每个词元的损失是 ln V，与填充多少无关；若除以全部位置就小了。"""
    labels = np.array([[1, 2, 0, 0]])
    assert masked_cross_entropy(np.zeros((1, 4, 7)), labels) == pytest.approx(np.log(7))


def test_a_batch_of_padding_is_an_error():
    with pytest.raises(ValueError, match=r"全是填充.*请去掉空的样本"):
        masked_cross_entropy(np.zeros((1, 2, 3)), np.zeros((1, 2), int))
