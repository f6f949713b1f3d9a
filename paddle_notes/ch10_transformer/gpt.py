"""GPT：只有解码器的 Transformer，读到这里，预测下一个字。

论文：Radford 等, *Improving Language Understanding by Generative Pre-Training*, 2018
（GELU、词嵌入与输出层共用权重）；*Language Models are Unsupervised Multitask Learners*, 2019（先归一化，
末尾另加一个层归一化）。

想法：第 7 章的循环网络把前文压缩进一个固定大小的状态；GPT 不压缩，前面的每个字都可以直接去看。
训练时整段一次算完；生成时留着各层的键与值，每步只算新写的那个字。

与 GPT-2 不同（它放出的代码：https://github.com/openai/gpt-2/blob/master/src/model.py ）：位置向量的初始化
也用标准差 0.02，它用 0.01；GELU 是精确的 x·Φ(x)，它用 tanh 近似；注意力权重上没有丢弃法，第一代有
（概率 0.1）；词元是字，它是字节对。
"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from .layers import EncoderLayer
from .masks import causal_mask

State = tuple[Tensor, ...]  # 各层的键与值，依次排列
PAD, UNKNOWN = 0, 1


class GPT(nn.Layer):
    """字符语言模型。输入 tokens (N, T) int64，输出每个位置的下一个字的 logits (N, T, V) 与键值的缓存。

    与 :class:`~paddle_notes.ch07_recurrent.char_lm.CharLSTM` 用法相同；训练时 ``data.carry`` 应为 false。

    参数：
        vocab_size: 词表大小 V，0 是填充。
        max_length: 至多看多少个字，训练的段不能更长。
        d_model: 向量的维数 d，头数的倍数。
        num_heads: 注意力的头数。
        num_layers: 层数。
        dim_feedforward: 前馈网络中间的维数。
        dropout: 词嵌入与位置之和、各子层的输出的丢弃概率。
    """

    def __init__(
        self,
        vocab_size: int,
        max_length: int = 256,
        d_model: int = 192,
        num_heads: int = 6,
        num_layers: int = 3,
        dim_feedforward: int = 768,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.max_length, self.num_layers = max_length, num_layers
        self.embedding = nn.Embedding(vocab_size, d_model)  # 也是输出层的权重
        self.positions = nn.Embedding(max_length, d_model)  # 位置向量由训练得到
        options = (d_model, num_heads, dim_feedforward, dropout, True, F.gelu)
        self.layers = nn.LayerList([EncoderLayer(*options) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """标准差 0.02；通往残差的两个矩阵再除以 √(2·层数)，深处的方差才不随层数增长（GPT-2 的论文）。"""
        for layer in self.sublayers():
            if isinstance(layer, (nn.Linear, nn.Embedding)):
                nn.initializer.Normal(std=0.02)(layer.weight)
        for layer in self.layers:
            for linear in (layer.self_attention.out_proj, layer.feed_forward.linear2):
                nn.initializer.Normal(std=0.02 / (2 * self.num_layers) ** 0.5)(linear.weight)

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """``state`` 是前面各字的键与值；没有则从头读起。总长超过 ``max_length`` 时抛出 ValueError。"""
        past = state[0].shape[2] if state else 0
        total = past + tokens.shape[1]
        if total > self.max_length:
            raise ValueError(
                f"GPT 至多看 {self.max_length} 个字，得到 {total} 个；"
                "请截短文字，或用更大的 max_length 另造一个网络"
            )
        x = self.embedding(tokens) + self.positions(paddle.arange(past, total))  # (N, T, d)
        x = self.dropout(x)
        # (T, 前文 + T)；只有一个字时它后面没有字，不需要掩码
        mask = paddle.to_tensor(causal_mask(tokens.shape[1], total)) if tokens.shape[1] > 1 else None
        new: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            x, key_value = layer(x, mask, state[2 * i : 2 * i + 2] if state else None)
            new += key_value
        logits = paddle.matmul(self.norm(x), self.embedding.weight, transpose_y=True)  # (N, T, V)
        return logits, tuple(new)

    @paddle.no_grad()
    def generate(
        self,
        prompt_ids: np.ndarray,
        length: int,
        temperature: float,
        generator: np.random.Generator,
        use_cache: bool = True,
    ) -> np.ndarray:
        """接着 ``prompt_ids`` (1, T) 往下写 ``length`` 个字，返回它们的编号 (1, length)。

        由 p_v ∝ exp(z_v / 温度) 抽字，0 表示总取最可能的；填充（0）与不认识的字（1）永远不会写出来。
        看满 ``max_length`` 个字之后，丢掉较早的一半，由剩下的重新开始。
        ``use_cache`` 为假时每步都把看得到的字重读一遍，写出的字相同，只是慢。
        ``prompt_ids`` 为空、温度为负时抛出 ValueError。
        """
        if prompt_ids.shape[1] == 0:
            raise ValueError("开头至少要有一个字，才能接着往下写")
        if temperature < 0:
            raise ValueError(f"温度应不小于 0，得到 {temperature}")
        self.eval()
        text = [int(token) for token in np.asarray(prompt_ids)[0]]
        first, state = max(0, len(text) - self.max_length), None  # 从第 first 个字看起
        read = first  # 缓存里已读到第 read 个字
        for _ in range(length):
            if len(text) - first > self.max_length:
                first, state = len(text) - max(1, self.max_length // 2), None
            unread = text[read if state and use_cache else first :]
            logits, state = self(paddle.to_tensor([unread]), state if use_cache else None)
            read = len(text)
            z = logits[0, -1].numpy().astype("float64")  # (V,)
            z[[PAD, UNKNOWN]] = -np.inf
            text.append(sample(z, temperature, generator))
        return np.array([text[-length:] if length else []], dtype="int64")


def sample(logits: np.ndarray, temperature: float, generator: np.random.Generator) -> int:
    """按温度抽一个编号：logits (V,)。"""
    if temperature == 0:
        return int(logits.argmax())
    # p_v = exp(z_v / 温度) / Σ exp(z / 温度)
    p = np.exp((logits - logits.max()) / temperature)
    return int(generator.choice(len(p), p=p / p.sum()))
