"""n 元模型：与逐字计算的定义相同，概率之和为一，困惑度与比特数，折扣。"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from paddle_notes.data.ngram import USUAL_DISCOUNTS, KneserNey, baselines, codes, discounts

V = 5


def by_definition(train: list[int], context: tuple[int, ...], word: int, order: int) -> float:
    """P(word | context) 的递归定义，照公式写：最高元数次数，较短的数前面跟过几种字。"""
    n = len(context) + 1
    lower = by_definition(train, context[1:], word, order) if context else 1 / V
    if n == order:
        counts = Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1))
    else:
        counts = Counter(gram[1:] for gram in {tuple(train[i : i + n + 1]) for i in range(len(train) - n)})
    discount = discounts(np.array(list(counts.values())))
    following = {gram[-1]: count for gram, count in counts.items() if gram[:-1] == context}
    total = sum(following.values())
    if not total:
        return lower
    gamma = sum(discount[min(count, 3)] for count in following.values())
    own = following.get(word, 0)
    return (own - discount[min(own, 3)] + gamma * lower) / total


@pytest.fixture
def text():
    """各字多少不一，出现一、二、三、四次的 n 元组都有。"""
    generator = np.random.default_rng(0)
    weights = [0.4, 0.3, 0.15, 0.1, 0.05]
    return generator.choice(V, 80, p=weights), generator.choice(V, 25, p=weights)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_equal_to_the_definition(text, order):
    train, valid = text
    expected = [
        by_definition(train.tolist(), tuple(valid[max(0, t - order + 1) : t].tolist()), int(valid[t]), order)
        for t in range(1, len(valid))
    ]
    assert np.allclose(KneserNey(train, order, V).probabilities(valid), expected, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_sums_to_one(text, order):
    """上文相同，最后一个字取遍字表，概率之和为一，而且都大于零。"""
    train, valid = text
    model = KneserNey(train, order, V + 1)  # 还有一个字从未出现
    p = [model.probabilities(np.array([*valid[:4], last]))[-1] for last in range(V + 1)]
    assert np.isclose(sum(p), 1) and min(p) > 0


def test_discounts():
    """n_1 … n_4 是 4、3、2、1：Y = 0.4，D = 1 − 2·0.4·3/4，2 − 3·0.4·2/3，3 − 4·0.4·1/2。"""
    counts = np.array([1] * 4 + [2] * 3 + [3] * 2 + [4] + [9] * 5)
    assert np.allclose(discounts(counts), [0, 0.4, 1.2, 2.2])
    for few in ([5, 6], [1, 2, 3], [1, 1, 2, *[3] * 9, 4]):  # 缺一种次数；n_3 远多于 n_2，算出的是负数
        assert discounts(np.array(few)).tolist() == list(USUAL_DISCOUNTS)


def test_a_frequent_word_after_one_context_only():
    """“济”出现得与“的”一样多，却只在“经”之后：没见过的上文之后，它比“的”少得多。"""
    of, eco, nomy = 0, 1, 2
    generator = np.random.default_rng(0)
    words = [[eco, nomy] if i % 2 else [int(generator.integers(3, 20)), of] for i in range(200)]
    train = np.array([word for pair in words for word in pair])
    assert (train == of).sum() == (train == nomy).sum()
    model = KneserNey(train, 2, 22)
    p = {word: model.probabilities(np.array([21, word]))[0] for word in (of, nomy)}
    assert p[of] > 5 * p[nomy]


def test_codes_are_distinct():
    ids = np.array([0, 1, 2, 0, 1, 2])
    assert codes(ids, 2, 3).tolist() == [1, 5, 6, 1, 5]


def test_perplexity_of_a_uniform_text():
    """训练部分各字一样多：一元模型的困惑度就是字数，比特数是它的对数。"""
    train = np.tile(np.arange(4), 1000)
    others = {"valid": np.random.default_rng(0).integers(0, 4, 50), "test": train[:50]}
    found = baselines(train, others, 4)
    assert list(found) == ["一元模型", "二元模型", "Kneser–Ney 7 元模型"]
    unigram = found["一元模型"]["valid"]
    assert np.isclose(unigram["perplexity"], 4) and np.isclose(unigram["bits_per_char"], 2)
    assert found["二元模型"]["test"]["perplexity"] < 1.01  # 1 之后总是 2


@pytest.mark.parametrize(("size", "highest"), [(70, 7), (2716, 5), (6000, 5), (10_000, 4)])
def test_the_highest_order_fits_in_64_bits(size, highest):
    ids = np.arange(20)
    assert list(baselines(ids, {"test": ids}, size))[-1] == f"Kneser–Ney {highest} 元模型"
    with pytest.raises(ValueError, match="放不进 64 位整数"):
        KneserNey(ids, 12, size)


def test_tiny_texts():
    """比 n 还短的文本。"""
    assert KneserNey(np.array([1]), 5, V).probabilities(np.array([1, 2])).shape == (1,)
    assert KneserNey(np.arange(V), 5, V).probabilities(np.array([1, 2])).shape == (1,)
