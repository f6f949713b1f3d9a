"""检查环境的工具：正常时逐项说正常；每一种毛病都看得出来，说得出办法。"""

from __future__ import annotations

import errno
import json
from importlib import metadata

import pytest


@pytest.fixture
def module(load_tool):
    load_tool("check_env")  # tools/ 里的文件夹由此可以导入
    from environment import checks

    return checks


def test_everything_is_checked(tool, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = tool("check_env", "--json")
    checks = json.loads(result.out)
    assert [check["name"] for check in checks] == [
        "Python",
        "依赖",
        "paddle",
        "磁盘",
        "设备",
        "中文字体",
        "自带的数据",
        "训练",
    ]
    assert result.code == int(not all(check["passed"] for check in checks))
    by_name = {check["name"]: check for check in checks}
    assert by_name["自带的数据"]["found"].startswith("mnist5k 3,500＋500＋1,000")
    assert by_name["训练"]["passed"] and by_name["依赖"]["passed"]
    assert not list(tmp_path.iterdir())  # 不留下文件


@pytest.mark.parametrize(
    ("version", "passed"), [((3, 9), False), ((3, 10), True), ((3, 13), True), ((3, 14), False)]
)
def test_python(version, passed, module):
    assert module.check_python(version).passed is passed
    assert "3.10 到 3.13" in module.check_python(version).advice


def fake_versions(monkeypatch, module, **versions):
    """装了这些；别的照旧。"""
    real = metadata.version

    def version(name):
        if name in versions:
            if versions[name] is None:
                raise metadata.PackageNotFoundError(name)
            return versions[name]
        return real(name)

    monkeypatch.setattr(module.metadata, "version", version)


def test_packages_missing_or_too_old(module, monkeypatch):
    fake_versions(monkeypatch, module, pyyaml=None, tqdm="3.0")
    check = module.check_packages()
    assert not check.passed and "没有 pyyaml" in check.found
    assert "tqdm 是 3.0，要 >=" in check.found and "pip install -e" in check.advice


@pytest.mark.parametrize(
    ("versions", "passed", "word"),
    [
        ({"paddlepaddle": "3.3.1", "paddlepaddle-gpu": None}, True, "3.3.1"),
        ({"paddlepaddle": None, "paddlepaddle-gpu": "3.3.0"}, True, "paddlepaddle-gpu 3.3.0"),
        ({"paddlepaddle": "3.3.1", "paddlepaddle-gpu": "3.3.0"}, False, "pip uninstall -y"),
        ({"paddlepaddle": None, "paddlepaddle-gpu": None}, False, "没有安装"),
    ],
)
def test_two_paddles_do_not_live_together(versions, passed, word, module, monkeypatch):
    fake_versions(monkeypatch, module, **versions)
    check = module.check_paddle_packages()
    assert check.passed is passed and word in check.found + check.advice


def test_full_or_read_only_disk(module, monkeypatch, tmp_path):
    assert module.check_disk(tmp_path).passed
    usage = module.shutil.disk_usage(tmp_path)._replace(free=2**28)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage)
    check = module.check_disk(tmp_path)
    assert not check.passed and "0.2 GiB" in check.found

    def refuse(**options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(module.tempfile, "TemporaryFile", refuse)
    check = module.check_disk(tmp_path)
    assert not check.passed and "写不进去" in check.found and "output_dir" in check.advice


def test_damaged_data(module, monkeypatch):
    from paddle_notes import data
    from paddle_notes.errors import UserError

    def broken(config, seed):
        raise UserError("文件坏了")

    monkeypatch.setattr(data, "build_data", broken)
    check = module.check_data()
    assert not check.passed and check.found == "mnist5k：文件坏了"


def test_without_paddle_the_rest_is_skipped(module, load_tool, monkeypatch, capsys):
    fake_versions(monkeypatch, module, paddlepaddle=None, **{"paddlepaddle-gpu": None})
    assert load_tool("check_env").main([]) == 1
    out = capsys.readouterr().out
    assert "有问题  paddle：没有安装" in out and "训练：" not in out
    assert out.splitlines()[-1] == "其余各项要先装好依赖才能检查"
