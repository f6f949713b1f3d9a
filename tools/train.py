"""训练一个网络。

    python tools/train.py -c configs/vgg16.yml
    python tools/train.py -c configs/lenet.yml -o train.epochs=3 optimizer.lr=0.05
    python tools/train.py -c configs/lenet.yml --resume

结果在 output/<配置文件名>/ 里：检查点、日志、曲线。
"""

from __future__ import annotations

import sys
from pathlib import Path

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="train.py", description=__doc__)
    cli.add_config_arguments(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="PATH",
        help="接着训练：auto（默认）用输出文件夹里的 last，没有就从头开始；或给出检查点",
    )
    parser.add_argument("--dry_run", "--dry-run", action="store_true", help="只跑两批，检查一切是否就绪")
    return parser.parse_args(argv)


def find_checkpoint(resume: str | None, folder: Path) -> Path | None:
    """``--resume`` 指的检查点；auto 依次找 last 与 best，坏了的跳过并说明，都没有时为 None。"""
    if resume != "auto":
        return resume and Path(resume)
    from paddle_notes.engine.checkpoint import newest_whole
    from paddle_notes.errors import UserError

    found, broken = newest_whole(folder)
    if broken and found is None:
        raise UserError(f"检查点 {broken[0]} 不完整或已损坏，也没有别的可用；请加 -o overwrite=true 重新训练")
    for path in broken:
        print(f"检查点 {path} 不完整或已损坏，改用 {found}", file=sys.stderr)
    return found


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.config import ModelConfig, load_config
    from paddle_notes.data import build_data
    from paddle_notes.engine.folder import claim_folder, holds

    overrides = cli.overrides(args)
    config = load_config(args.config, overrides, args.dry_run)
    folder = Path(config.output_dir)
    resume = find_checkpoint(args.resume, folder)
    again = ["-c", args.config, *(word for override in overrides for word in ("-o", override))]
    continues = args.resume == "auto" or (resume is not None and holds(folder, resume))
    flags = " --dry_run" if args.dry_run else ""
    if resume is not None and not continues:
        flags += f" --resume {cli.quote(args.resume)}"
    claim_folder(folder, config.overwrite, continues, cli.command(__file__, *again), flags)
    environment = runtime.prepare(config.runtime.device, config.runtime.threads)

    from paddle_notes.engine.logs import log_to_console
    from paddle_notes.engine.tasks import build_task
    from paddle_notes.engine.trainer import Trainer

    log_to_console()
    data = build_data(config.data, config.seed)
    runtime.seed_everything(config.seed)
    info = data.train.info()
    model, options = models.build_from_config(config.model, info)
    config.model = ModelConfig(**options)
    if config.train.vectors is not None and resume is None:
        from paddle_notes.data.vectors import look_up

        table, found = look_up(info.get("vocabulary", []), config.train.vectors)
        models.start_embedding(model, table, found)
        print(f"词嵌入的 {len(found):,} 行里有 {found.sum():,} 行由 {config.train.vectors} 的词向量开始")
    baselines = {} if args.dry_run else data.baselines()
    fingerprint = data.fingerprint()
    if args.dry_run:
        config.train.epochs = 1
        data = data.first(2)
    trainer = Trainer(
        model,
        build_task(config.task, info),
        config,
        info={"model": options, "data": info, "fingerprint": fingerprint},
        baselines=baselines,
        dry_run=args.dry_run,
        environment=environment,
    )
    trainer.fit(*data, resume)
    return 0


if __name__ == "__main__":
    cli.run(main)
