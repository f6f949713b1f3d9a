"""列出一个网络每层的输出形状、参数个数、乘加次数与内存。

    python tools/summary.py --model vgg16
    python tools/summary.py --model vgg16 -o model.image_size=32 model.batch_norm=true
    python tools/summary.py -c configs/lenet.yml --out lenet.png

--model 给出网络的名字，没有用 -o 写出的选项取构造函数的默认值，也就是论文的设置；
-c 给出配置，图像大小、通道数、类别数、词表随它的数据而定，就是训练时的那个网络；
读文字、序列的网络只能用 -c，表里的输入是验证数据的第一个样本。
"""

from __future__ import annotations

import argparse
import json

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    from paddle_notes import models

    parser = cli.Parser(prog="summary.py", description=__doc__)
    parser.add_argument(
        "-c", "--config", default=argparse.SUPPRESS, metavar="FILE", help="配置文件，见 configs/"
    )
    parser.add_argument("--model", type=models.check_name, metavar="NAME", help="网络的名字，如 vgg16")
    cli.add_override_argument(parser, "model.image_size=32")
    cli.add_out_argument(parser, "PNG", "另把各层的参数与乘加画成图")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    parser.set_defaults(device="cpu")  # 只推理一张图
    return parser.parse_args(argv)


def build_named(name: str, overrides: list[str]):
    """照名字造网络，返回网络与一张全零的图。不限定图像大小的网络（如 ResNet）默认用 224。"""
    import inspect

    import paddle
    from pydantic import ValidationError

    from paddle_notes import models
    from paddle_notes.config import ModelConfig, apply_override
    from paddle_notes.errors import UserError, first_problem

    tree = {"model": {"name": name}}
    for override in overrides:
        apply_override(tree, override)
    if set(tree) != {"model"}:
        raise UserError("与 --model 合用的 -o 只能改网络的选项，例如 -o model.image_size=32")
    try:
        config = ModelConfig.model_validate(tree["model"])
    except ValidationError as error:
        raise UserError(first_problem(error.errors(), "model")) from error
    options = config.options()
    parameters = inspect.signature(models.constructor(config.name)).parameters
    if "in_channels" not in parameters or any(p.default is p.empty for p in parameters.values()):
        raise UserError(f"网络 {config.name} 的输入随数据而定；请不用 --model，用 -c 给出它的配置")
    side = 224
    if "image_size" not in parameters:  # 不限定图像大小的网络
        try:
            side = int(options.pop("image_size", side))
        except ValueError as error:
            raise UserError("model.image_size 应为整数") from error
        models.check_range("image_size", side)
    options = models.resolve_options(config.name, options)
    side = options.get("image_size", side)
    return models.build(config.name, **options), (paddle.zeros([1, options["in_channels"], side, side]),)


def build_configured(path: str, overrides: list[str]):
    """照配置造网络，与 train.py 造的相同；返回网络与验证数据的第一个样本。"""
    from paddle_notes import models
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data
    from paddle_notes.engine.evaluate import to_tensors
    from paddle_notes.engine.tasks import build_task

    config = load_config(path, overrides)
    valid_data = build_data(config.data, config.seed).valid
    info = valid_data.info()
    model, _ = models.build_from_config(config.model, info)
    batch = to_tensors(tuple(array[:1] for array in next(iter(valid_data.epoch()))))
    return model, build_task(config.task, info).inputs(batch)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import runtime
    from paddle_notes.errors import UserError

    if (args.model is None) == (not hasattr(args, "config")):
        raise UserError("请给出 --model 网络的名字 或 -c 配置文件，二者之一")
    runtime.prepare(args.device)

    from paddle_notes.analysis.summary import draw_table, format_table, layer_table

    if args.model is not None:
        model, inputs = build_named(args.model, args.override)
    else:
        model, inputs = build_configured(args.config, cli.overrides(args))
    rows = layer_table(model, *inputs)
    shapes = [list(part.shape) for part in inputs]
    if args.json:
        totals = {key: sum(getattr(row, key) for row in rows) for key in rows[0]._fields[3:]}
        layers = [row._asdict() for row in rows]
        print(json.dumps({"input_shapes": shapes, "total": totals, "layers": layers}))
    else:
        print("输入 " + "，".join(map(str, shapes)))
        print(format_table(rows))
    if args.out is not None:
        draw_table(rows, args.out)
    return 0


if __name__ == "__main__":
    cli.run(main)
