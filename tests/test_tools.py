"""命令行工具：每份配置都能试运行；每种错误都是一句中文、状态 2，原来的东西完好。"""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest
from helpers import shrink_slow_parts
from PIL import Image

from paddle_notes import cli, models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.config import load_config
from paddle_notes.data.info import ImageInfo, PairInfo
from paddle_notes.data.preprocess import Preprocess
from paddle_notes.engine.checkpoint import load_weights, read_arrays, read_state, save_checkpoint
from paddle_notes.engine.folder import FILES, VDL, claim_folder, decide_start, read_summary
from paddle_notes.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yml"))
FULL_CONFIGS = sorted((ROOT / "configs" / "full").glob("*.yml"))
LENET = ROOT / "configs" / "lenet.yml"
TOOLS = sorted(file.stem for file in (ROOT / "tools").glob("*.py"))  # 辅助的模块放在 tools/ 的文件夹里
FAST = ("train.epochs=1", "data.batch_size=250")  # 一轮 14 步，不到 1 秒
MORE = ("train.epochs=2", "optimizer.start_epoch=1")  # 训练完一轮之后再练一轮


def files(folder: Path) -> dict[str, bytes]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


@pytest.fixture(scope="module")
def trained(load_tool, tmp_path_factory) -> Path:
    """LeNet 训练一轮之后的输出文件夹。只读；要改动的测试用 ``copy``。"""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert load_tool("train").main(["-c", str(LENET), "-o", *FAST, f"output_dir={folder}"]) == 0
    return folder


@pytest.fixture
def copy(trained, output) -> Path:
    """``trained`` 的一份可以改动的复制品。"""
    shutil.copytree(trained, output)
    return output


def fails(result) -> str:
    """命令以状态 2 结束，只打印了一条中文的错误；返回它。"""
    assert result.code == 2, result.text
    assert "Traceback" not in result.text
    assert result.err.startswith("错误：")
    message = result.err.removeprefix("错误：").strip()
    assert any("\u4e00" <= character <= "\u9fff" for character in message)
    return message


# ---------------------------------------------------------------- 每份配置


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_dry_run_of_every_config(path, tool, output, monkeypatch):
    shrink_slow_parts(monkeypatch)
    config = load_config(path)
    overrides = ["data.batch_size=4", f"output_dir={output}"]
    result = tool("train", "-c", path, "--dry_run", "-o", *overrides)
    assert result.code == 0, result.text
    drawn = {name for name in files(output) if name.startswith("pictures/")}
    assert set(files(output)) - drawn == {*FILES, f"{VDL}/vdlrecords.train.log"}
    assert bool(drawn) == (config.task.name == "adversarial")
    summary = read_summary(output)
    assert (summary["status"], summary["dry_run"], summary["step"]) == ("finished", True, 2)
    assert summary["model"] == config.model.name
    claim_folder(output)  # 试运行不挡住以后的运行


# 要下载的数据集 -> 类别数与图像本来的边长
DOWNLOADED = {
    "mnist": (10, 28),
    "fashion_mnist": (10, 28),
    "cifar10": (10, 32),
    "flowers102": (102, 224),
    "folder": (1000, 224),
}


PAIRS = PairInfo(
    source_vocabulary=[str(i) for i in range(100)],
    target_vocabulary=[str(i) for i in range(90)],
    source_tokenizer="word",
    target_tokenizer="char",
    max_length=49,
)


@pytest.mark.parametrize("path", FULL_CONFIGS, ids=lambda path: path.stem)
def test_full_configs_fit_their_data(path):
    """测试不下载数据，所以不能试运行；网络、类别数与图像大小应配得上。"""
    config = load_config(path)
    if config.data.name == "pairs":
        model, options = models.build_from_config(config.model, PAIRS)
        assert options.items() >= PAIRS.facts().items() and count_parameters(model) > 10_000
        return
    num_classes, size = DOWNLOADED[config.data.name]
    channels = 1 if "mnist" in config.data.name else 3
    size = config.data.image_size or size
    preprocess = Preprocess(channels, size, (0.5,) * channels, (0.25,) * channels, size)
    info = ImageInfo(class_names=[str(k) for k in range(num_classes)], preprocess=preprocess)
    with paddle.LazyGuard():  # 只定形状，不花时间初始化
        model, _ = models.build_from_config(config.model, info)
    assert count_parameters(model) > 50_000


# ---------------------------------------------------------------- 训练


def test_what_a_run_says_at_the_end(trained, tool, output):
    result = tool("train", "-c", LENET, "-o", *FAST, f"output_dir={output}", "expect.at_least=0.2")
    assert result.code == 0
    lines = result.out.splitlines()
    summary = read_summary(output)
    assert lines[0].startswith("设备 cpu")
    value = f"{summary['best']['value']:.4f}"
    test = f"{summary['test']['accuracy']:.4f}"
    assert lines[-4] == f"accuracy：验证 {value}（最好的第 1 轮；最后一轮 {value}），测试 {test}"
    assert lines[-3].startswith("预期：accuracy ≥ 0.2") and lines[-3].endswith("在预期之内")
    assert lines[-2] == f"检查点：{output / 'best'}"
    assert lines[-1] == f"看曲线：visualdl --logdir {output / 'vdl'} --language zh --disable-telemetry"
    assert read_arrays(output / "last").keys() == read_arrays(trained / "last").keys()


def test_default_folders(tool, tmp_path, monkeypatch):
    """输出在 output/<配置名>；试运行在 output/<配置名>_dry，随后真的运行不受影响。"""
    monkeypatch.chdir(tmp_path)
    shutil.copy(LENET, tmp_path / "mine.yml")
    for _ in range(2):  # 试运行可以一再重来
        assert tool("train", "-c", "mine.yml", "--dry_run").code == 0
    assert [folder.name for folder in (tmp_path / "output").iterdir()] == ["mine_dry"]
    assert tool("train", "-c", "mine.yml", "-o", *FAST).code == 0
    assert read_summary(tmp_path / "output" / "mine")["dry_run"] is False


def test_dry_run_in_the_way_is_replaced(tool, output):
    assert tool("train", "-c", LENET, "--dry_run", "-o", f"output_dir={output}").code == 0
    assert tool("train", "-c", LENET, "-o", *FAST, f"output_dir={output}").code == 0
    assert read_summary(output)["dry_run"] is False


def test_config_left_behind_repeats_the_run(trained, tool, output):
    assert tool("train", "-c", trained / "config.yml", "-o", f"output_dir={output}").code == 0
    ours, theirs = read_arrays(output / "last"), read_arrays(trained / "last")
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_resume_without_a_checkpoint_starts_afresh(tool, output):
    assert tool("train", "-c", LENET, "--resume", "-o", *FAST, f"output_dir={output}").code == 0
    assert read_summary(output)["status"] == "finished"


def command_in(message: str, label: str) -> list[str]:
    """拒绝的消息里 ``label`` 之后那条命令的参数。"""
    line = next(line for line in message.splitlines() if line.strip().startswith(label))
    python, script, *words = shlex.split(line.split("：", 1)[1])
    assert (python, script) == ("python", "tools/train.py")
    return words


@pytest.mark.skipif(os.name == "nt", reason="shlex 照 POSIX 的规则拆分命令")
def test_refusal_prints_commands_that_work(copy, tool):
    words = ["-c", LENET, "-o", *FAST, f"output_dir={copy}"]
    (copy / "笔记.txt").write_text("别删", encoding="utf-8")
    before = files(copy)
    message = fails(tool("train", *words))
    assert message.startswith(f"{copy} 里已有一次运行（已完成）。") and files(copy) == before

    resume = command_in(message, "继续它")
    assert tool("train", *resume).code == 0
    assert read_summary(copy)["last"] and read_state(copy / "last")["epoch"] == 6

    assert tool("train", *command_in(message, "覆盖它")).code == 0
    assert read_state(copy / "last")["epoch"] == 1
    assert (copy / "笔记.txt").read_text(encoding="utf-8") == "别删"


def test_dry_run_does_not_replace_a_real_run(copy, tool):
    before = files(copy)
    message = fails(tool("train", "-c", LENET, "--dry_run", "-o", f"output_dir={copy}"))
    assert "--dry_run -o overwrite=true" in message and files(copy) == before


def test_resume_from_elsewhere_does_not_replace_a_run(trained, copy, tool):
    before = files(copy)
    words = [
        "-c",
        LENET,
        "--resume",
        trained / "last",
        "-o",
        *FAST[1:],
        *MORE,
        f"output_dir={copy}",
    ]
    message = fails(tool("train", *words))
    assert f"--resume {trained / 'last'} -o overwrite=true" in message and files(copy) == before
    assert tool("train", *words, "-o", "overwrite=true").code == 0
    assert read_state(copy / "last")["step"] == 28


# ---------------------------------------------------------------- 训练的坏输入

BAD_TRAIN = {
    "unknown_key": (["-o", "train.epoch=3"], "不认识的键 train.epoch；你是不是想写 train.epochs？"),
    "unknown_network": (["-o", "model.name=lenat"], "没有名为 lenat 的网络；你是不是想写 lenet？"),
    "unknown_option": (["-o", "model.from=modern"], "网络 lenet 没有选项 model.from；你是不是想写 form？"),
    "unknown_data": (["-o", "data.name=mnist5"], "没有名为 mnist5 的数据集；你是不是想写 mnist5k？"),
    "wrong_type": (["-o", "train.epochs=many"], "train.epochs 应为整数，得到 'many'"),
    "negative": (["-o", "data.batch_size=-1"], "data.batch_size 应大于 0，得到 -1"),
    "zero": (["-o", "data.image_size=0"], "data.image_size 应大于 0，得到 0"),
    "too_small": (["-o", "data.image_size=8"], "LeNet 的图像至少要 12×12，得到 8×8"),
    "num_classes": (["-o", "model.num_classes=7"], "model.num_classes 是 7，数据却是 10"),
    "path": (["-o", "data.path=x"], "不需要 data.path"),
    "no_value": (["-o", "train.epochs"], "-o train.epochs 应写成 键=值"),
    "no_override": (["-o"], "参数 -o/--override 后面至少要有一个值"),
    "unknown_flag": (["--dry-runs"], "不认识的参数 --dry-runs；你是不是想写 --dry-run？"),
    "flag_with_value": (["--dry_run=1"], "参数 --dry_run/--dry-run 不带值，多出了 '1'"),
    "device": (["--device", "tpu"], "runtime.device 应为 auto、cpu、gpu 或 gpu:N，得到 'tpu'"),
    "gpu": (["--device", "gpu:9"], "要用 gpu:9，但"),
    "resume": (["--resume", "none/best"], "找不到检查点文件 none"),
}


@pytest.mark.parametrize("case", BAD_TRAIN)
def test_bad_arguments_of_train(case, tool, output):
    words, expected = BAD_TRAIN[case]
    assert expected in fails(tool("train", "-c", LENET, "-o", f"output_dir={output}", *words))
    assert not output.exists() or files(output) == {}  # 没有留下半截的运行


@pytest.mark.parametrize("case", ["too_small", "num_classes", "unknown_option", "resume"])
def test_bad_arguments_leave_the_old_run_alone(case, tool, copy):
    """即使用户要求覆盖，也要等到真的能训练了才删。"""
    before = files(copy)
    fails(tool("train", "-c", LENET, "-o", f"output_dir={copy}", "overwrite=true", *BAD_TRAIN[case][0]))
    assert files(copy) == before


def test_missing_config(tool):
    assert "找不到配置文件 lenat.yml" in fails(tool("train", "-c", "lenat.yml"))
    missing = LENET.with_name("lenat.yml")
    assert fails(tool("train", "-c", missing)) == f"找不到配置文件 {missing}；你是不是想写 {LENET}？"
    assert fails(tool("train", "--resume")).startswith("缺少参数 -c/--config")
    listed = tool("train")
    assert listed.code == 0 and listed.out == tool("train", "--list").out
    rows = listed.out.partition("\n\n")[0].splitlines()
    assert [row.split()[0] for row in rows] == [path.stem for path in CONFIGS]


def test_config_with_a_syntax_error(tool, tmp_path):
    path = tmp_path / "a.yml"
    path.write_text("model:\n  name: lenet: x\n", encoding="utf-8")
    assert f"{path} 第 2 行第 14 列不是合法的 YAML" in fails(tool("train", "-c", path))


def test_output_under_a_file(tool, tmp_path):
    (tmp_path / "a").write_text("x", encoding="utf-8")
    for folder in ("a", "a/b", "a/b/c"):
        message = fails(tool("train", "-c", LENET, "-o", f"output_dir={tmp_path / folder}"))
        assert "请换一个位置" in message and "已有一次运行" not in message
    assert (tmp_path / "a").read_text(encoding="utf-8") == "x"


def test_unwritable_output(tool, output, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_text", refuse)
    message = fails(tool("train", "-c", LENET, "-o", f"output_dir={output}"))
    assert message.startswith("没有权限读写") and "-o output_dir=<文件夹>" in message


def test_full_disk(copy, tool, monkeypatch):
    """存盘时磁盘满：说清楚怎么办，上一轮的检查点完好，清出空间之后能接着训练。"""
    save = paddle.save

    def full(content, path, *args):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(paddle, "save", full)
    words = ["-c", LENET, "--resume", "-o", *FAST[1:], *MORE, f"output_dir={copy}"]
    before = files(copy)
    assert fails(tool("train", *words)) == "磁盘已满，写不进文件；清出空间后再用 --resume 继续"
    after = files(copy)
    assert set(after) == set(before)
    assert all(after[name] == before[name] for name in before if name.startswith(("best", "last")))
    assert read_summary(copy)["status"] == "failed"
    monkeypatch.setattr(paddle, "save", save)
    assert tool("train", *words).code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows 没有 RLIMIT_FSIZE")
def test_file_size_limit(copy, run_python):
    """真的写不进去（系统限制每个文件 100 KB），而不是假装的。"""
    words = ["-c", str(LENET), "--resume", "-o", *FAST[1:], *MORE, f"output_dir={copy}"]
    result = run_python(
        "import resource, runpy, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        f"sys.argv = ['tools/train.py', *{words!r}]\nrunpy.run_path('tools/train.py', run_name='__main__')"
    )
    assert "超过了允许的大小" in fails(result)
    assert read_state(copy / "last")["step"] == 14
    assert read_arrays(copy / "last").keys() == read_arrays(copy / "best").keys()
    assert not list(copy.glob("*.tmp")) + list(copy.glob("*.old"))


def test_weights_that_cannot_be_resumed(copy, tool, tmp_path):
    last = copy / "last.pdparams"
    whole = last.read_bytes()
    words = ["-c", LENET, "--resume", copy / "last", "-o", *FAST[1:], *MORE, f"output_dir={copy}"]
    for content in (whole[:-10], b"", pickle.dumps({"a": 1})):
        last.write_bytes(content)
        before = files(copy)
        assert "不完整或已损坏" in fails(tool("train", *words))
        assert files(copy) == before
    last.write_bytes(whole)
    message = fails(tool("train", *words, "-o", "model.form=original"))
    assert "与训练它时的不同：model.form modern → original。" in message
    assert tool("train", *words).code == 0


RESUMES = {
    "seed=3": "seed 0 → 3",
    "optimizer.name=adam": "optimizer.name momentum → adam",
    "data.augment.shift=0": "data.augment.shift 2 → 0",
    "task={name: hinge}": "task.name classification → hinge",
    "data.image_size=32": "model.image_size 28 → 32",
    "optimizer.lr=0.5": "-o optimizer.start_epoch=1",
}


@pytest.mark.parametrize("change", RESUMES)
def test_resume_with_other_settings(change, copy, tool):
    """接着训练而设置不同：一句话列出 训练时 → 现在，什么也没有动。"""
    before = files(copy)
    more = MORE[:1] if change.startswith("optimizer.lr") else MORE
    words = ["-c", LENET, "--resume", "-o", *FAST[1:], *more, change, f"output_dir={copy}"]
    assert RESUMES[change] in fails(tool("train", *words))
    assert files(copy) == before


def test_resume_with_other_data_of_the_same_shape(copy, tool, monkeypatch):
    """数据的内容换了，形状没有变；以前照样接着训练，最好的一轮还是旧数据上的。"""
    from paddle_notes.data import mnist5k

    images, labels = mnist5k.read_mnist5k()
    monkeypatch.setattr(mnist5k, "read_mnist5k", lambda: (255 - images, labels))
    before = files(copy)
    message = fails(tool("train", "-c", LENET, "--resume", "-o", *FAST[1:], *MORE, f"output_dir={copy}"))
    found = re.findall("(..)部分的样本（散列） ([0-9a-f]{16}) → ([0-9a-f]{16})", message)
    assert [part for part, *_ in found] == ["训练", "验证", "测试"] and files(copy) == before
    assert all(old != new for _, old, new in found)


def test_checkpoint_of_an_earlier_version(copy, tool):
    """说明里还没有设置与指纹：接着训练、评估都行，但说明没有核对数据；设置由旁边的 config.yml 对照。"""
    for name in ("best", "last"):
        file = copy / f"{name}.json"
        state = json.loads(file.read_text(encoding="utf-8"))
        del state["config"], state["fingerprint"], state["crc32"][".json"]
        file.write_text(json.dumps(state), encoding="utf-8")
    result = tool("eval", "-c", LENET, "--weights", copy / "best")
    assert result.code == 0 and result.err.startswith(f"注意：{copy / 'best'} 没有记下数据的指纹")
    words = ["-c", LENET, "--resume", "-o", *FAST[1:], *MORE, f"output_dir={copy}"]
    assert "optimizer.name momentum → adam" in fails(tool("train", *words, "optimizer.name=adam"))
    assert tool("train", *words).code == 0
    log = (copy / "train.log").read_text(encoding="utf-8")
    assert f"注意：{copy / 'last'} 没有记下数据的指纹" in log and "train.epochs 1 → 2" in log


# ---------------------------------------------------------------- 评估


@pytest.mark.parametrize("name", ["best", "last", "best.pdparams", "last.json"])
def test_eval_gives_exactly_the_logged_figure(trained, tool, name):
    result = tool("eval", "-c", trained / "config.yml", "--weights", trained / name, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    logged = read_state(trained / name)["metrics"]
    assert {key: found[key] for key in logged} == logged  # 逐位相等
    assert (found["split"], found["samples"]) == ("valid", 500)
    assert found["accuracy"] == read_summary(trained)["best"]["value"]


def test_eval_on_the_test_part_gives_the_figure_of_the_run(trained, tool):
    words = ("-c", trained / "config.yml", "--weights", trained / "best", "--split", "test")
    found = json.loads(tool("eval", *words, "--json").out)
    summary = read_summary(trained)
    assert {key: found[key] for key in summary["test"]} == summary["test"]  # 逐位相等
    assert (found["split"], found["samples"]) == ("test", 1000)
    expected = f"1000 个样本 loss {found['loss']:.4f} acc {found['accuracy']:.4f}"
    assert tool("eval", *words).out.splitlines()[-1] == f"[Test] {trained / 'best'} {expected}"


def test_eval_on_a_test_part_that_is_not_there(trained, tool, tmp_path):
    for part in ("train", "valid"):
        for digit in range(10):
            (tmp_path / part / str(digit)).mkdir(parents=True)
            Image.new("L", (28, 28), digit).save(tmp_path / part / str(digit) / "a.png")
    words = ["-c", LENET, "-o", "data.name=folder", f"data.path={tmp_path}", "data.image_size=28"]
    message = fails(tool("eval", *words, "--weights", trained / "best", "--split", "test"))
    assert "没有测试部分；请放一个 test 文件夹，或用 --split valid" in message


@pytest.fixture
def photos(load_tool, tmp_path) -> Path:
    """两类照片与在上面试运行的检查点；另一批照片，类别相同；第三批，类别不同。"""
    root = tmp_path / "photos"
    generator = np.random.default_rng(0)
    for batch, names in (("a", "狗猫"), ("b", "狗猫"), ("c", "虎猫")):
        for name in names:
            (root / batch / name).mkdir(parents=True)
            for i in range(10):
                pixels = generator.integers(0, 256, (28, 28, 3), dtype="uint8")
                Image.fromarray(pixels).save(root / batch / name / f"{i}.png")
    words = ["-c", str(LENET), "--dry_run", "-o", *photo_options(root / "a"), f"output_dir={root / 'run'}"]
    assert load_tool("train").main(words) == 0
    return root


def photo_options(folder: Path) -> list[str]:
    return ["data.name=folder", f"data.path={folder}", "data.image_size=28", "data.batch_size=4"]


def test_eval_on_other_photos(photos, tool):
    """另一处的照片，类别与次序相同的可以评估，但要说；不同的不行；同一处的照片换过的也不行。"""

    def run(batch: str, *overrides: str):
        words = ("-c", LENET, "--weights", photos / "run" / "best", "--split", "test")
        return tool("eval", *words, "-o", *photo_options(photos / batch), *overrides)

    same, other = run("a"), run("b")
    assert (same.code, same.err) == (0, "")
    assert other.code == 0 and other.err.startswith("注意：这不是训练 ")
    assert "测试部分的样本（散列）" in other.err and "偏乐观" in other.err
    assert same.out.splitlines()[-1] != other.out.splitlines()[-1]
    assert '数据的 class_names ["狗", "猫"] → ["猫", "虎"]' in fails(run("c"))
    assert "data.normalize true → false" in fails(run("b", "data.normalize=false"))
    assert "data.valid_fraction 0.1 → 0.3" in fails(run("a", "data.valid_fraction=0.3"))
    shutil.rmtree(photos / "a")
    shutil.copytree(photos / "b", photos / "a")
    message = fails(run("a"))
    assert "测试部分的样本（散列）" in message and "另一批样本要放在另一处" in message
    result = tool("explain", "--weights", photos / "run" / "best", "--out", photos / "x.png")
    assert "测试部分的样本（散列）" in fails(result) and not (photos / "x.png").exists()


def test_weights_that_are_not_numbers(trained, pictures, tool, tmp_path):
    """训练坏了的权重：预测、评估、导出都说，不给出一串无意义的数。"""
    arrays = read_arrays(trained / "best")
    name = next(iter(arrays))
    bad = {**arrays, name: np.full_like(arrays[name], np.nan)}
    path = tmp_path / "bad"
    save_checkpoint(path, bad, {}, read_state(trained / "best"))
    for words in (
        ("predict", "--weights", path, "--input", pictures),
        ("eval", "-c", trained / "config.yml", "--weights", path),
        ("export", "--weights", path),
    ):
        assert f"的参数 {name} 里有 NaN 或无穷（共 1 个如此）" in fails(tool(*words))


def test_eval_prints_a_line(trained, tool):
    result = tool("eval", "-c", LENET, "-o", *FAST, "--weights", trained / "best")
    metrics = read_state(trained / "best")["metrics"]
    expected = f"500 个样本 loss {metrics['loss']:.4f} acc {metrics['accuracy']:.4f}"
    assert result.out.splitlines()[-1] == f"[Eval] {trained / 'best'} {expected}"


def test_bad_weights_of_eval(trained, tool, tmp_path):
    def run(weights, *words) -> str:
        return fails(tool("eval", "-c", LENET, "--weights", weights, *words))

    assert f"可用的检查点：{trained / 'best'}、{trained / 'last'}" in run(trained / "bast")
    assert "data.image_size null → 32" in run(trained / "best", "-o", "data.image_size=32")
    (tmp_path / "a.pdparams").write_bytes(b"hello")
    assert "不是 paddle 保存的参数文件" in run(tmp_path / "a")
    shutil.copy(trained / "best.pdparams", tmp_path / "b.pdparams")
    shutil.copy(trained / "best.json", tmp_path / "b.json")
    with (tmp_path / "b.pdparams").open("rb+") as stream:
        stream.truncate(100_000)
    assert "校验和不符" in run(tmp_path / "b")
    assert fails(tool("eval", "-c", LENET)) == "缺少参数 --weights"


# ---------------------------------------------------------------- 预测


@pytest.fixture(scope="module")
def pictures(mnist5k, tmp_path_factory) -> Path:
    """六张验证图像，像素不变，格式与模式各不相同，有的在子文件夹里，有的名字是中文。"""
    folder = tmp_path_factory.mktemp("图 片")
    (folder / "sub").mkdir()
    images = [Image.fromarray(image[0]) for image in mnist5k[1].images[:6]]
    images[0].save(folder / "0.png")
    images[1].convert("RGB").save(folder / "1.bmp")
    images[2].save(folder / "2.tif")
    images[3].convert("RGBA").save(folder / "三.png")
    images[4].save(folder / "sub" / "4.png")
    images[5].convert("P").save(folder / "sub" / "5.gif")
    (folder / ".hidden").write_text("x", encoding="utf-8")
    return folder


def answers(result) -> dict[str, list[dict]]:
    return {json.loads(line)["file"]: json.loads(line)["top"] for line in result.out.splitlines()}


def test_predict_a_folder(trained, pictures, mnist5k, tool):
    result = tool("predict", "--weights", trained / "best", "--input", pictures, "--json", "--topk", 10)
    assert (result.code, result.err) == (0, "")
    found = answers(result)
    names = ["0.png", "1.bmp", "2.tif", "sub/4.png", "sub/5.gif", "三.png"]
    assert list(found) == [str(pictures / name) for name in names]

    model = models.build(**read_state(trained / "best")["model"])
    load_weights(model, trained / "best")
    model.eval()
    valid = mnist5k[1]
    inputs = paddle.to_tensor(valid.preprocess.normalize(valid.images[[0, 1, 2, 4, 5, 3]]))
    expected = paddle.nn.functional.softmax(model(inputs), -1).numpy()
    for top, row in zip(found.values(), expected):
        assert [answer["class"] for answer in top] == [str(k) for k in row.argsort()[::-1]]
        assert np.allclose([answer["probability"] for answer in top], np.sort(row)[::-1], rtol=0, atol=2e-5)


def test_predict_one_file(trained, pictures, tool):
    result = tool(
        "predict", "--weights", trained / "best.pdparams", "--input", pictures / "三.png", "--topk", 3
    )
    assert result.code == 0
    name, classes = result.out.strip().split("：")
    assert name == str(pictures / "三.png") and len(classes.split("，")) == 3 and classes.count("%") == 3


def test_predict_needs_no_config(trained, pictures, tool, tmp_path):
    """检查点的三个文件复制到别处也能用；没有优化器的状态也行。"""
    for suffix in (".pdparams", ".json"):
        shutil.copy(trained / f"best{suffix}", tmp_path / f"mine{suffix}")
    result = tool("predict", "--weights", tmp_path / "mine", "--input", pictures / "0.png", "--json")
    assert result.code == 0 and len(answers(result)[str(pictures / "0.png")]) == 5


def test_unreadable_files_are_skipped_and_counted(trained, pictures, tool, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(pictures, folder)
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nxxxx")
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    result = tool("predict", "--weights", trained / "best", "--input", folder, "--json")
    assert result.code == 1
    assert len(answers(result)) == 6
    skipped, last = result.err.splitlines()[:-1], result.err.splitlines()[-1]
    assert [line.split("：")[1] for line in skipped] == [
        f"读不了图像 {folder / name}" for name in ("bad.png", "notes.txt")
    ]
    assert last == "读出 6 个文件，跳过 2 个"


def test_all_unreadable(trained, tool, tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    result = tool("predict", "--weights", trained / "best", "--input", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines()[-1] == "读出 0 个文件，跳过 1 个"
    assert tool("predict", "--weights", trained / "best", "--input", tmp_path / "a.png").code == 2


def test_many_files_go_in_batches(trained, pictures, tool, tmp_path):
    for number in range(70):
        shutil.copy(pictures / "0.png", tmp_path / f"{number:02}.png")
    found = answers(
        tool("predict", "--weights", trained / "best", "--input", tmp_path, "--json", "--topk", 1)
    )
    assert len(found) == 70 and len({top[0]["class"] for top in found.values()}) == 1


def test_bad_arguments_of_predict(trained, pictures, tool, tmp_path):
    def run(weights=trained / "best", input=pictures, *words) -> str:
        return fails(tool("predict", "--weights", weights, "--input", input, *words))

    assert run(input=tmp_path / "none").endswith("应是图像文件或文件夹")
    assert run(input=tmp_path) == f"文件夹 {tmp_path} 里没有文件"
    assert "可用的检查点" in run(weights=trained / "none")
    assert run(trained / "best", pictures, "--topk", "0") == "--topk 应为正整数，得到 0"
    assert run(trained / "best", pictures, "--topk", "x") == "参数 --topk 的值 'x' 不合适"
    assert "没有 tpu 这种设备" in run(trained / "best", pictures, "--device", "tpu")


# ---------------------------------------------------------------- 外壳


@pytest.mark.parametrize("name", TOOLS)
def test_help_is_light(name, run_python):
    """--help 不等 paddle，也不等 NumPy 与 pydantic。"""
    result = run_python(
        f"import runpy, sys\nsys.argv = ['tools/{name}.py', '--help']\nsys.path.insert(0, 'tools')\n"
        f"try:\n    runpy.run_path('tools/{name}.py', run_name='__main__')\n"
        "except SystemExit as error:\n    print(error.code)\n"
        "print({'paddle', 'numpy', 'pydantic', 'matplotlib', 'torch'} & set(sys.modules))"
    )
    *text, code, heavy = result.out.splitlines()
    assert (code, heavy) == ("0", "set()"), result.err
    assert any("--debug" in line for line in text)
    assert any("\u4e00" <= character <= "\u9fff" for character in "".join(text))


def test_tools_are_found():
    assert {"train", "eval", "predict"} <= set(TOOLS)


def test_error_in_a_real_process(run_tool):
    result = run_tool("train", "-c", "configs/lenet.yml", "-o", "model.name=lenat")
    assert fails(result) == "configs/lenet.yml：model.name 没有名为 lenat 的网络；你是不是想写 lenet？"
    assert result.out == ""


def test_debug_shows_the_traceback(run_tool):
    result = run_tool("train", "-c", "none.yml", "--debug")
    assert result.code == 1
    assert (
        "Traceback" in result.err and "paddle_notes.errors.UserError: 找不到配置文件 none.yml" in result.err
    )


def test_console_in_gbk(run_tool, output):
    """中文 Windows 的控制台：GBK 里没有的字符换成 ?，不出错。"""
    message = fails(run_tool("train", "-c", "🙂.yml", encoding="gbk"))
    assert message == "找不到配置文件 ?.yml"
    folder = output / "输出🙂"
    result = run_tool("train", "-c", LENET, "--dry_run", "-o", f"output_dir={folder}", encoding="gbk")
    assert result.code == 0, result.err
    assert "[Train] epoch 1/1 step 2/2 loss" in result.out
    assert f"检查点：{output / '输出?' / 'best'}" in result.out
    assert str(folder) in (folder / "train.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UserError("说明"), "说明"),
        (KeyboardInterrupt(), "已中断"),
        (OSError(errno.ENOSPC, "x"), "磁盘已满，写不进文件"),
        (OSError(errno.ENOSPC, "x", "a.txt"), "磁盘已满，写不进 a.txt"),
        (OSError(errno.EFBIG, "x"), "超过了允许的大小"),
        (PermissionError(errno.EACCES, "x", "a.txt"), "没有权限读写 a.txt"),
        (OSError(errno.EROFS, "x", "a.txt"), "只读"),
        (NotADirectoryError(errno.ENOTDIR, "x", "a/b"), "a/b 的上一级是文件"),
        (FileExistsError(errno.EEXIST, "x", "a"), "错误：a 已存在，而且不是文件夹"),
        (FileNotFoundError(errno.ENOENT, "x", "a"), "找不到 a"),
        (IsADirectoryError(errno.EISDIR, "x", "a"), "a 是文件夹"),
        (OSError(errno.EIO, "硬件错误", "a"), "读写 a 时出错：硬件错误"),
    ],
)
def test_errors_become_one_sentence(error, expected, capsys, monkeypatch):
    def main(argv):
        raise error

    monkeypatch.setattr("sys.argv", ["tools/x.py"])
    with pytest.raises(SystemExit) as stopped:
        cli.run(main)
    captured = capsys.readouterr()
    assert stopped.value.code == 2 and captured.out == ""
    assert captured.err.startswith("错误：") and expected in captured.err
    monkeypatch.setattr("sys.argv", ["tools/x.py", "--debug"])
    with pytest.raises(type(error)):
        cli.run(main)


def test_defects_are_not_hidden(monkeypatch):
    """不是用户的错就照常抛出，不伪装成一句中文。"""

    def main(argv):
        raise ZeroDivisionError

    monkeypatch.setattr("sys.argv", ["tools/x.py"])
    with pytest.raises(ZeroDivisionError):
        cli.run(main)


@pytest.mark.skipif(os.name == "nt", reason="Windows 的引号规则不同")
def test_printed_commands_survive_the_shell():
    words = ["-c", "a b.yml", "-o", "data.path=$HOME;x", "it's"]
    assert shlex.split(cli.command("/x/tools/train.py", *words)) == ["python", "tools/train.py", *words]


def test_weights_of_another_form_are_refused(tool, output):
    """两种形式的 LeNet 参数形状相同，只有说明里的设置不同。"""
    tiny = ["--dry_run", "-o", "data.batch_size=4", f"output_dir={output}"]
    assert tool("train", "-c", LENET, *tiny).code == 0
    words = ["-c", LENET, "--weights", output / "best"]
    result = tool("eval", *words, "-o", "model.form=original")
    assert f"与训练 {output / 'best'} 时的不同：model.form modern → original。" in fails(result)


def test_resume_falls_back_to_best(copy, tool, tmp_path):
    assert decide_start(tmp_path, "auto") == (None, True)
    assert decide_start(copy, "auto") == (copy / "last", True)
    assert decide_start(tmp_path, copy / "last.json") == (copy / "last", False)
    (copy / "last.pdopt").write_bytes(b"half")
    result = tool("train", "-c", LENET, "--resume", "-o", *FAST[1:], *MORE, f"output_dir={copy}")
    assert result.code == 0 and f"检查点 {copy / 'last'} 不完整或已损坏，改用 {copy / 'best'}" in result.err
    for name in ("last", "best"):
        (copy / f"{name}.pdparams").write_bytes(b"half")
    with pytest.raises(UserError, match="也没有别的可用"):
        decide_start(copy, "auto")


def test_expect_names_a_metric_of_the_task(tool, output):
    result = tool("train", "-c", LENET, "--dry_run", "-o", "expect.metric=f1", f"output_dir={output}")
    assert result.code == 2 and "expect.metric 应为 accuracy" in result.err


@pytest.mark.skipif(os.name == "nt", reason="Windows 上写已关闭的管道是另一种错误")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_error(unbuffered, root):
    """``… | head -1``：head 读够了就走，不是错误。"""
    process = subprocess.Popen(
        [sys.executable, "tools/summary.py", "--model", "lenet"],
        cwd=root,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows 上写已关闭的管道是另一种错误")
def test_training_goes_on_when_nobody_reads(root, tmp_path):
    """终端没了（标准输出与标准错误都关着）、家目录写不了：照样训练完，日志一行不少。"""
    folder = tmp_path / "run"
    words = ["-c", "configs/softmax_regression.yml", "-o", "train.epochs=2", f"output_dir={folder}"]
    process = subprocess.Popen(
        [sys.executable, "tools/train.py", *words],
        cwd=root,
        env={**os.environ, "HOME": "/dev/null/none", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stderr.close()
    assert process.wait() == 0
    assert read_summary(folder)["status"] == "finished"
    assert "训练结束" in (folder / "train.log").read_text(encoding="utf-8")


def test_unread_streams_swallow_errors():
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise ValueError("I/O operation on closed file")

    for stream in (Broken(), None):
        unread = cli.Unread(stream)
        for _ in range(2):
            print("没有人读", file=unread)
            unread.flush()
    heard = io.StringIO()
    print("有人读", file=cli.Unread(heard))
    assert heard.getvalue() == "有人读\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows 没有 SIGHUP")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_signals_before_the_training_are_one_sentence(name, monkeypatch, capfd):
    """起步时的 kill、关掉终端、Ctrl-C：一句话，不是调用栈；之后各信号恢复原样。"""
    number = getattr(signal, name)
    before = signal.getsignal(number)
    monkeypatch.setattr(sys, "argv", ["tools/train.py"])
    with pytest.raises(SystemExit) as stopped:
        cli.run(lambda argv: os.kill(os.getpid(), number))
    assert stopped.value.code == 2 and capfd.readouterr().err == "错误：已中断\n"
    assert signal.getsignal(number) == before


def test_ignored_signals_stay_ignored(monkeypatch):
    """nohup 之下关掉终端不该停下训练。"""
    if not hasattr(signal, "SIGHUP"):
        pytest.skip("Windows 没有 SIGHUP")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with cli.stopping_signals():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interruption_while_importing_is_recognised():
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ImportError("cannot import name")  # noqa: B904 解释器就是这样包的
    except ImportError as error:
        assert cli.interrupted(error)
    assert not cli.interrupted(ImportError("没有这个包"))
