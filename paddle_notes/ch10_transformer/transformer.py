"""Transformer：只用注意力的编码器与解码器，由一句生成另一句。

论文：Vaswani 等, *Attention Is All You Need*, 2017。

想法：循环网络要一个词一个词地读，相距很远的两个词之间隔着许多步；注意力让任意两个词直接相连，
整句一次算完。编码器的每一层，每个词看全部的源词；解码器的每一层，每个词先看已经写出的词，再看全部的源词。

论文的两个网络。37,000 个词元，源与目标共用词表，词嵌入与输出层共用一个矩阵；
d 是维数，f 是前馈网络中间的维数：

============== ============================ ============ =============
 部分           个数                          base          big
============== ============================ ============ =============
 d, f, 头, 层                                 512, 2048,   1024, 4096,
                                              8, 6         16, 6
 词嵌入         37000·d                       18,944,000   37,888,000
 编码器层       4(d² + d) + (2df + f + d)     3,152,384    12,596,224
                + 2·2d
 解码器层       8(d² + d) + (2df + f + d)     4,204,032    16,796,672
                + 3·2d
 合计           词嵌入 + 6·编码器层            63,082,496   214,245,376
                + 6·解码器层
============== ============================ ============ =============

论文写的是 65M 与 213M。词嵌入以外的部分是 44,138,496 与 176,357,376，由此反推，要舍入成 65M，
词表应有约 4.07 万个词元，要舍入成 213M 则约 3.58 万：没有一个词表能同时得到这两个数。
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import paddle
from paddle import Tensor, nn

from .layers import DecoderLayer, EncoderLayer, KeyValue
from .masks import causal_mask, padding_mask
from .positions import sinusoidal_positions


@dataclass
class State:
    """写到一半时的状态，N 句各占第一维的一行。

    属性：
        memories: 解码器各层交叉注意力的键与值，读完源句就不再变。
        mask: 源句的填充掩码 (N, 1, 1, S)。
        past: 各层自注意力到此为止的键与值；一个词也没有时是 None。
        length: 已经读入几个词，即下一个词的位置。
    """

    memories: list[KeyValue]
    mask: Tensor
    past: list[KeyValue | None]
    length: int = 0

    def select(self, rows: Tensor) -> State:
        """取出（可以重复）第 ``rows`` (M,) 行。"""

        def pick(pair: KeyValue | None) -> KeyValue | None:
            return pair and tuple(part.index_select(rows, axis=0) for part in pair)

        memories = [pick(pair) for pair in self.memories]
        past = [pick(pair) for pair in self.past]
        return State(memories, self.mask.index_select(rows, axis=0), past, self.length)


class Transformer(nn.Layer):
    """编码器—解码器。输入 sources (N, S)、targets (N, T) int64，输出下一个词的 logits (N, T, V)。

    targets 以开始符开头；第 t 个输出预测第 t + 1 个词。0 是填充，源句的填充不会被看到。
    输出层的权重就是目标词嵌入的矩阵。

    参数：
        src_vocab_size: 源词表的大小。
        tgt_vocab_size: 目标词表的大小 V。
        d_model: 向量的维数 d，偶数，头数的倍数。
        num_heads: 注意力的头数。
        num_encoder_layers: 编码器的层数。
        num_decoder_layers: 解码器的层数。
        dim_feedforward: 前馈网络中间的维数。
        dropout: 词嵌入与位置编码之和、各子层的输出的丢弃概率。
        pre_norm: 是否先归一化；这时编码器与解码器的末尾各多一个层归一化。论文是后归一化。
        share_embeddings: 源与目标是否共用一个词嵌入矩阵；两边的词表须是同一个。
    """

    def __init__(
        self,
        src_vocab_size: int,
        tgt_vocab_size: int,
        d_model: int = 512,
        num_heads: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        pre_norm: bool = False,
        share_embeddings: bool = False,
    ):
        super().__init__()
        if d_model % 2:
            raise ValueError(f"位置编码由成对的正弦与余弦组成，d_model 应为偶数，得到 {d_model}")
        if share_embeddings and src_vocab_size != tgt_vocab_size:
            raise ValueError(
                f"共用词嵌入时两边的词表应是同一个，得到 {src_vocab_size} 与 {tgt_vocab_size} 个词元；"
                "请去掉 share_embeddings"
            )
        self.d_model = d_model
        self.target_embedding = nn.Embedding(tgt_vocab_size, d_model)
        self.source_embedding = (
            self.target_embedding if share_embeddings else nn.Embedding(src_vocab_size, d_model)
        )
        options = (d_model, num_heads, dim_feedforward, dropout, pre_norm)
        self.encoder = nn.LayerList([EncoderLayer(*options) for _ in range(num_encoder_layers)])
        self.decoder = nn.LayerList([DecoderLayer(*options) for _ in range(num_decoder_layers)])
        # 后归一化的每一层都以归一化结束；先归一化的要在末尾补一个
        self.encoder_norm = nn.LayerNorm(d_model) if pre_norm else nn.Identity()
        self.decoder_norm = nn.LayerNorm(d_model) if pre_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """词嵌入的标准差是 1/√d：乘 √d 之后每个分量方差为 1，用作输出层时 logits 的方差也是 1。"""
        initialize = nn.initializer.Normal(std=self.d_model**-0.5)
        for embedding in (self.source_embedding, self.target_embedding):
            initialize(embedding.weight)

    def embed(self, tokens: Tensor, embedding: nn.Embedding, start: int = 0) -> Tensor:
        """词嵌入加位置编码：tokens (N, T) 是第 ``start`` 个起的词 → (N, T, d)。"""
        positions = sinusoidal_positions(start + tokens.shape[1], self.d_model)[start:]
        # x_t = √d·E[tokens_t] + P[t]
        x = embedding(tokens) * self.d_model**0.5 + paddle.to_tensor(positions.astype("float32"))
        return self.dropout(x)

    def encode(self, sources: Tensor) -> tuple[Tensor, Tensor]:
        """sources (N, S) → 编码器的输出 (N, S, d) 与填充掩码 (N, 1, 1, S)。"""
        mask = padding_mask(sources)
        x = self.embed(sources, self.source_embedding)  # (N, S, d)
        for layer in self.encoder:
            x, _ = layer(x, mask)
        return self.encoder_norm(x), mask

    def logits(self, x: Tensor) -> Tensor:
        """解码器的输出 (N, T, d) → (N, T, V)。"""
        return paddle.matmul(self.decoder_norm(x), self.target_embedding.weight, transpose_y=True)

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        memory, memory_mask = self.encode(sources)
        # 目标句的填充都在末尾，因果掩码已使前面的词看不到它
        mask = paddle.to_tensor(causal_mask(targets.shape[1], targets.shape[1]))  # (T, T)
        x = self.embed(targets, self.target_embedding)  # (N, T, d)
        for layer in self.decoder:
            x, _ = layer(x, mask, layer.cross_attention.keys_values(memory), memory_mask)
        return self.logits(x)  # (N, T, V)

    # ---------------------------------------------------------------- 逐词生成：解码的办法在 decoding.py

    def start(self, sources: Tensor) -> State:
        """读完源句、还没有写词时的状态：编码器的输出在各层的键与值只算这一次。"""
        memory, mask = self.encode(sources)
        memories = [layer.cross_attention.keys_values(memory) for layer in self.decoder]
        return State(memories, mask, past=[None] * len(self.decoder))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """读入最新的词 (N, 1)，返回下一个词的 logits (N, V) 与新的状态。

        只算这一个词：前面各词的键与值都留在状态里。它后面没有词，所以不需要因果掩码。
        """
        x = self.embed(tokens, self.target_embedding, start=state.length)  # (N, 1, d)
        past = []
        for layer, memory, old in zip(self.decoder, state.memories, state.past):
            x, new = layer(x, None, memory, state.mask, old)
            past.append(new)
        return self.logits(x)[:, 0], State(state.memories, state.mask, past, state.length + 1)

    @contextlib.contextmanager
    def recording(self) -> Iterator[dict[str, list[Tensor]]]:
        """在 ``with`` 之内记下注意力的权重：{"encoder"、"decoder"、"cross": 每层一个 (N, h, Tq, Tk)}。"""
        layers = {
            "encoder": [layer.self_attention for layer in self.encoder],
            "decoder": [layer.self_attention for layer in self.decoder],
            "cross": [layer.cross_attention for layer in self.decoder],
        }
        found: dict[str, list[Tensor]] = {kind: [] for kind in layers}
        for kind, attentions in layers.items():
            for attention in attentions:
                attention.record = found[kind]
        try:
            yield found
        finally:
            for attentions in layers.values():
                for attention in attentions:
                    attention.record = None


# 论文表 3 的两个网络；37,000 个共用的词元时的参数个数写在行尾。
transformer_base = partial(Transformer, share_embeddings=True)  # 63,082,496
transformer_big = partial(
    transformer_base, d_model=1024, num_heads=16, dim_feedforward=4096, dropout=0.3
)  # 214,245,376
