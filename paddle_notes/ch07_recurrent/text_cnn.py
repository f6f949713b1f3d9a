"""TextCNN：用几种宽度的卷积在句子里找短语。

论文：Kim, *Convolutional Neural Networks for Sentence Classification*, 2014,
https://arxiv.org/abs/1408.5882 。

想法：宽度为 k 的卷积核在句子上滑动，每个位置看 k 个相邻的词元，像是在找一个 k 元短语；再在时间上取
最大值，只问“这句话里有没有”，不问在哪里。用几种宽度，各有若干个核，把它们的最大值接起来分类。
它没有循环，各个位置可以同时算。

填充：一句有几个词元就有几个窗口，窗口伸出句子的部分看到零。句尾以外的词嵌入正是零向量，取最大值时
只看这些窗口，所以一批里补了多少填充都不影响结果。

与论文不同：论文的窗口不伸出它补过零的句子，一句 n 个词元、宽度 k 有 n − k + 1 个窗口；丢弃法只用在最后的
全连接层之前，这里词嵌入之后也用；宽度是 3、4、5，另有权重的长度不超过 3 的限制与训练好的 300 维词向量，
这里都没有。
"""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


class TextCNN(nn.Layer):
    """TextCNN。

    输入 tokens (N, T) 与 lengths (N,)，都是 int64，0 是填充；输出 logits (N, num_classes)。

    参数：
        vocab_size: 词表大小 V。
        num_classes: 类别数。
        embedding_size: 词嵌入的维数 E。
        num_filters: 每种宽度的卷积核个数 C。
        kernel_sizes: 各种宽度（词元数）。
        dropout: 词嵌入与句子表示的丢弃概率。
    """

    def __init__(
        self,
        vocab_size: int,
        num_classes: int,
        embedding_size: int = 128,
        num_filters: int = 100,
        kernel_sizes: tuple[int, ...] = (2, 3, 4),
        dropout: float = 0.5,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        # 输出与输入一样长，两端补零：第 t 个输出看从 t − ⌊(k − 1)/2⌋ 起的 k 个词元
        self.convolutions = nn.LayerList(
            nn.Conv1D(embedding_size, num_filters, size, padding="SAME") for size in kernel_sizes
        )
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(num_filters * len(kernel_sizes), num_classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        x = self.dropout(self.embedding(tokens))  # (N, T, E)
        x = x.transpose([0, 2, 1])  # (N, E, T)
        padding = (paddle.arange(tokens.shape[1]) >= lengths.unsqueeze(1)).unsqueeze(1)  # (N, 1, T)
        features = []
        for convolution in self.convolutions:
            y = convolution(x).masked_fill(padding, -float("inf"))  # (N, C, T)
            # 先取最大值再过 ReLU，与先过 ReLU 再取最大值相等，而要算的数少得多
            features.append(F.relu(F.adaptive_max_pool1d(y, 1).squeeze(2)))  # (N, C)
        x = paddle.concat(features, axis=1)  # (N, C·宽度的种数)
        return self.classifier(self.dropout(x))  # (N, num_classes)
