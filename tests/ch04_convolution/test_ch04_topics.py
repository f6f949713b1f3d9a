"""第 4 章的每个题目：手写的、Paddle 的各种写法相等，梯度经得起差分检验。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.verification.ch04 import TOPICS
from paddle_notes.verification.core import check


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", TOPICS)
def test_topic(name, seed):
    generator = np.random.default_rng(seed)
    topic = TOPICS[name](generator)
    assert topic.forms
    assert check(name, topic, generator).passed


def test_the_syllabus_is_covered():
    expected = """conv2d conv2d_stride_padding conv2d_channels conv2d_1x1 conv2d_loops conv2d_im2col
    convolution_flip depthwise_conv fc_as_conv max_pool average_pool batch_norm_training
    batch_norm_inference batch_norm_running_statistics lrn"""
    assert set(expected.split()) <= set(TOPICS)
