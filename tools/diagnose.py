"""准确率停在瞎猜的水平？逐项检查输入、标签、初始化、学习率，几秒钟给出结论。

    python tools/diagnose.py -c configs/mlp.yml
    python tools/diagnose.py -c configs/mlp.yml -o data.shuffle_labels=true
    python tools/diagnose.py -c configs/mlp.yml --weights output/mlp/best

准确率远低于瞎猜（10 类里只有 2%）时给出 --weights：它在验证部分上看预测与标签是不是同一套编号。
只用于图像分类的配置；不写任何文件。有一项不正常时退出状态为 1。
"""

from __future__ import annotations

import json

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="diagnose.py", description=__doc__)
    cli.add_config_arguments(parser)
    cli.add_weights_argument(parser, "output/mlp/best：另查它的编号", required=False)
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data
    from paddle_notes.errors import UserError

    config = load_config(args.config, cli.overrides(args))
    runtime.prepare(config.runtime.device, config.runtime.threads)

    from paddle_notes.engine.checkpoint import check_model, load_weights
    from paddle_notes.engine.checkup import check_expectation, check_numbering, examine, predict_classes
    from paddle_notes.engine.tasks import build_task

    parts = build_data(config.data, config.seed)
    info = parts.train.info()
    if info.kind != "image" or config.task.name not in ("classification", "hinge"):
        raise UserError(f"{args.config} 不是图像分类的配置，这些检查只用于图像分类")
    runtime.seed_everything(config.seed)
    model, options = models.build_from_config(config.model, info)
    checks = examine(model, build_task(config.task, info), parts.train, config.optimizer)
    if (
        config.expect is not None
        and config.expect.metric == "accuracy"
        and config.expect.at_least is not None
    ):
        checks.append(check_expectation(config.expect.at_least, info.num_classes))
    if args.weights is not None:
        load_weights(model, args.weights)
        check_model(args.weights, options)
        checks.append(check_numbering(*predict_classes(model, parts.valid), info.class_names))
    if args.json:
        print(json.dumps([vars(check) for check in checks], ensure_ascii=False))
    else:
        for check in checks:
            print(f"{'正常' if check.passed else '有问题'}  {check.name}：{check.found}")
            if not check.passed:
                print(f"        {check.advice}")
    return int(not all(check.passed for check in checks))


if __name__ == "__main__":
    cli.run(main)
