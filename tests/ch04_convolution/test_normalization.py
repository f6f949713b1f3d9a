"""批量归一化与局部响应归一化的事实；值与梯度等于 Paddle 的，在 test_ch04_topics 里检查。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.ch04_convolution import normalization as norm
from paddle_notes.verification import ch04


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(3, 2, (8, 4, 5, 5))


def test_training_output_has_mean_beta_and_deviation_gamma(x):
    gamma, beta = np.array([0.5, 1, 2, 3]), np.array([-1.0, 0, 1, 2])
    y = norm.batch_norm_training(x, gamma, beta, epsilon=0.0)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), beta, atol=1e-14)
    np.testing.assert_allclose(y.std(axis=(0, 2, 3)), gamma, atol=1e-14)


def test_scale_and_offset_of_the_input_do_not_matter(x):
    """卷积的偏置、权重整体的大小，经过批量归一化都不见了：所以前面的卷积不带偏置。"""
    gamma, beta = np.ones(4), np.zeros(4)
    y = norm.batch_norm_training(x, gamma, beta, epsilon=0.0)
    np.testing.assert_allclose(norm.batch_norm_training(100 * x - 7, gamma, beta, epsilon=0.0), y, atol=1e-12)


def test_gradient_has_no_component_along_the_offset_and_the_scale(x):
    """与上一条对应：∂L/∂x 的和为 0，与 x̂ 的内积也为 0（ε = 0）。"""
    dy = np.random.default_rng(1).standard_normal(x.shape)
    dx = norm.batch_norm_training_backward(dy, x, np.ones(4), epsilon=0.0)[0]
    np.testing.assert_allclose(dx.sum(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose((dx * x).sum(axis=(0, 2, 3)), 0, atol=1e-11)


def test_an_image_depends_on_its_batch_only_in_training(x):
    gamma, beta = np.ones(4), np.zeros(4)
    together = norm.batch_norm_training(x, gamma, beta, 1e-5)[:2]
    assert np.abs(norm.batch_norm_training(x[:2], gamma, beta, 1e-5) - together).max() > 0.05
    statistics = norm.batch_statistics(x)
    alone = norm.batch_norm_inference(x[:2], gamma, beta, *statistics, 1e-5)
    np.testing.assert_allclose(alone, norm.batch_norm_inference(x, gamma, beta, *statistics, 1e-5)[:2])


def test_inference_is_a_one_by_one_convolution(x):
    """推理时每个通道只是乘一个数、加一个数，可以并进前面的卷积。"""
    gamma, beta = np.array([0.5, 1, 2, 3]), np.array([-1.0, 0, 1, 2])
    mean, variance = norm.batch_statistics(x)
    scale = gamma / np.sqrt(variance + 1e-5)
    folded = x * scale[:, None, None] + (beta - mean * scale)[:, None, None]
    np.testing.assert_allclose(norm.batch_norm_inference(x, gamma, beta, mean, variance, 1e-5), folded)


def test_running_statistics_approach_the_batch_by_the_momentum(x):
    """一直是同一批时，误差每步乘以 momentum。"""
    mean, variance = np.zeros(4), np.ones(4)
    for _ in range(10):
        mean, variance = norm.update_running(mean, variance, x, momentum=0.5)
    batch_mean, batch_variance = norm.batch_statistics(x)
    np.testing.assert_allclose(mean, batch_mean * (1 - 0.5**10), rtol=1e-12)
    np.testing.assert_allclose(variance - batch_variance, (1 - batch_variance) * 0.5**10, rtol=1e-9)


def test_paddle_keeps_the_biased_variance():
    """一批只有 8 个数时，除以 m 与 m − 1 差 14%，分得清。"""
    x = np.random.default_rng(0).standard_normal((8, 1, 1, 1))
    layer = nn.BatchNorm2D(1, momentum=0.5)
    layer(paddle.to_tensor(x.astype("float32")))
    assert layer._variance.item() == pytest.approx(0.5 + 0.5 * x.var(), rel=1e-6)
    assert layer._variance.item() != pytest.approx(0.5 + 0.5 * x.var(ddof=1), rel=1e-2)


def test_dropout_before_batch_norm_inflates_the_running_variance():
    """丢弃法在前：累积的方差是推理时的 (σ² + pμ²)/((1 − p)σ²) 倍，推理的输出因此偏小。"""
    generator = np.random.default_rng(0)
    x = generator.normal(0.5, 1, (2000, 1, 10, 10))
    expected = norm.dropout_variance(0.5, 1.0, 0.5)
    assert expected == 1.25 / 0.5 - 0.25 == 2.25
    paddle.seed(0)
    layers = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2D(1, momentum=0.0))
    images = paddle.to_tensor(x.astype("float32"))
    layers(images)
    # 200,000 个数的方差的标准差：√((E[(y − μ)⁴] − Var²)/n) ≈ 0.010，取 5 倍
    assert layers[1]._variance.item() == pytest.approx(expected, abs=0.05)
    layers.eval()
    assert layers(images).numpy().std() == pytest.approx((1 / 2.25) ** 0.5, abs=0.02)  # 本该是 1


# ---------------------------------------------------------------- 局部响应归一化


def test_lrn_by_hand():
    """三个通道、n = 3、α = 1、β = 1、k = 1：分母是 1 + 相邻通道的平方和。"""
    x = np.array([1.0, 2, 3]).reshape(1, 3, 1, 1)
    y = norm.local_response_norm(x, size=3, alpha=1.0, beta=1.0, k=1.0).ravel()
    np.testing.assert_allclose(y, [1 / (1 + 1 + 4), 2 / (1 + 1 + 4 + 9), 3 / (1 + 4 + 9)], rtol=1e-14)


def test_large_neighbours_inhibit():
    quiet, loud = np.ones((1, 3, 1, 1)), np.ones((1, 3, 1, 1))
    loud[0, 1] = 10
    before, after = (norm.local_response_norm(x, 3, 1.0, 0.75, 2.0) for x in (quiet, loud))
    assert after[0, 0, 0, 0] < before[0, 0, 0, 0] / 5


def test_paddle_divides_alpha_by_the_number_of_channels():
    x = np.random.default_rng(0).standard_normal((2, 6, 3, 3))
    paper = {"alpha": 1e-4, "beta": 0.75, "k": 2.0}
    ours = norm.local_response_norm(x, 5, **paper)
    tensor = paddle.to_tensor(x)
    right = nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)(tensor).numpy()
    wrong = nn.LocalResponseNorm(5, **paper)(tensor).numpy()
    np.testing.assert_allclose(right, ours, atol=1e-15)
    assert np.abs(wrong - ours).max() > 1e-5


def test_the_small_gap_of_the_lrn_gradient_comes_from_a_float32_constant():
    """Paddle 的平均池化的反向把 1/5 存成 float32；换上同样的常数，梯度之差就降到 1e-15。"""
    generator = np.random.default_rng(0)
    topic = ch04.lrn(generator)
    x, dy = topic.inputs["x"], generator.standard_normal((2, 7, 2, 3))
    theirs = topic.forms["paddle.nn"](dy, x=x)[1]["x"]
    ours = topic.backward(dy, x=x)["x"]
    direct = dy * (topic.forward(x) / x)  # 经过分子的一路，dy·s^(−β)
    rounded = direct + (ours - direct) * (float(np.float32(0.2)) / 0.2)
    assert 1e-11 < np.abs(theirs - ours).max() < 1e-8
    np.testing.assert_allclose(theirs, rounded, atol=1e-14)
