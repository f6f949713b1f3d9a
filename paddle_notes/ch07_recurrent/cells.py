"""循环单元：RNN、LSTM、GRU 的一步，以及它们的反向。

想法：读一个句子时，每读一个词就更新一次脑中的状态，各个词用同一套办法更新。
单元就是这个办法：由这一步的输入 x 与上一步的状态求出新的状态。

论文：

- RNN：Elman, *Finding Structure in Time*, 1990。
- LSTM：Hochreiter 与 Schmidhuber, *Long Short-Term Memory*, 1997；
  遗忘门出自 Gers, Schmidhuber, Cummins, *Learning to Forget*, 2000。
- GRU：Cho 等, *Learning Phrase Representations using RNN Encoder–Decoder*, 2014。

形状：N 是批大小，I 是输入的维数，H 是隐状态的维数，G 是一个单元里线性变换的个数
（RNN 1 个，LSTM 4 个，GRU 3 个）。参数的排列与 paddle.nn 相同，G 个变换上下叠在一起：

=============== ============ ==================================
``weight_ih``   (G·H, I)     作用在输入上
``weight_hh``   (G·H, H)     作用在上一步的隐状态上
``bias_ih``     (G·H,)       输入一侧的偏置
``bias_hh``     (G·H,)       隐状态一侧的偏置
=============== ============ ==================================

LSTM 的四个依次是输入门 i、遗忘门 f、候选 c̃、输出门 o；GRU 的三个依次是重置门 r、更新门 z、候选 c̃。
⊙ 是逐个元素相乘，σ 是 sigmoid。每个 ``*_forward`` 返回新的状态与反向要用的中间量，
每个 ``*_backward`` 由新状态的梯度求出 ∂L/∂x、上一步状态的梯度与参数的梯度。
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

State = tuple[np.ndarray, ...]  # RNN 与 GRU 是 (h,)，LSTM 是 (h, c)，各 (N, H)


class Weights(NamedTuple):
    """一个单元的参数，或它们的梯度；各项的形状见本文件开头。"""

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray
    bias_hh: np.ndarray


def sigmoid(a: np.ndarray) -> np.ndarray:
    """σ(a) = 1 / (1 + e⁻ᵃ)，写成双曲正切，a 很小时也不溢出。"""
    return 0.5 * (1 + np.tanh(0.5 * a))


def linear_backward(da: np.ndarray, x: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """a = x·Wᵀ + b 的反向：返回 ∂L/∂x、∂L/∂W、∂L/∂b。"""
    return da @ weight, da.T @ x, da.sum(axis=0)


# ---------------------------------------------------------------- RNN


def rnn_forward(x: np.ndarray, state: State, w: Weights) -> tuple[State, tuple]:
    """RNN 的一步：x (N, I) 与 h (N, H) → 新的 h (N, H)。"""
    (h,) = state
    # h′ = tanh(W_ih·x + b_ih + W_hh·h + b_hh)
    h_new = np.tanh(x @ w.weight_ih.T + w.bias_ih + h @ w.weight_hh.T + w.bias_hh)  # (N, H)
    return (h_new,), (x, h, h_new)


def rnn_backward(dstate: State, cache: tuple, w: Weights) -> tuple[np.ndarray, State, Weights]:
    """RNN 一步的反向。"""
    x, h, h_new = cache
    (dh_new,) = dstate
    # a 是 tanh 的自变量，tanh′(a) = 1 − tanh(a)²，所以 ∂L/∂a = ∂L/∂h′ ⊙ (1 − h′²)
    da = dh_new * (1 - h_new**2)  # (N, H)
    dx, dweight_ih, dbias_ih = linear_backward(da, x, w.weight_ih)
    dh, dweight_hh, dbias_hh = linear_backward(da, h, w.weight_hh)
    return dx, (dh,), Weights(dweight_ih, dweight_hh, dbias_ih, dbias_hh)


# ---------------------------------------------------------------- LSTM


def lstm_forward(x: np.ndarray, state: State, w: Weights) -> tuple[State, tuple]:
    """LSTM 的一步：x (N, I) 与 h、c (N, H) → 新的 h、c (N, H)。

    记忆 c 沿时间只做乘与加：遗忘门 f 接近 1 时，它几乎原样传下去，梯度也是。
    """
    h, c = state
    # a = W_ih·x + b_ih + W_hh·h + b_hh，四个门的自变量左右相接
    a = x @ w.weight_ih.T + w.bias_ih + h @ w.weight_hh.T + w.bias_hh  # (N, 4H)
    a_i, a_f, a_c, a_o = np.split(a, 4, axis=1)  # 各 (N, H)
    # i = σ(a_i)：输入门，候选写进多少
    i = sigmoid(a_i)
    # f = σ(a_f)：遗忘门，旧的记忆留下多少
    f = sigmoid(a_f)
    # c̃ = tanh(a_c)：候选，想写进去的内容
    candidate = np.tanh(a_c)
    # o = σ(a_o)：输出门，记忆露出多少
    o = sigmoid(a_o)
    # c′ = f ⊙ c + i ⊙ c̃
    c_new = f * c + i * candidate
    # h′ = o ⊙ tanh(c′)
    h_new = o * np.tanh(c_new)
    return (h_new, c_new), (x, h, c, i, f, candidate, o, c_new)


def lstm_backward(dstate: State, cache: tuple, w: Weights) -> tuple[np.ndarray, State, Weights]:
    """LSTM 一步的反向。"""
    x, h, c, i, f, candidate, o, c_new = cache
    dh_new, dc_new = dstate
    # h′ = o ⊙ tanh(c′)：∂L/∂o = ∂L/∂h′ ⊙ tanh(c′)
    do = dh_new * np.tanh(c_new)
    # c′ 从两条路得到梯度：后面的时刻，与 h′ 中的 tanh(c′)
    dc_new = dc_new + dh_new * o * (1 - np.tanh(c_new) ** 2)
    # c′ = f ⊙ c + i ⊙ c̃：∂L/∂c = ∂L/∂c′ ⊙ f，沿时间往回只乘遗忘门
    dc = dc_new * f
    df = dc_new * c
    di = dc_new * candidate
    dcandidate = dc_new * i
    # σ′(a) = σ(a)·(1 − σ(a))，tanh′(a) = 1 − tanh(a)²
    da = np.concatenate(
        [di * i * (1 - i), df * f * (1 - f), dcandidate * (1 - candidate**2), do * o * (1 - o)], axis=1
    )  # (N, 4H)
    dx, dweight_ih, dbias_ih = linear_backward(da, x, w.weight_ih)
    dh, dweight_hh, dbias_hh = linear_backward(da, h, w.weight_hh)
    return dx, (dh, dc), Weights(dweight_ih, dweight_hh, dbias_ih, dbias_hh)


# ---------------------------------------------------------------- GRU


def gru_forward(x: np.ndarray, state: State, w: Weights) -> tuple[State, tuple]:
    """GRU 的一步：x (N, I) 与 h (N, H) → 新的 h (N, H)。

    与 paddle.nn（以及 cuDNN）一致：重置门乘在 W_hc·h + b_hc 之外，所以候选的两个偏置不能合成一个。
    论文乘在 h 上，W_hc·(r ⊙ h)；那样先要等 r 算完才能做矩阵乘法。
    """
    (h,) = state
    a_r, a_z, a_c = np.split(x @ w.weight_ih.T + w.bias_ih, 3, axis=1)  # 各 (N, H)
    b_r, b_z, b_c = np.split(h @ w.weight_hh.T + w.bias_hh, 3, axis=1)  # 各 (N, H)
    # r = σ(W_ir·x + b_ir + W_hr·h + b_hr)：重置门，算候选时旧的状态用多少
    r = sigmoid(a_r + b_r)
    # z = σ(W_iz·x + b_iz + W_hz·h + b_hz)：更新门，旧的状态留多少
    z = sigmoid(a_z + b_z)
    # c̃ = tanh(W_ic·x + b_ic + r ⊙ (W_hc·h + b_hc))
    candidate = np.tanh(a_c + r * b_c)
    # h′ = z ⊙ h + (1 − z) ⊙ c̃
    h_new = z * h + (1 - z) * candidate
    return (h_new,), (x, h, r, z, candidate, b_c)


def gru_backward(dstate: State, cache: tuple, w: Weights) -> tuple[np.ndarray, State, Weights]:
    """GRU 一步的反向。"""
    x, h, r, z, candidate, b_c = cache
    (dh_new,) = dstate
    # h′ = z ⊙ h + (1 − z) ⊙ c̃
    dz = dh_new * (h - candidate)
    dcandidate = dh_new * (1 - z)
    # c̃ = tanh(a_c + r ⊙ b_c)
    da_c = dcandidate * (1 - candidate**2)
    dr = da_c * b_c
    da_r = dr * r * (1 - r)
    da_z = dz * z * (1 - z)
    # 隐状态一侧的候选前面乘了 r，它的梯度也要乘 r；其余两项两侧相同
    da = np.concatenate([da_r, da_z, da_c], axis=1)  # (N, 3H)
    db = np.concatenate([da_r, da_z, da_c * r], axis=1)  # (N, 3H)
    dx, dweight_ih, dbias_ih = linear_backward(da, x, w.weight_ih)
    dh, dweight_hh, dbias_hh = linear_backward(db, h, w.weight_hh)
    # h 还有一条不经过任何权重的路：h′ = z ⊙ h + …
    return dx, (dh + dh_new * z,), Weights(dweight_ih, dweight_hh, dbias_ih, dbias_hh)


# ---------------------------------------------------------------- 三种单元


class Cell(NamedTuple):
    """一种单元：前向、反向、线性变换的个数 G、状态里有几个向量。"""

    forward: Callable
    backward: Callable
    num_gates: int
    num_states: int


CELLS = {
    "rnn": Cell(rnn_forward, rnn_backward, num_gates=1, num_states=1),
    "lstm": Cell(lstm_forward, lstm_backward, num_gates=4, num_states=2),
    "gru": Cell(gru_forward, gru_backward, num_gates=3, num_states=1),
}


def initial_weights(cell: str, input_size: int, hidden_size: int, generator: np.random.Generator) -> Weights:
    """与 paddle.nn 相同的初始化：每个数取自 −1/√H 到 1/√H 的均匀分布。"""
    rows = CELLS[cell].num_gates * hidden_size
    bound = 1 / np.sqrt(hidden_size)
    shapes = [(rows, input_size), (rows, hidden_size), (rows,), (rows,)]
    return Weights(*(generator.uniform(-bound, bound, shape) for shape in shapes))
