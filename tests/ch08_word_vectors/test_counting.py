"""计数、独热编码、插值的 n 元语法：概率之和为 1、手算的值、EM 使似然不减、困惑度；由数数得到的词向量。"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy import sparse

from paddle_notes.ch08_word_vectors.counting import (
    InterpolatedNGram,
    NGramCounts,
    bits_per_token,
    cooccurrence,
    count_tokens,
    em_weights,
    one_hot,
    perplexity,
    positive_pmi,
    svd_vectors,
)
from paddle_notes.ch08_word_vectors.vectors import WordVectors


def markov_text(length: int, seed: int = 0, size: int = 6) -> np.ndarray:
    """由一个随机的二阶马尔可夫链生成的文本：三元语法应当胜过二元，二元胜过一元。"""
    generator = np.random.default_rng(seed)
    table = np.random.default_rng(99).dirichlet(np.full(size, 0.3), (size, size))
    ids = [0, 1]
    for _ in range(length - 2):
        ids.append(int(generator.choice(size, p=table[ids[-2], ids[-1]])))
    return np.array(ids)


def test_count_tokens_sorts_by_count_then_by_first_appearance():
    assert count_tokens("春眠不觉晓，处处闻啼鸟，") == [
        ("，", 2),
        ("处", 2),
        *((c, 1) for c in "春眠不觉晓闻啼鸟"),
    ]


def test_one_hot_times_matrix_takes_rows():
    matrix = np.random.default_rng(0).standard_normal((5, 3))
    ids = np.array([4, 0, 4])
    assert one_hot(ids, 5).sum(1).tolist() == [1, 1, 1]
    assert np.array_equal(one_hot(ids, 5) @ matrix, matrix[ids])


def test_perplexity_of_a_uniform_guess_is_the_number_of_choices():
    assert perplexity(np.full(10, 1 / 8)) == pytest.approx(8)
    assert bits_per_token(np.full(10, 1 / 8)) == pytest.approx(3)
    p = np.array([0.5, 0.125])
    assert perplexity(p) == pytest.approx(4)
    assert 2 ** bits_per_token(p) == pytest.approx(perplexity(p))


def test_proportions_by_hand():
    """文本 0 1 0 1 0 2：c(0) = 3，c(1) = 2，c(2) = 1；0 后面是 1、1、2。"""
    counts = NGramCounts(np.array([0, 1, 0, 1, 0, 2]), order=3, vocab_size=4)
    ratios, highest = counts.proportions(np.array([0, 1, 0, 2, 0, 3]))
    assert highest.tolist() == [1, 2, 3, 3, 1, 2]  # 以 2 开头的二元没有出现过，所以第五个只有一元
    assert ratios[:, 0].tolist() == [0.25] * 6
    assert ratios[:, 1] == pytest.approx([3 / 6, 2 / 6, 3 / 6, 1 / 6, 3 / 6, 0])
    assert ratios[:, 2] == pytest.approx([0, 2 / 3, 2 / 2, 1 / 3, 0, 0])
    assert ratios[:, 3] == pytest.approx([0, 0, 2 / 2, 1 / 2, 0, 0])


@pytest.mark.parametrize("order", [1, 2, 4])
def test_counts_equal_a_plain_loop(order):
    train, text = markov_text(300), markov_text(80, seed=1)
    tables = [
        Counter(tuple(train[i : i + k]) for i in range(len(train) - k + 1)) for k in range(1, order + 1)
    ]
    contexts = [Counter() for _ in tables]
    for table, context in zip(tables, contexts):
        for gram, count in table.items():
            context[gram[:-1]] += count
    ratios, highest = NGramCounts(train, order, 6).proportions(text)
    for t in range(len(text)):
        for k in range(1, order + 1):
            gram = tuple(text[t - k + 1 : t + 1]) if t >= k - 1 else ()
            seen = t >= k - 1 and contexts[k - 1][gram[:-1]] > 0
            assert (highest[t] >= k) == seen
            expected = tables[k - 1][gram] / contexts[k - 1][gram[:-1]] if seen else 0
            assert ratios[t, k] == pytest.approx(expected)


@pytest.mark.parametrize("history", [[], [3], [5, 5, 5], [0, 1, 2, 3], [9, 9]])
def test_probabilities_sum_to_one(history):
    """对任何前文，包括没有见过的，全部词元的概率之和都是 1。"""
    model = InterpolatedNGram(markov_text(400), markov_text(100, 1), order=4, vocab_size=10)
    total = sum(model.probabilities(np.array([*history, word]))[-1] for word in range(10))
    assert total == pytest.approx(1, abs=1e-12)


def test_higher_order_is_better_on_second_order_text():
    train, heldout, test = markov_text(8_000), markov_text(2_000, 1), markov_text(2_000, 2)
    by_order = [
        perplexity(InterpolatedNGram(train, heldout, n, vocab_size=6).probabilities(test))
        for n in (1, 2, 3, 5)
    ]
    assert by_order[0] < 6  # 胜过均匀地猜
    assert by_order[0] > by_order[1] > by_order[2] * 1.2
    assert by_order[3] == pytest.approx(by_order[2], rel=0.02)  # 前文再长也没有用，插值不会因此变坏


def test_em_never_lowers_the_likelihood_and_finds_the_mixture():
    generator = np.random.default_rng(0)
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.1, 0.8])
    from_q = generator.choice(3, 8_000, p=q)
    is_p = generator.random(8_000) < 0.3
    text = np.where(is_p, generator.choice(3, 8_000, p=p), from_q)
    ratios = np.stack([p[text], q[text]], 1)
    likelihoods = [np.log(ratios @ em_weights(ratios, n)).sum() for n in range(12)]
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(likelihoods))
    assert em_weights(ratios, 200)[0] == pytest.approx(0.3, abs=0.05)
    assert em_weights(np.zeros((0, 3)), 5).tolist() == [1 / 3] * 3


@pytest.mark.parametrize(("train", "heldout"), [([0, 1], [1]), ([0, 1, 0, 1], [])])
def test_text_too_short(train, heldout):
    with pytest.raises(ValueError, match="文本太短"):
        InterpolatedNGram(np.array(train), np.array(heldout, dtype=np.int64), order=3, vocab_size=2)


# ---------------------------------------------------------------- 由数数得到的词向量


def test_cooccurrence_by_hand():
    """两句：0 1 2 与 1 0。相邻的算一次，隔一个词的算半次，不越过句子。"""
    found = cooccurrence(np.array([0, 1, 2, 1, 0]), np.array([0, 0, 0, 1, 1]), window=2, vocab_size=3)
    assert found.toarray().tolist() == [[0, 2, 0.5], [2, 0, 1], [0.5, 1, 0]]


def test_positive_pmi_equals_the_formula():
    counts = np.array([[0, 8, 1], [8, 2, 3], [1, 3, 0]], float)
    found = positive_pmi(sparse.csr_matrix(counts), power=1.0).toarray()
    joint = counts / counts.sum()
    with np.errstate(divide="ignore"):
        expected = np.log(joint / np.outer(joint.sum(1), joint.sum(0)))
    assert found == pytest.approx(np.maximum(expected, 0))
    # 次数的 0.75 次方使少见的上下文词概率变大，得分变小
    smoothed = positive_pmi(sparse.csr_matrix(counts)).toarray()
    assert (smoothed[:, 2] <= found[:, 2]).all() and smoothed[1, 2] < found[1, 2]


def test_svd_vectors_are_the_best_approximation():
    """前几个奇异值之积就是原矩阵最好的低秩近似；取满时完全还原。"""
    generator = np.random.default_rng(0)
    half = generator.standard_normal((9, 3))
    matrix = sparse.csr_matrix(half @ half.T)  # 对称半正定，秩 3：U 与 V 相同
    vectors = svd_vectors(matrix, 3)
    assert vectors.shape == (9, 3) and vectors.dtype == np.float32
    assert vectors @ vectors.T == pytest.approx(matrix.toarray(), abs=1e-4)
    assert np.array_equal(svd_vectors(matrix, 3), vectors)


def test_words_in_the_same_places_become_neighbors():
    """同一类的词总出现在同样的词前后：数数得到的词向量也认得出来。"""
    generator = np.random.default_rng(0)
    kind = generator.integers(0, 2, 2000)
    lines = np.stack([generator.integers(0, 4, 2000) + 4 * kind, 8 + kind, np.full(2000, 10)], 1)
    counts = cooccurrence(lines.ravel(), np.repeat(np.arange(2000), 3), window=2, vocab_size=11)
    vectors = WordVectors(tuple("ABCDEFGHIJK"), svd_vectors(positive_pmi(counts), 3))
    assert vectors.precision(tuple("ABCD"), count=3) == (1.0, 4)
    assert vectors.precision(tuple("EFGH"), count=3) == (1.0, 4)
