"""GPT：参数照公式，看不到后面的字，用缓存与不用缓存写出同样的字，而且快得多。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch10_transformer.gpt import GPT
from paddle_notes.runtime import seed_everything

SMALL = {"d_model": 16, "num_heads": 4, "num_layers": 2, "dim_feedforward": 32}
PROMPT = np.array([[5, 9, 4]])


def build(max_length: int = 24, seed: int = 0, **options) -> GPT:
    seed_everything(seed)
    model = GPT(12, max_length, **{**SMALL, **options})
    model.eval()
    return model


def test_parameters():
    """词嵌入兼作输出层，位置向量，每层 4(d² + d) + (2df + f + d) + 2·2d，末尾一个归一化。"""
    v, t, d, f, layers = 4000, 128, 192, 768, 3
    expected = v * d + t * d + layers * (4 * (d * d + d) + 2 * d * f + f + d + 4 * d) + 2 * d
    with paddle.LazyGuard():
        model = models.build("gpt", vocab_size=v, max_length=t, d_model=d, num_layers=layers)
    assert count_parameters(model) == expected == 2_127_552


def test_first_loss_is_close_to_uniform():
    """初始化之后各个字的概率大致相等，损失接近 ln V。"""
    seed_everything(0)
    model = GPT(500, 32)
    tokens = paddle.randint(1, 500, [8, 33])
    loss = F.cross_entropy(model(tokens[:, :-1])[0], tokens[:, 1:]).item()
    assert abs(loss - np.log(500)) < 0.1


def test_later_characters_do_not_change_earlier_predictions():
    model = build()
    tokens = np.array([[5, 9, 4, 7, 3]])
    changed = tokens.copy()
    changed[0, 3] = 8
    first, second = (model(paddle.to_tensor(t))[0].numpy() for t in (tokens, changed))
    np.testing.assert_array_equal(first[:, :3], second[:, :3])
    assert np.abs(first[:, 3:] - second[:, 3:]).max() > 1e-4


@pytest.mark.parametrize("cuts", [[1, 2, 3, 4, 5, 6], [3], [2, 5]])
def test_logits_with_cache_equal_without(cuts):
    """一个字一个字地、或一段一段地读，与一次读完相同。"""
    model = build()
    tokens = np.array([[5, 9, 4, 7, 3, 3, 8], [4, 4, 6, 10, 11, 2, 1]])
    full = model(paddle.to_tensor(tokens))[0].numpy()
    parts, state = [], None
    for piece in np.split(tokens, cuts, axis=1):
        logits, state = model(paddle.to_tensor(piece), state)
        parts.append(logits.numpy())
    np.testing.assert_allclose(np.concatenate(parts, axis=1), full, atol=1e-5)


@pytest.mark.parametrize("temperature", [0, 0.8])
@pytest.mark.parametrize("length", [0, 1, 15, 60])
def test_generation_with_cache_equals_without(length, temperature):
    """60 个字超过了能看的 24 个，中途要丢掉较早的一半。"""
    model = build()
    written = [
        model.generate(PROMPT, length, temperature, np.random.default_rng(1), use_cache=use_cache)
        for use_cache in (True, False)
    ]
    np.testing.assert_array_equal(*written)
    assert written[0].shape == (1, length) and written[0].dtype == np.int64
    assert (written[0] > 1).all()


def test_what_generation_looks_at(monkeypatch):
    """没看满时看全部；看满 6 个之后只留最近的 3 个。"""
    model, seen = build(max_length=6), []

    def forward(tokens, state=None):
        seen.append(tokens.numpy()[0].tolist())
        logits = np.zeros((1, tokens.shape[1], 12), "float32")
        logits[:, :, len(seen) % 8 + 3] = 1
        return paddle.to_tensor(logits), None

    monkeypatch.setattr(model, "forward", forward)
    written = model.generate(PROMPT, 6, 0, np.random.default_rng(0), use_cache=False)
    assert written.tolist() == [[4, 5, 6, 7, 8, 9]]
    assert seen == [[5, 9, 4], [5, 9, 4, 4], [5, 9, 4, 4, 5], [5, 9, 4, 4, 5, 6], [5, 6, 7], [5, 6, 7, 8]]


def test_a_long_prompt_is_cut_from_the_left():
    model = build(max_length=6)
    prompt = np.random.default_rng(0).integers(1, 12, (1, 40))
    ends = [model.generate(p, 1, 0, np.random.default_rng(0)) for p in (prompt, prompt[:, -6:])]
    np.testing.assert_array_equal(*ends)


def test_long_text_is_the_same_with_and_without_cache():
    seed_everything(0)
    model = GPT(200, 256, d_model=32, num_heads=4, num_layers=2, dim_feedforward=64)
    written = [
        model.generate(PROMPT, 120, 1.0, np.random.default_rng(0), use_cache=use_cache)
        for use_cache in (True, False)
    ]
    np.testing.assert_array_equal(*written)


def test_too_long():
    model = build(max_length=6)
    with pytest.raises(ValueError, match=r"GPT 至多看 6 个字，得到 7 个；请截短文字"):
        model(paddle.ones([1, 7], "int64"))
    _, state = model(paddle.ones([1, 4], "int64"))
    with pytest.raises(ValueError, match="得到 7 个"):
        model(paddle.ones([1, 3], "int64"), state)


@pytest.mark.parametrize(
    ("prompt", "temperature", "message"),
    [(np.zeros((1, 0), "int64"), 1.0, "开头至少要有一个字"), (PROMPT, -1, "温度应不小于 0，得到 -1")],
)
def test_bad_generation(prompt, temperature, message):
    with pytest.raises(ValueError, match=message):
        build().generate(prompt, 3, temperature, np.random.default_rng(0))


def test_temperature():
    """抽到每个字的次数与 softmax(z / 温度) 相符，填充与不认识的字从不出现。"""
    model, count, temperature = build(), 600, 0.5
    generator = np.random.default_rng(0)
    drawn = [model.generate(PROMPT, 1, temperature, generator)[0, 0] for _ in range(count)]
    z = model(paddle.to_tensor(PROMPT))[0][0, -1].numpy().astype("float64")[2:] / temperature
    p = np.exp(z) / np.exp(z).sum()
    seen = np.bincount(drawn, minlength=12)
    assert seen[0] == seen[1] == 0
    assert np.all(np.abs(seen[2:] / count - p) <= 5 * np.sqrt(p * (1 - p) / count))
