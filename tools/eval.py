"""在验证或测试部分评估一个检查点，得到与训练时记录的完全相同的数字。

    python tools/eval.py -c configs/lenet.yml --weights output/lenet/best
    python tools/eval.py -c configs/lenet.yml --weights output/lenet/best --split test

挑网络、挑超参数看验证部分；测试部分留到最后看一次，看过之后再挑，它就成了验证部分。
"""

from __future__ import annotations

import json

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


def check_vocabulary(weights: str, info: dict) -> None:
    """数据文件改过之后词表也会变：同一个编号成了另一个词，形状却可能相同。没有说明文件时不检查。"""
    from paddle_notes.engine.checkpoint import read_state, split_suffix
    from paddle_notes.errors import UserError

    path = split_suffix(weights)
    if not (path.parent / f"{path.name}.json").is_file():
        return
    saved = read_state(path).get("data", {})
    for key in info:
        if key.endswith("vocabulary") and saved.get(key, info[key]) != info[key]:
            raise UserError(
                f"数据的词表与训练 {weights} 时不同（现在 {len(info[key])} 个词元，"
                f"当时 {len(saved[key])} 个）；请用训练时的数据文件与数据选项"
            )


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data
    from paddle_notes.errors import UserError

    config = load_config(args.config, cli.overrides(args))
    environment = runtime.prepare(config.runtime.device, config.runtime.threads)

    from paddle_notes.engine.checkpoint import check_model, load_weights
    from paddle_notes.engine.evaluate import evaluate, format_metrics
    from paddle_notes.engine.tasks import build_task

    parts = build_data(config.data, config.seed)
    data = getattr(parts, args.split)
    if data is None:
        raise UserError(f"{config.data.path} 里没有测试部分；请放一个 test 文件夹，或用 --split valid")
    info = data.info()
    check_vocabulary(args.weights, info)
    model, options = models.build_from_config(config.model, info)
    load_weights(model, args.weights)
    check_model(args.weights, options)  # 形状相同而选项不同，如 LeNet 的两种形式
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
