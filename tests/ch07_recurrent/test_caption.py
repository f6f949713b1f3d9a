"""看图说话：形状，贪心解码与教师强制一致，结束之后是填充，学得会。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes.ch07_recurrent.caption import CaptionNet
from paddle_notes.runtime import seed_everything

V, BEGIN, END = 9, 2, 3


@pytest.fixture(params=["state", "input"])
def model(request):
    seed_everything(0)
    network = CaptionNet(
        V, in_channels=1, image_size=16, embedding_size=8, hidden_size=16, image_as=request.param
    )
    network.eval()
    return network


@pytest.fixture
def images():
    return paddle.to_tensor(np.random.default_rng(0).standard_normal((3, 1, 16, 16)).astype("float32"))


def test_shapes_and_parameters(model, images):
    assert model(images, paddle.full([3, 5], BEGIN, dtype="int64")).shape == [3, 5, V]
    assert [part.shape for part in model.look(images)] == [[1, 3, 16]] * 2
    trainable = sum(int(np.prod(p.shape)) for p in model.parameters() if not p.stop_gradient)
    convolutions = sum(9 * a * b + 2 * b for a, b in ((1, 16), (16, 32), (32, 64)))
    recurrent = 4 * 16 * (8 + 16 + 2)
    size = {"state": 2 * 16, "input": 8}[model.image_as]  # h 与 c，或一个词嵌入
    assert trainable == convolutions + (64 * 2 * 2 + 2) * size + V * 8 + recurrent + (16 + 1) * V


def test_the_image_as_the_first_input():
    """Show and Tell：图像的向量排在开始符之前，从零状态读起，它那一步的输出不要。"""
    seed_everything(0)
    model = CaptionNet(V, in_channels=1, image_size=16, embedding_size=8, hidden_size=16, image_as="input")
    model.eval()
    generator = np.random.default_rng(1)
    images = paddle.to_tensor(generator.standard_normal((3, 1, 16, 16)).astype("float32"))
    tokens = paddle.to_tensor(generator.integers(1, V, (3, 5)))
    with paddle.no_grad():
        vector = model.image_vector(model.features(images).flatten(1)).unsqueeze(1)  # (N, 1, E)
        y, _ = model.lstm(paddle.concat([vector, model.embedding(tokens)], axis=1))  # (N, 1 + T, H)
        assert np.allclose(model(images, tokens), model.output(y[:, 1:]), rtol=0, atol=1e-6)


def test_image_too_small():
    with pytest.raises(ValueError, match=r"至少要 8×8，得到 7×7；请把 data.image_size 设为 8 以上"):
        CaptionNet(V, image_size=7)


def test_greedy_decoding_agrees_with_teacher_forcing(model, images):
    """把自己说的话当作正确答案再走一遍，每一步最可能的词就是说出来的词。"""
    words = model.decode(images, 7, BEGIN, END).numpy()
    assert words.shape == (3, 7)
    inputs = np.concatenate([np.full((3, 1), BEGIN), words[:, :-1]], axis=1)
    with paddle.no_grad():
        best = model(images, paddle.to_tensor(inputs)).numpy().argmax(axis=2)
    for row in range(3):
        stop = np.flatnonzero(words[row] == END)
        length = stop[0] + 1 if len(stop) else 7
        assert np.array_equal(words[row, :length], best[row, :length])


def test_after_the_end_comes_padding(model, images):
    """让结束符最可能：第一步就结束，其余全是 0。"""
    model.output.bias.set_value(paddle.to_tensor(np.eye(V, dtype="float32")[END] * 100))
    assert model.decode(images, 4, BEGIN, END).tolist() == [[END, 0, 0, 0]] * 3


def test_the_image_matters(model, images):
    tokens = paddle.full([3, 1], BEGIN, dtype="int64")
    logits = model(images, tokens).numpy()
    assert np.abs(logits[0] - logits[1]).max() > 1e-4


def test_learns_to_say_where_the_square_is(model):
    """方块在左说“4 结束”，在右说“5 5 结束”。"""
    images = np.zeros((12, 1, 16, 16), "float32")
    images[:6, :, 4:10, 1:6] = 1
    images[6:, :, 4:10, 10:15] = 1
    images += np.random.default_rng(0).normal(0, 0.1, images.shape).astype("float32")
    sentences = np.array([[BEGIN, 4, END, 0]] * 6 + [[BEGIN, 5, 5, END]] * 6)
    x, tokens = paddle.to_tensor(images), paddle.to_tensor(sentences)
    optimizer = paddle.optimizer.Adam(0.01, parameters=model.parameters())
    model.train()
    for _ in range(60):
        loss = F.cross_entropy(model(x, tokens[:, :-1]), tokens[:, 1:], ignore_index=0)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    assert loss.item() < 0.1
    assert np.array_equal(model.decode(x, 3, BEGIN, END).numpy(), sentences[:, 1:])
