"""画课程里的图。

    python tools/figures.py --list
    python tools/figures.py vanishing_gradients
    python tools/figures.py vanishing_gradients --out here.png --vdl output/figures

每张图由所在章的 figures.py 里的一个函数画出，不需要下载任何东西；不写 -o 时写到 output/figures/。
机器上没有中文字体时，图上的字是英文。
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="figures.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="图的名字，可以写几个")
    parser.add_argument("--list", action="store_true", help="列出全部的图")
    parser.add_argument("--all", action="store_true", help="画全部的图")
    cli.add_out_argument(parser, "PNG", "写到哪里；只画一张图时才能用")
    parser.add_argument("--vdl", type=Path, metavar="FOLDER", help="另写进 VisualDL 的日志文件夹")
    return parser.parse_args(argv)


def all_figures() -> dict[str, Callable[[Path], None]]:
    """图的名字 -> 画它的函数，照章的次序。"""
    import paddle_notes

    figures = {}
    for module in sorted(pkgutil.iter_modules(paddle_notes.__path__), key=lambda item: item.name):
        if module.name[:2] == "ch" and module.name[2:4].isdigit():
            name = f"paddle_notes.{module.name}"
            inner = {item.name for item in pkgutil.iter_modules(importlib.import_module(name).__path__)}
            if "figures" in inner:
                figures.update(importlib.import_module(f"{name}.figures").FIGURES)
    return figures


def write_vdl(folder: Path, pictures: dict[str, Path]) -> None:
    """把画好的图写进 VisualDL 的“图像”页。"""
    import numpy as np
    from PIL import Image
    from visualdl import LogWriter

    with LogWriter(str(folder)) as writer:
        for name, path in pictures.items():
            writer.add_image(name, np.asarray(Image.open(path).convert("RGB")), 0)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import runtime

    runtime.prepare("cpu")

    from paddle_notes.fonts import chinese_font

    figures = all_figures()
    if args.list:
        print("\n".join(figures))
        return 0
    names = cli.chosen_pictures(args, figures)
    if chinese_font() is None:
        print("没有找到中文字体，图上的字用英文（Linux 可安装 fonts-noto-cjk 或 fonts-wqy-microhei）")
    pictures = {}
    for name in names:
        path = args.out or Path("output") / "figures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        runtime.seed_everything(0)
        figures[name](path)
        pictures[name] = path
        print(path, flush=True)
    if args.vdl is not None:
        write_vdl(args.vdl, pictures)
        print(f"看图：visualdl --logdir {cli.quote(str(args.vdl))} --language zh --disable-telemetry")
    return 0


if __name__ == "__main__":
    cli.run(main)
