"""学习率是步数的函数；权重衰减只作用于卷积核与权重矩阵。"""

from __future__ import annotations

import math

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.config import OptimizerConfig
from paddle_notes.engine.optim import build_optimizer, clip_gradients, learning_rate

OPTIMIZERS = ["sgd", "momentum", "adam", "adamw"]


def rates(total: int = 10, **options) -> list[float]:
    config = OptimizerConfig(**{"lr": 1.0, **options})
    return [learning_rate(step, total, config) for step in range(total)]


def test_constant():
    assert rates(lr=0.3) == [0.3] * 10


def test_warmup():
    assert rates(warmup=0.4) == [0.25, 0.5, 0.75, 1.0] + [1.0] * 6


def test_cosine():
    expected = [(1 + math.cos(math.pi * t / 10)) / 2 for t in range(10)]
    assert rates(schedule="cosine") == pytest.approx(expected, rel=1e-12)
    assert rates(schedule="cosine")[0] == 1 and rates(schedule="cosine")[5] == pytest.approx(0.5)


def test_warmup_then_cosine():
    expected = [0.5, 1.0] + [(1 + math.cos(math.pi * t / 8)) / 2 for t in range(8)]
    assert rates(schedule="cosine", warmup=0.2) == pytest.approx(expected, rel=1e-12)


def test_steps():
    assert rates(schedule="step") == pytest.approx([1] * 5 + [0.1] * 3 + [0.01] * 2)
    assert rates(schedule="step", milestones=[0.3], warmup=0.2) == pytest.approx([0.5, 1, 1] + [0.1] * 7)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step"])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 0.99])
@pytest.mark.parametrize("total", [1, 2, 7, 100])
def test_rate_stays_between_zero_and_the_maximum(schedule, warmup, total):
    found = rates(total, schedule=schedule, warmup=warmup, lr=0.7)
    assert all(0 < rate <= 0.7 for rate in found)


# ---------------------------------------------------------------- 优化器


def network() -> nn.Layer:
    """有卷积、批量归一化与全连接；每个参数都不是 0。"""
    model = nn.Sequential(nn.Conv2D(1, 2, 3), nn.BatchNorm2D(2), nn.Flatten(), nn.Linear(2, 2))
    for parameter in model.parameters():
        parameter.set_value(paddle.full(parameter.shape, 0.5))
    return model


def step_with_zero_gradients(model: nn.Layer, **options) -> None:
    """梯度全为 0 的一步：参数的变化只来自权重衰减。"""
    optimizer = build_optimizer(OptimizerConfig(**options), model.parameters())
    (0 * sum(parameter.sum() for parameter in model.parameters() if not parameter.stop_gradient)).backward()
    optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_spares_biases_and_normalisation(name):
    model = network()
    step_with_zero_gradients(model, name=name, lr=0.1, weight_decay=0.5)
    for key, parameter in model.named_parameters():
        if parameter.ndim > 1:
            assert (parameter.numpy() < 0.5).all(), key
        else:
            assert (parameter.numpy() == 0.5).all(), key
    assert {key for key, p in model.named_parameters() if p.ndim > 1} == {"0.weight", "3.weight"}


@pytest.mark.parametrize("name", ["sgd", "momentum", "adamw"])
def test_amount_of_weight_decay(name):
    """一步之后 w ← w − lr·λ·w（AdamW 的衰减与梯度分开，同样如此）。"""
    model = network()
    step_with_zero_gradients(model, name=name, lr=0.125, weight_decay=0.5)
    assert np.allclose(model[0].weight.numpy(), 0.5 * (1 - 0.125 * 0.5), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_weight_decay_by_default(name):
    model = network()
    step_with_zero_gradients(model, name=name, lr=0.1)
    assert all((parameter.numpy() == 0.5).all() for parameter in model.parameters())


def test_momentum_against_the_formula():
    """v ← μv + g，w ← w − lr·v。"""
    model = nn.Linear(1, 1)
    model.weight.set_value(paddle.to_tensor([[1.0]]))
    optimizer = build_optimizer(OptimizerConfig(name="momentum", lr=0.25, momentum=0.5), model.parameters())
    weight, velocity = 1.0, 0.0
    for _ in range(4):
        (model.weight**2).sum().backward()
        velocity = 0.5 * velocity + 2 * weight
        weight -= 0.25 * velocity
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        assert model.weight.item() == pytest.approx(weight, rel=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_trainable_parameter_is_updated_once(name):
    model = network()
    optimizer = build_optimizer(OptimizerConfig(name=name), model.parameters())
    trainable = [parameter for parameter in model.parameters() if not parameter.stop_gradient]
    managed = [parameter for group in optimizer._param_groups for parameter in group["params"]]
    assert sorted(p.name for p in managed) == sorted(p.name for p in trainable)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_set_lr_takes_effect(name):
    """训练循环每一步都设学习率；分成几组参数时它也要作用到每一组。"""
    model = network()
    optimizer = build_optimizer(OptimizerConfig(name=name, lr=0.1), model.parameters())
    optimizer.set_lr(0.0)
    sum(parameter.sum() for parameter in model.parameters() if not parameter.stop_gradient).backward()
    optimizer.step()
    assert all((parameter.numpy() == 0.5).all() for parameter in model.parameters())
    optimizer.set_lr(0.01)
    optimizer.step()
    assert all((p.numpy() < 0.5).all() for p in model.parameters() if not p.stop_gradient)


def test_model_without_biases():
    """没有不衰减的那一组参数：照样更新，w ← w − lr·(g + λw)，动量的第一步就是它。"""
    model = nn.Linear(2, 2, bias_attr=False)
    before = model.weight.numpy()
    optimizer = build_optimizer(OptimizerConfig(lr=0.1, weight_decay=0.5), model.parameters())
    model.weight.sum().backward()
    optimizer.step()
    np.testing.assert_allclose(model.weight.numpy(), before - 0.1 * (1 + 0.5 * before), rtol=1e-6)


# ---------------------------------------------------------------- 裁剪


@pytest.mark.parametrize(("limit", "scale"), [(1.0, 0.1), (5.0, 0.5), (20.0, 1.0), (None, 1.0)])
def test_clipping_is_one_norm_over_weights_and_biases(limit, scale):
    """权重的梯度范数 6、偏置的 8，合起来 10：一起缩小，而不是各自缩到上限。"""
    model = nn.Linear(4, 4)
    (model.weight.sum() * (6 / 4) + model.bias.sum() * (8 / 2)).backward()
    clip_gradients(model.parameters(), limit)
    assert np.linalg.norm(model.weight.grad.numpy()) == pytest.approx(6 * scale, rel=1e-5)
    assert np.linalg.norm(model.bias.grad.numpy()) == pytest.approx(8 * scale, rel=1e-5)


@pytest.mark.parametrize("name", ["sgd", "momentum"])
def test_applied_norm_of_a_clipped_step(name):
    """一步之后参数改变的总范数是 学习率 × clip_norm。"""
    model = nn.Linear(4, 4)
    before = [parameter.numpy() for parameter in model.parameters()]
    optimizer = build_optimizer(OptimizerConfig(name=name, lr=0.5), model.parameters())
    (model.weight.sum() * (6 / 4) + model.bias.sum() * (8 / 2)).backward()
    clip_gradients(model.parameters(), 1.0)
    optimizer.step()
    moved = [np.sum((parameter.numpy() - old) ** 2) for parameter, old in zip(model.parameters(), before)]
    assert math.sqrt(sum(moved)) == pytest.approx(0.5, rel=1e-4)


def test_parameters_without_gradients_are_passed_over():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    (3 * model[0].weight).sum().backward()
    clip_gradients(model.parameters(), 1.0)
    assert model[1].weight.grad is None
    assert np.linalg.norm(model[0].weight.grad.numpy()) == pytest.approx(1.0, rel=1e-5)
