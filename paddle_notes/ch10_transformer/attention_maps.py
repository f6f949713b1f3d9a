"""注意力的热图：每层一行，每头一列，坐标是真的字。

论文：Vaswani 等, *Attention Is All You Need*, 2017，附录里的图。

一行是一个查询，颜色深浅是它看各个键的注意力权重，每行的和是 1。注意力权重说明信息从哪里来，
不等于“网络因为它才这样回答”：值的大小、残差与别的层也起作用。
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paddle_notes.fonts import label


def draw_heads(layers: Sequence[np.ndarray], rows: Sequence[str], columns: Sequence[str]):
    """``layers`` 每层一个 (h, Tq, Tk) 的权重，``rows`` 是 Tq 个查询的字，``columns`` 是 Tk 个键的字。

    返回 matplotlib 的 Figure。
    """
    from matplotlib.figure import Figure

    num_layers, num_heads = len(layers), len(layers[0])
    width, height = max(2.2, 0.19 * len(columns) + 0.6), max(2.2, 0.19 * len(rows) + 0.6)
    figure = Figure(figsize=(width * num_heads + 0.6, height * num_layers), layout="constrained")
    panels = figure.subplots(num_layers, num_heads, squeeze=False)
    for number, (weights, axes_row) in enumerate(zip(layers, panels), start=1):
        for head, axes in enumerate(axes_row, start=1):
            image = axes.imshow(weights[head - 1], cmap="Blues", vmin=0, vmax=1, aspect="auto")
            axes.set_title(label(f"第 {number} 层 第 {head} 头", f"layer {number} head {head}"), fontsize=9)
            axes.set_xticks(range(len(columns)), [visible(token) for token in columns], fontsize=8)
            axes.set_yticks(range(len(rows)), [visible(token) for token in rows], fontsize=8)
            if max(map(len, columns)) > 2:  # 英文的词：竖着写
                axes.tick_params(axis="x", rotation=90)
    figure.colorbar(image, ax=panels, shrink=0.6, label=label("注意力权重", "weight"))
    return figure


def visible(token: str) -> str:
    """开始符、结束符写成一个看得见的短记号。"""
    return {"<begin>": "^", "<end>": "$", "<unk>": "?"}.get(token, token.replace("$", r"\$"))


def as_picture(figure) -> np.ndarray:
    """把图画成 (H, W, 3) uint8，供 VisualDL。"""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
