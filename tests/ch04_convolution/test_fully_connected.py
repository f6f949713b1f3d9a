"""全连接层等于核与特征图一样大的卷积。梯度在 test_ch04_topics 里检查。"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch04_convolution.arithmetic import conv_parameters
from paddle_notes.ch04_convolution.conv2d import conv2d
from paddle_notes.ch04_convolution.fully_connected import as_kernel, fully_connected


def test_seven_by_seven_convolution_equals_the_fully_connected_layer():
    generator = np.random.default_rng(0)
    x, bias = generator.standard_normal((2, 3, 7, 7)), generator.standard_normal(4)
    weight = generator.standard_normal((3 * 7 * 7, 4))
    y = conv2d(x, as_kernel(weight, 3, 7, 7), bias)
    assert y.shape == (2, 4, 1, 1)
    np.testing.assert_allclose(y[:, :, 0, 0], fully_connected(x, weight, bias), atol=1e-13)


def test_parameters_of_the_first_layer_of_vgg16_are_the_same():
    assert conv_parameters(512, 4096, 7) == 512 * 7 * 7 * 4096 + 4096 == 102_764_544


def test_a_larger_map_gives_scores_at_every_position():
    generator = np.random.default_rng(0)
    x, bias = generator.standard_normal((1, 3, 9, 8)), generator.standard_normal(4)
    weight = generator.standard_normal((3 * 7 * 7, 4))
    scores = conv2d(x, as_kernel(weight, 3, 7, 7), bias)
    assert scores.shape == (1, 4, 3, 2)
    for i, j in np.ndindex(3, 2):
        window = fully_connected(x[:, :, i : i + 7, j : j + 7], weight, bias)
        np.testing.assert_allclose(scores[:, :, i, j], window, atol=1e-13)
