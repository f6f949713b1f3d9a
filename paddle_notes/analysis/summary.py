"""网络的账：每层的输出形状、参数个数、乘加次数、输出占的内存。"""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path
from typing import NamedTuple

from paddle_notes.fonts import chinese_font, label

MAX_BARS = 36  # 图里至多画几条；层数更多时按名字的前几段合并成阶段


def count_parameters(model) -> int:
    """可训练参数的个数。批量归一化的滑动均值与方差不算，它们不由梯度更新。"""
    return sum(parameter.size for parameter in model.parameters() if not parameter.stop_gradient)


class Row(NamedTuple):
    """表里的一行：一层的一次调用。"""

    name: str  # 在网络里的名字，如 features.0
    kind: str  # 类名，如 Conv2D
    shape: tuple[int, ...] | None  # 输出的形状；推理时用不到的层（如辅助分类器）没有
    parameters: int  # 可训练参数的个数
    macs: int  # 卷积与全连接层的乘加次数
    activation_bytes: int  # 输出占的字节数；与输入共用内存的（如展平）是 0


def layer_table(model, *inputs) -> list[Row]:
    """用 ``inputs``（张量，含批的一维）推理一次，按执行的次序记下每一层。输出不止一个时记第一个。

    一次乘加（MAC）是一次乘法加一次加法。卷积的一个输出要 C_in/groups·k·k 次，全连接的一个输出要
    in_features 次，循环层的一步要各个权重矩阵的大小之和；偏置、归一化、激活、池化不计。
    写在 ``forward`` 里的函数（拼接、相加、``F.relu``，注意力的 QKᵀ）不是层，不在表里。

    一层用了几次就有几行，它的参数只算在第一行；推理时用不到的层排在最后。所以各行参数之和就是
    :func:`count_parameters`。网络的模式、滑动均值与方差、paddle 的随机数状态都不变。
    """
    import paddle

    layers = [
        (name, layer)
        for name, layer in model.named_sublayers(include_self=True)
        if not layer.sublayers() or layer.parameters(include_sublayers=False)
    ]
    rows: list[Row] = []
    counted: set[int] = set()

    def own_parameters(layer) -> int:
        new = [p for p in layer.parameters(include_sublayers=False) if id(p) not in counted]
        counted.update(map(id, new))
        return sum(p.size for p in new if not p.stop_gradient)

    def make_hook(name: str):
        def hook(layer, inputs, output):
            while isinstance(output, (tuple, list)):  # 如 LSTM 的 (输出, (h, c))
                output = output[0]
            shared = output.data_ptr() == inputs[0].data_ptr()
            num_bytes = 0 if shared else output.size * output.element_size()
            shape = tuple(output.shape)
            parameters = own_parameters(layer)
            rows.append(
                Row(name, type(layer).__name__, shape, parameters, count_macs(layer, output), num_bytes)
            )

        return hook

    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    hooks = [layer.register_forward_post_hook(make_hook(name)) for name, layer in layers]
    model.eval()
    try:
        with paddle.no_grad():
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for layer, training in modes:
            layer.training = training
    used = {row.name for row in rows}
    for name, layer in layers:
        own = layer.parameters(include_sublayers=False)
        if name not in used and not (own and counted.issuperset(map(id, own))):  # 循环层的单元已算在循环层里
            rows.append(Row(name, type(layer).__name__, None, own_parameters(layer), 0, 0))
    return rows


def count_macs(layer, output) -> int:
    """``layer`` 算出 ``output`` 要几次乘加；不是卷积、全连接与循环层时为 0。"""
    from paddle import nn
    from paddle.nn.layer.rnn import RNNBase

    if isinstance(layer, (nn.Conv1D, nn.Conv2D)):
        return output.size * math.prod(layer.weight.shape[1:])  # 权重 (C_out, C_in/groups, k[, k])
    if isinstance(layer, nn.Linear):
        return output.size * layer.weight.shape[0]  # 权重 (in_features, out_features)
    if isinstance(layer, nn.RNNCellBase):  # 输出 (N, ·)，只走一步
        return len(output) * sum(p.size for p in layer.parameters() if p.ndim == 2)
    if isinstance(layer, RNNBase):  # 输出 (N, T, ·)，每一步用一遍全部的权重
        return math.prod(output.shape[:2]) * sum(p.size for p in set(layer.parameters()) if p.ndim == 2)
    return 0


def _width(text: str) -> int:
    """在终端里占几格：汉字占两格。"""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def format_table(rows: list[Row]) -> str:
    """排成对齐的文字表，最后一行是合计。"""
    lines: list[tuple[str, ...]] = [("层", "类型", "输出形状", "参数", "乘加", "输出 KiB")]
    for row in rows:
        shape = "推理时不用" if row.shape is None else str(list(row.shape))
        numbers = (f"{row.parameters:,}", f"{row.macs:,}", f"{row.activation_bytes / 1024:,.1f}")
        lines.append((row.name, row.kind, shape, *numbers))
    parameters, macs, num_bytes = (
        sum(getattr(row, name) for row in rows) for name in ("parameters", "macs", "activation_bytes")
    )
    lines.append(("合计", "", "", f"{parameters:,}", f"{macs:,}", f"{num_bytes / 1024:,.1f}"))
    widths = [max(map(_width, column)) for column in zip(*lines)]
    aligned = []
    for line in lines:
        spaces = [" " * (width - _width(cell)) for cell, width in zip(line, widths)]
        cells = [cell + space for cell, space in zip(line[:3], spaces)]  # 文字靠左，数靠右
        cells += [space + cell for cell, space in zip(line[3:], spaces[3:])]
        aligned.append("  ".join(cells))
    return "\n".join(aligned)


def group_rows(rows: list[Row], max_groups: int = MAX_BARS) -> dict[str, tuple[int, int]]:
    """名字 -> (参数, 乘加)，只含二者不全为 0 的；多于 ``max_groups`` 组时取名字的前几段合并。"""
    rows = [row for row in rows if row.parameters or row.macs]
    deepest = max((row.name.count(".") + 1 for row in rows), default=1)
    for depth in range(deepest, 0, -1):
        groups: dict[str, tuple[int, int]] = {}
        for row in rows:
            name = ".".join(row.name.split(".")[:depth])
            parameters, macs = groups.get(name, (0, 0))
            groups[name] = (parameters + row.parameters, macs + row.macs)
        if len(groups) <= max_groups:
            break
    return groups


def chinese_number(value: float) -> str:
    """大的数写成三四位有效数字，以万、亿为单位：1,849,688,064 -> ``18.5 亿``。"""
    if value >= 1e8:
        return f"{value / 1e8:.3g} 亿"
    if value >= 1e4:
        return f"{float(f'{value / 1e4:.4g}'):g} 万"
    return f"{value:g}"


def draw_table(rows: list[Row], picture: Path) -> None:
    """画两栏横条：左边是各层（或各阶段）的参数，右边是乘加。"""
    from matplotlib.figure import Figure  # 不经 pyplot：不挑后端，也不留全局状态
    from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

    groups = group_rows(rows)
    compact = chinese_number if chinese_font() else EngFormatter(places=2)
    figure = Figure(figsize=(9, 1.2 + 0.24 * len(groups)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    panels = (
        (left, label("可训练参数", "trainable parameters"), 0, "tab:blue"),
        (right, label("乘加次数", "multiply-adds (MACs)"), 1, "tab:orange"),
    )
    for axes, title, index, color in panels:
        values = [group[index] for group in groups.values()]
        bars = axes.barh(range(len(groups)), values, color=color)
        axes.bar_label(bars, [compact(value) for value in values], padding=2, fontsize=8)
        axes.set_title(label(f"{title}：共 {sum(values):,}", f"{title}: {sum(values):,}"), fontsize=10)
        axes.set_xlim(0, 1.22 * max([*values, 1]))  # 给条形末端的数字留地方
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
        axes.grid(axis="x", alpha=0.3)
    left.set_yticks(range(len(groups)), groups, fontsize=8)
    left.invert_yaxis()  # 输入在上，输出在下
    figure.savefig(picture, dpi=100, format="png")
