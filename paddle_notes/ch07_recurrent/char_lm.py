"""字符语言模型：读到这里，下一个字是什么；一个字一个字地接着写，就能写文章。

论文：Mikolov 等, *Recurrent Neural Network Based Language Model*, 2010；
Graves, *Generating Sequences With Recurrent Neural Networks*, 2013；
共享词嵌入与输出层的权重：Press 与 Wolf, *Using the Output Embedding to Improve Language Models*, 2016。

想法：一段文字的概率是逐字的条件概率之积，P(x_1 … x_T) = Π_t P(x_t | x_1 … x_{t−1})。
循环网络的状态概括了前面读过的全部的字，由它得到下一个字的 logits；训练就是减小每个字的交叉熵。

文章很长，不能整篇反向传播。把它切成一段一段，前一段最后的状态作为后一段的初始状态，
上文由此传下去，梯度却只在一段之内往回传，这叫截断的沿时间反向传播。
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn

PAD, UNKNOWN = 0, 1


class CharLSTM(nn.Layer):
    """字符语言模型。输入 tokens (N, T) int64，输出每个位置的下一个字的 logits (N, T, V) 与最后的状态。

    参数：
        vocab_size: 词表大小 V，0 是填充。
        embedding_size: 词嵌入的维数 E。
        hidden_size: 隐状态的维数 H。
        num_layers: LSTM 的层数 L。
        dropout: 词嵌入、各层之间与输出之前的丢弃概率。
        tie_weights: 输出层的权重是否就用词嵌入的矩阵。E 与 H 不同时，先把隐状态线性地投影到 E 维：
            输出层每个字的乘加是 E·V 而不是 H·V，E 小于 H 就快得多。
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_size: int = 128,
        hidden_size: int = 256,
        num_layers: int = 1,
        dropout: float = 0.2,
        tie_weights: bool = False,
    ):
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.lstm = nn.LSTM(
            embedding_size, hidden_size, num_layers, dropout=dropout if num_layers > 1 else 0.0
        )
        self.dropout = nn.Dropout(dropout)
        self.bias = self.create_parameter([vocab_size], is_bias=True)
        self.projection = None
        if tie_weights:
            self.weight = self.embedding.weight
            if embedding_size != hidden_size:
                self.projection = nn.Linear(hidden_size, embedding_size)
            # 与普通的输出层同样的大小，logits 一开始才不会太大
            bound = embedding_size**-0.5
            nn.initializer.Uniform(-bound, bound)(self.embedding.weight)
        else:
            self.weight = self.create_parameter([vocab_size, hidden_size])

    def zero_state(self, batch_size: int) -> tuple[Tensor, Tensor]:
        """一段文字开头的状态：h 与 c 都是零，各 (L, N, H)。"""
        zeros = paddle.zeros([self.num_layers, batch_size, self.hidden_size])
        return zeros, zeros

    def forward(
        self, tokens: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        if state is None:
            state = self.zero_state(tokens.shape[0])
        # 截断：上一段传来的状态只当作数，梯度不再往回传
        state = tuple(part.detach() for part in state)
        x = self.dropout(self.embedding(tokens))  # (N, T, E)
        x, state = self.lstm(x, state)  # (N, T, H)
        x = self.dropout(x)
        if self.projection is not None:
            x = self.projection(x)  # (N, T, E)
        logits = paddle.matmul(x, self.weight, transpose_y=True) + self.bias  # (N, T, V)
        return logits, state

    @paddle.no_grad()
    def generate(
        self, prompt_ids: np.ndarray, length: int, temperature: float, generator: np.random.Generator
    ) -> np.ndarray:
        """接着 ``prompt_ids`` (1, T) 往下写 ``length`` 个字，返回它们的编号 (1, length)。

        每次由 p_v ∝ exp(z_v / 温度) 抽一个字，再把它读进去；状态一直往下传，不必重读前文。
        温度越低越偏向最可能的字，0 表示总取最可能的；填充（0）与不认识的字（1）永远不会写出来。
        ``prompt_ids`` 为空、温度为负时抛出 ValueError。
        """
        if prompt_ids.shape[1] == 0:
            raise ValueError("开头至少要有一个字，才能接着往下写")
        if temperature < 0:
            raise ValueError(f"温度应不小于 0，得到 {temperature}")
        self.eval()
        written: list[int] = []
        tokens, state = np.asarray(prompt_ids, dtype="int64"), None
        for _ in range(length):
            logits, state = self(paddle.to_tensor(tokens), state)
            z = logits[0, -1].numpy().astype("float64")  # (V,)
            z[[PAD, UNKNOWN]] = -np.inf
            written.append(sample(z, temperature, generator))
            tokens = np.array([written[-1:]])
        return np.array([written], dtype="int64")


def sample(logits: np.ndarray, temperature: float, generator: np.random.Generator) -> int:
    """按温度抽一个编号：logits (V,)。"""
    if temperature == 0:
        return int(logits.argmax())
    # p_v = exp(z_v / 温度) / Σ exp(z / 温度)
    p = np.exp((logits - logits.max()) / temperature)
    return int(generator.choice(len(p), p=p / p.sum()))
