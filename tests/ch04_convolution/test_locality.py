"""平移不变与局部性：卷积是权重又稀疏又共享的全连接层，图像移动，特征图跟着移动。"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch04_convolution.conv2d import cross_correlate2d
from paddle_notes.ch04_convolution.locality import convolution_matrix, shift


def test_convolution_is_a_sparse_shared_fully_connected_layer():
    generator = np.random.default_rng(0)
    x, kernel = generator.standard_normal((6, 7)), generator.standard_normal((3, 2))
    matrix = convolution_matrix(kernel, 6, 7)
    assert matrix.shape == (4 * 6, 42)
    np.testing.assert_allclose(matrix @ x.ravel(), cross_correlate2d(x, kernel).ravel(), atol=1e-14)
    assert ((matrix != 0).sum(axis=1) == 6).all()  # 局部：每个输出只连 6 个像素
    assert len(np.unique(matrix[matrix != 0])) == 6  # 共享：不同的权重只有 6 个


def test_shifting_the_image_shifts_the_feature_map():
    """平移等变：不算边界，卷积与平移可以交换。全连接层没有这个性质。"""
    generator = np.random.default_rng(0)
    x, kernel = generator.standard_normal((8, 8)), generator.standard_normal((3, 3))
    moved = cross_correlate2d(shift(x, 1, 2), kernel)
    np.testing.assert_allclose(moved[1:, 2:], cross_correlate2d(x, kernel)[:-1, :-2], atol=1e-14)
    matrix = generator.standard_normal((36, 64))  # 一般的全连接层
    output, moved = (matrix @ x.ravel()).reshape(6, 6), (matrix @ shift(x, 1, 2).ravel()).reshape(6, 6)
    assert np.abs(moved[1:, 2:] - output[:-1, :-2]).max() > 1
