"""检测框的编码与平滑 L1：编码可逆，与图像的大小无关，损失与 Paddle 相同，梯度不超过 1。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes.ch02_linear_models.boxes import box_loss, box_loss_backward, decode, encode


@pytest.fixture
def boxes() -> tuple[np.ndarray, np.ndarray]:
    """20 对（真正的框，候选框），宽高是正数。"""
    generator = np.random.default_rng(0)
    values = generator.uniform(5, 200, (2, 20, 4))
    return values[0], values[1]


def test_by_hand():
    proposal = np.array([50.0, 40.0, 20.0, 10.0])
    box = np.array([60.0, 35.0, 40.0, 10.0])  # 右移半个宽，上移半个高，宽加倍
    np.testing.assert_allclose(encode(box, proposal), [0.5, -0.5, np.log(2), 0])


def test_decoding_inverts_encoding(boxes):
    box, proposal = boxes
    np.testing.assert_allclose(decode(encode(box, proposal), proposal), box, rtol=1e-12)


def test_enlarging_the_picture_changes_nothing(boxes):
    box, proposal = boxes
    np.testing.assert_allclose(encode(3 * box, 3 * proposal), encode(box, proposal), rtol=1e-12)


def test_loss_and_gradient_equal_paddle(boxes):
    generator = np.random.default_rng(1)
    t, t_hat = 3 * generator.standard_normal((2, 20, 4))
    prediction = paddle.to_tensor(t_hat, stop_gradient=False)
    loss = F.smooth_l1_loss(prediction, paddle.to_tensor(t), reduction="sum")
    loss.backward()
    np.testing.assert_allclose(box_loss(t_hat, t).sum(), loss.item(), rtol=1e-12)
    mine = box_loss_backward(np.ones(20), t_hat, t)
    np.testing.assert_allclose(mine, prediction.grad.numpy(), atol=1e-12)
    assert np.abs(mine).max() == 1  # 有差大于 1 的，它们的导数恰好是 ±1


def test_one_bad_proposal_does_not_rule_the_step():
    """99 个候选框差 0.1，一个差 50：平方损失的总梯度几乎全来自它，平滑 L1 的只有十分之一左右。"""
    e = np.append(np.full(99, 0.1), 50.0)
    t_hat = np.stack([e, 0 * e, 0 * e, 0 * e], axis=-1)
    smooth = box_loss_backward(np.ones(100), t_hat, np.zeros_like(t_hat))[:, 0]
    squared = 2 * e
    assert squared[-1] / squared.sum() == pytest.approx(50 / 59.9)
    assert smooth[-1] / smooth.sum() == pytest.approx(1 / 10.9)


def test_corners_are_refused():
    with pytest.raises(ValueError, match="宽与高应是正数"):
        encode(np.array([10.0, 10.0, 0.0, 5.0]), np.array([10.0, 10.0, 4.0, 5.0]))
