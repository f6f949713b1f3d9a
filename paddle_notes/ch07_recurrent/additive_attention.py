"""加性注意力：手写的前向与反向（NumPy）。用来训练的写法在 seq2seq.py，两者由 tools/verify.py 对照。

论文：Bahdanau, Cho, Bengio, *Neural Machine Translation by Jointly Learning to Align and Translate*, 2014,
https://arxiv.org/abs/1409.0473 ，公式在附录 A.1.2。

想法：写每一个词之前，拿解码器的状态 s（查询）与源句每个位置的 h_j（键）比一比，得到一个分数；分数经过
softmax 成为注意力权重，再用它把各个 h_j 加权平均。比较用一个一层的小网络：先把查询与键各自变换，相加，
所以叫加性。

形状：N 句，源句 S 个位置，查询 H 维，h_j 有 D 维，小网络的隐藏层 A 维。
"""

from __future__ import annotations

import numpy as np

NAMES = ("query", "memory", "w_query", "w_key", "v")  # 查询、各个 h_j、三组参数


def compare(query: np.ndarray, memory: np.ndarray, w_query: np.ndarray, w_key: np.ndarray) -> np.ndarray:
    """小网络的隐藏层：query (N, H)、memory (N, S, D)、w_query (H, A)、w_key (D, A) → (N, S, A)。"""
    # z_j = tanh(s·W_q + h_j·W_k)；查询只有一个，与每个位置相加
    return np.tanh((query @ w_query)[:, None] + memory @ w_key)


def additive_weights(
    query: np.ndarray,
    memory: np.ndarray,
    w_query: np.ndarray,
    w_key: np.ndarray,
    v: np.ndarray,
    real: np.ndarray,
) -> np.ndarray:
    """查询看各个位置的注意力权重 (N, S)，每行的和是 1；real (N, S) 为假的位置是填充，权重为 0。"""
    # e_j = z_j·v
    scores = compare(query, memory, w_query, w_key) @ v  # (N, S)
    scores = np.where(real, scores, -np.inf)
    # α_j = e^{e_j} / Σ_k e^{e_k}；先减去最大值，指数不会溢出
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def additive_attention(
    query: np.ndarray,
    memory: np.ndarray,
    w_query: np.ndarray,
    w_key: np.ndarray,
    v: np.ndarray,
    real: np.ndarray,
) -> np.ndarray:
    """加性注意力：各个 h_j 的加权平均 (N, D)，即写这一个词用的上下文。"""
    weights = additive_weights(query, memory, w_query, w_key, v, real)
    # c = Σ_j α_j·h_j
    return np.einsum("ns,nsd->nd", weights, memory)


def additive_attention_backward(
    dcontext: np.ndarray,
    query: np.ndarray,
    memory: np.ndarray,
    w_query: np.ndarray,
    w_key: np.ndarray,
    v: np.ndarray,
    real: np.ndarray,
) -> dict[str, np.ndarray]:
    """:func:`additive_attention` 的反向，返回 :data:`NAMES` 各项的梯度。"""
    weights = additive_weights(query, memory, w_query, w_key, v, real)  # α，(N, S)
    z = compare(query, memory, w_query, w_key)  # (N, S, A)
    # c = Σ_j α_j·h_j：dα_j = dc·h_j
    dweights = np.einsum("nd,nsd->ns", dcontext, memory)
    # de = α ⊙ (dα − Σ_k α_k·dα_k)，softmax 的反向；填充处 α = 0，梯度也是 0
    dscores = weights * (dweights - (weights * dweights).sum(axis=1, keepdims=True))
    # e_j = z_j·v
    dv = np.einsum("ns,nsa->a", dscores, z)
    # tanh′(a) = 1 − tanh(a)²
    da = dscores[..., None] * v * (1 - z**2)  # (N, S, A)
    # 查询与每个位置相加，它得到的是各个位置的梯度之和
    dquery_side = da.sum(axis=1)  # (N, A)
    # h_j 有两条路：被加权平均，又当作键去比较
    dmemory = weights[..., None] * dcontext[:, None] + da @ w_key.T  # (N, S, D)
    return {
        "query": dquery_side @ w_query.T,
        "memory": dmemory,
        "w_query": query.T @ dquery_side,
        "w_key": np.einsum("nsd,nsa->da", memory, da),
        "v": dv,
    }
