"""位置编码：注意力本身不分先后，词的次序要另外告诉它。

论文：Vaswani 等, *Attention Is All You Need*, 2017，第 3.5 节。

想法：给每个位置一个固定的向量，加在词嵌入上。这个向量由快慢不同的正弦、余弦组成，
像一只有许多根针的钟：快的针分辨相邻的位置，慢的针分辨相距很远的位置。
相距 k 的两个位置，每一对正弦、余弦都转过同样的角度，所以网络容易学会“往前第 k 个”。
"""

from __future__ import annotations

import functools

import numpy as np


@functools.lru_cache
def sinusoidal_positions(length: int, d_model: int) -> np.ndarray:
    """前 ``length`` 个位置的编码，(T, d) float64，只读。

    ``d_model`` 是奇数时抛出 ValueError：正弦与余弦成对出现。
    """
    if d_model % 2:
        raise ValueError(f"位置编码由成对的正弦与余弦组成，d_model 应为偶数，得到 {d_model}")
    pos = np.arange(length)[:, None]  # (T, 1)
    i = np.arange(d_model // 2)  # (d/2,)
    # ω_i = 1 / 10000^(2i/d)
    omega = 10000.0 ** (-2 * i / d_model)
    table = np.empty((length, d_model))
    # P[pos, 2i] = sin(pos·ω_i)
    table[:, 0::2] = np.sin(pos * omega)
    # P[pos, 2i + 1] = cos(pos·ω_i)
    table[:, 1::2] = np.cos(pos * omega)
    table.setflags(write=False)
    return table


def embed(ids: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """词嵌入加位置编码：ids (N, T)、weight (V, d) → (N, T, d)。

    词嵌入乘 √d：它的每个分量初始化为标准差 1/√d，乘过之后与位置编码一般大。
    """
    d = weight.shape[1]
    # x_t = √d·E[ids_t] + P[t]
    return np.sqrt(d) * weight[ids] + sinusoidal_positions(ids.shape[1], d)


def embed_backward(dy: np.ndarray, ids: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """:func:`embed` 的反向：位置编码是常数，没有梯度；同一个词出现几次，梯度就加几次。"""
    dweight = np.zeros_like(weight)
    # ∂L/∂E[v] = √d·Σ dy_t，对 ids_t = v 的各处求和
    np.add.at(dweight, ids, np.sqrt(weight.shape[1]) * dy)
    return dweight


def rotation(offset: int, d_model: int) -> np.ndarray:
    """使 P[pos + offset] = P[pos] @ R 的矩阵 R (d, d)：与 pos 无关，每一对正弦、余弦各转一个角度。"""
    angle = offset * 10000.0 ** (-2 * np.arange(d_model // 2) / d_model)  # (d/2,)
    even, odd = np.arange(0, d_model, 2), np.arange(1, d_model, 2)
    matrix = np.zeros((d_model, d_model))
    # sin(a + θ) = sin a·cos θ + cos a·sin θ
    matrix[even, even], matrix[odd, even] = np.cos(angle), np.sin(angle)
    # cos(a + θ) = cos a·cos θ − sin a·sin θ
    matrix[odd, odd], matrix[even, odd] = np.cos(angle), -np.sin(angle)
    return matrix
