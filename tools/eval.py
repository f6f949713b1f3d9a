"""在验证或测试部分评估一个检查点，得到与训练时记录的完全相同的数字。

    python tools/eval.py --weights output/lenet/best
    python tools/eval.py --weights output/lenet/best --split test

挑网络、挑超参数看验证部分；测试部分留到最后看一次，看过之后再挑，它就成了验证部分。

设置取自检查点；用 -c 可以另给一份，用 -o data.path=… 可以评估另一批样本，这时会说明它不是训练时的那一份。
类别、归一化、词表、划分与训练时不同的，不能评估。
"""

from __future__ import annotations

import json

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="eval.py", description=__doc__)
    cli.add_config_arguments(parser, required=False, help="配置文件；不写则用训练时的设置")
    cli.add_weights_argument(parser)
    parser.add_argument(
        "--split", choices=["valid", "test"], default="valid", help="评估哪一部分，默认 valid（验证）"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes.inference import load

    trained = load(args.weights, config=args.config, overrides=cli.overrides(args))

    from paddle_notes.engine.evaluate import format_metrics

    metrics = trained.evaluate(args.split)
    count = getattr(trained.parts, args.split).num_samples
    if args.json:
        print(json.dumps({"weights": args.weights, "split": args.split, "samples": count, **metrics}))
    else:
        print(trained.environment)
        title = {"valid": "Eval", "test": "Test"}[args.split]
        print(f"[{title}] {args.weights} {count} 个样本 {format_metrics(metrics)}")
    return 0


if __name__ == "__main__":
    cli.run(main)
