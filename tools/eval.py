"""在验证数据上评估一个检查点，得到与训练时记录的完全相同的数字。

python tools/eval.py -c configs/lenet.yml --weights output/lenet/best
"""

from __future__ import annotations

import json

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="eval.py", description=__doc__)
    cli.add_config_arguments(parser)
    parser.add_argument("--weights", required=True, metavar="PATH", help="检查点，如 output/lenet/best")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data

    config = load_config(args.config, cli.overrides(args))
    environment = runtime.prepare(config.runtime.device, config.runtime.threads)

    from paddle_notes.engine.checkpoint import check_model, load_weights
    from paddle_notes.engine.evaluate import evaluate, format_metrics
    from paddle_notes.engine.tasks import build_task

    _, valid_data = build_data(config.data, config.seed)
    info = valid_data.info()
    model, options = models.build_from_config(config.model, info)
    load_weights(model, args.weights)
    check_model(args.weights, options)  # 形状相同而选项不同，如 LeNet 的两种形式
    metrics = evaluate(model, build_task(config.task, info), valid_data)
    if args.json:
        print(json.dumps({"weights": args.weights, "samples": valid_data.num_samples, **metrics}))
    else:
        print(environment)
        print(f"[Eval] {args.weights} {valid_data.num_samples} 个样本 {format_metrics(metrics)}")
    return 0


if __name__ == "__main__":
    cli.run(main)
