"""体检：四种让准确率停在瞎猜水平的原因，各由对应的一项查出来，别的项不误报。"""

from __future__ import annotations

import json

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.engine.checkup import (
    check_expectation,
    check_first_loss,
    check_inputs,
    check_labels,
    check_learning_rate,
    check_numbering,
    check_symmetry,
    match_numbers,
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


def test_an_accuracy_far_below_chance(tool, root, tmp_path):
    """在两类颜色上训练的网络，类别的文件夹改名之后次序颠倒：准确率近于 0，查出是对错了号。"""
    from PIL import Image

    def photos(folder, names):
        rng = np.random.default_rng(0)
        for name, color in names.items():
            (folder / name).mkdir(parents=True)
            for i in range(40):
                pixels = np.clip(rng.normal(color, 40, (8, 8, 3)), 0, 255).astype("uint8")
                Image.fromarray(pixels).save(folder / name / f"{i}.png")
        return f"data.path={folder}"

    red, blue = (200, 60, 60), (60, 60, 200)
    words = ["-c", root / "configs" / "softmax_regression.yml", "-o", "data.name=folder", "data.image_size=8"]
    words += [f"output_dir={tmp_path / 'run'}", "train.epochs=5", "expect.at_least=0.6"]
    named = photos(tmp_path / "a", {"blue": blue, "red": red})
    renamed = photos(tmp_path / "b", {"a_red": red, "blue": blue})  # 红的现在排在前面
    assert tool("train", *words, named).code == 0

    def numbering(path: str) -> dict:
        result = tool("diagnose", *words, path, "--weights", tmp_path / "run" / "best", "--json")
        (found,) = [check for check in json.loads(result.out) if check["name"] == "编号"]
        assert found["passed"] or result.code == 1
        return found

    assert numbering(named)["passed"]
    found = numbering(renamed)
    assert not found["passed"] and "a_red → blue、blue → a_red" in found["advice"]
    assert "准确率 0.0000（即 0.00%），瞎猜 0.5000，把编号重新对应之后 1.0000" in found["found"]


def test_numbers_are_matched_one_to_one():
    rng = np.random.default_rng(0)
    labels, order = rng.integers(0, 6, 600), np.array([2, 0, 1, 3, 5, 4])
    predicted = np.where(rng.random(600) < 0.9, order[labels], rng.integers(0, 6, 600))
    assert np.array_equal(match_numbers(predicted, labels, 6)[order], np.arange(6))
    assert np.array_equal(match_numbers(labels, labels, 6), np.arange(6))


NAMES = [str(k) for k in range(10)]


def test_only_a_system_is_called_wrong_numbers():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 500)
    assert check_numbering(labels, labels, NAMES).passed
    assert check_numbering(rng.integers(0, 10, 500), labels, NAMES).passed  # 瞎猜不是对错了号
    assert check_numbering(np.zeros(500, int), labels, NAMES).passed  # 总猜一类也不是
    shifted = check_numbering((labels + 1) % 10, labels, NAMES)  # 标签从 1 开始编号
    assert not shifted.passed and "1 → 0" in shifted.advice and "（共 10 类）" in shifted.advice
    swapped = np.where(labels == 3, 5, np.where(labels == 5, 3, labels))  # 只有两类对调，准确率不算低
    found = check_numbering(swapped, labels, NAMES)
    assert not found.passed and "3 → 5、5 → 3（共 2 类）" in found.advice
    # 从不猜对，错得又没有规律：不是换了次序
    wrong = (labels + rng.integers(1, 10, 500)) % 10
    found = check_numbering(wrong, labels, NAMES)
    assert not found.passed and "不是类别换了次序" in found.advice


@pytest.mark.parametrize(
    ("at_least", "passed", "said"),
    [
        (0.97, True, ""),
        (97, False, "expect.at_least=0.97"),
        (0.1, False, "不比瞎猜高"),
        (0.0097, False, "0.0097%"),
    ],
)
def test_expected_accuracy_is_a_fraction(at_least, passed, said):
    check = check_expectation(at_least, 10)
    assert check.passed is passed and (said in check.advice or passed)


def test_a_percentage_in_the_configuration_is_found(tool, root):
    result = tool("diagnose", "-c", root / MLP, "--json", "-o", "expect.at_least=94")
    checks = {check["name"]: check for check in json.loads(result.out)}
    assert result.code == 1 and not checks["预期"]["passed"]


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
