"""折磨测试的短的一遍；以及它自己看得出毛病：坏的结果、异常、慢、两次运行的不同。"""

from __future__ import annotations

import os
import random
import shutil
import time

import pytest

from paddle_notes.errors import UserError


@pytest.fixture(scope="module")
def stress(load_tool):
    return load_tool("stress")


@pytest.fixture
def parts(stress):
    """``parts("kills")``：tools/stresses/ 里的一个模块（载入 tools/stress.py 之后才找得到）。"""
    import importlib

    return lambda name: importlib.import_module(f"stresses.{name}")


@pytest.fixture
def unlimited(parts, monkeypatch):
    """不限制本进程的内存：它还要跑别的测试。"""
    for name in ("configs", "readers"):
        monkeypatch.setattr(parts(name), "limit_memory", lambda more=None: None)


def test_damaged_files(parts, unlimited, tmp_path):
    said: list[str] = []
    done, failed = parts("readers").campaign(20, 0, tmp_path, said.append)
    assert (done, failed, said) == (20 * len(parts("readers").READERS), 0, [])


def test_bad_configs(stress, parts, unlimited, tmp_path, root, monkeypatch):
    monkeypatch.chdir(root)
    said: list[str] = []
    done, failed = parts("configs").campaign(stress.load_train(), 60, 0, tmp_path, said.append)
    assert (done, failed, said) == (60, 0, [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="这个系统没有 fork")
def test_killed_and_resumed(run_tool, root):
    """三种训练各在几次文件操作上死去，接着训练完，逐位相同。在另一个进程里：fork 之前不能有别的线程。"""
    result = run_tool("stress", "kills", "--short", "--count", "1", cwd=root)
    assert result.code == 0, result.text
    assert "0 次有问题" in result.out and result.out.count("次文件操作") == 3


def test_same_command_same_bits(parts, tmp_path, root, monkeypatch):
    """同一份配置的两遍没有不同；跑不起来的、不同的都报告出来。"""
    repeat = parts("repeat")
    said: list[str] = []
    config = root / "configs" / "softmax_regression.yml"
    folders = [tmp_path / name for name in "ab"]
    assert [repeat.run(config, 1, folder) for folder in folders] == ["", ""]
    assert list(parts("outcome").unequal_arrays(*folders, "last")) == []
    real = repeat.run
    monkeypatch.setattr(repeat, "run", lambda config, threads, folder: "坏了" if threads == 2 else "")
    monkeypatch.setattr(repeat, "unequal_arrays", lambda *folders: iter(()))
    assert repeat.campaign(3, tmp_path, said.append) == (6, 3)
    assert len(said) == 3 and all("2 个线程：坏了；坏了" in line for line in said)
    assert real(tmp_path / "none.yml", 1, tmp_path / "c").startswith("退出状态 2：错误：找不到配置文件")


# ---------------------------------------------------------------- 看得出毛病


def test_attempt_sees_exceptions_and_slowness(parts):
    def attempt(action):
        return parts("outcome").attempt(action, "参数", seconds=0.01)

    def fail(error):
        def read(*arguments):
            raise error

        return read

    assert attempt(fail(KeyError("x"))).startswith("KeyError")
    assert attempt(fail(RecursionError())).startswith("RecursionError")
    assert attempt(fail(UserError("坏" * 700))).startswith("一句话有 700 个字")
    assert "秒" in attempt(lambda *arguments: time.sleep(0.05))
    assert attempt(fail(UserError("文件坏了"))) == "" and attempt(lambda *arguments: None) == ""
    assert attempt(fail(UserError("bad file"))).startswith("不是中文")


def test_only_lack_of_memory_is_told_elsewhere(parts):
    """超出内存时 cli.run 有一句话；别的异常照样是毛病。"""

    def fails(error):
        def main(words):
            raise error

        return main

    trial = parts("configs").trial
    trial(fails(MemoryError("Unable to allocate 4.66 GiB")), [])
    with pytest.raises(KeyError):
        trial(fails(KeyError("x")), [])


def test_damage_depends_on_the_seed_only(parts):
    damaged = parts("readers").damaged
    data = bytes(range(256)) * 4
    assert damaged(data, random.Random("1")) == damaged(data, random.Random("1")) != data
    assert len({damaged(data, random.Random(str(seed))) for seed in range(50)}) > 40


def test_differences_between_runs_are_seen(parts, tool, root, tmp_path):
    """两次相同的运行没有不同；换一个种子，权重、指标、VisualDL、总结都看得出。"""
    words = ["-c", root / "configs" / "softmax_regression.yml", "-o", "train.epochs=1", "data.batch_size=500"]
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert tool("train", *words, f"seed={seed}", f"output_dir={tmp_path / name}").code == 0
    differences = parts("kills").differences
    assert list(differences(tmp_path / "a", tmp_path / "b")) == []
    found = list(differences(tmp_path / "a", tmp_path / "c"))
    assert {"last.pdparams", "metrics.jsonl", "VisualDL 的记录", "summary.json"} <= set(found)
    shutil.copy(tmp_path / "a" / "config.yml", tmp_path / "b" / "config.yml.tmp")
    assert list(differences(tmp_path / "a", tmp_path / "b")) == ["文件不同：['config.yml.tmp']"]


def test_a_reading_that_differs_is_seen(parts, tmp_path):
    """有校验和的文件读出来与没有弄坏的不同：不是一句话，也要报告。"""
    readers, attempt = parts("readers"), parts("outcome").attempt
    readers.make_mnist(tmp_path)
    read = readers.data_reader("mnist", ".", checked=True)
    assert [attempt(read, tmp_path, seconds=10) for _ in range(2)] == ["", ""]
    file = tmp_path / "t10k-images-idx3-ubyte"
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    assert attempt(read, tmp_path, seconds=10) == "AssertionError：'读出的与没有弄坏的不同'"
