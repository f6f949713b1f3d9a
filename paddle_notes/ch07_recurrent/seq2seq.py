"""序列到序列：一个循环网络读完源句，另一个循环网络写出目标句，每写一个词都用注意力回头看源句。

论文：

- Bahdanau, Cho, Bengio, *Neural Machine Translation by Jointly Learning to Align and Translate*, 2014,
  https://arxiv.org/abs/1409.0473 ：注意力；
- Cho 等, *Learning Phrase Representations using RNN Encoder–Decoder for Statistical Machine
  Translation*, 2014, https://arxiv.org/abs/1406.1078 ，与 Sutskever, Vinyals, Le, *Sequence to Sequence
  Learning with Neural Networks*, 2014, https://arxiv.org/abs/1409.3215 ：没有注意力的编码器—解码器。

想法：没有注意力时，整句话要先压成一个固定长度的向量，解码器只看得到它；句子越长，越装不下。
有了注意力，编码器每个位置的 h_j 都留着，写第 t 个词之前先问“现在该看哪里”，按权重取出一个上下文 c_t。

一步（[ ; ] 是左右相接，E·y 是目标句的词 y 的词嵌入）::

    e_{tj} = v·tanh(W_q·s_{t−1} + W_k·h_j)          加性注意力的分数
    α_t    = softmax(e_t)                           填充处为 0
    c_t    = Σ_j α_{tj}·h_j                         上下文
    s_t    = GRU([E·y_{t−1} ; c_t], s_{t−1})
    logits = W_o·[s_t ; c_t ; E·y_{t−1}] + b_o

``attention: false`` 时 c_t 换成不随 t 变的 [h→_S ; h←_1]（从前往后、从后往前各自的最后状态），其余不变，
所以两者的差别只来自注意力。

与 Bahdanau 的论文不同：

- 初始状态 s_0 = tanh(W_s·[h→_S ; h←_1] + b_s)，论文只用 h←_1；有没有注意力都这样，才好比较；
- 输出层由 s_t、c_t、E·y_{t−1} 直接得到 logits；论文用 s_{t−1}，中间多一个 maxout 的隐藏层；
- GRU 是 paddle.nn 的（重置门的位置见 cells.py），带偏置，权重用 paddle 默认的初始化；
- 没有注意力的一种：c_t 每一步都给解码器，照 Cho 的论文；编码器是双向的，Cho 与 Sutskever 的是单向的。

参数个数（两边的词表 V_s、V_t，词嵌入 E 维，隐状态 H 维）：

============== ==================================
 词嵌入         E·V_s + E·V_t
 编码器         2·(3H·(E + H) + 6H)
 初始状态       2H·H + H
 注意力         H·H + 2H·H + H
 解码器         3H·(E + 2H + H) + 6H
 输出层         (E + 3H)·V_t + V_t
============== ==================================
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

PAD = 0
# 用有限的数而不用 −∞：整行都是填充时，softmax 得到的是平均而不是 NaN
BLOCKED = -1e9


class AdditiveAttention(nn.Layer):
    """加性注意力：查询 (N, H) 看各个 h_j (N, S, D)，返回它们的加权平均 (N, D)。

    参数：
        query_size: 查询的维数 H。
        memory_size: h_j 的维数 D。
        hidden_size: 比较用的小网络的隐藏层的维数 A。
    """

    def __init__(self, query_size: int, memory_size: int, hidden_size: int):
        super().__init__()
        self.query_proj = nn.Linear(query_size, hidden_size, bias_attr=False)
        self.key_proj = nn.Linear(memory_size, hidden_size, bias_attr=False)
        self.score = nn.Linear(hidden_size, 1, bias_attr=False)
        self.record: list[Tensor] | None = None  # 不是 None 时，把每一步的权重 (N, S) 添在后面

    def forward(self, query: Tensor, memory: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """keys = W_k·memory (N, S, A) 每一步都相同，由调用者算好；mask (N, S) 加在分数上。"""
        # e_j = v·tanh(W_q·s + W_k·h_j)
        scores = self.score(paddle.tanh(self.query_proj(query).unsqueeze(1) + keys)).squeeze(2)  # (N, S)
        weights = F.softmax(scores + mask)  # (N, S)
        if self.record is not None:
            self.record.append(weights)
        # c = Σ_j α_j·h_j
        return paddle.matmul(weights.unsqueeze(1), memory).squeeze(1)  # (N, D)


@dataclass
class State:
    """写到一半时的状态，N 句各占第一维的一行。

    属性：
        hidden: 解码器的隐状态 s (N, H)。
        context: 固定的上下文 [h→_S ; h←_1] (N, 2H)，没有注意力时用它。
        memory: 编码器各个位置的 h_j (N, S, 2H)。
        keys: W_k·h_j (N, S, H)，没有注意力时是 None。
        mask: 填充的掩码 (N, S)。
    """

    hidden: Tensor
    context: Tensor
    memory: Tensor
    keys: Tensor | None
    mask: Tensor

    def select(self, rows: Tensor) -> State:
        """取出（可以重复）第 ``rows`` (M,) 行。"""
        parts = (self.hidden, self.context, self.memory, self.keys, self.mask)
        return State(*(None if part is None else part.index_select(rows, axis=0) for part in parts))


class Seq2Seq(nn.Layer):
    """循环网络的编码器—解码器。输入 sources (N, S)、targets (N, T) int64，输出下一个词的 logits (N, T, V)。

    targets 以开始符开头；第 t 个输出预测第 t + 1 个词。0 是填充，源句的填充不会被看到。

    参数：
        src_vocab_size: 源词表的大小。
        tgt_vocab_size: 目标词表的大小 V。
        embedding_size: 词嵌入的维数 E。
        hidden_size: 隐状态的维数 H，编码器的每个方向、解码器、注意力的隐藏层都是它。
        attention: 是否用注意力；false 时解码器只看得到一个固定长度的向量。
    """

    def __init__(
        self,
        src_vocab_size: int,
        tgt_vocab_size: int,
        embedding_size: int = 64,
        hidden_size: int = 128,
        attention: bool = True,
    ):
        super().__init__()
        self.source_embedding = nn.Embedding(src_vocab_size, embedding_size, padding_idx=PAD)
        self.target_embedding = nn.Embedding(tgt_vocab_size, embedding_size, padding_idx=PAD)
        self.encoder = nn.GRU(embedding_size, hidden_size, direction="bidirectional")
        self.first = nn.Linear(2 * hidden_size, hidden_size)
        self.attention = AdditiveAttention(hidden_size, 2 * hidden_size, hidden_size) if attention else None
        self.decoder = nn.GRUCell(embedding_size + 2 * hidden_size, hidden_size)
        self.output = nn.Linear(embedding_size + 3 * hidden_size, tgt_vocab_size)

    def start(self, sources: Tensor) -> State:
        """读完源句、还没有写词时的状态：sources (N, S)。"""
        real = sources != PAD
        # 给出长度，反方向就从每句自己的末尾读起，填充处的 h_j 是 0
        memory, final = self.encoder(
            self.source_embedding(sources), sequence_length=real.astype("int64").sum(1)
        )  # (N, S, 2H)，(2, N, H)
        context = paddle.concat([final[0], final[1]], axis=1)  # (N, 2H)
        # s_0 = tanh(W_s·[h→_S ; h←_1] + b_s)
        hidden = paddle.tanh(self.first(context))  # (N, H)
        keys = None if self.attention is None else self.attention.key_proj(memory)  # (N, S, H)
        return State(hidden, context, memory, keys, (1 - real.astype(memory.dtype)) * BLOCKED)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """读入一个词的词嵌入 x (N, E)，返回输出层的输入 [s_t ; c_t ; x] (N, E + 3H) 与新的状态。"""
        context = state.context
        if self.attention is not None:
            context = self.attention(state.hidden, state.memory, state.keys, state.mask)  # (N, 2H)
        # s_t = GRU([E·y_{t−1} ; c_t], s_{t−1})
        hidden, _ = self.decoder(paddle.concat([x, context], axis=1), state.hidden)  # (N, H)
        return paddle.concat([hidden, context, x], axis=1), replace(state, hidden=hidden)

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """教师强制：每一步读入的是正确的上一个词。s_t 要等 s_{t−1}，所以一步一步地算。"""
        state = self.start(sources)
        features = []
        for x in paddle.unbind(self.target_embedding(targets), axis=1):  # T 个 (N, E)
            feature, state = self.advance(x, state)
            features.append(feature)
        return self.output(paddle.stack(features, axis=1))  # (N, T, V)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """读入最新的词 (N, 1)，返回下一个词的 logits (N, V) 与新的状态。"""
        feature, state = self.advance(self.target_embedding(tokens[:, 0]), state)
        return self.output(feature), state

    @contextlib.contextmanager
    def recording(self) -> Iterator[dict[str, list[Tensor]]]:
        """在 ``with`` 之内记下注意力的权重：退出之后 {"cross": [(N, 1, T, S)]}，没有注意力时是空的列表。

        与 Transformer 的写法相同：只有一层、一个头。
        """
        found: dict[str, list[Tensor]] = {"cross": []}
        if self.attention is None:
            yield found
            return
        steps: list[Tensor] = []
        self.attention.record = steps
        try:
            yield found
        finally:
            self.attention.record = None
        if steps:
            found["cross"].append(paddle.stack(steps, axis=1).unsqueeze(1))
