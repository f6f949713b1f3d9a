"""自动求导：随机的计算图上与 Paddle、与差分相等；累加、广播、很深的图、错误的用法。"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddle_notes.ch03_neural_networks.autograd import Tensor, unbroadcast
from paddle_notes.verification.core import central_difference

# 运算 -> (我们的写法, Paddle 的写法)；先经过 tanh 或加 1，使乘方、指数、除法不溢出
UNARY = {
    "neg": (lambda a: -a, lambda a: -a),
    "tanh": (Tensor.tanh, paddle.tanh),
    "sigmoid": (Tensor.sigmoid, F.sigmoid),
    "relu": (Tensor.relu, F.relu),
    "exp": (lambda a: a.tanh().exp(), lambda a: a.tanh().exp()),
    "log": (lambda a: (a * a + 1.0).log(), lambda a: (a * a + 1.0).log()),
    "pow": (lambda a: a.tanh() ** 3, lambda a: a.tanh() ** 3),
    "scalar": (lambda a: 2.0 - 0.5 * a + 1.0 / (a * a + 1.0), lambda a: 2.0 - 0.5 * a + 1.0 / (a * a + 1.0)),
    "sum": (Tensor.sum, paddle.sum),
    "sum_rows": (lambda a: a.sum(0, keepdims=True), lambda a: a.sum(0, keepdim=True)),
    "mean_last": (lambda a: a.mean(-1), lambda a: a.mean(-1)),
    "reshape": (lambda a: a.reshape(-1, 1), lambda a: a.reshape([-1, 1])),
    "transpose": (Tensor.transpose, lambda a: a.transpose(list(reversed(range(a.ndim))))),
    "gram": (lambda a: (a @ a.transpose()).tanh(), lambda a: (a @ a.transpose([1, 0])).tanh()),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: (a * b).tanh(),
    "div": lambda a, b: a / (b * b + 1.0),
    "matmul": lambda a, b: (a @ b).tanh(),
}
SHAPES = [(3, 4), (4,), (3, 1), (), (4, 2)]
STEP = st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 20), st.integers(0, 20))


def fits(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """这两个形状能不能做这个运算。"""
    if op == "matmul":
        return len(a) == len(b) == 2 and a[1] == b[0]
    if op == "gram":
        return len(a) == 2
    if op in ("sum_rows", "mean_last"):
        return len(a) > 0
    if op in BINARY:
        try:
            np.broadcast_shapes(a, b)
        except ValueError:
            return False
    return True


def run(program: list, leaves: list, kind: int):
    """依次执行 ``program``，每步的两个操作数从已有的张量中选；返回全部张量的平均之和。"""
    pool = list(leaves)
    for op, i, j in program:
        a, b = pool[i % len(pool)], pool[j % len(pool)]
        shapes = [tuple(x.data.shape) if kind == 0 else tuple(x.shape) for x in (a, b)]
        if fits(op, *shapes):
            pool.append(UNARY[op][kind](a) if op in UNARY else BINARY[op](a, b))
    total = pool[0].mean()
    for tensor in pool[1:]:
        total = total + tensor.mean()
    return total


@settings(max_examples=150, deadline=None, derandomize=True)
@given(program=st.lists(STEP, min_size=1, max_size=10), seed=st.integers(0, 1000))
def test_random_graphs_agree_with_paddle(program, seed):
    generator = np.random.default_rng(seed)
    values = [generator.standard_normal(shape) for shape in SHAPES]
    ours = [Tensor(value) for value in values]
    theirs = [paddle.to_tensor(value, stop_gradient=False) for value in values]
    loss, expected = run(program, ours, 0), run(program, theirs, 1)
    np.testing.assert_allclose(loss.data, expected.numpy(), rtol=1e-12, atol=1e-12)
    loss.backward()
    expected.backward()
    for mine, their in zip(ours, theirs):
        np.testing.assert_allclose(mine.grad, their.grad.numpy(), rtol=1e-9, atol=1e-12)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(program=st.lists(STEP.filter(lambda step: step[0] != "relu"), min_size=1, max_size=6))
def test_random_graphs_agree_with_central_differences(program):
    generator = np.random.default_rng(0)
    values = [generator.standard_normal(shape) for shape in SHAPES]
    leaves = [Tensor(value) for value in values]
    run(program, leaves, 0).backward()
    for index, leaf in enumerate(leaves):

        def scalar(x, index=index):
            return float(run(program, [Tensor(x if i == index else v) for i, v in enumerate(values)], 0).data)

        np.testing.assert_allclose(leaf.grad, central_difference(scalar, values[index]), rtol=1e-6, atol=1e-8)


def test_every_operation_is_reached_by_some_shapes():
    """随机的图不会因为形状总是不合而漏掉某个运算。"""
    for op in [*UNARY, *BINARY]:
        assert any(fits(op, a, b) for a in SHAPES for b in SHAPES), op


def test_a_value_used_several_times_collects_every_gradient():
    """y = x·x·x + x：dy/dx = 3x² + 1。"""
    x = Tensor(2.0)
    (x * x * x + x).backward()
    assert x.grad == 13


def test_gradients_accumulate_until_cleared():
    """同一个叶子的梯度在两次 backward 之间累加；中间量的不累加。"""
    x = Tensor([1.0, 2.0])
    y = x * 3.0
    loss = y.sum()
    loss.backward()
    loss.backward()
    np.testing.assert_array_equal(x.grad, [6, 6])
    np.testing.assert_array_equal(y.grad, [1, 1])


def test_unbroadcast_sums_over_the_stretched_axes():
    assert unbroadcast(np.ones((2, 3, 4)), (3, 1)).tolist() == [[8.0]] * 3
    assert unbroadcast(np.ones((2, 3)), ()) == 6
    assert unbroadcast(np.ones((2, 3)), (2, 3)).shape == (2, 3)


def test_batched_matmul_shares_the_unbatched_side():
    generator = np.random.default_rng(0)
    values = generator.standard_normal((5, 2, 3)), generator.standard_normal((3, 4))
    ours = [Tensor(value) for value in values]
    theirs = [paddle.to_tensor(value, stop_gradient=False) for value in values]
    (ours[0] @ ours[1]).tanh().sum().backward()
    paddle.tanh(theirs[0] @ theirs[1]).sum().backward()
    for mine, their in zip(ours, theirs):
        np.testing.assert_allclose(mine.grad, their.grad.numpy(), rtol=1e-12)


def test_transpose_undoes_any_permutation():
    """三个维轮换一次，逆变换不是它自己。"""
    value = np.random.default_rng(0).standard_normal((2, 3, 4))
    weights = np.random.default_rng(1).standard_normal((3, 4, 2))
    x = Tensor(value)
    y = x.transpose(1, 2, 0)
    assert y.data.shape == (3, 4, 2)
    (y * weights).sum().backward()
    np.testing.assert_array_equal(x.grad, np.moveaxis(weights, 2, 0))


def test_numbers_and_arrays_on_the_left():
    w = Tensor([1.0, 2.0])
    array = np.array([3.0, 4.0])
    y = array + w, array - w, array * w, array / w
    assert all(isinstance(value, Tensor) for value in y)
    np.testing.assert_array_equal([value.data for value in y], [[4, 6], [2, 2], [3, 8], [3, 2]])
    (np.ones((1, 2)) @ w.reshape(2, 1)).backward()
    np.testing.assert_array_equal(w.grad, [1, 1])


def test_very_deep_graph():
    """递归的写法在一千层左右就会超出 Python 的限制。"""
    x = y = Tensor(1.0)
    for _ in range(5000):
        y = y * 1.0
    y.backward()
    assert x.grad == 1


def test_misuse_is_explained():
    with pytest.raises(ValueError, match=r"只有标量可以直接 backward\(\)，这里的形状是 \(2,\)"):
        Tensor([1.0, 2.0]).backward()
    with pytest.raises(ValueError, match=r"@ 的两边至少是二维，得到 \(2,\) 与 \(2, 1\)"):
        Tensor([1.0, 2.0]) @ Tensor([[1.0], [2.0]])
