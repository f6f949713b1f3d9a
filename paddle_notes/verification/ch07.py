"""第 7 章的题目：词嵌入、循环单元、循环神经网络、掩码、加性注意力、梯度裁剪。

循环神经网络的题目把输出与最后的状态拉平、接成一列来比较，两者都对得上才算相等。
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from paddle_notes.ch07_recurrent import additive_attention, cells, clipping, embedding, masks, recurrent
from paddle_notes.ch07_recurrent.seq2seq import BLOCKED, AdditiveAttention
from paddle_notes.verification.core import Arrays, Topic, functional, layer

PADDLE_LAYERS = {"rnn": nn.SimpleRNN, "lstm": nn.LSTM, "gru": nn.GRU}
PADDLE_CELLS = {"rnn": nn.SimpleRNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}
STATES = ("h", "c")

# ---------------------------------------------------------------- 词嵌入


def embedding_one_hot(generator: np.random.Generator) -> Topic:
    """查表、独热向量乘矩阵、nn.Embedding；词元有重复的，0 号是填充。"""
    ids = np.array([[3, 1, 3, 0], [2, 3, 1, 1]])
    weight = generator.standard_normal((5, 3))
    weight[0] = 0  # 填充的向量恒为零，独热的写法也就得到零

    def by_matrix(weight):
        # 0 号的那一行不训练：乘以掩码
        rows = (paddle.arange(5) != 0).astype("float64").unsqueeze(1)
        return F.one_hot(paddle.to_tensor(ids), 5).astype("float64") @ (weight * rows)

    return Topic(
        inputs={"weight": weight},
        forward=lambda weight: embedding.embedding(ids, weight, padding_idx=0),
        backward=lambda dy, weight: {"weight": embedding.embedding_backward(dy, ids, weight, padding_idx=0)},
        forms={
            "原语": functional(by_matrix),
            "paddle.nn": layer(
                lambda: nn.Embedding(5, 3, padding_idx=0),
                {"weight": "weight"},
                call=lambda net: net(paddle.to_tensor(ids)),
            ),
        },
    )


# ---------------------------------------------------------------- 一步


def cell_topic(cell: str, generator: np.random.Generator) -> Topic:
    """一个单元的一步；输出是新的状态，LSTM 的 h 与 c 左右相接。"""
    states = STATES[: cells.CELLS[cell].num_states]
    inputs = {"x": generator.standard_normal((2, 3))}
    inputs |= {name: generator.standard_normal((2, 2)) for name in states}
    inputs |= cells.initial_weights(cell, 3, 2, generator)._asdict()

    def unpack(inputs: Arrays):
        weights = cells.Weights(*(inputs[name] for name in cells.Weights._fields))
        return inputs["x"], tuple(inputs[name] for name in states), weights

    def forward(**inputs):
        new, _ = cells.CELLS[cell].forward(*unpack(inputs))
        return np.concatenate(new, axis=1)

    def backward(dy, **inputs):
        x, state, weights = unpack(inputs)
        _, cache = cells.CELLS[cell].forward(x, state, weights)
        parts = tuple(np.split(dy, len(states), axis=1))
        dx, dstate, dweights = cells.CELLS[cell].backward(parts, cache, weights)
        return {"x": dx, **dict(zip(states, dstate)), **dweights._asdict()}

    def primitive(**tensors):
        a = paddle.matmul(tensors["x"], tensors["weight_ih"], transpose_y=True) + tensors["bias_ih"]
        state = tuple(tensors[name] for name in states)
        new = recurrent.STEPS[cell](a, state, tensors["weight_hh"], tensors["bias_hh"])
        return paddle.concat(new, axis=1)

    def call(net, x, **state):
        _, new = net(x, tuple(state.values()) if len(state) > 1 else state["h"])
        return paddle.concat(list(new), axis=1) if len(state) > 1 else new

    return Topic(
        inputs=inputs,
        forward=forward,
        backward=backward,
        forms={
            "原语": functional(primitive),
            "paddle.nn": layer(
                lambda: PADDLE_CELLS[cell](3, 2), {name: name for name in cells.Weights._fields}, call
            ),
        },
    )


# ---------------------------------------------------------------- 沿时间


def in_float64(build: Callable) -> Callable:
    """以 float64 造层。

    paddle 3.3 的 ``nn.LSTM`` 等带着一个没有分配内存的缓冲区，``to(dtype=…)`` 转换它时出错；
    这里一开始就造成 float64，``to`` 便无事可做。
    """

    def wrapped():
        default = paddle.get_default_dtype()
        paddle.set_default_dtype("float64")
        try:
            net = build()
        finally:
            paddle.set_default_dtype(default)
        net.to = lambda dtype: net
        return net

    return wrapped


def recurrent_topic(
    cell: str,
    generator: np.random.Generator,
    num_layers: int = 1,
    bidirectional: bool = False,
    lengths: tuple[int, ...] | None = None,
) -> Topic:
    """完整的循环神经网络，对初始状态也求梯度；``lengths`` 给出长短不齐的一批，这时初始状态为零。

    有填充又双向时，初始状态不为零，paddle 3.3.1 的 CPU 实现求出的反方向的梯度是错的
    （它把填充处的状态当作零），所以有填充的题目都从零开始；本项目的网络也是这样用的。
    """
    num_rows, num_steps, input_size, hidden_size = (len(lengths) if lengths else 2), 3, 2, 2
    num_directions = 2 if bidirectional else 1
    states = STATES[: cells.CELLS[cell].num_states]
    state_shape = (num_layers * num_directions, num_rows, hidden_size)
    inputs = {"x": generator.standard_normal((num_rows, num_steps, input_size))}
    zero_state = tuple(np.zeros(state_shape) for _ in states)
    if lengths is None:
        inputs |= {name: generator.standard_normal(state_shape) for name in states}
    names: list[list[tuple[str, ...]]] = []  # 层、方向 -> 四个参数的名字
    for number in range(num_layers):
        width = input_size if number == 0 else hidden_size * num_directions
        names.append([])
        for suffix in ("", "_reverse")[:num_directions]:
            weights = cells.initial_weights(cell, width, hidden_size, generator)
            names[-1].append(tuple(f"{part}_l{number}{suffix}" for part in weights._fields))
            inputs |= dict(zip(names[-1][-1], weights))
    parameters = {name: name for row in names for keys in row for name in keys}

    def unpack(inputs: Arrays):
        layers = [tuple(cells.Weights(*(inputs[key] for key in keys)) for keys in row) for row in names]
        state = zero_state if lengths else tuple(inputs[name] for name in states)
        return inputs["x"], state, layers

    numbers = None if lengths is None else np.array(lengths)

    def forward(**inputs):
        y, state, _ = recurrent.recurrent_forward(cell, *unpack(inputs), numbers)
        return np.concatenate([y.ravel(), *(s.ravel() for s in state)])

    def backward(dy, **inputs):
        x, state, layers = unpack(inputs)
        y, _, caches = recurrent.recurrent_forward(cell, x, state, layers, numbers)
        size = state[0].size
        dstate = tuple(
            dy[y.size + k * size : y.size + (k + 1) * size].reshape(state_shape) for k in range(len(state))
        )
        dx, dfirst, dlayers = recurrent.recurrent_backward(
            cell, dy[: y.size].reshape(y.shape), dstate, caches, layers
        )
        gradients = {"x": dx, **dict(zip(states, dfirst))}
        for row, drow in zip(names, dlayers):
            for keys, dweights in zip(row, drow):
                gradients |= dict(zip(keys, dweights))
        return gradients

    tensor_lengths = None if lengths is None else paddle.to_tensor(numbers)

    def flat(y, state):
        return paddle.concat([y.flatten(), *(s.flatten() for s in state)])

    def from_scratch(net, x, **state):
        return flat(*net(x, tuple(state.values()) or None, tensor_lengths))

    def paddle_nn(net, x, **state):
        y, new = net(x, tuple(state.values()) if len(state) > 1 else state.get("h"), tensor_lengths)
        return flat(y, new if isinstance(new, tuple) else (new,))

    def build_ours():
        return recurrent.RecurrentFromScratch(cell, input_size, hidden_size, num_layers, bidirectional)

    def build_paddle():
        direction = "bidirectional" if bidirectional else "forward"
        return PADDLE_LAYERS[cell](input_size, hidden_size, num_layers, direction)

    return Topic(
        inputs=inputs,
        forward=forward,
        backward=backward,
        forms={
            "原语": layer(in_float64(build_ours), parameters, from_scratch),
            "paddle.nn": layer(in_float64(build_paddle), parameters, paddle_nn),
        },
    )


# ---------------------------------------------------------------- 掩码


def text_cnn_pooling(generator: np.random.Generator) -> Topic:
    """在时间上取最大值，填充不算。各数相差至少 0.01，差分不会换了取到最大值的那一步。"""
    lengths = np.array([4, 2, 1])
    x = generator.permutation(3 * 4 * 2).reshape(3, 4, 2) / 10 - 1.2
    mask = paddle.to_tensor((np.arange(4) < lengths[:, None])[..., None])  # (N, T, 1)

    def pooled(x):
        x = paddle.where(mask, x, paddle.full_like(x, -np.inf)).transpose([0, 2, 1])
        return F.adaptive_max_pool1d(x, 1).squeeze(2)

    return Topic(
        inputs={"x": x},
        forward=lambda x: masks.max_over_time(x, lengths),
        backward=lambda dy, x: {"x": masks.max_over_time_backward(dy, x, lengths)},
        forms={
            "原语": functional(lambda x: paddle.where(mask, x, paddle.full_like(x, -np.inf)).max(axis=1)),
            "paddle.nn": functional(pooled),
        },
    )


def masked_cross_entropy(generator: np.random.Generator) -> Topic:
    """逐词元的交叉熵，填充（0 号）不算。"""
    labels = np.array([[3, 1, 2, 4], [2, 4, 0, 0]])
    target = paddle.to_tensor(labels)

    def primitive(logits):
        m = (target != 0).astype("float64")
        picked = paddle.take_along_axis(F.log_softmax(logits), target.unsqueeze(2), axis=2).squeeze(2)
        return -(m * picked).sum() / m.sum()

    return Topic(
        inputs={"logits": generator.standard_normal((2, 4, 5))},
        forward=lambda logits: masks.masked_cross_entropy(logits, labels),
        backward=lambda dy, logits: {"logits": masks.masked_cross_entropy_backward(dy, logits, labels)},
        forms={
            "原语": functional(primitive),
            "paddle.nn": functional(lambda logits: F.cross_entropy(logits, target, ignore_index=0)),
        },
    )


# ---------------------------------------------------------------- 加性注意力


def additive_attention_topic(generator: np.random.Generator) -> Topic:
    """加性注意力：查询 (2, 3)，h_j (2, 4, 2)，小网络的隐藏层 5 维；第二句的末尾是填充。"""
    real = np.array([[True, True, True, True], [True, True, False, False]])
    tensor = paddle.to_tensor(real)
    shapes = dict(zip(additive_attention.NAMES, ((2, 3), (2, 4, 2), (3, 5), (2, 5), (5, 1))))
    inputs = {name: generator.standard_normal(shape) for name, shape in shapes.items()}

    def primitive(query, memory, w_query, w_key, v):
        scores = (paddle.tanh((query @ w_query).unsqueeze(1) + memory @ w_key) @ v).squeeze(2)  # (N, S)
        exp = paddle.exp(scores - scores.max(axis=1, keepdim=True)) * tensor.astype("float64")
        weights = exp / exp.sum(axis=1, keepdim=True)
        return (weights.unsqueeze(2) * memory).sum(axis=1)

    def call(net, query, memory):
        mask = (1 - tensor.astype("float64")) * BLOCKED
        return net(query, memory, net.key_proj(memory), mask)

    def forward(v, **inputs):
        return additive_attention.additive_attention(**inputs, v=v[:, 0], real=real)

    def backward(dy, v, **inputs):
        gradients = additive_attention.additive_attention_backward(dy, **inputs, v=v[:, 0], real=real)
        return {**gradients, "v": gradients["v"][:, None]}

    parameters = {"w_query": "query_proj.weight", "w_key": "key_proj.weight", "v": "score.weight"}
    return Topic(
        inputs=inputs,
        forward=forward,
        backward=backward,
        forms={
            "原语": functional(primitive),
            "paddle.nn": layer(lambda: AdditiveAttention(3, 2, 5), parameters, call),
        },
    )


# ---------------------------------------------------------------- 梯度裁剪


def gradient_clipping(generator: np.random.Generator) -> Topic:
    """两个参数的梯度一起裁剪到长度 0.5，与 nn.ClipGradByGlobalNorm 比较。"""
    gradients = {"a": generator.standard_normal((3, 2)), "b": generator.standard_normal(4)}

    def forward(**gradients):
        clipped = clipping.clip_by_global_norm(list(gradients.values()), 0.5)
        return np.concatenate([gradient.ravel() for gradient in clipped])

    def paddle_nn(**gradients):
        pairs = [(paddle.zeros_like(gradient), gradient) for gradient in gradients.values()]
        for parameter, _ in pairs:
            parameter.stop_gradient = False
            parameter.need_clip = True
        return paddle.concat([gradient.flatten() for _, gradient in nn.ClipGradByGlobalNorm(0.5)(pairs)])

    def primitive(**gradients):
        flat = paddle.concat([gradient.flatten() for gradient in gradients.values()])
        return flat * 0.5 / paddle.clip(paddle.linalg.norm(flat), min=0.5)

    return Topic(
        inputs=gradients,
        forward=forward,
        forms={"原语": functional(primitive), "paddle.nn": functional(paddle_nn)},
        note="只比较值：裁剪不参与求导",
    )


TOPICS: dict[str, Callable[[np.random.Generator], Topic]] = {
    "embedding_one_hot": embedding_one_hot,
    **{f"{cell}_cell": partial(cell_topic, cell) for cell in cells.CELLS},
    **{cell: partial(recurrent_topic, cell) for cell in cells.CELLS},
    **{f"{cell}_two_layers": partial(recurrent_topic, cell, num_layers=2) for cell in cells.CELLS},
    **{f"bidirectional_{cell}": partial(recurrent_topic, cell, bidirectional=True) for cell in cells.CELLS},
    "padded_lstm": partial(recurrent_topic, "lstm", lengths=(3, 1, 2)),
    "padded_bidirectional_gru": partial(recurrent_topic, "gru", bidirectional=True, lengths=(2, 3, 1)),
    "text_cnn_pooling": text_cnn_pooling,
    "masked_cross_entropy": masked_cross_entropy,
    "additive_attention": additive_attention_topic,
    "gradient_clipping": gradient_clipping,
}
