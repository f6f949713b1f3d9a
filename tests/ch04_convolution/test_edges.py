"""边缘检测：手写的核只在边缘上不为 0；Sobel 与 scipy 相等；梯度下降学得回 Sobel。"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage

from paddle_notes.ch04_convolution.conv2d import conv2d, cross_correlate2d
from paddle_notes.ch04_convolution.edges import (
    DIFFERENCE,
    SOBEL_X,
    SOBEL_Y,
    gradient_magnitude,
    learn_kernel,
)


def square() -> np.ndarray:
    """黑底上的一个白方块。"""
    image = np.zeros((8, 8))
    image[2:6, 3:7] = 1
    return image


def test_difference_kernel_finds_the_vertical_edges():
    edges = cross_correlate2d(square(), DIFFERENCE)
    assert edges.shape == (8, 7)
    assert (edges[2:6, 2] == 1).all() and (edges[2:6, 6] == -1).all()  # 左边由暗变亮，右边由亮变暗
    assert np.count_nonzero(edges) == 8


def test_kernels_are_blind_to_the_other_direction():
    stripes = np.tile(np.arange(8) % 4 < 2, (8, 1)).astype(float)  # 竖条
    assert cross_correlate2d(stripes, SOBEL_X).any()
    assert not cross_correlate2d(stripes, SOBEL_Y).any()
    assert not cross_correlate2d(stripes.T, SOBEL_X).any()


def test_magnitude_equals_scipy():
    image = np.random.default_rng(0).random((9, 10))
    theirs = np.hypot(ndimage.sobel(image, 1), ndimage.sobel(image, 0))[1:-1, 1:-1]
    np.testing.assert_allclose(gradient_magnitude(image), theirs, atol=1e-14)


def test_constant_image_has_no_edges():
    np.testing.assert_allclose(gradient_magnitude(np.full((5, 5), 0.7)), 0, atol=1e-15)


def test_sobel_is_learned_from_examples():
    images = np.random.default_rng(0).standard_normal((4, 1, 12, 12))
    targets = conv2d(images, SOBEL_X[None, None], np.zeros(1))
    learned, losses = learn_kernel(images, targets, kernel_size=3, learning_rate=0.4, num_steps=60)
    np.testing.assert_allclose(learned, SOBEL_X, atol=1e-6)
    assert losses[0] == np.mean(targets**2)  # 从全 0 的核出发
    assert all(after < before for before, after in pairwise(losses[:20]))


def test_too_large_a_learning_rate_diverges():
    images = np.random.default_rng(0).standard_normal((4, 1, 12, 12))
    targets = conv2d(images, SOBEL_X[None, None], np.zeros(1))
    losses = learn_kernel(images, targets, kernel_size=3, learning_rate=3.0, num_steps=10)[1]
    assert losses[-1] > 1e3 * losses[0]
