"""GoogLeNet：参数个数、各阶段的形状、与逐层写出的实现对照、辅助分类器、初始化。"""

from __future__ import annotations

import re

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from helpers import relative_difference
from paddle import nn

from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch06_modern_cnn import googlenet as module
from paddle_notes.ch06_modern_cnn.googlenet import INCEPTIONS, GoogLeNet, Inception, auxiliary_head


@pytest.fixture(scope="module")
def full() -> GoogLeNet:
    """论文的设置：224×224，1000 类，带辅助分类器。"""
    paddle.seed(0)
    return GoogLeNet()


# 带偏置、真正的 5×5、不带辅助分类器是 6,998,552。程序库常见的 6,624,904 是把 5×5 写成 3×3 又加了批量归一化；
# 13,378,280 是带两个辅助分类器的。批量归一化用两个系数代替一个偏置，每个卷积通道多 1 个，共多 7,280；
# 辅助分类器里的 128 通道卷积也一样，各多 128。
@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"aux": False}, 6_998_552),
        ({"aux": True}, 6_998_552 + 6_379_728),
        ({"aux": False, "batch_norm": True}, 7_005_832),
        ({"aux": True, "batch_norm": True}, 7_005_832 + 6_379_728 + 2 * 128),
        ({"aux": False, "factorize": True}, 5_523_672),
        ({"aux": False, "factorize": True, "batch_norm": True}, 5_532_168),
    ],
)
def test_parameter_count_at_the_published_setting(options, count):
    with paddle.LazyGuard():  # 只定形状，不花时间初始化
        assert count_parameters(GoogLeNet(**options)) == count


def test_auxiliary_heads_parameter_counts(full):
    """1×1 卷积、2048 → 1024 与 1024 → 1000 两个全连接层。"""
    for head, in_channels in ((full.aux1, 512), (full.aux2, 528)):
        expected = (in_channels + 1) * 128 + (2048 + 1) * 1024 + (1024 + 1) * 1000
        assert count_parameters(head) == expected
    assert count_parameters(full.aux1) + count_parameters(full.aux2) == 6_379_728


def test_factorized_parameter_count_by_formula():
    """3×3：9·r·b + b；1×3 与 3×1：3·r·r + r + 3·r·b + b。"""
    saved = sum(9 * r * b - (3 * r * r + r + 3 * r * b) for _, r, b, *_ in INCEPTIONS.values())
    assert saved == 6_998_552 - 5_523_672


def test_every_stage_matches_the_table(full):
    rows = re.findall(r"\(N, ([\d, ]+)\) +([\d,]+)$", module.__doc__, re.MULTILINE)
    expected = [
        ([int(side) for side in shape.split(", ")], int(number.replace(",", ""))) for shape, number in rows
    ]
    stages = [full.stem[0], full.pool, full.stem[3], full.stem[4], *full.inceptions.values()]
    measured = []
    hooks = [
        stage.register_forward_post_hook(
            lambda layer, _, output: measured.append((list(output.shape[1:]), count_parameters(layer)))
        )
        for stage in [*stages, full.dropout, full.classifier]
    ]
    full.eval()
    with paddle.no_grad():
        full(paddle.randn([1, 3, 224, 224]))
    for hook in hooks:
        hook.remove()
    assert len(expected) == 18
    assert measured == expected
    assert sum(number for _, number in expected) == 6_998_552


def test_kernel_sizes(full):
    """每个块里依次是 1×1；1×1、3×3；1×1、5×5；1×1。"""
    for block in full.inceptions.values():
        sizes = [layer.weight.shape[2:] for layer in block.sublayers() if isinstance(layer, nn.Conv2D)]
        assert sizes == [[1, 1], [1, 1], [3, 3], [1, 1], [5, 5], [1, 1]]
    factorized = Inception(8, INCEPTIONS["3a"], factorize=True)
    sizes = [layer.weight.shape[2:] for layer in factorized.sublayers() if isinstance(layer, nn.Conv2D)]
    assert sizes == [[1, 1], [1, 1], [1, 3], [3, 1], [1, 1], [5, 5], [1, 1]]


# ---------------------------------------------------------------- 与逐层写出的实现对照


class Reference:
    """只用一份按次序排好的数组算出 GoogLeNet：不建层，逐个取用数组。"""

    def __init__(self, model: GoogLeNet, training: bool):
        self.arrays = iter([value.clone() for value in model.state_dict().values()])
        self.batch_norm = any(isinstance(layer, nn.BatchNorm2D) for layer in model.sublayers())
        self.factorize = len(model.inceptions["3a"].branch3) == 3
        self.training = training

    def conv(self, x, stride=1):
        weight = next(self.arrays)
        padding = [side // 2 for side in weight.shape[2:]]
        if not self.batch_norm:
            return F.conv2d(x, weight, next(self.arrays), stride, padding).clip(min=0)
        x = F.conv2d(x, weight, None, stride, padding)
        scale, shift, mean, variance = (next(self.arrays).reshape([1, -1, 1, 1]) for _ in range(4))
        if self.training:
            mean = x.mean([0, 2, 3], keepdim=True)
            variance = ((x - mean) ** 2).mean([0, 2, 3], keepdim=True)
        return ((x - mean) / (variance + 1e-5).sqrt() * scale + shift).clip(min=0)

    def linear(self, x):
        weight = next(self.arrays)
        return x @ weight + next(self.arrays)

    def pool(self, x, stride=2):
        """3×3 最大池化。步幅 2 时右边、下边补 −∞，边长减半；步幅 1 时四周补，边长不变。"""
        side = x.shape[-1] // stride
        padded = F.pad(x, [0, 1, 0, 1] if stride == 2 else [1, 1, 1, 1], value=float("-inf"))
        stops = stride * (side - 1) + 1
        windows = [
            padded[:, :, i : i + stops : stride, j : j + stops : stride] for i in range(3) for j in range(3)
        ]
        return paddle.stack(windows).max(0)

    def normalize(self, x):
        """局部响应归一化：相邻 5 个通道，k = 1，α = 1e-4 / 5，β = 0.75。"""
        if self.batch_norm:
            return x
        squares = F.pad(x**2, [0, 0, 0, 0, 2, 2], pad_from_left_axis=False)
        total = sum(squares[:, i : i + x.shape[1]] for i in range(5))
        return x / (1 + 1e-4 / 5 * total) ** 0.75

    def inception(self, x):
        branch1 = self.conv(x)
        branch3 = self.conv(self.conv(x))
        if self.factorize:
            branch3 = self.conv(branch3)
        branch5 = self.conv(self.conv(x))
        return paddle.concat([branch1, branch3, branch5, self.conv(self.pool(x, stride=1))], 1)

    def head(self, x):
        x = self.conv(F.avg_pool2d(x, 5, 3))
        return self.linear(self.linear(x.flatten(1)).clip(min=0))

    def __call__(self, x):
        x = self.normalize(self.pool(self.conv(x, stride=2)))
        x = self.pool(self.normalize(self.conv(self.conv(x))))
        x = self.pool(self.inception(self.inception(x)))
        x = after_4a = self.inception(x)
        x = after_4d = self.inception(self.inception(self.inception(x)))
        x = self.pool(self.inception(x))
        x = self.inception(self.inception(x))
        logits = self.linear(x.flatten(2).mean(2))
        return logits, self.head(after_4a), self.head(after_4d)


@pytest.mark.parametrize("factorize", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_equals_the_layers_written_out(batch_norm, factorize):
    paddle.seed(0)
    # 143 → 72 → 36 → 18 → 9 → 4：各次池化有奇有偶；辅助分类器的 9×9 池化成 2×2。
    model = GoogLeNet(10, 1, 143, batch_norm, factorize, dropout=0.0)
    model.aux1[5].p = model.aux2[5].p = 0.0
    for value in model.state_dict().values():
        if value.ndim == 1:  # 偏置、归一化的系数与统计量都不是默认值，放错位置才看得出来
            value.set_value(paddle.uniform(value.shape, min=0.5, max=1.5))
    x = 5 * paddle.randn([2, 1, 143, 143])
    with paddle.no_grad():
        model.eval()
        assert relative_difference(model(x), Reference(model, training=False)(x)[0]) < 1e-4
        expected = Reference(model, training=True)(x)
        model.train()
        for logits, reference in zip(model(x), expected):
            assert relative_difference(logits, reference) < 1e-4


# ---------------------------------------------------------------- 辅助分类器


def test_auxiliary_logits_only_in_training(full):
    x = paddle.randn([1, 3, 224, 224])
    with paddle.no_grad():
        full.train()
        assert [logits.shape for logits in full(x)] == [[1, 1000]] * 3
        full.eval()
        assert full(x).shape == [1, 1000]
    without = GoogLeNet(num_classes=5, image_size=32, aux=False)
    without.train()
    assert without(paddle.randn([1, 3, 32, 32])).shape == [1, 5]


def test_auxiliary_gradients_reach_only_the_layers_below():
    model = GoogLeNet(num_classes=5, in_channels=1, image_size=64)
    model.train()
    _, aux1, _ = model(paddle.randn([2, 1, 64, 64]))
    F.cross_entropy(aux1, paddle.to_tensor([0, 1])).backward()
    touched = {name for name, block in model.inceptions.items() if block.branch1[0].weight.grad is not None}
    assert touched == {"3a", "3b", "4a"}


@pytest.mark.parametrize(("side", "num_features"), [(14, 2048), (8, 512), (5, 128), (4, 128), (1, 128)])
def test_auxiliary_head_on_small_maps(side, num_features):
    """5×5、步幅 3 的平均池化：14 → 4、8 → 2；不足 5×5 时整张取平均。"""
    head = auxiliary_head(16, side, 3, batch_norm=False)
    x = paddle.randn([2, 16, side, side])
    assert head[3].weight.shape == [num_features, 1024]
    assert head(x).shape == [2, 3]
    if side < 5:
        np.testing.assert_allclose(head[0](x).flatten(1).numpy(), x.mean([2, 3]).numpy(), atol=1e-6)


# ---------------------------------------------------------------- 形状、丢弃、初始化


@pytest.mark.parametrize(
    ("in_channels", "image_size", "num_classes"), [(1, 31, 7), (3, 32, 10), (3, 75, 2), (1, 96, 3)]
)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_channels_sizes_and_classes(in_channels, image_size, num_classes, batch_norm):
    model = GoogLeNet(num_classes, in_channels, image_size, batch_norm)
    model.train()
    outputs = model(paddle.randn([2, in_channels, image_size, image_size]))
    assert [logits.shape for logits in outputs] == [[2, num_classes]] * 3


def test_too_small():
    with pytest.raises(ValueError, match="图像至少要 31×31，得到 30×30；请把"):
        GoogLeNet(image_size=30)


def test_dropout_as_in_the_paper(full):
    assert full.dropout.p == 0.4
    assert [head[5].p for head in (full.aux1, full.aux2)] == [0.7, 0.7]
    model = GoogLeNet(3, 1, 32, dropout=0.2)
    assert [layer.p for layer in model.sublayers() if isinstance(layer, nn.Dropout)] == [0.2, 0.7, 0.7]
    x = paddle.randn([1, 1, 32, 32])
    with paddle.no_grad():
        model.train()
        assert not paddle.equal_all(model(x)[0], model(x)[0])
        model.eval()
        assert paddle.equal_all(model(x), model(x))


def test_initialization_is_he(full):
    for layer in full.sublayers():
        if isinstance(layer, (nn.Conv2D, nn.Linear)):
            weight = layer.weight.numpy()
            fan_in = weight[0].size if isinstance(layer, nn.Conv2D) else len(weight)
            std = np.sqrt(2 / fan_in)
            assert abs(weight.std() / std - 1) < 4 / np.sqrt(2 * weight.size)  # 四倍标准误差
            assert abs(weight.mean() / std) < 4 / np.sqrt(weight.size)
            assert not layer.bias.numpy().any()
