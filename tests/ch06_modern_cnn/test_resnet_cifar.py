"""CIFAR 的 ResNet：参数个数、形状、与独立写成的参照对照、初始化、捷径的梯度。"""

import math
import re

import numpy as np
import paddle
import pytest
from helpers import check_normal
from paddle import nn
from paddle.nn import functional as F

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch06_modern_cnn import resnet_cifar


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("resnet20", 269_722),
        ("resnet32", 464_154),
        ("resnet56", 853_018),
        ("plain20", 269_722),
        ("plain56", 853_018),
    ],
)
def test_parameter_count(name, count):
    assert count_parameters(getattr(resnet_cifar, name)()) == count


@pytest.mark.parametrize(("name", "depth"), [("resnet20", 20), ("resnet32", 32), ("plain56", 56)])
def test_depth(name, depth):
    model = getattr(resnet_cifar, name)()
    weighted = [layer for layer in model.sublayers() if isinstance(layer, (nn.Conv2D, nn.Linear))]
    assert len(weighted) == depth


def test_stages_match_the_table():
    model = resnet_cifar.resnet20().eval()
    rows = re.findall(r"^(\w+) .*?(\(N,.*?\)) +([\d,]+)$", resnet_cifar.__doc__, re.M)
    assert [row[0] for row in rows] == ["stem", "stage1", "stage2", "stage3", "pool", "classifier"]

    x = paddle.randn([1, 3, 32, 32])
    for name, shape, count in rows:
        layer = getattr(model, name)
        with paddle.no_grad():
            x = layer(x.flatten(1) if name == "classifier" else x)
        assert shape == f"(N, {', '.join(map(str, x.shape[1:]))})"
        assert count == f"{count_parameters(layer):,}"


def reference(model, x, n, shortcut, training):
    """只用 paddle.nn.functional 写成的同一个网络；权重按次序取自 ``model``。

    选项 A 写成卷积：核是上半为单位阵、下半为 0 的 1×1 卷积，步幅 2。
    """
    state = iter([value.clone() for value in model.state_dict().values()])

    def conv_norm(x, stride):
        x = F.conv2d(x, next(state), stride=stride, padding=1)
        weight, bias, mean, variance = (next(state) for _ in range(4))
        return F.batch_norm(x, mean, variance, weight, bias, training=training)

    x = F.relu(conv_norm(x, 1))
    for channels in (16, 32, 64):
        for i in range(n):
            stride = 2 if channels > 16 and i == 0 else 1
            y = conv_norm(F.relu(conv_norm(x, stride)), 1)
            if shortcut:
                kernel = paddle.eye(channels, x.shape[1]).reshape([channels, x.shape[1], 1, 1])
                y = y + F.conv2d(x, kernel, stride=stride)
            x = F.relu(y)
    return x.mean([2, 3]) @ next(state) + next(state)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("name", "n", "shortcut"),
    [("resnet20", 3, True), ("resnet32", 5, True), ("resnet56", 9, True), ("plain20", 3, False)],
)
def test_same_numbers_as_reference(name, n, shortcut, training):
    paddle.seed(0)
    model = getattr(resnet_cifar, name)()
    for key, value in model.state_dict().items():
        if value.ndim == 1 and key != "classifier.bias":
            value.set_value(paddle.uniform(value.shape, min=0.5, max=1.5))
    model.train() if training else model.eval()
    x = paddle.randn([2, 3, 32, 32])
    with paddle.no_grad():
        expected = reference(model, x, n, shortcut, training)
        difference = (model(x) - expected).abs().max() / expected.abs().max()
    assert float(difference) < 1e-4


@pytest.mark.parametrize("name", ["resnet20", "plain20"])
@pytest.mark.parametrize(("in_channels", "size", "num_classes"), [(1, 1, 2), (1, 28, 10), (3, 45, 7)])
def test_any_channels_sizes_and_classes(name, in_channels, size, num_classes):
    model = getattr(resnet_cifar, name)(num_classes, in_channels).eval()
    with paddle.no_grad():
        logits = model(paddle.randn([2, in_channels, size, size]))
    assert logits.shape == [2, num_classes]
    assert bool(paddle.isfinite(logits).all())


def test_initialization():
    paddle.seed(0)
    model = resnet_cifar.resnet20(num_classes=100)
    for parameter in model.parameters():
        if not parameter.stop_gradient:
            parameter.set_value(paddle.full(parameter.shape, 7.0))
    model.reset_parameters()

    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D):
            check_normal(layer.weight, math.sqrt(2 / (layer.weight.shape[0] * 9)))
        elif isinstance(layer, nn.BatchNorm2D):
            assert bool((layer.weight == 1).all())
            assert bool((layer.bias == 0).all())
    check_normal(model.classifier.weight, 0.01)
    assert bool((model.classifier.bias == 0).all())


def block_without_residual(in_channels, channels, stride):
    """残差支路恒为 0 的块：最后一个归一化的系数是 0。"""
    block = resnet_cifar.ResidualBlock(in_channels, channels, stride, shortcut=True)
    last_norm = block.residual[-1]
    last_norm.weight.set_value(paddle.zeros_like(last_norm.weight))
    return block


def test_gradient_through_the_sum():
    """残差支路为 0 时，y = x，输入的梯度就是输出的梯度。"""
    paddle.seed(0)
    x = paddle.uniform([2, 16, 6, 6], min=0.1, max=1.0)
    x.stop_gradient = False
    gradient = paddle.randn([2, 16, 6, 6])
    y = block_without_residual(16, 16, 1)(x)
    y.backward(gradient)
    np.testing.assert_array_equal(y.numpy(), x.numpy())
    np.testing.assert_array_equal(x.grad.numpy(), gradient.numpy())


@pytest.mark.parametrize("size", [6, 7])
def test_gradient_through_the_subsampling(size):
    """步幅为 2 时，梯度只到被取到的像素，填 0 的通道没有梯度可传。"""
    paddle.seed(0)
    x = paddle.uniform([2, 16, size, size], min=0.1, max=1.0)
    x.stop_gradient = False
    y = block_without_residual(16, 32, 2)(x)
    gradient = paddle.randn(y.shape)
    y.backward(gradient)
    expected = np.zeros(x.shape, "float32")
    expected[:, :, ::2, ::2] = gradient.numpy()[:, :16]
    np.testing.assert_array_equal(y.numpy()[:, :16], x.numpy()[:, :, ::2, ::2])
    assert not y.numpy()[:, 16:].any()
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_options_come_from_the_signature(monkeypatch):
    monkeypatch.setitem(models.MODELS, "plain20", "paddle_notes.ch06_modern_cnn.resnet_cifar:plain20")
    options = models.resolve_options("plain20", {"in_channels": "1"})
    assert options == {"num_classes": 10, "in_channels": 1, "shortcut": False}
