"""训练一个网络。

    python tools/train.py -c configs/vgg16.yml
    python tools/train.py -c configs/lenet.yml -o train.epochs=3 optimizer.lr=0.05
    python tools/train.py -c configs/lenet.yml --resume
    python tools/train.py --list

结果在 output/<配置文件名>/ 里：检查点、日志、曲线。
"""

from __future__ import annotations

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="train.py", description=__doc__)
    cli.add_config_arguments(parser, required=False, help="配置文件，或 configs/ 里一份的名字")
    parser.add_argument("--list", action="store_true", help="列出各份配置；不写 -c 时也是")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="PATH",
        help="接着训练：auto（默认）用输出文件夹里的 last，没有就从头开始；或给出检查点",
    )
    parser.add_argument("--dry_run", "--dry-run", action="store_true", help="只跑两批，检查一切是否就绪")
    return parser.parse_args(argv)


def show_configs() -> None:
    """列出 configs/ 里的各份配置：名字、大约几分钟、第一行的说明。"""
    from paddle_notes.config import PROJECT, load_config

    for file in sorted((PROJECT / "configs").glob("*.yml")):
        expect = load_config(file).expect
        minutes = f"{expect.minutes:g} 分钟" if expect else ""
        title = file.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        print(f"{file.stem:<22}{minutes:>8}  {title}")
    print("\n训练其中一份：python tools/train.py -c <名字>；论文大小的在 configs/full 里，需要 GPU")


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    alone = not (args.resume or args.dry_run or cli.overrides(args))
    if args.list or (args.config is None and alone):
        show_configs()
        return 0
    from paddle_notes import runs
    from paddle_notes.errors import UserError

    if args.config is None:
        raise UserError("缺少参数 -c/--config；python tools/train.py --list 列出各份配置")

    runs.train(args.config, cli.overrides(args), args.resume, args.dry_run)
    return 0


if __name__ == "__main__":
    cli.run(main)
