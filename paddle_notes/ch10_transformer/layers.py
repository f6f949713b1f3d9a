"""Transformer 的各个部件，用 Paddle 写成：多头注意力、前馈网络、残差与层归一化、编码器层、解码器层。

论文：Vaswani 等, *Attention Is All You Need*, 2017；
先归一化的写法：Xiong 等, *On Layer Normalization in the Transformer Architecture*, 2020。
"""

from __future__ import annotations

from collections.abc import Callable

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

KeyValue = tuple[Tensor, Tensor]  # 键与值，各 (N, h, T, d/h)


class MultiHeadAttention(nn.Layer):
    """多头注意力：查询 (N, Tq, d) → (N, Tq, d)。

    键与值由 :meth:`keys_values` 先算好再传进来：解码时它们可以留着，下一步只算新词的。

    参数：
        d_model: 向量的维数 d。
        num_heads: 头数 h，应整除 d。
    """

    def __init__(self, d_model: int, num_heads: int):
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"d_model 应是头数的倍数，得到 {d_model} 与 {num_heads}；请改 num_heads")
        self.num_heads, self.head_size = num_heads, d_model // num_heads
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)
        self.record: list[Tensor] | None = None  # 是列表时，每次前向把权重追加进去，供画图

    def split_heads(self, x: Tensor) -> Tensor:
        """(N, T, d) → (N, h, T, d/h)。"""
        return x.reshape([0, 0, self.num_heads, self.head_size]).transpose([0, 2, 1, 3])

    def keys_values(self, memory: Tensor) -> KeyValue:
        """memory (N, Tk, d) 的键与值，各 (N, h, Tk, d/h)。"""
        return self.split_heads(self.k_proj(memory)), self.split_heads(self.v_proj(memory))

    def forward(self, x: Tensor, key_value: KeyValue, mask: Tensor | None = None) -> Tensor:
        k, v = key_value
        # 先把 q 除以 √d_k，比除分数少算 Tk/d_k 倍
        q = self.split_heads(self.q_proj(x)) * self.head_size**-0.5  # (N, h, Tq, d/h)
        # A = softmax(Q·Kᵀ / √d_k + 掩码)
        scores = paddle.matmul(q, k, transpose_y=True)  # (N, h, Tq, Tk)
        weights = F.softmax(scores if mask is None else scores + mask, axis=-1)
        if self.record is not None:
            self.record.append(weights)
        # head = A·V
        heads = paddle.matmul(weights, v).transpose([0, 2, 1, 3])  # (N, Tq, h, d/h)
        # MultiHead = [head_1 … head_h]·W^O
        return self.out_proj(heads.flatten(2))  # (N, Tq, d)


class FeedForward(nn.Layer):
    """逐位置的前馈网络：(N, T, d) → (N, T, d)，中间 ``hidden_size`` 维。"""

    def __init__(self, d_model: int, hidden_size: int, activation: Callable[[Tensor], Tensor]):
        super().__init__()
        self.linear1 = nn.Linear(d_model, hidden_size)
        self.linear2 = nn.Linear(hidden_size, d_model)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        # FFN(x) = φ(x·W₁ + b₁)·W₂ + b₂
        return self.linear2(self.activation(self.linear1(x)))


class Residual(nn.Layer):
    """残差连接与层归一化，套在一个子层 f 的外面。

    - 后归一化（论文）：y = LN(x + Dropout(f(x)))；
    - 先归一化：y = x + Dropout(f(LN(x)))，梯度沿加号直达底层，不做预热也能训练。
    """

    def __init__(self, d_model: int, dropout: float, pre_norm: bool):
        super().__init__()
        self.norm, self.dropout, self.pre_norm = nn.LayerNorm(d_model), nn.Dropout(dropout), pre_norm

    def before(self, x: Tensor) -> Tensor:
        """子层的输入。"""
        return self.norm(x) if self.pre_norm else x

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """x 是这一层的输入，y 是子层的输出。"""
        x = x + self.dropout(y)
        return x if self.pre_norm else self.norm(x)


def extend(past: KeyValue | None, new: KeyValue) -> KeyValue:
    """把新词的键与值接在留着的之后。"""
    if past is None:
        return new
    return paddle.concat([past[0], new[0]], axis=2), paddle.concat([past[1], new[1]], axis=2)


class EncoderLayer(nn.Layer):
    """编码器层：自注意力，再前馈网络。加上因果掩码与留着的键值，它就是 GPT 的一层。

    参数：
        d_model: 向量的维数 d。
        num_heads: 头数。
        dim_feedforward: 前馈网络中间的维数。
        dropout: 子层输出的丢弃概率。
        pre_norm: 是否先归一化，见 :class:`Residual`。
        activation: 前馈网络的激活函数。
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        dim_feedforward: int,
        dropout: float,
        pre_norm: bool,
        activation: Callable[[Tensor], Tensor] = F.relu,
    ):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, dim_feedforward, activation)
        self.residuals = nn.LayerList([Residual(d_model, dropout, pre_norm) for _ in range(2)])

    def forward(
        self, x: Tensor, mask: Tensor | None, past: KeyValue | None = None
    ) -> tuple[Tensor, KeyValue]:
        """x (N, T, d) → (N, T, d)，以及这一层到此为止的键与值。"""
        first, second = self.residuals
        y = first.before(x)
        key_value = extend(past, self.self_attention.keys_values(y))
        x = first.after(x, self.self_attention(y, key_value, mask))
        x = second.after(x, self.feed_forward(second.before(x)))
        return x, key_value


class DecoderLayer(nn.Layer):
    """解码器层：自注意力（只看前面），交叉注意力（看编码器的输出），前馈网络。参数同编码器层。"""

    def __init__(self, d_model: int, num_heads: int, dim_feedforward: int, dropout: float, pre_norm: bool):
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, num_heads)
        self.cross_attention = MultiHeadAttention(d_model, num_heads)
        self.feed_forward = FeedForward(d_model, dim_feedforward, F.relu)
        self.residuals = nn.LayerList([Residual(d_model, dropout, pre_norm) for _ in range(3)])

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None,
        memory: KeyValue,
        memory_mask: Tensor,
        past: KeyValue | None = None,
    ) -> tuple[Tensor, KeyValue]:
        """x (N, T, d) → (N, T, d)，以及自注意力到此为止的键与值；``memory`` 是编码器输出的键与值。"""
        first, second, third = self.residuals
        y = first.before(x)
        key_value = extend(past, self.self_attention.keys_values(y))
        x = first.after(x, self.self_attention(y, key_value, mask))
        x = second.after(x, self.cross_attention(second.before(x), memory, memory_mask))
        x = third.after(x, self.feed_forward(third.before(x)))
        return x, key_value
