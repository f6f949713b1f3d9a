"""文档：让引用的代码、表格与课里记着的结果同源代码一致；建网站，写笔记本。

    python tools/docs.py                    # 更新页面里引用的代码与表格
    python tools/docs.py --check            # 只检查，有不一致时退出状态为 1
    python tools/docs.py record             # 执行课里的格，把显示的记在格的下面；可以只写几页
    python tools/docs.py record --check     # 全部执行一遍，与记着的比较
    python tools/docs.py build              # 网站，写到 output/site
    python tools/docs.py serve              # 网站，边改边看
    python tools/docs.py notebooks --run    # 笔记本，写到 output/notebooks，并从头执行

页面里这样引用一段代码（标记是 HTML 注释，读者看不到）：

    <!-- [[[cog quote("paddle_notes/ch05_classic_cnn/vgg.py", "make_features") ]]] -->
    <!-- [[[end]]] -->
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from paddle_notes import cli

ROOT = Path(__file__).resolve().parent.parent
ACTIONS = ("quote", "record", "build", "serve", "notebooks")


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="docs.py", description=__doc__)
    parser.add_argument("action", nargs="?", default="quote", choices=ACTIONS, help="做什么；默认 quote")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="只做这几课（record、notebooks）")
    parser.add_argument("--check", action="store_true", help="只检查，不改文件（quote、record）")
    parser.add_argument("--run", action="store_true", help="写出笔记本之后从头执行")
    parser.add_argument(
        "--source",
        metavar="SOURCE",
        default=f'-e "{ROOT.as_posix()}[cpu]"',
        help="笔记本第一格里 pip 怎样安装本项目；默认是这个文件夹，给别人的写 git+<地址>",
    )
    cli.add_out_argument(parser, "FOLDER", "网站或笔记本写到哪里")
    return parser.parse_args(argv)


def quote(check: bool) -> int:
    """更新（或检查）页面里由 cog 写出的部分。"""
    from cogapp import Cog

    pages = [str(page) for page in [ROOT / "README.md", *sorted((ROOT / "docs_zh").rglob("*.md"))]]
    modules = ("quotes", "tables", "lessons")
    prologue = "import sys; sys.path.insert(0, 'tools'); " + "; ".join(
        f"from pages.{name} import *" for name in modules
    )
    mode = ["--check"] if check else ["-r"]
    status = Cog().main(["cog", *mode, "-e", "-n", "utf-8", "-p", prologue, *pages])
    return int(bool(status))


def record(pages: list[Path], check: bool) -> int:
    """执行各课的格，记下（或核对）显示的结果。"""
    if check:
        environment = {**os.environ, "PADDLE_NOTES_SLOW": "1"}
        words = [sys.executable, "-m", "pytest", *map(str, pages)]
        return subprocess.run(words, env=environment, cwd=ROOT, check=False).returncode
    import matplotlib
    from pages import cells

    from paddle_notes import runtime

    matplotlib.use("agg")
    runtime.prepare("cpu", threads=1)
    for page in pages:
        print(f"{page.relative_to(ROOT)}：改了 {cells.record(page)} 格", flush=True)
    return 0


def notebooks(pages: list[Path], out: Path, source: str, run: bool) -> int:
    """写出笔记本；``run`` 时逐份从头执行。"""
    from pages.notebooks import run_notebook, write_notebook
    from tqdm import tqdm

    written = [write_notebook(page, out, source) for page in pages]
    for notebook in tqdm(written, disable=not run):
        if run:
            run_notebook(notebook)
    print(f"{len(written)} 份笔记本{'，都从头执行了一遍' if run else ''}，在 {out}")
    return 0


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from pages.lessons import lesson_paths

    pages = [Path(page).resolve() for page in args.pages] or lesson_paths()
    if args.action == "quote":
        return quote(args.check)
    if args.action == "record":
        return record(pages, args.check)
    if args.action == "notebooks":
        return notebooks(pages, args.out or ROOT / "output" / "notebooks", args.source, args.run)
    from pages.site import run_mkdocs

    return run_mkdocs(args.action, args.out)


if __name__ == "__main__":
    cli.run(main)
