"""共享权重的梯度是各处之和。"""

from __future__ import annotations

import numpy as np
import paddle

from paddle_notes.ch03_neural_networks.shared_weights import SharedLinear, shared_backward


def test_only_one_parameter():
    layer = SharedLinear(3)
    assert [name for name, _ in layer.named_parameters()] == ["linear.weight"]


def test_gradient_is_the_sum_of_two_independent_copies():
    generator = np.random.default_rng(0)
    x, w, dy = generator.standard_normal((3, 4, 4))
    first, second = (paddle.to_tensor(w, stop_gradient=False) for _ in range(2))
    y = paddle.tanh(paddle.to_tensor(x) @ first) @ second
    y.backward(paddle.to_tensor(dy))
    _, dw = shared_backward(dy, x, w)
    assert np.abs(first.grad.numpy()).min() > 0 and np.abs(second.grad.numpy()).min() > 0
    np.testing.assert_allclose(dw, first.grad.numpy() + second.grad.numpy(), rtol=1e-12)
