"""第 3 章的每个题目：手写的、Paddle 的各种写法相等，梯度经得起差分检验。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.verification.ch03 import TOPICS
from paddle_notes.verification.core import check


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", TOPICS)
def test_topic(name, seed):
    generator = np.random.default_rng(seed)
    topic = TOPICS[name](generator)
    assert topic.forms or topic.moments
    assert check(name, topic, generator).passed


def test_the_syllabus_is_covered():
    expected = "sigmoid tanh relu leaky_relu gelu softmax perceptron_neuron linear_layer mlp autograd dropout"
    expected += (
        " xavier_uniform xavier_normal he_uniform he_normal shared_weights matrix_derivative chain_rule"
    )
    assert set(expected.split()) <= set(TOPICS)
