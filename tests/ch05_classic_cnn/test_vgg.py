"""VGG：每一块的形状与参数、与 paddle.vision 的 VGG16 相等、初始化、学得会一批数据。"""

from __future__ import annotations

import itertools
import re

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddle_notes import models
from paddle_notes.ch05_classic_cnn import vgg
from paddle_notes.ch05_classic_cnn.vgg import CONFIGURATIONS, VGG, make_features, vgg11, vgg13, vgg16, vgg19
from paddle_notes.runtime import seed_everything

BUILDERS = {"A": vgg11, "B": vgg13, "D": vgg16, "E": vgg19}


def count(layers) -> int:
    return sum(parameter.size for layer in layers for parameter in layer.parameters())


def test_every_stage_matches_the_table():
    rows = re.findall(r"\(N, ([\d, ]+)\)\s+([\d,]+)$", vgg.__doc__, re.MULTILINE)
    table = [([1, *map(int, shape.split(", "))], int(number.replace(",", ""))) for shape, number in rows]
    assert len(table) == 8
    assert sum(number for _, number in table) == 138_357_544

    seen, block = [], []
    with paddle.no_grad():
        x = paddle.zeros([1, 3, 224, 224])
        for layer in make_features(CONFIGURATIONS["D"], 3, batch_norm=False):
            x = layer(x)
            block.append(layer)
            if isinstance(layer, nn.MaxPool2D):
                seen.append((x.shape, count(block)))
                block = []
    num_features = x.flatten(1).shape[1]
    with paddle.LazyGuard():  # 全连接层只看形状，不花时间初始化
        linears = [layer for layer in vgg16().classifier if isinstance(layer, nn.Linear)]
    for layer in linears:
        assert layer.weight.shape[0] == num_features
        num_features = layer.weight.shape[1]
        seen.append(([1, num_features], count([layer])))
    assert seen == table


@pytest.mark.parametrize(("letter", "depth"), [("A", 11), ("B", 13), ("D", 16), ("E", 19)])
def test_depth_is_the_number_of_layers_with_weights(letter, depth):
    convolutions = sum(item != "M" for item in CONFIGURATIONS[letter])
    assert convolutions + 3 == depth
    assert CONFIGURATIONS[letter].count("M") == 5
    assert BUILDERS[letter].args == (letter,)


@pytest.mark.parametrize("letter", CONFIGURATIONS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_features(letter, batch_norm):
    """只有 3×3 卷积；批量归一化时卷积不带偏置，参数个数照公式。"""
    features = make_features(CONFIGURATIONS[letter], 3, batch_norm)
    channels = [3, *(item for item in CONFIGURATIONS[letter] if item != "M")]
    pairs = list(itertools.pairwise(channels))
    convolutions = [layer for layer in features if isinstance(layer, nn.Conv2D)]
    assert [list(layer.weight.shape) for layer in convolutions] == [[o, i, 3, 3] for i, o in pairs]
    assert all((layer.bias is None) is batch_norm for layer in convolutions)
    trainable = sum(p.size for p in features.parameters() if not p.stop_gradient)
    assert trainable == sum(9 * i * o + (2 * o if batch_norm else o) for i, o in pairs)
    assert features(paddle.zeros([2, 3, 64, 64])).shape == [2, 512, 2, 2]


@pytest.mark.parametrize(("size", "inputs"), [(32, 512), (63, 512), (64, 2048), (96, 4608)])
def test_first_linear_layer_follows_the_image(size, inputs):
    model = vgg11(num_classes=3, in_channels=1, image_size=size)
    assert model.classifier[0].weight.shape == [inputs, 4096]
    model.eval()
    with paddle.no_grad():
        assert model(paddle.zeros([2, 1, size, size])).shape == [2, 3]


@pytest.mark.parametrize("size", [1, 28, 31])
def test_image_too_small(size):
    with pytest.raises(ValueError, match=f"图像至少要 32×32，得到 {size}×{size}"):
        vgg16(image_size=size)


# ---------------------------------------------------------------- 与 paddle.vision 相等


def copy_weights(source: nn.Layer, target: nn.Layer) -> None:
    """把 paddle.vision 的 VGG 的参数逐层抄给我们的；归一化之前的卷积偏置应为 0，我们没有它。"""
    kinds = (nn.Conv2D, nn.BatchNorm2D, nn.Linear)
    sources, targets = ([x for x in model.sublayers() if isinstance(x, kinds)] for model in (source, target))
    assert [type(layer) for layer in sources] == [type(layer) for layer in targets]
    for theirs, ours in zip(sources, targets):
        if isinstance(theirs, nn.Conv2D) and ours.bias is None:
            theirs.bias.set_value(paddle.zeros_like(theirs.bias))
            ours.weight.set_value(theirs.weight)
        else:
            ours.set_state_dict(theirs.state_dict())


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "batch_norm"])
def pair(request):
    """(paddle.vision 的 VGG16, 我们的 VGG16)，参数相同，不丢弃。"""
    seed_everything(0)
    theirs = paddle.vision.models.vgg16(batch_norm=request.param, num_classes=10)
    with pytest.MonkeyPatch.context() as patch:  # 反正要抄成它的参数，不花时间初始化
        patch.setattr(VGG, "reset_parameters", lambda self: None)
        nn.initializer.set_global_initializer(nn.initializer.Constant(0.0))
        ours = models.build("vgg16", num_classes=10, batch_norm=request.param, dropout=0.0)
        nn.initializer.set_global_initializer(None)
    for layer in theirs.sublayers():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        elif isinstance(layer, nn.Linear):  # 偏置也要不是 0，否则漏了偏置看不出来
            layer.bias.set_value(0.1 * paddle.randn(layer.bias.shape))
        elif isinstance(layer, nn.BatchNorm2D):
            layer.weight.set_value(1 + 0.1 * paddle.randn(layer.weight.shape))
            layer.bias.set_value(0.1 * paddle.randn(layer.bias.shape))
            layer._mean.set_value(0.1 * paddle.randn(layer._mean.shape))
            layer._variance.set_value(1 + paddle.rand(layer._variance.shape))
    copy_weights(theirs, ours)
    return theirs, ours


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """最大的差，相对于最大的值。"""
    assert np.abs(theirs).max() > 0
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def test_equals_paddle_vision_when_evaluating(pair):
    seed_everything(1)
    x = paddle.randn([1, 3, 224, 224])
    for model in pair:
        model.eval()
    with paddle.no_grad():
        theirs, ours = (model(x).numpy() for model in pair)
    assert difference(ours, theirs) < 1e-5


def test_equals_paddle_vision_when_training(pair):
    """训练模式下输出、梯度、滑动的均值与方差也相等。"""
    seed_everything(2)
    x, y = paddle.randn([1, 3, 224, 224]), paddle.to_tensor([3])
    outputs, gradients, statistics = [], [], []
    for model in pair:
        model.train()
        logits = model(x)
        F.cross_entropy(logits, y).backward()
        first, *_, last = [layer for layer in model.sublayers() if isinstance(layer, (nn.Conv2D, nn.Linear))]
        outputs.append(logits.numpy())
        gradients.append([first.weight.grad.numpy(), last.weight.grad.numpy()])
        statistics.append([b.numpy() for name, b in model.named_buffers()])
        model.clear_gradients()
    assert difference(outputs[1], outputs[0]) < 1e-5
    for theirs, ours in [*zip(*gradients), *zip(*statistics)]:
        assert difference(ours, theirs) < 1e-4


# ---------------------------------------------------------------- 初始化、丢弃、学得会


def test_initialisation():
    """He 初始化：标准差 √(2/扇入)；最后一层的标准差是 0.01。"""
    seed_everything(0)
    model = vgg11(num_classes=10, image_size=32)
    for layer in model.sublayers():
        if isinstance(layer, (nn.Conv2D, nn.Linear)):
            weight = layer.weight.numpy()
            fan_in = weight[0].size if isinstance(layer, nn.Conv2D) else weight.shape[0]
            expected = 0.01 if layer is model.classifier[-1] else (2 / fan_in) ** 0.5
            assert abs(weight.std() / expected - 1) < 4 / (2 * weight.size) ** 0.5
            assert not layer.bias.numpy().any()


def test_dropout_is_as_configured():
    model = VGG("A", num_classes=3, image_size=32, dropout=0.25)
    assert [layer.p for layer in model.sublayers() if isinstance(layer, nn.Dropout)] == [0.25, 0.25]
    x = paddle.randn([1, 3, 32, 32])
    model.train()
    assert not np.array_equal(model(x).numpy(), model(x).numpy())
    model.eval()
    assert np.array_equal(model(x).numpy(), model(x).numpy())


def test_overfits_one_batch():
    seed_everything(0)
    model = vgg11(num_classes=10, in_channels=1, image_size=32, batch_norm=True, dropout=0.0)
    optimizer = paddle.optimizer.Adam(1e-4, parameters=model.parameters())
    x, y = paddle.randn([8, 1, 32, 32]), paddle.arange(8)
    losses = []
    for _ in range(6):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(loss.item())
    assert losses[0] > 2 and losses[-1] < 0.05
