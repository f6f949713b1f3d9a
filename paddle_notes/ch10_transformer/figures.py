"""本章的图：``python tools/figures.py 名字`` 调用这里的函数。注意力的热图另由 tools/translate.py 画。"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from paddle_notes.fonts import label

from .label_smoothing import best_gap, smoothed_cross_entropy
from .masks import causal_mask, padding_mask
from .positions import sinusoidal_positions
from .schedule import noam, peak


def make_figure(width: float, height: float):
    """不经 pyplot 的 Figure：不挑后端，也不留全局状态。"""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def draw_positions(path: Path) -> None:
    """左：位置编码的热图；右：一个位置与别的位置的内积，只由距离决定。"""
    length, d_model = 80, 64
    table = sinusoidal_positions(length, d_model)
    figure = make_figure(9, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    image = left.imshow(table, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    left.set_xlabel(label("维 i：偶数是正弦，奇数是余弦", "dimension i: even sine, odd cosine"))
    left.set_ylabel(label("位置 pos", "position pos"))
    left.set_title(label("越往右，转得越慢", "slower to the right"), fontsize=10)
    figure.colorbar(image, ax=left)
    for pos in (20, 40, 60):
        right.plot(table @ table[pos], label=label(f"位置 {pos}", f"position {pos}"))
    right.set_xlabel(label("另一个位置", "the other position"))
    right.set_title(label("与各个位置的内积：在自己处最大", "dot products peak at itself"), fontsize=10)
    right.set_ylim(10, 33)
    right.legend(loc="lower center", ncols=3, fontsize=8)
    right.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def draw_masks(path: Path) -> None:
    """三张掩码：填充、因果、交叉注意力；涂色的是看得到的。"""
    source = ["六", "月", "六", "日", "<pad>"]
    target = ["<begin>", "0", "6", "-", "0"]
    ids = np.array([[5, 6, 5, 7, 0]])
    padding = np.broadcast_to(padding_mask(ids)[0, 0], (5, 5))
    english = {"六": "6", "月": "month", "日": "day"}
    source = [label(token, english.get(token, token)) for token in source]
    panels = (
        (padding, source, source, label("编码器：看不到填充", "encoder: no padding")),
        (causal_mask(5, 5), target, target, label("解码器：只看自己与前面", "decoder: itself and earlier")),
        (padding, target, source, label("交叉注意力：看全部源词", "cross: all source tokens")),
    )
    figure = make_figure(9, 3.2)
    for axes, (mask, rows, columns, title) in zip(figure.subplots(1, 3), panels):
        axes.imshow(mask == 0, cmap="Blues", vmin=0, vmax=1.6)
        axes.set_xticks(range(5), columns, fontsize=9)
        axes.set_yticks(range(5), rows, fontsize=9)
        axes.set_xticks(np.arange(-0.5, 5), minor=True)
        axes.set_yticks(np.arange(-0.5, 5), minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="minor", length=0)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(label("键", "key"))
        axes.set_ylabel(label("查询", "query"))
    figure.savefig(path, dpi=100)


def draw_noam(path: Path) -> None:
    """论文的学习率：维数越大、预热越长，峰值越低。"""
    steps = np.arange(1, 20001)
    figure = make_figure(7, 3)
    axes = figure.subplots()
    for d_model, warmup in ((512, 4000), (512, 8000), (1024, 4000)):
        axes.plot(steps, noam(steps, d_model, warmup), label=f"d = {d_model}, warmup = {warmup}")
        axes.plot(warmup, peak(d_model, warmup), "k.")
    axes.set_xlabel(label("步", "step"))
    axes.set_ylabel(label("学习率", "learning rate"))
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def draw_label_smoothing(path: Path) -> None:
    """正确的词的 logit 比别的高多少时损失最小：不平滑时越高越好，平滑之后有一个最低点。"""
    vocab_size, labels = 100, np.array([[1]])
    gaps = np.linspace(0, 16, 161)
    figure = make_figure(7, 3)
    axes = figure.subplots()
    for epsilon in (0.0, 0.1, 0.3):
        losses = []
        for gap in gaps:
            logits = np.zeros((1, 1, vocab_size))
            logits[0, 0, 1] = gap
            losses.append(float(smoothed_cross_entropy(logits, labels, epsilon)))
        axes.plot(gaps, losses, label=f"ε = {epsilon:g}")
        if epsilon:
            best = best_gap(vocab_size, epsilon)
            axes.plot(best, np.interp(best, gaps, losses), "k.")
    axes.set_xlabel(
        label("正确的词的 logit 比其余 99 个高多少", "logit of the right token above the other 99")
    )
    axes.set_ylabel(label("损失", "loss"))
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


FIGURES: dict[str, Callable[[Path], None]] = {
    "sinusoidal_positions": draw_positions,
    "attention_masks": draw_masks,
    "noam_schedule": draw_noam,
    "label_smoothing": draw_label_smoothing,
}
