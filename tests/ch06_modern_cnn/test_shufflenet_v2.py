"""ShuffleNet v2：参数个数、形状、与 paddle.vision 的数值对照、洗牌、初始化。"""

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
from paddle_notes.ch06_modern_cnn import shufflenet_v2
from paddle_notes.ch06_modern_cnn.shufflenet_v2 import DownsamplingUnit, ShuffleNetV2, Unit, channel_shuffle

STAGES = ["stem", "stage2", "stage3", "stage4", "head", "classifier"]
TINY = (8, 16, 32, 64)  # 各阶段的通道数，只用于测试


def stage_outputs(model, x):
    """依次做各阶段，返回每一阶段的输出形状。"""
    shapes = []
    for name in STAGES:
        x = getattr(model, name)(x.flatten(1) if name == "classifier" else x)
        shapes.append(tuple(x.shape))
    return shapes


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("shufflenet_v2_x0_5", 1_366_792),
        ("shufflenet_v2_x1_0", 2_278_604),
        ("shufflenet_v2_x1_5", 3_503_624),
        ("shufflenet_v2_x2_0", 7_393_996),
    ],
)
def test_parameter_count(name, count):
    assert count_parameters(getattr(shufflenet_v2, name)()) == count


@pytest.mark.parametrize(("name", "column"), [("shufflenet_v2_x0_5", 0), ("shufflenet_v2_x1_0", 1)])
def test_stages_match_the_table(name, column):
    model = getattr(shufflenet_v2, name)().eval()
    pattern = r"^(\w+) .*?(\(N,.*?\)) +([\d,]+) +(\(N,.*?\)) +([\d,]+)$"
    rows = re.findall(pattern, shufflenet_v2.__doc__, re.M)
    assert [row[0] for row in rows] == STAGES

    with paddle.no_grad():
        shapes = stage_outputs(model, paddle.randn([1, 3, 224, 224]))
    for row, shape in zip(rows, shapes):
        assert row[1 + 2 * column] == f"(N, {', '.join(map(str, shape[1:]))})"
        count = count_parameters(getattr(model, row[0]))
        assert row[2 + 2 * column] == f"{count:,}"


# paddle.vision 的 ×2.0 的第一个阶段是 224 个通道，论文是 244，所以只比前三个。
@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5"])
def test_same_numbers_as_paddle_vision(name):
    paddle.seed(0)
    theirs = getattr(vision, name)()
    randomize_norms(theirs)
    ours = getattr(shufflenet_v2, name)()
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


@pytest.mark.parametrize(("channels", "groups"), [(8, 2), (116, 2), (12, 3), (12, 4), (6, 1), (6, 6)])
def test_shuffle_is_a_permutation(channels, groups):
    """第 j 个输出通道是第 (j mod g)·(C/g) + ⌊j/g⌋ 个输入通道；用 C/g 组再洗一次就还原。"""
    x = paddle.randn([2, channels, 3, 5])
    y = channel_shuffle(x, groups)
    source = [(j % groups) * (channels // groups) + j // groups for j in range(channels)]
    assert sorted(source) == list(range(channels))
    np.testing.assert_array_equal(y.numpy(), x.numpy()[:, source])
    np.testing.assert_array_equal(channel_shuffle(y, channels // groups).numpy(), x.numpy())


def test_kept_half_comes_out_at_even_places():
    """前一半通道原样出现在第 0、2、4、… 个输出通道，所以下一个单元的两半里各有它的一半。"""
    paddle.seed(0)
    unit = Unit(12)
    x = paddle.randn([2, 12, 5, 5])
    x.stop_gradient = False
    y = unit(x)
    np.testing.assert_array_equal(y[:, ::2].numpy(), x[:, :6].numpy())
    y[:, ::2].sum().backward()
    np.testing.assert_array_equal(x.grad[:, :6].numpy(), np.ones([2, 6, 5, 5], "float32"))
    assert not x.grad[:, 6:].any()


def test_without_the_shuffle_the_halves_never_meet(monkeypatch):
    """几个单元之后，每个输出通道都看得到每个输入通道；去掉洗牌，前一半永远只是原来的前一半。"""
    paddle.seed(0)
    units = nn.Sequential(*[Unit(8) for _ in range(6)]).eval()

    def reached(x):
        """输入的前一半（固定输入的后一半）能影响几个输出通道。"""
        other = paddle.concat([x[:, :4] + 1.0, x[:, 4:]], axis=1)
        with paddle.no_grad():
            return int((units(x) != units(other)).any(axis=[0, 2, 3]).sum())

    x = paddle.randn([1, 8, 5, 5])
    assert reached(x) == 8
    monkeypatch.setattr(shufflenet_v2, "channel_shuffle", lambda x, groups: x)
    assert reached(x) == 4


def test_depthwise_convolutions_have_no_relu_after():
    """3×3 卷积都是逐通道的（组数等于通道数），其后是归一化，再直接接 1×1 卷积。"""
    model = shufflenet_v2.shufflenet_v2_x0_5()
    branches = [layer.branch for layer in model.sublayers() if isinstance(layer, (Unit, DownsamplingUnit))]
    branches += [layer.shortcut for layer in model.sublayers() if isinstance(layer, DownsamplingUnit)]
    assert len(branches) == 16 + 3
    for branch in branches:
        layers = list(branch)
        [place] = [i for i, layer in enumerate(layers) if layer.__class__ is nn.Conv2D and layer._groups > 1]
        channels = layers[place].weight.shape[0]
        assert layers[place].weight.shape == [channels, 1, 3, 3]
        assert layers[place]._groups == channels
        assert isinstance(layers[place + 1], nn.BatchNorm2D)
        assert isinstance(layers[place + 2], nn.Conv2D)


def test_units_keep_the_channels_equal():
    """准则一：除减半边长的单元外，1×1 卷积的输入与输出通道相等。"""
    for unit in shufflenet_v2.shufflenet_v2_x1_0().sublayers():
        if isinstance(unit, Unit):
            for layer in unit.branch:
                if isinstance(layer, nn.Conv2D) and layer.weight.shape[2:] == [1, 1]:
                    assert layer.weight.shape[0] == layer.weight.shape[1]


@pytest.mark.parametrize(("in_channels", "size", "num_classes"), [(1, 1, 2), (1, 28, 10), (3, 45, 7)])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_any_channels_sizes_and_classes(in_channels, size, num_classes, stem):
    model = ShuffleNetV2(TINY, num_classes, in_channels, stem).eval()
    with paddle.no_grad():
        logits = model(paddle.randn([2, in_channels, size, size]))
    assert logits.shape == [2, num_classes]
    assert bool(paddle.isfinite(logits).all())


def test_small_stem_keeps_the_size():
    model = ShuffleNetV2(TINY, 10, 1, stem="small").eval()
    with paddle.no_grad():
        shapes = stage_outputs(model, paddle.randn([1, 1, 28, 28]))
    assert shapes == [
        (1, 24, 28, 28),
        (1, 8, 14, 14),
        (1, 16, 7, 7),
        (1, 32, 4, 4),
        (1, 64, 1, 1),
        (1, 10),
    ]


def test_gradients_reach_every_parameter():
    paddle.seed(0)
    model = shufflenet_v2.shufflenet_v2_x0_5(10, 1, stem="small")
    F.cross_entropy(model(paddle.randn([8, 1, 28, 28])), paddle.arange(8)).backward()
    for name, parameter in model.named_parameters():
        if not parameter.stop_gradient:
            assert bool(paddle.isfinite(parameter.grad).all()), name
            assert float(parameter.grad.abs().max()) > 0, name


def test_initialization():
    paddle.seed(0)
    model = shufflenet_v2.shufflenet_v2_x0_5(num_classes=100)
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


def test_options_come_from_the_signature():
    options = models.resolve_options("shufflenet_v2_x1_0", {"stem": "small", "num_classes": "10"})
    assert options == {"num_classes": 10, "in_channels": 3, "stem": "small"}
