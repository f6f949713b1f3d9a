"""一个实验：读它的 YAML，定出各次运行，训练一次，取出要比较的数。"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from paddle_notes.config import Section, as_overrides, read_yaml
from paddle_notes.engine.matching import differences, show
from paddle_notes.errors import UserError, first_problem, suggestion

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "configs" / "experiments"


class Experiment(Section):
    """一个实验。"""

    title: str
    question: str
    base: str | None = None  # 基础配置，相对于项目的根目录；各次运行也可以自己写
    override: dict[str, str | list] = {}  # 每次运行都要改的，如 train.epochs: 3
    runs: dict[str, dict[str, str | list]] = Field(min_length=1)  # 运行的名字 -> 要改的
    seeds: list[int] = Field([0], min_length=1)
    plot: Literal["curves", "bars"] = "curves"
    metrics: list[str] = ["train/loss", "eval/accuracy"]


def load_experiment(name: str):
    """读一个实验；写错的名字、键、运行都是 UserError。"""
    path = Path(name) if name.endswith((".yml", ".yaml")) else FOLDER / f"{name}.yml"
    if not path.exists():
        names = [file.stem for file in FOLDER.glob("*.yml")]
        raise UserError(f"没有名为 {name} 的实验；{suggestion(name, names)}")
    try:
        experiment = Experiment.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(f"{path}：{first_problem(error.errors())}") from error
    for name, changes in experiment.runs.items():
        if experiment.base is None and "base" not in changes:
            raise UserError(f"{path}：runs.{name} 没有 base，整个实验也没有；请写明基础配置")
    return experiment


def plan_runs(experiment, extra: list[str]) -> dict[str, tuple[str, list[str]]]:
    """各次运行：名字 -> (基础配置, -o 的各项)，不含种子。"""
    plans = {}
    for name, changes in experiment.runs.items():
        changes = {**experiment.override, **changes}
        base = changes.pop("base", experiment.base)
        plans[name] = base, [*as_overrides(changes), *extra]
    return plans


def check_settings(asked: dict, folder: Path) -> None:
    """这个文件夹里若已有一次运行，它是不是照 ``asked`` 训练的。"""
    file, remedy = folder.with_suffix(".json"), "请换 --out，或删去这个文件夹"
    if not (folder / "summary.json").exists():
        return
    if not file.exists():
        raise UserError(f"{folder} 里已有一次运行，但没有记下它的设置 {file.name}；{remedy}")
    changes = differences(json.loads(file.read_text(encoding="utf-8")), asked)
    if changes:
        raise UserError(f"{folder} 里的运行是照别的设置训练的（{show(changes)}）；{remedy}")


def run_one(base: str, overrides: list[str], folder: Path, asked: dict) -> dict:
    """训练一次，返回 summary.json 的内容；失败的运行多一项 error。设置 ``asked`` 记在文件夹旁边。"""
    summary_file = folder / "summary.json"
    if summary_file.exists():
        summary = json.loads(summary_file.read_text(encoding="utf-8"))
        if summary["status"] in ("finished", "failed"):
            return summary
    folder.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asked, ensure_ascii=False, indent=2) + "\n"
    folder.with_suffix(".json").write_text(text, encoding="utf-8")
    words = [sys.executable, str(ROOT / "tools" / "train.py"), "-c", str(ROOT / base), "--resume"]
    words += ["-o", *overrides, f"output_dir={folder}"]
    done = subprocess.run(words, stderr=subprocess.PIPE, encoding="utf-8", errors="replace")
    if done.returncode in (130, -2):
        raise KeyboardInterrupt
    if not summary_file.exists():
        raise RuntimeError(done.stderr)
    summary = json.loads(summary_file.read_text(encoding="utf-8"))
    if done.returncode != 0:
        summary["error"] = done.stderr.strip().splitlines()[-1]
        summary_file.write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return summary


def last_value(folder: Path, metric: str) -> float | None:
    """一次运行最后一次记录的 ``train/loss`` 这样的指标。"""
    from paddle_notes.analysis.curves import read_metrics

    split, _, key = metric.partition("/")
    values = [r[key] for r in read_metrics(folder / "metrics.jsonl") if r["split"] == split and key in r]
    return values[-1] if values else None


def values_of(summary: dict, folder: Path, metrics: list[str]) -> dict[str, float | None]:
    """一次运行的数：``best``、``test``、``minutes``（处理器时间）、``trainable_parameters``，或最后一次记录的指标。"""
    known = {
        "best": summary["best"].get("value"),
        "test": summary["test"].get(summary["best"].get("metric")),
        "minutes": summary["cpu_seconds"] / 60,
        "trainable_parameters": summary["trainable_parameters"],
    }
    return {metric: known[metric] if metric in known else last_value(folder, metric) for metric in metrics}


def record(values: dict[str, list[dict]], summaries: dict[str, list[dict]], file: Path) -> None:
    """把各次运行的数记成 JSON，一次运行一行：各页的表由 tools/docs.py 从它写出。"""
    lines = []
    for name, found in values.items():
        for one, summary in zip(found, summaries[name]):
            kept = {key: summary.get(key) for key in ("seed", "commit", "machine", "error")}
            metric = summary["best"].get("metric")  # best 与 test 说的是哪个指标
            lines.append(json.dumps({"run": name, "metric": metric, **kept, **one}, ensure_ascii=False))
    file.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
