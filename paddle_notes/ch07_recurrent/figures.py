"""第 7 章的图：``python tools/figures.py 名字``。每个函数写出一张 PNG，不用下载数据。

``date_attention`` 与 ``fixed_context`` 要先训练，约十几秒；其余几秒画完。
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from paddle_notes.ch07_recurrent.cells import CELLS, Weights, initial_weights, lstm_forward
from paddle_notes.ch07_recurrent.clipping import global_norm
from paddle_notes.ch07_recurrent.recurrent import recurrent_backward, recurrent_forward
from paddle_notes.fonts import label

# ---------------------------------------------------------------- 门随时间的变化


def latch_sequences(generator: np.random.Generator, num_rows: int, num_steps: int):
    """“见到标记就记住此刻的数”：输入 (N, T, 2) 是数与标记，目标 (N, T) 是最近一个有标记的数。"""
    values = generator.uniform(-1, 1, (num_rows, num_steps))
    marks = generator.random((num_rows, num_steps)) < 0.15
    marks[:, 0] = True
    latest = np.maximum.accumulate(np.where(marks, np.arange(num_steps), 0), axis=1)
    targets = np.take_along_axis(values, latest, axis=1)
    return np.stack([values, marks], axis=2).astype("float32"), targets.astype("float32")


def train_latch(num_updates: int = 400) -> Weights:
    """训练只有一个隐单元的 LSTM 记住有标记的数，返回它的参数。"""
    import paddle
    import paddle.nn.functional as F
    from paddle import nn

    paddle.seed(0)
    generator = np.random.default_rng(0)
    lstm, output = nn.LSTM(2, 1), nn.Linear(1, 1)
    schedule = paddle.optimizer.lr.CosineAnnealingDecay(0.08, num_updates)
    optimizer = paddle.optimizer.Adam(schedule, parameters=[*lstm.parameters(), *output.parameters()])
    for _ in range(num_updates):
        x, targets = latch_sequences(generator, 32, 20)
        h, _ = lstm(paddle.to_tensor(x))  # (N, T, 1)
        F.mse_loss(output(h).squeeze(2), paddle.to_tensor(targets)).backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
    return Weights(*(parameter.numpy().astype("float64") for parameter in lstm.parameters()))


def trace_gates(x: np.ndarray, weights: Weights) -> dict[str, np.ndarray]:
    """一个序列 x (T, I) 走过只有一个隐单元的 LSTM，各步的 i、f、o 与记忆 c。"""
    state = (np.zeros((1, 1)), np.zeros((1, 1)))
    traces: dict[str, list] = {"i": [], "f": [], "o": [], "c": []}
    for t in range(len(x)):
        state, (_, _, _, i, f, _, o, c) = lstm_forward(x[t : t + 1], state, weights)
        for name, value in zip("ifoc", (i, f, o, c)):
            traces[name].append(value[0, 0])
    return {name: np.array(values) for name, values in traces.items()}


def draw_gates_over_time(picture: Path) -> None:
    """训练好的一个 LSTM 单元：有标记时写入并忘掉旧的，没有标记时保持。"""
    from matplotlib.figure import Figure

    x, _ = latch_sequences(np.random.default_rng(374), 1, 24)  # 四个标记，疏密合适
    x = x[0]
    traces = trace_gates(x, train_latch())
    steps = np.arange(len(x))
    marked = x[:, 1] == 1
    figure = Figure(figsize=(8, 6), layout="constrained")
    upper, middle, lower = figure.subplots(3, 1, sharex=True)
    upper.bar(steps, x[:, 0], color=np.where(marked, "tab:red", "0.8"))
    upper.set_title(
        label("输入：红色的有标记，要记住", "input: remember the marked (red) values"), fontsize=11
    )
    middle.plot(steps, traces["i"], "o-", label=label("输入门 i", "input gate i"))
    middle.plot(steps, traces["f"], "s-", label=label("遗忘门 f", "forget gate f"))
    middle.set(ylim=(-0.05, 1.05))
    middle.legend(loc="center right", fontsize=9)
    middle.set_title(label("两个门", "two gates"), fontsize=11)
    lower.step(steps, traces["c"], where="mid", color="tab:green")
    lower.axhline(0, color="0.7", linewidth=0.8)
    lower.set_title(label("记忆 c", "memory c"), fontsize=11)
    lower.set_xlabel(label("时刻", "time step"))
    for axes in (upper, middle, lower):
        for step in steps[marked]:
            axes.axvline(step, color="tab:red", alpha=0.25, linewidth=1)
    figure.savefig(picture, dpi=90)


# ---------------------------------------------------------------- 梯度沿时间的消失与爆炸

# 图例 -> (单元, 对参数的改动)
VANISHING = {
    "RNN": ("rnn", None),
    "RNN, W_hh × 4": ("rnn", "scaled"),
    "LSTM": ("lstm", None),
    "LSTM, b_f + 4": ("lstm", "forget"),
    "GRU": ("gru", None),
    "GRU, b_z + 4": ("gru", "update"),
}


def gradient_by_distance(name: str, num_steps: int = 60, hidden_size: int = 32) -> np.ndarray:
    """最后一步的 h 的梯度传回 k 步之前的输入时还剩多长，k = 0 … num_steps − 1。

    参数是 paddle.nn 默认的随机初始化；返回值除以了 k = 0 处的长度。
    """
    cell, change = VANISHING[name]
    generator = np.random.default_rng(0)
    weights = initial_weights(cell, 8, hidden_size, generator)
    if change == "scaled":
        weights = weights._replace(weight_hh=weights.weight_hh * 4)
    elif change is not None:  # LSTM 的遗忘门与 GRU 的更新门都排在第二
        weights.bias_hh[hidden_size : 2 * hidden_size] += 4
    x = generator.standard_normal((16, num_steps, 8))
    state = (np.zeros((1, 16, hidden_size)),) * CELLS[cell].num_states
    y, final, caches = recurrent_forward(cell, x, state, [(weights,)])
    dy = np.zeros_like(y)
    dy[:, -1] = generator.standard_normal(dy[:, -1].shape)
    dx, _, _ = recurrent_backward(cell, dy, tuple(np.zeros_like(s) for s in final), caches, [(weights,)])
    norms = np.sqrt((dx**2).sum(axis=(0, 2)))[::-1]  # (T,)，下标是离最后一步的距离
    return norms / norms[0]


def draw_vanishing_through_time(picture: Path) -> None:
    """梯度随距离的变化，纵轴是对数。"""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    colors = {"rnn": "tab:blue", "lstm": "tab:orange", "gru": "tab:green"}
    for name, (cell, change) in VANISHING.items():
        style = "-" if change is None else "--"
        axes.semilogy(gradient_by_distance(name), style, color=colors[cell], label=name)
    axes.set(ylim=(1e-16, 1e8))
    axes.set_xlabel(label("与最后一步的距离（步）", "distance from the last step"))
    axes.set_ylabel(label("梯度的长度（最后一步为 1）", "gradient norm (last step = 1)"))
    axes.grid(alpha=0.3)
    axes.legend(ncols=3, fontsize=9, loc="upper left")
    figure.savefig(picture, dpi=90)


# ---------------------------------------------------------------- 不裁剪梯度会怎样


def train_to_repeat(clip_norm: float | None, num_updates: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """训练 RNN 复述四步之前的输入，返回每一步的损失与裁剪之前的梯度长度。

    隐状态的权重取 1.3 倍的正交矩阵，学习率 0.3，容易爆炸；``clip_norm`` 为 None 时不裁剪。
    """
    import paddle
    import paddle.nn.functional as F
    from paddle import nn

    paddle.seed(0)
    generator = np.random.default_rng(0)
    rnn, output = nn.SimpleRNN(1, 32), nn.Linear(32, 1)
    orthogonal, _ = np.linalg.qr(generator.standard_normal((32, 32)))
    rnn.weight_hh_l0.set_value((1.3 * orthogonal).astype("float32"))
    parameters = [*rnn.parameters(), *output.parameters()]
    clip = None if clip_norm is None else nn.ClipGradByGlobalNorm(clip_norm)
    optimizer = paddle.optimizer.SGD(0.3, parameters=parameters, grad_clip=clip)
    losses, norms = [], []
    for _ in range(num_updates):
        x = paddle.to_tensor(generator.choice([-1.0, 1.0], (16, 40, 1)).astype("float32"))
        h, _ = rnn(x)  # (N, T, 32)
        loss = F.mse_loss(output(h[:, 4:]), x[:, :-4])
        loss.backward()
        losses.append(loss.item())
        norms.append(global_norm([p.grad.numpy().astype("float64") for p in parameters]))
        optimizer.step()
        optimizer.clear_grad()
    return np.array(losses), np.array(norms)


def draw_exploding_without_clipping(picture: Path) -> None:
    """同一个网络、同样的数据与学习率：不裁剪时损失冲上天，裁剪到 1 时顺利学会。"""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for clip_norm, text in (
        (None, label("不裁剪", "no clipping")),
        (1.0, label("裁剪到 1", "clipped to 1")),
    ):
        losses, norms = train_to_repeat(clip_norm)
        left.semilogy(losses, label=text)
        right.semilogy(norms, label=text)
    left.set_title(label("损失", "loss"), fontsize=11)
    right.set_title(label("裁剪之前的梯度长度", "gradient norm before clipping"), fontsize=11)
    for axes in (left, right):
        axes.set(xlabel=label("步", "step"), ylim=(1e-3, 1e6))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
    figure.savefig(picture, dpi=90)


# ---------------------------------------------------------------- 序列到序列：注意力看哪里，固定的向量装多少

BEGIN, END, FIRST = 2, 3, 4  # 开始符、结束符、第一个普通的词元；0 是填充
TARGETS = "0123456789-"
SOURCES = "〇一二三四五六七八九十年月日0123456789/"


def pad_rows(rows: list[list[int]]) -> np.ndarray:
    """补到同样长：(N, 最长)，int64。"""
    width = max(map(len, rows))
    return np.array([row + [0] * (width - len(row)) for row in rows], "int64")


def train_seq2seq(model, batches, num_updates: int, lr: float) -> None:
    """教师强制地训练：``batches()`` 给出 (源句 (N, S)、带开始符与结束符的目标句 (N, T))。"""
    import paddle
    import paddle.nn.functional as F
    from paddle import nn

    schedule = paddle.optimizer.lr.CosineAnnealingDecay(lr, num_updates)
    clip = nn.ClipGradByGlobalNorm(1.0)
    optimizer = paddle.optimizer.Adam(schedule, parameters=model.parameters(), grad_clip=clip)
    model.train()
    for _ in range(num_updates):
        sources, sentences = map(paddle.to_tensor, batches())
        logits = model(sources, sentences[:, :-1]).flatten(0, 1)  # (N·T, V)
        F.cross_entropy(logits, sentences[:, 1:].flatten(), ignore_index=0).backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
    model.eval()


def date_pair(generator: np.random.Generator) -> tuple[str, str]:
    """一个日期的两种写法之一与 ISO 写法，如 (一九九八年十一月五日, 1998-11-05)、(1998/11/5, 1998-11-05)。"""
    year, month, day = (int(generator.integers(*ends)) for ends in ((1900, 2100), (1, 13), (1, 29)))
    if generator.random() < 0.5:
        return f"{year}/{month}/{day}", f"{year}-{month:02d}-{day:02d}"

    def count(number: int) -> str:
        tens, ones = divmod(number, 10)
        return ("", "十", "二十")[tens] + (SOURCES[ones] if ones else "")

    digits = "".join(SOURCES[int(digit)] for digit in str(year))
    return f"{digits}年{count(month)}月{count(day)}日", f"{year}-{month:02d}-{day:02d}"


def train_dates(num_updates: int = 300):
    """训练有注意力的网络把日期写成 ISO 形式。"""
    import paddle

    from paddle_notes.ch07_recurrent.seq2seq import Seq2Seq

    paddle.seed(0)
    generator = np.random.default_rng(0)
    model = Seq2Seq(FIRST + len(SOURCES), FIRST + len(TARGETS), embedding_size=16, hidden_size=32)

    def batches() -> tuple[np.ndarray, np.ndarray]:
        pairs = [date_pair(generator) for _ in range(64)]
        sources = pad_rows([[FIRST + SOURCES.index(c) for c in source] for source, _ in pairs])
        targets = [[BEGIN, *(FIRST + TARGETS.index(c) for c in target), END] for _, target in pairs]
        return sources, pad_rows(targets)

    train_seq2seq(model, batches, num_updates, lr=0.01)
    return model


def date_attention(model, source: str) -> tuple[str, np.ndarray]:
    """写出 ``source`` 的 ISO 形式 (T 个字)，与写每个字时看各个源字的权重 (T, S)。"""
    import paddle

    sources = paddle.to_tensor([[FIRST + SOURCES.index(c) for c in source]])
    with paddle.no_grad(), model.recording() as found:
        ids = write_greedily(model, sources, len("1998-11-25"))[0]
    weights = found["cross"][0].numpy()[0, 0]
    return "".join(TARGETS[i - FIRST] if i >= FIRST else "?" for i in ids), weights


def write_greedily(model, sources, num_steps: int) -> np.ndarray:
    """每一步取最可能的词元，(N, num_steps)；写出结束符也不停。"""
    import paddle

    with paddle.no_grad():
        state = model.start(sources)
        token = paddle.full([len(sources), 1], BEGIN, dtype="int64")
        written = []
        for _ in range(num_steps):
            logits, state = model.step(token, state)
            token = logits.argmax(axis=1, keepdim=True)
            written.append(token)
    return paddle.concat(written, axis=1).numpy()


def draw_date_attention(picture: Path) -> None:
    """一个日期的注意力：一行是写出的一个字，一列是一个源字，颜色是权重。"""
    from matplotlib.figure import Figure

    source = label("一九九八年十一月二十五日", "1998/11/25")
    answer, weights = date_attention(train_dates(), source)
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(source)), list(source))
    axes.set_yticks(range(len(answer)), list(answer))
    axes.set_xlabel(label("源句的字", "source characters"))
    axes.set_ylabel(label("写出的字，从上往下", "written characters, top to bottom"))
    figure.colorbar(image, label=label("注意力权重", "attention weight"))
    figure.savefig(picture, dpi=90)


LONGEST = 16  # 照抄的数字串至多多长


def copy_batch(
    generator: np.random.Generator, num_rows: int, lengths: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """照抄：随机的数字串 (N, S)，与同样的串加上开始符、结束符 (N, T)。长短取自 ``lengths``，含两端。"""
    rows = [
        generator.integers(FIRST, FIRST + 10, size).tolist()
        for size in generator.integers(lengths[0], lengths[1] + 1, num_rows)
    ]
    return pad_rows(rows), pad_rows([[BEGIN, *row, END] for row in rows])


def copy_accuracy(attention: bool, seed: int = 0, num_updates: int = 400) -> np.ndarray:
    """在 1 到 16 位的数字串上训练照抄，返回各个长度上整串全对的比例 (16,)，各 200 串新的。"""
    import paddle

    from paddle_notes.ch07_recurrent.seq2seq import Seq2Seq

    paddle.seed(seed)
    generator = np.random.default_rng(seed)
    model = Seq2Seq(FIRST + 10, FIRST + 10, embedding_size=16, hidden_size=32, attention=attention)
    train_seq2seq(model, lambda: copy_batch(generator, 32, (1, LONGEST)), num_updates, lr=0.01)
    shares = []
    for length in range(1, LONGEST + 1):
        sources, sentences = copy_batch(generator, 200, (length, length))
        written = write_greedily(model, paddle.to_tensor(sources), length + 1)
        shares.append((written == sentences[:, 1:]).all(axis=1).mean())
    return np.array(shares)


def draw_fixed_context(picture: Path) -> None:
    """照抄数字串：有注意力的各种长度都对，只有一个固定长度的向量的越长越错。

    训练更久、向量更长，固定的也会进步，但总是越长越错（种子 0，12 位与 16 位）：400 步 0 % 与 0 %；
    3,000 步 58 % 与 9 %；隐状态由 32 维改为 128 维、1,500 步、学习率 0.003，72 % 与 20 %。
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    lengths = np.arange(1, LONGEST + 1)
    axes.plot(lengths, copy_accuracy(True), "o-", label=label("加性注意力", "additive attention"))
    axes.plot(lengths, copy_accuracy(False), "s-", label=label("固定长度的向量", "one fixed-length vector"))
    axes.set(ylim=(-0.03, 1.05))
    axes.set_xlabel(label("数字串的长度", "length of the digit string"))
    axes.set_ylabel(label("整串全对的比例", "fraction copied without error"))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=90)


FIGURES: dict[str, Callable[[Path], None]] = {
    "gates_over_time": draw_gates_over_time,
    "vanishing_through_time": draw_vanishing_through_time,
    "exploding_without_clipping": draw_exploding_without_clipping,
    "date_attention": draw_date_attention,
    "fixed_context": draw_fixed_context,
}
