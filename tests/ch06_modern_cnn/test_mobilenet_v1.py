"""MobileNet v1：参数个数、形状、与 paddle.vision 的数值对照、深度可分离卷积、宽度系数、初始化。"""

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
from paddle_notes.ch06_modern_cnn import mobilenet_v1
from paddle_notes.ch06_modern_cnn.mobilenet_v1 import DepthwiseSeparable, MobileNetV1


# 论文的表 6 写作 4.2、2.6、1.3、0.5 M。
@pytest.mark.parametrize(
    ("width_multiplier", "count", "millions"),
    [(1.0, 4_231_976, 4.2), (0.75, 2_585_560, 2.6), (0.5, 1_331_592, 1.3), (0.25, 470_072, 0.5)],
)
def test_parameter_count(width_multiplier, count, millions):
    assert count_parameters(MobileNetV1(width_multiplier=width_multiplier)) == count
    assert round(count / 1e6, 1) == millions


def test_stages_match_the_table():
    model = MobileNetV1().eval()
    rows = re.findall(r"^(\w+) .*?(\(N,.*?\)) +([\d,]+)$", mobilenet_v1.__doc__, re.M)
    layers = {
        "stem": model.stem,
        **dict(model.stages.named_children()),
        "pool": model.pool,
        "classifier": model.classifier,
    }
    assert [row[0] for row in rows] == list(layers)

    x = paddle.randn([1, 3, 224, 224])
    for name, shape, count in rows:
        with paddle.no_grad():
            x = layers[name](x.flatten(1) if name == "classifier" else x)
        assert shape == f"(N, {', '.join(map(str, x.shape[1:]))})"
        assert count == f"{count_parameters(layers[name]):,}"


def test_where_the_parameters_are():
    """28 层带权重；说明里的 44,640 与 3,139,584：逐通道卷积与 1×1 卷积的权重。"""
    model = MobileNetV1()
    convolutions = [layer for layer in model.sublayers() if isinstance(layer, nn.Conv2D)]
    assert len(convolutions) + 1 == 28
    depthwise = [layer for layer in convolutions if layer.weight.shape[1] == 1]
    pointwise = [layer for layer in convolutions if layer.weight.shape[2:] == [1, 1]]
    assert len(depthwise) == len(pointwise) == 13
    assert sum(layer.weight.size for layer in depthwise) == 44_640
    assert sum(layer.weight.size for layer in pointwise) == 3_139_584


def test_depthwise_is_one_kernel_per_channel():
    """分组卷积等于每个通道各自与自己的核卷积；改动一个输入通道，只有那个输出通道变。"""
    paddle.seed(0)
    convolution = DepthwiseSeparable(6, 10, stride=2).depthwise[0]
    assert convolution._groups == 6
    assert convolution.weight.shape == [6, 1, 3, 3]
    x = paddle.randn([2, 6, 9, 9])
    with paddle.no_grad():
        y = convolution(x)
        channels = [
            F.conv2d(x[:, c : c + 1], convolution.weight[c : c + 1], stride=2, padding=1) for c in range(6)
        ]
        assert relative_difference(y, paddle.concat(channels, axis=1)) < 1e-6
        x[:, 2] += 1.0
        changed = (convolution(x) != y).any(axis=[0, 2, 3]).numpy()
    assert changed.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize(("in_channels", "out_channels"), [(32, 64), (512, 512), (512, 1024)])
def test_cost_against_one_convolution(in_channels, out_channels):
    """权重（也是每个像素的乘加）之比是 1/K + 1/k²。"""
    block = DepthwiseSeparable(in_channels, out_channels, stride=1)
    weights = sum(layer.weight.size for layer in block.sublayers() if isinstance(layer, nn.Conv2D))
    whole = nn.Conv2D(in_channels, out_channels, 3, bias_attr=False).weight.size
    assert math.isclose(weights / whole, 1 / out_channels + 1 / 9)


@pytest.mark.parametrize("width_multiplier", [1.0, 0.25])
def test_same_numbers_as_paddle_vision(width_multiplier):
    paddle.seed(0)
    theirs = vision.MobileNetV1(scale=width_multiplier)
    randomize_norms(theirs)
    ours = MobileNetV1(width_multiplier=width_multiplier)
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


@pytest.mark.parametrize(("in_channels", "size", "num_classes"), [(1, 1, 2), (1, 28, 10), (3, 45, 7)])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_any_channels_sizes_and_classes(in_channels, size, num_classes, stem):
    model = MobileNetV1(num_classes, in_channels, stem, width_multiplier=0.125).eval()
    with paddle.no_grad():
        logits = model(paddle.randn([2, in_channels, size, size]))
    assert logits.shape == [2, num_classes]
    assert bool(paddle.isfinite(logits).all())


def test_small_stem_doubles_every_side():
    for stem, sides in (("imagenet", [14, 14, 7, 4, 2, 1]), ("small", [28, 28, 14, 7, 4, 2])):
        model = MobileNetV1(10, 1, stem, width_multiplier=0.125).eval()
        with paddle.no_grad():
            x = model.stem(paddle.randn([1, 1, 28, 28]))
            found = [x.shape[-1]]
            for stage in model.stages:
                x = stage(x)
                found.append(x.shape[-1])
        assert found == sides


def test_width_multiplier_too_small():
    with pytest.raises(ValueError, match=r"宽度系数 width_multiplier 是 0\.03"):
        MobileNetV1(width_multiplier=0.03)
    assert MobileNetV1(width_multiplier=1 / 32).stem[0].weight.shape[0] == 1


def test_gradients_reach_every_parameter():
    paddle.seed(0)
    model = MobileNetV1(10, 1, "small", width_multiplier=0.25)
    F.cross_entropy(model(paddle.randn([8, 1, 28, 28])), paddle.arange(8)).backward()
    for name, parameter in model.named_parameters():
        if not parameter.stop_gradient:
            assert bool(paddle.isfinite(parameter.grad).all()), name
            assert float(parameter.grad.abs().max()) > 0, name


def test_initialization():
    paddle.seed(0)
    model = MobileNetV1(num_classes=100, width_multiplier=0.5)
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
    check_normal(model.classifier.weight, 0.01)
    assert bool((model.classifier.bias == 0).all())


def test_same_numbers_with_the_fast_convolutions():
    """models.build 换上的卷积与原来的数值相同。"""
    paddle.seed(0)
    fast = models.build("mobilenet_v1", num_classes=10, in_channels=1, stem="small", width_multiplier=0.25)
    plain = MobileNetV1(10, 1, "small", width_multiplier=0.25)
    plain.set_state_dict(fast.state_dict())
    x = paddle.randn([16, 1, 28, 28])
    with paddle.no_grad():
        np.testing.assert_allclose(fast(x).numpy(), plain(x).numpy(), rtol=1e-4, atol=1e-5)


def test_options_come_from_the_signature():
    options = models.resolve_options("mobilenet_v1", {"stem": "small", "width_multiplier": "0.5"})
    assert options == {"num_classes": 1000, "in_channels": 3, "stem": "small", "width_multiplier": 0.5}
