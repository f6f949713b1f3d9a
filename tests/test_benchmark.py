"""测速的工具：每一列都跑得起来；PyTorch 的孪生与本项目的网络逐层相同，走一步之后的参数也相同。"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import paddle
import pytest
from helpers import relative_difference

from paddle_notes import models
from paddle_notes.config import ClassificationTask, HingeTask, ImageData, load_config
from paddle_notes.data.info import ImageInfo
from paddle_notes.data.preprocess import Preprocess
from paddle_notes.engine.optim import build_optimizer, clip_gradients
from paddle_notes.engine.tasks import build_task
from paddle_notes.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "torchvision"))
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason='没有安装 PyTorch；pip install -e ".[cpu,bench]"')


def image_configs() -> dict:
    """configs/ 里图像分类的配置。"""
    configs = {file.stem: load_config(file) for file in sorted((ROOT / "configs").glob("*.yml"))}
    return {
        name: config
        for name, config in configs.items()
        if isinstance(config.data, ImageData) and isinstance(config.task, (ClassificationTask, HingeTask))
    }


CONFIGS = image_configs()


def info_of(config) -> ImageInfo:
    """造网络要知道的事，不必真的去读数据。"""
    channels, size = (1, 28) if "mnist" in config.data.name else (3, 32)
    size = config.data.image_size or size
    preprocess = Preprocess(channels, size, (0.5,) * channels, (0.25,) * channels, size)
    return ImageInfo(class_names=list("0123456789"), preprocess=preprocess)


def build_both(config, dtype: str):
    """本项目的网络与它的 PyTorch 孪生：参数相同，训练模式而不丢弃；另有一批数据。"""
    import torch
    from benchmarks.twins import build_twin

    info = info_of(config)
    model, _ = models.build_from_config(config.model, info)
    torch.set_num_threads(1)  # 与 Paddle 的线程争抢时，多线程反而慢
    torch.manual_seed(0)
    twin = build_twin(config.model.name, **models.options_from_config(config.model, info))
    twin.to(getattr(torch, dtype))
    model.to(dtype=dtype)
    trainable = [parameter for parameter in model.parameters() if not parameter.stop_gradient]
    others = list(twin.parameters())
    assert sum(p.size for p in trainable) == sum(p.numel() for p in others)
    for parameter, other in zip(trainable, others):
        parameter.set_value(as_paddle(other))
    for layer in model.sublayers():
        if isinstance(layer, paddle.nn.Dropout):
            layer.p = 0.0
    for layer in twin.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    generator, facts = np.random.default_rng(0), info.facts()
    images = generator.standard_normal((4, facts["in_channels"], *[facts["image_size"]] * 2))
    return model.train(), twin.train(), images.astype(dtype), generator.integers(0, 10, 4)


def as_paddle(parameter) -> np.ndarray:
    """PyTorch 的一个参数，写成 Paddle 的样子：全连接层的权重要转置。"""
    array = parameter.detach().numpy()
    return array.T if array.ndim == 2 else array


# ---------------------------------------------------------------- 孪生


@needs_torch
@pytest.mark.parametrize("name", CONFIGS)
def test_twin_is_the_same_network(name, load_tool):
    load_tool("benchmark")
    model, twin, images, _ = build_both(CONFIGS[name], "float64")
    import torch

    with paddle.no_grad(), torch.no_grad():
        outputs, others = model(paddle.to_tensor(images)), twin(torch.from_numpy(images))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    others = others if isinstance(others, tuple) else (others,)
    assert len(outputs) == len(others) == (3 if name == "googlenet" else 1)
    for logits, expected in zip(outputs, others):
        assert logits.shape == [4, 10]
        assert relative_difference(logits.numpy(), expected.numpy()) < 1e-8


# 每种损失、每种优化器各一个；裁剪的界限小到一定起作用
STEPS = {
    "momentum": ("lenet", ["optimizer.clip_norm=0.01"]),
    "adam": ("lenet_original", []),
    "sgd": ("kernel_stack", ["optimizer.name=sgd", "task.label_smoothing=0.1"]),
    "adamw": ("mlp", ["optimizer.name=adamw"]),
    "hinge": ("svm", []),
    "auxiliary": ("googlenet", []),
}


@needs_torch
@pytest.mark.parametrize("case", STEPS)
def test_one_step_gives_the_same_parameters(case, load_tool):
    load_tool("benchmark")
    import torch
    from benchmarks.columns import torch_loss, torch_optimizer

    name, overrides = STEPS[case]
    config = load_config(ROOT / "configs" / f"{name}.yml", overrides)
    model, twin, images, labels = build_both(config, "float32")  # 多张量的动量只有单精度
    clip_norm = config.optimizer.clip_norm

    optimizer = build_optimizer(config.optimizer, model.parameters())
    task = build_task(config.task, info_of(config))
    loss, _ = task.loss(model, (paddle.to_tensor(images), paddle.to_tensor(labels)))
    loss.backward()
    clip_gradients(model.parameters(), clip_norm)
    optimizer.step()

    other = torch_optimizer(config.optimizer, twin.parameters())
    expected = torch_loss(config.task, twin(torch.from_numpy(images)), torch.from_numpy(labels))
    expected.backward()
    if clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(twin.parameters(), clip_norm)
    before = [as_paddle(parameter).copy() for parameter in twin.parameters()]
    other.step()

    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    trainable = [parameter for parameter in model.parameters() if not parameter.stop_gradient]
    for parameter, twin_parameter, old in zip(trainable, twin.parameters(), before):
        change, expected_change = parameter.numpy() - old, as_paddle(twin_parameter) - old
        size = np.linalg.norm(expected_change)
        assert size > 0, parameter.name
        assert np.linalg.norm(change - expected_change) < 5e-3 * size, parameter.name


# ---------------------------------------------------------------- 各列


@pytest.mark.parametrize("name", ["lenet", "lenet_original", "svm", "googlenet"])
@pytest.mark.parametrize("column", ["ours", "bare", "hapi", "torch"])
def test_every_column_runs_a_step(name, column, load_tool, monkeypatch):
    if column == "torch" and not HAS_TORCH:
        pytest.skip("没有安装 PyTorch")
    benchmark = load_tool("benchmark")
    from benchmarks.columns import COLUMNS

    seconds = COLUMNS[column](benchmark.load(name, ["data.batch_size=4", "runtime.threads=1"]), 2)
    assert len(seconds) == 2 and min(seconds) > 0


def test_medians_and_ratios(load_tool, monkeypatch, capsys):
    """两轮、两步：每步取中位数，每轮取均值乘以步数（4 批训练数据的配置），比值逐轮求再取中位数。"""
    benchmark = load_tool("benchmark")
    given = {
        "ours": [[1.0, 3.0], [2.0, 2.0]],
        "bare": [[1.0, 1.0], [1.0, 3.0]],
        "hapi": [[4.0, 8.0], [6.0, 6.0]],
    }

    def measure(name, overrides, method, steps):
        assert (name, overrides, steps) == ("lenet", ["data.batch_size=875"], 2)
        return given[method].pop(0)

    monkeypatch.setattr(benchmark, "measure", measure)
    words = ["lenet", "--against", "hapi", "--rounds", "2", "--steps", "2", "-o", "data.batch_size=875"]
    assert benchmark.main([*words, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["name"], found["steps"], found["rounds"], found["steps_per_epoch"]) == ("lenet", 2, 2, 4)
    assert found["ours"] == {"step_seconds": 2.0, "epoch_seconds": 8.0}
    assert (found["bare"]["step_seconds"], found["bare"]["epoch_seconds"]) == (1.5, 6.0)
    assert found["bare"]["ratio_to_ours"] == 0.75  # (1/2, 2/2)
    assert found["hapi"]["ratio_to_ours"] == 3.0  # (6/2, 6/2)，比的是均值
    benchmark.show(found)
    assert "是 ours 的 3.00 倍" in capsys.readouterr().out


def test_a_failed_column_says_why(load_tool):
    benchmark = load_tool("benchmark")
    with pytest.raises(UserError, match=r"lenet 的 bare 没有跑完：.*data.batch_size"):
        benchmark.measure("lenet", ["data.batch_size=0"], "bare", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lenat"], "你是不是想写 lenet？"),
        (["char_lstm"], "configs/char_lstm.yml 不是图像分类的配置"),
        (["lenet", "--against", "tensorflow"], "--against 里没有 tensorflow"),
        (["lenet", "--steps", "0"], "--steps 应为正整数，得到 0"),
        (["lenet", "-o", "data.batch=1"], "不认识的键 data.batch"),
    ],
)
def test_bad_commands(words, said, tool):
    result = tool("benchmark", *words)
    assert result.code == 2 and said in result.err


def test_without_pytorch(load_tool, monkeypatch, capsys):
    benchmark = load_tool("benchmark")
    find_spec = importlib.util.find_spec
    absent = ("torch", "torchvision")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else find_spec(name))
    monkeypatch.setattr(benchmark, "measure", lambda *args: [1.0])
    assert benchmark.main(["lenet", "--rounds", "1", "--steps", "1", "--against", "torch"]) == 0
    captured = capsys.readouterr()
    assert "跳过与 PyTorch 的比较" in captured.err and "torch " not in captured.out


@needs_torch
def test_networks_without_a_twin(load_tool):
    load_tool("benchmark")
    from benchmarks.twins import build_twin

    with pytest.raises(UserError, match="gpt 没有 PyTorch 的孪生可比"):
        build_twin("gpt")


# ---------------------------------------------------------------- 不由训练循环跑的


def test_other_benchmarks_report_medians(load_tool, monkeypatch, capsys):
    benchmark = load_tool("benchmark")
    from benchmarks import others

    monkeypatch.setitem(others.OTHERS, "knn", lambda rounds: {"项目（秒）": float(rounds), "比值": 1234.5})
    assert benchmark.main(["knn", "--rounds", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "knn：2 次，取中位数",
        "  项目（秒） 2.000",
        "  比值 1,234",
    ]
