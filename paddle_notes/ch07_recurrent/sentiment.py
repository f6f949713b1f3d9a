"""循环网络做文本分类：逐个词元读完一句话，再判断它属于哪一类。

论文：Hochreiter 与 Schmidhuber, *Long Short-Term Memory*, 1997；
双向：Schuster 与 Paliwal, *Bidirectional Recurrent Neural Networks*, 1997。

想法：词嵌入把词元变成向量，循环网络从头读到尾，每一步的隐状态都带着到此为止的上文；双向的再从尾读到头，
每一步便同时有上文与下文。整句的表示是各步输出的逐维最大值：哪一步最“像”，就由它作主，
不必把关键的词一路记到句末。最后用一个全连接层得到 logits。

一批句子长短不一，短的在右边用 0 补齐。``lengths`` 是各句真正的长度：循环网络到此为止，
取最大值时也只看真正的词元，所以填充多少都不影响结果。
"""

from __future__ import annotations

from typing import Literal

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

LAYERS = {"rnn": nn.SimpleRNN, "lstm": nn.LSTM, "gru": nn.GRU}


class TextRNN(nn.Layer):
    """循环网络做文本分类。

    输入 tokens (N, T) 与 lengths (N,)，都是 int64，0 是填充；输出 logits (N, num_classes)。

    参数：
        vocab_size: 词表大小 V。
        num_classes: 类别数。
        cell: 循环单元，``rnn``、``lstm`` 或 ``gru``。
        embedding_size: 词嵌入的维数 E。
        hidden_size: 每个方向的隐状态的维数 H。
        num_layers: 循环网络的层数。
        bidirectional: 是否双向。
        dropout: 词嵌入、各层之间与句子表示的丢弃概率。
    """

    def __init__(
        self,
        vocab_size: int,
        num_classes: int,
        cell: Literal["rnn", "lstm", "gru"] = "lstm",
        embedding_size: int = 128,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        self.recurrent = LAYERS[cell](
            embedding_size,
            hidden_size,
            num_layers,
            direction="bidirectional" if bidirectional else "forward",
            dropout=dropout if num_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden_size * (2 if bidirectional else 1), num_classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        x = self.dropout(self.embedding(tokens))  # (N, T, E)
        y, _ = self.recurrent(x, sequence_length=lengths)  # (N, T, D·H)，填充处为 0
        padding = paddle.arange(tokens.shape[1]) >= lengths.unsqueeze(1)  # (N, T)
        y = y.transpose([0, 2, 1])  # (N, D·H, T)
        y = y.masked_fill(padding.unsqueeze(1), -1.0)  # 隐状态都大于 −1，填充处不会是最大的
        y = F.adaptive_max_pool1d(y, 1).squeeze(2)  # (N, D·H)
        return self.classifier(self.dropout(y))  # (N, num_classes)
