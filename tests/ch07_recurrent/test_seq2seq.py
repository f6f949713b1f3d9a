"""序列到序列：形状、参数个数照公式，填充不影响结果，注意力的权重，教师强制与逐词生成对得上，学得会。"""

from __future__ import annotations

import json
import re

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes import decoding, models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch07_recurrent.additive_attention import additive_attention, additive_weights
from paddle_notes.ch07_recurrent.seq2seq import Seq2Seq
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything
from paddle_notes.tokens import BEGIN, END

SOURCES = np.array([[5, 6, 7, 8, 9], [9, 4, 0, 0, 0], [4, 4, 5, 0, 0]])
TARGETS = np.array([[2, 4, 5, 6], [2, 7, 4, 0], [2, 5, 4, 0]])
BOTH = pytest.mark.parametrize("attention", [True, False])


def build(attention: bool = True, seed: int = 0) -> Seq2Seq:
    seed_everything(seed)
    model = Seq2Seq(10, 8, embedding_size=6, hidden_size=5, attention=attention)
    model.eval()
    return model


def logits(model: Seq2Seq, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    with paddle.no_grad():
        return model(paddle.to_tensor(sources), paddle.to_tensor(targets)).numpy()


# ---------------------------------------------------------------- 形状与参数


@BOTH
def test_shapes(attention):
    assert logits(build(attention), SOURCES, TARGETS).shape == (3, 4, 8)


@BOTH
@pytest.mark.parametrize(("e", "h"), [(6, 5), (32, 64)])
def test_number_of_parameters(attention, e, h):
    """照文件开头的表。"""
    source, target = 59, 15
    expected = (
        e * source
        + e * target
        + 2 * (3 * h * (e + h) + 6 * h)
        + (2 * h * h + h)
        + attention * (h * h + 2 * h * h + h)
        + (3 * h * (e + 2 * h + h) + 6 * h)
        + ((e + 3 * h) * target + target)
    )
    model = Seq2Seq(source, target, embedding_size=e, hidden_size=h, attention=attention)
    assert count_parameters(model) == expected


# ---------------------------------------------------------------- 填充与注意力


@BOTH
def test_padding_does_not_change_the_output(attention):
    """一句与长的放在一批、单独放、再多补几个填充，结果相同。"""
    model = build(attention)
    together = logits(model, SOURCES, TARGETS)
    for row, source in enumerate(SOURCES):
        alone = source[source > 0][None]
        longer = np.pad(alone, ((0, 0), (0, 4)))
        for sources in (alone, longer):
            found = logits(model, sources, TARGETS[row : row + 1])
            np.testing.assert_allclose(found[0], together[row], atol=1e-6)


@BOTH
def test_every_source_token_matters(attention):
    model = build(attention)
    first = logits(model, SOURCES, TARGETS)
    for position in range(5):
        changed = SOURCES.copy()
        changed[0, position] = 4
        gap = np.abs(logits(model, changed, TARGETS) - first)
        assert gap[0].max() > 1e-4 and gap[1:].max() == 0


@BOTH
def test_later_targets_do_not_change_earlier_predictions(attention):
    model = build(attention)
    changed = TARGETS.copy()
    changed[:, 2] = 7
    first, second = logits(model, SOURCES, TARGETS), logits(model, SOURCES, changed)
    np.testing.assert_array_equal(first[:, :2], second[:, :2])
    assert np.abs(first[:, 2:] - second[:, 2:]).max() > 1e-3


def test_attention_weights():
    """每一步的权重和为 1，填充处是 0，真的词元处大于 0。"""
    model = build()
    with model.recording() as found:
        logits(model, SOURCES, TARGETS)
    (weights,) = found["cross"]
    assert weights.shape == [3, 1, 4, 5]
    weights = weights.numpy()[:, 0]
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    real = np.broadcast_to((SOURCES != 0)[:, None], weights.shape)
    # paddle 的 CPU softmax 把 e 的指数截在 −64，填充的权重约是 1e-28 而不恰好是 0
    assert weights[~real].max() < 1e-20 and weights[real].min() > 1e-3
    logits(model, SOURCES, TARGETS)
    assert len(found["cross"]) == 1  # 出了 with 就不再记


def test_without_attention_nothing_is_recorded():
    model = build(attention=False)
    with model.recording() as found:
        logits(model, SOURCES, TARGETS)
    assert found == {"cross": []}


def test_by_hand_the_padding_gets_exactly_nothing():
    generator = np.random.default_rng(0)
    arrays = [generator.standard_normal(shape) for shape in ((2, 3), (2, 4, 2), (3, 5), (2, 5), (5,))]
    real = np.array([[True] * 4, [True, False, True, False]])
    weights = additive_weights(*arrays, real)
    np.testing.assert_allclose(weights.sum(1), 1)
    assert (weights[~real] == 0).all() and (weights[real] > 0).all()
    query, memory, *parameters = arrays
    short = additive_attention(query[1:], memory[1:, [0, 2]], *parameters, real[1:, [0, 2]])
    np.testing.assert_allclose(additive_attention(*arrays, real)[1], short[0])


def test_equal_scores_give_the_average():
    """v 为零时分数都相等，上下文就是各个 h_j 的平均。"""
    model = build()
    model.attention.score.weight.set_value(paddle.zeros([5, 1]))
    memory = paddle.randn([2, 3, 10])
    context = model.attention(
        paddle.randn([2, 5]), memory, model.attention.key_proj(memory), paddle.zeros([2, 3])
    )
    np.testing.assert_allclose(context.numpy(), memory.numpy().mean(1), atol=1e-6)


# ---------------------------------------------------------------- 解码


@BOTH
def test_teacher_forcing_equals_step_by_step(attention):
    model = build(attention)
    full = logits(model, SOURCES, TARGETS)
    state = model.start(paddle.to_tensor(SOURCES))
    for t in range(TARGETS.shape[1]):
        found, state = model.step(paddle.to_tensor(TARGETS[:, t : t + 1]), state)
        np.testing.assert_allclose(found.numpy(), full[:, t], atol=1e-6)


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_greedy_and_beam_search(attention, seed):
    """贪心写出的每个词都是教师强制下最可能的；宽 1 的束搜索就是贪心；宽的束得分不低于贪心。"""
    model = build(attention, seed)
    sources = paddle.to_tensor(SOURCES)
    answers = decoding.greedy(model, sources, 6, BEGIN, END).numpy()
    read = np.concatenate([np.full((3, 1), BEGIN), answers[:, :-1]], axis=1)
    scores = logits(model, SOURCES, read)
    scores[:, :, [0, 1, BEGIN]] = -np.inf
    written = answers > 0
    assert (scores.argmax(-1) == answers)[written].all() and written[:, 0].all()
    narrow = decoding.beam_search(model, sources, 6, BEGIN, END, 1, 0.0).numpy()
    np.testing.assert_array_equal(narrow, answers)

    def log_probability(sentences: np.ndarray) -> np.ndarray:
        inputs = np.concatenate([np.full((3, 1), BEGIN), sentences[:, :-1]], axis=1)
        values = logits(model, SOURCES, inputs)
        values[:, :, [0, 1, BEGIN]] = -1e9
        log_p = F.log_softmax(paddle.to_tensor(values)).numpy()
        picked = np.take_along_axis(log_p, sentences[..., None], axis=2)[..., 0]
        return (picked * (sentences > 0)).sum(1)

    wide = decoding.beam_search(model, sources, 6, BEGIN, END, 256, 0.0).numpy()
    assert (log_probability(wide) >= log_probability(answers) - 1e-5).all()


def test_selected_rows_continue_alike():
    """束搜索靠它：取出第 2、0、2 行，各自接着写，与原来的相同。"""
    model = build()
    state = model.start(paddle.to_tensor(SOURCES))
    _, state = model.step(paddle.to_tensor(TARGETS[:, :1]), state)
    rows = [2, 0, 2]
    expected, _ = model.step(paddle.to_tensor(TARGETS[:, 1:2]), state)
    found, _ = model.step(paddle.to_tensor(TARGETS[rows, 1:2]), state.select(paddle.to_tensor(rows)))
    np.testing.assert_allclose(found.numpy(), expected.numpy()[rows], atol=1e-6)


# ---------------------------------------------------------------- 学得会


@BOTH
def test_overfits_a_tiny_batch(attention):
    seed_everything(0)
    model = Seq2Seq(10, 8, embedding_size=16, hidden_size=32, attention=attention)
    optimizer = paddle.optimizer.Adam(0.01, parameters=model.parameters())
    sources = paddle.to_tensor([[4, 5, 6, 7], [7, 6, 5, 0], [8, 4, 0, 0]])
    sentences = paddle.to_tensor([[2, 4, 5, 6, 3], [2, 6, 3, 0, 0], [2, 7, 7, 3, 0]])
    for _ in range(60):
        cost = F.cross_entropy(
            model(sources, sentences[:, :-1]).reshape([-1, 8]),
            sentences[:, 1:].reshape([-1]),
            ignore_index=0,
        )
        cost.backward()
        optimizer.step()
        optimizer.clear_grad()
    assert cost.item() < 0.05
    answers = decoding.greedy(model, sources, 4, BEGIN, END)
    np.testing.assert_array_equal(answers.numpy(), sentences[:, 1:].numpy())


# ---------------------------------------------------------------- 用不了的选项，与工具


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "maybe"}, "model.attention 应为 true 或 false，得到 'maybe'"),
        ({"hidden_size": 0}, "model.hidden_size 应为正整数，得到 0"),
        ({"hiden_size": 8}, "网络 seq2seq 没有选项 model.hiden_size；你是不是想写 hidden_size？"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(UserError) as caught:
        models.build("seq2seq", src_vocab_size=10, tgt_vocab_size=8, **options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("attention", ["true", "false"])
def test_dates(tool, output, root, attention):
    """训练、评估、翻译与 Transformer 用同样的工具；没有注意力的画不出注意力的图。"""
    sizes = ["data.num_train=64", "data.num_valid=16", "data.batch_size=32", "train.epochs=1"]
    small = ["model.embedding_size=8", "model.hidden_size=8", f"model.attention={attention}"]
    config = root / "configs" / "seq2seq_dates.yml"
    result = tool("train", "-c", config, "-o", *sizes, *small, f"output_dir={output}")
    assert result.code == 0, result.text
    saved = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    result = tool("eval", "--weights", output / "best", "--json")
    assert json.loads(result.out)["loss"] == saved["best"].get("loss", saved["last"]["loss"])

    texts = ["二〇二四年六月六日", "1998年1月5日"]
    for options in ([], ["--beam", "1"], ["--temperature", "0.5"]):
        result = tool("translate", "--weights", output / "best", "--text", *texts, *options)
        assert result.code == 0, result.text
        answers = result.out.splitlines()
        assert len(answers) == 2 and all(re.fullmatch(r"[-0-9]{0,11}", answer) for answer in answers)
    result = tool("translate", "--weights", output / "best", "--evaluate", "--json")
    assert set(json.loads(result.out)["scores"]["网络"]) == {"bleu", "chrf", "sentence_accuracy"}

    picture = output / "heads.png"
    result = tool("translate", "--weights", output / "best", "--text", texts[0], "--out", picture)
    if attention == "true":
        assert result.code == 0 and picture.read_bytes().startswith(b"\x89PNG")
    else:
        assert result.code == 2 and "这个网络没有注意力，画不出注意力的图" in result.err
        assert not picture.exists()
