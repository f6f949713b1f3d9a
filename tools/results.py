"""由各次运行的 summary.json 写出结果表与气泡图；表里的数没有一个是手写的。

    python tools/results.py                           # 读 output/，写 docs_zh/results.md 与 results.json
    python tools/results.py output other --out table.md

只收录训练完的运行（不含试运行）。一行是一份配置：文件夹叫 <配置> 或 <配置>/<种子>，同一个种子取最近的一次。
各次运行的数记在表旁边的 .json 里，各章的表由 tools/docs.py 从它写出；这一次没有重跑的，留着原来的记录。
"""

from __future__ import annotations

import statistics
from pathlib import Path

from paddle_notes import cli

ROOT = Path(__file__).resolve().parent.parent

CHART_FROM = 0.96  # 气泡图只画卷积网络所在的一段，线性模型低得多


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="results.py", description=__doc__)
    parser.add_argument(
        "folders", nargs="*", default=["output"], metavar="FOLDER", help="装着各次运行的文件夹"
    )
    cli.add_out_argument(parser, "MD", "写到这里", default=ROOT / "docs_zh" / "results.md")
    parser.add_argument("--note", default="", metavar="TEXT", help="写在页首的说明，如测量时机器在做别的事")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import runtime

    runtime.prepare("cpu")

    from pages.metrics import METRICS
    from pages.results import merge, read_runs, write_table, write_translations

    from paddle_notes.analysis.comparison import draw_bubbles

    runs = merge(read_runs(args.folders), args.out.with_suffix(".json"))
    lines = [
        "# 结果",
        "",
        "本页由 `python tools/results.py` 从各次运行的 `summary.json` 写出，不手改。一行是一份配置，"
        "几个种子的写成均值（最小–最大）。超参数与轮次只看验证部分来挑；测试部分在训练结束时用挑出的检查点评估一次，"
        "验证的数因此略偏乐观，比较以测试为准。对照只由训练部分得出。处理器分钟是进程用的处理器时间，含起步与评估，不受别的程序影响；样本/秒是墙上的，只算训练；"
        "两者都取各种子的中位数；乘加是一张图推理一次的次数。换一台机器，线程数不同，末位会变。" + args.note,
    ]
    for metric in sorted({seeds[0]["best"]["metric"] for seeds in runs}):
        chosen = [seeds for seeds in runs if seeds[0]["best"]["metric"] == metric]
        lines += ["", f"## {METRICS[metric].title}", "", *write_table(chosen, metric)]
    translated = [run for seeds in runs for run in seeds if run["translation"]]
    if translated:
        lines += ["", "## 译文（BLEU 与 chrF，越大越好）", "", *write_translations(translated)]
    points = []
    for seeds in runs:
        run = seeds[0]
        if (run["data"], run["best"]["metric"]) == ("mnist5k", "accuracy") and run["macs"] and run["test"]:
            accuracy = statistics.mean(other["test"]["accuracy"] for other in seeds)
            if accuracy >= CHART_FROM:
                points.append((run["name"], run["trainable_parameters"], accuracy, run["macs"]))
    if points:
        picture = args.out.parent / "images" / "accuracy_parameters.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        draw_bubbles(points, picture)
        lines += [
            "",
            "## 参数与准确率",
            "",
            f"mnist5k 上测试准确率不低于 {CHART_FROM:.0%} 的各份配置：横轴是参数，纵轴是准确率，"
            "气泡的面积是一张图的乘加次数。参数多、乘加多的并不更准：训练数据只有 3,500 张干净的手写数字，"
            "深的网络用不上它的本事；换成难的图像就不同了，见[实验](experiments.md)里的“网络的结构”。",
            "",
            "![参数与准确率](images/accuracy_parameters.png)",
        ]
    args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(runs)} 份配置，{sum(map(len, runs))} 次运行，写到 {args.out}")
    return 0


if __name__ == "__main__":
    cli.run(main)
