"""把几次运行放在一起比较：曲线、横条、气泡图。

输入都是输出文件夹里的 ``metrics.jsonl`` 与 ``summary.json``，与网络和数据无关；几个种子在表里写成一格。
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path

from paddle_notes.analysis.curves import read_metrics
from paddle_notes.fonts import label

# 指标的名字 -> 图上的中文与英文
METRICS = {
    "accuracy": ("测试准确率", "test accuracy"),
    "loss": ("损失", "loss"),
    "train/loss": ("训练损失", "training loss"),
    "train/accuracy": ("训练准确率", "training accuracy"),
    "eval/loss": ("验证损失", "validation loss"),
    "eval/accuracy": ("验证准确率", "validation accuracy"),
    "trainable_parameters": ("可训练参数", "trainable parameters"),
    "macs": ("一张图的乘加次数", "MACs per image"),
    "best": ("最好的验证指标", "best validation metric"),
    "test": ("测试指标", "test metric"),
    "minutes": ("训练时间（处理器分钟）", "training time (CPU minutes)"),
}


def spread(values: Iterable[float | None], form: str) -> str:
    """表里的一格：几个种子的均值（最小–最大），照 ``form`` 写；写出来都相同就是它，一个数都没有是横线。"""
    found = [value for value in values if value is not None]
    if not found:
        return "—"
    mean, low, high = (format(value, form) for value in (statistics.mean(found), min(found), max(found)))
    return mean if low == high else f"{mean}（{low}–{high}）"


def _name(metric: str) -> str:
    return label(*METRICS.get(metric, (metric, metric)))


def draw_comparison(folders: dict[str, list[Path]], metrics: list[str], picture: Path) -> None:
    """每个指标一栏，每种运行一种颜色，几个种子各一条线。指标写成 ``train/loss``、``eval/accuracy``。

    横轴是轮次：训练的记录按步数折算。没有这个指标的运行（中途失败的）不画。
    """
    from matplotlib.figure import Figure  # 不经 pyplot：不挑后端，也不留全局状态

    label("", "")  # 先选定字体
    figure = Figure(figsize=(4.6 * len(metrics), 3.6), layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics):
        split, _, key = metric.partition("/")
        for number, (name, seeds) in enumerate(folders.items()):
            lines = [points for folder in seeds if (points := _points(folder, split, key))]
            for index, points in enumerate(lines):
                axes.plot(
                    *zip(*points),
                    "o-" if split == "eval" else "-",
                    label=None if index else name,
                    color=f"C{number}",
                    markersize=3,
                    lw=1.3,
                    alpha=1 if len(lines) == 1 else 0.6,
                )
        axes.set_xlabel(label("轮次", "epoch"))
        axes.set_ylabel(_name(metric))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(picture, dpi=100)


def _points(folder: Path, split: str, key: str) -> list[tuple[float, float]]:
    """一次运行的一个指标：各点的 (轮次, 值)。"""
    records = read_metrics(folder / "metrics.jsonl")
    steps = max((r["step"] / r["epoch"] for r in records if r["split"] == "eval"), default=None)
    steps = steps or max((r["step"] for r in records), default=1)
    return [(r["step"] / steps, r[key]) for r in records if r["split"] == split and key in r]


def draw_bars(values: dict[str, list[dict[str, float]]], metrics: list[str], picture: Path) -> None:
    """每个指标一栏横条，每种运行一条：``values[运行]`` 是各个种子的 {指标: 值}，横线是最小到最大。"""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    label("", "")
    figure = Figure(figsize=(4.2 * len(metrics), 1.2 + 0.4 * len(values)), layout="constrained")
    names = list(values)
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for axes, metric, color in zip(panels, metrics, ("tab:blue", "tab:orange", "tab:green", "tab:red")):
        found = [[run.get(metric) or 0.0 for run in values[name]] for name in names]
        numbers = [sum(runs) / len(runs) for runs in found]
        spread = [
            [number - min(runs) for number, runs in zip(numbers, found)],
            [max(runs) - number for number, runs in zip(numbers, found)],
        ]
        shown = any(map(any, spread))
        bars = axes.barh(range(len(names)), numbers, color=color, xerr=spread if shown else None)
        big = max(numbers, default=0) >= 1000
        texts = [EngFormatter(places=1)(number) if big else f"{number:.4g}" for number in numbers]
        axes.bar_label(bars, texts, padding=2, fontsize=8)
        axes.set_xlim(0, 1.2 * max([*numbers, 1e-9]))
        axes.set_title(_name(metric), fontsize=10)
        if big:
            axes.xaxis.set_major_formatter(EngFormatter())
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(names)), names, fontsize=9)
    panels[0].invert_yaxis()
    figure.savefig(picture, dpi=100)


def draw_bubbles(points: list[tuple[str, int, float, int]], picture: Path) -> None:
    """参数与准确率的气泡图：``points`` 每项是 (名字, 参数, 准确率, 乘加)，气泡的面积正比于乘加。

    气泡里写编号，右边列出编号对应的名字：名字写在气泡旁边会叠在一起。
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, PercentFormatter

    label("", "")
    figure = Figure(figsize=(9.5, 5.2), layout="constrained")
    axes = figure.subplots()
    largest = max((macs for *_, macs in points), default=1) or 1
    for number, (name, parameters, accuracy, macs) in enumerate(sorted(points, key=lambda p: p[1]), 1):
        area = 90 + 1600 * macs / largest
        axes.scatter(parameters, accuracy, s=area, alpha=0.4, color=f"C{number % 10}")
        axes.annotate(str(number), (parameters, accuracy), ha="center", va="center", fontsize=8)
        axes.plot([], [], " ", label=f"{number}  {name}  {accuracy:.1%}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    axes.set_xlabel(
        label("可训练参数（对数轴）；面积是一张图的乘加次数", "trainable parameters (log); area: MACs")
    )
    axes.set_ylabel(_name("accuracy"))
    axes.grid(alpha=0.3)
    axes.margins(0.1)
    figure.legend(loc="outside right upper", fontsize=8, handlelength=0, frameon=False)
    figure.savefig(picture, dpi=100)
