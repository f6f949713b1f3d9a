"""梯度裁剪：整体长度不超过上限，方向不变，短的不动。与 Paddle 相等在 test_ch07_topics.py。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch07_recurrent.clipping import clip_by_global_norm, global_norm

GRADIENTS = [np.array([3.0, 0.0]), np.array([[0.0], [4.0]])]


def test_global_norm():
    assert global_norm(GRADIENTS) == 5


def test_long_gradients_are_scaled_together():
    clipped = clip_by_global_norm(GRADIENTS, 1.0)
    assert global_norm(clipped) == pytest.approx(1)
    assert all(np.allclose(a, b / 5) for a, b in zip(clipped, GRADIENTS))


def test_short_gradients_are_left_alone():
    assert all(np.array_equal(a, b) for a, b in zip(clip_by_global_norm(GRADIENTS, 6.0), GRADIENTS))


def test_zero_gradients_stay_zero():
    assert not clip_by_global_norm([np.zeros(3)], 1.0)[0].any()
