"""一个读得完的反向模式自动求导。

想法：每做一次运算，就记下结果由谁算来（``parents``），以及怎样由 ∂L/∂结果 求出 ∂L/∂各来源
（``vjp``，向量与雅可比矩阵之积）。所有记录连成计算图；:meth:`Tensor.backward` 从 L 出发，
按运算的先后倒着走一遍，逐个用链式法则，同一个量被用了几次，几次的梯度就相加。

    >>> w = Tensor([[1.0, 2.0]])
    >>> (w * w).sum().backward()
    >>> w.grad
    array([[2., 4.]])

论文：Linnainmaa 1970 年的硕士论文最早写出反向模式；综述见 Baydin 等,
*Automatic Differentiation in Machine Learning: a Survey*, 2018。
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from .activations import relu, relu_derivative, sigmoid, sigmoid_derivative, tanh, tanh_derivative

_clock = itertools.count()


def unbroadcast(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """广播把一个数用在许多位置上，它的梯度就是这些位置之和：把 ``gradient`` 加回 ``shape``。"""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))  # 广播在前面补出的维
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)  # 从 1 拉长的维
    return gradient.sum(axis=stretched, keepdims=True)


class Tensor:
    """带梯度的 float64 数组。

    属性：
        data: 值。
        grad: ∂L/∂self，与 ``data`` 同形；叶子的梯度在几次 backward 之间累加，与 Paddle 相同。
        parents: 由哪些 Tensor 算来；叶子没有。
        op: 运算的名字，画计算图时用；叶子的 ``op`` 是它自己的名字。
    """

    __array_ufunc__ = None  # 让 numpy 数组 + Tensor 交给 __radd__，而不是逐个元素相加

    def __init__(self, data, op: str = "", parents: tuple[Tensor, ...] = (), vjp: Callable | None = None):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.op, self.parents, self.vjp = op, parents, vjp
        self.order = next(_clock)  # 来源总是先于结果造出，所以编号就是一个拓扑次序

    # ------------------------------------------------ 反向传播

    def ancestors(self) -> list[Tensor]:
        """自己与自己所依赖的全部 Tensor，先算的在前。"""
        found, waiting = {}, [self]
        while waiting:
            node = waiting.pop()
            if id(node) not in found:
                found[id(node)] = node
                waiting += node.parents
        return sorted(found.values(), key=lambda node: node.order)

    def backward(self, gradient: np.ndarray | None = None) -> None:
        """求 L 对每个来源的梯度；``gradient`` 是 ∂L/∂self，self 就是标量 L 时不必给。"""
        if gradient is None:
            if self.data.size != 1:
                raise ValueError(
                    f"只有标量可以直接 backward()，这里的形状是 {self.data.shape}；请给出 gradient"
                )
            gradient = np.ones_like(self.data)
        nodes = self.ancestors()
        for node in nodes:
            if node.parents:
                node.grad = np.zeros_like(node.data)
        self.grad = self.grad + gradient
        for node in reversed(nodes):
            if node.parents:
                # ∂L/∂来源 += ∂L/∂结果 · ∂结果/∂来源
                for parent, part in zip(node.parents, node.vjp(node.grad)):
                    parent.grad = parent.grad + unbroadcast(part, parent.data.shape)

    # ------------------------------------------------ 四则运算与乘方

    def __add__(self, other) -> Tensor:
        other = as_tensor(other)
        return Tensor(self.data + other.data, "+", (self, other), lambda dy: (dy, dy))

    def __mul__(self, other) -> Tensor:
        a, b = self, as_tensor(other)
        # ∂(a·b)/∂a = b，∂(a·b)/∂b = a
        return Tensor(a.data * b.data, "×", (a, b), lambda dy: (dy * b.data, dy * a.data))

    def __truediv__(self, other) -> Tensor:
        a, b = self, as_tensor(other)
        y = a.data / b.data
        # ∂(a/b)/∂a = 1/b，∂(a/b)/∂b = −a/b² = −y/b
        return Tensor(y, "÷", (a, b), lambda dy: (dy / b.data, -dy * y / b.data))

    def __pow__(self, exponent: float) -> Tensor:
        """``exponent`` 是常数，不对它求导。"""
        x = self.data
        # ∂xⁿ/∂x = n·xⁿ⁻¹
        return Tensor(x**exponent, f"^{exponent}", (self,), lambda dy: (dy * exponent * x ** (exponent - 1),))

    def __matmul__(self, other) -> Tensor:
        a, b = self, as_tensor(other)
        if a.data.ndim < 2 or b.data.ndim < 2:
            raise ValueError(f"@ 的两边至少是二维，得到 {a.data.shape} 与 {b.data.shape}；请先 reshape")
        # ∂L/∂A = ∂L/∂Y·Bᵀ，∂L/∂B = Aᵀ·∂L/∂Y
        return Tensor(
            a.data @ b.data,
            "@",
            (a, b),
            lambda dy: (dy @ b.data.swapaxes(-1, -2), a.data.swapaxes(-1, -2) @ dy),
        )

    def __neg__(self) -> Tensor:
        return self * -1.0

    def __sub__(self, other) -> Tensor:
        other = as_tensor(other)
        return Tensor(self.data - other.data, "−", (self, other), lambda dy: (dy, -dy))

    def __rsub__(self, other) -> Tensor:
        return as_tensor(other) - self

    def __rtruediv__(self, other) -> Tensor:
        return as_tensor(other) / self

    def __rmatmul__(self, other) -> Tensor:
        return as_tensor(other) @ self

    __radd__, __rmul__ = __add__, __mul__

    # ------------------------------------------------ 逐个元素的函数

    def exp(self) -> Tensor:
        y = np.exp(self.data)
        return Tensor(y, "exp", (self,), lambda dy: (dy * y,))

    def log(self) -> Tensor:
        return Tensor(np.log(self.data), "log", (self,), lambda dy: (dy / self.data,))

    def relu(self) -> Tensor:
        return Tensor(relu(self.data), "relu", (self,), lambda dy: (dy * relu_derivative(self.data),))

    def tanh(self) -> Tensor:
        return Tensor(tanh(self.data), "tanh", (self,), lambda dy: (dy * tanh_derivative(self.data),))

    def sigmoid(self) -> Tensor:
        return Tensor(
            sigmoid(self.data), "sigmoid", (self,), lambda dy: (dy * sigmoid_derivative(self.data),)
        )

    # ------------------------------------------------ 求和与变形

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        def vjp(dy):
            if axis is not None and not keepdims:
                dy = np.expand_dims(dy, axis)
            return (np.broadcast_to(dy, self.data.shape),)  # 每一项的系数都是 1

        return Tensor(self.data.sum(axis=axis, keepdims=keepdims), "sum", (self,), vjp)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        total = self.sum(axis, keepdims)
        return total * (total.data.size / self.data.size)

    def reshape(self, *shape: int) -> Tensor:
        return Tensor(self.data.reshape(shape), "reshape", (self,), lambda dy: (dy.reshape(self.data.shape),))

    def transpose(self, *axes: int) -> Tensor:
        """按 ``axes`` 重排各维；不给时全部倒过来，与 NumPy 相同。"""
        axes = axes or tuple(reversed(range(self.data.ndim)))
        return Tensor(
            self.data.transpose(axes), "transpose", (self,), lambda dy: (dy.transpose(np.argsort(axes)),)
        )


def as_tensor(value) -> Tensor:
    """数与数组变成叶子，Tensor 原样返回。"""
    return value if isinstance(value, Tensor) else Tensor(value)
