"""体检：四种让准确率停在瞎猜水平的原因，各由对应的一项查出来，别的项不误报。"""

from __future__ import annotations

import json

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.engine.checkup import (
    check_first_loss,
    check_inputs,
    check_labels,
    check_learning_rate,
    check_symmetry,
)

MLP = "configs/mlp.yml"


@pytest.mark.parametrize(
    ("override", "broken"),
    [
        ("seed=1", set()),
        ("optimizer.lr=3", {"学习率"}),
        ("optimizer.lr=1e-6", {"学习率"}),
        ("model.initialization=constant", {"初始化"}),
        ("data.shuffle_labels=true", {"标签"}),
        ("data.normalize=false", {"输入", "一开始的损失"}),
    ],
)
def test_each_cause_is_found(tool, root, override, broken):
    result = tool("diagnose", "-c", root / MLP, "--json", "-o", override)
    checks = json.loads(result.out)
    assert {check["name"] for check in checks if not check["passed"]} == broken
    assert result.code == int(bool(broken))


def test_only_for_classification(tool, root):
    result = tool("diagnose", "-c", root / "configs" / "house_price.yml")
    assert result.code == 2 and "只用于图像分类" in result.err


def test_inputs():
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((100, 5))
    assert check_inputs(normal).passed
    assert not check_inputs(normal * 50 + 100).passed
    assert not check_inputs(normal * 1e-3).passed


def test_labels_that_follow_the_inputs():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 1000)
    inputs = np.eye(5)[labels] * 10 + rng.standard_normal((1000, 5))
    assert check_labels(inputs, labels, 5).passed
    assert not check_labels(inputs, rng.permutation(labels), 5).passed


def test_symmetry_names_the_parameter():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    assert check_symmetry(model).passed
    nn.initializer.Constant(0.5)(model[0].weight)
    check = check_symmetry(model)
    assert not check.passed and "0.weight" in check.found


def test_symmetry_of_a_convolution_is_between_its_kernels():
    convolution = nn.Conv2D(2, 3, 3)
    kernel = paddle.randn([1, 2, 3, 3])
    convolution.weight.set_value(kernel.tile([3, 1, 1, 1]))  # 三个核相同，核内各不相同
    assert not check_symmetry(convolution).passed


@pytest.mark.parametrize(("loss", "passed"), [(2.3, True), (3.0, True), (56.0, False), (float("nan"), False)])
def test_first_loss(loss, passed):
    assert check_first_loss(loss, 10).passed is passed


@pytest.mark.parametrize(
    ("losses", "passed", "said"),
    [
        ([2.3, 1.0, 0.1], True, ""),
        ([2.3, 2.3, 2.3], False, "太小了；请试 -o optimizer.lr=1"),
        ([2.3, 90.0, 2.4], False, "太大了；请试 -o optimizer.lr=0.01"),
        ([2.3, float("nan")], False, "太大了"),
        ([2.3, 50.0, 0.1, 0.1, 0.1, 0.1, 0.1], True, ""),  # 冲高之后学会了
    ],
)
def test_learning_rate(losses, passed, said):
    check = check_learning_rate(losses, 0.1)
    assert check.passed is passed
    assert said in check.advice or passed
