"""词的数据：划分、词表、每轮的采样；批只由（种子, 轮次, 编号）决定。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch08_word_vectors import corpus as corpus_module
from paddle_notes.ch08_word_vectors import word2vec
from paddle_notes.config import WordPairData, WordWindowData
from paddle_notes.data import build_data
from paddle_notes.data.words import context_windows, keep_probability, noise_distribution

WORDS = [f"词{i}" for i in range(30)]


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """一份很小的语料：200 行互不相同的句子，词以空格分开（不用 jieba）。"""
    generator = np.random.default_rng(0)
    lines = [" ".join(WORDS[i] for i in generator.integers(0, 30, 8)) for _ in range(200)]
    monkeypatch.setattr("paddle_notes.data.words.tokenize", lambda line, how: line.split())
    file = tmp_path / "a.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file, lines


def pairs(file, seed=0, **options):
    options = {"subsample": 0, "min_count": 1, "batch_size": 64, **options}
    return build_data(WordPairData(name="word_pairs", path=str(file), **options), seed)


def windows(file, **options):
    options = {"min_count": 1, "batch_size": 64, **options}
    return build_data(WordWindowData(name="word_windows", path=str(file), **options), 0)


def test_windows_stay_inside_the_sentence():
    numbers = np.array([0, 0, 0, 1, 1])
    found = context_windows(numbers, 2, np.random.default_rng(0))
    for i, row in enumerate(found):
        near = [j for j in row if j >= 0]
        assert i not in near and all(numbers[j] == numbers[i] and abs(j - i) <= 2 for j in near)
        assert near  # 半径至少是 1，每句都不止一个词


def test_sampling_equals_that_of_the_chapter():
    """数据里的公式与第 8 章讲的是同一个：同样的随机数，窗口、概率、反例的分布都相同。"""
    numbers = np.sort(np.random.default_rng(1).integers(0, 9, 70))
    ours, theirs = (
        windows_of(numbers, 3, np.random.default_rng(5))
        for windows_of in (context_windows, corpus_module.context_windows)
    )
    assert np.array_equal(ours, theirs)
    counts = np.array([900, 90, 10, 1])
    assert keep_probability(counts, 0.01) == pytest.approx(corpus_module.keep_probability(counts, 0.01))
    assert noise_distribution(counts) == pytest.approx(word2vec.noise_distribution(counts))


def test_sampling_formulas():
    counts = np.array([900, 90, 10])
    assert keep_probability(counts, 0).tolist() == [1, 1, 1]
    assert keep_probability(counts, 0.01) == pytest.approx([np.sqrt(0.01 / 0.9), np.sqrt(0.01 / 0.09), 1])
    assert noise_distribution(counts) == pytest.approx(counts**0.75 / (counts**0.75).sum())


@pytest.mark.parametrize("architecture", ["skip_gram", "cbow"])
def test_batches_are_functions_of_seed_epoch_and_index(corpus, architecture):
    train = pairs(corpus[0], seed=3, architecture=architecture).train
    again = pairs(corpus[0], seed=3, architecture=architecture).train
    whole, jumped = list(train.epoch(2)), list(again.epoch(2, start=4))
    assert len(whole) == len(train)
    for ours, theirs in zip(whole[4:], jumped, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs))
    other = next(train.epoch(3))
    assert not all(np.array_equal(a, b) for a, b in zip(whole[0], other))
    centres, contexts, negatives = whole[0]
    assert centres.shape == (64,) and negatives.shape == (64, 5)
    assert contexts.shape == ((64,) if architecture == "skip_gram" else (64, 4))


def test_evaluation_examples_do_not_change(corpus):
    first, other = (pairs(corpus[0], seed).valid for seed in (0, 9))
    for a, b in zip(first.epoch(0), other.epoch(5), strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b))


def test_every_pair_of_skip_gram_is_a_neighbour(corpus):
    file, lines = corpus
    train = pairs(file, window=1).train
    words = train.dataset.words
    neighbours = {(a, b) for line in lines for a, b in zip(line.split(), line.split()[1:])}
    centres, contexts = train.examples(0)
    found = {(words[a], words[b]) for a, b in zip(centres, contexts)}
    assert all((a, b) in neighbours or (b, a) in neighbours for a, b in found)


def test_baseline_is_the_best_constant_score(corpus):
    """固定分数的损失小于什么也没学的 (1 + K)·ln 2。"""
    found = pairs(corpus[0]).baselines()["不看中心词"]
    assert 0 < found["test"]["loss"] < 6 * np.log(2)


def test_windows_predict_every_word_and_the_end(corpus):
    file, lines = corpus
    parts = windows(file, context_size=3)
    contexts, targets = parts.train.dataset[np.arange(len(parts.train.dataset))]
    vocabulary = parts.train.dataset.vocabulary
    text = vocabulary.decode(t for t in targets if t != 3)
    assert text[:8] == lines[0].split() and (targets == 3).sum() > 100
    assert (contexts[0] == 3).all() and contexts[3].tolist() == targets[:3].tolist()
    assert parts.train.info().counts[3] == (targets == 3).sum()


def test_baselines_of_the_windows_are_perplexities(corpus):
    found = windows(corpus[0]).baselines()
    assert "一元模型" in found and all(set(parts["test"]) == {"perplexity"} for parts in found.values())
    assert 10 < found["一元模型"]["test"]["perplexity"] < 60


def test_the_vocabulary_is_that_of_the_training_part(corpus):
    file, lines = corpus
    changed = lines[:-18] + [" ".join([f"新{i}"] * 8) for i in range(18)]  # 只改测试部分
    before = windows(file).train
    file.write_text("\n".join(changed), encoding="utf-8")
    after = windows(file).train
    assert before.info() == after.info() and np.array_equal(before.dataset.ids, after.dataset.ids)
