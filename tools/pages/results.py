"""结果表：读各次运行的 summary.json，与以前的记录合在一起，写成表。"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

KEPT = (
    *("model", "data", "facts", "trainable_parameters", "seed", "best", "test", "baselines", "epochs"),
    "higher_is_better",
    *("wall_seconds", "cpu_seconds", "samples_per_second", "commit", "machine", "environment"),
)  # summary.json 里要记下的


def read_runs(folders: list[str]) -> dict[str, dict[int, dict]]:
    """训练完的各次运行：配置的名字 → 种子 → 要记下的数。"""
    from paddle_notes.errors import UserError

    runs: dict[str, dict[int, dict]] = {}
    files = [file for folder in folders for file in Path(folder).rglob("summary.json")]
    files = [file for file in files if "experiments" not in file.parts]  # 实验有自己的表
    for file in sorted(files, key=lambda file: file.stat().st_mtime):
        summary = json.loads(file.read_text(encoding="utf-8"))
        finished = summary["status"] == "finished" and not summary["dry_run"]
        if finished and set(KEPT) <= summary.keys():  # 早先的版本记得少些
            folder = file.parent
            name = folder.parent.name if folder.name.isdigit() else folder.name
            known = runs.setdefault(name, {})
            macs = next(iter(known.values()))["macs"] if known else count_run_macs(summary, folder)
            known[summary["seed"]] = {
                "name": name,
                "config": config_name(name),
                **{key: summary[key] for key in KEPT},
                "last": summary["last"][summary["best"]["metric"]],
                "macs": macs,
                "translation": read_translation(folder),
            }
    if not runs:
        raise UserError(f"{'、'.join(map(str, folders))} 里没有训练完的运行；请先用 tools/train.py 训练")
    return runs


def merge(runs: dict[str, dict[int, dict]], records: Path) -> list[list[dict]]:
    """与以前的记录合在一起，同一份配置、同一个种子取新的；写回 ``records``，返回一份配置一项。"""
    old = json.loads(records.read_text(encoding="utf-8")) if records.exists() else []
    for run in old:
        runs.setdefault(run["name"], {}).setdefault(run["seed"], run)
    merged = [[runs[name][seed] for seed in sorted(runs[name])] for name in sorted(runs)]
    lines = [json.dumps(run, ensure_ascii=False) for seeds in merged for run in seeds]
    records.parent.mkdir(parents=True, exist_ok=True)
    records.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")  # 一次运行一行，看得出改了哪些
    return merged


def read_translation(folder: Path) -> dict | None:
    """``tools/translate.py --evaluate`` 留下的 BLEU 与 chrF；没有时为 None。"""
    file = folder / "translation.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def config_name(folder: str) -> str:
    """输出文件夹名对应的配置；没有同名的配置时为空。"""
    for file in (ROOT / "configs" / f"{folder}.yml", ROOT / "configs" / "full" / f"{folder}.yml"):
        if file.exists():
            return file.relative_to(ROOT).as_posix()
    return ""


def count_run_macs(summary: dict, folder: Path) -> int | None:
    """一张图的乘加次数；输入不是图像的网络与生成网络为 None。"""
    import paddle

    from paddle_notes import models
    from paddle_notes.analysis.summary import layer_table
    from paddle_notes.config import load_config

    facts = summary["facts"]
    if not {"in_channels", "image_size"} <= facts.keys() or "num_classes" not in facts:
        return None
    config = load_config(folder / "config.yml")
    if config.task.name == "adversarial":
        return None
    model = models.build(config.model.name, **config.model.options())
    rows = layer_table(model, paddle.zeros([1, facts["in_channels"], *[facts["image_size"]] * 2]))
    return sum(row.macs for row in rows)


def write_table(runs: list[list[dict]], metric: str) -> list[str]:
    """一个指标的表，一份配置一行。"""
    from paddle_notes.analysis.comparison import spread

    images = any("image_size" in seeds[0]["facts"] for seeds in runs)
    heads = ["网络", "数据", *(["图像", "乘加"] if images else []), "参数"]
    heads += [
        "测试",
        "验证，最好的一轮",
        "验证，最后一轮",
        "对照（测试）",
        "种子",
        "轮数",
        "处理器分钟",
        "样本/秒",
    ]
    heads += ["配置", "提交", "机器"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]

    def column(seeds: list[dict], value: Callable[[dict], float]) -> list[float]:
        return [value(run) for run in seeds]

    def tested(run: dict) -> float:
        return run["test"].get(metric, run["best"]["value"])

    sign = -1 if runs[0][0]["higher_is_better"] else 1
    order = {id(seeds): sign * statistics.mean(column(seeds, tested)) for seeds in runs}
    for seeds in sorted(runs, key=lambda seeds: (seeds[0]["data"], order[id(seeds)])):
        run = seeds[0]
        size = run["facts"].get("image_size")
        others = [
            f"{name} {parts['test'][metric]:.4f}"
            for name, parts in run["baselines"].items()
            if metric in parts.get("test", {})
        ]
        cells = [run["model"], run["data"]]
        macs = "—" if run["macs"] is None else f"{run['macs']:,}"
        cells += [f"{size}×{size}" if size else "—", macs] if images else []
        cells.append(f"{run['trainable_parameters']:,}")
        cells.append(spread(column(seeds, tested), ".4f") if run["test"] else "—")
        cells.append(spread(column(seeds, lambda run: run["best"]["value"]), ".4f"))
        cells.append(spread(column(seeds, lambda run: run["last"]), ".4f"))
        cells += ["；".join(others) or "—", "、".join(str(run["seed"]) for run in seeds), str(run["epochs"])]
        cells.append(f"{statistics.median(column(seeds, lambda run: run['cpu_seconds'])) / 60:.1f}")
        cells.append(f"{statistics.median(column(seeds, lambda run: run['samples_per_second'])):,.0f}")
        commits = dict.fromkeys(run["commit"] or "—" for run in seeds)
        cells += [config_link(run), "、".join(commits), run["machine"]]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def config_link(run: dict) -> str:
    return f"[{Path(run['config']).stem}](../{run['config']})" if run["config"] else run["name"]


def write_translations(runs: list[dict]) -> list[str]:
    """译文的 BLEU 与 chrF，网络与最近邻检索各一行。"""
    lines = ["| 译文来自 | 句对 | 解码 | BLEU | chrF | 配置 | 提交 | 种子 |", "|" + "---|" * 8]
    for run in runs:
        report = run["translation"]
        for name, scores in report["scores"].items():
            source, decoding = (run["model"], report["decoding"]) if name == "网络" else (name, "—")
            cells = [
                source,
                f"{report['samples']:,}",
                decoding,
                f"{scores['bleu']:.1f}",
                f"{scores['chrf']:.1f}",
            ]
            cells += [config_link(run), run["commit"] or "—", str(run["seed"])]
            lines.append("| " + " | ".join(cells) + " |")
    return lines
