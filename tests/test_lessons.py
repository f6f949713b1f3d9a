"""课的样子：一课一页，次序、长短、格与公式都照 CONTRIBUTING.md 里说的；网站、笔记本、记录的结果。

格里显示的与记着的是否相同，由 docs_zh/conftest.py 执行每一课时检查。
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from paddle_notes.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from pages import cells  # noqa: E402
from pages.lessons import lesson_paths, read_lesson  # noqa: E402

LESSONS = lesson_paths()
every_lesson = pytest.mark.parametrize(
    "page", LESSONS, ids=lambda page: f"{page.parent.name[:4]}_{page.stem}"
)

SECTIONS = ["一个问题", "小数字", "一步一步搭", "合起来", "训练它", "哪里会出错", "练习", "小结"]
QUOTED = re.compile(r"^<!-- \[\[\[cog quote.*?^<!-- \[\[\[end\]\]\] -->\n", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```.*?^```\n", re.MULTILINE | re.DOTALL)
MAX_LINES, MAX_MINUTES, MIN_CELLS = 300, 25, 6
PLAIN_FORMULA = re.compile(r"[Σ∂√∇∈≈≤≥]|(?<![\w`])[A-Za-z]_[A-Za-z0-9](?!\w)|[₀-₉²³⁰¹⁴-⁹ᵀ]")


def faults(text: str) -> list[str]:
    """一课的写法里不合规矩的地方。"""
    found = []
    own = QUOTED.sub("", text)  # 引用来的源代码不算在长短里
    if (lines := len(own.splitlines())) > MAX_LINES:
        found.append(f"{lines} 行，超过 {MAX_LINES}")
    headings = re.findall(r"^## (.+)$", FENCE.sub("", text), re.MULTILINE)
    order = [next((s for s in SECTIONS if heading.startswith(s)), heading) for heading in headings]
    if order != SECTIONS:
        found.append(
            f"二级标题应当依次是 {'、'.join(SECTIONS)}（后面可以加字），现在是 {'、'.join(headings)}"
        )
    for heading, body in re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
        if len(body.strip()) < 40:
            found.append(f"“{heading}”下面没有内容")
    all_cells = list(cells.find_cells(text))
    seen = [cell for cell in all_cells if cell.output.strip() or cell.picture]
    if len(seen) < MIN_CELLS:
        found.append(f"看得到结果的格只有 {len(seen)} 个，至少 {MIN_CELLS} 个")
    for cell in all_cells:
        body = [line for line in cell.code.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if body and all(line.startswith("assert ") for line in body):
            found.append(f"只有断言的格：{body[0]}")
    if not any(cell.picture for cell in all_cells):
        found.append("没有一格画出图来")
    if text.count("<details>") < 3 or text.count("<details>") != text.count("</details>"):
        found.append("折叠的答案少于三处，或没有关上")
    prose = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`", "", FENCE.sub("", own), flags=re.DOTALL)
    found += [
        f"公式没有写成 LaTeX：{line.strip()}" for line in prose.splitlines() if PLAIN_FORMULA.search(line)
    ]
    if "**深入**" not in text or "cog lesson_links()" not in text:
        found.append("末尾没有“深入”或上一课、下一课的链接")
    if "]" * 3 in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL):
        found.append("代码里有三个连着的右方括号，cog 会误认")
    return found


@every_lesson
def test_lesson_keeps_the_form(page):
    assert read_lesson(page).minutes <= MAX_MINUTES
    assert faults(page.read_text(encoding="utf-8")) == []


def test_faults_are_found():
    text = LESSONS[0].read_text(encoding="utf-8")
    assert faults(text) == []
    assert any("行，超过" in fault for fault in faults(text + "\n长\n" * 300))
    assert any("二级标题" in fault for fault in faults(text.replace("## 小数字", "## 别的")))
    assert any("只有断言" in fault for fault in faults(text + "\n```python\nassert True\n```\n"))
    assert any("LaTeX" in fault for fault in faults(text + "\n损失是 Σ x_i。\n"))
    assert any("看得到结果" in fault for fault in faults(text.replace("```text", "```txt")))
    assert any("没有关上" in fault for fault in faults(text.replace("</details>", "", 1)))


PAGE = """# 一课

> **5 分钟** · 先学：无 · 学完能：看。

```python
x = 1.25
print("值", x)
```

中间的话。

```python
x * 2
```
```text
9.99
```

<!-- slow -->

```python
y = 3
```

## 下一节

```python
import matplotlib.pyplot as plt
plt.plot([1, 2]);
```

![图](pictures/line.png)

<!-- skip: next -->

```python
raise RuntimeError("引用来的不执行")
```
"""


def test_record_writes_what_the_cells_show(tmp_path):
    page = tmp_path / "01_page.md"
    page.write_text(PAGE, encoding="utf-8")
    assert [cell.slow for cell in cells.find_cells(PAGE)] == [False, False, True, False]
    assert cells.record(page) == 3
    text = page.read_text(encoding="utf-8")
    assert "```text\n值 1.25\n```\n\n中间的话" in text
    assert "```text\n2.5\n```" in text
    assert "9.99" not in text
    assert (tmp_path / "pictures" / "line.png").stat().st_size > 1000
    assert "![图](pictures/line.png)" in text
    assert cells.record(page) == 0  # 再执行一遍，什么也不改
    assert page.read_text(encoding="utf-8") == text


def test_record_wants_a_place_for_a_picture(tmp_path):
    page = tmp_path / "01_page.md"
    page.write_text(PAGE.replace("![图](pictures/line.png)", ""), encoding="utf-8")
    with pytest.raises(UserError, match="没有写"):
        cells.record(page)


def test_shown_text_is_compared_to_the_last_digit():
    assert cells.same("准确率 0.97\n[1, 2]", "准确率  0.96\n[1, 2]")
    assert not cells.same("准确率 0.97", "准确率 0.95")
    assert not cells.same("准确率 0.97", "精度 0.97")
    assert not cells.same("[1, 2]", "[1, 3]")
    assert cells.same("loss 1.2e-05", "loss 1.3e-05")
    assert not cells.same("loss 1.2e-05", "loss 1.2e-04")
    assert not cells.same("[-6. 1.]", "[-5. 1.]")
    assert cells.same("用时 0:00:12，3.5 秒", "用时 0:00:15，4.1 秒")


def test_a_page_that_shows_something_else_fails(tmp_path):
    from sybil.document import Document

    page = tmp_path / "01_page.md"
    page.write_text("```python\n1 + 1\n```\n```text\n3\n```\n", encoding="utf-8")
    (example,) = Document.parse(str(page), cells.CellParser())
    with pytest.raises(Exception, match="显示的与记着的不同"):
        example.evaluate()
    page.write_text("```python\n1 + 1\n```\n```text\n2\n```\n", encoding="utf-8")
    (example,) = Document.parse(str(page), cells.CellParser())
    example.evaluate()


def test_notebook_has_the_cells_and_no_broken_fold(tmp_path):
    pytest.importorskip("nbformat")
    from pages.notebooks import write_notebook

    page = LESSONS[0]
    target = write_notebook(page, tmp_path, '-e ".[cpu]"')
    import nbformat

    notebook = nbformat.read(target, as_version=4)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0].startswith("# 第一次用") and '%pip install -q -e ".[cpu]"' in code[0]
    written = [cell.code.rstrip("\n") for cell in cells.find_cells(page.read_text(encoding="utf-8"))]
    assert code[1:] == written
    prose = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "<details>" not in prose and "[[[cog" not in prose
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", prose):
        assert (target.parent / picture).exists()
