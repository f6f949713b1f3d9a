"""DenseNet：参数个数、形状、与 paddle.vision 及独立参照的数值对照、初始化、最小的图像。"""

import math
import re

import paddle
import pytest
from helpers import check_normal, randomize_norms, relative_difference
from paddle import nn
from paddle.nn import functional as F
from paddle.vision import models as vision

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch06_modern_cnn import densenet
from paddle_notes.errors import UserError


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("densenet121", 7_978_856),
        ("densenet169", 14_149_480),
        ("densenet201", 20_013_928),
        ("densenet40", 1_019_722),
    ],
)
def test_parameter_count(name, count):
    assert count_parameters(getattr(densenet, name)()) == count


@pytest.mark.parametrize("name", ["densenet121", "densenet169", "densenet201", "densenet40"])
def test_depth(name):
    """名字里的数是卷积与全连接的层数。"""
    model = getattr(densenet, name)()
    weighted = [layer for layer in model.sublayers() if isinstance(layer, (nn.Conv2D, nn.Linear))]
    assert len(weighted) == int(name.removeprefix("densenet"))


@pytest.mark.parametrize(("name", "table", "size"), [("densenet121", 0, 224), ("densenet40", 1, 32)])
def test_stages_match_the_table(name, table, size):
    model = getattr(densenet, name)().eval()
    text = densenet.__doc__.split("DenseNet-40（")[table]
    rows = re.findall(r"^(\w+) .*?(\(N,.*?\)) +([\d,]+)$", text, re.M)
    layers = {
        "stem": model.stem,
        **dict(model.stages.named_children()),
        "head": model.head,
        "classifier": model.classifier,
    }
    assert [row[0] for row in rows] == list(layers)

    x = paddle.randn([1, 3, size, size])
    for name, shape, count in rows:
        with paddle.no_grad():
            x = layers[name](x.flatten(1) if name == "classifier" else x)
        assert shape == f"(N, {', '.join(map(str, x.shape[1:]))})"
        assert count == f"{count_parameters(layers[name]):,}"


def test_channels_concatenated_in_block3():
    """说明里的 14,976：block3 各层输入的通道数之和。"""
    block = densenet.densenet121().stages.block3
    assert sum(layer.new_features[0].weight.size for layer in block) == 14_976


def test_same_numbers_as_paddle_vision():
    paddle.seed(0)
    theirs = vision.densenet121()
    randomize_norms(theirs)
    ours = densenet.densenet121()
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


def densenet40_reference(model, x, training):
    """只用 paddle.nn.functional 写成的 DenseNet-40，权重按次序取自 ``model``。

    每层的输入从一列特征图现拼，正是论文的 x_l = H([x_0, …, x_{l−1}])。
    """
    state = iter([value.clone() for value in model.state_dict().values()])

    def norm_relu(x):
        weight, bias, mean, variance = (next(state) for _ in range(4))
        return F.relu(F.batch_norm(x, mean, variance, weight, bias, training=training))

    x = F.conv2d(x, next(state), padding=1)
    for block in range(3):
        features = [x]
        for _ in range(12):
            h = norm_relu(paddle.concat(features, axis=1))
            features.append(F.conv2d(h, next(state), padding=1))
        x = norm_relu(paddle.concat(features, axis=1))
        if block < 2:
            x = F.avg_pool2d(F.conv2d(x, next(state)), 2)
    return x.mean([2, 3]) @ next(state) + next(state)


@pytest.mark.parametrize("training", [False, True])
def test_densenet40_against_reference(training):
    paddle.seed(0)
    model = densenet.densenet40()
    randomize_norms(model)
    model.train() if training else model.eval()
    x = paddle.randn([2, 3, 16, 16])
    with paddle.no_grad():
        expected = densenet40_reference(model, x, training)
        assert relative_difference(model(x), expected) < 1e-4


@pytest.mark.parametrize("options", [{}, {"stem": "small"}, {"bc": False}])
@pytest.mark.parametrize(("in_channels", "size", "num_classes"), [(1, 32, 10), (3, 45, 7)])
def test_any_channels_sizes_and_classes(options, in_channels, size, num_classes):
    model = densenet.densenet121(num_classes, in_channels, size, growth_rate=4, **options).eval()
    with paddle.no_grad():
        logits = model(paddle.randn([2, in_channels, size, size]))
    assert logits.shape == [2, num_classes]
    assert bool(paddle.isfinite(logits).all())


@pytest.mark.parametrize(
    ("name", "stem", "smallest"),
    [("densenet121", "imagenet", 29), ("densenet121", "small", 8), ("densenet40", "small", 4)],
)
def test_smallest_image(name, stem, smallest):
    build = getattr(densenet, name)
    with pytest.raises(ValueError, match=f"至少要 {smallest}×{smallest}，得到 {smallest - 1}×"):
        build(image_size=smallest - 1, stem=stem)

    model = build(num_classes=10, image_size=smallest, stem=stem, growth_rate=4).eval()
    with paddle.no_grad():
        assert model.stages(model.stem(paddle.randn([1, 3, smallest, smallest]))).shape[2:] == [1, 1]
        assert model(paddle.randn([1, 3, smallest, smallest])).shape == [1, 10]


def test_initialization():
    paddle.seed(0)
    model = densenet.densenet40(num_classes=100)
    for parameter in model.parameters():
        if not parameter.stop_gradient:
            parameter.set_value(paddle.full(parameter.shape, 7.0))
    model.reset_parameters()

    for layer in model.sublayers():
        if isinstance(layer, nn.Conv2D):
            _, in_channels, k, _ = layer.weight.shape
            check_normal(layer.weight, math.sqrt(2 / (in_channels * k * k)))
        elif isinstance(layer, nn.BatchNorm2D):
            assert bool((layer.weight == 1).all())
            assert bool((layer.bias == 0).all())
    check_normal(model.classifier.weight, 0.01)
    assert bool((model.classifier.bias == 0).all())


def test_options_come_from_the_signature(monkeypatch):
    monkeypatch.setitem(models.MODELS, "densenet40", "paddle_notes.ch06_modern_cnn.densenet:densenet40")
    options = models.resolve_options("densenet40", {"in_channels": "1", "image_size": "28"})
    assert options == {
        "num_classes": 10,
        "in_channels": 1,
        "image_size": 28,
        "stem": "small",
        "growth_rate": 12,
        "bc": False,
    }
    with pytest.raises(UserError, match="至少要 4×4"):
        models.build("densenet40", image_size=3)
