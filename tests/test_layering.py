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
    "__init__": set(),
    "errors": set(),
    "safe_pickle": set(),
    "cli": {"errors"},
    "runtime": {"errors"},
    "fast_conv": set(),
    "models": {"errors", "fast_conv"},
    "data": {"errors", "safe_pickle"},
    "config": {"errors", "models"},
    "fonts": set(),
    "analysis": {"errors", "fonts"},
    "verification": set(CHAPTERS),
    "engine": {"errors", "safe_pickle", "cli", "config", "runtime", "analysis", "__init__"},
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


LIGHT = ["", ".errors", ".cli", ".config", ".models", ".data", ".runtime"]


def test_light_modules_do_not_import_paddle(run_python):
    modules = ", ".join(f"paddle_notes{name}" for name in LIGHT)
    result = run_python(
        f"import sys, {modules}\n"
        "heavy = {'paddle', 'numpy', 'matplotlib', 'visualdl', 'PIL', 'mlxtend', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert (result.code, result.out.strip()) == (0, "[]"), result.text
