"""第 9 章的题目，与页面上说的几个事实：饱和与不饱和的梯度、最好的判别器、转置卷积是卷积的转置。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch09_generative.adversarial_losses import (
    discriminator_loss,
    discriminator_loss_backward,
    minimax_generator_loss,
    minimax_generator_loss_backward,
    non_saturating_generator_loss,
    non_saturating_generator_loss_backward,
    optimal_discriminator,
    sigmoid,
)
from paddle_notes.ch09_generative.transposed_conv import conv_transpose2d, output_size
from paddle_notes.verification.ch09 import TOPICS
from paddle_notes.verification.core import check


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", TOPICS)
def test_topic(name, seed):
    generator = np.random.default_rng(seed)
    topic = TOPICS[name](generator)
    assert set(topic.forms) == {"原语", "paddle.nn"}
    assert check(name, topic, generator).passed


def test_saturation():
    """判别器确信样本是假的（D ≈ 4.5e-5）时，原式的梯度几乎是 0，不饱和的几乎是 1。"""
    s = np.array([-10.0])
    assert minimax_generator_loss_backward(np.array(1.0), s) == pytest.approx(-4.54e-5, rel=1e-3)
    assert non_saturating_generator_loss_backward(np.array(1.0), s) == pytest.approx(-1, abs=1e-4)
    # 两者的符号总是相同：都要把 s 推高；相等只在 D = 1/2
    s = np.linspace(-5, 5, 11)
    one, two = (
        backward(np.array(1.0), s)
        for backward in (minimax_generator_loss_backward, non_saturating_generator_loss_backward)
    )
    assert (one < 0).all() and (two < 0).all()
    assert np.flatnonzero(np.isclose(one, two)).tolist() == [5]


@pytest.mark.filterwarnings("error")
def test_losses_stay_finite_for_certain_discriminators():
    huge = np.array([-800.0, 800.0])
    assert sigmoid(huge).tolist() == [0, 1]
    assert discriminator_loss(huge, huge) == 800  # 一半全错，每个错 800
    assert minimax_generator_loss(huge) == -400
    assert non_saturating_generator_loss(huge) == 400
    assert all(np.isfinite(part).all() for part in discriminator_loss_backward(np.array(1.0), huge, huge))


def test_best_discriminator_maximizes_the_game():
    """四个点上的真、假概率；D* 比别的判别器得分高，此时的值是 2·JS − 2 ln 2。"""
    p, q = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.3, 0.4])

    def value(d):
        return float((p * np.log(d) + q * np.log(1 - d)).sum())

    best = optimal_discriminator(p, q)
    middle = (p + q) / 2
    js = 0.5 * (p * np.log(p / middle)).sum() + 0.5 * (q * np.log(q / middle)).sum()
    assert value(best) == pytest.approx(2 * js - 2 * np.log(2), rel=1e-12)
    generator = np.random.default_rng(0)
    assert all(value(generator.uniform(0.01, 0.99, 4)) < value(best) for _ in range(100))
    assert optimal_discriminator(p, p).tolist() == [0.5] * 4


def test_transposed_convolution_is_the_transpose_of_convolution():
    """内积 ⟨卷积(y), x⟩ = ⟨y, 转置卷积(x)⟩，对任意的 x、y；卷积由 Paddle 来做。"""
    import paddle
    import paddle.nn.functional as F

    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((2, 3, 4, 4)), generator.standard_normal((2, 5, 8, 8))
    weight = generator.standard_normal((3, 5, 5, 5))  # 作卷积时是 5 通道到 3 通道
    down = F.conv2d(paddle.to_tensor(y), paddle.to_tensor(weight), stride=2, padding=2).numpy()
    up = conv_transpose2d(x, weight, np.zeros(5), 2, 2, 1)
    assert down.shape == x.shape and up.shape == y.shape
    assert (down * x).sum() == pytest.approx((y * up).sum(), rel=1e-12)


def test_it_is_not_the_inverse():
    """一个像素、3×3 全 1 的核、步幅 2：盖出一块 3×3；两个相邻的像素在中间一列相加。"""
    kernel = np.ones((1, 1, 3, 3))
    one = conv_transpose2d(np.ones((1, 1, 1, 1)), kernel, np.zeros(1), stride=2)
    assert one[0, 0].tolist() == [[1, 1, 1]] * 3
    two = conv_transpose2d(np.ones((1, 1, 1, 2)), kernel, np.zeros(1), stride=2)
    assert two[0, 0].tolist() == [[1, 1, 2, 1, 1]] * 3
    assert output_size(4, 5, 2, 2, 1) == 8
