"""由各次运行的 summary.json 写出结果表与气泡图；表里的数没有一个是手写的。

    python tools/results.py                                  # 读 output/，写 docs_zh/results.md
    python tools/results.py output other/output --out table.md

只收录训练完的运行（不含试运行）。一份配置在几个文件夹里都有时取最近的一次。
"""

from __future__ import annotations

import json
from pathlib import Path

from paddle_notes import cli

ROOT = Path(__file__).resolve().parent.parent

# 同一种图像大小下公开的单次运行，只作对照：(数据, 图像边长, 网络) -> (准确率, 出处)
PUBLISHED = {
    ("fashion_mnist", 28, "lenet"): (0.883, "《动手学深度学习》LeNet 一节的运行（sigmoid，10 轮）"),
}
CHART_FROM = 0.96  # 气泡图只画卷积网络所在的一段，线性模型低得多
TITLES = {
    "accuracy": "分类（验证准确率，越大越好）",
    "rmse": "回归与时间序列（均方根误差，越小越好）",
    "bits_per_char": "语言模型（每字符比特数，越小越好）",
    "sentence_accuracy": "生成句子（整句全对的比例，越大越好）",
    "frechet": "生成图像（Fréchet 距离，越小越好；不同的图像大小不能互相比）",
}


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="results.py", description=__doc__)
    parser.add_argument(
        "folders", nargs="*", default=["output"], metavar="FOLDER", help="装着各次运行的文件夹"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs_zh" / "results.md", metavar="MD")
    parser.add_argument("--note", default="", metavar="TEXT", help="写在页首的说明，如测量时机器在做别的事")
    return parser.parse_args(argv)


def read_runs(folders: list[str]) -> list[dict]:
    """训练完的各次运行，每个输出文件夹名一项：summary.json 的内容，加上 config 与 macs。"""
    from paddle_notes.errors import UserError

    runs: dict[str, dict] = {}
    files = [file for folder in folders for file in Path(folder).rglob("summary.json")]
    for file in sorted(files, key=lambda file: file.stat().st_mtime):
        summary = json.loads(file.read_text(encoding="utf-8"))
        if summary["status"] == "finished" and not summary["dry_run"] and "commit" in summary:
            runs[file.parent.name] = {
                **summary,
                "folder": file.parent,
                "translation": read_translation(file.parent),
                "config": config_name(file.parent.name),
            }
    if not runs:
        raise UserError(f"{'、'.join(map(str, folders))} 里没有训练完的运行；请先用 tools/train.py 训练")
    return list(runs.values())


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


def count_run_macs(run: dict) -> int | None:
    """一张图的乘加次数；输入不是图像的网络与生成网络为 None。"""
    import paddle

    from paddle_notes import models
    from paddle_notes.analysis.summary import layer_table
    from paddle_notes.config import load_config

    facts = run["facts"]
    if not {"in_channels", "image_size"} <= facts.keys() or "num_classes" not in facts:
        return None
    config = load_config(run["folder"] / "config.yml")
    model = models.build(config.model.name, **config.model.options())
    if hasattr(model, "generator"):
        return None
    rows = layer_table(model, paddle.zeros([1, facts["in_channels"], *[facts["image_size"]] * 2]))
    return sum(row.macs for row in rows)


def write_table(runs: list[dict], metric: str) -> list[str]:
    """一个指标的表。"""
    images = any("image_size" in run["facts"] for run in runs)
    heads = [
        "网络",
        "数据",
        *(["图像", "乘加"] if images else []),
        "参数",
        metric,
        "对照",
        "轮数",
        "分钟",
        "样本/秒",
    ]
    heads += ["配置", "提交", "种子", "机器"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    sign = -1 if metric in ("accuracy", "sentence_accuracy") else 1
    for run in sorted(runs, key=lambda run: (run["data"], sign * run["best"]["value"])):
        size = run["facts"].get("image_size")
        published = PUBLISHED.get((run["data"], size, run["model"]))
        others = [
            f"{name} {values[metric]:.4f}" for name, values in run["baselines"].items() if metric in values
        ]
        others += [f"{published[0]:.3f}，{published[1]}"] if published else []
        macs = "—" if run["macs"] is None else f"{run['macs']:,}"
        cells = [run["model"], run["data"]]
        cells += [f"{size}×{size}" if size else "—", macs] if images else []
        cells += [f"{run['trainable_parameters']:,}", f"{run['best']['value']:.4f}", "；".join(others) or "—"]
        cells += [str(run["epochs"]), f"{run['wall_seconds'] / 60:.1f}", f"{run['samples_per_second']:,.0f}"]
        cells += [config_link(run), run["commit"] or "—", str(run["seed"]), run["machine"]]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def config_link(run: dict) -> str:
    return f"[{Path(run['config']).stem}](../{run['config']})" if run["config"] else run["folder"].name


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


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import runtime

    runtime.prepare("cpu")

    from paddle_notes.analysis.comparison import draw_bubbles

    runs = read_runs(args.folders)
    for run in runs:
        run["macs"] = count_run_macs(run)
    lines = [
        "# 结果",
        "",
        "本页由 `python tools/results.py` 从各次运行的 `summary.json` 写出，不手改。每一行是一次运行："
        "指标取最好的一轮，分钟是墙上时间，样本/秒只算训练；乘加是一张图推理一次的次数。",
        "各配置的超参数是在同一份验证数据上选的，所以这些数略偏乐观；同一份配置换一台机器，"
        "线程数不同，末位会变。" + args.note,
    ]
    for metric in sorted({run["best"]["metric"] for run in runs}):
        chosen = [run for run in runs if run["best"]["metric"] == metric]
        lines += ["", f"## {TITLES.get(metric, metric)}", "", *write_table(chosen, metric)]
    translated = [run for run in runs if run["translation"]]
    if translated:
        lines += ["", "## 译文（BLEU 与 chrF，越大越好）", "", *write_translations(translated)]
    points = [
        (run["folder"].name, run["trainable_parameters"], run["best"]["value"], run["macs"])
        for run in runs
        if (run["data"], run["best"]["metric"]) == ("mnist5k", "accuracy")
        and run["macs"]
        and run["best"]["value"] >= CHART_FROM
    ]
    if points:
        picture = args.out.parent / "images" / "accuracy_parameters.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        draw_bubbles(points, picture)
        lines += [
            "",
            "## 参数与准确率",
            "",
            f"mnist5k 上准确率不低于 {CHART_FROM:.0%} 的各次运行：横轴是参数，纵轴是准确率，"
            "气泡的面积是一张图的乘加次数。参数多、乘加多的并不更准：数据只有 4,000 张手写数字，"
            "几个网络之差与一次运行的偶然性（约 ±0.5 %）相当。",
            "",
            "![参数与准确率](images/accuracy_parameters.png)",
        ]
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(runs)} 次运行，写到 {args.out}")
    return 0


if __name__ == "__main__":
    cli.run(main)
