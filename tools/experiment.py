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

from pathlib import Path

from paddle_notes import cli

FORMS = {"trainable_parameters": ",", "minutes": ".1f"}  # 各列的写法，其余是四位有效数字


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="experiment.py", description=__doc__)
    parser.add_argument("name", nargs="?", metavar="NAME", help="实验的名字，或一个 YAML 文件")
    parser.add_argument("--list", action="store_true", help="列出全部实验")
    cli.add_out_argument(parser, "FOLDER", "写到这里", default=Path("output") / "experiments")
    cli.add_override_argument(parser, "train.epochs=1")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from pages.experiments import (
        FOLDER,
        ROOT,
        check_settings,
        load_experiment,
        plan_runs,
        record,
        run_one,
        values_of,
    )

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
    print(f"看曲线：visualdl --logdir {cli.quote(str(root))} --language zh --disable-telemetry")
    return 0


if __name__ == "__main__":
    cli.run(main)
