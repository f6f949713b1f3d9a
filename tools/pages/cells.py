"""课里可执行的格：照笔记本的样子执行，把看得到的结果记在格的下面，或与记着的比较。

一格是一个 ``python`` 代码块。紧跟着的 ``text`` 代码块是它打印的，再下面独占一行的图是它画的：

    ```python
    paddle.ones([2, 3]).shape
    ```
    ```text
    [2, 3]
    ```

末行是表达式时，像笔记本那样显示它的值。前面有 ``<!-- skip: next -->`` 的是引用来的源代码，不执行。
``<!-- slow -->`` 之后、到下一个二级标题为止的各格要训练得久一些：记录时执行，测试里只在设了
``PADDLE_NOTES_SLOW=1`` 时执行，所以别处的格不能用它们的变量。
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddle_notes.errors import UserError

PATTERN = re.compile(
    r"(?P<skip><!-- skip: next -->\n+)?"
    r"^```python\n(?P<code>.*?)^```\n"
    r"(?:\n?^```text\n(?P<output>.*?)^```\n)?"
    r"(?:\n?^!\[[^\]\n]*\]\((?P<picture>(?![^)\n]*structure/)[^)\n]+)\)\n)?",  # structure/ 里的不是格画的
    re.MULTILINE | re.DOTALL,
)
SLOW = re.compile(r"^<!-- slow -->.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d*(?:e[-+]?\d+)?")
VOLATILE = re.compile(r"\d+:\d\d:\d\d|[\d.,]+ ?(?:秒|毫秒|MiB|samples/s)")


@dataclass(frozen=True)
class Cell:
    """页面里的一格：``start``、``end`` 是它（连同结果）在页面文字里的位置，``code_end`` 是代码块的末尾。"""

    start: int
    code_end: int
    end: int
    code: str
    output: str
    picture: str | None
    slow: bool


def find_cells(text: str) -> Iterator[Cell]:
    """页面文字里的各格，不含引用的源代码。"""
    slow = [match.span() for match in SLOW.finditer(text)]
    for match in PATTERN.finditer(text):
        if match["skip"]:
            continue
        start = match.start()
        yield Cell(
            start=start,
            code_end=match.end("code") + len("```\n"),
            end=match.end(),
            code=match["code"],
            output=match["output"] or "",
            picture=match["picture"],
            slow=any(first <= start < last for first, last in slow),
        )


def execute(code: str, namespace: dict[str, Any], name: str) -> str:
    """执行一格，返回它显示的文字：打印的，加上末行表达式的值。"""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(tree, name, "exec"), namespace)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
            # 图由 picture() 取走；plt 的函数返回的线、坐标轴不是给人看的
            if value is not None and not code.rstrip().endswith(";") and not _is_drawing(value):
                print(repr(value))
    return "".join(line.rstrip() + "\n" for line in shown.getvalue().splitlines())


def _is_drawing(value: Any) -> bool:
    from matplotlib.artist import Artist

    items = value if isinstance(value, (list, tuple)) else [value]
    return bool(items) and all(isinstance(item, Artist) for item in items)


def picture() -> Any:
    """这一格用 pyplot 画的图，没有画就是 None；随后关去全部的图。"""
    import matplotlib.pyplot as plt

    figure = plt.gcf() if plt.get_fignums() else None
    plt.close("all")
    return figure


def same(expected: str, actual: str) -> bool:
    """两段显示的文字是否相同：空白不计，小数差不过末位的 1，时间与速度不比。"""

    def split(text: str) -> tuple[list[str], list[str]]:
        text = VOLATILE.sub("…", text)
        return NUMBER.sub("#", text).split(), NUMBER.findall(text)

    (words, numbers), (other_words, others) = split(expected), split(actual)
    return words == other_words and all(map(_close, numbers, others))


def _close(expected: str, actual: str) -> bool:
    digits, _, exponent = expected.partition("e")
    decimals = len(digits.partition(".")[2])
    unit = 10.0 ** (int(exponent or 0) - decimals) if decimals else 0.0  # “-6.” 是整数，要相等
    return abs(float(expected) - float(actual)) <= 1.001 * unit


class CellParser:
    """Sybil 的解析器：一格一个例子，显示的与记着的不同就失败。"""

    def __call__(self, document) -> Iterator[Any]:
        from sybil import Region

        for cell in find_cells(document.text):
            yield Region(cell.start, cell.end, cell, self.evaluate)

    @staticmethod
    def evaluate(example) -> str | None:
        from unittest import SkipTest

        cell = example.parsed
        if cell.slow and not os.environ.get("PADDLE_NOTES_SLOW"):
            raise SkipTest("训练得久；设 PADDLE_NOTES_SLOW=1 才执行")
        actual = execute(cell.code, example.namespace, f"{example.path}:{example.line}")
        drawn = picture() is not None
        if not same(cell.output, actual):
            return f"显示的与记着的不同。记着的：\n{cell.output}现在的：\n{actual}请执行 tools/docs.py record"
        if drawn != (cell.picture is not None):
            return "画了图，下面却没有图" if drawn else "下面有图，却没有画"
        return None


def record(page: Path) -> int:
    """执行一页的各格，把显示的写在格的下面、画的存到图的位置；返回改了几格。结果与记着的相同时不改。"""
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {}
    pieces, position, changed = [], 0, 0
    for cell in find_cells(text):
        actual = execute(cell.code, namespace, str(page))
        drawn = picture()
        if drawn is not None and cell.picture is None:
            raise UserError(f"{page} 里有一格画了图，下面却没有写 ![…](…)：\n{cell.code}")
        target = page.parent / (cell.picture or "")
        if drawn is not None and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            drawn.savefig(target, dpi=110, bbox_inches="tight", facecolor="white")
            changed += 1
        if same(cell.output, actual):
            continue
        changed += 1
        tail = text[cell.code_end : cell.end]
        image = tail[tail.index("![") :] if cell.picture else ""
        shown = f"```text\n{actual}```\n" if actual else ""
        pieces += [text[position : cell.code_end], shown, "\n" + image if image else ""]
        position = cell.end
    if changed:
        page.write_text("".join([*pieces, text[position:]]), encoding="utf-8", newline="\n")
    return changed
