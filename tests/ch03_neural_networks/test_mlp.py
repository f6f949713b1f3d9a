"""多层感知机：参数个数、文件开头的表、交叉熵、初始化、丢弃、学得会一批数据。"""

from __future__ import annotations

import re

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddle_notes.ch03_neural_networks import mlp as module
from paddle_notes.ch03_neural_networks.mlp import MLP, cross_entropy
from paddle_notes.runtime import seed_everything


def count(layer: nn.Layer) -> int:
    return sum(parameter.size for parameter in layer.parameters())


def test_parameters_match_the_table():
    model = MLP(num_classes=10)
    rows = re.findall(r"\(N, (\d+)\) +([\d,]+)$", module.__doc__, re.MULTILINE)
    assert [(int(size), int(number.replace(",", ""))) for size, number in rows] == [
        (784, 0),
        (256, count(model.hidden)),
        (10, count(model.classifier)),
    ]
    assert count(model) == 203_530 == (784 + 1) * 256 + (256 + 1) * 10


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_two_hidden_layers_on_colour_images(activation):
    """与逐层手算的结果相等：展平、全连接、激活、全连接、激活、全连接。"""
    seed_everything(0)
    model = MLP(3, in_channels=3, image_size=4, hidden_sizes=(7, 5), activation=activation)
    x = paddle.randn([2, 3, 4, 4])
    weights = [parameter.numpy() for parameter in model.parameters()]
    assert [weight.shape for weight in weights] == [(48, 7), (7,), (7, 5), (5,), (5, 3), (3,)]
    function = {"relu": lambda z: z.clip(0), "sigmoid": lambda z: 1 / (1 + np.exp(-z)), "tanh": np.tanh}[
        activation
    ]
    hidden = x.numpy().reshape(2, 48)
    for w, b in zip(weights[:4:2], weights[1:4:2]):
        hidden = function(hidden @ w + b)
    np.testing.assert_allclose(model(x).numpy(), hidden @ weights[4] + weights[5], atol=1e-5)


@pytest.mark.parametrize("hidden_sizes", [(), (0,), (16, -1)])
def test_bad_hidden_sizes(hidden_sizes):
    with pytest.raises(ValueError, match=re.escape(f"应是一个或几个正整数，得到 {list(hidden_sizes)}")):
        MLP(10, hidden_sizes=hidden_sizes)


def test_cross_entropy_equals_paddle():
    generator = np.random.default_rng(0)
    logits, labels = generator.standard_normal((6, 4)) * 5, generator.integers(0, 4, 6)
    tensor = paddle.to_tensor(logits, stop_gradient=False)
    expected = F.cross_entropy(tensor, paddle.to_tensor(labels))
    expected.backward()
    loss, gradient = cross_entropy(logits, labels)
    np.testing.assert_allclose(loss, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(gradient, tensor.grad.numpy(), atol=1e-14)


def test_cross_entropy_is_stable_at_ten_thousand():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, gradient = cross_entropy(np.array([[1e4, -1e4], [1e4, -1e4]]), np.array([0, 1]))
    assert loss == 1e4  # 两个样本的损失是 0 与 20,000
    np.testing.assert_array_equal(gradient, [[0, 0], [0.5, -0.5]])


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 784), ("tanh", 2 / (784 + 256))])
def test_initialization(activation, variance):
    """ReLU 是 He，方差 2/n_in；tanh 是 Xavier，方差 2/(n_in + n_out)。"""
    seed_everything(0)
    model = MLP(10, activation=activation)
    weight = model.hidden[0].weight.numpy()
    assert abs(weight.var() / variance - 1) < 5 * (2 / weight.size) ** 0.5
    assert not any(layer.bias.numpy().any() for layer in (model.hidden[0], model.classifier))


def test_dropout_acts_only_in_training():
    model = MLP(10, hidden_sizes=(32, 16), dropout=0.25)
    assert [layer.p for layer in model.sublayers() if isinstance(layer, nn.Dropout)] == [0.25, 0.25]
    x = paddle.randn([4, 1, 28, 28])
    model.train()
    assert not paddle.equal_all(model(x), model(x))
    model.eval()
    assert paddle.equal_all(model(x), model(x))


def test_overfits_one_batch():
    seed_everything(0)
    model = MLP(10)
    optimizer = paddle.optimizer.Adam(1e-3, parameters=model.parameters())
    x, labels = paddle.randn([16, 1, 28, 28]), paddle.arange(16) % 10
    losses = []
    for _ in range(20):
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(loss.item())
    assert losses[0] > 2 and losses[-1] < 0.05
