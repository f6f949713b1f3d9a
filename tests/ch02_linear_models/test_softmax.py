"""softmax 一族：很大的分数不溢出，两类时就是 sigmoid，log-sum-exp 是光滑的最大值。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch02_linear_models.softmax import (
    log_softmax,
    log_sum_exp,
    log_sum_exp_backward,
    sigmoid,
    softmax,
    softmax_backward,
)


@pytest.mark.parametrize("scale", [1e4, -1e4])
def test_huge_scores_do_not_overflow(scale):
    x = np.array([[scale, scale - 1.0, scale + 2.0], [scale, -scale, 0.0]])
    with np.errstate(all="raise", under="ignore"):  # 溢出、非法运算都变成异常；下溢成 0 没有害处
        assert np.allclose(softmax(x)[0], softmax(np.array([0.0, -1.0, 2.0])), rtol=0, atol=1e-12)
        expected = scale + np.log(1 + np.exp(-1.0) + np.exp(2.0))
        assert log_sum_exp(x)[0] == pytest.approx(expected, rel=1e-15)
        assert log_sum_exp(x)[1] == 1e4
        assert np.isfinite(log_softmax(x)).all()
        assert log_softmax(x)[1].min() == -2e4  # 先 softmax 再取对数会得到 −∞
        assert sigmoid(np.array([1e4, -1e4, 0.0])).tolist() == [1.0, 0.0, 0.5]


def test_the_naive_formula_does_overflow():
    with np.errstate(over="ignore", invalid="ignore"):
        exps = np.exp(np.array([1e4, 0.0]))
        assert np.isnan(exps / exps.sum()).any()


def test_softmax_is_a_distribution_and_ignores_a_common_shift():
    x = np.random.default_rng(0).standard_normal((4, 5))
    p = softmax(x)
    assert np.allclose(p.sum(-1), 1, rtol=0, atol=1e-15)
    assert (p > 0).all()
    assert np.array_equal(p.argsort(-1), x.argsort(-1))
    assert np.allclose(softmax(x + 7), p, rtol=0, atol=1e-15)
    assert np.allclose(np.log(p), log_softmax(x), rtol=0, atol=1e-14)


def test_the_denominator_sums_over_the_classes():
    """分母对类别 j 求和，每个样本一个分母；不是对样本求和。"""
    x = np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])
    assert np.allclose(softmax(x), [[1 / 8, 2 / 8, 5 / 8], [1 / 4, 1 / 4, 2 / 4]], rtol=0, atol=1e-15)


def test_sigmoid_is_the_two_class_softmax():
    z = np.linspace(-30, 30, 61)
    two = softmax(np.stack([z, np.zeros_like(z)], -1))
    assert np.allclose(two[:, 0], sigmoid(z), rtol=1e-14, atol=0)
    assert np.allclose(sigmoid(z) + sigmoid(-z), 1, rtol=0, atol=1e-15)


def test_log_sum_exp_is_a_soft_maximum():
    x = np.random.default_rng(1).standard_normal((6, 4))
    maximum = x.max(-1)
    assert ((log_sum_exp(x) > maximum) & (log_sum_exp(x) < maximum + np.log(4))).all()
    # 放大 100 倍之后再缩小，与最大值几乎重合
    assert np.abs(log_sum_exp(100 * x) / 100 - maximum).max() < np.log(4) / 100
    assert np.array_equal(log_sum_exp_backward(np.ones(6), x), softmax(x))


def test_gradient_of_softmax_sums_to_zero():
    """概率之和恒为 1，所以全部分数一起加一个数时，什么都不变。"""
    x, dy = np.random.default_rng(2).standard_normal((2, 3, 4))
    assert np.abs(softmax_backward(dy, x).sum(-1)).max() < 1e-15


def test_temperature():
    """分数除以温度：越低越尖，趋于独热；越高越平，趋于均匀。"""
    x = np.array([1.0, 2.0, 3.0])
    assert softmax(x / 0.05)[2] > 0.999
    assert np.abs(softmax(x / 1000) - 1 / 3).max() < 1e-3
