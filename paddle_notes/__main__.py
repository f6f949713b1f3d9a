"""一个入口：``python -m paddle_notes train -c lenet`` 就是 ``python tools/train.py -c lenet``。"""

from __future__ import annotations

import ast
import runpy
import sys

from paddle_notes import cli
from paddle_notes.config import PROJECT
from paddle_notes.errors import UserError, suggestion

TOOLS = PROJECT / "tools"
MAINTENANCE = ("docs", "results", "stress", "verify", "figures", "experiment")  # 维护课程用的


def title(name: str) -> str:
    """一个工具的第一行说明。"""
    text = ast.get_docstring(ast.parse((TOOLS / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].rstrip("。：").replace("``", "")


def show(names: list[str]) -> None:
    """列出各个工具，先是学习用的，再是维护课程用的。"""
    print("用法：python -m paddle_notes 工具 参数……；每个工具都有 --help\n")
    for head, group in (
        ("学习", [name for name in names if name not in MAINTENANCE]),
        ("维护课程", [name for name in names if name in MAINTENANCE]),
    ):
        print(f"{head}：")
        for name in group:
            print(f"  {name:<12}{title(name)}")


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    names = sorted(file.stem for file in TOOLS.glob("*.py"))
    if not names:
        raise UserError(f'{TOOLS} 里没有工具；请下载整个项目，在它的根目录执行 pip install -e ".[cpu]"')
    if not words or words[0] in ("-h", "--help"):
        show(names)
        return 0
    if words[0] not in names:
        raise UserError(f"没有名为 {words[0]} 的工具；{suggestion(words[0], names)}")
    sys.argv = [str(TOOLS / f"{words[0]}.py"), *words[1:]]
    sys.path.insert(0, str(TOOLS))  # 与 python tools/X.py 一样，工具旁边的文件夹可以导入
    runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


def run() -> None:
    """命令 ``paddle-notes``。"""
    cli.run(main)


if __name__ == "__main__":
    run()
