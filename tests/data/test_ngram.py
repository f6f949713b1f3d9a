"""n 元模型：与逐字计算的定义相同，概率之和为一，困惑度与比特数。"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from paddle_notes.data.ngram import baselines, codes, probabilities

V = 5


def by_definition(train: list[int], context: tuple[int, ...], word: int) -> float:
    """P(word | context) 的递归定义，照公式写。"""
    n = len(context) + 1
    lower = by_definition(train, context[1:], word) if context else 1 / V
    grams = Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1))
    following = {gram[-1]: count for gram, count in grams.items() if gram[:-1] == context}
    total, kinds = sum(following.values()), len(following)
    return (following.get(word, 0) + kinds * lower) / (total + kinds) if total else lower


@pytest.fixture
def text():
    generator = np.random.default_rng(0)
    return generator.integers(0, V, 60), generator.integers(0, V, 25)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_equal_to_the_definition(text, order):
    train, valid = text
    expected = [
        by_definition(train.tolist(), tuple(valid[max(0, t - order + 1) : t].tolist()), int(valid[t]))
        for t in range(1, len(valid))
    ]
    assert np.allclose(probabilities(train, valid, order, V), expected, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_sums_to_one(text, order):
    """上文相同，最后一个字取遍字表，概率之和为一。"""
    train, valid = text
    total = sum(probabilities(train, np.array([*valid[:4], last]), order, V)[-1] for last in range(V))
    assert np.isclose(total, 1)


def test_codes_are_distinct():
    ids = np.array([0, 1, 2, 0, 1, 2])
    assert codes(ids, 2, 3).tolist() == [1, 5, 6, 1, 5]


def test_perplexity_of_a_uniform_text():
    """训练部分各字一样多：一元模型的困惑度就是字数，比特数是它的对数。"""
    train = np.tile(np.arange(4), 1000)
    others = {"valid": np.random.default_rng(0).integers(0, 4, 50), "test": train[:50]}
    found = baselines(train, others, 4)
    assert list(found) == ["一元模型", "二元模型", "插值 5 元模型"]
    unigram = found["一元模型"]["valid"]
    assert np.isclose(unigram["perplexity"], 4) and np.isclose(unigram["bits_per_char"], 2)
    assert found["二元模型"]["test"]["perplexity"] < 1.01  # 1 之后总是 2


def test_large_vocabularies():
    """一万个字的五元组放不进 64 位整数，用四元。"""
    ids = np.arange(20)
    assert list(baselines(ids, {"test": ids}, 10_000)) == ["一元模型", "二元模型", "插值 4 元模型"]
    with pytest.raises(ValueError, match="放不进 64 位整数"):
        probabilities(ids, ids, 5, 10_000)


def test_tiny_texts():
    """比 n 还短的文本。"""
    assert probabilities(np.array([1]), np.array([1, 2]), 5, V).shape == (1,)
