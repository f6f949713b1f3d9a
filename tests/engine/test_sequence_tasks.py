"""序列的任务：填充不计入损失与指标，整句全对，语言模型的状态接着传、半途继续逐位相同。"""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddle_notes import models
from paddle_notes.config import TranslationTask, parse_config
from paddle_notes.data import build_data
from paddle_notes.engine.checkpoint import read_arrays
from paddle_notes.engine.evaluate import evaluate
from paddle_notes.engine.folder import decide_start
from paddle_notes.engine.interrupt import Interrupted
from paddle_notes.engine.sequence_tasks import (
    Caption,
    LanguageModel,
    Translation,
    exact,
    num_tokens,
    token_loss,
)
from paddle_notes.engine.tasks import build_task
from paddle_notes.engine.trainer import Trainer
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything

V = 7


@pytest.fixture
def rows():
    """logits (2, 5, V) 与目标，第二句只有 3 个词元。"""
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((2, 5, V)).astype("float32")
    return logits, np.array([[4, 5, 6, 4, 3], [5, 4, 3, 0, 0]])


def widen(logits: np.ndarray, targets: np.ndarray, extra: int) -> tuple:
    """再加 ``extra`` 列填充，那里的 logits 是任意的数。"""
    noise = np.random.default_rng(1).standard_normal((len(logits), extra, V)).astype("float32") * 50
    return np.concatenate([logits, noise], 1), np.pad(targets, ((0, 0), (0, extra)))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_is_the_mean_over_real_tokens(rows, smoothing):
    logits, targets = rows
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    q = (1 - smoothing) * np.eye(V)[targets] + smoothing / V
    expected = -(q * log_p).sum(-1)[targets != 0].mean()
    found = token_loss(paddle.to_tensor(logits), paddle.to_tensor(targets), smoothing)
    assert np.isclose(found.item(), expected, rtol=1e-6)
    assert num_tokens(paddle.to_tensor(targets)).item() == 8


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("extra", [1, 6])
def test_padding_changes_neither_loss_nor_gradient(rows, smoothing, extra):
    losses, gradients = [], []
    for logits, targets in (rows, widen(*rows, extra)):
        x = paddle.to_tensor(logits, stop_gradient=False)
        loss = token_loss(x, paddle.to_tensor(targets), smoothing)
        loss.backward()
        losses.append(loss.item())
        gradients.append(x.grad.numpy())
    assert np.isclose(losses[0], losses[1], rtol=1e-6)
    assert np.allclose(gradients[1][:, :5], gradients[0], atol=1e-8)
    assert (gradients[1][:, 5:] == 0).all() and (gradients[0][1, 3:] == 0).all()


@pytest.mark.parametrize(
    ("answers", "right"),
    [
        ([[4, 5, 3, 0, 0], [4, 3, 0, 0, 0]], [True, True]),
        ([[4, 5, 3], [4, 3, 0]], [True, True]),
        ([[4, 5, 3, 0, 0, 0, 0], [4, 3, 0, 0, 0, 0, 0]], [True, True]),
        ([[4, 5, 3, 0, 0], [4, 4, 3, 0, 0]], [True, False]),
        ([[4, 5], [4, 3]], [False, True]),  # 第一句没有说完
        ([[4, 5, 3, 4, 3], [5, 3, 0, 0, 0]], [False, False]),  # 第一句说完又说
    ],
)
def test_exact_sentences(answers, right):
    targets = paddle.to_tensor([[4, 5, 3, 0], [4, 3, 0, 0]])
    assert exact(paddle.to_tensor(answers), targets).tolist() == right


def test_a_sentence_with_an_unknown_token_cannot_be_right():
    """参考译文里有字表没有的字：网络写出“不认识”也不算对。"""
    rows = paddle.to_tensor([[4, 1, 3], [4, 5, 3]])
    assert exact(rows, rows).tolist() == [False, True]


class Repeater(nn.Layer):
    """总是说 ``sentence``，给它的 logits 也最大；看图说话用 ``decode``，翻译用 ``start`` 与 ``step``。"""

    def __init__(self, sentence: list[int]):
        super().__init__()
        self.sentence = sentence

    def forward(self, images, tokens):
        ids = paddle.to_tensor([(self.sentence + [0] * 20)[: tokens.shape[1]]] * len(tokens))
        return F.one_hot(ids, V) * 20.0

    def decode(self, images, max_length, begin, end):
        return paddle.to_tensor([(self.sentence + [0] * max_length)[:max_length]] * len(images))

    def start(self, sources):
        return 0

    def step(self, tokens, state):
        ids = paddle.to_tensor([(self.sentence + [0] * 20)[state]] * len(tokens))
        return F.one_hot(ids, V) * 20.0, state + 1


SETTINGS = TranslationTask(name="translation")


def info(kind: str, max_length: int) -> SimpleNamespace:
    return SimpleNamespace(kind=kind, max_length=max_length)


@pytest.mark.parametrize(("task_class", "kind"), [(Caption, "caption"), (Translation, "pairs")])
def test_sentence_accuracy(task_class, kind):
    task = task_class(info(kind, 6), SETTINGS)
    sentences = paddle.to_tensor([[2, 4, 5, 3, 0]] * 3 + [[2, 5, 5, 4, 3]])
    batch = paddle.zeros([4, 3]), sentences, paddle.arange(4)
    model = Repeater([4, 5, 3])
    model.eval()
    assert task.loss(model, batch)[1]["sentence_accuracy"].item() == 0.75
    model.train()
    assert task.loss(model, batch)[1] == {}
    with pytest.raises(UserError, match="用不了这种数据（image）"):
        task_class(SimpleNamespace(kind="image"))


def test_any_reference_of_a_source_makes_the_answer_right():
    """三个源句：第一句三个参考译文对一个，第二句一个不对，第三句两个都对；全对的比例按源句算。"""
    task = Translation(info("pairs", 6), SETTINGS)
    right, wrong = [2, 4, 5, 3, 0], [2, 5, 5, 4, 3]
    sentences = paddle.to_tensor([wrong, right, wrong, wrong, right, right])
    batch = paddle.zeros([6, 3]), sentences, paddle.to_tensor([7, 7, 7, 2, 9, 9])
    model = Repeater([4, 5, 3])
    model.eval()
    assert task.loss(model, batch)[1]["sentence_accuracy"].item() == pytest.approx(2 / 3)
    weights = {name: int(weight) for name, weight in task.weights(batch).items()}
    assert weights == {"loss": 3 * 3 + 3 * 4, "sentence_accuracy": 3} and task.num_samples(batch) == 6


# ---------------------------------------------------------------- 按什么平均


class Listed:
    """依次给出列好的批。"""

    def __init__(self, *batches):
        self.batches = batches

    def epoch(self):
        return iter(self.batches)


class Guesser(Repeater):
    """每个词元的 logits 由一张随机的表查出，所以各词元的损失不同。"""

    def __init__(self):
        super().__init__([4, 3])
        self.table = np.random.default_rng(0).standard_normal((V, V)).astype("float32")

    def forward(self, images, tokens):
        return paddle.to_tensor(self.table)[tokens]


LONG = (np.zeros((2, 3)), np.array([[2, 4, 5, 6, 5, 4, 3], [2, 6, 6, 5, 4, 3, 0]]), np.arange(2))
SHORT = (np.zeros((3, 3)), np.array([[2, 4, 3], [2, 4, 3], [2, 5, 3]]), np.arange(3))
EMPTY = (np.zeros((2, 3)), np.zeros((2, 4), "int64"), np.arange(2))


@pytest.mark.parametrize(("task_class", "kind"), [(Caption, "caption"), (Translation, "pairs")])
@pytest.mark.parametrize("batches", [(LONG, SHORT), (LONG, EMPTY, SHORT)])
def test_the_loss_averages_tokens_and_the_accuracy_averages_sentences(batches, task_class, kind):
    """两批长短不同，另有一批全是填充：损失恰是全部词元的平均，全对的比例是全部句子的平均。"""
    model, task = Guesser(), task_class(info(kind, 4), SETTINGS)
    found = evaluate(model, task, Listed(*batches))
    costs = []
    for row in (row for _, sentences, _ in batches for row in sentences):
        for before, after in itertools.pairwise(row):
            if after:
                z = model.table[before].astype("float64")
                costs.append(np.log(np.exp(z).sum()) - z[after])
    assert len(costs) == 6 + 5 + 2 * 3
    assert np.isclose(found["loss"], np.mean(costs), rtol=1e-6)
    num_sentences = sum(len(sentences) for _, sentences, _ in batches)
    assert np.isclose(found["sentence_accuracy"], 2 / num_sentences)


def test_batches_of_nothing_but_padding():
    """全是填充：损失是 0 而不是 NaN，梯度也是 0；整份都是填充也不除以零。"""
    logits = paddle.to_tensor(np.ones((2, 3, V), "float32"), stop_gradient=False)
    for smoothing in (0.0, 0.1):
        loss = token_loss(logits, paddle.zeros([2, 3], "int64"), smoothing)
        loss.backward()
        assert loss.item() == 0 and (logits.grad.numpy() == 0).all()
    assert evaluate(Guesser(), Caption(info("caption", 4)), Listed(EMPTY))["loss"] == 0


# ---------------------------------------------------------------- 语言模型


TEXT = "".join(f"天地玄黄宇宙洪荒{c}日月盈昃辰宿列张\n" for c in "寒来暑往秋收冬藏闰余成岁")


@pytest.fixture
def make(tmp_path, output):
    """一个很小的字符语言模型：(配置, 网络, 任务, 训练数据, 验证数据)。测试数据留着不用。"""
    file = tmp_path / "a.txt"
    file.write_text(TEXT, encoding="utf-8")

    output.mkdir()

    def build(**data):
        tree = {
            "output_dir": str(output),
            "model": {"name": "char_lstm", "embedding_size": 6, "hidden_size": 8, "dropout": 0.2},
            "data": {"name": "text", "path": str(file), "min_count": 1, "length": 5, "batch_size": 3, **data},
            "task": {"name": "language_model"},
            "optimizer": {"name": "adam", "lr": 0.01},
            "train": {"epochs": 2, "log_interval": 1},
        }
        config = parse_config(tree)
        train_data, valid_data, _ = build_data(config.data, 0)
        info = train_data.info()
        seed_everything(0)
        model, _ = models.build_from_config(config.model, info)
        return config, model, build_task(config.task, info), train_data, valid_data

    return build


def test_metrics_of_an_untrained_model(make):
    """均匀分布：困惑度是字表大小，比特数是它的对数。"""
    _, model, task, _, valid_data = make()
    model.weight.set_value(paddle.zeros_like(model.weight))
    size = len(valid_data.dataset.vocabulary)
    found = evaluate(model, task, valid_data)
    assert np.isclose(found["perplexity"], size) and np.isclose(found["bits_per_char"], math.log2(size))
    assert task.summarize({"loss": 1e9})["perplexity"] > 1e300  # 不溢出


@pytest.mark.parametrize("length", [3, 5, 7, 1000])
def test_carried_evaluation_does_not_depend_on_the_length(make, length):
    """状态接着传：一段切多长、末尾补多少，验证的损失都相同，等于一口气读完。"""
    _, model, task, _, valid_data = make(length=length)
    found = evaluate(model, task, valid_data)
    ids = valid_data.dataset.ids
    stride = -(-(len(ids) - 1) // 3)
    cost = []
    for first in range(0, len(ids) - 1, stride):
        lane = ids[first : min(first + stride, len(ids) - 1) + 1]
        with paddle.no_grad():
            logits, _ = model(paddle.to_tensor(lane[None, :-1]))
        cost += F.cross_entropy(logits[0], paddle.to_tensor(lane[1:]), reduction="none").flatten().tolist()
    assert len(cost) == len(ids) - 1
    assert np.isclose(found["loss"], np.mean(cost), rtol=1e-5)


def test_state_is_not_carried_into_another_epoch(make):
    _, model, task, _, valid_data = make()
    assert evaluate(model, task, valid_data) == evaluate(model, task, valid_data)
    independent = LanguageModel(SimpleNamespace(kind="language", carry=False, vocab_size=4))
    evaluate(model, independent, valid_data)
    assert task.state().keys() == {"0", "1"} and independent.state() == {}
    task.start_epoch()
    assert task.state() == {}


def test_resuming_in_the_middle_of_an_epoch_is_bit_identical(make, output, monkeypatch):
    """停在第二轮的半途再继续：状态从检查点取回，结果与没有停过逐位相同。"""
    config, model, task, train_data, valid_data = make()
    Trainer(model, task, config).fit(train_data, valid_data)
    expected = read_arrays(output / "last")

    config, model, task, train_data, valid_data = make()
    trainer, steps = Trainer(model, task, config), len(train_data)
    step = trainer.train_step

    def interrupted(batch):
        record = step(batch)
        trainer.stop.requested = trainer.step == steps + 4
        return record

    monkeypatch.setattr(trainer, "train_step", interrupted)
    with pytest.raises(Interrupted):
        trainer.fit(train_data, valid_data)
    saved = read_arrays(output / "last", ".pdopt")
    assert np.array_equal(saved["task.0"], task.carried[0].numpy()) and np.abs(saved["task.1"]).max() > 0

    config, model, task, train_data, valid_data = make()
    Trainer(model, task, config).fit(train_data, valid_data, start=decide_start(output, output / "last"))
    found = read_arrays(output / "last")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
