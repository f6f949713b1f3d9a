"""做一个实验：依次训练几次，画一张比较的图，列一张表。

    python tools/experiment.py --list
    python tools/experiment.py degradation
    python tools/experiment.py degradation -o train.epochs=1        # 先小跑一遍

实验是 configs/experiments/ 里的一份 YAML：一份基础配置，加上每次运行要改的几项；一次运行也可以有自己的
基础配置 base。seeds 里有几个种子就各训练几次：表里是均值与最小、最大，相差不过这个范围的不能说谁更好。
每次运行在 output/experiments/<实验>/<运行>/<种子>/ 里，它的设置记在旁边的 <种子>.json 里：做完的不会重做，
设置改过的不会拿旧的结果充数，请换 --out 或删去文件夹。
图是 <实验>.png，各次运行的数记在 <实验>.json 里。
有的实验故意让训练失败：失败的运行也在表里，写着原因。
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from paddle_notes import cli

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "configs" / "experiments"
FORMS = {"trainable_parameters": ",", "minutes": ".1f"}  # 各列的写法，其余是四位有效数字


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="experiment.py", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help="实验的名字，或一个 YAML 文件")
    parser.add_argument("--list", action="store_true", help="列出全部实验")
    cli.add_out_argument(parser, "FOLDER", "写到这里", default=Path("output") / "experiments")
    cli.add_override_argument(parser, "train.epochs=1")
    return parser.parse_args(argv)


def load_experiment(name: str):
    """读一个实验；写错的名字、键、运行都是 UserError。"""
    from typing import Literal

    from pydantic import Field, ValidationError

    from paddle_notes.config import Section, read_yaml
    from paddle_notes.errors import UserError, explain, suggestion

    class Experiment(Section):
        title: str
        question: str
        base: str | None = None  # 基础配置，相对于项目的根目录；各次运行也可以自己写
        override: dict[str, str | list] = {}  # 每次运行都要改的，如 train.epochs: 3
        runs: dict[str, dict[str, str | list]] = Field(min_length=1)  # 运行的名字 -> 要改的
        seeds: list[int] = Field([0], min_length=1)
        plot: Literal["curves", "bars"] = "curves"
        metrics: list[str] = ["train/loss", "eval/accuracy"]

    path = Path(name) if name.endswith((".yml", ".yaml")) else FOLDER / f"{name}.yml"
    if not path.exists():
        names = [file.stem for file in FOLDER.glob("*.yml")]
        raise UserError(f"没有名为 {name} 的实验；{suggestion(name, names)}")
    try:
        experiment = Experiment.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{path}：{'.'.join(map(str, first['loc']))} {explain(first)}") from error
    for name, changes in experiment.runs.items():
        if experiment.base is None and "base" not in changes:
            raise UserError(f"{path}：runs.{name} 没有 base，整个实验也没有；请写明基础配置")
    return experiment


def plan_runs(experiment, extra: list[str]) -> dict[str, tuple[str, list[str]]]:
    """各次运行：名字 -> (基础配置, -o 的各项)，不含种子。"""
    from paddle_notes.config import as_overrides

    plans = {}
    for name, changes in experiment.runs.items():
        changes = {**experiment.override, **changes}
        base = changes.pop("base", experiment.base)
        plans[name] = base, [*as_overrides(changes), *extra]
    return plans


def check_settings(asked: dict, folder: Path) -> None:
    """这个文件夹里若已有一次运行，它是不是照 ``asked`` 训练的。"""
    from paddle_notes.engine.matching import differences, show
    from paddle_notes.errors import UserError

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


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes.errors import UserError

    if args.list:
        for file in sorted(FOLDER.glob("*.yml")):
            print(f"{file.stem:<24}{load_experiment(file.stem).title}")
        return 0
    if args.name is None:
        raise UserError("请给出实验的名字；--list 列出全部的实验")
    experiment = load_experiment(args.name)
    from paddle_notes.config import load_config
    from paddle_notes.engine.matching import dump

    plans = plan_runs(experiment, args.override)
    root = args.out / Path(args.name).stem
    runs = [(seed, name) for seed in experiment.seeds for name in plans]  # 先把每种做法各做一遍
    asked = {}
    for seed, name in runs:  # 先查错，再开始训练
        base, overrides = plans[name]
        settings = dump(load_config(ROOT / base, [*overrides, f"seed={seed}"]))
        del settings["output_dir"]
        check_settings(settings, root / name / str(seed))
        asked[seed, name] = settings
    print(f"{experiment.title}：{experiment.question}")
    summaries: dict[str, list[dict]] = {name: [] for name in plans}
    for index, (seed, name) in enumerate(runs, 1):
        base, overrides = plans[name]
        words = f"{base} {' '.join(overrides)}".strip()
        print(f"\n[{index}/{len(runs)}] {name}，种子 {seed}：{words}", flush=True)
        folder = root / name / str(seed)
        summaries[name].append(run_one(base, [*overrides, f"seed={seed}"], folder, asked[seed, name]))

    from paddle_notes.analysis.comparison import draw_bars, draw_comparison, spread

    folders = {name: [root / name / str(seed) for seed in experiment.seeds] for name in plans}
    columns = list(dict.fromkeys([*experiment.metrics, "best", "test", "trainable_parameters", "minutes"]))
    values = {
        name: [values_of(*pair, columns) for pair in zip(summaries[name], folders[name])] for name in plans
    }
    picture = args.out / f"{Path(args.name).stem}.png"
    record(values, summaries, picture.with_suffix(".json"))
    if experiment.plot == "bars":
        draw_bars(values, experiment.metrics, picture)
    else:
        draw_comparison(folders, experiment.metrics, picture)

    if len(experiment.seeds) > 1:
        print(f"\n种子 {experiment.seeds}：均值（最小–最大）")
    print(f"\n| 运行 | {' | '.join(columns)} | 备注 |\n|{'---|' * (len(columns) + 2)}")
    for name, found in values.items():
        cells = [spread([one[column] for one in found], FORMS.get(column, ",.4g")) for column in columns]
        errors = dict.fromkeys(summary["error"] for summary in summaries[name] if "error" in summary)
        print(f"| {name} | {' | '.join(cells)} | {'；'.join(errors)} |")
    print(f"\n图：{picture}；各次运行的数：{picture.with_suffix('.json')}")
    print(f"看曲线：visualdl --logdir {cli.quote(str(root))} --language zh")
    return 0


if __name__ == "__main__":
    cli.run(main)
