"""词向量与神经语言模型的任务：损失与手写的公式相同，抽样的 softmax 在全部的词上就是 softmax。"""

from __future__ import annotations

import math

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes import models
from paddle_notes.ch08_word_vectors.neural_lm import NeuralLM
from paddle_notes.engine.evaluate import Meter
from paddle_notes.engine.word_tasks import NextWord, WordVectors
from paddle_notes.runtime import seed_everything


def test_loss_of_word_vectors_by_hand():
    """−ln σ(u·v) − Σ ln σ(−u·v_k)，反例碰巧是目标时不算。"""
    seed_everything(0)
    model = models.build("word2vec", vocab_size=7, embedding_dim=4)
    batch = (np.array([1, 2]), np.array([3, 4]), np.array([[5, 3, 0], [6, 1, 2]]))
    task = WordVectors({"kind": "word_pairs"})
    loss, metrics = task.loss(model, tuple(map(paddle.to_tensor, batch)))
    inputs, outputs = (p.numpy().astype("float64") for p in model.parameters())
    total = 0.0
    for centre, context, negatives in zip(*batch):
        total += math.log1p(math.exp(-inputs[centre] @ outputs[context]))
        total += sum(math.log1p(math.exp(inputs[centre] @ outputs[k])) for k in negatives if k != context)
    assert loss.item() == pytest.approx(total / 2, rel=1e-5) and metrics == {}


def next_word(counts) -> NextWord:
    return NextWord({"kind": "word_windows", "counts": counts})


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
