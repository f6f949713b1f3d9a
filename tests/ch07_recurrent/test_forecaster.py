"""时间序列的网络：形状、参数个数、等于循环网络最后一步再加一个线性层、学得会正弦。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from paddle_notes.ch07_recurrent.forecaster import Forecaster
from paddle_notes.runtime import seed_everything


@pytest.mark.parametrize(("cell", "count"), [("rnn", 1_153), ("lstm", 4_513), ("gru", 3_393)])
def test_shape_and_parameters(cell, count):
    """单特征、H = 32：G·32·(1 + 32 + 2) + 33。"""
    model = Forecaster(cell)
    assert model(paddle.randn([5, 12, 1])).shape == [5]
    assert sum(int(np.prod(p.shape)) for p in model.parameters()) == count


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_is_the_last_step_and_a_linear_layer(cell):
    seed_everything(0)
    model = Forecaster(cell, num_features=3, hidden_size=8, num_layers=2)
    x = paddle.randn([4, 6, 3])
    y, _ = model.recurrent(x)
    expected = y[:, 5].numpy() @ model.output.weight.numpy()[:, 0] + model.output.bias.item()
    assert np.allclose(model(x), expected, atol=1e-6)


def test_linear_skip_adds_an_autoregression():
    """直通是过去各值的线性函数，一开始什么也不加。"""
    seed_everything(0)
    model = Forecaster("gru", hidden_size=4, linear_skip=True, window=6)
    x = paddle.randn([5, 6, 1])
    y, _ = model.recurrent(x)
    without = model.output(y[:, -1]).squeeze(1).numpy()
    assert np.array_equal(model(x).numpy(), without)
    weights = paddle.randn([6, 1])
    model.skip.weight.set_value(weights)
    expected = without + x.numpy()[:, :, 0] @ weights.numpy()[:, 0]
    assert np.allclose(model(x), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"请给出 window"):
        Forecaster("gru", linear_skip=True)


def test_learns_a_sine():
    seed_everything(0)
    series = np.sin(np.arange(300) * 0.4).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(series, 13)
    x, y = paddle.to_tensor(windows[:, :12, None]), paddle.to_tensor(windows[:, 12])
    model = Forecaster("gru", hidden_size=16)
    optimizer = paddle.optimizer.Adam(0.02, parameters=model.parameters())
    for _ in range(60):
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    persistence = F.mse_loss(x[:, -1, 0], y)
    assert loss.item() < 0.1 * persistence.item()
