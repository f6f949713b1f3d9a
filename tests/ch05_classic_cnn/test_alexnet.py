"""AlexNet：参数个数、各阶段的形状、与两份独立实现的数值、初始化。"""

from __future__ import annotations

import re

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from helpers import relative_difference
from paddle import nn

from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch05_classic_cnn import alexnet as module
from paddle_notes.ch05_classic_cnn.alexnet import AlexNet, alexnet, alexnet_one_tower

STAGES = (nn.Conv2D, nn.MaxPool2D, nn.Linear)


@pytest.fixture(scope="module")
def paper() -> AlexNet:
    paddle.seed(0)
    return alexnet()


@pytest.fixture(scope="module")
def one_tower() -> AlexNet:
    paddle.seed(0)
    return alexnet_one_tower(dropout=0.0)


def randomize_biases(model: nn.Layer) -> None:
    """偏置不是 0，漏掉或放错才看得出来。"""
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.set_value(0.5 * paddle.randn(parameter.shape))


# 论文的网络分两组；不分组时卷积 2、4、5 的权重各加一倍，多 1,413,120 个。
# torchvision、paddle.vision 的 AlexNet 是 one_tower，通道数与论文不同，所以个数也不同。
def test_parameter_count_at_the_published_setting(paper, one_tower):
    assert count_parameters(paper) == 60_965_224
    assert count_parameters(one_tower) == 61_100_840


def test_ungrouped_parameter_count():
    with paddle.LazyGuard():  # 只定形状，不花时间初始化
        assert count_parameters(alexnet(groups=1)) == 62_378_344


def test_every_stage_matches_the_table(paper):
    rows = re.findall(r"\(N, ([\d, ]+)\) +([\d,]+)$", module.__doc__, re.MULTILINE)
    expected = [
        ([int(side) for side in shape.split(", ")], int(number.replace(",", ""))) for shape, number in rows
    ]
    measured = []
    hooks = [
        layer.register_forward_post_hook(
            lambda layer, _, output: measured.append((list(output.shape[1:]), count_parameters(layer)))
        )
        for layer in paper.sublayers()
        if isinstance(layer, STAGES)
    ]
    paper.eval()
    with paddle.no_grad():
        paper(paddle.randn([1, 3, 227, 227]))
    for hook in hooks:
        hook.remove()
    assert len(expected) == 11
    assert measured == expected


def paper_formula(model: AlexNet, x):
    """照论文写：卷积 2、4、5 在两块 GPU 上各算一半通道，归一化按公式求和，池化逐个比较窗口里的位置。"""
    weights = [
        (layer.weight, layer.bias) for layer in model.sublayers() if isinstance(layer, (nn.Conv2D, nn.Linear))
    ]

    def convolve(x, number, stride=1, padding=0):
        weight, bias = weights[number - 1]
        num_gpus = x.shape[1] // weight.shape[1]
        parts = zip(x.chunk(num_gpus, 1), weight.chunk(num_gpus, 0), bias.chunk(num_gpus, 0))
        return F.relu(paddle.concat([F.conv2d(*part, stride, padding) for part in parts], 1))

    def normalize(a):
        index = paddle.arange(a.shape[1])
        near = ((index.unsqueeze(0) - index.unsqueeze(1)).abs() <= 2).astype(a.dtype)
        return a / (2 + 1e-4 * paddle.einsum("ij,njhw->nihw", near, a**2)) ** 0.75

    def pool(x):
        side = (x.shape[-1] - 3) // 2 + 1
        stops = 2 * side - 1
        windows = [x[:, :, i : i + stops : 2, j : j + stops : 2] for i in range(3) for j in range(3)]
        return paddle.stack(windows).max(0)

    x = pool(normalize(convolve(x, 1, stride=4)))
    x = pool(normalize(convolve(x, 2, padding=2)))
    x = convolve(convolve(x, 3, padding=1), 4, padding=1)
    x = pool(convolve(x, 5, padding=1)).reshape([x.shape[0], -1])
    x = F.relu(x @ weights[5][0] + weights[5][1])
    x = F.relu(x @ weights[6][0] + weights[6][1])
    return x @ weights[7][0] + weights[7][1]


@pytest.mark.parametrize("groups", [1, 2])
def test_paper_form_equals_two_gpus_written_out(groups):
    paddle.seed(0)
    # 103 使池化 1 的输入是 24×24：最后一列落不进任何窗口。
    model = alexnet(groups=groups, num_classes=10, image_size=103, dropout=0.0)
    randomize_biases(model)
    x = 3 * paddle.randn([2, 3, 103, 103])
    with paddle.no_grad():
        expected = paper_formula(model, x)
        model.train()
        assert relative_difference(model(x), expected) < 1e-4
        model.eval()
        assert relative_difference(model(x), expected) < 1e-4


def test_local_response_normalization_equals_the_formula(paper):
    layers = [layer for layer in paper.sublayers() if isinstance(layer, nn.LocalResponseNorm)]
    a = 100 * np.random.RandomState(0).randn(1, 8, 3, 3)  # 足够大，α·Σa² 与 k 相当
    expected = np.empty_like(a)
    for i in range(8):
        total = (a[:, max(0, i - 2) : i + 3] ** 2).sum(1)
        expected[:, i] = a[:, i] / (2 + 1e-4 * total) ** 0.75
    assert len(layers) == 2
    for layer in layers:
        np.testing.assert_allclose(layer(paddle.to_tensor(a, "float32")).numpy(), expected, rtol=1e-4)


def test_one_tower_equals_paddle_vision(one_tower):
    randomize_biases(one_tower)
    reference = paddle.vision.models.alexnet()
    for source, target in zip(one_tower.parameters(), reference.parameters()):
        target.set_value(source)
    for layer in reference.sublayers():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0  # 它在推理时把输出乘以 1 − p，与常见的丢弃法不同
    x = paddle.randn([1, 3, 224, 224])
    with paddle.no_grad():
        for mode in ("train", "eval"):
            getattr(reference, mode)()
            getattr(one_tower, mode)()
            assert relative_difference(one_tower(x), reference(x)) < 1e-4


def test_dropout_acts_only_in_training(paper):
    x = paddle.randn([1, 3, 227, 227])
    with paddle.no_grad():
        paper.eval()
        assert paddle.equal_all(paper(x), paper(x))
        paper.train()
        assert not paddle.equal_all(paper(x), paper(x))


@pytest.mark.parametrize("build, smallest", [(alexnet, 67), (alexnet_one_tower, 63)])
def test_smallest_size(build, smallest):
    model = build(num_classes=7, in_channels=1, image_size=smallest)
    model.eval()
    assert model(paddle.randn([2, 1, smallest, smallest])).shape == [2, 7]
    with pytest.raises(ValueError, match=f"至少要 {smallest}×{smallest}，得到 {smallest - 1}×"):
        build(image_size=smallest - 1)


@pytest.mark.parametrize("in_channels, image_size, num_classes", [(3, 96, 2), (1, 131, 10)])
def test_channels_sizes_and_classes(in_channels, image_size, num_classes):
    model = alexnet(num_classes=num_classes, in_channels=in_channels, image_size=image_size)
    assert model(paddle.randn([2, in_channels, image_size, image_size])).shape == [2, num_classes]


def test_only_one_or_two_groups():
    with pytest.raises(ValueError, match="1 组或 2 组，得到 groups = 3"):
        alexnet(groups=3)


def test_initialization_is_he(paper):
    for layer in paper.sublayers():
        if isinstance(layer, (nn.Conv2D, nn.Linear)):
            weight = layer.weight.numpy()
            fan_in = weight[0].size if isinstance(layer, nn.Conv2D) else len(weight)
            std = np.sqrt(2 / fan_in)
            assert weight.std() == pytest.approx(std, rel=0.02)
            assert abs(weight.mean()) < 0.02 * std
            assert not layer.bias.numpy().any()
