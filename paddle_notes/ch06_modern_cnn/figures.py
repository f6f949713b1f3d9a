"""第 6 章的图：``python tools/figures.py 名字``。"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from paddle_notes.fonts import label

from .published import IMAGENET


def draw_imagenet_accuracy(picture: Path) -> None:
    """参数与公开的 ImageNet top-1：一个气泡一份权重，面积正比于乘加，同一族一种颜色，虚线的圈是新配方。

    气泡里写编号，右边列出编号对应的名字：名字写在气泡旁边会叠在一起。
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    label("", "")  # 先选定字体
    figure = Figure(figsize=(9.5, 5.6), layout="constrained")
    axes = figure.subplots()
    families = list(dict.fromkeys(one.family for one in IMAGENET))
    largest = max(one.macs for one in IMAGENET)
    for number, one in enumerate(sorted(IMAGENET, key=lambda one: (one.parameters, one.top1)), start=1):
        new = one.recipe == "新配方"
        color = f"C{families.index(one.family)}"
        area = 90 + 1600 * one.macs / largest
        axes.scatter(one.parameters, one.top1, s=area, color=color, alpha=0.35, linewidths=0)
        axes.scatter(
            one.parameters,
            one.top1,
            s=area,
            facecolors="none",
            edgecolors=color,
            linestyle="--" if new else "-",
        )
        axes.annotate(str(number), (one.parameters, one.top1), ha="center", va="center", fontsize=8)
        recipe = label("（新配方）", " (new recipe)") if new else ""
        axes.plot([], [], " ", label=f"{number}  {one.network}{recipe}  {one.top1:.1f}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.set_xlabel(label("参数（对数轴）；面积是一张图的乘加次数", "parameters (log); area: MACs"))
    axes.set_ylabel(label("ImageNet 验证集 top-1（%）", "ImageNet validation top-1 (%)"))
    axes.grid(alpha=0.3)
    axes.margins(0.1)
    figure.legend(loc="outside right upper", fontsize=8, handlelength=0, frameon=False)
    figure.savefig(picture, dpi=100)


FIGURES: dict[str, Callable[[Path], None]] = {"imagenet_accuracy": draw_imagenet_accuracy}
