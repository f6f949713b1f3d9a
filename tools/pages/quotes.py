"""页面里引用的源代码，与由代码写出的表。cog 执行页面里的标记时，这里的函数都可以用。"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def find_source(file: str, name: str) -> str:
    """``file`` 中名为 ``name``（可写成 ``VGG.forward``）的定义或赋值的源代码，去掉缩进。"""
    source = (ROOT / file).read_text(encoding="utf-8")
    nodes = ast.parse(source).body
    for part in name.split("."):
        found = [node for node in nodes if _name_of(node) == part]
        if not found:
            raise LookupError(f"{file} 里没有 {name}")
        node, nodes = found[0], getattr(found[0], "body", [])
    first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))


def _name_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Assign):
        return getattr(node.targets[0], "id", None)
    if isinstance(node, ast.AnnAssign):
        return getattr(node.target, "id", None)
    return getattr(node, "name", None)


def without_docstrings(source: str) -> str:
    """去掉各个类与函数的文档字符串：课文里已经讲了。"""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            text = node.body[0]
            lines[text.lineno - 1 : text.end_lineno] = [""] * (text.end_lineno - text.lineno + 1)
    bare = "\n".join(lines)
    return re.sub(r":\n\n+(?=    )", ":\n", bare)


def quote(file: str, *names: str, docstrings: bool = True) -> None:
    """引用源代码；不给名字时引用整个文件。引用的片段不单独执行，它在包里由测试执行。"""
    import cog

    language = {".py": "python", ".yml": "yaml"}.get(Path(file).suffix, "text")
    pieces = [find_source(file, name) for name in names] or [
        (ROOT / file).read_text(encoding="utf-8").rstrip()
    ]
    if not docstrings:
        pieces = [without_docstrings(piece) for piece in pieces]
    if language == "python":
        cog.outl("<!-- skip: next -->")
    cog.outl(f"\n```{language}\n# {file}\n" + "\n\n\n".join(pieces) + "\n```\n")


def config_table() -> None:
    """由配置的模式写出“键、类型、默认值、含义”的表；data 与 task 的每一种各有一张。"""
    import cog

    from paddle_notes.config import DATA_SECTIONS, TASK_SECTIONS, AugmentConfig, all_keys, sections_in

    kinds = {section: "data" for section in (*DATA_SECTIONS, AugmentConfig)}
    kinds.update({section: "task" for section in TASK_SECTIONS})
    head = "\n| 键 | 类型 | 默认值 | 含义 |\n|---|---|---|---|"
    cog.outl(head)

    def rows(*where) -> list[tuple]:
        return [
            (key, owner, field) for key, owner, field in all_keys(*where) if not sections_in(field.annotation)
        ]

    for key, owner, field in rows():
        if owner not in kinds:
            cog.outl(_config_row(key, owner, field))
    for section in (*DATA_SECTIONS, *TASK_SECTIONS):
        title = section.__doc__.splitlines()[0].rstrip("。")
        cog.outl(f"\n### `{kinds[section]}`：{title}\n{head}")
        for key, owner, field in rows(section, f"{kinds[section]}."):
            cog.outl(_config_row(key, owner, field))
    cog.outl()


def _config_row(key: str, owner, field) -> str:
    if field.is_required():
        default = "必须写"
    else:
        default = "不写" if field.default in (None, "") else f"`{str(field.default).lower()}`"
    kind = " / ".join(owner.readers) if key in ("data.name", "task.name") else _type_name(field.annotation)
    return f"| `{key}` | {kind} | {default} | {field.description} |"


def model_table() -> None:
    """由各网络构造函数的签名写出“网络、选项与默认值”的表。"""
    import inspect

    import cog

    from paddle_notes.models import MODELS, constructor

    cog.outl("\n| 网络 | 选项与默认值 |\n|---|---|")
    for name in MODELS:
        parameters = inspect.signature(constructor(name)).parameters.values()
        options = "，".join(
            f"`{p.name}`" if p.default is p.empty else f"`{p.name}: {p.default}`" for p in parameters
        )
        cog.outl(f"| `{name}` | {options} |")
    cog.outl()


def _type_name(annotation) -> str:
    if getattr(annotation, "__origin__", None) in (list, tuple):
        return "若干个数"
    choices = getattr(annotation, "__args__", ())
    names = {int: "整数", float: "数", bool: "true / false", str: "文字"}
    if choices and all(isinstance(choice, str) for choice in choices):
        return " / ".join(choices)
    return names.get(annotation) or names.get(choices[0] if choices else None, "文字")
