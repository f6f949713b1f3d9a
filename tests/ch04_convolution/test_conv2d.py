"""卷积的几种写法：与 scipy 相等，互相相等，整批只有一次矩阵乘法。梯度在 test_ch04_topics 里检查。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from scipy import signal

from paddle_notes.ch04_convolution.conv2d import (
    col2im,
    conv2d,
    conv2d_loops,
    convolve2d,
    cross_correlate2d,
    depthwise_conv2d,
    im2col,
)


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_a_window_by_hand():
    x = np.array([[1.0, 2, 0, 1], [3, 1, 2, 0], [0, 1, 1, 3]])
    kernel = np.array([[1.0, 0], [2, -1]])
    assert cross_correlate2d(x, kernel).tolist() == [[6, 2, 4], [2, 2, 1]]


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4), (5, 6)])
def test_both_directions_equal_scipy(shape, generator):
    x, kernel = generator.standard_normal((5, 6)), generator.standard_normal(shape)
    np.testing.assert_allclose(
        cross_correlate2d(x, kernel), signal.correlate2d(x, kernel, "valid"), atol=1e-14
    )
    np.testing.assert_allclose(convolve2d(x, kernel), signal.convolve2d(x, kernel, "valid"), atol=1e-14)


def test_convolution_is_not_cross_correlation_unless_the_kernel_is_symmetric(generator):
    x, kernel = generator.standard_normal((5, 5)), generator.standard_normal((3, 3))
    assert np.abs(convolve2d(x, kernel) - cross_correlate2d(x, kernel)).max() > 0.1
    symmetric = kernel + kernel[::-1, ::-1]
    np.testing.assert_allclose(convolve2d(x, symmetric), cross_correlate2d(x, symmetric), atol=1e-14)


def test_paddle_convolution_is_cross_correlation(generator):
    x, kernel = generator.standard_normal((5, 5)), generator.standard_normal((3, 3))
    y = F.conv2d(paddle.to_tensor(x[None, None]), paddle.to_tensor(kernel[None, None])).numpy()
    np.testing.assert_allclose(y[0, 0], signal.correlate2d(x, kernel, "valid"), atol=1e-14)


def test_columns_are_the_windows(generator):
    """第 (n, i, j) 列是第 n 张图在 (i·t, j·t) 处的窗口，按通道、行、列排列。"""
    x = generator.standard_normal((2, 3, 5, 6))
    columns = im2col(x, 3, 2, stride=2)
    assert columns.shape == (3 * 3 * 2, 2 * 2 * 3)
    np.testing.assert_array_equal(columns[:, 1 * 6 + 1 * 3 + 2], x[1, :, 2:5, 4:6].ravel())


@pytest.mark.parametrize("kernel_size, stride, padding", [(3, 1, 0), (3, 2, 1), (2, 3, 0), (1, 1, 0)])
def test_col2im_is_the_adjoint_of_im2col(kernel_size, stride, padding, generator):
    """⟨im2col(x), c⟩ = ⟨x, col2im(c)⟩：这正是“反向”的意思。"""
    window = (kernel_size, kernel_size, stride, padding)
    x = generator.standard_normal((2, 3, 7, 6))
    columns = im2col(x, *window)
    other = generator.standard_normal(columns.shape)
    assert np.sum(columns * other) == pytest.approx(np.sum(x * col2im(other, x.shape, *window)), rel=1e-12)


@pytest.mark.parametrize("kernel, stride, padding", [((3, 3), 1, 1), ((2, 3), 2, 0), ((1, 1), 1, 0)])
def test_one_gemm_equals_the_loops_and_paddle(kernel, stride, padding, generator):
    x = generator.standard_normal((3, 4, 6, 7))
    weight, bias = generator.standard_normal((5, 4, *kernel)), generator.standard_normal(5)
    y = conv2d(x, weight, bias, stride, padding)
    np.testing.assert_allclose(y, conv2d_loops(x, weight, bias, stride, padding), atol=1e-13)
    theirs = F.conv2d(*map(paddle.to_tensor, (x, weight, bias)), stride, padding).numpy()
    np.testing.assert_allclose(y, theirs, atol=1e-13)


class CountingArray(np.ndarray):
    """数一数做了几次矩阵乘法。"""

    count = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        CountingArray.count += ufunc is np.matmul
        plain = [x.view(np.ndarray) if isinstance(x, CountingArray) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **kwargs).view(CountingArray)


def test_the_whole_batch_is_one_gemm(generator):
    x = generator.standard_normal((16, 3, 8, 8)).view(CountingArray)
    weight, bias = generator.standard_normal((4, 3, 3, 3)).view(CountingArray), np.zeros(4)
    CountingArray.count = 0
    conv2d(x, weight, bias, padding=1)
    assert CountingArray.count == 1


def test_a_kernel_over_three_channels_gives_one_map(generator):
    """一个核看三个通道，各自互相关之后相加，得到一张特征图，不是三张。"""
    x, weight = generator.standard_normal((1, 3, 5, 5)), generator.standard_normal((1, 3, 3, 3))
    y = conv2d(x, weight, np.zeros(1))
    assert y.shape == (1, 1, 3, 3)
    total = sum(cross_correlate2d(x[0, c], weight[0, c]) for c in range(3))
    np.testing.assert_allclose(y[0, 0], total, atol=1e-14)
    separate = depthwise_conv2d(x, weight.reshape(3, 1, 3, 3))  # 每个通道一个核，才是三张
    assert separate.shape == (1, 3, 3, 3)
    np.testing.assert_allclose(separate.sum(axis=1), y[:, 0], atol=1e-14)


def test_one_by_one_convolution_is_a_fully_connected_layer_at_every_pixel(generator):
    x, weight = generator.standard_normal((2, 4, 3, 5)), generator.standard_normal((6, 4, 1, 1))
    bias = generator.standard_normal(6)
    by_pixel = x.transpose(0, 2, 3, 1) @ weight[:, :, 0, 0].T + bias  # (N, H, W, K)
    np.testing.assert_allclose(conv2d(x, weight, bias), by_pixel.transpose(0, 3, 1, 2), atol=1e-14)


def test_window_that_does_not_fit():
    with pytest.raises(ValueError, match="放不进"):
        conv2d(np.zeros((1, 1, 2, 2)), np.zeros((1, 1, 3, 3)), np.zeros(1))
