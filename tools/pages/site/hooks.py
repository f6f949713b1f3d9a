"""MkDocs 的钩子：由文件夹得出目录，让指向源代码的链接有处可去，公式变成 MathML，格与引用看得出不同。"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.structure.files import File
from pages.lessons import DOCS, lesson_paths

ROOT = DOCS.parent
LINK = re.compile(r"(?<!!)\]\((?!https?:|mailto:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
FENCE = re.compile(
    r"^(?P<fence>```+)(?P<language>[^\n]*)\n(?P<body>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL
)
MATH = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)
LANGUAGES = {".py": "python", ".yml": "yaml", ".md": "markdown", ".toml": "toml"}
CELL = "{.python .cell}"
COURSE = ["quick_start.md", "visualdl.md", "configuration.md", "terms.md"]  # 先读的几页


def heading(page: Path) -> str:
    """页面的一级标题。"""
    return next(line[2:] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("# "))


def on_config(config):
    """目录：开始，各章（目录页、课、深入），工程的各页。"""
    nav: list = ["README.md", {"开始": [name for name in COURSE if (DOCS / name).exists()]}]
    chapters = sorted({page.name.removesuffix(".md") for page in DOCS.glob("ch[0-9][0-9]_*")})
    for chapter in chapters:
        lessons = [path.relative_to(DOCS).as_posix() for path in lesson_paths(chapter)]
        reference = f"{chapter}.md"
        if not lessons:
            nav.append(reference)
            continue
        index = f"{chapter}/README.md"
        deeper = [{"深入": reference}] if (DOCS / reference).exists() else []
        nav.append({heading(DOCS / index): [index, *lessons, *deeper]})
    rest = sorted(page.name for page in DOCS.glob("*.md") if not page.name.startswith("ch"))
    nav.append({"工程与资料": [name for name in rest if name not in ("README.md", *COURSE)]})
    config.nav = nav
    return config


def target(page_uri: str, path: str) -> Path:
    """页面里的相对链接指向项目里的哪个文件。"""
    return Path(os.path.normpath(DOCS / PurePosixPath(page_uri).parent / path))


def source_uri(file: Path) -> str:
    """项目里 docs_zh 之外的一个文件（或文件夹）在网站上的页面。"""
    return f"source/{file.relative_to(ROOT).as_posix()}{'/index' if file.is_dir() else ''}.md"


def source_page(file: Path) -> str:
    """一个源文件的页面：文件夹列出里面的文件名，文件全文照登。"""
    name = file.relative_to(ROOT).as_posix()
    if file.is_dir():
        names = sorted(item.name for item in file.iterdir() if not item.name.startswith(("_", ".")))
        return f"# {name}\n\n" + "".join(f"- {item}\n" for item in names)
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        return LINK.sub("]", text)
    return f"# {name}\n\n````{LANGUAGES.get(file.suffix, 'text')}\n{text}\n````\n"


def on_files(files, config):
    """加上样式、字体，与页面里链接到的源文件。"""
    import ziamath

    font = Path(ziamath.__file__).parent / "fonts" / "STIXTwoMath-Regular.ttf"
    for source in (Path(__file__).with_name("course.css"), font):
        files.append(File.generated(config, f"assets/{source.name}", abs_src_path=str(source)))
    wanted = set()
    for page in files.documentation_pages():
        for found in LINK.finditer(Path(page.abs_src_path).read_text(encoding="utf-8")):
            file = target(page.src_uri, found["path"])
            if file.exists() and file.is_relative_to(ROOT) and not file.is_relative_to(DOCS):
                wanted.add(file)
    for file in sorted(wanted):
        # 不进目录，也不进搜索
        content = "---\nsearch:\n  exclude: true\n---\n\n" + source_page(file)
        page = File.generated(config, source_uri(file), content=content)
        page.inclusion = page.inclusion.NOT_IN_NAV
        files.append(page)
    return files


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri.startswith("source/"):
        return markdown

    def link(found: re.Match) -> str:
        file = target(page.file.src_uri, found["path"])
        if not file.exists():
            return found[0]
        if not file.is_relative_to(DOCS):
            where, anchor = DOCS / source_uri(file), ""
        elif file.is_dir():
            where, anchor = file / "README.md", ""
        else:
            return found[0]
        return f"]({Path(os.path.relpath(where, target(page.file.src_uri, '.'))).as_posix()}{anchor})"

    lesson = DOCS / page.file.src_uri in lesson_paths()
    pieces, after_cell = [], False
    for piece in split_fences(markdown):
        found = FENCE.fullmatch(piece)
        if found is None:
            pieces.append(LINK.sub(link, piece))
            after_cell = after_cell and not piece.strip()
            continue
        attributes, body = fence_attributes(found["language"], found["body"], lesson, after_cell)
        after_cell = attributes == CELL
        pieces.append(f"{found['fence']}{attributes}\n{body}{found['fence']}")
    markdown = "".join(pieces).replace("<details>", '<details markdown="1">')
    return markdown.replace("<summary>", '<summary markdown="span">')


def fence_attributes(language: str, body: str, lesson: bool, after_cell: bool) -> tuple[str, str]:
    """一个代码块的语言与样式，与它的内容：引用来的（文件名是标题）、可执行的格、格显示的结果。"""
    quoted = re.match(r"# ((?:paddle_notes|configs|tools|tests)/\S+)\n", body)
    if quoted:
        return f'{{.{language} .quoted title="{quoted[1]}"}}', body[quoted.end() :]
    if lesson and language == "python":
        return CELL, body
    if lesson and language == "text" and after_cell:
        return "{.text .shown}", body
    return language, body


def split_fences(text: str) -> list[str]:
    """把文字在代码块处切开，代码块自成一段。"""
    pieces, position = [], 0
    for found in FENCE.finditer(text):
        pieces += [text[position : found.start()], found[0]]
        position = found.end()
    return [*pieces, text[position:]]


def on_page_content(content, page, config, files):
    """arithmatex 标出的公式变成 MathML。"""
    from latex2mathml.converter import convert

    def formula(found: re.Match) -> str:
        block = found[1] == "div"
        source = html.unescape(found[2]).strip()[2:-2].replace("{aligned}", "{align*}")  # 它只认得后一个
        return convert(source, display="block" if block else "inline")

    return MATH.sub(formula, content)
