"""在验证或测试部分评估一个检查点，得到与训练时记录的完全相同的数字。

    python tools/eval.py -c configs/lenet.yml --weights output/lenet/best
    python tools/eval.py -c configs/lenet.yml --weights output/lenet/best --split test

挑网络、挑超参数看验证部分；测试部分留到最后看一次，看过之后再挑，它就成了验证部分。

类别、归一化、词表、划分与训练时不同的，不能评估。用 -o data.path=… 可以评估另一批样本，类别与归一化要与训练时
相同；这时会说明它不是训练时的那一份。
"""

from __future__ import annotations

import json
import sys

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="eval.py", description=__doc__)
    cli.add_config_arguments(parser)
    parser.add_argument("--weights", required=True, metavar="PATH", help="检查点，如 output/lenet/best")
    parser.add_argument(
        "--split", choices=["valid", "test"], default="valid", help="评估哪一部分，默认 valid（验证）"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data
    from paddle_notes.errors import UserError

    config = load_config(args.config, cli.overrides(args))
    environment = runtime.prepare(config.runtime.device, config.runtime.threads)

    from paddle_notes.engine.checkpoint import load_weights
    from paddle_notes.engine.evaluate import evaluate, format_metrics
    from paddle_notes.engine.matching import check_use
    from paddle_notes.engine.tasks import build_task

    parts = build_data(config.data, config.seed)
    data = getattr(parts, args.split)
    if data is None:
        raise UserError(f"{config.data.path} 里没有测试部分；请放一个 test 文件夹，或用 --split valid")
    info = data.info()
    model, options = models.build_from_config(config.model, info)
    note = check_use(args.weights, config, info, {args.split: data.fingerprint()}, options)
    if note:
        print(note, file=sys.stderr)
    load_weights(model, args.weights)
    task = build_task(config.task, info)
    task.prepare(parts.valid)
    metrics = evaluate(model, task, data)
    if args.json:
        print(
            json.dumps({"weights": args.weights, "split": args.split, "samples": data.num_samples, **metrics})
        )
    else:
        print(environment)
        title = {"valid": "Eval", "test": "Test"}[args.split]
        print(f"[{title}] {args.weights} {data.num_samples} 个样本 {format_metrics(metrics)}")
    return 0


if __name__ == "__main__":
    cli.run(main)
