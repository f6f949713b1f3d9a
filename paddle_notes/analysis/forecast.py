"""时间序列的预测与真值。"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paddle_notes.fonts import chinese_font, label


def draw_forecast(truth: np.ndarray, forecast: np.ndarray, picture: Path, title: str) -> None:
    """一步预测与真值，各 (N,)，画在一张图上。"""
    from matplotlib.figure import Figure

    chinese_font()  # 标题的字体在造图时就定了
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(truth, color="0.5", label=label("真值", "truth"))
    axes.plot(forecast, "--", label=label("预测", "forecast"))
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(label("测试部分的第几个值", "index in the test part"))
    axes.grid(alpha=0.3)
    axes.legend()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, format="png", dpi=100)
