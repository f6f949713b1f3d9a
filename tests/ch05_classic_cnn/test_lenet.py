"""LeNet：每一步的形状与参数、与 NumPy 写的前向相等、初始化、学得会一批数据。"""

from __future__ import annotations

import json
import re

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.ch05_classic_cnn import lenet
from paddle_notes.ch05_classic_cnn.lenet import LeNet, flat_size
from paddle_notes.runtime import seed_everything

FORMS = ["original", "modern"]


def docstring_table() -> list[tuple[list[int], int]]:
    """模块开头那张表的每一行：(输出形状, 参数个数)，其中 N 记作 2。"""
    rows = re.findall(r"\(N, ([\d, ]+)\)\s+([\d,]+)$", lenet.__doc__, re.MULTILINE)
    return [([2, *map(int, shape.split(", "))], int(count.replace(",", ""))) for shape, count in rows]


def watch_layers(model: nn.Layer, kinds: tuple) -> list[tuple[list[int], int]]:
    """给 ``kinds`` 各层装上钩子；前向之后，返回的列表里依次是它们的输出形状与参数个数。"""
    seen: list[tuple[list[int], int]] = []

    def hook(layer, inputs, output):
        seen.append((output.shape, sum(parameter.size for parameter in layer.parameters())))

    for layer in model.sublayers():
        if isinstance(layer, kinds):
            layer.register_forward_post_hook(hook)
    return seen


@pytest.mark.parametrize("form", FORMS)
def test_every_stage_matches_the_table(form):
    table = docstring_table()
    assert len(table) == 7
    model = LeNet(form=form)
    seen = watch_layers(model, (nn.Conv2D, nn.AvgPool2D, nn.MaxPool2D, nn.Linear))
    model(paddle.zeros([2, 1, 28, 28]))
    assert seen == table
    assert sum(count for _, count in table) == 61_706
    assert "合计 61,706 个参数" in lenet.__doc__


@pytest.mark.parametrize(
    ("form", "activation", "pooling"),
    [("original", nn.Sigmoid, nn.AvgPool2D), ("modern", nn.ReLU, nn.MaxPool2D)],
)
def test_forms(form, activation, pooling):
    layers = LeNet(form=form).sublayers()
    assert sum(isinstance(layer, activation) for layer in layers) == 4
    assert sum(isinstance(layer, pooling) for layer in layers) == 2


# ---------------------------------------------------------------- NumPy 参考


def conv2d(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, padding: int) -> np.ndarray:
    """(N, C, H, W) 与 (O, C, k, k) 的互相关，照定义逐个位置求和。"""
    k = weight.shape[-1]
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    height, width = x.shape[2] - k + 1, x.shape[3] - k + 1
    out = np.zeros((len(x), len(weight), height, width))
    for i in range(height):
        for j in range(width):
            out[:, :, i, j] = np.einsum("nchw,ochw->no", x[:, :, i : i + k, j : j + k], weight) + bias
    return out


def reference(x: np.ndarray, weights: list[np.ndarray], form: str) -> np.ndarray:
    """只用 NumPy 的 LeNet，float64。"""

    def activate(x):
        return 1 / (1 + np.exp(-x)) if form == "original" else np.maximum(x, 0)

    def pool(x):
        n, c, h, w = x.shape
        windows = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2)
        return windows.mean((3, 5)) if form == "original" else windows.max((3, 5))

    (w1, b1), (w3, b3), (w5, b5), (w6, b6), (w7, b7) = zip(weights[::2], weights[1::2])
    x = pool(activate(conv2d(x, w1, b1, padding=2)))
    x = pool(activate(conv2d(x, w3, b3, padding=0)))
    x = x.reshape(len(x), -1)
    x = activate(x @ w5 + b5)
    x = activate(x @ w6 + b6)
    return x @ w7 + b7


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 33)])
def test_equals_the_reference(form, channels, size):
    seed_everything(0)
    model = LeNet(num_classes=5, in_channels=channels, image_size=size, form=form)
    for parameter in model.parameters():  # 偏置也要不是 0，否则漏了偏置看不出来
        parameter.set_value(parameter + 0.1 * paddle.randn(parameter.shape))
    x = np.random.default_rng(0).standard_normal((3, channels, size, size))
    expected = reference(x, [p.numpy().astype("float64") for p in model.parameters()], form)
    assert (
        np.abs(model(paddle.to_tensor(x.astype("float32"))).numpy() - expected).max()
        < 1e-5 * np.abs(expected).max()
    )


# ---------------------------------------------------------------- 初始化与大小


def test_original_form_starts_from_xavier():
    seed_everything(0)
    for layer in LeNet(form="original").sublayers():
        if isinstance(layer, (nn.Conv2D, nn.Linear)):
            weight = layer.weight.numpy()
            if isinstance(layer, nn.Conv2D):
                fan_in, fan_out = weight[0].size, weight[:, 0].size
            else:
                fan_in, fan_out = weight.shape
            bound = (6 / (fan_in + fan_out)) ** 0.5
            assert 0.95 * bound < np.abs(weight).max() <= bound * (1 + 1e-6)
            assert not layer.bias.numpy().any()


def test_modern_form_starts_from_he():
    seed_everything(0)
    for layer in LeNet(form="modern").sublayers():
        if isinstance(layer, (nn.Conv2D, nn.Linear)):
            weight = layer.weight.numpy()
            fan_in = weight[0].size if isinstance(layer, nn.Conv2D) else weight.shape[0]
            # 标准差的相对误差约为 1/√(2n)，容许 4 倍
            assert abs(weight.std() / (2 / fan_in) ** 0.5 - 1) < 4 / (2 * weight.size) ** 0.5
            assert not layer.bias.numpy().any()


@pytest.mark.parametrize("size", [12, 13, 28, 32, 64])
def test_flat_size_is_the_size_of_the_features(size):
    model = LeNet(image_size=size)
    x = paddle.zeros([1, 1, size, size])
    assert model.features(x).flatten(1).shape[1] == flat_size(size)
    assert model(x).shape == [1, 10]


@pytest.mark.parametrize("size", [1, 8, 11])
def test_image_too_small(size):
    with pytest.raises(ValueError, match=f"LeNet 的图像至少要 12×12，得到 {size}×{size}"):
        LeNet(image_size=size)


# ---------------------------------------------------------------- 学得会


@pytest.mark.parametrize(
    ("form", "optimizer", "steps"), [("modern", "momentum", 60), ("original", "adam", 250)]
)
def test_overfits_one_batch(form, optimizer, steps, mnist5k, make_config, output):
    """用真正的训练循环反复学同样的 32 张图像，损失应降到 0.05 以下。"""
    from paddle_notes.data.images import ImageBatches, ImageSet
    from paddle_notes.engine.tasks import build_task
    from paddle_notes.engine.trainer import Trainer

    train = mnist5k[0]
    few = ImageSet(train.images[::109], train.labels[::109], train.class_names, train.preprocess)
    batch = next(ImageBatches(few, 32).epoch())

    class Repeated:
        def __len__(self):
            return steps

        def epoch(self, epoch=0, start=0):
            return iter([batch] * (steps - start))

    lr = {"momentum": 0.03, "adam": 0.01}[optimizer]
    config = make_config(
        f"optimizer.name={optimizer}",
        f"optimizer.lr={lr}",
        "optimizer.weight_decay=0",
        "train.epochs=1",
        "train.log_interval=10",
    )
    seed_everything(1)
    output.mkdir()
    task = build_task(config.task, few.info())
    Trainer(LeNet(form=form), task, config).fit(Repeated(), ImageBatches(few, 32))
    lines = (output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    losses = [record["loss"] for record in records if record["split"] == "train"]  # 每 10 步的平均
    assert losses[0] > 1 and losses[-1] < 0.05
    assert records[-1]["split"] == "eval" and records[-1]["accuracy"] == 1
