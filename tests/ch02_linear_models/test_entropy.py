"""熵与编码长度：均匀时最大，平均码长在 H 与 H + 1 之间，码字能唯一分开。"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from paddle_notes.ch02_linear_models import losses
from paddle_notes.ch02_linear_models.entropy import (
    code_lengths,
    cross_entropy,
    entropy,
    kl_divergence,
    mean_code_length,
    shannon_code,
)

DYADIC = np.array([1 / 2, 1 / 4, 1 / 8, 1 / 8])


def random_distributions(count: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.dirichlet(np.ones(size)) for size in generator.integers(2, 30, count)]


def test_entropy_by_hand():
    assert entropy(np.full(8, 1 / 8)) == 3
    assert entropy(DYADIC) == 1.75
    assert entropy(np.array([1.0, 0.0])) == 0
    assert entropy(np.array([0.9, 0.1])) == pytest.approx(0.469, abs=1e-3)


@pytest.mark.parametrize("p", random_distributions(20), ids=len)
def test_uniform_is_the_most_uncertain(p):
    assert 0 < entropy(p) < np.log2(len(p))


@pytest.mark.parametrize("p", random_distributions(20), ids=len)
def test_a_wrong_distribution_costs_more(p):
    q = np.roll(p, 1)
    assert cross_entropy(p, q) > entropy(p)
    assert kl_divergence(p, q) == pytest.approx(cross_entropy(p, q) - entropy(p))
    # 损失函数用自然对数，单位是奈特；除以 ln 2 变成位
    nats = losses.kl_divergence(np.log(q)[None], p[None])[0]
    assert kl_divergence(p, q) == pytest.approx(nats / np.log(2), abs=1e-12)


def test_an_impossible_symbol_costs_infinity():
    p, q = np.array([0.5, 0.5]), np.array([1.0, 0.0])
    assert cross_entropy(p, q) == np.inf
    assert cross_entropy(q, p) == 1  # 反过来不要紧：不出现的符号不用编码


def test_dyadic_code_reaches_the_entropy():
    assert shannon_code(DYADIC) == ["0", "10", "110", "111"]
    assert mean_code_length(DYADIC, code_lengths(DYADIC)) == entropy(DYADIC) == 1.75


def is_prefix_free(codes: list[str]) -> bool:
    return not any(b.startswith(a) for a, b in itertools.permutations(codes, 2))


@pytest.mark.parametrize("p", random_distributions(20), ids=len)
def test_shannon_code(p):
    """没有码字是另一个的开头；平均码长在 H 与 H + 1 之间；Kraft 不等式 Σ 2^(−l) ≤ 1。"""
    codes, lengths = shannon_code(p), code_lengths(p)
    assert [len(code) for code in codes] == lengths.tolist()
    assert is_prefix_free(codes)
    assert (2.0**-lengths).sum() <= 1
    assert entropy(p) <= mean_code_length(p, lengths) < entropy(p) + 1


@pytest.mark.parametrize("p", random_distributions(10), ids=len)
def test_coding_with_a_wrong_distribution_costs_the_cross_entropy(p):
    q = np.roll(p, 1)
    assert cross_entropy(p, q) <= mean_code_length(p, code_lengths(q)) < cross_entropy(p, q) + 1


def test_prefix_check_can_fail():
    assert not is_prefix_free(["0", "01"])


def test_decoding_gives_back_the_message():
    """连着写，不用分隔符，从头读一遍就能还原。"""
    codes = shannon_code(DYADIC)
    message = np.random.default_rng(0).choice(4, 200, p=DYADIC).tolist()
    bits, decoded, word = "".join(codes[k] for k in message), [], ""
    for bit in bits:
        word += bit
        if word in codes:
            decoded.append(codes.index(word))
            word = ""
    assert decoded == message
    assert len(bits) / 200 == pytest.approx(1.75, abs=0.15)


def test_bad_distributions_are_named():
    with pytest.raises(ValueError, match=r"和是 0\.9；"):
        entropy(np.array([0.5, 0.4]))
    with pytest.raises(ValueError, match="不小于 0"):
        entropy(np.array([1.5, -0.5]))
    with pytest.raises(ValueError, match="概率为 0"):
        shannon_code(np.array([1.0, 0.0]))
