"""神经语言模型：把前 n − 1 个词的向量拼起来，过一层 tanh，预测下一个词。

论文：Bengio, Ducharme, Vincent, Jauvin, *A Neural Probabilistic Language Model*, 2003。

n 元语法里“猫在走”与“狗在走”是两个毫不相干的串，见过前者对后者没有帮助。这里每个词先变成一个向量，
意思相近的词向量相近，于是没见过的串也能从相近的串得到概率。词向量就是这样作为语言模型的参数出现的。

    x = [E[w₁]; …; E[w_{n−1}]]
    s = b + U·tanh(d + H·x)
    p = softmax(s)

论文里还有一项从 x 直接连到输出的 W·x，并说去掉它结果更好、只是收敛慢些；这里没有它。
"""

from __future__ import annotations

import numpy as np
from paddle import Tensor, nn
from paddle.nn import functional as F


def ngram_windows(ids: np.ndarray, context_size: int) -> tuple[np.ndarray, np.ndarray]:
    """把一段文本 (T,) 变成 contexts (T − c, c) 与 targets (T − c,)，c 是 ``context_size``。"""
    if len(ids) <= context_size:
        raise ValueError(f"文本只有 {len(ids)} 个词元，至少要 {context_size + 1} 个")
    windows = np.lib.stride_tricks.sliding_window_view(ids, context_size + 1)
    return windows[:, :-1], windows[:, -1]


def neural_lm_loss(
    embedding: np.ndarray,
    hidden_weight: np.ndarray,
    hidden_bias: np.ndarray,
    output_weight: np.ndarray,
    output_bias: np.ndarray,
    contexts: np.ndarray,
    targets: np.ndarray,
) -> np.ndarray:
    """手写的前向，返回各例子的损失 −log p(目标)，(N,)。

    参数：
        embedding: E，(V, D)。
        hidden_weight: H，(c·D, M)，c 是前文的词数。
        hidden_bias: d，(M,)。
        output_weight: U，(M, V)。
        output_bias: b，(V,)。
        contexts: 前文的编号，(N, c)。
        targets: 目标的编号，(N,)。
    """
    # x = [E[w₁]; …; E[w_c]]
    x = embedding[contexts].reshape(len(contexts), -1)  # (N, c·D)
    # a = tanh(d + H·x)
    a = np.tanh(x @ hidden_weight + hidden_bias)  # (N, M)
    # s = b + U·a
    s = a @ output_weight + output_bias  # (N, V)
    # L = log Σⱼ exp sⱼ − s_目标
    highest = s.max(1, keepdims=True)
    log_sum = highest[:, 0] + np.log(np.exp(s - highest).sum(1))
    return log_sum - s[np.arange(len(s)), targets]


def neural_lm_backward(
    dy: np.ndarray,
    embedding: np.ndarray,
    hidden_weight: np.ndarray,
    hidden_bias: np.ndarray,
    output_weight: np.ndarray,
    output_bias: np.ndarray,
    contexts: np.ndarray,
    targets: np.ndarray,
) -> dict[str, np.ndarray]:
    """手写的反向：dy (N,) 是各例子损失的梯度，返回 {参数名: 梯度}。"""
    x = embedding[contexts].reshape(len(contexts), -1)  # (N, c·D)
    a = np.tanh(x @ hidden_weight + hidden_bias)  # (N, M)
    s = a @ output_weight + output_bias  # (N, V)
    # ∂L/∂sⱼ = softmax(s)ⱼ − [j 是目标]
    ds = np.exp(s - s.max(1, keepdims=True))
    ds /= ds.sum(1, keepdims=True)
    ds[np.arange(len(s)), targets] -= 1
    ds *= dy[:, None]
    # tanh′ = 1 − a²
    dz = (ds @ output_weight.T) * (1 - a**2)  # (N, M)
    dx = (dz @ hidden_weight.T).reshape(*contexts.shape, -1)  # (N, c, D)
    # ∂L/∂E[w] += ∂L/∂x 中属于 w 的那一段
    d_embedding = np.zeros_like(embedding)
    np.add.at(d_embedding, contexts, dx)
    return {
        "embedding": d_embedding,
        "hidden_weight": x.T @ dz,
        "hidden_bias": dz.sum(0),
        "output_weight": a.T @ ds,
        "output_bias": ds.sum(0),
    }


class NeuralLM(nn.Layer):
    """神经语言模型。输入 contexts (N, context_size)，输出 logits (N, vocab_size)。

    参数：
        vocab_size: 词表大小 V。
        context_size: 看前面几个词，n − 1。
        embedding_dim: 词向量的维数 D。
        hidden_size: 隐藏层的单元数 M。
        dropout: 隐藏层之后的丢弃概率；论文用的是权重衰减。
    """

    def __init__(
        self,
        vocab_size: int,
        context_size: int = 4,
        embedding_dim: int = 32,
        hidden_size: int = 128,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = nn.Embedding(
            vocab_size, embedding_dim, weight_attr=nn.initializer.Normal(std=embedding_dim**-0.5)
        )
        self.hidden = nn.Linear(context_size * embedding_dim, hidden_size)
        self.dropout = nn.Dropout(dropout)
        # 权重的大小只随输入的个数而定；nn.Linear 的默认值随输入与输出个数之和而定，V 很大时几乎是 0，学得慢
        self.output = nn.Linear(
            hidden_size, vocab_size, weight_attr=nn.initializer.Normal(std=hidden_size**-0.5)
        )

    def forward(self, contexts: Tensor, words: Tensor | None = None) -> Tensor:
        """给出 ``words`` (S,) 时只算这几个词的 logits，(N, S)：训练时不必碰到整个词表。"""
        x = self.embedding(contexts)  # (N, c, D)
        x = x.flatten(1)  # (N, c·D)
        x = self.dropout(F.tanh(self.hidden(x)))  # (N, M)
        if words is None:
            return self.output(x)  # (N, V)
        weight = self.output.weight.index_select(words, axis=1)  # (M, S)
        return x @ weight + self.output.bias[words]  # (N, S)
