"""页面里的结果表：由 docs_zh/ 里记下的各次运行写出。"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

from pages.metrics import METRICS

ROOT = Path(__file__).resolve().parent.parent.parent


def measured(rows: dict[str, str], *metrics: str, opponents: bool = False) -> None:
    """由 docs_zh/results.json 写出几份配置的表，``rows`` 是一行的名字 -> 配置的名字。

    写几个种子在测试部分的均值（最小–最大），以及验证部分上挑轮次的那个指标；处理器时间取中位数。
    ``opponents`` 为真时，各个对照排在前面。
    """
    import cog

    known: dict[str, list[dict]] = {}
    for run in _records("results.json"):
        known.setdefault(run["name"], []).append(run)
    missing = [config for config in rows.values() if config not in known]
    if missing:
        raise LookupError(f"docs_zh/results.json 里没有 {missing}；请先训练，再执行 tools/results.py")
    first = known[next(iter(rows.values()))][0]
    size, chosen = first["facts"].get("image_size"), first["best"]["metric"]
    heads = [
        "",
        *(["图像"] if size else []),
        "参数",
        *(f"测试，{METRICS[metric].name}" for metric in metrics),
    ]
    heads += [f"验证，{METRICS[chosen].name}", "种子", "处理器分钟"]
    cog.outl(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, parts in first["baselines"].items() if opponents else ():
        cells = [name, *(["—"] if size else []), "—"]
        cells += [_number([parts["test"].get(metric)], metric) for metric in metrics]
        cog.outl(f"| {' | '.join([*cells, _number([parts['valid'].get(chosen)], chosen), '—', '—'])} |")
    for title, config in rows.items():
        runs = known[config]
        side, minutes = runs[0]["facts"].get("image_size"), (run["cpu_seconds"] / 60 for run in runs)
        cells = [f"[{title}](../{runs[0]['config']})", *([f"{side}×{side}"] if size else [])]
        cells.append(f"{runs[0]['trainable_parameters']:,}")
        cells += [_number([run["test"][metric] for run in runs], metric) for metric in metrics]
        cells.append(_number([run["best"]["value"] for run in runs], chosen))
        cells += ["、".join(str(run["seed"]) for run in runs), f"{statistics.median(minutes):.1f}"]
        cog.outl(f"| {' | '.join(cells)} |")
    cog.outl()


def experiment_table(name: str, *columns: str) -> None:
    """由 docs_zh/experiments/<实验>.json 写出一个实验的表：几个种子的均值（最小–最大）。"""
    import cog

    runs = _records(f"experiments/{name}.json")
    metric = next(run["metric"] for run in runs if run["metric"])
    of = {column: metric if column in ("best", "test") else column for column in columns}
    parts = {"best": "验证，", "test": "测试，"}
    heads = ["运行", *(parts.get(column, "") + METRICS[of[column]].name for column in columns)]
    cog.outl(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for title in dict.fromkeys(run["run"] for run in runs):
        found = [run for run in runs if run["run"] == title]
        cells = [_number([run[column] for run in found], of[column]) for column in columns]
        cog.outl(f"| {title} | {' | '.join(cells)} |")
    cog.outl()


def _number(values: list[float | None], metric: str) -> str:
    from paddle_notes.analysis.comparison import spread

    return spread(values, METRICS[metric].form)


def _records(file: str) -> list[dict]:
    return json.loads((ROOT / "docs_zh" / file).read_text(encoding="utf-8"))
