"""由课的 Markdown 写出笔记本。笔记本不提交：一课只有一份来源。"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from pages.cells import find_cells
from pages.lessons import DOCS

COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)
SUMMARY = re.compile(r"<details>\s*<summary>(.*?)</summary>", re.DOTALL)
LESSON_LINK = re.compile(r"\]\((?P<path>[^)#\s]*/?\d\d_\w+)\.md(?P<anchor>#[^)]*)?\)")
OUTSIDE = re.compile(r"(?<!!)\[(?P<words>[^\]]*)\]\((?!https?:|#)(?P<path>[^)\s]+)\)")
INSTALL = """\
# 第一次用：安装本课程（装好了就什么也不做），约一分钟
import importlib.util

if importlib.util.find_spec("paddle_notes") is None or importlib.util.find_spec("paddle") is None:
    %pip install -q {source}"""


def make_notebook(page: Path, source: str) -> Any:
    """一课的笔记本：文字、可执行的格与记着的结果；``source`` 是 pip 能安装的本项目。"""
    from nbformat import v4

    text = page.read_text(encoding="utf-8")
    cells, position = [v4.new_code_cell(INSTALL.format(source=source))], 0
    for cell in find_cells(text):
        cells += prose(text[position : cell.start])
        outputs = [v4.new_output("stream", text=cell.output)] if cell.output else []
        cells.append(v4.new_code_cell(cell.code.rstrip("\n"), outputs=outputs))
        position = cell.end
    notebook = v4.new_notebook(cells=[*cells, *prose(text[position:])])
    for number, item in enumerate(notebook.cells):
        item.id = f"cell-{number}"  # 每次写出的都相同
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def prose(text: str) -> list[Any]:
    """一段文字的格：去掉注释；折叠的写成粗体的标题，因为一格的 HTML 不能跨到下一格；别的课指向它的笔记本。"""
    from nbformat import v4

    text = SUMMARY.sub(r"**\1**\n", COMMENT.sub("", text)).replace("</details>", "")
    text = LESSON_LINK.sub(r"](\g<path>.ipynb\g<anchor>)", text)

    def outside(found: re.Match) -> str:  # 笔记本旁边没有的文件，只留下文字
        return found[0] if found["path"].partition("#")[0].endswith(".ipynb") else found["words"]

    text = OUTSIDE.sub(outside, text).strip()
    return [v4.new_markdown_cell(text)] if text else []


def write_notebook(page: Path, out: Path, source: str) -> Path:
    """写出一课的笔记本，与它用到的图，返回笔记本的位置。图与页面的相对位置不变。"""
    import nbformat

    target = out / page.relative_to(DOCS).with_suffix(".ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    for picture in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        copy = target.parent / picture
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page.parent / picture, copy)
    nbformat.write(make_notebook(page, source), target)
    return target


def run_notebook(path: Path) -> None:
    """从头到尾执行一份笔记本，结果写回文件；有一格出错就抛异常。"""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    nbformat.write(notebook, path)
