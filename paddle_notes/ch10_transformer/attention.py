"""注意力：手写的前向与反向（NumPy）。用来训练的写法在 layers.py，两者由 tools/verify.py 对照。

论文：Vaswani 等, *Attention Is All You Need*, 2017，第 3.2 节。

想法：查一本字典。每个位置有一个键 k 与一个值 v；拿查询 q 与各个键比较，越像的，它的值的注意力权重越大，
结果是各个值的加权平均。比较用内积，权重用 softmax，于是处处可导。
"""

from __future__ import annotations

import numpy as np

WEIGHTS = ("wq", "wk", "wv", "wo")  # 各 (d, d)
BIASES = ("bq", "bk", "bv", "bo")  # 各 (d,)


def softmax(scores: np.ndarray) -> np.ndarray:
    """最后一维上的 softmax。"""
    # a_j = e^{s_j} / Σ_k e^{s_k}；先减去最大值，指数不会溢出
    exp = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def attention_weights(q: np.ndarray, k: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """每个查询看各个键的注意力权重：q (…, Tq, d_k)、k (…, Tk, d_k) → (…, Tq, Tk)，每行的和是 1。"""
    d_k = q.shape[-1]
    # S = Q·Kᵀ / √d_k
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(d_k)
    if mask is not None:
        scores = scores + mask
    return softmax(scores)


def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """缩放点积注意力：v (…, Tk, d_v) → (…, Tq, d_v)；掩码 (…, Tq, Tk) 加在分数上。

    除以 √d_k：q、k 的分量若独立、均值为 0、方差为 1，内积的方差就是 d_k；不除，d_k 大时 softmax 几乎
    是独热的，梯度接近 0。
    """
    # Attention(Q, K, V) = softmax(Q·Kᵀ / √d_k)·V
    return attention_weights(q, k, mask) @ v


def attention_backward(
    dy: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, mask: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """:func:`attention` 的反向，返回 (dq, dk, dv)。A 是权重，S 是分数。"""
    a = attention_weights(q, k, mask)  # (…, Tq, Tk)
    # dV = Aᵀ·dY
    dv = np.swapaxes(a, -1, -2) @ dy
    # dA = dY·Vᵀ
    da = dy @ np.swapaxes(v, -1, -2)
    # dS = A∘(dA − Σ_j A_j·dA_j)，softmax 的反向；被挡住的位置 A = 0，梯度也是 0
    ds = a * (da - (a * da).sum(axis=-1, keepdims=True))
    ds /= np.sqrt(q.shape[-1])
    # dQ = dS·K / √d_k，dK = dSᵀ·Q / √d_k
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, dv


def split_heads(x: np.ndarray, num_heads: int) -> np.ndarray:
    """把通道分给各个头：(N, T, d) → (N, h, T, d/h)。"""
    n, t, d = x.shape
    return x.reshape(n, t, num_heads, d // num_heads).transpose(0, 2, 1, 3)


def join_heads(x: np.ndarray) -> np.ndarray:
    """:func:`split_heads` 的逆：(N, h, T, d/h) → (N, T, d)。"""
    n, h, t, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(n, t, h * d)


def multi_head_attention(
    x: np.ndarray, memory: np.ndarray, num_heads: int, mask: np.ndarray | None = None, **weights: np.ndarray
) -> np.ndarray:
    """多头注意力：查询来自 x (N, Tq, d)，键与值来自 memory (N, Tk, d) → (N, Tq, d)。

    ``weights`` 是 :data:`WEIGHTS` 与 :data:`BIASES` 的八个数组。memory 就是 x 时是自注意力，
    是编码器的输出时是交叉注意力。每个头只用 d/h 个通道，所以 h 个头的计算量与一个大头相同。
    """
    # head_i = Attention(x·W_i^Q, memory·W_i^K, memory·W_i^V)；各头的 W_i 左右相接就是一个 (d, d) 矩阵
    q = split_heads(x @ weights["wq"] + weights["bq"], num_heads)  # (N, h, Tq, d/h)
    k = split_heads(memory @ weights["wk"] + weights["bk"], num_heads)  # (N, h, Tk, d/h)
    v = split_heads(memory @ weights["wv"] + weights["bv"], num_heads)
    heads = join_heads(attention(q, k, v, mask))  # (N, Tq, d)
    # MultiHead = [head_1 … head_h]·W^O
    return heads @ weights["wo"] + weights["bo"]


def linear_backward(
    dy: np.ndarray, x: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = x·w + b 的反向，返回 (dx, dw, db)；x (N, T, 输入数)。"""
    # dx = dy·wᵀ，dw = Σ xᵀ·dy，db = Σ dy
    return dy @ w.T, np.einsum("nti,nto->io", x, dy), dy.sum(axis=(0, 1))


def multi_head_attention_backward(
    dy: np.ndarray,
    x: np.ndarray,
    memory: np.ndarray,
    num_heads: int,
    mask: np.ndarray | None = None,
    **weights: np.ndarray,
) -> dict[str, np.ndarray]:
    """:func:`multi_head_attention` 的反向，返回 x、memory 与八个权重的梯度。"""
    q = split_heads(x @ weights["wq"] + weights["bq"], num_heads)
    k = split_heads(memory @ weights["wk"] + weights["bk"], num_heads)
    v = split_heads(memory @ weights["wv"] + weights["bv"], num_heads)
    heads = join_heads(attention(q, k, v, mask))
    dheads, dwo, dbo = linear_backward(dy, heads, weights["wo"])
    dq, dk, dv = attention_backward(split_heads(dheads, num_heads), q, k, v, mask)
    dx, dwq, dbq = linear_backward(join_heads(dq), x, weights["wq"])
    dmemory_k, dwk, dbk = linear_backward(join_heads(dk), memory, weights["wk"])
    dmemory_v, dwv, dbv = linear_backward(join_heads(dv), memory, weights["wv"])
    gradients = dict(zip((*WEIGHTS, *BIASES), (dwq, dwk, dwv, dwo, dbq, dbk, dbv, dbo)))
    # memory 同时用作键与值，两处的梯度相加
    return {"x": dx, "memory": dmemory_k + dmemory_v, **gradients}
