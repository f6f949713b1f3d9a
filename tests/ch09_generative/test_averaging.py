"""生成器的滑动平均：开始时相同，照公式更新，只在推理时用，不算可训练参数。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything

SIZES = {
    "gan": {"image_size": 8, "latent_size": 5, "hidden_size": 6},
    "dcgan": {"in_channels": 1, "image_size": 8, "latent_size": 5, "base_width": 4},
}


def build(name: str, decay: float):
    seed_everything(0)
    return models.build(name, average_decay=decay, **SIZES[name])


def values(layer) -> list[np.ndarray]:
    return [value.numpy().copy() for value in layer.state_dict().values()]


@pytest.mark.parametrize("name", SIZES)
def test_starts_as_the_generator_and_is_not_trained(name):
    model = build(name, 0.9)
    assert all(np.array_equal(a, g) for a, g in zip(values(model.average), values(model.generator)))
    assert count_parameters(model.average) == 0
    assert count_parameters(model) == count_parameters(model.generator) + count_parameters(
        model.discriminator
    )
    noise = paddle.randn([4, 5])
    model.train()
    model.sample(noise).sum().backward()
    assert all(parameter.grad is None for parameter in model.average.parameters())


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("decay", [0.0, 0.75])
def test_update_by_hand(name, decay):
    """a ← β_t·a + (1 − β_t)·g，批量归一化的滑动统计量也一样；β = 0 时就是生成器。"""
    model = build(name, decay)
    model.train()
    for step in range(1, 40):
        beta = min(decay, step / (step + 9))
        for value in model.generator.state_dict().values():
            value.set_value(value + 0.1 * paddle.randn(value.shape))
        model.sample(paddle.randn([6, 5]))  # 动了滑动统计量
        before, generator = values(model.average), values(model.generator)
        model.update_average()
        for a, old, g in zip(values(model.average), before, generator):
            np.testing.assert_allclose(a, beta * old + (1 - beta) * g, rtol=1e-5, atol=1e-6)
        assert all(np.array_equal(a, b) for a, b in zip(values(model.generator), generator))
    assert beta == decay  # 走得够久，就是写的那个比例


@pytest.mark.parametrize("name", SIZES)
def test_training_uses_the_generator_and_inference_the_average(name):
    model = build(name, 0.5)
    for value in model.average.state_dict().values():
        value.set_value(value * 0.5)
    noise = paddle.randn([4, 5])
    model.eval()
    assert np.array_equal(model.sample(noise).numpy(), model.average(noise).numpy())
    assert not np.array_equal(model.sample(noise).numpy(), model.generator(noise).numpy())
    model.train()
    assert np.array_equal(model.sample(noise).numpy(), model.generator(noise).numpy())


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_bad_decay(decay):
    with pytest.raises(UserError, match=r"model\.average_decay 应在 0 与 1 之间"):
        build("gan", decay)
