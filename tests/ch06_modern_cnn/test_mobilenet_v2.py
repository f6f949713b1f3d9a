"""MobileNet v2：参数个数、形状、与 paddle.vision 的数值对照、倒残差与线性瓶颈、通道取 8 的倍数、初始化。"""

import math
import re

import numpy as np
import paddle
import pytest
from helpers import check_normal, randomize_norms, relative_difference
from paddle import nn
from paddle.nn import functional as F
from paddle.vision import models as vision

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch06_modern_cnn import mobilenet_v2
from paddle_notes.ch06_modern_cnn.mobilenet_v2 import InvertedResidual, MobileNetV2, round_channels


def test_parameter_count():
    assert count_parameters(MobileNetV2()) == 3_504_872


# 作者放出的各个宽度的参数个数（百万），不含归一化的系数与偏移。
@pytest.mark.parametrize(
    ("width_multiplier", "millions"),
    [(1.4, 6.06), (1.3, 5.34), (1.0, 3.47), (0.75, 2.61), (0.5, 1.95), (0.35, 1.66)],
)
def test_published_sizes_of_every_width(width_multiplier, millions):
    model = MobileNetV2(width_multiplier=width_multiplier)
    norms = sum(count_parameters(layer) for layer in model.sublayers() if isinstance(layer, nn.BatchNorm2D))
    assert round((count_parameters(model) - norms) / 1e6, 2) == millions


def test_stages_match_the_table():
    model = MobileNetV2().eval()
    rows = re.findall(r"^(\w+) .*?(\(N,.*?\)) +([\d,]+)$", mobilenet_v2.__doc__, re.M)
    layers = {
        "stem": model.stem,
        **dict(model.stages.named_children()),
        "head": model.head,
        "classifier": model.classifier,
    }
    assert [row[0] for row in rows] == list(layers)

    x = paddle.randn([1, 3, 224, 224])
    for name, shape, count in rows:
        with paddle.no_grad():
            x = layers[name](x.flatten(1) if name == "classifier" else x)
        assert shape == f"(N, {', '.join(map(str, x.shape[1:]))})"
        assert count == f"{count_parameters(layers[name]):,}"


@pytest.mark.parametrize("width_multiplier", [1.0, 0.35])
def test_same_numbers_as_paddle_vision(width_multiplier):
    paddle.seed(0)
    theirs = vision.MobileNetV2(scale=width_multiplier)
    theirs.classifier[0] = nn.Identity()  # 训练模式下也能比，两边都去掉丢弃法
    randomize_norms(theirs)
    ours = MobileNetV2(width_multiplier=width_multiplier, dropout=0.0)
    source, target = list(theirs.state_dict().values()), list(ours.state_dict().values())
    assert [value.shape for value in source] == [value.shape for value in target]
    for a, b in zip(source, target):
        b.set_value(a)
    x = paddle.randn([2, 3, 64, 64])
    with paddle.no_grad():
        ours.eval()
        theirs.eval()
        assert relative_difference(ours(x), theirs(x)) < 1e-4
        ours.train()
        theirs.train()
        assert relative_difference(ours(x), theirs(x)) < 1e-4
        # 训练模式更新了滑动统计量，再比一次就是比它们。
        ours.eval()
        theirs.eval()
        assert relative_difference(ours(x), theirs(x)) < 1e-4


@pytest.mark.parametrize(
    ("channels", "rounded"),
    [
        (1, 8),
        (8, 8),
        (11.9, 16),
        (12, 16),
        (16, 16),
        (18, 24),
        (19.9, 24),
        (20, 24),
        (33.6, 32),
        (1792, 1792),
    ],
)
def test_round_channels(channels, rounded):
    """取最接近的 8 的倍数，但不少于原来的九成：18 → 16 少了一成以上，改为 24。"""
    assert round_channels(channels) == rounded


def test_round_channels_never_loses_a_tenth():
    for channels in np.linspace(0.5, 400, 3201):
        rounded = round_channels(channels)
        assert rounded % 8 == 0 and rounded >= 8
        assert rounded >= 0.9 * channels
        assert rounded - channels < 8


def test_residual_only_where_the_shapes_agree():
    """17 个块里 10 个相加：步幅为 1 且通道数不变。"""
    blocks = [layer for layer in MobileNetV2().sublayers() if isinstance(layer, InvertedResidual)]
    assert len(blocks) == 17
    assert sum(block.add for block in blocks) == 10
    for block in blocks:
        convolutions = [layer for layer in block.residual if isinstance(layer, nn.Conv2D)]
        stride = max(layer._stride[0] for layer in convolutions)
        same = convolutions[0].weight.shape[1] == convolutions[-1].weight.shape[0]
        if len(convolutions) == 2:  # t = 1，没有放宽；第一个卷积是逐通道的
            same = convolutions[0].weight.shape[0] == convolutions[-1].weight.shape[0]
        assert block.add == (stride == 1 and same)


@pytest.mark.parametrize(
    ("stride", "out_channels", "adds"), [(1, 8, True), (2, 8, False), (1, 16, False), (2, 16, False)]
)
def test_block_adds_its_input(stride, out_channels, adds):
    """压窄的归一化的系数为 0 时支路输出 0：相加的块输出输入，不相加的块输出 0。"""
    paddle.seed(0)
    block = InvertedResidual(8, out_channels, stride, expansion=6)
    block.residual[-1].weight.set_value(paddle.zeros([out_channels]))
    x = paddle.randn([2, 8, 6, 6])
    x.stop_gradient = False
    y = block(x)
    gradient = paddle.randn(y.shape)
    y.backward(gradient)
    assert y.shape == [2, out_channels, 6 // stride, 6 // stride]
    if adds:
        np.testing.assert_array_equal(y.numpy(), x.numpy())
        np.testing.assert_array_equal(x.grad.numpy(), gradient.numpy())
    else:
        assert not y.any()
        assert not x.grad.any()


def test_shape_of_a_block():
    """窄、宽、宽、窄；逐通道卷积的组数等于通道数；最后一个归一化之后没有激活函数。"""
    kinds = [type(layer).__name__ for layer in InvertedResidual(8, 12, 1, expansion=6).residual]
    part = ["Conv2D", "BatchNorm2D"]
    assert kinds == [*part, "ReLU6", *part, "ReLU6", *part]
    expand, depthwise, project = [
        layer for layer in InvertedResidual(8, 12, 1, expansion=6).residual if isinstance(layer, nn.Conv2D)
    ]
    assert expand.weight.shape == [48, 8, 1, 1]
    assert (depthwise.weight.shape, depthwise._groups) == ([48, 1, 3, 3], 48)
    assert project.weight.shape == [12, 48, 1, 1]
    assert [type(layer).__name__ for layer in InvertedResidual(8, 12, 1, expansion=1).residual] == kinds[3:]


def test_bottlenecks_are_linear():
    """各阶段的输出有正有负；若压窄之后有 ReLU6，就都在 0 与 6 之间。"""
    paddle.seed(0)
    model = MobileNetV2(10, 1, "small", width_multiplier=0.35)
    with paddle.no_grad():
        x = model.stem(paddle.randn([4, 1, 28, 28]))
        assert float(x.min()) >= 0 and float(x.max()) <= 6
        for stage in model.stages:
            x = stage(x)
            assert float(x.min()) < -0.5
        x = model.head(x)
    assert float(x.min()) >= 0


@pytest.mark.parametrize(("in_channels", "size", "num_classes"), [(1, 1, 2), (1, 28, 10), (3, 45, 7)])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_any_channels_sizes_and_classes(in_channels, size, num_classes, stem):
    model = MobileNetV2(num_classes, in_channels, stem, width_multiplier=0.1).eval()
    with paddle.no_grad():
        logits = model(paddle.randn([2, in_channels, size, size]))
    assert logits.shape == [2, num_classes]
    assert bool(paddle.isfinite(logits).all())


def test_small_stem_doubles_every_side():
    for stem, sides in (("imagenet", [14, 14, 7, 4, 2, 2, 1, 1]), ("small", [28, 28, 14, 7, 4, 4, 2, 2])):
        model = MobileNetV2(10, 1, stem, width_multiplier=0.1).eval()
        with paddle.no_grad():
            x = model.stem(paddle.randn([1, 1, 28, 28]))
            found = [x.shape[-1]]
            for stage in model.stages:
                x = stage(x)
                found.append(x.shape[-1])
        assert found == sides


@pytest.mark.parametrize("width_multiplier", [0.0, -1.0])
def test_width_multiplier_must_be_positive(width_multiplier):
    with pytest.raises(ValueError, match=f"宽度系数 width_multiplier 应为正数，得到 {width_multiplier}"):
        MobileNetV2(width_multiplier=width_multiplier)


def test_gradients_reach_every_parameter():
    paddle.seed(0)
    model = MobileNetV2(10, 1, "small", width_multiplier=0.35)
    F.cross_entropy(model(paddle.randn([8, 1, 28, 28])), paddle.arange(8)).backward()
    for name, parameter in model.named_parameters():
        if not parameter.stop_gradient:
            assert bool(paddle.isfinite(parameter.grad).all()), name
            assert float(parameter.grad.abs().max()) > 0, name


def test_initialization():
    paddle.seed(0)
    model = MobileNetV2(num_classes=100, width_multiplier=0.5)
    for parameter in model.parameters():
        if not parameter.stop_gradient:
            parameter.set_value(paddle.full(parameter.shape, 7.0))
    model.reset_parameters()

    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D):
            _, in_channels, k, _ = layer.weight.shape  # 逐通道卷积的 in_channels 是 1
            check_normal(layer.weight, math.sqrt(2 / (in_channels * k * k)))
        elif isinstance(layer, nn.BatchNorm2D):
            assert bool((layer.weight == 1).all())
            assert bool((layer.bias == 0).all())
    check_normal(model.classifier[1].weight, 0.01)
    assert bool((model.classifier[1].bias == 0).all())


def test_options_come_from_the_signature():
    options = models.resolve_options("mobilenet_v2", {"stem": "small", "width_multiplier": "0.5"})
    assert options == {
        "num_classes": 1000,
        "in_channels": 3,
        "stem": "small",
        "width_multiplier": 0.5,
        "dropout": 0.2,
    }
