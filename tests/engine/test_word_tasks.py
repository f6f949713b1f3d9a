"""词向量与神经语言模型的任务：损失与手写的公式相同，抽样的 softmax 在全部的词上就是 softmax。"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes import models
from paddle_notes.ch08_word_vectors.corpus import Vocabulary
from paddle_notes.ch08_word_vectors.neural_lm import NeuralLM
from paddle_notes.ch08_word_vectors.training import Examples, Settings, Trainer
from paddle_notes.ch08_word_vectors.word2vec import input_words
from paddle_notes.config import OptimizerConfig, WordPairData
from paddle_notes.data.words import WordPairSet
from paddle_notes.engine.evaluate import Meter
from paddle_notes.engine.optim import build_optimizer
from paddle_notes.engine.word_tasks import NextWord, WordVectors
from paddle_notes.runtime import seed_everything


def test_loss_of_word_vectors_by_hand():
    """−ln σ(u·v) − Σ ln σ(−u·v_k)，反例碰巧是目标时不算。"""
    seed_everything(0)
    model = models.build("word2vec", vocab_size=7, embedding_dim=4)
    batch = (np.array([1, 2]), np.array([3, 4]), np.array([[5, 3, 0], [6, 1, 2]]))
    task = WordVectors(SimpleNamespace(kind="word_pairs"))
    loss, metrics = task.loss(model, tuple(map(paddle.to_tensor, batch)))
    inputs, outputs = (p.numpy().astype("float64") for p in model.parameters())
    total = 0.0
    for centre, context, negatives in zip(*batch):
        total += math.log1p(math.exp(-inputs[centre] @ outputs[context]))
        total += sum(math.log1p(math.exp(inputs[centre] @ outputs[k])) for k in negatives if k != context)
    assert loss.item() == pytest.approx(total / 2, rel=1e-5) and metrics == {}


@pytest.mark.parametrize("architecture", ["skip_gram", "cbow"])
def test_a_step_equals_the_trainer_by_hand(architecture):
    """train.py 的一步 SGD 与手写的训练器的一步得到同样的两张表：损失是平均，学习率就要乘以一批的例子数。"""
    generator = np.random.default_rng(0)
    ids, numbers = generator.integers(0, 9, 400), np.repeat(np.arange(50), 8)
    counts = np.bincount(ids, minlength=9)
    dataset = WordPairSet(ids, numbers, list("ABCDEFGHI"), counts, architecture)
    config = WordPairData(name="word_pairs", subsample=0, batch_size=64)
    batch = next(dataset.batches(config, training=True).epoch())
    lr = 1e-3  # 一行至多重复几百次，学习率乘以次数不到 1，手写的训练器不缩小更新

    vocabulary = Vocabulary(tuple(dataset.words), counts)
    by_hand = Trainer(ids, numbers, vocabulary, Settings(architecture=architecture, embedding_dim=5))
    tables = [generator.standard_normal((9, 5)).astype("float32") for _ in range(2)]
    by_hand.input_vectors, by_hand.output_vectors = (table.copy() for table in tables)
    inputs, weights, targets = input_words(architecture, *batch[:2])
    total = by_hand.step(Examples(inputs, weights.astype("float32"), targets, batch[2]), lr)

    model = models.build("word2vec", vocab_size=9, embedding_dim=5, architecture=architecture)
    for parameter, table in zip(model.parameters(), tables, strict=True):
        parameter.set_value(table)
    task = WordVectors(SimpleNamespace(kind="word_pairs"))
    optimizer = build_optimizer(OptimizerConfig(name="sgd", lr=64 * lr), model.parameters())
    loss, _ = task.loss(model, tuple(map(paddle.to_tensor, batch)))
    loss.backward()
    optimizer.step()
    assert loss.item() * 64 == pytest.approx(total, rel=1e-5)
    for parameter, before, after in zip(
        model.parameters(), tables, (by_hand.input_vectors, by_hand.output_vectors)
    ):
        assert np.abs(after - before).max() > 1e-3
        np.testing.assert_allclose(parameter.numpy(), after, atol=2e-6)


def next_word(counts) -> NextWord:
    return NextWord(SimpleNamespace(kind="word_windows", counts=counts))


def test_sampled_softmax_is_corrected_by_the_chance_of_each_word():
    seed_everything(0)
    model = NeuralLM(6, 2, 3, 4)
    model.train()
    counts = np.array([5, 1, 2, 8, 3, 1])
    contexts, targets = paddle.to_tensor([[0, 1], [2, 3], [4, 5]]), paddle.to_tensor([2, 4, 2])
    loss, metrics = next_word(counts.tolist()).loss(model, (contexts, targets))
    words = [2, 4]
    chance = 1 - (1 - counts[words] / counts.sum()) ** 3
    logits = model(contexts).numpy()[:, words] - np.log(chance)
    expected = F.cross_entropy(paddle.to_tensor(logits), paddle.to_tensor([0, 1, 0])).item()
    assert loss.item() == pytest.approx(expected, rel=1e-5) and metrics == {}


def test_evaluation_uses_the_whole_vocabulary():
    """两批大小不同，困惑度是全部词的平均损失的指数。"""
    seed_everything(0)
    model = NeuralLM(6, 2, 3, 4)
    model.eval()
    task, meter, costs = next_word([1] * 6), None, []
    meter = Meter(task)
    for size in (3, 1):
        batch = paddle.randint(0, 6, [size, 2]), paddle.randint(0, 6, [size])
        loss, metrics = task.loss(model, batch)
        meter.add({"loss": loss, **metrics}, batch)
        costs += F.cross_entropy(model(batch[0]), batch[1], reduction="none").flatten().tolist()
    found = task.summarize(meter.mean())
    assert found["perplexity"] == pytest.approx(math.exp(np.mean(costs)), rel=1e-5)


def test_dropout_of_the_hidden_layer_only_in_training():
    model = NeuralLM(6, 2, 3, 400, dropout=0.5)
    contexts = paddle.to_tensor([[0, 1]])
    model.eval()
    assert paddle.equal_all(model(contexts), model(contexts))
    model.train()
    assert not paddle.equal_all(model(contexts), model(contexts))
