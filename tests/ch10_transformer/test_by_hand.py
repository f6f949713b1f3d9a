"""手写的部件：题目全部通过；位置、掩码、学习率、标签平滑的几个事实。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddle_notes.ch10_transformer import attention, label_smoothing, masks, positions, schedule
from paddle_notes.config import OptimizerConfig
from paddle_notes.engine.optim import learning_rate
from paddle_notes.engine.sequence_tasks import token_loss
from paddle_notes.verification import ch10
from paddle_notes.verification.core import check


@pytest.mark.parametrize("name", ch10.TOPICS)
def test_topics_pass(name):
    result = check(name, ch10.TOPICS[name](np.random.default_rng(0)), np.random.default_rng(1))
    assert result.passed, result
    assert result.forms == ("numpy", "原语", "paddle.nn")
    assert result.gradcheck is not None


# ---------------------------------------------------------------- 位置


def test_positions_follow_the_formula():
    table = positions.sinusoidal_positions(50, 8)
    assert table.shape == (50, 8)
    for pos, i in ((0, 0), (7, 1), (49, 3)):
        angle = pos / 10000 ** (2 * i / 8)
        np.testing.assert_allclose(table[pos, [2 * i, 2 * i + 1]], [np.sin(angle), np.cos(angle)], rtol=1e-12)
    np.testing.assert_allclose((table**2).sum(1), 4)  # 每一对的平方和是 1
    np.testing.assert_array_equal(positions.sinusoidal_positions(20, 8), table[:20])
    assert not table.flags.writeable
    with pytest.raises(ValueError, match="d_model 应为偶数，得到 7"):
        positions.sinusoidal_positions(3, 7)


@pytest.mark.parametrize("offset", [1, 5, -3])
def test_a_shift_is_a_rotation_and_similarity_depends_on_distance_only(offset):
    table = positions.sinusoidal_positions(60, 16)
    start = max(0, -offset)
    stop = 60 - max(0, offset)
    moved = table[start:stop] @ positions.rotation(offset, 16)
    np.testing.assert_allclose(moved, table[start + offset : stop + offset], atol=1e-12)
    products = np.array([table[pos] @ table[pos + offset] for pos in range(start, stop)])
    np.testing.assert_allclose(products, products[0], atol=1e-12)


# ---------------------------------------------------------------- 注意力


def test_one_key_gets_everything_and_equal_keys_share():
    generator = np.random.default_rng(0)
    q, v = generator.standard_normal((2, 3, 4)), generator.standard_normal((2, 1, 4))
    np.testing.assert_allclose(attention.attention(q, v, v), np.broadcast_to(v, (2, 3, 4)))
    same = np.ones((2, 5, 4))
    v = generator.standard_normal((2, 5, 4))
    np.testing.assert_allclose(attention.attention(q, same, v), np.repeat(v.mean(1, keepdims=True), 3, 1))


def test_scaling_keeps_the_variance_of_the_scores():
    """分量独立、方差为 1 时，内积的方差是 d_k，除以 √d_k 之后是 1。"""
    generator = np.random.default_rng(0)
    q, k = generator.standard_normal((2, 20000, 64))
    scores = (q * k).sum(1)
    assert abs(scores.var() / 64 - 1) < 0.05
    assert abs((scores / 8).var() - 1) < 0.05


def test_masks():
    padding = masks.padding_mask(np.array([[4, 5, 0], [7, 0, 0]]))
    assert padding.shape == (2, 1, 1, 3) and padding.dtype == np.float32
    assert (padding[:, 0, 0] < 0).tolist() == [[False, False, True], [False, True, True]]
    tensor = masks.padding_mask(paddle.to_tensor([[4, 5, 0], [7, 0, 0]]))
    np.testing.assert_array_equal(tensor.numpy(), padding)
    assert (masks.causal_mask(3, 3) < 0).tolist() == [
        [False, True, True],
        [False, False, True],
        [False, False, False],
    ]
    # 最后两个位置看五个键：与整张掩码的最后两行相同
    np.testing.assert_array_equal(masks.causal_mask(2, 5), masks.causal_mask(5, 5)[3:])
    blocked = attention.attention_weights(np.ones((1, 2)), np.ones((3, 2)), masks.causal_mask(3, 3)[:1])
    np.testing.assert_array_equal(blocked, [[1, 0, 0]])


# ---------------------------------------------------------------- 标签平滑与学习率


def test_smoothed_targets():
    q = label_smoothing.smooth(np.array([[2]]), 5, 0.1)
    np.testing.assert_allclose(q[0, 0], [0.02, 0.02, 0.92, 0.02, 0.02])


def test_smoothed_loss_is_the_loss_of_training():
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((2, 4, 6))
    labels = np.array([[3, 1, 2, 5], [2, 4, 0, 0]])
    ours = label_smoothing.smoothed_cross_entropy(logits, labels, 0.1)
    theirs = token_loss(paddle.to_tensor(logits), paddle.to_tensor(labels), 0.1).item()
    np.testing.assert_allclose(theirs, ours, rtol=1e-6)


@pytest.mark.parametrize(("vocab_size", "epsilon"), [(10, 0.1), (37000, 0.1), (100, 0.3)])
def test_smallest_smoothed_loss_is_at_a_finite_gap(vocab_size, epsilon):
    labels = np.array([[1]])

    def loss(gap):
        logits = np.zeros((1, 1, vocab_size))
        logits[0, 0, 1] = gap
        return label_smoothing.smoothed_cross_entropy(logits, labels, epsilon)

    best = label_smoothing.best_gap(vocab_size, epsilon)
    assert loss(best) < min(loss(best - 0.01), loss(best + 0.01))
    assert loss(best + 10) > loss(best) + 0.1


def test_noam_schedule_of_the_configuration_is_that_of_the_paper():
    d_model, warmup, total = 512, 40, 400
    config = OptimizerConfig(lr=schedule.peak(d_model, warmup), schedule="noam", warmup=warmup / total)
    ours = [learning_rate(step, total, config) for step in range(total)]
    np.testing.assert_allclose(ours, schedule.noam(np.arange(1, total + 1), d_model, warmup), rtol=1e-12)
    assert np.argmax(ours) == warmup - 1
    assert schedule.peak(512, 4000) == pytest.approx(6.99e-4, rel=1e-3)
