"""SqueezeNet：参数个数、形状、与 paddle.vision 的数值对照、fire 模块、初始化、最小的图像。"""

import math
import re

import numpy as np
import paddle
import pytest
from helpers import check_normal, relative_difference
from paddle import nn
from paddle.nn import functional as F
from paddle.vision import models as vision

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch06_modern_cnn import squeezenet
from paddle_notes.errors import UserError


@pytest.mark.parametrize(("name", "count"), [("squeezenet1_0", 1_248_424), ("squeezenet1_1", 1_235_496)])
def test_parameter_count(name, count):
    assert count_parameters(getattr(squeezenet, name)()) == count


@pytest.mark.parametrize(("name", "table"), [("squeezenet1_0", 1), ("squeezenet1_1", 2)])
def test_stages_match_the_table(name, table):
    model = getattr(squeezenet, name)().eval()
    text = re.split(r"^.*1\.[01]：$", squeezenet.__doc__, flags=re.M)[table]
    rows = re.findall(r"^(\w+) .*?(\(N,.*?\)) +([\d,]+)$", text, re.M)
    layers = {"stem": model.stem, **dict(model.features.named_children()), "classifier": model.classifier}
    assert [row[0] for row in rows] == list(layers)

    x = paddle.randn([1, 3, 227, 227])
    for name, shape, count in rows:
        with paddle.no_grad():
            x = layers[name](x)
        assert shape == f"(N, {', '.join(map(str, x.shape[1:]))})"
        assert count == f"{count_parameters(layers[name]):,}"


def test_fire_parameters_by_formula():
    """压缩 C·s + s，扩张 s·4s + 4s 与 9·s·4s + 4s，共 C·s + 40·s² + 9·s。"""
    for in_channels, squeezed in ((96, 16), (128, 32), (512, 64)):
        expected = in_channels * squeezed + 40 * squeezed**2 + 9 * squeezed
        assert count_parameters(squeezenet.Fire(in_channels, squeezed)) == expected


def test_fire_against_reference():
    """两种扩张合成一个 3×3 卷积：1×1 的核放在 3×3 的正中，四周是 0。"""
    paddle.seed(0)
    fire = squeezenet.Fire(6, 4)
    x = paddle.randn([2, 6, 5, 7])
    with paddle.no_grad():
        weight = paddle.concat([F.pad(fire.expand1.weight, [1, 1, 1, 1]), fire.expand3.weight])
        bias = paddle.concat([fire.expand1.bias, fire.expand3.bias])
        squeezed = F.relu(F.conv2d(x, fire.squeeze.weight, fire.squeeze.bias))
        expected = F.relu(F.conv2d(squeezed, weight, bias, padding=1))
        assert fire(x).shape == [2, 32, 5, 7]
        assert relative_difference(fire(x), expected) < 1e-5


@pytest.mark.parametrize(("name", "size", "pad"), [("squeezenet1_0", 67, 0), ("squeezenet1_1", 61, 1)])
def test_same_numbers_as_paddle_vision(name, size, pad):
    """paddle.vision 的 1.1 在第一个卷积四周补 0，所以先给输入补 0；两种取整的池化在这样的边长上没有差别。

    它的丢弃法训练时不放大、推理时缩小一半，这里去掉。
    """
    paddle.seed(0)
    theirs = getattr(vision, name)().eval()
    theirs._drop = nn.Identity()
    ours = getattr(squeezenet, name)().eval()
    source, target = list(theirs.state_dict().values()), list(ours.state_dict().values())
    assert [value.shape for value in source] == [value.shape for value in target]
    for a, b in zip(source, target):
        b.set_value(a if a.ndim > 1 else paddle.uniform(a.shape, min=0.0, max=0.5))
        a.set_value(b)
    x = paddle.randn([2, 3, size, size])
    with paddle.no_grad():
        logits = ours(F.pad(x, [pad] * 4))
        assert float(logits.abs().max()) > 0
        assert relative_difference(logits, theirs(x)) < 1e-4


def test_pools_keep_the_border():
    """边长 54 的池化得到 27：最后一列参与其中，改动它，输出的最后一列也变。"""
    pool = squeezenet.make_pool()
    x = paddle.zeros([1, 1, 54, 54])
    x[0, 0, :, 53] = 1.0
    y = pool(x)
    assert y.shape == [1, 1, 27, 27]
    assert bool((y[0, 0, :, 26] == 1).all()) and float(y.sum()) == 27


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
@pytest.mark.parametrize(("in_channels", "size", "num_classes"), [(1, 28, 10), (3, 45, 7)])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_any_channels_sizes_and_classes(name, in_channels, size, num_classes, stem):
    model = getattr(squeezenet, name)(num_classes, in_channels, size, stem).eval()
    with paddle.no_grad():
        logits = model(paddle.randn([2, in_channels, size, size]))
    assert logits.shape == [2, num_classes]
    assert bool(paddle.isfinite(logits).all())


def test_small_stem_keeps_the_size():
    model = squeezenet.squeezenet1_1(10, 1, 28, stem="small").eval()
    with paddle.no_grad():
        x = model.stem(paddle.randn([1, 1, 28, 28]))
        assert x.shape == [1, 64, 28, 28]
        assert model.features(x).shape == [1, 512, 7, 7]


@pytest.mark.parametrize(
    ("name", "stem", "smallest"),
    [
        ("squeezenet1_0", "imagenet", 21),
        ("squeezenet1_1", "imagenet", 17),
        ("squeezenet1_0", "small", 4),
        ("squeezenet1_1", "small", 4),
    ],
)
def test_smallest_image(name, stem, smallest):
    build = getattr(squeezenet, name)
    with pytest.raises(ValueError, match=f"至少要 {smallest}×{smallest}，得到 {smallest - 1}×"):
        build(image_size=smallest - 1, stem=stem)

    model = build(10, 3, smallest, stem).eval()
    with paddle.no_grad():
        features = model.features(model.stem(paddle.randn([1, 3, smallest, smallest])))
    assert features.shape[2:] == [1, 1]


def test_gradients_reach_every_parameter():
    paddle.seed(0)
    model = squeezenet.squeezenet1_1(10, 1, 28, stem="small", dropout=0.0)
    F.cross_entropy(model(paddle.randn([8, 1, 28, 28])), paddle.arange(8)).backward()
    for name, parameter in model.named_parameters():
        assert bool(paddle.isfinite(parameter.grad).all()), name
        assert float(parameter.grad.abs().max()) > 0, name


def test_initialization():
    """每层输出的方差大致相等：fire9 的输出与 fire2 的在同一个量级。"""
    paddle.seed(0)
    model = squeezenet.squeezenet1_0(num_classes=100)
    for parameter in model.parameters():
        parameter.set_value(paddle.full(parameter.shape, 7.0))
    model.reset_parameters()

    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D):
            assert bool((layer.bias == 0).all())
            _, in_channels, k, _ = layer.weight.shape
            is_last = layer is model.classifier[1]
            check_normal(layer.weight, 0.01 if is_last else math.sqrt(2 / (in_channels * k * k)))

    scales = []
    with paddle.no_grad():
        x = model.stem(paddle.randn([2, 3, 67, 67]))
        for layer in model.features:
            x = layer(x)
            scales.append(float(x.square().mean().sqrt()))
    assert max(scales) / min(scales) < 4


def test_dropout_only_in_training():
    paddle.seed(0)
    model = squeezenet.squeezenet1_1(10, 1, 28, stem="small")
    x = paddle.randn([2, 1, 28, 28])
    with paddle.no_grad():
        assert not np.array_equal(model(x).numpy(), model(x).numpy())
        model.eval()
        np.testing.assert_array_equal(model(x).numpy(), model(x).numpy())


def test_options_come_from_the_signature():
    options = models.resolve_options("squeezenet1_1", {"in_channels": "1", "stem": "small", "dropout": "0.2"})
    assert options == {
        "num_classes": 1000,
        "in_channels": 1,
        "image_size": 227,
        "stem": "small",
        "dropout": 0.2,
    }
    with pytest.raises(UserError, match="图像至少要 21×21，得到 16×16"):
        models.build("squeezenet1_0", image_size=16)
