"""损失函数：手算的值、各自的特点、稳定性与报错。与 Paddle 相等、梯度的差分检验在 verification 里。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes.ch02_linear_models import losses
from paddle_notes.ch02_linear_models.softmax import log_softmax, softmax

Y_HAT, Y = np.array([1.0, 2.0, 5.0, 0.0]), np.array([1.0, 4.0, 1.0, 0.5])  # 差：0、−2、4、−0.5


def test_values_by_hand():
    assert losses.squared_error(Y_HAT, Y).tolist() == [0, 4, 16, 0.25]
    assert losses.absolute_error(Y_HAT, Y).tolist() == [0, 2, 4, 0.5]
    assert losses.huber(Y_HAT, Y).tolist() == [0, 1.5, 3.5, 0.125]
    assert losses.huber(Y_HAT, Y, delta=2.0).tolist() == [0, 2, 6, 0.125]
    assert losses.smooth_l1(Y_HAT, Y, beta=2.0).tolist() == [0, 1, 3, 0.0625]
    assert losses.mse(Y_HAT, Y) == 20.25 / 4
    assert losses.mae(Y_HAT, Y) == 6.5 / 4
    assert losses.rmse(Y_HAT, Y) == 2.25


def test_derivatives_by_hand():
    one = np.ones(4)
    assert losses.squared_error_backward(one, Y_HAT, Y).tolist() == [0, -4, 8, -1]
    assert losses.absolute_error_backward(one, Y_HAT, Y).tolist() == [0, -1, 1, -1]
    assert losses.huber_backward(one, Y_HAT, Y).tolist() == [0, -1, 1, -0.5]
    assert losses.smooth_l1_backward(one, Y_HAT, Y, beta=2.0).tolist() == [0, -1, 1, -0.25]
    assert losses.rmse_backward(1.0, Y, Y).tolist() == [0, 0, 0, 0]  # 全对时不可导，取 0


def test_loss_and_cost_mean_and_sum():
    squared = losses.squared_error(Y_HAT, Y)
    assert losses.reduce_loss(squared) * 4 == losses.reduce_loss(squared, "sum") == 20.25
    assert losses.reduce_loss_backward(2.0, squared).tolist() == [0.5] * 4
    assert losses.reduce_loss_backward(2.0, squared, "sum").tolist() == [2.0] * 4


def test_batch_size_changes_the_sum_and_not_the_mean():
    """同样的样本重复三遍：平均不变，和变成三倍，梯度也是。"""
    big_hat, big = np.tile(Y_HAT, 3), np.tile(Y, 3)
    assert losses.mse(big_hat, big) == losses.mse(Y_HAT, Y)
    assert losses.reduce_loss(losses.squared_error(big_hat, big), "sum") == 3 * 20.25


def minimizer(loss) -> float:
    """使代价最小的常数预测。"""
    y = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    grid = np.linspace(0, 101, 1011)
    return float(grid[np.argmin([loss(np.full(5, c), y).mean() for c in grid])])


def test_mean_and_median_with_an_outlier():
    """MSE 的最佳常数是均值 22，被离群点拉走；MAE 与 Huber 的是中位数 3。"""
    assert minimizer(losses.squared_error) == pytest.approx(22.0, abs=0.01)
    assert minimizer(losses.absolute_error) == pytest.approx(3.0, abs=0.01)
    assert minimizer(losses.huber) == pytest.approx(3.0, abs=0.01)


def test_constant_step_on_absolute_error_does_not_settle():
    """MAE 的梯度大小不变：固定步长在最小值两边来回跳，MSE 的越近越小。"""
    y, steps = np.array([0.0]), []
    for backward in (losses.absolute_error_backward, losses.squared_error_backward):
        x = np.array([0.25])
        for _ in range(100):
            x = x - 0.1 * backward(np.ones(1), x, y)
        steps.append(abs(float(x[0])))
    assert steps[0] >= 0.04
    assert steps[1] < 1e-9


def test_huber_joins_smoothly():
    y = np.zeros(2)
    around = np.array([1 - 1e-9, 1 + 1e-9])
    assert np.ptp(losses.huber(around, y)) < 1e-8
    assert np.ptp(losses.huber_backward(np.ones(2), around, y)) < 1e-8


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(4, 1\).*\(4,\)"):
        losses.mse(Y_HAT[:, None], Y)
    with pytest.raises(ValueError, match="形状"):
        losses.binary_cross_entropy(Y_HAT[:2], Y)
    with pytest.raises(ValueError, match="形状"):
        losses.kl_divergence(np.zeros((2, 3)), np.ones((1, 3)) / 3)


# ---------------------------------------------------------------- 分类


def test_cross_entropy_takes_the_log_of_the_prediction():
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    assert np.allclose(losses.cross_entropy(logits, np.array([0, 1])), [np.log(2), np.log(10)], atol=1e-14)
    assert losses.cross_entropy(np.zeros((1, 10)), np.array([3]))[0] == pytest.approx(np.log(10))


def test_cross_entropy_gradient_is_probability_minus_target():
    logits, labels = np.array([[1e4, 0.0, 0.0]]), np.array([1])
    gradient = losses.cross_entropy_backward(np.ones(1), logits, labels)
    assert gradient.tolist() == [[1.0, -1.0, 0.0]]  # 错得再厉害也有梯度，也不溢出
    assert losses.cross_entropy(logits, labels).tolist() == [1e4]


def test_label_smoothing_mixes_in_the_uniform_distribution():
    """目标改成 (1 − ε)·独热 + ε/K：损失是两种交叉熵的同样比例的混合。"""
    assert losses.smooth(np.eye(4)[:1], 0.5).tolist() == [[0.625, 0.125, 0.125, 0.125]]
    logits, labels = np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 1, 2, 3, 0])
    plain = losses.cross_entropy(logits, labels)
    uniform = -log_softmax(logits).mean(1)
    mixed = losses.cross_entropy(logits, labels, 0.25)
    assert np.allclose(mixed, 0.75 * plain + 0.25 * uniform, rtol=0, atol=1e-14)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [1, 10]])
def test_labels_start_from_zero(labels):
    for loss in (losses.cross_entropy, losses.multi_class_hinge):
        with pytest.raises(ValueError, match="0 到 2 之间"):
            loss(np.zeros((2, 3)), np.array(labels))


def test_binary_cross_entropy_is_stable_and_is_two_class_cross_entropy():
    logits, targets = np.array([1e4, -1e4, 1e4, 0.3]), np.array([1.0, 1.0, 0.0, 1.0])
    with np.errstate(all="raise", under="ignore"):
        values = losses.binary_cross_entropy(logits, targets)
        gradient = losses.binary_cross_entropy_backward(np.ones(4), logits, targets)
    assert values[:3].tolist() == [0.0, 1e4, 1e4]
    assert gradient[:3].tolist() == [0.0, -1.0, 1.0]
    two_classes = losses.cross_entropy(np.stack([np.zeros(4), logits], 1), targets.astype(int))
    assert np.allclose(values, two_classes, rtol=0, atol=1e-12)


def test_kl_divergence_is_not_symmetric_and_is_cross_entropy_minus_entropy():
    p, q = np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.5, 0.25]])
    assert losses.kl_divergence(np.log(q), p)[0] == pytest.approx(0.5 * np.log(2))
    assert losses.kl_divergence(np.log(p + 1e-30), q)[0] > 10  # 反过来大得多
    assert losses.kl_divergence(np.log(q), q)[0] == 0
    cross, entropy = -(p * np.log(q)).sum(), np.log(2)
    assert losses.kl_divergence(np.log(q), p)[0] == pytest.approx(cross - entropy)


def test_kl_divergence_and_cross_entropy_have_the_same_gradient():
    """目标是独热时熵为 0，KL 散度就是交叉熵；对 logits 的梯度都是 p − t。"""
    logits, labels = np.random.default_rng(3).standard_normal((4, 3)), np.array([0, 2, 1, 1])
    targets = np.eye(3)[labels]
    same = losses.kl_divergence(log_softmax(logits), targets)
    assert np.allclose(same, losses.cross_entropy(logits, labels), rtol=0, atol=1e-14)
    x = paddle.to_tensor(logits, stop_gradient=False)
    F.kl_div(F.log_softmax(x), paddle.to_tensor(targets), reduction="sum").backward()
    assert np.allclose(x.grad.numpy(), softmax(logits) - targets, rtol=0, atol=1e-14)


def test_hinge_by_hand():
    scores, signs = np.array([2.0, 0.5, -1.0, -3.0]), np.array([1, 1, 1, -1])
    assert losses.hinge(scores, signs).tolist() == [0, 0.5, 2, 0]
    assert losses.hinge_backward(np.ones(4), scores, signs).tolist() == [0, -1, -1, 0]
    with pytest.raises(ValueError, match=r"2·标签 − 1"):
        losses.hinge(scores, np.array([0, 1, 1, 0]))


def test_multi_class_hinge_by_hand():
    """三张图、三个类别：max(0, 5.1 − 3.2 + 1) + max(0, −1.7 − 3.2 + 1) = 2.9，其余类推。"""
    scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    labels = np.array([0, 1, 2])
    assert np.allclose(losses.multi_class_hinge(scores, labels), [2.9, 0, 12.9], rtol=0, atol=1e-14)
    gradient = losses.multi_class_hinge_backward(np.ones(3), scores, labels)
    assert gradient.tolist() == [[-1, 1, 0], [0, 0, 0], [1, 1, -2]]
    # 参数很小时各类分数相等，损失是 K − 1：检查代码的第一步
    assert losses.multi_class_hinge(np.zeros((1, 10)), np.array([4]))[0] == 9


def test_two_class_hinge_is_the_multi_class_hinge_of_two_classes():
    s = np.linspace(-3, 3, 13)
    two = losses.multi_class_hinge(np.stack([np.zeros(13), s], 1), np.ones(13, int))
    assert np.allclose(two, losses.hinge(s, np.ones(13)), rtol=0, atol=1e-15)


def test_a_wrong_score_costs_linearly_but_quadratically_with_squared_error():
    """分数错了 10：交叉熵约 10，铰链 11，平方（把标签当数）121。"""
    s, sign = np.array([-10.0]), np.array([1.0])
    assert losses.binary_cross_entropy(s, np.array([1.0]))[0] == pytest.approx(10, abs=1e-4)
    assert losses.hinge(s, sign)[0] == 11
    assert losses.squared_error(s, sign)[0] == 121
