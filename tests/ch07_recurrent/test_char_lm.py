"""字符语言模型：状态接着传与一次读完相等，梯度在段与段之间截断，写字与从头重算相同，可复现。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes.ch07_recurrent.char_lm import CharLSTM, sample
from paddle_notes.runtime import seed_everything

V = 20


@pytest.fixture
def model():
    seed_everything(0)
    network = CharLSTM(V, embedding_size=8, hidden_size=12, num_layers=2)
    network.eval()
    return network


@pytest.fixture
def tokens():
    return paddle.to_tensor(np.random.default_rng(0).integers(1, V, (3, 10)))


def test_shapes(model, tokens):
    logits, (h, c) = model(tokens)
    assert logits.shape == [3, 10, V]
    assert h.shape == c.shape == [2, 3, 12]
    assert [part.shape for part in model.zero_state(3)] == [[2, 3, 12]] * 2
    assert np.array_equal(model(tokens, model.zero_state(3))[0], logits)


def test_carried_state_equals_reading_at_once(model, tokens):
    whole, final = model(tokens)
    first, state = model(tokens[:, :4])
    second, carried = model(tokens[:, 4:], state)
    assert np.allclose(whole, paddle.concat([first, second], axis=1), atol=1e-6)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(final, carried))
    without, _ = model(tokens[:, 4:])
    assert not np.allclose(without, second, atol=1e-3)


def test_gradient_is_truncated(model, tokens):
    """后一段的损失传不到前一段：前一段才有的词元得不到梯度。"""
    model.train()
    _, state = model(paddle.to_tensor([[1, 2]]))
    logits, _ = model(paddle.to_tensor([[3, 4]]), state)
    logits.sum().backward()
    touched = np.abs(model.embedding.weight.grad.numpy()).sum(axis=1) > 0
    assert touched[:5].tolist() == [False, False, False, True, True]


def test_future_does_not_leak(model, tokens):
    changed = tokens.numpy().copy()
    changed[:, 6:] = 1
    before, _ = model(tokens)
    after, _ = model(paddle.to_tensor(changed))
    assert np.array_equal(before[:, :6], after[:, :6])
    assert not np.allclose(before[:, 6:], after[:, 6:])


def test_number_of_parameters():
    count = {
        tied: sum(int(np.prod(p.shape)) for p in CharLSTM(V, 12, 12, tie_weights=tied).parameters())
        for tied in (False, True)
    }
    assert count[True] == V * 12 + 4 * 12 * (12 + 12 + 2) + V
    assert count[False] - count[True] == V * 12


def test_tied_weights_are_one_matrix(tokens):
    model = CharLSTM(V, 12, 12, dropout=0.0, tie_weights=True)
    x, _ = model.lstm(model.embedding(tokens), model.zero_state(3))
    expected = x.numpy() @ model.embedding.weight.numpy().T + model.bias.numpy()
    assert np.allclose(model(tokens)[0], expected, atol=1e-5)


def test_tied_weights_of_another_size_go_through_a_projection(tokens):
    """E = 8，H = 12：隐状态先投影到 8 维，再与词嵌入相乘。"""
    model = CharLSTM(V, 8, 12, dropout=0.0, tie_weights=True)
    x, _ = model.lstm(model.embedding(tokens), model.zero_state(3))
    x = x.numpy() @ model.projection.weight.numpy() + model.projection.bias.numpy()
    expected = x @ model.embedding.weight.numpy().T + model.bias.numpy()
    assert np.allclose(model(tokens)[0], expected, atol=1e-5)
    count = sum(int(np.prod(p.shape)) for p in model.parameters())
    assert count == V * 8 + 4 * 12 * (8 + 12 + 2) + (12 * 8 + 8) + V


@pytest.mark.parametrize("temperature", [0, 0.7, 1.5])
def test_generation_equals_recomputation(model, temperature):
    """状态一直往下传，与每写一个字都从头读一遍相同。"""
    prompt = np.array([[3, 5]])
    written = model.generate(prompt, 12, temperature, np.random.default_rng(4))
    assert written.shape == (1, 12) and written.dtype == np.int64
    generator, text = np.random.default_rng(4), [3, 5]
    for _ in range(12):
        with paddle.no_grad():
            z = model(paddle.to_tensor([text]))[0][0, -1].numpy().astype("float64")
        z[:2] = -np.inf
        text.append(sample(z, temperature, generator))
    assert written[0].tolist() == text[2:]


def test_generation_is_reproducible_and_never_writes_padding(model):
    prompt = np.array([[3]])
    first, again, other = (
        model.generate(prompt, 200, 5.0, np.random.default_rng(seed)).tolist() for seed in (0, 0, 1)
    )
    assert first == again != other
    assert not {0, 1} & set(first[0]) and len(set(first[0])) > V // 2


def test_temperature():
    """温度是 2 时 p ∝ e^{z/2}；温度越低越集中；0 总取最大的。"""
    z = np.array([-np.inf, np.log(1.0), np.log(4.0)])
    generator = np.random.default_rng(0)
    for temperature, expected in ((1, 4 / 5), (2, 2 / 3), (0.5, 16 / 17)):
        drawn = np.array([sample(z, temperature, generator) for _ in range(4000)])
        assert abs((drawn == 2).mean() - expected) < 5 * (expected * (1 - expected) / 4000) ** 0.5
    assert sample(z, 0, generator) == 2


@pytest.mark.parametrize(
    ("prompt", "temperature", "message"),
    [
        (np.zeros((1, 0), int), 1.0, "开头至少要有一个字"),
        (np.array([[1]]), -0.1, "温度应不小于 0，得到 -0.1"),
    ],
)
def test_bad_requests(model, prompt, temperature, message):
    with pytest.raises(ValueError, match=message):
        model.generate(prompt, 3, temperature, np.random.default_rng(0))


def test_learns_a_cycle():
    """2 3 4 5 2 3 4 5 ……：学会之后损失接近 0，接着写也不出错。"""
    seed_everything(0)
    model = CharLSTM(6, embedding_size=8, hidden_size=16, dropout=0.0)
    text = paddle.to_tensor(np.tile(np.arange(2, 6), 6)[None, :21])
    optimizer = paddle.optimizer.Adam(0.03, parameters=model.parameters())
    for _ in range(40):
        logits, _ = model(text[:, :-1])
        loss = F.cross_entropy(logits, text[:, 1:])
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    assert loss.item() < 0.05
    assert model.generate(np.array([[3]]), 6, 0.0, np.random.default_rng(0)).tolist() == [[4, 5, 2, 3, 4, 5]]
