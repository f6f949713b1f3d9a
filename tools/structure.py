"""画网络的结构图：由网络自己画出，每层的形状与参数都在图里。

    python tools/structure.py --list
    python tools/structure.py lenet --out lenet.svg
    python tools/structure.py resnet18 --block stage2.0
    python tools/structure.py --all

名字是一个网络、课程里的一个块（如 inception、residual_block），或一张教学的示意图（如 lstm_4）。
网络一级的图里，残差块、Inception 这样的块各是一个方框；--detail 把它们也拆开，--block 只画一个块的内部。
网络的选项是论文的设置，读文字、序列的网络取课程里训练的大小。不写 --out 时写到 output/structure/，
--all 写到 docs_zh/images/structure/。
"""

from __future__ import annotations

from pathlib import Path

from paddle_notes import cli

PICTURES = Path(__file__).resolve().parent.parent / "docs_zh" / "images" / "structure"


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="structure.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="图的名字，可以写几个")
    parser.add_argument("--list", action="store_true", help="列出全部的图")
    parser.add_argument("--all", action="store_true", help="画全部的图")
    parser.add_argument("--detail", action="store_true", help="块也拆开，相同的也不折叠")
    parser.add_argument("--block", metavar="MODULE", help="只画一个模块的内部，如 stage2.0")
    cli.add_out_argument(parser, "SVG", "写到哪里；只画一张图时才能用")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.errors import UserError

    runtime.prepare("cpu")

    from pages.structures import BLOCKS, draw_block, draw_network

    from paddle_notes.analysis.diagrams import DIAGRAMS

    known = [*models.MODELS, *BLOCKS, *DIAGRAMS]
    if args.list:
        for head, names in (("网络", models.MODELS), ("块", BLOCKS), ("示意图", DIAGRAMS)):
            print(f"{head}：{' '.join(names)}")
        return 0
    names = cli.chosen_pictures(args, known)
    if (args.block or args.detail) and not set(names) <= set(models.MODELS):
        raise UserError("--block 与 --detail 只能用于网络；课程里的块与示意图只有一种画法")
    if args.block and args.detail:
        raise UserError("--block 已把块拆开，不必再写 --detail")
    folder = PICTURES if args.all else Path("output") / "structure"
    for name in names:
        path = args.out or folder / f"{name}.svg"
        if name in DIAGRAMS:
            DIAGRAMS[name](path)
        elif name in BLOCKS:
            draw_block(name, path)
        else:
            draw_network(name, path, args.block, args.detail)
        print(path, flush=True)
    return 0


if __name__ == "__main__":
    cli.run(main)
