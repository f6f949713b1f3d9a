"""检查本身要经得起检查：对的通过，故意写错的值、形状、梯度、NaN、越界的矩都不通过。"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.verification.core import (
    Moment,
    Topic,
    central_difference,
    check,
    difference,
    functional,
    gradient_check,
    layer,
)


def forward(x, w):
    return np.tanh(x @ w)


def backward(dy, x, w):
    dz = dy * (1 - np.tanh(x @ w) ** 2)
    return {"x": dz @ w.T, "w": x.T @ dz}


@pytest.fixture
def topic() -> Topic:
    """正确的题目：y = tanh(x·W)。"""
    generator = np.random.default_rng(0)
    return Topic(
        inputs={"x": generator.standard_normal((4, 3)), "w": generator.standard_normal((3, 2))},
        forward=forward,
        backward=backward,
        forms={
            "原语": functional(lambda x, w: paddle.tanh(x @ w)),
            "paddle.nn": layer(
                lambda: nn.Linear(3, 2, bias_attr=False), {"w": "weight"}, lambda net, x: paddle.tanh(net(x))
            ),
        },
    )


def result_of(topic: Topic):
    return check("topic", topic, np.random.default_rng(1))


def test_a_correct_topic_passes(topic):
    result = result_of(topic)
    assert result.passed
    assert result.value_diff < 1e-14 and result.grad_diff < 1e-14 and result.gradcheck < 1e-9
    assert result.forms == ("numpy", "原语", "paddle.nn")


# ---------------------------------------------------------------- 错的梯度


def scaled(dy, x, w):
    grads = backward(dy, x, w)
    return {**grads, "w": grads["w"] * (1 + 1e-5)}


def forgets_the_activation(dy, x, w):
    return {"x": dy @ w.T, "w": x.T @ dy}


def wrong_sign_in_one_element(dy, x, w):
    grads = backward(dy, x, w)
    grads["x"][2, 1] *= -1
    return grads


def averaged(dy, x, w):
    return {name: gradient / len(x) for name, gradient in backward(dy, x, w).items()}


def transposed(dy, x, w):
    grads = backward(dy, x, w)
    return {**grads, "w": grads["w"].T}


def with_nan(dy, x, w):
    grads = backward(dy, x, w)
    grads["x"][0, 0] = np.nan
    return grads


WRONG_GRADIENTS = [scaled, forgets_the_activation, wrong_sign_in_one_element, averaged, transposed, with_nan]


@pytest.mark.parametrize("wrong", WRONG_GRADIENTS)
def test_a_wrong_gradient_is_caught(topic, wrong):
    """与 Paddle 比较、与差分比较，两种检查各自都看得出来。"""
    result = result_of(replace(topic, backward=wrong))
    assert not result.passed
    assert result.value_diff < 1e-14
    assert result.grad_diff > 1e-8
    assert result.gradcheck > 1e-6


@pytest.mark.parametrize("wrong", WRONG_GRADIENTS)
def test_a_wrong_gradient_is_caught_without_paddle(topic, wrong):
    """没有别的写法可比时，差分仍看得出来。"""
    assert result_of(replace(topic, forms={})).passed
    assert not result_of(replace(topic, backward=wrong, forms={})).passed


def test_one_wrong_form_among_correct_ones_is_caught(topic):
    detached = functional(lambda x, w: paddle.tanh(x.detach() @ w))  # 值对，x 没有梯度
    result = result_of(replace(topic, forms={**topic.forms, "detached": detached}))
    assert not result.passed
    assert result.value_diff < 1e-14 and result.grad_diff > 1e-3


# ---------------------------------------------------------------- 错的值


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, w: paddle.tanh(x @ w) + 1e-9,
        lambda x, w: paddle.tanh(x @ w)[:3],
        lambda x, w: paddle.tanh(x @ w).sum(1, keepdim=True),
        lambda x, w: paddle.tanh(x @ w) * float("nan"),
    ],
    ids=["value", "shape", "shape_that_broadcasts", "nan"],
)
def test_a_wrong_value_is_caught(topic, wrong):
    result = result_of(replace(topic, backward=None, forms={"wrong": functional(wrong)}))
    assert not result.passed
    assert result.value_diff > 1e-10
    assert result.grad_diff is None and result.gradcheck is None


def test_a_wider_bar_is_only_as_wide_as_it_says(topic):
    for offset, passed in ((5e-7, True), (5e-6, False)):
        form = functional(lambda x, w, offset=offset: paddle.tanh(x @ w) + offset)
        assert result_of(replace(topic, forms={"form": form}, value_bar=1e-6)).passed is passed


# ---------------------------------------------------------------- 矩


@pytest.mark.parametrize(
    ("measured", "passed"),
    [(1.0, True), (1.09, True), (0.91, True), (1.11, False), (0.89, False), (np.nan, False)],
)
def test_moments(topic, measured, passed):
    moments = (Moment("好的", 0.0, 0.0, 0.1), Moment("均值", measured, 1.0, 0.1))
    assert moments[1].passed is passed
    assert result_of(Topic(moments=moments)).passed is passed
    assert result_of(replace(topic, moments=moments)).passed is passed


def test_a_topic_of_moments_reports_the_largest_gap():
    result = result_of(Topic(moments=(Moment("a", 1.25, 1.0, 1.0), Moment("b", 0.0, 0.5, 1.0))))
    assert (result.value_diff, result.grad_diff, result.gradcheck) == (0.5, None, None)


# ---------------------------------------------------------------- 零件


def test_difference_is_relative_and_sees_nan_and_shapes():
    assert difference([1.0, 2.0], [1.0, 2.5]) == 0.2  # 0.5 / 2.5
    assert difference([1e-3], [2e-3]) == 1e-3  # 小的数按 1 计
    assert difference([1.0], [np.nan]) == difference([np.nan], [np.nan]) == float("inf")
    assert difference(np.zeros((2, 1)), np.zeros(2)) == float("inf")
    assert difference(np.zeros(0), np.zeros(0)) == 0


def test_central_difference_on_a_known_gradient():
    x = np.array([[1.0, -2.0], [0.5, 3.0]])
    np.testing.assert_allclose(central_difference(lambda x: float((x**3).sum()), x), 3 * x**2, rtol=1e-8)
    assert x.tolist() == [[1.0, -2.0], [0.5, 3.0]]


def test_gradient_check_weighs_by_the_upstream_gradient(topic):
    assert gradient_check(topic, np.full((4, 2), 100.0)) < 1e-8
    assert (
        gradient_check(replace(topic, backward=lambda dy, **x: backward(dy / 100, **x)), np.ones((4, 2)))
        > 0.1
    )


def test_a_layer_form_with_a_transposed_weight():
    """手写的 W 是 (K, D)，层里的是 (D, K)：值与梯度都换回手写的次序。"""
    generator = np.random.default_rng(0)
    topic = Topic(
        inputs={"x": generator.standard_normal((4, 3)), "w": generator.standard_normal((2, 3))},
        forward=lambda x, w: x @ w.T,
        backward=lambda dy, x, w: {"x": dy @ w, "w": dy.T @ x},
        forms={
            "paddle.nn": layer(lambda: nn.Linear(3, 2, bias_attr=False), {"w": "weight"}, transposed=("w",))
        },
    )
    assert result_of(topic).passed


def test_the_report_can_be_written_as_json(topic):
    import json

    report = json.loads(json.dumps(result_of(topic).as_dict()))
    assert {"topic", "value_diff", "grad_diff", "gradcheck", "passed"} <= set(report)
    assert report["passed"] is True
