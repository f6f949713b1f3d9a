"""循环神经网络：同一个单元沿时间走一遍，可以叠几层，可以两个方向，可以处理长短不齐的一批。

想法：:mod:`cells` 的一步重复 T 次，每次把新的状态交给下一次，这叫沿时间展开。展开之后它就是一个 T 层的
网络，各层共用同一组参数；反向传播从最后一步走回第一步，参数的梯度是各步之和
（沿时间反向传播，backpropagation through time）。

论文：Werbos, *Backpropagation Through Time: What It Does and How to Do It*, 1990；
双向：Schuster 与 Paliwal, *Bidirectional Recurrent Neural Networks*, 1997。

长短不齐的一批用填充补到同样长，再给出各自的长度 ``lengths``。填充的位置上状态不变、输出为零，
所以最后的状态就是每个句子真正的最后一步，填充多少都不影响结果；反方向从每个句子自己的末尾开始。

同一件事写两遍：NumPy 的 :func:`recurrent_forward`、:func:`recurrent_backward` 把每一步摊开，
:class:`RecurrentFromScratch` 用 Paddle 的基本运算写，由它自动求导。两者都与 paddle.nn 的
``SimpleRNN``、``LSTM``、``GRU`` 相等（参数的名字、形状、次序都相同）。
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes.ch07_recurrent.cells import CELLS, State, Weights

Layers = list[tuple[Weights, ...]]  # 每层一项；项里单向有一组参数，双向有前、后两组


# ---------------------------------------------------------------- NumPy：一层，一个方向


def direction_forward(
    cell: str, x: np.ndarray, lengths: np.ndarray, state: State, weights: Weights, reverse: bool
) -> tuple[np.ndarray, State, list]:
    """一层、一个方向：x (N, T, I) → 各步的 h (N, T, H)、最后的状态、各步反向要用的中间量。"""
    num_steps = x.shape[1]
    y = np.zeros((*x.shape[:2], state[0].shape[1]))
    caches = []
    for t in reversed(range(num_steps)) if reverse else range(num_steps):
        m = (t < lengths)[:, None]  # (N, 1)，这一步是不是真的词元
        new, cache = CELLS[cell].forward(x[:, t], state, weights)
        # s_t = m ⊙ 单元(x_t, s_{t−1}) + (1 − m) ⊙ s_{t−1}：填充处状态不变
        state = tuple(np.where(m, after, before) for after, before in zip(new, state))
        # y_t = m ⊙ h_t：填充处输出为零
        y[:, t] = np.where(m, new[0], 0)
        caches.append((t, m, cache))
    return y, state, caches


def direction_backward(
    cell: str, dy: np.ndarray, dstate: State, caches: list, weights: Weights
) -> tuple[np.ndarray, State, Weights]:
    """:func:`direction_forward` 的反向：由 ∂L/∂y 与最后状态的梯度，求 ∂L/∂x、初始状态与参数的梯度。"""
    dx = np.zeros((*dy.shape[:2], weights.weight_ih.shape[1]))
    dweights = Weights(*(np.zeros_like(weight) for weight in weights))
    for t, m, cache in reversed(caches):
        # h_t 的梯度从两处来：这一步的输出，与下一步的状态；填充处不经过单元
        through = [np.where(m, d, 0) for d in dstate]
        through[0] = through[0] + np.where(m, dy[:, t], 0)
        dx[:, t], dbefore, step = CELLS[cell].backward(tuple(through), cache, weights)
        # ∂L/∂s_{t−1}：经过单元的一份，加上填充处原样传过来的一份
        dstate = tuple(before + np.where(m, 0, after) for before, after in zip(dbefore, dstate))
        # ∂L/∂W = Σ_t ∂L/∂W_t，W_t 是第 t 步用的那一份：各步共用参数，梯度相加
        dweights = Weights(*(total + part for total, part in zip(dweights, step)))
    return dx, dstate, dweights


# ---------------------------------------------------------------- NumPy：几层，一个或两个方向


def recurrent_forward(
    cell: str, x: np.ndarray, state: State, layers: Layers, lengths: np.ndarray | None = None
) -> tuple[np.ndarray, State, list]:
    """完整的前向。

    参数：
        cell: ``rnn``、``lstm`` 或 ``gru``。
        x: 输入 (N, T, I)。
        state: 初始状态，每个 (L·D, N, H)；L 是层数，D 是方向数，次序为 0 层前向、0 层后向、1 层前向……
        layers: 各层的参数。
        lengths: 各序列的长度 (N,)；None 表示都是 T。

    返回最后一层的输出 (N, T, D·H)、最后的状态（形状同 ``state``）、反向要用的中间量。
    """
    if lengths is None:
        lengths = np.full(len(x), x.shape[1])
    finals, caches = [], []
    for index, layer in enumerate(layers):
        outputs = []
        for direction, weights in enumerate(layer):
            row = index * len(layer) + direction
            y, final, cache = direction_forward(
                cell, x, lengths, tuple(s[row] for s in state), weights, reverse=direction == 1
            )
            outputs.append(y)
            finals.append(final)
            caches.append(cache)
        x = np.concatenate(outputs, axis=2)  # (N, T, D·H)，下一层的输入
    return x, tuple(np.stack(parts) for parts in zip(*finals)), caches


def recurrent_backward(
    cell: str, dy: np.ndarray, dstate: State, caches: list, layers: Layers
) -> tuple[np.ndarray, State, Layers]:
    """:func:`recurrent_forward` 的反向：返回 ∂L/∂x、初始状态的梯度、各层参数的梯度。"""
    dinitial = tuple(np.zeros_like(d) for d in dstate)
    dlayers = []
    for index in reversed(range(len(layers))):
        layer = layers[index]
        dx, dlayer = 0, []
        for direction, dpart in enumerate(np.split(dy, len(layer), axis=2)):
            row = index * len(layer) + direction
            dlast = tuple(d[row] for d in dstate)
            part, dfirst, dweights = direction_backward(cell, dpart, dlast, caches[row], layer[direction])
            dx = dx + part  # 两个方向读的是同一个输入
            dlayer.append(dweights)
            for d, value in zip(dinitial, dfirst):
                d[row] = value
        dlayers.insert(0, tuple(dlayer))
        dy = dx
    return dy, dinitial, dlayers


# ---------------------------------------------------------------- Paddle 的基本运算

Tensors = tuple[Tensor, ...]


def rnn_step(a: Tensor, state: Tensors, weight_hh: Tensor, bias_hh: Tensor) -> Tensors:
    """RNN 的一步；``a`` 是算好的 W_ih·x + b_ih，(N, H)。"""
    (h,) = state
    # h′ = tanh(W_ih·x + b_ih + W_hh·h + b_hh)
    return (paddle.tanh(a + paddle.matmul(h, weight_hh, transpose_y=True) + bias_hh),)


def lstm_step(a: Tensor, state: Tensors, weight_hh: Tensor, bias_hh: Tensor) -> Tensors:
    """LSTM 的一步；``a`` 是算好的 W_ih·x + b_ih，(N, 4H)。"""
    h, c = state
    a = a + paddle.matmul(h, weight_hh, transpose_y=True) + bias_hh
    i, f, candidate, o = paddle.split(a, 4, axis=1)
    # c′ = f ⊙ c + i ⊙ c̃
    c = F.sigmoid(f) * c + F.sigmoid(i) * paddle.tanh(candidate)
    # h′ = o ⊙ tanh(c′)
    return F.sigmoid(o) * paddle.tanh(c), c


def gru_step(a: Tensor, state: Tensors, weight_hh: Tensor, bias_hh: Tensor) -> Tensors:
    """GRU 的一步；``a`` 是算好的 W_ih·x + b_ih，(N, 3H)。"""
    (h,) = state
    a_r, a_z, a_c = paddle.split(a, 3, axis=1)
    b_r, b_z, b_c = paddle.split(paddle.matmul(h, weight_hh, transpose_y=True) + bias_hh, 3, axis=1)
    z = F.sigmoid(a_z + b_z)
    # c̃ = tanh(W_ic·x + b_ic + r ⊙ (W_hc·h + b_hc))
    candidate = paddle.tanh(a_c + F.sigmoid(a_r + b_r) * b_c)
    # h′ = z ⊙ h + (1 − z) ⊙ c̃
    return (z * h + (1 - z) * candidate,)


STEPS = {"rnn": rnn_step, "lstm": lstm_step, "gru": gru_step}


class RecurrentFromScratch(nn.Layer):
    """用 Paddle 的基本运算写的循环神经网络，与 ``nn.SimpleRNN``、``nn.LSTM``、``nn.GRU`` 相等。

    输入的线性变换与状态无关，T 步合起来只做一次矩阵乘法；循环里只剩 W_hh·h。

    参数：
        cell: 单元，``rnn``、``lstm`` 或 ``gru``。
        input_size: 输入的维数 I。
        hidden_size: 隐状态的维数 H。
        num_layers: 层数 L。
        bidirectional: 是否双向；双向时输出是前、后两个方向拼起来的，2H 维。
    """

    def __init__(
        self,
        cell: Literal["rnn", "lstm", "gru"],
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
    ):
        super().__init__()
        self.cell, self.hidden_size, self.num_layers = cell, hidden_size, num_layers
        self.suffixes = ("", "_reverse") if bidirectional else ("",)
        rows = CELLS[cell].num_gates * hidden_size
        # paddle.nn 的默认初始化：−1/√H 到 1/√H 的均匀分布
        uniform = nn.initializer.Uniform(-(hidden_size**-0.5), hidden_size**-0.5)
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else hidden_size * len(self.suffixes)
            for suffix in self.suffixes:
                shapes = {
                    "weight_ih": [rows, inputs],
                    "weight_hh": [rows, hidden_size],
                    "bias_ih": [rows],
                    "bias_hh": [rows],
                }
                for name, shape in shapes.items():
                    parameter = self.create_parameter(shape, default_initializer=uniform)
                    self.add_parameter(f"{name}_l{layer}{suffix}", parameter)

    def forward(
        self, x: Tensor, state: Tensors | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensors]:
        """x (N, T, I) → 最后一层的输出 (N, T, D·H)，最后的状态，每个 (L·D, N, H)。"""
        num_directions = len(self.suffixes)
        if state is None:
            shape = [self.num_layers * num_directions, x.shape[0], self.hidden_size]
            state = (paddle.zeros(shape, x.dtype),) * CELLS[self.cell].num_states
        finals = []
        for layer in range(self.num_layers):
            outputs = []
            for direction, suffix in enumerate(self.suffixes):
                first = tuple(s[layer * num_directions + direction] for s in state)
                y, final = self.run(x, first, f"l{layer}{suffix}", lengths, reverse=direction == 1)
                outputs.append(y)
                finals.append(final)
            x = paddle.concat(outputs, axis=2)  # (N, T, D·H)
        return x, tuple(paddle.stack(parts) for parts in zip(*finals))

    def run(
        self, x: Tensor, state: Tensors, name: str, lengths: Tensor | None, reverse: bool
    ) -> tuple[Tensor, Tensors]:
        """一层、一个方向：x (N, T, I) → (N, T, H) 与最后的状态。"""
        weight_ih, weight_hh, bias_ih, bias_hh = (
            getattr(self, f"{part}_{name}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        num_steps = x.shape[1]
        # a = W_ih·x + b_ih，全部时刻一起算
        a = paddle.matmul(x, weight_ih, transpose_y=True) + bias_ih  # (N, T, G·H)
        a = paddle.unbind(a, axis=1)  # T 个 (N, G·H)
        outputs: list = [None] * num_steps
        for t in reversed(range(num_steps)) if reverse else range(num_steps):
            new = STEPS[self.cell](a[t], state, weight_hh, bias_hh)
            outputs[t] = new[0]
            if lengths is None:
                state = new
            else:
                m = (lengths > t).astype(x.dtype).unsqueeze(1)  # (N, 1)
                state = tuple(m * after + (1 - m) * before for after, before in zip(new, state))
                outputs[t] = m * new[0]
        return paddle.stack(outputs, axis=1), state  # (N, T, H)
