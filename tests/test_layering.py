"""包内谁可以导入谁，以及哪些模块导入时不能带上 paddle。"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import paddle_notes

PACKAGE = Path(paddle_notes.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
CHAPTERS = sorted(folder.name for folder in PACKAGE.glob("ch[0-9][0-9]_*") if folder.is_dir())

# 包里的一部分 -> 它可以导入的部分；每一部分都可以导入自己。章只能导入自己。
ALLOWED = {
    "__init__": {"config", "data", "runs", "runtime", "inference"},
    "errors": set(),
    "safe_pickle": set(),
    "cli": {"errors"},
    "runtime": {"errors"},
    "fast_conv": set(),
    "tokens": set(),
    "decoding": {"tokens"},
    "models": {"errors", "fast_conv"},
    "data": {"errors", "safe_pickle", "tokens"},
    "config": {"errors", "models"},
    "fonts": set(),
    "analysis": {"errors", "fonts"},
    "verification": set(CHAPTERS),
    "engine": {
        "errors",
        "safe_pickle",
        "tokens",
        "decoding",
        "cli",
        "config",
        "runtime",
        "analysis",
        "__init__",
    },
    "__main__": {"errors", "cli", "config"},
    "runs": {"errors", "cli", "config", "runtime", "models", "data", "engine", "analysis", "inference"},
    "inference": {"errors", "tokens", "decoding", "config", "runtime", "models", "data", "engine"},
    **{chapter: {"fonts"} for chapter in CHAPTERS},
}


def part_of(module: str) -> str:
    """``paddle_notes.engine.logs`` → ``engine``；``paddle_notes`` → ``__init__``。"""
    return [*module.split("."), "__init__"][1]


def imported_modules(file: Path) -> set[str]:
    """文件里的全部导入（包括函数之内的），写成绝对名字。"""
    package = ["paddle_notes", *file.relative_to(PACKAGE).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            if module == "paddle_notes":  # from paddle_notes import cli, __version__
                names = (alias.name for alias in node.names)
                found.update(f"paddle_notes.{name}" if name in ALLOWED else module for name in names)
            else:
                found.add(module)
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_follow_the_layers(file):
    own = part_of("paddle_notes." + ".".join(file.relative_to(PACKAGE).with_suffix("").parts))
    assert own in ALLOWED, f"{own} 是新的部分，请在 ALLOWED 里写明它可以导入什么"
    modules = imported_modules(file)
    inside = {part_of(module) for module in modules if module.split(".")[0] == "paddle_notes"}
    assert inside <= ALLOWED[own] | {own}
    assert not any(module.split(".")[0] in ("tools", "tests") for module in modules)


def test_the_check_sees_every_form_of_import(tmp_path, monkeypatch):
    file = PACKAGE / "engine" / "example.py"
    source = (
        "import paddle_notes.data.images as images\nfrom paddle_notes import models, __version__\n"
        "from ..ch05_classic_cnn import vgg\nfrom . import logs\n"
        "def f():\n    from paddle_notes.config import Config\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: source)
    assert imported_modules(file) == {
        "paddle_notes.data.images",
        "paddle_notes.models",
        "paddle_notes",
        "paddle_notes.ch05_classic_cnn",
        "paddle_notes.engine",
        "paddle_notes.config",
    }


def test_chapters_are_found():
    assert "ch05_classic_cnn" in CHAPTERS


LIGHT = ["", ".errors", ".cli", ".config", ".models", ".data", ".runtime", ".runs", ".inference"]


def test_light_modules_do_not_import_paddle(run_python):
    modules = ", ".join(f"paddle_notes{name}" for name in LIGHT)
    result = run_python(
        f"import sys, {modules}\n"
        "heavy = {'paddle', 'numpy', 'matplotlib', 'visualdl', 'PIL', 'mlxtend', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert (result.code, result.out.strip()) == (0, "[]"), result.text


PREPARES = {"runtime.prepare", "load", "runs.train"}  # 后两个里面就是前一个


def imports_before_prepare(source: str) -> set[str]:
    """一个工具里写在备好运行环境之前的、项目自己的导入（只看调用它的那个函数与模块的开头）。"""
    found = set()
    tree = ast.parse(source)
    for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
        calls = [
            node.lineno
            for node in ast.walk(scope)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in PREPARES
        ]
        for node in scope.body if calls else []:
            if isinstance(node, ast.ImportFrom) and node.lineno < min(calls):
                if node.module == "paddle_notes":
                    found |= {f"paddle_notes.{alias.name}" for alias in node.names}
                elif (node.module or "").startswith("paddle_notes."):
                    found.add(node.module)
    return found


def test_tools_prepare_before_anything_imports_paddle(run_python):
    """线程数与数学库的开关只在导入 paddle 之前有用。"""
    tools = sorted((PACKAGE.parent / "tools").glob("*.py"))
    early = {module for tool in tools for module in imports_before_prepare(tool.read_text(encoding="utf-8"))}
    assert {"paddle_notes.cli", "paddle_notes.models", "paddle_notes.config"} <= early
    result = run_python(f"import sys, {', '.join(sorted(early))}\nprint('paddle' in sys.modules)")
    assert (result.code, result.out.strip()) == (0, "False"), result.text
    wrong = "def main():\n    from paddle_notes import fast_conv, runtime\n    runtime.prepare()\n"
    assert "paddle_notes.fast_conv" in imports_before_prepare(wrong)
    wrong = "def main():\n    from paddle_notes.engine.evaluate import evaluate\n    trained = load(1)\n"
    assert "paddle_notes.engine.evaluate" in imports_before_prepare(wrong)
