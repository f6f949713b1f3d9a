"""训练：加回几行的稀疏乘法、一步等于手推的梯度、由（种子，块）决定、继续训练逐位相同、学得到相近的词。"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from paddle_notes.ch08_word_vectors import training, word2vec
from paddle_notes.ch08_word_vectors.benchmark import gensim_pairs_per_second, pairs_per_second
from paddle_notes.ch08_word_vectors.corpus import Vocabulary
from paddle_notes.ch08_word_vectors.training import Settings, Trainer, subtract_rows
from paddle_notes.ch08_word_vectors.vectors import WordVectors

COMBINATIONS = [
    (architecture, objective)
    for architecture in ("skip_gram", "cbow")
    for objective in ("negative_sampling", "hierarchical_softmax", "softmax")
]
every_combination = pytest.mark.parametrize(("architecture", "objective"), COMBINATIONS)

ANIMALS, FRUITS = ("猫", "狗", "鸡", "牛", "羊"), ("桃", "李", "杏", "梨", "枣")


def make_sentences(count: int, seed: int = 0) -> list[list[str]]:
    """同一类的词总出现在同样的词前后：动物跑、叫，水果甜、红。"""
    generator = np.random.default_rng(seed)
    sentences = []
    for _ in range(count):
        kind, verbs = (ANIMALS, ("跑", "叫")) if generator.random() < 0.5 else (FRUITS, ("甜", "红"))
        sentences.append(["这", str(generator.choice(kind)), str(generator.choice(verbs)), "了"])
    return sentences


def make_trainer(sentences=None, **options) -> Trainer:
    sentences = make_sentences(300) if sentences is None else sentences
    vocabulary = Vocabulary.build(sentences, min_count=1)
    settings = Settings(**{"embedding_dim": 8, "subsample": 0.0, "epochs": 2, "batch_size": 32, **options})
    return Trainer(*vocabulary.encode(sentences), vocabulary, settings)


def tables(trainer: Trainer) -> tuple[bytes, bytes]:
    return trainer.input_vectors.tobytes(), trainer.output_vectors.tobytes()


# ---------------------------------------------------------------- 一步


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_subtract_rows_accumulates_repeated_rows(dtype):
    generator = np.random.default_rng(0)
    table = generator.standard_normal((10, 4)).astype(dtype)
    ids = generator.integers(0, 7, (20, 3)).astype(np.int32)  # 7、8、9 没有碰到
    factors, vectors = generator.standard_normal((20, 3)), generator.standard_normal((20, 4))
    expected = table.astype(np.float64)
    np.subtract.at(expected, ids, 0.01 * factors[:, :, None] * vectors[:, None, :])
    subtract_rows(table, ids, factors.astype(dtype), vectors.astype(dtype), lr=0.01)
    assert np.abs(table - expected).max() < (1e-6 if dtype == np.float32 else 1e-8)


@every_combination
def test_a_step_is_the_gradient_of_the_summed_loss(architecture, objective):
    trainer = make_trainer(architecture=architecture, objective=objective)
    generator = np.random.default_rng(1)
    trainer.output_vectors = generator.standard_normal(trainer.output_vectors.shape).astype(np.float32)
    trainer.input_vectors = generator.standard_normal(trainer.input_vectors.shape).astype(np.float32)
    w, c = trainer.input_vectors.astype(np.float64), trainer.output_vectors.astype(np.float64)
    batch = trainer.examples(0).part(slice(0, 64))
    h = word2vec.hidden(w, batch.inputs, batch.weights)
    dy = np.ones(64)
    if objective == "softmax":
        loss = word2vec.softmax_loss(h, c, batch.targets)
        dh, dc = word2vec.softmax_loss_backward(dy, h, c, batch.targets)
    else:
        questions = trainer.questions(batch)
        loss = word2vec.logistic_loss(h, c, *questions)
        dh, dc = word2vec.logistic_loss_backward(dy, h, c, *questions)
    dw = word2vec.hidden_backward(dh, w, batch.inputs, batch.weights)

    assert trainer.step(batch, lr=1e-3) == pytest.approx(loss.sum(), rel=1e-5)
    assert np.abs(trainer.input_vectors - (w - 1e-3 * dw)).max() < 1e-6
    assert np.abs(trainer.output_vectors - (c - 1e-3 * dc)).max() < 1e-6


def test_every_pair_has_negatives_of_its_own():
    examples = make_trainer(negatives=4).examples(0)
    assert examples.negatives.shape == (len(examples), 4)
    assert len(np.unique(examples.negatives, axis=0)) > 0.8 * len(examples)


def test_examples_are_all_the_pairs_in_random_order():
    sentences = make_sentences(50)
    trainer = make_trainer(sentences, window=1)
    examples = trainer.examples(0)
    words = trainer.vocabulary.words
    seen = sorted((words[i], words[t]) for i, t in zip(examples.inputs[:, 0], examples.targets))
    pairs = [(s[i], s[j]) for s in sentences for i in range(4) for j in (i - 1, i + 1) if 0 <= j < 4]
    assert seen == sorted(pairs)


# ---------------------------------------------------------------- 只由种子与块号决定


def test_blocks_cover_the_corpus(monkeypatch):
    monkeypatch.setattr(training, "BLOCK", 100)
    trainer = make_trainer(make_sentences(88), window=1)  # 352 个词：每轮 4 块，句子都不跨块
    assert (trainer.blocks_per_epoch, trainer.total_blocks) == (4, 8)
    assert [len(trainer.examples(block)) for block in range(4)] == [150, 150, 150, 78]
    assert len(trainer.examples(4)) == 150
    first, again, next_epoch = trainer.examples(0), trainer.examples(0), trainer.examples(4)
    assert np.array_equal(first.negatives, again.negatives) and np.array_equal(first.inputs, again.inputs)
    assert not np.array_equal(first.negatives, next_epoch.negatives)


@every_combination
def test_resumed_run_is_bitwise_identical(architecture, objective, monkeypatch, tmp_path):
    monkeypatch.setattr(training, "BLOCK", 200)
    options = {"architecture": architecture, "objective": objective, "subsample": 0.05, "epochs": 3}
    whole = make_trainer(**options)
    whole.run()

    class Stop(Exception):
        pass

    def stop(epoch, loss, count):
        part.save(tmp_path / "checkpoint.npz")
        raise Stop

    part = make_trainer(**options)
    with pytest.raises(Stop):
        part.run(after_epoch=stop)
    rest = make_trainer(**options)
    rest.load(tmp_path / "checkpoint.npz")
    assert rest.block == rest.blocks_per_epoch
    rest.run()
    assert tables(rest) == tables(whole)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]

    other = make_trainer(**options, seed=1)
    other.run()
    assert tables(other) != tables(whole)


@pytest.mark.parametrize("change", [{"lr": 0.01}, {"seed": 5}, {"sentences": make_sentences(300, seed=9)}])
def test_checkpoint_of_another_run(change, tmp_path):
    make_trainer().save(tmp_path / "checkpoint.npz")
    with pytest.raises(ValueError, match="别的设置或别的语料"):
        make_trainer(**change).load(tmp_path / "checkpoint.npz")


@pytest.mark.parametrize("keep", [0, 10, 0.5])
def test_damaged_checkpoint(keep, tmp_path):
    path = tmp_path / "checkpoint.npz"
    make_trainer().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with pytest.raises(ValueError, match="已损坏"):
        make_trainer().load(path)


def test_learning_rate_falls_linearly_to_zero(monkeypatch):
    monkeypatch.setattr(training, "BLOCK", 400)
    rates = []
    monkeypatch.setattr(Trainer, "step", lambda self, batch, lr: rates.append(lr) or 0.0)
    trainer = make_trainer(lr=0.5, epochs=2)
    trainer.run()
    assert rates[0] == 0.5 and 0 < rates[-1] < 0.5 / 100
    assert np.diff(rates).max() < 0
    assert rates[len(rates) // 2] == pytest.approx(0.25, abs=0.01)


# ---------------------------------------------------------------- 学得到


@every_combination
def test_similar_words_become_neighbors(architecture, objective):
    trainer = make_trainer(architecture=architecture, objective=objective, epochs=10, lr=0.1, window=2)
    losses = []
    trainer.run(after_epoch=lambda epoch, loss, count: losses.append(loss))
    assert len(losses) == 10
    assert losses[-1] < 0.85 * losses[0]
    vectors = WordVectors(trainer.vocabulary.words, trainer.input_vectors)
    assert vectors.precision(ANIMALS, count=4) == (1.0, 5)
    assert vectors.precision(FRUITS, count=4) == (1.0, 5)


@every_combination
def test_a_word_repeated_hundreds_of_times_in_a_batch(architecture, objective):
    """词表很小、批很大：不限制重复的次数时，几百份梯度之和会使参数越走越远。"""
    trainer = make_trainer(
        make_sentences(2000),
        architecture=architecture,
        objective=objective,
        batch_size=2048,
        epochs=6,
        lr=0.1,
    )
    losses = []
    trainer.run(after_epoch=lambda epoch, loss, count: losses.append(loss))
    assert max(losses) == losses[0]
    assert np.abs(trainer.input_vectors).max() < 10


def test_damping():
    """学习率 0.05：20 次以内不缩小，40 次缩小一半。"""
    repeats = np.array([0, 1, 20, 40, 200])
    assert training.damping(repeats, 0.05).tolist() == pytest.approx([1, 1, 1, 0.5, 0.1])


def test_no_examples():
    trainer = make_trainer([["一"], ["二"], ["三"]])
    with pytest.raises(ValueError, match="没有哪一句剩下两个词"):
        trainer.run()


def test_benchmark_counts_every_pair():
    sentences = make_sentences(100)
    settings = replace(Settings(), window=1, subsample=0.0, epochs=2, embedding_dim=8)
    speed, count = pairs_per_second(sentences, settings, min_count=1)
    assert count == 2 * 100 * 6
    assert speed > 0


def test_gensim_benchmark():
    pytest.importorskip("gensim")
    settings = replace(Settings(), window=1, subsample=0.0, epochs=1, embedding_dim=8)
    assert gensim_pairs_per_second(make_sentences(100), 600, settings, min_count=1) > 0


def test_gensim_is_optional(monkeypatch):
    monkeypatch.setattr("paddle_notes.ch08_word_vectors.benchmark.find_spec", lambda name: None)
    assert gensim_pairs_per_second(make_sentences(5), 1) is None
