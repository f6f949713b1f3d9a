"""NiN：参数个数、各阶段的形状、与逐个像素的全连接网络对照、初始化。"""

from __future__ import annotations

import re

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from helpers import relative_difference
from paddle import nn

from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch05_classic_cnn import nin as module
from paddle_notes.ch05_classic_cnn.nin import NiN, nin, nin_cifar


@pytest.fixture(scope="module")
def imagenet() -> NiN:
    paddle.seed(0)
    return nin()


@pytest.fixture(scope="module")
def cifar() -> NiN:
    paddle.seed(0)
    return nin_cifar()


def table(number: int) -> list[tuple[list[int], int]]:
    """文件开头第 ``number`` 张表的（输出形状, 参数个数）。"""
    text = module.__doc__.split("合计")[number]
    rows = re.findall(r"\(N, ([\d, ]+)\) +([\d,]+)$", text, re.MULTILINE)
    return [([int(side) for side in shape.split(", ")], int(count.replace(",", ""))) for shape, count in rows]


# 个数由公式 Σ(k²·输入通道 + 1)·输出通道 得到；29 MB 的公开权重也是 7.6 M 个 float32。
# 类别少时只有最后一个 1×1 卷积变小。
def test_parameter_count_at_the_published_setting(imagenet, cifar):
    assert count_parameters(imagenet) == 7_595_176
    assert count_parameters(cifar) == 966_986
    assert count_parameters(nin(num_classes=10)) == 7_595_176 - 990 * (1024 + 1)


@pytest.mark.parametrize(("fixture", "number", "size"), [("imagenet", 0, 224), ("cifar", 1, 32)])
def test_every_stage_matches_the_table(request, fixture, number, size):
    model = request.getfixturevalue(fixture)
    model.eval()
    x, measured = paddle.randn([1, 3, size, size]), []
    with paddle.no_grad():
        for stage in [*model.features, model.pool]:
            x = stage(x)
            if not isinstance(stage, nn.Dropout):
                measured.append((x.shape[1:], count_parameters(stage)))
    assert measured == table(number)
    assert len(measured) == (8, 6)[number]


def pixelwise(model: NiN, x):
    """照论文的说法写：每个位置取出它看到的一小块，送进同一个三层的全连接网络。"""
    convolutions = [layer for layer in model.sublayers() if isinstance(layer, nn.Conv2D)]
    for start in range(0, len(convolutions), 3):
        first = convolutions[start]
        kernel_size, stride, padding = first.weight.shape[-1], first._stride[0], first._padding
        side = (x.shape[-1] + 2 * padding - kernel_size) // stride + 1
        hidden = F.unfold(x, kernel_size, stride, padding).transpose([0, 2, 1])  # (N, h·w, C·k·k)
        for layer in convolutions[start : start + 3]:
            hidden = hidden @ layer.weight.flatten(1).T + layer.bias
            if layer is not convolutions[-1]:
                hidden = hidden.clip(min=0)
        x = hidden.transpose([0, 2, 1]).reshape([x.shape[0], -1, side, side])
        if layer is not convolutions[-1]:  # 右边、下边补一行，边长恰好减半
            half = side // 2
            padded = F.pad(x, [0, 1, 0, 1], value=float("-inf"))
            stops = 2 * half - 1
            windows = [padded[:, :, i : i + stops : 2, j : j + stops : 2] for i in range(3) for j in range(3)]
            x = paddle.stack(windows).max(0)
    return x.flatten(2).sum(2) / (x.shape[2] * x.shape[3])


# 67 → 15 → 7 → 3 → 1 处处是奇数，80 → 18 → 9 → 4 → 2 两种都有；28 → 14 → 7 的两次池化也是。
@pytest.mark.parametrize(("build", "size"), [(nin, 67), (nin, 80), (nin_cifar, 28), (nin_cifar, 32)])
def test_equals_a_perceptron_at_every_pixel(build, size):
    paddle.seed(0)
    model = build(num_classes=10, in_channels=1, image_size=size, dropout=0.0)
    for parameter in model.parameters():
        if parameter.ndim == 1:  # 偏置不是 0，漏掉才看得出来
            parameter.set_value(0.5 * paddle.randn(parameter.shape))
    x = paddle.randn([2, 1, size, size])
    with paddle.no_grad():
        expected = pixelwise(model, x)
        model.train()
        assert relative_difference(model(x), expected) < 1e-4
        model.eval()
        assert relative_difference(model(x), expected) < 1e-4


def test_dropout_acts_only_in_training(cifar):
    x = paddle.randn([1, 3, 32, 32])
    with paddle.no_grad():
        cifar.eval()
        assert paddle.equal_all(cifar(x), cifar(x))
        cifar.train()
        assert not paddle.equal_all(cifar(x), cifar(x))
    probabilities = [
        [layer.p for layer in build(dropout=0.25).sublayers() if isinstance(layer, nn.Dropout)]
        for build in (nin, nin_cifar)
    ]
    assert probabilities == [[0.25], [0.25, 0.25]]


@pytest.mark.parametrize(("build", "smallest"), [(nin, 39), (nin_cifar, 4)])
def test_smallest_size(build, smallest):
    model = build(num_classes=7, in_channels=1, image_size=smallest)
    assert model(paddle.randn([2, 1, smallest, smallest])).shape == [2, 7]
    with pytest.raises(ValueError, match=f"图像至少要 {smallest}×{smallest}，得到 {smallest - 1}×"):
        build(image_size=smallest - 1)


@pytest.mark.parametrize(("in_channels", "image_size", "num_classes"), [(1, 28, 10), (3, 45, 3)])
def test_channels_sizes_and_classes(in_channels, image_size, num_classes):
    model = nin_cifar(num_classes=num_classes, in_channels=in_channels, image_size=image_size)
    assert model(paddle.randn([2, in_channels, image_size, image_size])).shape == [2, num_classes]


def test_logits_can_be_negative(cifar):
    """最后一个卷积之后没有 ReLU，每个类别一开始就有梯度。"""
    cifar.eval()
    x = paddle.randn([4, 3, 32, 32])
    logits = cifar(x)
    assert logits.min() < 0 < logits.max()
    logits.sum().backward()
    last = [layer for layer in cifar.sublayers() if isinstance(layer, nn.Conv2D)][-1]
    np.testing.assert_allclose(last.bias.grad.numpy(), 4.0, rtol=1e-4)
    cifar.clear_gradients()


@pytest.mark.parametrize("build", [nin, nin_cifar])
def test_initialization_is_he(build):
    # Paddle 的卷积默认也是 He 初始化；先把默认值换成常数，才看得出权重是 reset_parameters 给的。
    nn.initializer.set_global_initializer(nn.initializer.Constant(0.5), nn.initializer.Constant(0.5))
    try:
        paddle.seed(0)
        model = build()
    finally:
        nn.initializer.set_global_initializer(None)
    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D):
            weight = layer.weight.numpy()
            std = np.sqrt(2 / weight[0].size)
            assert abs(weight.std() / std - 1) < 4 / np.sqrt(2 * weight.size)  # 四倍标准误差
            assert abs(weight.mean() / std) < 4 / np.sqrt(weight.size)
            assert not layer.bias.numpy().any()
