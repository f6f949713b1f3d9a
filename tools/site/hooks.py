"""网站的钩子：指向源文件的链接换成站内的源码页，引用的代码与能跑的代码看得出区别，公式写成 MathML。"""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs_zh"
SOURCE = "source"  # 站内放源码页的文件夹
LANGUAGES = {".py": "python", ".yml": "yaml", ".md": "markdown"}
LINK = re.compile(r"(\]\()(\.\./[^)\s#]+)(#[^)\s]*)?(\))")
QUOTED = re.compile(r"<!-- skip: next -->\s*```(\w+)\n(.*?)\n```", re.DOTALL)
MATH = re.compile(r'<(span|div) class="arithmatex">\\([\[(])(.*?)\\[\])]</\1>', re.DOTALL)


def linked() -> set[str]:
    """各页链接到的、docs_zh 以外的文件与文件夹，相对于项目的根目录。"""
    found = set()
    for page in DOCS.rglob("*.md"):
        for match in LINK.finditer(page.read_text(encoding="utf-8")):
            target = (page.parent / match[2]).resolve()
            if target.is_relative_to(ROOT) and target.exists():
                found.add(target.relative_to(ROOT).as_posix())
    return found


def source_page(name: str) -> str:
    """一个源文件或文件夹的页。"""
    path = ROOT / name
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.suffix in LANGUAGES and "__pycache__" not in p.parts)
        lines = [f"- `{p.relative_to(ROOT).as_posix()}`" for p in inside]
        return f"# {name}\n\n" + "\n".join(lines) + "\n"
    text = path.read_text(encoding="utf-8")
    fence = "`" * max([3, *(len(mark) + 1 for mark in re.findall(r"`{3,}", text))])
    return f"# {name}\n\n{fence}{LANGUAGES.get(path.suffix, 'text')}\n{text.rstrip()}\n{fence}\n"


def on_files(files, config):
    """加上源码页与样式。"""
    for name in sorted(linked()):
        files.append(File.generated(config, f"{SOURCE}/{name}.md", content=source_page(name)))
    css = (Path(__file__).parent / "site.css").read_text(encoding="utf-8")
    files.append(File.generated(config, "site.css", content=css))
    return files


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri.startswith(f"{SOURCE}/"):
        return markdown
    folder = posixpath.dirname(page.file.src_uri)

    def to_source(match: re.Match) -> str:
        target = posixpath.normpath(posixpath.join("docs_zh", folder, match[2]))
        return f"{match[1]}{posixpath.relpath(f'{SOURCE}/{target}.md', folder or '.')}{match[4]}"

    markdown = LINK.sub(to_source, markdown)
    markdown = QUOTED.sub(
        lambda match: f'<div class="quoted" markdown>\n\n```{match[1]}\n{match[2]}\n```\n\n</div>', markdown
    )
    return markdown.replace("<details>", "<details markdown>")


def on_page_content(content, page, config, files):
    """公式在生成网页时就写成 MathML，浏览器自己会画，不用脚本与字体。"""

    def to_mathml(match: re.Match) -> str:
        display = "block" if match[2] == "[" else "inline"
        return convert(html.unescape(match[3]).strip(), display=display)

    return MATH.sub(to_mathml, content)
