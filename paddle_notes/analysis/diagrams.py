"""教学的示意图：不由网络画出，但与结构图同一个样子；图里的数都是算出来的。"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from paddle_notes.analysis.svg import SIZE, SMALL, Canvas

# ---------------------------------------------------------------- 循环网络

LSTM_TITLES = (
    "一、简单的循环单元",
    "二、加一条记忆的线",
    "三、加遗忘门与输入门",
    "四、加输出门：LSTM",
)
LSTM_FORMULAS = (
    ["h_{t} = tanh(W·[h_{t−1}, x_{t}] + b)"],
    ["c_{t} = c_{t−1} + c̃_{t}", "h_{t} = tanh(c_{t})"],
    ["c_{t} = f_{t} ⊙ c_{t−1} + i_{t} ⊙ c̃_{t}", "h_{t} = tanh(c_{t})"],
    ["c_{t} = f_{t} ⊙ c_{t−1} + i_{t} ⊙ c̃_{t}", "h_{t} = o_{t} ⊙ tanh(c_{t})"],
)


def draw_lstm(path: Path, stage: int) -> None:
    """LSTM 分四步长成，画第 ``stage`` 步；新加的是醒目的线。"""
    canvas = Canvas()
    memory, gates, bus, out = 40, 165, 225, 355  # 记忆的线、门、输入的线各在什么高度；输出的横坐标
    canvas.box(202, 128, 390, 240, "frame", dashed=True, radius=16)
    ends = {1: 195, 2: 235, 3: 235, 4: 300}[stage]  # 输入的线通到哪里
    canvas.text(-22, bus, "h_{t−1}", SIZE, "o", "end")
    canvas.path((-16, bus), (ends, bus), (ends, gates + 16))
    canvas.path((40, 282), (40, bus), arrow=False)
    canvas.text(40, 294, "x_{t}", SIZE, "o")
    if stage == 1:
        canvas.path((ends, gates - 16), (ends, 110), (out, 110), (out, bus), (415, bus))
        canvas.box(ends, gates, 60, 32, "act", ["tanh"])
    else:
        new = stage == 2
        canvas.text(-22, memory, "c_{t−1}", SIZE, "k" if new else "o", "end")
        for start, end in _memory_pieces(stage):
            canvas.path((start, memory), (end, memory), skip=new)
        canvas.text(421, memory, "c_{t}", SIZE, "k" if new else "o", "start")
        canvas.path((out, memory), (out, 74), skip=new)
        canvas.box(out, 90, 54, 32, "act", ["tanh"])
        if stage == 4:
            canvas.path((out, 106), (out, 118))
            canvas.path((out, 144), (out, bus), (415, bus))
            canvas.path((300, bus), (300, gates + 16), skip=True)
            canvas.path((300, gates - 16), (300, 131), (out - 13, 131), skip=True)
            canvas.circle(out, 131, 13, "join", "⊙")
            canvas.box(300, gates, 44, 32, "norm", ["σ"])
            canvas.text(284, gates - 28, "o_{t}", SMALL, "k")
        else:
            canvas.path((out, 106), (out, bus), (415, bus))
        if stage == 2:
            canvas.path((235, gates - 16), (235, 95), (195, 95), (195, memory + 13), skip=True)
        else:
            gate = stage == 3
            canvas.path((235, bus), (235, gates + 16))
            for x in (85, 155):
                canvas.path((x, bus), (x, gates + 16), skip=gate)
            canvas.path((85, gates - 16), (85, memory + 13), skip=gate)
            canvas.path((155, gates - 16), (155, 100), (182, 100), skip=gate)
            canvas.path((235, gates - 16), (235, 100), (208, 100))
            canvas.path((195, 87), (195, memory + 13))
            canvas.circle(85, memory, 13, "join", "⊙")
            canvas.circle(195, 100, 13, "join", "⊙")
            for x, name in ((85, "f_{t}"), (155, "i_{t}")):
                canvas.box(x, gates, 44, 32, "norm", ["σ"])
                canvas.text(x + 14, gates - 28, name, SMALL, "k" if gate else "o")
        canvas.circle(195, memory, 13, "join", "＋")
        canvas.box(235, gates, 54, 32, "act", ["tanh"])
        canvas.text(251, gates - 28, "c̃_{t}", SMALL, "k" if new else "o")
    canvas.text(421, bus, "h_{t}", SIZE, "o", "start")
    canvas.text(195, -24, LSTM_TITLES[stage - 1], SIZE, "o")
    for row, words in enumerate(LSTM_FORMULAS[stage - 1]):
        canvas.text(195, 326 + 24 * row, words, SIZE, "o")
    canvas.save(path, f"LSTM 的由来：{LSTM_TITLES[stage - 1]}")


def _memory_pieces(stage: int) -> list[tuple[float, float]]:
    """记忆的线被圆圈断成几段。"""
    return [(-16, 182), (208, 415)] if stage == 2 else [(-16, 72), (98, 182), (208, 415)]


def draw_unrolled_rnn(path: Path) -> None:
    """循环网络按时刻展开四步：各步是同一组权重。"""
    canvas = Canvas()
    places = [70 + 96 * step for step in range(4)]
    canvas.text(8, 80, "h_{0}", SIZE, "o")
    for step, (x, before) in enumerate(zip(places, [-4, *places]), start=1):
        canvas.path((before + (24 if step == 1 else 29), 80), (x - 29, 80), skip=step > 1)
        if step > 1:
            canvas.text((x + before) / 2, 64, f"h_{{{step - 1}}}", SMALL, "k")
        canvas.path((x, 137), (x, 102))
        canvas.path((x, 58), (x, 23))
        canvas.box(x, 80, 58, 44, "block", ["RNN"])
        canvas.box(x, 155, 50, 36, "input", [f"x_{{{step}}}"])
        canvas.box(x, 5, 50, 36, "linear", [f"y_{{{step}}}"])
    canvas.path((places[-1] + 29, 80), (places[-1] + 58, 80), skip=True)
    canvas.text(places[-1] + 62, 80, "h_{4}", SIZE, "k", "start")
    canvas.text(214, 200, "h_{t} = tanh(W_{xh}·x_{t} + W_{hh}·h_{t−1} + b)", SIZE, "o")
    canvas.text(214, 224, "四个方框是同一个单元：权重是同一组", SMALL, "o")
    canvas.save(path, "循环网络按时刻展开")


def draw_seq2seq_attention(path: Path) -> None:
    """编码器–解码器与加性注意力：写一个词的一步。"""
    canvas = Canvas()
    places = (60, 160, 260)
    for number, x in enumerate(places, start=1):
        canvas.path((x, 18), (x, 42))
        canvas.path((x, 78), (x, 104))
        canvas.path((x, 136), (x, 174))
        canvas.path((x, 210), (x, 240))
        if number > 1:
            canvas.path((x - 68, 60), (x - 32, 60))
        canvas.box(x, 0, 64, 36, "input", [f"x_{{{number}}}"])
        canvas.box(x, 60, 64, 36, "block", ["GRU"])
        canvas.box(x, 120, 64, 32, "view", [f"h_{{{number}}}"])
        canvas.box(x, 192, 64, 36, "conv", [f"打分 e_{{{number}}}"], size=SMALL)
    canvas.path((350, 174), (350, 155), (76, 155), arrow=False)
    for x in places:
        canvas.path((x + 16, 155), (x + 16, 174))
    canvas.box(350, 192, 72, 36, "block", ["s_{t−1}"])
    canvas.path((28, 120), (0, 120), (0, 324), (30, 324), skip=True)
    canvas.text(-6, 222, "值", SMALL, "k", "end")
    canvas.path((160, 274), (160, 304))
    canvas.box(160, 257, 264, 34, "act", ["softmax：α_{1} + α_{2} + α_{3} = 1"], size=SMALL + 1)
    canvas.box(160, 324, 264, 40, "join", ["加权平均 c_{t} = Σ α_{i} h_{i}"], size=SMALL + 1)
    canvas.path((160, 344), (160, 374))
    canvas.path((350, 210), (350, 395), (234, 395))
    canvas.box(160, 395, 148, 42, "block", ["解码器的 GRU"])
    canvas.path((60, 395), (86, 395))
    canvas.box(28, 395, 64, 36, "input", ["y_{t−1}"])
    canvas.path((160, 416), (160, 444))
    canvas.text(176, 430, "s_{t}", SMALL, "o", "start")
    canvas.box(160, 465, 200, 42, "linear", ["全连接＋softmax → 词 y_{t}"], size=SMALL + 1)
    canvas.text(160, 505, "e_{i} = vᵀ tanh(W s_{t−1} + U h_{i})", SIZE, "o")
    canvas.text(160, -36, "编码器读完三个词，解码器写第 t 个词", SIZE, "o")
    canvas.save(path, "编码器–解码器与加性注意力")


# ---------------------------------------------------------------- Transformer


def draw_transformer(path: Path) -> None:
    """Transformer 的全貌：左边编码器，右边解码器，红线是残差连接与编码器的输出。"""
    canvas = Canvas()
    left, right, width = 90, 318, 150
    canvas.box(left, 262, 206, 268, "frame", dashed=True, radius=14)
    canvas.box(right, 325, 206, 394, "frame", dashed=True, radius=14)
    canvas.text(left - 70, 382, "×6", SIZE, "o")
    canvas.text(right + 70, 508, "×6", SIZE, "o")
    encoder = [
        (165, "conv", ["多头自注意力"]),
        (222, "join", ["相加＋层归一化"]),
        (292, "linear", ["前馈网络"]),
        (349, "join", ["相加＋层归一化"]),
    ]
    decoder = [
        (165, "conv", ["多头自注意力", "只看前面"]),
        (226, "join", ["相加＋层归一化"]),
        (292, "conv", ["交叉注意力"]),
        (349, "join", ["相加＋层归一化"]),
        (419, "linear", ["前馈网络"]),
        (476, "join", ["相加＋层归一化"]),
    ]
    for x, words, column, outside in ((left, "源句", encoder, -1), (right, "目标句（右移一位）", decoder, 1)):
        heights = [34.0, 34.0, 34.0, *[46.0 if len(lines) > 1 else 36.0 for _, _, lines in column]]
        centres = [0.0, 56.0, 106.0, *[float(y) for y, _, _ in column]]
        for a, b, high, low in zip(centres, centres[1:], heights, heights[1:]):
            canvas.path((x, a + high / 2), (x, b - low / 2))
        canvas.box(x, 0, width, 34, "input", [words])
        canvas.box(x, 56, width, 34, "linear", ["词嵌入"])
        canvas.box(x, 106, width, 34, "join", ["＋位置编码"])
        for index in range(0, len(column), 2):  # 残差：从子层之前到相加
            start = centres[2 + index] + heights[2 + index] / 2 + 12
            side = x + outside * (width / 2 + 17)
            goal = centres[4 + index]
            canvas.path((x, start), (side, start), (side, goal), (x + outside * width / 2, goal), skip=True)
        for y, kind, lines in column:
            canvas.box(x, y, width, 46 if len(lines) > 1 else 36, kind, lines)
    canvas.path((left, 367), (left, 412), (204, 412), (204, 292), (right - width / 2, 292), skip=True)
    canvas.text(204, 430, "编码器的输出：键与值", SMALL, "k", "end")
    canvas.path((right, 494), (right, 540))
    canvas.path((right, 574), (right, 596))
    canvas.box(right, 557, width, 34, "linear", ["全连接到词表"])
    canvas.box(right, 613, width, 34, "act", ["softmax → 下一个词"], size=SMALL + 1)
    canvas.save(path, "Transformer 的结构")


WORDS = ("猫", "追", "鼠")
KEYS = ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
VALUES = KEYS
QUERY = (1.0, 0.0)


def attend(query: Sequence[float], keys, values) -> tuple[list[float], list[float], list[float]]:
    """缩放点积注意力的分数、权重、输出：softmax(q·kᵀ/√d)·v。"""
    scores = [sum(a * b for a, b in zip(query, key)) / math.sqrt(len(query)) for key in keys]
    powers = [math.exp(score) for score in scores]
    weights = [power / sum(powers) for power in powers]
    output = [sum(w * value[i] for w, value in zip(weights, values)) for i in range(len(values[0]))]
    return scores, weights, output


def pair(values: Sequence[float], digits: int = 0) -> str:
    """(1, 0) 这样的一对数。"""
    return f"({', '.join(f'{value:.{digits}f}' for value in values)})"


def draw_self_attention(path: Path) -> None:
    """三个词的自注意力：“追”的查询与各词的键比较，归一，再对值加权平均。"""
    canvas = Canvas()
    scores, weights, output = attend(QUERY, KEYS, VALUES)
    places = (60, 190, 320)
    canvas.box(190, 0, 170, 36, "conv", [f"追 的查询 q = {pair(QUERY)}"], size=SMALL + 1)
    for x, word, key, value, score, weight in zip(places, WORDS, KEYS, VALUES, scores, weights):
        canvas.path((190, 18), (190, 36), (x, 36), (x, 54))
        canvas.path((x, 98), (x, 126))
        canvas.path((x, 162), (x, 190))
        canvas.path((x, 222), (x, 300 - 46 * weight / max(weights)))
        canvas.path((x, 300), (x, 326))
        canvas.path((x, 370), (x, 388), (190, 388), (190, 408))
        canvas.box(x, 76, 104, 44, "input", [word, f"键 {pair(key)}"])
        dot = sum(a * b for a, b in zip(QUERY, key))
        canvas.box(x, 144, 104, 36, "view", [f"{dot:.0f} ÷ √2 = {score:.2f}"], size=SMALL)
        height = 46 * weight / max(weights)
        canvas.box(x, 300 - height / 2, 62, height, "pool", [f"{weight:.2f}"], radius=3)
        canvas.box(x, 348, 104, 44, "linear", [f"{word} 的值", pair(value)])
    canvas.box(190, 206, 364, 32, "act", ["softmax：三个权重加起来是 1"], size=SMALL + 1)
    terms = " + ".join(f"{weight:.2f}·{pair(value)}" for weight, value in zip(weights, VALUES))
    canvas.box(190, 434, 364, 52, "join", [f"追 的输出 = {pair(output, 2)}", terms], size=SIZE)
    canvas.save(path, "三个词的自注意力")


def draw_multi_head(path: Path) -> None:
    """多头注意力：通道分成两份，各做一次注意力，再拼起来。"""
    canvas = Canvas()
    places = ((62, "查询"), (195, "键"), (328, "值"))
    canvas.box(195, 0, 150, 36, "input", ["x：T×d"])
    for x, name in places:
        canvas.path((195, 18), (195, 34), (x, 34), (x, 52))
        canvas.path((x, 88), (x, 112))
        canvas.box(x, 70, 116, 36, "linear", [f"{name}：全连接"], size=SMALL + 1)
        for side, kind in ((-1, "conv"), (1, "pool")):
            canvas.box(x + 29 * side, 128, 58, 32, kind, ["T×d/2"], radius=2, size=SMALL)
    for x, side, kind, name in ((100, -1, "conv", "头 1"), (290, 1, "pool", "头 2")):
        height = 178 if side < 0 else 166
        for start, _ in places:
            canvas.path((start + 29 * side, 144), (start + 29 * side, height), (x, height), (x, 196))
        canvas.path((x, 248), (x, 270), (195 + 37 * side, 270), (195 + 37 * side, 290))
        canvas.box(x, 222, 166, 52, kind, [name, "softmax(QKᵀ/√(d/2))·V"])
        canvas.box(195 + 37 * side, 306, 74, 32, kind, ["T×d/2"], radius=2, size=SMALL)
    canvas.text(278, 306, "各头拼接", SMALL, "o", "start")
    canvas.path((195, 322), (195, 348))
    canvas.box(195, 366, 150, 36, "linear", ["全连接 W_{O}"])
    canvas.path((195, 384), (195, 408))
    canvas.box(195, 426, 150, 36, "input", ["输出：T×d"])
    canvas.save(path, "多头注意力：分开再拼接")


def draw_gpt_block(path: Path) -> None:
    """GPT 的一层：先归一化，自注意力只看前面；键与值存进缓存。"""
    canvas = Canvas()
    rows: list[tuple[float, str, list[str]]] = [
        (0, "input", ["输入 x"]),
        (62, "norm", ["层归一化"]),
        (122, "conv", ["多头自注意力", "只看前面（因果掩码）"]),
        (184, "join", ["相加"]),
        (246, "norm", ["层归一化"]),
        (304, "linear", ["前馈网络", "d → 4d → GELU → d"]),
        (366, "join", ["相加"]),
    ]
    heights = [48.0 if len(lines) > 1 else 36.0 for _, _, lines in rows]
    for (a, _, _), (b, _, _), high, low in zip(rows, rows[1:], heights, heights[1:]):
        canvas.path((130, a + high / 2), (130, b - low / 2))
    canvas.path((130, 384), (130, 412))
    canvas.text(130, 424, "到下一层", SMALL, "o")
    for start, goal in ((31, 184), (215, 366)):
        canvas.path((130, start), (14, start), (14, goal), (45, goal), skip=True)
    for (y, kind, lines), height in zip(rows, heights):
        canvas.box(130, y, 170, height, kind, lines)
    canvas.path((215, 114), (258, 114))
    canvas.path((258, 132), (215, 132))
    canvas.box(308, 123, 100, 60, "block", ["键值缓存", "存下 k、v", "取出前面的"])
    canvas.save(path, "GPT 的一层")


def draw_kv_cache(path: Path) -> None:
    """键值缓存：写第四个字时，前三个字的键与值是存下的，只算新字的。"""
    canvas = Canvas()
    places = [50 + 96 * number for number in range(4)]
    text = "床前明月"
    for number, (x, word) in enumerate(zip(places, text)):
        new = number == 3
        kind = "conv" if new else "view"
        canvas.path((x, 18), (x, 50), skip=new)
        canvas.path((x, 118), (x, 162), skip=new)
        canvas.box(x, 0, 56, 36, "input", [word])
        canvas.box(x, 66, 76, 32, kind, [f"键 k_{{{number + 1}}}"], dashed=not new, size=SMALL + 1)
        canvas.box(x, 102, 76, 32, kind, [f"值 v_{{{number + 1}}}"], dashed=not new, size=SMALL + 1)
    canvas.box(146, 84, 284, 90, "frame", dashed=True, radius=12)
    canvas.text(98, 142, "缓存", SMALL, "o")
    canvas.text(194, 142, "不再重算", SMALL, "o")
    canvas.path((366, 0), (410, 0), (410, 180), (384, 180), skip=True)
    canvas.text(416, 90, "q_{4}", SIZE, "k", "start")
    words = "q_{4} 与 k_{1} … k_{4} 比较，对 v_{1} … v_{4} 加权平均"
    canvas.box(194, 180, 380, 36, "join", [words], size=SMALL + 1)
    canvas.path((194, 198), (194, 226))
    canvas.box(194, 244, 150, 36, "linear", ["下一个字：光"])
    canvas.text(194, 284, "每写一个字只算一个字；缓存每次长一格", SMALL, "o")
    canvas.save(path, "键值缓存")


# ---------------------------------------------------------------- 神经元


def draw_neuron(path: Path) -> None:
    """一个神经元：加权求和，加偏置，过激活函数。"""
    canvas = Canvas()
    inputs, weights, bias = (1.0, 2.0), (1.5, -1.0), 1.0
    z = sum(x * w for x, w in zip(inputs, weights)) + bias
    rows = (30, 130)
    for number, (y, x, w) in enumerate(zip(rows, inputs, weights), start=1):
        canvas.path((58, y), (154, 80 + (y - 80) * 0.28))
        canvas.circle(32, y, 26, "input", f"{x:g}")
        canvas.text(32, y + (-40 if y < 80 else 40), f"x_{{{number}}}", SMALL, "o")
        canvas.text(108, y + (2 if y < 80 else -2), signed(f"w_{{{number}}} = {w:g}"), SMALL, "o")
    canvas.path((180, 150), (180, 112))
    canvas.text(180, 162, f"b = {bias:g}", SMALL, "o")
    canvas.path((210, 80), (262, 80))
    canvas.text(236, 66, f"{z:g}", SMALL, "o")
    canvas.path((318, 80), (356, 80))
    canvas.circle(180, 80, 30, "join", "Σ", 20)
    canvas.box(290, 80, 56, 44, "act", ["σ"], size=18)
    canvas.circle(384, 80, 26, "linear", f"{1 / (1 + math.exp(-z)):.2f}")
    canvas.text(384, 120, "y", SMALL, "o")
    products = " + ".join(f"{w:g}·{x:g}" for x, w in zip(inputs, weights))
    canvas.text(205, 204, signed(f"z = {products} + {bias:g} = {z:g}，  y = σ(z)"), SIZE, "o")
    canvas.save(path, "一个神经元")


def signed(words: str) -> str:
    """负号写成数学的：1 + -2 → 1 − 2。"""
    return words.replace("+ -", "− ").replace("-", "−")


def step(z: float) -> float:
    """阶跃函数。"""
    return float(z > 0)


def draw_mlp(path: Path) -> None:
    """2–2–1 的多层感知机，权重是直接写出的异或：“或”而不“与”。输入是 (1, 0)。"""
    canvas = Canvas()
    inputs = (1.0, 0.0)
    hidden_bias, out_weights, out_bias = (-0.5, -1.5), (1.0, -1.0), -0.5  # 输入的权重都是 1
    sums = [sum(inputs) + bias for bias in hidden_bias]
    hidden = [step(z) for z in sums]
    total = sum(w * h for w, h in zip(out_weights, hidden)) + out_bias
    rows = (30, 150)
    for y_in in rows:
        for y_out in rows:
            canvas.path((58, y_in), (164, y_out + (y_in - y_out) * 0.12))
    for y, w in zip(rows, out_weights):
        canvas.path((216, y), (329, 90 + (y - 90) * 0.2))
        canvas.text(284, y + (14 if y < 90 else -14), signed(f"{w:g}"), SMALL, "o")
    for number, (y, x) in enumerate(zip(rows, inputs), start=1):
        canvas.circle(32, y, 26, "input", f"{x:g}")
        canvas.text(32, y - 40, f"x_{{{number}}}", SMALL, "o")
        canvas.text(92, y + (-10 if y < 90 else 10), "1", SMALL, "o")
    for x, y in ((80, 68), (80, 112)):
        canvas.text(x, y, "1", SMALL, "o")
    for y, z, bias, h, word in zip(rows, sums, hidden_bias, hidden, ("或", "与")):
        canvas.circle(190, y, 26, "block", f"{h:g}")
        place = y - 40 if y < 90 else y + 40
        canvas.text(190, place, signed(f"{word}：1 + 0 + {bias:g} = {z:g}"), SMALL, "o")
    canvas.circle(356, 90, 26, "linear", f"{step(total):g}")
    canvas.text(356, 50, "异或", SMALL, "o")
    canvas.text(356, 130, f"1 − 0 − 0.5 = {total:g}", SMALL, "o")
    canvas.text(200, 222, "每个神经元：和大于 0 得 1，否则得 0", SMALL, "o")
    canvas.save(path, "2–2–1 的多层感知机")


def draw_computation_graph(path: Path) -> None:
    """L = (σ(w·x + b) − t)² 的计算图：每个方框里是值与梯度，梯度由链式法则从下往上求。"""
    canvas = Canvas()
    x, w, b, t = 2.0, 0.5, -1.5, 1.0
    product = w * x
    z = product + b
    y = 1 / (1 + math.exp(-z))
    error = y - t
    # ∂L/∂e = 2e，∂e/∂y = 1，∂y/∂z = y(1 − y)
    derror = 2 * error
    dz = derror * y * (1 - y)
    column = [
        ("w·x", product, dz, "conv"),
        ("＋ b", z, dz, "join"),
        ("σ", y, derror, "act"),
        ("－ t", error, derror, "join"),
        ("平方 = L", error**2, 1.0, "pool"),
    ]

    def box(place: tuple[float, float], name: str, value: float, gradient: float, kind: str) -> None:
        numbers = [f"值 {value:.3g}", f"梯度 {gradient:.3g}"]
        canvas.box(*place, 104, 60, kind, [name, *map(signed, numbers)])

    middle = [94.0 * row + 94 for row in range(len(column))]
    for a, b_ in itertools.pairwise(middle):
        canvas.path((194, a + 30), (194, b_ - 30))
        canvas.path((218, b_ - 30), (218, a + 30), skip=True, dashed=True)
    for place, goal in ((90, -24), (298, 24)):
        canvas.path((place, 30), (place, 47), (194 + goal, 47), (194 + goal, 64))
    canvas.path((116, middle[1]), (142, middle[1]))
    canvas.path((116, middle[3]), (142, middle[3]))
    box((90, 0), "w", w, dz * x, "input")
    box((298, 0), "x", x, dz * w, "input")
    box((64, middle[1]), "b", b, dz, "input")
    box((64, middle[3]), "t", t, -derror, "input")
    for height, (name, value, gradient, kind) in zip(middle, column):
        box((194, height), name, value, gradient, kind)
    canvas.text(258, middle[1], "↓ 前向：值", SMALL, "o", "start")
    canvas.text(258, middle[1] + 24, "↑ 反向：梯度", SMALL, "k", "start")
    canvas.text(194, -50, "L = (σ(w·x + b) − t)²", SIZE, "o")
    canvas.save(path, "计算图")


def draw_gan(path: Path) -> None:
    """生成对抗网络：生成器造假，判别器辨真假，各有各的损失。"""
    canvas = Canvas()
    canvas.path((80, 18), (80, 48))
    canvas.path((80, 92), (80, 126))
    canvas.path((80, 162), (80, 190), (160, 190), (160, 216))
    canvas.path((272, 162), (272, 190), (192, 190), (192, 216))
    canvas.path((176, 260), (176, 292))
    canvas.path((176, 328), (176, 346), (80, 346), (80, 366))
    canvas.path((176, 328), (176, 346), (272, 346), (272, 366))
    canvas.box(80, 0, 130, 36, "input", ["噪声 z"])
    canvas.box(80, 70, 130, 44, "block", ["生成器 G"])
    canvas.box(80, 144, 130, 36, "view", ["假的图 G(z)"])
    canvas.box(272, 144, 130, 36, "view", ["真的图 x"])
    canvas.box(176, 238, 150, 44, "conv", ["判别器 D"])
    canvas.box(176, 310, 170, 36, "act", ["是真的概率：0 到 1"], size=SMALL + 1)
    canvas.box(80, 390, 172, 48, "pool", ["生成器的损失", "−log D(G(z))"])
    canvas.box(272, 390, 172, 48, "pool", ["判别器的损失", "−log D(x) − log(1 − D(G(z)))"], size=SMALL + 1)
    canvas.path((-6, 390), (-26, 390), (-26, 70), (15, 70), skip=True, dashed=True)
    canvas.path((358, 390), (378, 390), (378, 238), (251, 238), skip=True, dashed=True)
    canvas.text(176, 436, "红线：各自的梯度只更新各自的参数，轮流进行", SMALL, "k")
    canvas.save(path, "生成对抗网络的博弈")


DIAGRAMS: dict[str, Callable[[Path], None]] = {
    **{f"lstm_{stage}": partial(draw_lstm, stage=stage) for stage in range(1, 5)},
    "unrolled_rnn": draw_unrolled_rnn,
    "seq2seq_attention": draw_seq2seq_attention,
    "transformer_architecture": draw_transformer,
    "self_attention": draw_self_attention,
    "multi_head_attention": draw_multi_head,
    "gpt_block": draw_gpt_block,
    "kv_cache": draw_kv_cache,
    "neuron": draw_neuron,
    "mlp_2_2_1": draw_mlp,
    "computation_graph": draw_computation_graph,
    "gan_game": draw_gan,
}
