"""文本分类的两个网络：填充不影响结果，填充的向量不训练，与 NumPy 手写的相等，学得会。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes.ch07_recurrent.cells import CELLS, Weights
from paddle_notes.ch07_recurrent.masks import max_over_time
from paddle_notes.ch07_recurrent.recurrent import recurrent_forward
from paddle_notes.ch07_recurrent.sentiment import TextRNN
from paddle_notes.ch07_recurrent.text_cnn import TextCNN
from paddle_notes.runtime import seed_everything

LENGTHS = np.array([9, 5, 1, 3])

BUILDERS = {
    "rnn": lambda: TextRNN(50, 3, cell="rnn", embedding_size=8, hidden_size=6),
    "lstm": lambda: TextRNN(50, 3, embedding_size=8, hidden_size=6),
    "bilstm": lambda: TextRNN(50, 3, embedding_size=8, hidden_size=6, num_layers=2, bidirectional=True),
    "bigru": lambda: TextRNN(50, 3, cell="gru", embedding_size=8, hidden_size=6, bidirectional=True),
    "cnn": lambda: TextCNN(50, 3, embedding_size=8, num_filters=6),
    "cnn_wide": lambda: TextCNN(50, 3, embedding_size=8, num_filters=6, kernel_sizes=(1, 5)),
}


def make_batch() -> tuple[np.ndarray, np.ndarray]:
    tokens = np.random.default_rng(0).integers(1, 50, (4, 9))
    tokens[np.arange(9) >= LENGTHS[:, None]] = 0
    return tokens, LENGTHS


@pytest.fixture(params=BUILDERS)
def model(request):
    seed_everything(0)
    network = BUILDERS[request.param]()
    network.eval()
    return network


def run(model, tokens, lengths) -> np.ndarray:
    with paddle.no_grad():
        return model(paddle.to_tensor(tokens), paddle.to_tensor(lengths)).numpy()


def test_padding_does_not_change_the_answer(model):
    """多补几列填充，或每句单独算（没有填充），logits 都不变。"""
    tokens, lengths = make_batch()
    logits = run(model, tokens, lengths)
    assert logits.shape == (4, 3)
    assert len(np.unique(logits.round(4), axis=0)) == 4  # 不同的句子，不同的答案
    padded = np.concatenate([tokens, np.zeros((4, 7), "int64")], axis=1)
    assert np.allclose(run(model, padded, lengths), logits, rtol=0, atol=1e-6)
    for row, length in enumerate(lengths):
        alone = run(model, tokens[row : row + 1, :length], lengths[row : row + 1])
        assert np.allclose(alone[0], logits[row], rtol=0, atol=1e-6)


def test_last_real_token_matters(model):
    """掩码没有多遮：换掉最后一个真正的词元（试八个别的），答案会变。"""
    tokens, lengths = make_batch()
    logits, largest = run(model, tokens, lengths), np.zeros(4)
    for shift in range(1, 9):
        changed = tokens.copy()
        changed[np.arange(4), lengths - 1] = (changed[np.arange(4), lengths - 1] + shift) % 49 + 1
        largest = np.maximum(largest, np.abs(run(model, changed, lengths) - logits).max(axis=1))
    assert (largest > 1e-3).all()


def test_padding_vector_gets_no_gradient(model):
    tokens, lengths = make_batch()
    model.train()
    model(paddle.to_tensor(tokens), paddle.to_tensor(lengths)).sum().backward()
    gradient = model.embedding.weight.grad.numpy()
    assert not gradient[0].any() and gradient[tokens[tokens > 0]].any()
    assert not model.embedding.weight[0].numpy().any()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_text_rnn_equals_numpy(cell, bidirectional):
    """词嵌入、循环网络、在时间上取最大值、全连接：与本章手写的 NumPy 一致。"""
    seed_everything(1)
    model = TextRNN(50, 3, cell, embedding_size=5, hidden_size=4, bidirectional=bidirectional)
    model.eval()
    tokens, lengths = make_batch()
    suffixes = ("", "_reverse") if bidirectional else ("",)
    layer = tuple(
        Weights(*(getattr(model.recurrent, f"{part}_l0{suffix}").numpy() for part in Weights._fields))
        for suffix in suffixes
    )
    state = (np.zeros((len(suffixes), 4, 4)),) * CELLS[cell].num_states
    x = model.embedding.weight.numpy()[tokens]
    y, _, _ = recurrent_forward(cell, x, state, [layer], lengths)
    pooled = max_over_time(y, lengths)
    expected = pooled @ model.classifier.weight.numpy() + model.classifier.bias.numpy()
    assert np.allclose(run(model, tokens, lengths), expected, rtol=0, atol=1e-6)


def test_text_cnn_equals_numpy():
    """宽度为 3 的卷积：第 t 个输出是 t − 1、t、t + 1 三个词元的加权和，两端补零。"""
    seed_everything(1)
    model = TextCNN(50, 3, embedding_size=5, num_filters=4, kernel_sizes=(3,))
    model.eval()
    tokens, lengths = make_batch()
    convolution = model.convolutions[0]
    convolution.bias.set_value(paddle.randn([4]))  # 偏置不为零，填充处若没有遮住就看得出来
    x = np.pad(model.embedding.weight.numpy()[tokens], [(0, 0), (1, 1), (0, 0)])  # (N, T + 2, E)
    windows = np.lib.stride_tricks.sliding_window_view(x, 3, axis=1)  # (N, T, E, 3)
    y = np.einsum("ntek,cek->ntc", windows, convolution.weight.numpy()) + convolution.bias.numpy()
    features = np.maximum(max_over_time(y, lengths), 0)
    expected = features @ model.classifier.weight.numpy() + model.classifier.bias.numpy()
    assert np.allclose(run(model, tokens, lengths), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_number_of_parameters(bidirectional):
    model = TextRNN(1000, 2, hidden_size=64, bidirectional=bidirectional)
    directions = 2 if bidirectional else 1
    expected = 1000 * 128 + directions * 4 * 64 * (128 + 64 + 2) + (64 * directions * 2 + 2)
    assert sum(int(np.prod(p.shape)) for p in model.parameters()) == expected
    cnn = TextCNN(1000, 2)
    expected = 1000 * 128 + sum(100 * (128 * k + 1) for k in (2, 3, 4)) + (300 * 2 + 2)
    assert sum(int(np.prod(p.shape)) for p in cnn.parameters()) == expected


@pytest.mark.parametrize("name", ["rnn", "lstm", "bigru", "cnn"])
def test_learns_which_word_appears(name):
    """有 7 号词元的是第 1 类，有 8 号的是第 2 类，都没有的是第 0 类。"""
    seed_everything(0)
    generator = np.random.default_rng(0)
    tokens = generator.integers(9, 50, (60, 9))
    labels = np.arange(60) % 3
    lengths = generator.integers(3, 10, 60)
    where = (generator.random(60) * lengths).astype(int)
    tokens[np.arange(60), where] = np.where(labels == 0, 9, labels + 6)
    tokens[np.arange(9) >= lengths[:, None]] = 0
    model = BUILDERS[name]()
    for layer in model.sublayers():
        if isinstance(layer, paddle.nn.Dropout):
            layer.p = 0.0
    optimizer = paddle.optimizer.Adam(0.03, parameters=model.parameters())
    batch = paddle.to_tensor(tokens), paddle.to_tensor(lengths)
    for _ in range(60):
        loss = F.cross_entropy(model(*batch), paddle.to_tensor(labels))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    assert loss.item() < 0.1


def test_dropout_only_when_training():
    model = TextRNN(50, 2, num_layers=2, dropout=0.25)
    assert model.dropout.p == model.recurrent.dropout == 0.25
    assert TextRNN(50, 2).recurrent.dropout == 0  # 一层时没有层间
    batch = [paddle.to_tensor(array) for array in make_batch()]
    assert not np.array_equal(model(*batch), model(*batch))
    model.eval()
    assert np.array_equal(model(*batch), model(*batch))
