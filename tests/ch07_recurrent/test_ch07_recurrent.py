"""沿时间走一遍：与 paddle.nn 相等（层数、方向、长短不齐），填充不影响结果，状态可以接着传。"""

from __future__ import annotations

import itertools

import numpy as np
import paddle
import pytest

from paddle_notes.ch07_recurrent.cells import CELLS, Weights
from paddle_notes.ch07_recurrent.recurrent import RecurrentFromScratch, recurrent_backward, recurrent_forward
from paddle_notes.verification.ch07 import PADDLE_LAYERS, in_float64, recurrent_topic
from paddle_notes.verification.core import GRAD_BAR, VALUE_BAR, difference

LENGTHS = (3, 1, 2, 3)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "padded"])
@pytest.mark.parametrize(
    ("cell", "num_layers", "bidirectional"), [*itertools.product(CELLS, [1, 2], [False, True])]
)
def test_equals_paddle(cell, num_layers, bidirectional, lengths):
    """值差不超过 1e-10，全部参数、输入与初始状态的梯度差不超过 1e-8。"""
    generator = np.random.default_rng(3)
    topic = recurrent_topic(cell, generator, num_layers, bidirectional, lengths)
    y = topic.forward(**topic.inputs)
    dy = generator.standard_normal(y.shape)
    gradients = topic.backward(dy, **topic.inputs)
    for form in topic.forms.values():
        value, theirs = form(dy, **topic.inputs)
        assert difference(y, value) <= VALUE_BAR
        assert all(difference(gradients[name], theirs[name]) <= GRAD_BAR for name in topic.inputs)


def copies(cell: str, num_layers: int = 2, bidirectional: bool = True):
    """参数相同的 float64 网络：RecurrentFromScratch 与 paddle.nn。"""
    paddle.seed(0)
    ours = in_float64(lambda: RecurrentFromScratch(cell, 3, 4, num_layers, bidirectional))()
    direction = "bidirectional" if bidirectional else "forward"
    theirs = in_float64(lambda: PADDLE_LAYERS[cell](3, 4, num_layers, direction))()
    names = [name for name, _ in ours.named_parameters()]
    assert names == [name for name, _ in theirs.named_parameters()]
    for name, parameter in theirs.named_parameters():
        parameter.set_value(getattr(ours, name))
    return ours, theirs


def numpy_layers(model: RecurrentFromScratch) -> list:
    return [
        tuple(
            Weights(*(getattr(model, f"{part}_l{number}{suffix}").numpy() for part in Weights._fields))
            for suffix in model.suffixes
        )
        for number in range(model.num_layers)
    ]


@pytest.mark.parametrize("cell", CELLS)
def test_default_state_is_zero(cell):
    """不给初始状态就是零状态；三种写法的输出与最后的状态相同。"""
    ours, theirs = copies(cell)
    x = paddle.randn([2, 5, 3], dtype="float64")
    y, state = ours(x)
    expected, final = theirs(x)
    final = final if isinstance(final, tuple) else (final,)
    assert np.allclose(y, expected, rtol=0, atol=1e-12)
    assert all(np.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(state, final))
    zeros = (np.zeros((4, 2, 4)),) * CELLS[cell].num_states
    by_hand, _, _ = recurrent_forward(cell, x.numpy(), zeros, numpy_layers(ours))
    assert np.allclose(y, by_hand, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_does_not_matter(cell):
    """把补齐的一批拆开，每个序列单独走（没有填充），输出与最后的状态不变；填充处的输出是零。"""
    ours, _ = copies(cell)
    x = paddle.randn([4, 3, 3], dtype="float64")
    y, state = ours(x, lengths=paddle.to_tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        alone, alone_state = ours(x[row : row + 1, :length])
        assert np.allclose(y[row, :length], alone[0], rtol=0, atol=1e-12)
        assert not y[row, length:].numpy().any()
        for a, b in zip(state, alone_state):
            assert np.allclose(a[:, row], b[:, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_carried_state_continues_the_sequence(cell):
    """前一半最后的状态作后一半的初始状态，与一次走完相同。"""
    ours, _ = copies(cell, bidirectional=False)
    x = paddle.randn([2, 6, 3], dtype="float64")
    whole, final = ours(x)
    first, state = ours(x[:, :4])
    second, carried = ours(x[:, 4:], state)
    assert np.allclose(whole, paddle.concat([first, second], axis=1), rtol=0, atol=1e-12)
    assert all(np.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(final, carried))


def test_reverse_direction_reads_backwards():
    """后向就是把序列倒过来走一遍，再把输出倒回去。"""
    ours, _ = copies("gru", num_layers=1)
    x = paddle.randn([2, 5, 3], dtype="float64")
    y, _ = ours(x)
    forward_only = in_float64(lambda: RecurrentFromScratch("gru", 3, 4))()
    for name, parameter in forward_only.named_parameters():
        parameter.set_value(getattr(ours, f"{name}_reverse"))
    flipped, _ = forward_only(paddle.flip(x, axis=[1]))
    assert np.allclose(y[:, :, 4:], paddle.flip(flipped, axis=[1]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_with_an_initial_state(cell):
    """有填充、双向、初始状态不为零：手推的梯度与自动求导的相等（paddle.nn 3.3.1 在这里不对，不能拿来比）。"""
    ours, _ = copies(cell, num_layers=1)
    generator = np.random.default_rng(0)
    x, dy = generator.standard_normal((4, 3, 3)), generator.standard_normal((4, 3, 8))
    state = tuple(generator.standard_normal((2, 4, 4)) for _ in range(CELLS[cell].num_states))
    tensors = [paddle.to_tensor(array, stop_gradient=False) for array in (x, *state)]
    y, _ = ours(tensors[0], tuple(tensors[1:]), paddle.to_tensor(LENGTHS))
    y.backward(paddle.to_tensor(dy))
    layers = numpy_layers(ours)
    by_hand, final, caches = recurrent_forward(cell, x, state, layers, np.array(LENGTHS))
    assert np.allclose(y, by_hand, rtol=0, atol=1e-12)
    zeros = tuple(np.zeros_like(part) for part in final)
    dx, dstate, dlayers = recurrent_backward(cell, dy, zeros, caches, layers)
    for tensor, gradient in zip(tensors, (dx, *dstate)):
        assert np.allclose(tensor.grad, gradient, rtol=0, atol=1e-12)
    for suffix, dweights in zip(ours.suffixes, dlayers[0]):
        for name, gradient in dweights._asdict().items():
            assert np.allclose(getattr(ours, f"{name}_l0{suffix}").grad, gradient, rtol=0, atol=1e-12)


def test_number_of_parameters():
    """一层单向：G·H·(I + H + 2)。"""
    sizes = {}
    for cell, layer in PADDLE_LAYERS.items():
        ours = RecurrentFromScratch(cell, 5, 7)
        sizes[cell] = sum(int(np.prod(p.shape)) for p in ours.parameters())
        assert sizes[cell] == sum(int(np.prod(p.shape)) for p in layer(5, 7).parameters())
    assert sizes == {cell: gates * 7 * (5 + 7 + 2) for cell, gates in (("rnn", 1), ("lstm", 4), ("gru", 3))}
