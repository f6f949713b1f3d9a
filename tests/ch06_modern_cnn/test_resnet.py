"""ResNet：参数个数、形状、与 paddle.vision 的数值对照、初始化、捷径的梯度。"""

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
from paddle_notes.ch06_modern_cnn import resnet

STAGES = ["stem", "stage1", "stage2", "stage3", "stage4", "pool", "classifier"]


def copy_state(source, target):
    """按次序抄写全部参数与统计量。"""
    source, target = list(source.state_dict().values()), list(target.state_dict().values())
    assert [value.shape for value in source] == [value.shape for value in target]
    for a, b in zip(source, target):
        b.set_value(a)


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
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("resnet101", 44_549_160),
        ("resnet152", 60_192_808),
        ("plain18", 11_515_688),
        ("plain34", 21_623_848),
    ],
)
def test_parameter_count(name, count):
    assert count_parameters(getattr(resnet, name)()) == count


@pytest.mark.parametrize(("name", "column"), [("resnet18", 0), ("resnet50", 1)])
def test_stages_match_the_table(name, column):
    model = getattr(resnet, name)().eval()
    rows = re.findall(r"^(\w+) .*?(\(N,.*?\)) +([\d,]+) .*?(\(N,.*?\)) +([\d,]+)$", resnet.__doc__, re.M)
    assert [row[0] for row in rows] == STAGES

    with paddle.no_grad():
        shapes = stage_outputs(model, paddle.randn([1, 3, 224, 224]))
    for row, shape in zip(rows, shapes):
        assert row[1 + 2 * column] == f"(N, {', '.join(map(str, shape[1:]))})"
        count = count_parameters(getattr(model, row[0]))
        assert row[2 + 2 * column] == f"{count:,}"


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_same_numbers_as_paddle_vision(name):
    paddle.seed(0)
    theirs = getattr(vision, name)()
    randomize_norms(theirs)
    ours = getattr(resnet, name)()
    copy_state(theirs, ours)
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


def plain_reference(model, x, num_blocks, training):
    """没有捷径的网络，只用 paddle.nn.functional 写成；权重按次序取自 ``model``。"""
    state = iter([value.clone() for value in model.state_dict().values()])

    def conv_norm_relu(x, stride, padding):
        x = F.conv2d(x, next(state), stride=stride, padding=padding)
        weight, bias, mean, variance = (next(state) for _ in range(4))
        return F.relu(F.batch_norm(x, mean, variance, weight, bias, training=training))

    x = F.max_pool2d(conv_norm_relu(x, 2, 3), 3, 2, 1)
    for stage, count in enumerate(num_blocks):
        for i in range(count):
            x = conv_norm_relu(x, 2 if stage > 0 and i == 0 else 1, 1)
            x = conv_norm_relu(x, 1, 1)
    return x.mean([2, 3]) @ next(state) + next(state)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "num_blocks"), [("plain18", (2, 2, 2, 2)), ("plain34", (3, 4, 6, 3))])
def test_plain_networks_against_reference(name, num_blocks, training):
    paddle.seed(0)
    model = getattr(resnet, name)(num_classes=10, width=16)
    randomize_norms(model)
    model.train() if training else model.eval()
    x = paddle.randn([2, 3, 64, 64])
    with paddle.no_grad():
        expected = plain_reference(model, x, num_blocks, training)
        assert relative_difference(model(x), expected) < 1e-4


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "plain18"])
@pytest.mark.parametrize(("in_channels", "size", "num_classes"), [(1, 1, 2), (1, 28, 10), (3, 45, 7)])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_any_channels_sizes_and_classes(name, in_channels, size, num_classes, stem):
    model = getattr(resnet, name)(num_classes, in_channels, stem=stem, width=4).eval()
    with paddle.no_grad():
        logits = model(paddle.randn([2, in_channels, size, size]))
    assert logits.shape == [2, num_classes]
    assert bool(paddle.isfinite(logits).all())


def test_small_stem_keeps_the_size():
    model = resnet.resnet18(10, 1, stem="small", width=16).eval()
    with paddle.no_grad():
        shapes = stage_outputs(model, paddle.randn([1, 1, 28, 28]))
    assert shapes == [
        (1, 16, 28, 28),
        (1, 16, 28, 28),
        (1, 32, 14, 14),
        (1, 64, 7, 7),
        (1, 128, 4, 4),
        (1, 128, 1, 1),
        (1, 10),
    ]


def test_initialization():
    paddle.seed(0)
    model = resnet.resnet18(num_classes=100)
    for parameter in model.parameters():
        if not parameter.stop_gradient:
            parameter.set_value(paddle.full(parameter.shape, 7.0))
    model.reset_parameters()

    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D):
            out_channels, _, k, _ = layer.weight.shape
            check_normal(layer.weight, math.sqrt(2 / (out_channels * k * k)))
        elif isinstance(layer, nn.BatchNorm2D):
            assert bool((layer.weight == 1).all())
            assert bool((layer.bias == 0).all())
    check_normal(model.classifier.weight, 0.01)
    assert bool((model.classifier.bias == 0).all())


@pytest.mark.parametrize(("block", "in_channels"), [(resnet.BasicBlock, 8), (resnet.Bottleneck, 32)])
def test_gradient_through_the_sum(block, in_channels):
    """残差支路为 0 时，y = x，输入的梯度就是输出的梯度；没有捷径则什么也传不回来。"""
    paddle.seed(0)
    gradient = paddle.randn([2, in_channels, 6, 6])
    for shortcut in (True, False):
        layer = block(in_channels, 8, 1, shortcut)
        last_norm = layer.residual[-1]
        last_norm.weight.set_value(paddle.zeros_like(last_norm.weight))
        x = paddle.uniform([2, in_channels, 6, 6], min=0.1, max=1.0)
        x.stop_gradient = False
        y = layer(x)
        y.backward(gradient)
        if shortcut:
            np.testing.assert_array_equal(y.numpy(), x.numpy())
            np.testing.assert_array_equal(x.grad.numpy(), gradient.numpy())
        else:
            assert not y.any()
            assert not x.grad.any()


def test_options_come_from_the_signature(monkeypatch):
    monkeypatch.setitem(models.MODELS, "plain18", "paddle_notes.ch06_modern_cnn.resnet:plain18")
    options = models.resolve_options("plain18", {"stem": "small", "width": "16"})
    assert options == {
        "num_classes": 1000,
        "in_channels": 3,
        "stem": "small",
        "width": 16,
        "shortcut": False,
    }
