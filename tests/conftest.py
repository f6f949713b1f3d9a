"""各测试共用的准备。paddle 由 runtime.prepare 导入，所以数学库的开关与真正训练时相同。"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from paddle_notes import cli, runtime

runtime.prepare("cpu", threads=1)  # 几个进程一起跑，各用一个线程

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Result:
    """一次命令的结果：退出状态、标准输出、标准错误。"""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@pytest.fixture(scope="session")
def root() -> Path:
    """项目的根目录。"""
    return ROOT


@pytest.fixture(scope="session")
def load_tool():
    """``load_tool("train")``：从 tools/ 载入一个工具的模块（tools 不是包）。

    与 ``python tools/train.py`` 一样，tools/ 里的文件夹可以导入。
    """
    if str(ROOT / "tools") not in sys.path:
        sys.path.insert(0, str(ROOT / "tools"))

    def load(name: str):
        spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def tool(load_tool, monkeypatch, capfd):
    """``tool("train", "-c", …)``：在本进程里执行一个工具，与命令行走同一个外壳，返回 :class:`Result`。

    工具的缺陷（不该有的异常）会直接抛出来，使测试失败。
    """

    def run(name: str, *args) -> Result:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", [f"tools/{name}.py", *map(str, args)])
        with pytest.raises(SystemExit) as stopped:
            cli.run(load_tool(name).main)
        return Result(stopped.value.code or 0, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def run_tool():
    """``run_tool("train", …, cwd=…)``：在另一个进程里执行一个工具；只用于与进程有关的事。"""

    def run(name: str, *args, cwd: Path = ROOT, encoding: str = "utf-8") -> Result:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools" / f"{name}.py"), *map(str, args)],
            cwd=cwd,
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            timeout=600,
        )
        return Result(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))

    return run


@pytest.fixture(scope="session")
def run_python():
    """``run_python("代码")``：在干净的进程里执行一段代码，返回 :class:`Result`。"""

    def run(code: str, env: dict[str, str] | None = None) -> Result:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**(os.environ if env is None else env), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            timeout=600,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def output(tmp_path):
    """一个输出文件夹；测试之后立即删去，VGG 的检查点很大。"""
    folder = tmp_path / "output"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_config(output):
    """``make_config("train.epochs=2", …)``：一份很小的 LeNet 配置，写到 ``output``。"""
    from paddle_notes.config import apply_override, parse_config

    def make(*overrides: str):
        tree = {
            "output_dir": str(output),
            "model": {"name": "lenet"},
            "data": {"name": "mnist5k", "batch_size": "8", "augment": {"shift": "2"}},
            "optimizer": {"lr": "0.02", "schedule": "cosine", "warmup": "0.1", "weight_decay": "5e-4"},
            "train": {"epochs": "3", "log_interval": "1"},
        }
        for override in overrides:
            apply_override(tree, override)
        return parse_config(tree)

    return make


@pytest.fixture(scope="session")
def mnist5k():
    """真的数据：3,500 张训练、500 张验证、1,000 张测试。"""
    from paddle_notes.config import ImageData
    from paddle_notes.data.mnist5k import load

    return load(ImageData(name="mnist5k"))


@pytest.fixture(scope="session")
def make_data():
    """``make_data(channels, size)``：合成的一小份数据，40、20、20 张，返回三份 ImageBatches。"""
    from paddle_notes.data.images import ImageBatches, ImageSet
    from paddle_notes.data.preprocess import Preprocess

    def make(channels: int = 1, size: int = 28, batch_size: int = 8, num_train: int = 40, seed: int = 0):
        generator = np.random.default_rng(0)
        preprocess = Preprocess(channels, size, (0.5,) * channels, (0.25,) * channels, load_size=size)

        def images(count: int) -> ImageSet:
            pixels = generator.integers(0, 256, (count, channels, size, size), dtype="uint8")
            return ImageSet(pixels, generator.integers(0, 10, count), tuple("0123456789"), preprocess)

        train = ImageBatches(images(num_train), batch_size, training=True, seed=seed, shift=2)
        return train, ImageBatches(images(20), batch_size), ImageBatches(images(20), batch_size)

    return make


@pytest.fixture
def tiny_data(make_data):
    """LeNet 大小的合成数据：5 批训练、3 批验证、3 批测试。"""
    return make_data()
