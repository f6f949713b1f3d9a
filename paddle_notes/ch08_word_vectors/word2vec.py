"""word2vec：由上下文猜词（或反过来），顺便得到每个词的向量。

论文：Mikolov 等, *Efficient Estimation of Word Representations in Vector Space*, 2013（两种结构）；
Mikolov 等, *Distributed Representations of Words and Phrases and their Compositionality*, 2013
（负采样、二次采样）。

两种结构的差别只在隐藏层 h 从哪里来、猜的是谁；没有激活函数，也没有偏置：

========== ============================== ==================
结构       h                              目标
========== ============================== ==================
跳字模型   中心词的输入向量               一个上下文词
连续词袋   各上下文词的输入向量的平均     中心词
========== ============================== ==================

三种输出层的差别只在“猜目标”的代价有多大，V 是词表大小：

========== ======================================== ====================
输出层     一个例子的损失                           要算几个内积
========== ======================================== ====================
softmax    −log softmax(h·Cᵀ)[目标]                 V
层次       走到目标叶子的路上各次二选一的交叉熵之和 约 log₂V（编码长度）
负采样     目标是真、K 个随机的词是假，各一次二分类 K + 1
========== ======================================== ====================

这里是 NumPy 的手写前向与反向，:mod:`.word2vec_layer` 用 Paddle 的基本运算做同一件事，
:mod:`.training` 用这里的公式训练。
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import expit, softmax

Architecture = Literal["skip_gram", "cbow"]
Objective = Literal["negative_sampling", "hierarchical_softmax", "softmax"]


# ---------------------------------------------------------------- 隐藏层


def hidden(input_vectors: np.ndarray, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """隐藏层：输入词的向量的加权和。

    参数：
        input_vectors: W，(V, D)。
        inputs: 输入词的编号，(N, I)。跳字模型 I = 1，连续词袋 I = 2·window。
        weights: 各输入词的权重，(N, I)：有 n 个上下文词时各为 1/n，空位为 0。

    返回 h，(N, D)。
    """
    # h = Σᵢ aᵢ·W[xᵢ]
    return np.matmul(weights[:, None, :], input_vectors[inputs])[:, 0, :]


def hidden_backward(
    dh: np.ndarray, input_vectors: np.ndarray, inputs: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """∂L/∂W，(V, D)：只有出现过的词那几行不是 0；同一个词出现几次就加几次。"""
    gradient = np.zeros_like(input_vectors)
    # ∂L/∂W[xᵢ] += aᵢ·∂L/∂h
    np.add.at(gradient, inputs, weights[:, :, None] * dh[:, None, :])
    return gradient


def input_words(
    architecture: Architecture, centres: np.ndarray, contexts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """把（中心词，上下文）的例子变成 (输入词 (N, I)，权重 (N, I)，目标 (N,))。

    跳字模型的 ``contexts`` 是 (N,)；连续词袋的是 (N, 2w)，空位是 −1。
    """
    if architecture == "skip_gram":
        return centres[:, None], np.ones((len(centres), 1)), contexts
    present = contexts >= 0
    return np.where(present, contexts, 0), present / present.sum(1, keepdims=True), centres


# ---------------------------------------------------------------- 输出层


def softmax_loss(h: np.ndarray, output_vectors: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """完整的 softmax。h (N, D)，C (V, D)，targets (N,)；返回各例子的损失 (N,)。"""
    scores = h @ output_vectors.T  # (N, V)
    highest = scores.max(1)
    # L = log Σⱼ exp sⱼ − s_目标
    log_sum = highest + np.log(np.exp(scores - highest[:, None]).sum(1))
    return log_sum - scores[np.arange(len(h)), targets]


def softmax_loss_backward(
    dy: np.ndarray, h: np.ndarray, output_vectors: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """返回 (∂L/∂h, ∂L/∂C)；dy (N,) 是各例子损失的梯度。"""
    # ∂L/∂sⱼ = softmax(s)ⱼ − [j 是目标]
    g = softmax(h @ output_vectors.T, axis=1)  # (N, V)
    g[np.arange(len(h)), targets] -= 1
    g *= dy[:, None]
    return g @ output_vectors, g.T @ h


def logistic_loss(
    h: np.ndarray, output_vectors: np.ndarray, ids: np.ndarray, labels: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """若干次二分类的交叉熵之和：负采样与层次 softmax 都是它。

    参数：
        h: (N, D)。
        output_vectors: C，(V, D)；层次 softmax 是内部结点的向量，(V − 1, D)。
        ids: 每个例子与 C 的哪几行相乘，(N, M)。
        labels: 各次的答案，0 或 1，(N, M)。
        mask: 各次算不算，1 或 0，(N, M)。

    返回各例子的损失，(N,)。
    """
    # s = C[id]·h
    s = np.matmul(output_vectors[ids], h[:, :, None])[:, :, 0]  # (N, M)
    # L = Σ −[y·log σ(s) + (1 − y)·log σ(−s)] = Σ log(1 + eˢ) − y·s
    return ((np.logaddexp(0, s) - labels * s) * mask).sum(1)


def logistic_loss_backward(
    dy: np.ndarray,
    h: np.ndarray,
    output_vectors: np.ndarray,
    ids: np.ndarray,
    labels: np.ndarray,
    mask: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """返回 (∂L/∂h, ∂L/∂C)。"""
    rows = output_vectors[ids]  # (N, M, D)
    s = np.matmul(rows, h[:, :, None])[:, :, 0]  # (N, M)
    # ∂L/∂s = σ(s) − y
    g = (expit(s) - labels) * mask * dy[:, None]
    # ∂L/∂h = Σ g·C[id]，∂L/∂C[id] += g·h
    dh = np.matmul(g[:, None, :], rows)[:, 0, :]
    gradient = np.zeros_like(output_vectors)
    np.add.at(gradient, ids, g[:, :, None] * h[:, None, :])
    return dh, gradient


def negative_examples(
    targets: np.ndarray, negatives: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """负采样的 (ids, labels, mask)，各 (N, 1 + K)：目标的答案是 1，抽来的是 0；恰好抽到目标的不算。"""
    ids = np.concatenate([targets[:, None], negatives], 1)
    labels = np.zeros(ids.shape)
    labels[:, 0] = 1
    mask = np.ones(ids.shape)
    mask[:, 1:] = negatives != targets[:, None]
    return ids, labels, mask


# ---------------------------------------------------------------- 抽反例


def noise_distribution(counts: np.ndarray, power: float = 0.75) -> np.ndarray:
    """抽反例的分布，(V,)：次数的 0.75 次方。比按次数抽更常抽到少见的词，比均匀抽更常抽到常见的词。"""
    # P(w) = n_w^0.75 / Σ n^0.75
    weights = counts.astype(np.float64) ** power
    return weights / weights.sum()


class NegativeSampler:
    """按 :func:`noise_distribution` 抽反例：先算好累积概率，抽一个 [0, 1) 的数，二分查找它落在哪个词上。"""

    def __init__(self, counts: np.ndarray):
        self.cumulative = np.cumsum(noise_distribution(counts))
        self.cumulative[-1] = 1.0  # 舍入误差不会使最后一个词之外还有空隙

    def sample(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """词的编号，int32，形状为 ``shape``。"""
        return self.cumulative.searchsorted(generator.random(shape), side="right").astype(np.int32)
