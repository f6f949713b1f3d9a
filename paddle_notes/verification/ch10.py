"""第 10 章的题目：位置编码、注意力、多头注意力、层归一化、前馈网络、标签平滑。"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes.ch10_transformer import (
    attention,
    feed_forward,
    label_smoothing,
    layer_norm,
    masks,
    positions,
)
from paddle_notes.verification.core import Topic, functional, layer

NUM_HEADS = 2
PROJECTIONS = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
PARAMETERS = {
    f"{kind}{short}": f"{name}.{part}"
    for kind, part in (("w", "weight"), ("b", "bias"))
    for short, name in PROJECTIONS.items()
}


def positional_encoding(generator: np.random.Generator) -> Topic:
    """词嵌入乘 √d 再加位置编码；位置编码另由旋转一步一步得到。词元有重复的。"""
    ids, d = np.array([[3, 1, 3, 0], [2, 3, 1, 1]]), 6
    step = positions.rotation(1, d)
    table = [np.tile([0.0, 1.0], d // 2)]  # 位置 0：正弦全是 0，余弦全是 1
    for _ in range(ids.shape[1] - 1):
        table.append(table[-1] @ step)
    table = paddle.to_tensor(np.stack(table))

    def by_matrix(weight: Tensor) -> Tensor:
        return d**0.5 * F.one_hot(paddle.to_tensor(ids), 5).astype("float64") @ weight + table

    return Topic(
        inputs={"weight": generator.standard_normal((5, d))},
        forward=lambda weight: positions.embed(ids, weight),
        backward=lambda dy, weight: {"weight": positions.embed_backward(dy, ids, weight)},
        forms={
            "原语": functional(by_matrix),
            "paddle.nn": layer(
                lambda: nn.Embedding(5, d),
                {"weight": "weight"},
                call=lambda net: net(paddle.to_tensor(ids)) * d**0.5 + table,
            ),
        },
    )


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """用 Paddle 的基本运算写成的注意力。"""
    scores = paddle.matmul(q, k, transpose_y=True) / q.shape[-1] ** 0.5 + mask
    exp = paddle.exp(scores - scores.max(axis=-1, keepdim=True))
    return paddle.matmul(exp / exp.sum(axis=-1, keepdim=True), v)


def attention_topic(causal: bool, generator: np.random.Generator) -> Topic:
    """缩放点积注意力，两句各有两个头；``causal`` 时只看前面，否则第二句的末尾是填充。"""
    if causal:
        mask = masks.causal_mask(4, 4).astype("float64")
    else:
        mask = masks.padding_mask(np.array([[5, 2, 7, 4], [3, 6, 0, 0]])).astype("float64")
    tensor = paddle.to_tensor(mask)

    def backward(dy, **inputs):
        return dict(zip("qkv", attention.attention_backward(dy, **inputs, mask=mask)))

    def fused(q, k, v):
        # 这个函数要求 (N, T, h, d)
        q, k, v = (part.transpose([0, 2, 1, 3]) for part in (q, k, v))
        full = tensor.expand([2, NUM_HEADS, 4, 4])
        return F.scaled_dot_product_attention(q, k, v, attn_mask=full).transpose([0, 2, 1, 3])

    return Topic(
        inputs={name: generator.standard_normal((2, NUM_HEADS, 4, 3)) for name in "qkv"},
        forward=lambda q, k, v: attention.attention(q, k, v, mask),
        backward=backward,
        forms={
            "原语": functional(lambda q, k, v: attend(q, k, v, tensor)),
            "paddle.nn": functional(fused),
        },
    )


def multi_head_topic(cross: bool, generator: np.random.Generator) -> Topic:
    """多头注意力：自注意力（因果掩码），或查询与键值来自两个序列的交叉注意力。"""
    d, num_keys = 4, 4 if cross else 3
    mask = np.zeros((3, num_keys)) if cross else masks.causal_mask(3, 3).astype("float64")
    tensor = paddle.to_tensor(mask)
    inputs = {"x": generator.standard_normal((2, 3, d))}
    if cross:
        inputs["memory"] = generator.standard_normal((2, num_keys, d))
    inputs |= {name: generator.standard_normal((d, d)) / d**0.5 for name in attention.WEIGHTS}
    inputs |= {name: generator.standard_normal(d) for name in attention.BIASES}

    def forward(x, memory=None, **weights):
        return attention.multi_head_attention(x, x if memory is None else memory, NUM_HEADS, mask, **weights)

    def backward(dy, x, memory=None, **weights):
        source = x if memory is None else memory
        gradients = attention.multi_head_attention_backward(dy, x, source, NUM_HEADS, mask, **weights)
        dmemory = gradients.pop("memory")
        if cross:
            return {**gradients, "memory": dmemory}
        return {**gradients, "x": gradients["x"] + dmemory}  # 自注意力：x 又是 memory

    def split(x: Tensor) -> Tensor:
        return x.reshape([0, 0, NUM_HEADS, d // NUM_HEADS]).transpose([0, 2, 1, 3])

    def primitive(x, memory=None, **w):
        source = x if memory is None else memory
        q, k, v = (split(part @ w[f"w{n}"] + w[f"b{n}"]) for n, part in zip("qkv", (x, source, source)))
        return attend(q, k, v, tensor).transpose([0, 2, 1, 3]).flatten(2) @ w["wo"] + w["bo"]

    def call(net, x, memory=None):
        source = x if memory is None else memory
        return net(x, source, source, tensor)

    return Topic(
        inputs=inputs,
        forward=forward,
        backward=backward,
        forms={
            "原语": functional(primitive),
            "paddle.nn": layer(lambda: nn.MultiHeadAttention(d, NUM_HEADS), PARAMETERS, call),
        },
    )


def layer_normalization(generator: np.random.Generator) -> Topic:
    """层归一化。ε 取 2⁻¹⁰：Paddle 把它存成 float32，2 的幂没有误差。"""
    epsilon, d = 2.0**-10, 5

    def backward(dy, x, gamma, beta):
        gradients = layer_norm.layer_norm_backward(dy, x, gamma, epsilon)
        return dict(zip(("x", "gamma", "beta"), gradients))

    def primitive(x, gamma, beta):
        centered = x - x.mean(axis=-1, keepdim=True)
        variance = (centered * centered).mean(axis=-1, keepdim=True)
        return gamma * centered * paddle.rsqrt(variance + epsilon) + beta

    return Topic(
        inputs={
            "x": generator.standard_normal((2, 3, d)),
            "gamma": generator.standard_normal(d),
            "beta": generator.standard_normal(d),
        },
        forward=lambda x, gamma, beta: layer_norm.layer_norm(x, gamma, beta, epsilon),
        backward=backward,
        forms={
            "原语": functional(primitive),
            "paddle.nn": layer(lambda: nn.LayerNorm(d, epsilon=epsilon), {"gamma": "weight", "beta": "bias"}),
        },
    )


def feed_forward_topic(generator: np.random.Generator) -> Topic:
    """前馈网络。b₁ 使每个隐藏单元都离 0 至少 0.1，差分不会跨过 ReLU 的拐点。"""
    d, hidden = 3, 4
    x, w1 = generator.standard_normal((2, 2, d)), generator.standard_normal((d, hidden))
    b1 = generator.standard_normal(hidden)
    while np.abs(x @ w1 + b1).min() < 0.1:
        b1 = generator.standard_normal(hidden)

    return Topic(
        inputs={
            "x": x,
            "w1": w1,
            "b1": b1,
            "w2": generator.standard_normal((hidden, d)),
            "b2": generator.standard_normal(d),
        },
        forward=feed_forward.feed_forward,
        backward=lambda dy, x, w1, b1, w2, b2: feed_forward.feed_forward_backward(dy, x, w1, b1, w2),
        forms={
            "原语": functional(lambda x, w1, b1, w2, b2: paddle.clip(x @ w1 + b1, min=0) @ w2 + b2),
            "paddle.nn": layer(
                lambda: nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, d)),
                {"w1": "0.weight", "b1": "0.bias", "w2": "2.weight", "b2": "2.bias"},
            ),
        },
    )


def label_smoothing_topic(generator: np.random.Generator) -> Topic:
    """平滑的交叉熵，0 号是填充；ε 取 1/8，词表取 4 个词：Paddle 把 ε/V 存成 float32，这样没有误差。"""
    labels, epsilon, vocab_size = np.array([[3, 1, 2], [2, 0, 0]]), 0.125, 4
    target = paddle.to_tensor(labels)
    mask = (target != 0).astype("float64")

    def primitive(logits):
        log_p = F.log_softmax(logits, axis=-1)
        picked = paddle.take_along_axis(log_p, target.unsqueeze(2), axis=2).squeeze(2)
        return -(mask * ((1 - epsilon) * picked + epsilon * log_p.mean(axis=-1))).sum() / mask.sum()

    def paddle_nn(logits):
        q = F.label_smooth(F.one_hot(target, vocab_size).astype("float64"), epsilon=epsilon)
        cost = F.cross_entropy(logits, q, soft_label=True, reduction="none").squeeze(-1)  # (N, T)
        return (mask * cost).sum() / mask.sum()

    return Topic(
        inputs={"logits": generator.standard_normal((2, 3, vocab_size))},
        forward=lambda logits: label_smoothing.smoothed_cross_entropy(logits, labels, epsilon),
        backward=lambda dy, logits: {
            "logits": label_smoothing.smoothed_cross_entropy_backward(dy, logits, labels, epsilon)
        },
        forms={"原语": functional(primitive), "paddle.nn": functional(paddle_nn)},
    )


TOPICS: dict[str, Callable[[np.random.Generator], Topic]] = {
    "positional_encoding": positional_encoding,
    "scaled_dot_product_attention": partial(attention_topic, False),
    "causal_attention": partial(attention_topic, True),
    "multi_head_attention": partial(multi_head_topic, False),
    "cross_attention": partial(multi_head_topic, True),
    "layer_norm": layer_normalization,
    "feed_forward": feed_forward_topic,
    "label_smoothing": label_smoothing_topic,
}
