"""为什么要有激活函数，为什么要深。

没有激活函数时，几层叠起来仍是一层（:func:`merge_linear`）。有了 ReLU，深度的好处可以数出来：
一个隐藏层的 n 个 ReLU 至多把直线折成 n + 1 段，而把两个 ReLU 的“帐篷”函数复合 k 次，
只用 2k 个 ReLU 就折出 2ᵏ 段（:func:`sawtooth`）。

论文：Telgarsky, *Benefits of Depth in Neural Networks*, 2016。
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .activations import relu


def merge_linear(
    w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """把中间没有激活函数的两层并成一层，返回它的权重与偏置。"""
    # (x·W₁ + b₁)·W₂ + b₂ = x·(W₁·W₂) + (b₁·W₂ + b₂)
    return w1 @ w2, b1 @ w2 + b2


def tent(x: np.ndarray) -> np.ndarray:
    """帐篷函数，一个有两个 ReLU 的隐藏层：在 [0, 1] 上先从 0 升到 1，再降回 0。"""
    # tent(x) = 2·relu(x) − 4·relu(x − 1/2)
    return 2.0 * relu(x) - 4.0 * relu(x - 0.5)


def sawtooth(x: np.ndarray, depth: int) -> np.ndarray:
    """``depth`` 层的锯齿：每多一层，前一层的每一段都被对折，段数加倍。"""
    for _ in range(depth):
        x = tent(x)
    return x


def count_pieces(function: Callable[[np.ndarray], np.ndarray], cells: int) -> int:
    """分段线性的 ``function`` 在 [0, 1] 上有几段；折点须在 1/``cells`` 的整数倍处。

    ``cells`` 取 2 的幂时，锯齿的每个数都能用浮点数精确表示，相邻两格的斜率可以直接比较。
    """
    slopes = np.diff(function(np.arange(cells + 1) / cells))
    return 1 + int(np.count_nonzero(np.diff(slopes)))
