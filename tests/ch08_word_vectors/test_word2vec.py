"""word2vec 的公式与层：三种写法相等（题目）、概率之和为 1、一开始的损失、抽反例的分布。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddle_notes.ch08_word_vectors import word2vec
from paddle_notes.ch08_word_vectors.huffman import build_tree
from paddle_notes.ch08_word_vectors.neural_lm import NeuralLM, ngram_windows
from paddle_notes.ch08_word_vectors.word2vec_layer import Word2Vec
from paddle_notes.runtime import seed_everything
from paddle_notes.verification import core
from paddle_notes.verification.ch08 import TOPICS

COUNTS = [50, 30, 20, 10, 5, 5, 2, 1]


@pytest.mark.parametrize("name", TOPICS)
def test_topic(name):
    generator = np.random.default_rng(7)
    result = core.check(name, TOPICS[name](generator), generator)
    assert result.passed, result


def test_topics_are_complete():
    combinations = {
        f"{architecture}_{objective}"
        for architecture in ("skip_gram", "cbow")
        for objective in ("negative_sampling", "hierarchical_softmax", "softmax")
    }
    others = {"neural_ngram_lm", "negative_sampling_distribution", "subsampling"}
    assert set(TOPICS) == combinations | others


def test_a_wrong_gradient_is_found(monkeypatch):
    correct = word2vec.logistic_loss_backward
    monkeypatch.setattr(
        word2vec,
        "logistic_loss_backward",
        lambda *args: tuple(1.001 * gradient for gradient in correct(*args)),
    )
    generator = np.random.default_rng(0)
    topic = TOPICS["skip_gram_negative_sampling"](generator)
    assert not core.check("wrong", topic, generator).passed


@pytest.mark.parametrize("objective", ["softmax", "hierarchical_softmax"])
def test_probabilities_over_the_vocabulary_sum_to_one(objective):
    generator = np.random.default_rng(0)
    size = len(COUNTS)
    h = np.repeat(generator.standard_normal((1, 4)), size, 0)
    if objective == "softmax":
        losses = word2vec.softmax_loss(h, generator.standard_normal((size, 4)), np.arange(size))
    else:
        tree = build_tree(np.array(COUNTS))
        vectors = generator.standard_normal((size - 1, 4))
        losses = word2vec.logistic_loss(h, vectors, tree.paths, tree.codes, tree.mask)
    assert np.exp(-losses).sum() == pytest.approx(1, abs=1e-12)


def test_losses_stay_finite_for_large_scores():
    h, vectors = np.full((1, 2), 500.0), np.array([[1.0, 1.0], [-1.0, -1.0]])
    ids, labels, mask = word2vec.negative_examples(np.array([1]), np.array([[0]]))
    assert word2vec.softmax_loss(h, vectors, np.array([1])).tolist() == [2000]
    assert word2vec.logistic_loss(h, vectors, ids, labels, mask).tolist() == [2000]


def make_batch(architecture: str):
    centres = paddle.to_tensor([0, 3, 7, 2])
    if architecture == "skip_gram":
        return centres, paddle.to_tensor([1, 2, 0, 6])
    return centres, paddle.to_tensor([[1, 2, -1, -1], [0, 4, 5, 6], [1, -1, -1, -1], [3, 3, 1, 0]])


@pytest.mark.parametrize("architecture", ["skip_gram", "cbow"])
@pytest.mark.parametrize("objective", ["negative_sampling", "hierarchical_softmax", "softmax"])
def test_layer_starts_at_chance_and_learns(architecture, objective):
    """输出向量开始时是 0：每次二分类的损失是 ln 2，softmax 的是 ln V；训练之后降下来。"""
    seed_everything(0)
    model = Word2Vec(len(COUNTS), 6, architecture, objective, COUNTS)
    centres, contexts = make_batch(architecture)
    negatives = paddle.to_tensor([[5, 4, 4]] * 4)
    targets = (contexts if architecture == "skip_gram" else centres).numpy()
    chance = {
        "negative_sampling": [4 * np.log(2)] * 4,
        "hierarchical_softmax": build_tree(np.array(COUNTS)).lengths[targets] * np.log(2),
        "softmax": [np.log(len(COUNTS))] * 4,
    }[objective]
    assert model.losses(centres, contexts, negatives).numpy() == pytest.approx(chance, abs=1e-5)

    first = model(centres, contexts, negatives)
    assert first.shape == []
    optimizer = paddle.optimizer.Adam(0.1, parameters=model.parameters())
    for _ in range(30):
        loss = model(centres, contexts, negatives)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    assert model(centres, contexts, negatives).item() < 0.1 * first.item()


def test_number_of_parameters():
    def count(objective):
        model = Word2Vec(len(COUNTS), 6, objective=objective, counts=COUNTS)
        return {name: p.shape for name, p in model.state_dict().items()}

    assert count("softmax") == {"input_vectors.weight": [8, 6], "output_vectors.weight": [8, 6]}
    assert count("hierarchical_softmax") == {"input_vectors.weight": [8, 6], "output_vectors.weight": [7, 6]}


@pytest.mark.parametrize("counts", [None, [1, 2, 3]])
def test_hierarchical_softmax_needs_counts(counts):
    with pytest.raises(ValueError, match="请给出 counts"):
        Word2Vec(8, 4, objective="hierarchical_softmax", counts=counts)


def test_noise_distribution():
    p = word2vec.noise_distribution(np.array([16, 1]))
    assert p == pytest.approx([8 / 9, 1 / 9])  # 16^0.75 = 8


def test_sampler_reaches_both_ends():
    sampler = word2vec.NegativeSampler(np.array([1, 1, 1]))

    class Extreme:
        def random(self, shape):
            return np.array([0.0, 1 / 3, 0.999999999999])

    assert sampler.sample((3,), Extreme()).tolist() == [0, 1, 2]


# ---------------------------------------------------------------- 神经语言模型


def test_ngram_windows():
    contexts, targets = ngram_windows(np.array([5, 6, 7, 8]), 2)
    assert contexts.tolist() == [[5, 6], [6, 7]]
    assert targets.tolist() == [7, 8]
    with pytest.raises(ValueError, match="至少要 5 个"):
        ngram_windows(np.array([5, 6, 7, 8]), 4)


def test_neural_lm_learns_what_a_bigram_cannot():
    """下一个词元是前两个之和（模 5）：只看前一个，困惑度不会低于 5；神经语言模型看两个，学得会。"""
    seed_everything(0)
    ids = [1, 2]
    generator = np.random.default_rng(0)
    while len(ids) < 400:  # 隔三个词元随机一次，使五种词元一样多
        ids.append((ids[-1] + ids[-2]) % 5 if len(ids) % 3 else int(generator.integers(5)))
    contexts, targets = ngram_windows(np.array(ids), 2)
    model = NeuralLM(5, context_size=2, embedding_dim=8, hidden_size=32)
    assert model(paddle.to_tensor(contexts[:7].copy())).shape == [7, 5]
    keep = (np.arange(len(targets)) + 2) % 3 != 0  # 由规则定下的那些
    x, y = paddle.to_tensor(contexts[keep]), paddle.to_tensor(targets[keep])
    optimizer = paddle.optimizer.Adam(0.02, parameters=model.parameters())
    for _ in range(100):
        loss = paddle.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    assert np.exp(loss.item()) < 1.2
