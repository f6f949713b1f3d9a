"""文档不能过时：引用的代码、链接、命令、课程目录、术语都与项目本身一致。

每个检查是一个函数，返回它找到的问题；先对真的页面断言没有问题，再给它一张坏的页面，断言它看得出来。
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import shlex
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest

from paddle_notes import cli, models
from paddle_notes.config import load_config
from paddle_notes.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs_zh"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
CHAPTERS = sorted([*DOCS.glob("ch*.md"), *DOCS.glob("ch*/*.md")])
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
every_chapter = pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.relative_to(DOCS).as_posix())

FENCE = re.compile(r"^[ \t]*(```+|~~~+)(\w*)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"(`+)(.+?)\1")
LINK = re.compile(r"!?\[([^\[\]]*)\]\([^)]*\)")
TARGET = re.compile(r"\]\(<?([^\s)>]+)>?(?:\s+\"[^\"]*\")?\)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
PLACEHOLDER = re.compile(r"…|<[^>]+>")
SHELLS = {"bash", "sh", "shell", "powershell"}


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.fixture
def write_page(tmp_path):
    """``write_page("正文")``：一张临时的页面。"""

    def write(text: str, name: str = "page.md") -> Path:
        page = tmp_path / name
        page.write_text(text, encoding="utf-8")
        return page

    return write


# ---------------------------------------------------------------- 引用的代码


def test_quoted_code_equals_the_source(tool, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = tool("docs", "--check")
    assert result.code == 0, result.text


def test_stale_quotation_is_found(load_tool, monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(ROOT)
    docs = load_tool("docs")
    quote = '<!-- [[[cog quote("paddle_notes/engine/folder.py", "VDL") ]]] -->\n{}<!-- [[[end]]] -->\n'
    page = tmp_path / "README.md"
    page.write_text(quote.format(""), encoding="utf-8")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    assert docs.main(["--check"]) == 1
    assert docs.main([]) == 0
    assert 'VDL = "vdl"' in read(page)
    assert docs.main(["--check"]) == 0
    page.write_text(read(page).replace('"vdl"', '"old"'), encoding="utf-8")
    assert docs.main(["--check"]) == 1


# ---------------------------------------------------------------- 现写的 Python 代码块


def test_python_blocks_are_executed(write_page, tmp_path):
    """docs_zh/conftest.py 让坏的代码块失败，引用的代码块跳过，页与页之间互不相干。"""
    write_page(read(DOCS / "conftest.py"), "conftest.py")
    quoted = "<!-- skip: next -->\n\n```python\nassert False\n```\n"
    write_page("```python\nx = 1\n```\n" + quoted + "```python\nassert x == 1\n```\n", "a_good.md")
    write_page("```python\nassert 'x' not in globals()\n```\n```python\nassert False\n```\n", "b_bad.md")
    words = ["-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tools")},
    )
    assert done.returncode == 1, done.stdout
    assert re.findall(r"FAILED .*?(\w+\.md)", done.stdout) == ["b_bad.md"], done.stdout


# ---------------------------------------------------------------- 链接与锚点


def slug(heading: str) -> str:
    """GitHub 给标题的锚点：小写，空格换成连字符，去掉字母、数字、下划线、连字符以外的字符。"""
    heading = LINK.sub(r"\1", heading)
    kept = (
        "-" if char == " " else char
        for char in heading.strip().lower()
        if char in " -" or unicodedata.category(char)[0] in "LM" or unicodedata.category(char) in ("Nd", "Pc")
    )
    return "".join(kept)


def anchors(page: Path) -> set[str]:
    """一页里全部标题的锚点；重名的依次加上 -1、-2。"""
    seen: dict[str, int] = {}
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+?)[ #]*$", FENCE.sub("", read(page)), re.MULTILINE):
        name = slug(heading)
        found.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return found


def broken_links(page: Path) -> list[str]:
    """页面里指不到东西的相对链接、图片与锚点。"""
    text = INLINE_CODE.sub("", COMMENT.sub("", FENCE.sub("", read(page))))
    broken = []
    for target in TARGET.findall(text):
        if re.match(r"[a-z]+:", target):  # https:、mailto:
            continue
        path, _, anchor = unquote(target).partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and (file.suffix != ".md" or anchor not in anchors(file))):
            broken.append(target)
    return broken


@every_page
def test_links_and_anchors_exist(page):
    assert broken_links(page) == []


def test_broken_links_are_found(write_page):
    write_page("# 别页\n## 用 `-o` 改设置\n## 重名\n## 重名\n```\n# 不是标题\n```\n", "other.md")
    page = write_page(
        "# 这一页\n[好](other.md#用--o-改设置) [好](other.md#重名-1) [好](#这一页) [好](https://example.com/x)\n"
        "`[不是](链接)` ![坏](none.png) [坏](none.md) [坏](other.md#重名-2) [坏](#没有)\n"
        "[坏](other.md#不是标题) [![坏](gone.png)](other.md)\n```text\n[不是](链接)\n```\n"
    )
    assert broken_links(page) == [
        "none.png",
        "none.md",
        "other.md#重名-2",
        "#没有",
        "other.md#不是标题",
        "gone.png",
    ]


def test_slug_follows_github():
    assert slug("8. 出了问题？（Ctrl-C）") == "8-出了问题ctrl-c"
    assert slug("`Trainer.fit` 与 [配置](a.md)") == "trainerfit-与-配置"
    assert slug("snake_case 的 x²") == "snake_case-的-x"


# ---------------------------------------------------------------- 命令


def commands(page: Path) -> list[list[str]]:
    """页面里的命令，各是一列词：命令行代码块里的每一条，与正文里反引号之间的。"""
    text = COMMENT.sub("", read(page))
    lines = []
    for _, language, body in FENCE.findall(text):
        if language in SHELLS:
            lines += body.replace("\\\n", " ").splitlines()
    inline = [code for _, code in INLINE_CODE.findall(FENCE.sub("", text))]
    lines += [code for code in inline if re.search(r"\bpython (tools/|-m paddle_notes)|\bvisualdl -", code)]
    found = []
    for line in lines:
        words: list[str] = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word in ("&&", "||", "|", ";", "&"):
                found += [words] if words else []
                words = []
            else:
                words.append(word)
    return found


class Parsed(Exception):
    """参数已经解析完：测试到此为止，不真的执行。"""


def parse(monkeypatch, main, words: list[str]) -> argparse.Namespace:
    """让工具的 ``main`` 解析 ``words``，返回结果；参数不对时抛 :class:`UserError` 或 SystemExit。"""
    original = argparse.ArgumentParser.parse_args

    def stop(self, args=None, namespace=None):
        raise Parsed(original(self, args, namespace))

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", ["tool", *words])
        try:
            main()
        except Parsed as parsed:
            return parsed.args[0]
    raise AssertionError("工具没有解析参数")


def check_config(args: argparse.Namespace) -> None:
    """``-c`` 的文件存在，``-o`` 的键、类型与网络的选项都合适。一次运行自己存下的配置不在项目里，不查。"""
    if args.config is None or PLACEHOLDER.search(args.config) or args.config.startswith("output/"):
        return
    overrides = [word for word in cli.overrides(args) if not PLACEHOLDER.search(word.partition("=")[0])]
    config = load_config(
        ROOT / args.config if "/" in args.config else args.config, overrides, getattr(args, "dry_run", False)
    )
    parameters = inspect.signature(models.constructor(config.model.name)).parameters.values()
    facts = {p.name: 32 for p in parameters if p.default is p.empty}  # 词表大小之类，随数据而定
    models.resolve_options(config.model.name, {**facts, **config.model.options()})


def broken_commands(page: Path, load_tool, monkeypatch) -> list[str]:
    """页面里执行不了的 ``python tools/X.py …`` 与 ``visualdl …``。"""
    from visualdl.server.args import parse_args as parse_visualdl

    broken = []
    for program, *words in commands(page):
        try:
            words = [word for word in words if word != "…"]
            if program == "visualdl":
                parse(monkeypatch, parse_visualdl, words)
            elif program == "python" and words and words[0].startswith("tools/"):
                if PLACEHOLDER.search(words[0]):
                    continue
                args = parse(monkeypatch, load_tool(Path(words[0]).stem).main, words[1:])
                if hasattr(args, "config"):
                    check_config(args)
        except (UserError, SystemExit, FileNotFoundError) as error:
            broken.append(f"{' '.join([program, *words])}：{error}")
    return broken


@every_page
def test_commands_can_be_executed(page, load_tool, monkeypatch):
    assert broken_commands(page, load_tool, monkeypatch) == []


GOOD_COMMANDS = """\
```bash
pip install -e . && python tools/train.py -c configs/lenet.yml \\
    -o train.epochs=3 model.form=original  # 注释
python tools/train.py -c configs/lenet.yml -o output_dir=<新文件夹> <键>=<值>
python tools/train.py -c output/lenet/config.yml --resume
python tools/eval.py -c configs/<名字>.yml --weights output/lenet/best --json
visualdl --logdir output --port 8041 --host 0.0.0.0
```
正文里的 `python tools/train.py -c configs/lenet.yml …` 与 `python tools/….py`。
```text
python tools/none.py
```
"""

BAD_COMMANDS = [
    "python tools/none.py",
    "python tools/train.py -c configs/none.yml",
    "python tools/train.py -c configs/lenet.yml --resme",
    "python tools/train.py -c configs/lenet.yml -o train.epoch=3",
    "python tools/train.py -c configs/lenet.yml -o train.epochs=many",
    "python tools/train.py -c configs/lenet.yml -o model.from=original",
    "python tools/train.py -c",
    "python tools/predict.py --weights output/lenet/best --input a.png --topk three",
    "python tools/docs.py --chek",
    "visualdl --logdirs output",
    "visualdl --logdir output --port many",
]


def test_good_commands_pass(write_page, load_tool, monkeypatch):
    page = write_page(GOOD_COMMANDS)
    assert len(commands(page)) == 8
    assert broken_commands(page, load_tool, monkeypatch) == []


@pytest.mark.parametrize("template", ["```bash\n{}\n```\n", "正文里的 `{}`。", "```bash\ncd . && {}\n```"])
@pytest.mark.parametrize("command", BAD_COMMANDS)
def test_bad_commands_are_found(template, command, write_page, load_tool, monkeypatch):
    page = write_page(template.format(command))
    assert len(broken_commands(page, load_tool, monkeypatch)) == 1


# ---------------------------------------------------------------- 公式


DISPLAY = re.compile(r"^\$\$\n(.*?)^\$\$$", re.MULTILINE | re.DOTALL)
INLINE_MATH = re.compile(r"\$([^$\n]+)\$")
FORMULA_LINE = re.compile(r"[Σ∂√^]|·[^\n]*=|=[^\n]*·")
FORBIDDEN_ANYWHERE = re.compile(r"\\(?:newcommand|def|tag|label|operatorname)\b|[<>]")


def plain_formulas(page: Path) -> list[str]:
    """```` ```text ```` 代码块里用文字写的公式：应当写成 LaTeX。"""
    blocks = FENCE.findall(COMMENT.sub("", read(page)))
    lines = [line for _, language, body in blocks if language == "text" for line in body.splitlines()]
    return [line for line in lines if FORMULA_LINE.search(line)]


def without_code(page: Path) -> str:
    return INLINE_CODE.sub("`", FENCE.sub("", COMMENT.sub("", read(page))))


def formulas(page: Path) -> list[str]:
    """页面里全部的公式，不含两端的 ``$``。"""
    text = without_code(page)
    return DISPLAY.findall(text) + INLINE_MATH.findall(DISPLAY.sub("", text))


def badly_written_formulas(page: Path) -> list[str]:
    """GitHub、Gitee、KaTeX 里有一处显示不出来的公式：``$`` 不成对、没有隔开，或用了各家不都认的写法。

    GitHub 要求开头的 ``$`` 前面是空白（中文标点也不行）、结尾的 ``$`` 后面不是字；Markdown 先看到行内公式，
    所以里面不能有会被它吃掉的 ``*``、``|``、标点之后的 ``_`` 与反斜线加标点。
    """
    text = without_code(page)
    found = [body for body in formulas(page) if FORBIDDEN_ANYWHERE.search(body)]
    for block in DISPLAY.finditer(text):
        before, after = text[: block.start()], text[block.end() :]
        if not before.endswith("\n\n") or not re.match(r"\n(\n|$)", after):
            found.append(block[1])
    for line in DISPLAY.sub("", text).splitlines():
        if line.count("$") % 2:
            found.append(line)
            continue
        for math in INLINE_MATH.finditer(line):
            body, before, after = math[1], line[: math.start()], line[math.end() :]
            glued = (before and not before[-1].isspace()) or (after and after[0].isalnum())
            eaten = re.search(r"[*|]|[^A-Za-z0-9]_|\\[^A-Za-z]|[\u3400-\u9fff]", body)
            if glued or eaten or body != body.strip():
                found.append(math[0])
    return found


def unconvertible_formulas(page: Path) -> list[str]:
    """latex2mathml 转不成 MathML 的公式：抛错、括号不成对，或把不认识的命令与环境原样留在结果里。

    ``aligned`` 是 GitHub 与 KaTeX 要求的写法，latex2mathml 不认识，它的 ``align*`` 是同一张表。
    """
    convert = pytest.importorskip("latex2mathml.converter").convert
    found = []
    for body in formulas(page):
        try:
            mathml = convert(body.replace("{aligned}", "{align*}"))
        except Exception:
            found.append(body)
        else:
            if body.count("{") != body.count("}") or re.search(r">(\\[A-Za-z]+|&)<", mathml):
                found.append(body)
    return found


@every_chapter
def test_formulas_are_latex(page):
    assert plain_formulas(page) == []
    assert badly_written_formulas(page) == []


@every_chapter
def test_formulas_can_be_converted(page):
    assert unconvertible_formulas(page) == []


def test_plain_formulas_are_found(write_page):
    bad = ["y = Σ x_i", "∂L/∂x", "√2", "2^n", "y = 2·x", "2·x = y"]
    page = write_page("```text\n" + "\n".join(bad) + "\n损失 0.5\n```\n```python\ny = 2**3 ^ 1\n```\n")
    assert plain_formulas(page) == bad


def test_badly_written_formulas_are_found(write_page):
    good = "在 $x_1$ 处， $\\hat y$。\n\n$$\na \\\\\n\\text{和}_1\n$$\n\n| $a$ | `$b` |\n"
    assert badly_written_formulas(write_page(good)) == []
    for bad in [
        "在$x$ 处",
        "在 $x$处",
        "，$x$",
        "$x",
        "$a < b$",
        "$\\hat{y}_i$",
        "$a*b$",
        "$a\\,b$",
        "$和$",
        "$ x$",
    ]:
        assert len(badly_written_formulas(write_page(bad + "\n"))) == 1, bad
    for bad in ["文字\n$$\nx\n$$\n", "\n\n$$\nx\n$$\n文字\n", "\n\n$$\nx \\tag{1}\n$$\n"]:
        assert len(badly_written_formulas(write_page(bad))) == 1, bad


def test_unconvertible_formulas_are_found(write_page):
    gathered = "\\begin{gathered} x &= 1 \\end{gathered}"
    good = "$\\frac{1}{2}$ 与 $\\begin{aligned} x &= 1 \\end{aligned}$"
    page = write_page(f"$\\left( x$ 与 $x^{{2$ 与 $\\nosuch x$ 与 ${gathered}$ 与 {good}\n")
    assert unconvertible_formulas(page) == ["\\left( x", "x^{2", "\\nosuch x", gathered]


# ---------------------------------------------------------------- 课程目录


def missing_from_syllabus(text: str) -> list[str]:
    """课程目录里没有提到的网络与配置。"""
    names = [f"`{name}`" for name in models.MODELS]
    configs = [f"configs/{file.name}" for file in sorted((ROOT / "configs").glob("*.yml"))]
    return [name for name in [*names, *configs] if name not in text]


def test_syllabus_mentions_every_network_and_config():
    assert missing_from_syllabus(read(DOCS / "syllabus.md")) == []


def test_missing_network_and_config_are_found(monkeypatch):
    text = read(DOCS / "syllabus.md")
    assert "configs/lenet.yml" in missing_from_syllabus(text.replace("configs/lenet.yml", ""))
    monkeypatch.setitem(models.MODELS, "vgg", "paddle_notes.ch05_classic_cnn.vgg:VGG")
    assert missing_from_syllabus(text) == ["`vgg`"]


# ---------------------------------------------------------------- 术语


def term_rows(text: str) -> list[tuple[str, str]]:
    """术语表的各行：(中文, 英文)。"""
    cells = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if "|" in line
    ]
    return [(row[0], row[1]) for row in cells if row[0] != "术语" and not set(row[0]) <= set("-:")]


def conflicting_terms(text: str) -> list[str]:
    """有两种译法的英文，与译自两个英文的中文。"""
    rows = term_rows(text)
    conflicts = []
    for own, other in ((1, 0), (0, 1)):
        partners: dict[str, set[str]] = {}
        for row in rows:
            partners.setdefault(row[own].lower(), set()).add(row[other].lower())
        conflicts += [word for word, others in partners.items() if len(others) > 1]
    return conflicts


def test_one_term_for_one_concept():
    text = read(DOCS / "terms.md")
    assert len(term_rows(text)) >= 80
    assert conflicting_terms(text) == []


def test_conflicting_terms_are_found():
    header = "| 术语 | 英文 | 说明 |\n|---|---|---|\n"
    assert term_rows(header + "| 步幅 | stride | 几格 |\n") == [("步幅", "stride")]
    assert conflicting_terms(header + "| 步幅 | stride | a |\n\n" + header + "| 步长 | Stride | b |\n") == [
        "stride"
    ]
    assert conflicting_terms(header + "| 核 | kernel | a |\n| 核 | filter | b |\n") == ["核"]
