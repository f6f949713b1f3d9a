"""第 7 章的每个题目：手写的、Paddle 的各种写法相等，梯度经得起差分检验。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.verification.ch07 import TOPICS
from paddle_notes.verification.core import check


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", TOPICS)
def test_topic(name, seed):
    generator = np.random.default_rng(seed)
    topic = TOPICS[name](generator)
    assert set(topic.forms) == {"原语", "paddle.nn"}
    assert (topic.backward is None) == (name == "gradient_clipping")
    assert check(name, topic, generator).passed


def test_the_syllabus_is_covered():
    expected = """embedding_one_hot rnn_cell lstm_cell gru_cell rnn lstm gru rnn_two_layers lstm_two_layers
    gru_two_layers bidirectional_rnn bidirectional_lstm bidirectional_gru padded_lstm
    padded_bidirectional_gru text_cnn_pooling masked_cross_entropy additive_attention
    gradient_clipping"""
    assert set(expected.split()) == set(TOPICS)
