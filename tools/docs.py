"""让文档与代码保持一致：把代码、表格写进 docs_zh/ 与 README.md 的标记之间。

    python tools/docs.py            # 更新
    python tools/docs.py --check    # 只检查，有不一致时退出状态为 1

页面里这样引用一段代码（标记是 HTML 注释，读者看不到）：

    <!-- [[[cog quote("paddle_notes/ch05_classic_cnn/vgg.py", "make_features") ]]] -->
    <!-- [[[end]]] -->
"""

from __future__ import annotations

from pathlib import Path

from paddle_notes import cli

ROOT = Path(__file__).resolve().parent.parent


def main(argv: list[str] | None = None) -> int:
    parser = cli.Parser(prog="docs.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="只检查，不改文件")
    args = parser.parse_args(argv)

    from cogapp import Cog

    pages = [str(page) for page in [ROOT / "README.md", *sorted((ROOT / "docs_zh").rglob("*.md"))]]
    prologue = (
        "import sys; sys.path.insert(0, 'tools'); from pages.quotes import *; from pages.tables import *"
    )
    mode = ["--check"] if args.check else ["-r"]
    status = Cog().main(["cog", *mode, "-e", "-n", "utf-8", "-p", prologue, *pages])
    return int(bool(status))


if __name__ == "__main__":
    cli.run(main)
