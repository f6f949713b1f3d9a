"""笔记里的每个算例：输出大小、参数个数、乘加次数、感受野。"""

from __future__ import annotations

import paddle
import pytest
from paddle import nn

from paddle_notes.ch04_convolution.arithmetic import (
    ReceptiveField,
    Window,
    conv_macs,
    conv_parameters,
    output_size,
    receptive_field,
    same_padding,
)


def test_ten_five_by_five_kernels_on_a_cifar_image():
    """32×32×3，10 个 5×5 的核，步幅 1，填充 2 → 32×32×10，760 个参数。"""
    assert output_size(32, 5, stride=1, padding=2) == 32
    assert conv_parameters(3, 10, 5) == 10 * (5 * 5 * 3 + 1) == 760
    layer = nn.Conv2D(3, 10, 5, padding=2)
    assert layer(paddle.zeros([1, 3, 32, 32])).shape == [1, 10, 32, 32]
    assert sum(p.size for p in layer.parameters()) == 760


def test_seven_by_seven_input_and_three_by_three_kernel():
    assert output_size(7, 3, stride=1) == 5
    assert output_size(7, 3, stride=2) == 3
    with pytest.raises(ValueError, match=r"\(7 \+ 2×0 − 3\)/3 = 1\.333 不是整数.*1 个像素用不到.*请改"):
        output_size(7, 3, stride=3)
    assert output_size(7, 3, stride=3, floor=True) == 2
    assert output_size(7, 3, stride=1, padding=1) == 7


def test_alexnet_needs_227():
    assert output_size(227, 11, stride=4) == 55
    with pytest.raises(ValueError, match=r"53\.25 不是整数"):
        output_size(224, 11, stride=4)
    assert output_size(224, 11, stride=4, floor=True) == 54
    assert output_size(224, 11, stride=4, padding=2, floor=True) == 55


def test_pooling_halves_an_even_size():
    assert [output_size(size, 2, stride=2) for size in (224, 112, 56, 28, 14)] == [112, 56, 28, 14, 7]


def test_window_larger_than_the_input():
    with pytest.raises(ValueError, match="5×5 的窗口放不进填充后边长 4"):
        output_size(2, 5, padding=1, floor=True)
    assert output_size(3, 5, padding=1) == 1


@pytest.mark.parametrize("kernel_size, padding", [(1, 0), (3, 1), (5, 2), (7, 3), (11, 5)])
def test_same_padding_keeps_the_size(kernel_size, padding):
    assert same_padding(kernel_size) == padding
    assert output_size(13, kernel_size, padding=same_padding(kernel_size)) == 13


def test_same_padding_of_an_even_kernel():
    with pytest.raises(ValueError, match="要求 k 是奇数，得到 4"):
        same_padding(4)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_output_size_equals_paddle(kernel_size, padding, stride):
    layer = nn.Conv2D(1, 1, kernel_size, stride, padding)
    for size in (5, 6, 7, 8):
        side = layer(paddle.zeros([1, 1, size, size])).shape[-1]
        assert side == output_size(size, kernel_size, stride, padding, floor=True)


@pytest.mark.parametrize("options", [{}, {"groups": 2}, {"groups": 4}, {"bias": False}])
def test_parameters_equal_paddle(options):
    bias = {"bias_attr": False} if options.get("bias") is False else {}
    layer = nn.Conv2D(4, 8, 3, groups=options.get("groups", 1), **bias)
    assert conv_parameters(4, 8, 3, **options) == sum(p.size for p in layer.parameters())


def test_macs_count_the_multiplications():
    """32×32 上 10 个 5×5×3 的核：每个输出 75 次；分成 g 组少到 1/g。"""
    assert conv_macs(3, 10, 5, out_size=32) == 10 * 32 * 32 * 75 == 768_000
    layer = nn.Conv2D(3, 10, 5, padding=2)
    outputs = layer(paddle.zeros([1, 3, 32, 32])).size
    assert conv_macs(3, 10, 5, out_size=32) == outputs * layer.weight[0].size
    assert conv_macs(8, 8, 3, out_size=7, groups=8) * 8 == conv_macs(8, 8, 3, out_size=7)


def test_halving_the_size_and_doubling_the_channels_keeps_the_macs():
    assert conv_macs(64, 64, 3, 56) == conv_macs(128, 128, 3, 28) == conv_macs(256, 256, 3, 14)


# ---------------------------------------------------------------- 感受野


def test_two_small_kernels_see_what_a_large_one_sees():
    """两个 3×3 看到 5×5，三个看到 7×7；C 进 C 出时权重是 18C² 对 25C²，27C² 对 49C²。"""
    channels = 64
    for count, large, factor in ((2, 5, 18), (3, 7, 27)):
        assert receptive_field([Window(3)] * count).size == receptive_field([Window(large)]).size == large
        small = count * conv_parameters(channels, channels, 3, bias=False)
        assert small == factor * channels**2
        assert conv_parameters(channels, channels, large, bias=False) == large**2 * channels**2
        assert small < large**2 * channels**2


def test_receptive_field_of_no_layer_is_one_pixel():
    assert receptive_field([]) == ReceptiveField(1, 1, 0)


LENET = [Window(5, 1, 2), Window(2, 2), Window(5), Window(2, 2)]


def test_receptive_field_by_hand():
    assert [receptive_field(LENET[:n]) for n in range(1, 5)] == [
        ReceptiveField(5, 1, -2),
        ReceptiveField(6, 2, -2),
        ReceptiveField(14, 2, -2),
        ReceptiveField(16, 4, -2),
    ]


@pytest.mark.parametrize("output", [0, 3])
def test_receptive_field_equals_the_reach_of_the_gradient(output):
    """第 i 个输出的梯度，在输入上恰好到达 start + i·jump 起的 size 个像素。"""
    layers = [Window(3, 1, 1), Window(2, 2), Window(3, 2, 1), Window(3)]
    x = paddle.ones([1, 1, 48, 48])
    x.stop_gradient = False
    y = x
    for kernel_size, stride, padding in layers:
        conv = nn.Conv2D(1, 1, kernel_size, stride, padding, bias_attr=False)
        nn.initializer.Constant(1.0)(conv.weight)
        y = conv(y)
    y[0, 0, output, output].backward()
    touched = x.grad[0, 0].numpy().any(axis=0).nonzero()[0]
    size, jump, start = receptive_field(layers)
    first, last = start + output * jump, start + output * jump + size - 1
    assert (touched[0], touched[-1]) == (max(first, 0), last)
    assert len(touched) == last - max(first, 0) + 1
