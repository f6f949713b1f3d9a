"""由 metrics.jsonl 画训练曲线。"""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 1e100  # 再大的数画不出来


def read_metrics(file: Path) -> list[dict]:
    """读 metrics.jsonl，每行一条记录；损坏的行不要。"""
    records = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(line)
            if is_record(record):
                records.append(record)
    return records


def is_record(record: Any) -> bool:
    """是不是一条记录：split 是文字，step 是步数，其余都是数（可以是 NaN 与无穷）。"""
    if not isinstance(record, dict) or not isinstance(record.get("split"), str):
        return False
    numbers = [value for key, value in record.items() if key != "split"]
    return type(record.get("step")) is int and all(
        type(number) in (int, float) and not LARGEST <= abs(number) < math.inf for number in numbers
    )


def plot_curves(records: list[dict], metric: str) -> Figure:
    """损失与指标两张图：细线是训练，圆点是每轮的验证。

    图中用英文，任何机器上都不会因为没有中文字体而显示成方框。
    """
    from matplotlib.figure import Figure  # 不经 pyplot：不挑后端，也不留全局状态

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", metric)):
        for split, style in (("train", "-"), ("eval", "o-")):
            points = [(r["step"], r[name]) for r in records if r["split"] == split and name in r]
            if points:
                axes.plot(*zip(*points), style, label=split, markersize=4)
        axes.set_xlabel("step")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    return figure


def draw_curves(metrics_file: Path, picture: Path, metric: str) -> None:
    """把 :func:`plot_curves` 画成图片。"""
    plot_curves(read_metrics(metrics_file), metric).savefig(picture, dpi=120)
