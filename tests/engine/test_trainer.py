"""训练循环：停在哪里都能逐位相同地接着走；坏损失、最好的检查点、预期、总结。"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddle_notes import models
from paddle_notes.config import ClassificationTask, load_config
from paddle_notes.data.info import ImageInfo, TextInfo
from paddle_notes.data.preprocess import Preprocess
from paddle_notes.engine import trainer as trainer_module
from paddle_notes.engine.checkpoint import kept_epochs, newest_whole, read_arrays, read_state
from paddle_notes.engine.diagnose import hint_if_stuck
from paddle_notes.engine.evaluate import Meter, evaluate
from paddle_notes.engine.folder import FILES, VDL, clear_folder, decide_start, read_summary
from paddle_notes.engine.interrupt import Interrupted, StopSignal
from paddle_notes.engine.lock import FolderLock
from paddle_notes.engine.tasks import Classification, Task, build_task
from paddle_notes.engine.trainer import Trainer
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything

INFO = ImageInfo(class_names=list("0123456789"), preprocess=Preprocess(1, 28, (0.5,), (0.25,), 28))
CLASSIFY = ClassificationTask(name="classification")


def small_network() -> nn.Layer:
    """有批量归一化（带缓冲区）与丢弃法（用随机数）的小网络。"""
    with paddle.utils.unique_name.guard():
        return nn.Sequential(
            nn.Conv2D(1, 4, 5, stride=2),  # (N, 4, 12, 12)
            nn.BatchNorm2D(4),
            nn.ReLU(),
            nn.MaxPool2D(2),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(144, 10),
        )


def run(config, data, build=small_network, stop_at: int | None = None, resume=None, **options) -> Trainer:
    """在“新的进程”里训练：先打乱全部随机数，再造网络。``stop_at`` 是做完第几步时按 Ctrl-C。"""
    seed_everything(np.random.SeedSequence().entropy % 2**31)
    if resume is None:
        seed_everything(config.seed)
    model = build()
    Path(config.output_dir).mkdir(parents=True, exist_ok=True)
    trainer = Trainer(model, build_task(config.task, INFO), config, **options)
    train_step, start = trainer.train_step, decide_start(trainer.folder, resume)

    def step(batch):
        metrics = train_step(batch)
        trainer.stop.requested = trainer.stop.requested or trainer.step == stop_at
        return metrics

    trainer.train_step = step
    if stop_at is None or stop_at >= config.train.epochs * len(data[0]):
        trainer.summary = trainer.fit(*data, start)
    else:
        with pytest.raises(Interrupted):
            trainer.fit(*data, start)
        assert trainer.step == stop_at
    return trainer


def records(folder: Path, timing: bool = False) -> list[dict]:
    """metrics.jsonl 的全部记录；默认去掉随时间而变的 ips。"""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return found if timing else [{k: v for k, v in record.items() if k != "ips"} for record in found]


def assert_same_run(first: Path, second: Path) -> None:
    """两个输出文件夹的检查点（参数、缓冲区、优化器）与指标逐位相同。"""
    for name in ("last", "best"):
        for suffix in (".pdparams", ".pdopt"):
            ours, theirs = read_arrays(first / name, suffix), read_arrays(second / name, suffix)
            assert ours.keys() == theirs.keys()
            assert all(np.array_equal(ours[key], theirs[key]) for key in ours), (name, suffix)
        ours, theirs = read_state(first / name), read_state(second / name)
        for key in ("epoch", "step", "metrics", "best", "num_seen"):
            assert ours[key] == theirs[key]
    assert records(first) == records(second)


# ---------------------------------------------------------------- 继续训练


@pytest.mark.parametrize("stops", [[5], [10], [2], [7], [14], [3, 4, 9]], ids=str)
@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_resume_is_bit_for_bit(stops, optimizer, make_config, tiny_data, output):
    """一轮 5 步，共 15 步：5、10 是轮次的末尾，其余在一轮的中间。"""
    plain, stopped = output / "plain", output / "stopped"
    options = (f"optimizer.name={optimizer}", "task.label_smoothing=0.1", "seed=4")
    run(make_config(f"output_dir={plain}", *options), tiny_data)
    config = make_config(f"output_dir={stopped}", *options)
    resume = None
    for stop_at in [*stops, None]:
        trainer = run(config, tiny_data, stop_at=stop_at, resume=resume)
        resume = stopped / "last"
    assert trainer.step == 15
    assert_same_run(plain, stopped)


def test_resume_clears_what_a_kill_left(make_config, tiny_data, output):
    """最后一次存检查点，换上新的之后、删去旧的之前死掉：接着做完，文件夹与没有断过的一样。"""
    plain, killed = output / "plain", output / "killed"
    for folder in (plain, killed):
        run(make_config(f"output_dir={folder}"), tiny_data)
    whole = {file.name for file in plain.iterdir()}
    for file in [*killed.glob("last.*"), killed / "best.json"]:
        shutil.copy(file, f"{file}.old")
    summary = json.loads((killed / "summary.json").read_text(encoding="utf-8"))
    (killed / "summary.json").write_text(json.dumps({**summary, "status": "running"}), encoding="utf-8")
    run(make_config(f"output_dir={killed}"), tiny_data, resume=killed / "last")
    assert {file.name for file in killed.iterdir()} == whole
    assert_same_run(plain, killed)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_resume_with_other_optimizers(optimizer, make_config, tiny_data, output):
    plain, stopped = output / "plain", output / "stopped"
    run(make_config(f"output_dir={plain}", f"optimizer.name={optimizer}"), tiny_data)
    config = make_config(f"output_dir={stopped}", f"optimizer.name={optimizer}")
    run(config, tiny_data, stop_at=8)
    run(config, tiny_data, resume=stopped / "last")
    assert_same_run(plain, stopped)


def test_resume_of_vgg(make_config, make_data, output):
    """真的 VGG11（批量归一化、丢弃法），在一轮的中间停下。"""

    def build():
        return models.build("vgg11", num_classes=10, in_channels=1, image_size=32, batch_norm=True)

    data = make_data(size=32, batch_size=3, num_train=9)
    plain, stopped = (
        make_config(f"output_dir={output / name}", "train.epochs=1") for name in ("plain", "stopped")
    )
    run(plain, data, build)
    run(stopped, data, build, stop_at=2)
    run(stopped, data, build, resume=output / "stopped" / "last")
    assert_same_run(output / "plain", output / "stopped")


def test_restored_state_is_what_was_saved(make_config, tiny_data):
    """恢复之后、迈出下一步之前，网络与优化器就与停下时相同。"""
    config = make_config()
    stopped = run(config, tiny_data, stop_at=7)
    seed_everything(99)
    resumed = Trainer(small_network(), build_task(config.task, INFO), config)
    resumed.steps_per_epoch, resumed.total_steps = stopped.steps_per_epoch, stopped.total_steps
    resumed.restore(Path(config.output_dir) / "last")
    assert (resumed.step, resumed.epoch, resumed.best) == (7, 1, stopped.best)
    for name, value in stopped.model.state_dict().items():
        assert np.array_equal(value.numpy(), resumed.model.state_dict()[name].numpy()), name


def test_same_seed_same_run_and_another_seed_another(make_config, tiny_data, output):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(make_config(f"output_dir={output / name}", f"seed={seed}"), tiny_data)
    assert_same_run(output / "a", output / "b")
    assert records(output / "a") != records(output / "c")


def test_interrupt_says_how_to_go_on(make_config, tiny_data, output):
    config = make_config()
    output.mkdir()
    trainer = Trainer(small_network(), build_task(config.task, INFO), config)
    trainer.stop.requested = True
    with pytest.raises(Interrupted) as caught:
        trainer.fit(*tiny_data)
    assert str(caught.value) == (
        f"训练被中断，已存下 {output / 'last'}（第 1 轮，共 1 步）。\n"
        f"  继续：python tools/train.py -c {output / 'config.yml'} --resume"
    )
    assert read_summary(output)["status"] == "interrupted"
    assert read_state(output / "last")["step"] == 1


def test_interrupt_in_the_last_step_lets_the_run_finish(make_config, tiny_data, output):
    trainer = run(make_config(), tiny_data, stop_at=15)
    assert trainer.stop.requested and trainer.summary["status"] == "finished"


def test_resume_from_best_drops_later_records(make_config, tiny_data, output, monkeypatch):
    scores = iter([0.5, 0.9, 0.1, 0.2, 0.3, 0.4])
    monkeypatch.setattr(trainer_module, "evaluate", lambda *args: {"loss": 1.0, "accuracy": next(scores)})
    config = make_config()
    run(config, tiny_data, stop_at=12)
    assert records(output)[-1]["step"] == 12 and read_state(output / "best")["step"] == 10
    run(config, tiny_data, resume=output / "best.pdparams")
    steps = [record["step"] for record in records(output) if record["split"] == "train"]
    assert steps == list(range(1, 16))


def test_resume_into_another_folder_leaves_the_first_alone(make_config, tiny_data, output):
    run(make_config(f"output_dir={output / 'a'}"), tiny_data, stop_at=7)
    before = {file: file.read_bytes() for file in (output / "a").rglob("*") if file.is_file()}
    run(make_config(f"output_dir={output / 'b'}"), tiny_data, resume=output / "a" / "last")
    assert {file: file.read_bytes() for file in (output / "a").rglob("*") if file.is_file()} == before
    assert records(output / "b")[0]["step"] == 8


def test_best_is_always_the_one_in_the_folder(make_config, tiny_data, output, monkeypatch):
    """从别的文件夹继续、或 best 没写成，之后说的最好的一轮都确实在文件夹里。"""
    scores = iter([0.9, 0.5, 0.3, 0.0, 0.1, 0.8, 0.2, 0.2, 0.0])  # 0.0 是测试
    monkeypatch.setattr(trainer_module, "evaluate", lambda *args: {"loss": 1.0, "accuracy": next(scores)})
    a, b, c = (output / name for name in "abc")
    run(make_config(f"output_dir={a}"), tiny_data, stop_at=7)  # 0.9
    summary = run(make_config(f"output_dir={b}"), tiny_data, resume=a / "last").summary  # 0.5 0.3
    assert summary["best"]["value"] == 0.5 and read_state(b / "best")["best"] == summary["best"]
    run(make_config(f"output_dir={c}", "train.epochs=4"), tiny_data, stop_at=10)  # 0.1 0.8
    for suffix in (".json", ".pdparams", ".pdopt"):  # 第 2 轮的 best 没来得及写
        (c / f"best{suffix}").unlink()
    summary = run(
        make_config(f"output_dir={c}", "train.epochs=4"), tiny_data, resume=c / "last"
    ).summary  # 0.2 0.2
    assert summary["best"]["value"] == 0.8 and summary["best"]["epoch"] == 2
    assert read_state(c / "best")["step"] == 10 and read_arrays(c / "best").keys()


@pytest.mark.parametrize(
    ("overrides", "info", "expected"),
    [
        (
            ["train.epochs=1"],
            {},
            r"已经训练完 1 轮；要接着训练，请加大轮数.*-o train\.epochs=6 optimizer\.start_epoch=1",
        ),
        (
            ["train.epochs=3"],
            {"model": {"name": "b"}},
            r"不能从 .*的设置或数据与训练它时的不同：model\.name a → b。",
        ),
    ],
)
def test_impossible_resume_leaves_everything_as_it_was(
    overrides, info, expected, make_config, tiny_data, output
):
    run(make_config("train.epochs=1"), tiny_data, info={"model": {"name": "a"}})
    before = {file: file.read_bytes() for file in output.rglob("*") if file.is_file()}
    with pytest.raises(UserError, match=expected):
        info = {"model": {"name": "a"}} | info
        run(make_config(*overrides), tiny_data, resume=output / "last", info=info)
    assert {file: file.read_bytes() for file in output.rglob("*") if file.is_file()} == before


def test_resume_with_another_batch_size(make_config, make_data, output):
    run(make_config(), make_data(), stop_at=3)
    with pytest.raises(UserError, match="每轮 5 步，现在是 10 步；继续训练时不能改变数据与批大小"):
        run(make_config(), make_data(batch_size=4), resume=output / "last")


def test_more_epochs_after_the_end(make_config, tiny_data, output):
    """训练完再练一轮：学习率从那里重新安排；配置里记着，中断之后还接得上。"""
    more = ("train.epochs=2", "optimizer.start_epoch=1", "optimizer.lr=0.01")
    run(make_config("train.epochs=1"), tiny_data)
    run(make_config(*more), tiny_data, stop_at=7, resume=output / "last")
    trainer = run(load_config(output / "config.yml"), tiny_data, resume=output / "last")
    assert trainer.summary["status"] == "finished" and trainer.step == 10
    found = records(output)
    assert [r["step"] for r in found if r["split"] == "eval"] == [5, 10]
    rates = [r["lr"] for r in found if r["split"] == "train"]
    schedule = [(1 + math.cos(math.pi * t / 5)) / 2 for t in range(5)]  # 预热占 5 步的一成，不足一步
    assert rates == pytest.approx([0.02 * x for x in schedule] + [0.01 * x for x in schedule], rel=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "step", "noam"])
@pytest.mark.parametrize("stop_at", [None, 7])
def test_more_epochs_never_raise_the_rate_silently(schedule, stop_at, make_config, tiny_data, output):
    """加大轮数会把学习率的安排拉长，升高之前要停下来说明，给出的两种办法都走得通。"""
    options = (f"optimizer.schedule={schedule}", "optimizer.warmup=0.2")
    run(make_config("train.epochs=2", *options), tiny_data, stop_at=stop_at)
    before = {file: file.read_bytes() for file in output.rglob("*") if file.is_file()}
    with pytest.raises(UserError, match=r"总轮数从 2 改为 4，学习率的安排.*会从 \S+ 跳到") as caught:
        run(make_config("train.epochs=4", *options), tiny_data, resume=output / "last")
    assert {file: file.read_bytes() for file in output.rglob("*") if file.is_file()} == before
    ways = re.findall(r"[a-z_]+\.[a-z_]+=[\w.+-]+", str(caught.value))
    restart, hold = ways[:2], ways[2:]
    assert len(restart) == 2 and len(hold) == 4
    for name, way in (("restart", restart), ("hold", hold)):
        target = output / name
        shutil.copytree(output, target, ignore=shutil.ignore_patterns("restart"))
        done = run(make_config(*options, f"output_dir={target}", *way), tiny_data, resume=target / "last")
        assert done.summary["step"] == 20
    rates = [r["lr"] for r in records(output / "hold") if r["split"] == "train"]
    first = stop_at or 10
    assert rates[first:] == pytest.approx([rates[first]] * (20 - first))
    assert rates[first] <= 1.02 * rates[first - 1]


def test_constant_rate_just_goes_on(make_config, tiny_data, output):
    run(make_config("train.epochs=1", "optimizer.schedule=constant"), tiny_data)
    config = make_config("train.epochs=2", "optimizer.schedule=constant")
    assert run(config, tiny_data, resume=output / "last").step == 10


def test_start_epoch_is_only_for_going_on(make_config, tiny_data, output):
    run(make_config("train.epochs=3"), tiny_data, stop_at=5)
    for config, resume in ((["train.epochs=5"], output / "last"), ([f"output_dir={output / 'new'}"], None)):
        with pytest.raises(UserError, match=r"optimizer\.start_epoch 是 2，而只训练完了 [01] 轮"):
            run(make_config(*config, "optimizer.start_epoch=2"), tiny_data, resume=resume)


def logged(folder: Path) -> str:
    return (folder / "train.log").read_text(encoding="utf-8")


def test_free_changes_are_logged_side_by_side(make_config, tiny_data, output):
    run(make_config("train.log_interval=1"), tiny_data, stop_at=7)
    run(make_config("train.log_interval=5", "runtime.threads=1"), tiny_data, resume=output / "last")
    said = re.findall("与检查点不同的设置：(.+)", logged(output))
    assert said == ["train.log_interval 1 → 5", "runtime.threads null → 1"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["seed=3"], "seed 0 → 3"),
        (["optimizer.name=adam"], r"optimizer\.name momentum → adam"),
        (["data.augment.shift=1"], r"data\.augment\.shift 2 → 1"),
    ],
)
def test_another_training_is_not_going_on(overrides, expected, make_config, tiny_data, output):
    run(make_config(), tiny_data, stop_at=7)
    before = {file: file.read_bytes() for file in output.rglob("*") if file.is_file()}
    with pytest.raises(UserError, match=rf"不同：{expected}。请用训练时的设置（-c \S*config\.yml）"):
        run(make_config(*overrides), tiny_data, resume=output / "last")
    assert {file: file.read_bytes() for file in output.rglob("*") if file.is_file()} == before


RATES = [["optimizer.lr=0.5"], ["optimizer.lr=0.001"], ["optimizer.schedule=step"], ["optimizer.warmup=0.3"]]


@pytest.mark.parametrize("overrides", RATES, ids=str)
def test_another_rate_must_be_asked_for(overrides, make_config, tiny_data, output):
    run(make_config(), tiny_data, stop_at=7)
    with pytest.raises(
        UserError, match=r"学习率的安排与检查点 \S+ 的不同：optimizer\.\w+ .+会从 \S+ 变为"
    ) as caught:
        run(make_config(*overrides), tiny_data, resume=output / "last")
    wish = re.findall(r"optimizer\.start_epoch=\d+", str(caught.value))
    assert wish == ["optimizer.start_epoch=1"]
    trainer = run(make_config(*overrides, *wish), tiny_data, resume=output / "last")
    assert trainer.step == 15 and "optimizer.start_epoch 0 → 1" in logged(output)


def test_another_rate_within_the_first_epoch(make_config, tiny_data, output):
    run(make_config(), tiny_data, stop_at=3)
    with pytest.raises(UserError, match="第一轮还没有训练完，请改回去，或去掉 --resume 从头训练"):
        run(make_config("optimizer.lr=0.5"), tiny_data, resume=output / "last")


def test_restarted_schedule_is_not_stretched_silently(make_config, tiny_data, output):
    """重新安排过一次的，再加大轮数也一样要说明；忘了写上次的 start_epoch 也看得出来。"""
    more = ("train.epochs=2", "optimizer.start_epoch=1")
    run(make_config("train.epochs=1"), tiny_data)
    run(make_config(*more), tiny_data, resume=output / "last")
    with pytest.raises(UserError, match=r"总轮数从 2 改为 4，学习率的安排.*会从"):
        run(make_config("train.epochs=4", more[1]), tiny_data, resume=output / "last")
    with pytest.raises(UserError, match=r"optimizer\.start_epoch 1 → 0"):
        run(make_config("train.epochs=4"), tiny_data, resume=output / "last")
    again = make_config("train.epochs=4", "optimizer.start_epoch=2")
    assert run(again, tiny_data, resume=output / "last").step == 20


@pytest.mark.parametrize("victim", ["test", "finish", "copy_checkpoint"])
def test_killed_after_the_last_save(victim, make_config, tiny_data, output, monkeypatch):
    """最后一步已存下，却死在复制 best、测试或画曲线之前：--resume 接着做完，结果与没有死过时相同。"""
    plain, killed = output / "plain", output / "killed"
    run(make_config(f"output_dir={plain}"), tiny_data)

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        owner = trainer_module if victim == "copy_checkpoint" else Trainer
        if victim == "copy_checkpoint":  # 只死在最后一轮
            copy = trainer_module.copy_checkpoint

            def last_time(source, target):
                return die() if read_state(source)["step"] == 15 else copy(source, target)

            patch.setattr(trainer_module, "evaluate", evaluate_rising())
            patch.setattr(owner, victim, last_time)
        else:
            patch.setattr(owner, victim, die)
        with pytest.raises(Killed):
            run(make_config(f"output_dir={killed}"), tiny_data)
        summary = json.loads((killed / "summary.json").read_text(encoding="utf-8"))
        summary["status"] = "running"  # 真的被杀时来不及改
        (killed / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    trainer = run(make_config(f"output_dir={killed}"), tiny_data, resume=killed / "last")
    assert trainer.summary["status"] == "finished" and trainer.summary["test"]["accuracy"] >= 0
    assert (killed / "curves.png").exists() and read_state(killed / "best")["best"] == trainer.summary["best"]
    if victim != "copy_checkpoint":
        assert_same_run(plain, killed)
    else:
        assert trainer.summary["best"]["step"] == 15
    with pytest.raises(UserError, match="已经训练完 3 轮"):
        run(make_config(f"output_dir={killed}"), tiny_data, resume=killed / "last")


def evaluate_rising():
    """一次比一次好的假评估：每一轮都要复制 best。"""
    scores = iter(range(1, 100))
    return lambda *args: {"loss": 1.0, "accuracy": next(scores) / 100}


# ---------------------------------------------------------------- Ctrl-C


def test_stop_signal_restores_the_handlers():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopSignal() as stop:
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_sigterm_asks_to_stop_too():
    with StopSignal() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.requested


@pytest.mark.skipif(os.name == "nt", reason="Windows 不能向一个子进程发送 Ctrl-C")
def test_ctrl_c_in_a_real_run(root, output, run_tool):
    """另一个进程里的训练收到 SIGINT：存下 last，退出状态 2；继续之后与没有中断过的逐位相同。"""
    words = ["-c", "configs/lenet.yml", "-o", "train.epochs=3", "train.log_interval=1", "data.batch_size=500"]
    stopped, plain = output / "stopped", output / "plain"
    process = subprocess.Popen(
        [sys.executable, "tools/train.py", *words, "-o", f"output_dir={stopped}"],
        cwd=root,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    for line in process.stdout:
        if line.startswith("[Train] epoch 2/3 step 2/7"):
            process.send_signal(signal.SIGINT)
            break
    _, error = process.communicate(timeout=600)
    assert process.returncode == 2
    assert "Traceback" not in error
    assert error.startswith(f"错误：训练被中断，已存下 {stopped / 'last'}（第 2 轮，共 ")
    command = re.search(r"继续：python (.+)$", error, re.MULTILINE)[1].split()
    assert command == ["tools/train.py", "-c", str(stopped / "config.yml"), "--resume"]
    assert read_summary(stopped)["status"] == "interrupted"
    assert 9 <= read_state(stopped / "last")["step"] < 21

    finished = run_tool("train", *command[1:])
    assert finished.code == 0, finished.err
    assert "已完成 1 轮" in finished.out
    assert run_tool("train", *words, "-o", f"output_dir={plain}").code == 0  # 线程数不同，末位就不同
    assert_same_run(plain, stopped)


# ---------------------------------------------------------------- 损失变成 NaN


def test_huge_learning_rate(make_config, tiny_data, output):
    config = make_config("optimizer.lr=1e8", "optimizer.warmup=0")
    with pytest.raises(UserError) as caught:
        run(config, tiny_data, lambda: models.build("lenet"))
    text = str(caught.value)
    found = re.match(
        r"第 1 轮第 [2-5] 步的损失是 (?:nan|inf)，训练停止：第一个出问题的层是 ([\w.]+)（(\w+)）", text
    )
    layers = dict(models.build("lenet").named_sublayers())
    assert type(layers[found[1]]).__name__ == found[2]
    assert re.search(r"学习率太大（现在是 [\d.e+]+），请试 -o optimizer\.lr=[\d.e+]+，", text)
    assert read_summary(output)["status"] == "failed"
    assert all(math.isfinite(record["loss"]) for record in records(output))


def test_first_bad_layer_is_named(make_config, tiny_data):
    def build():
        model = models.build("lenet", form="original")  # 修正线性单元会把 NaN 变成 0
        for layer in (model.classifier[2], model.classifier[4]):
            layer.bias.set_value(paddle.full(layer.bias.shape, float("nan")))
        return model

    expected = r"第 1 轮第 1 步的损失是 nan.*层是 classifier\.2（Linear），它的参数 bias 已不是有限数"
    with pytest.raises(UserError, match=expected):
        run(make_config(), tiny_data, build)


def test_overflow_is_told_from_bad_parameters(make_config, tiny_data):
    def build():
        model = models.build("lenet")
        model.classifier[4].weight.set_value(paddle.full(model.classifier[4].weight.shape, 3e38))
        return model

    with pytest.raises(UserError, match=r"层是 classifier\.4（Linear），它的参数还正常，是输出溢出了"):
        run(make_config(), tiny_data, build)


def test_bad_data_is_blamed(make_config, tiny_data):
    train, valid, test = tiny_data

    class Bad:
        def __len__(self):
            return len(train)

        def epoch(self, epoch=0, start=0):
            for index, (images, labels) in enumerate(train.epoch(epoch, start)):
                if index == 2:
                    images[0, 0, 5, 5] = float("nan")
                yield images, labels

    with pytest.raises(UserError, match=r"第 1 轮第 3 步的损失是 nan.*输入数据里就有 NaN 或无穷；请检查数据"):
        run(make_config(), (Bad(), valid, test), lambda: models.build("lenet", form="original"))


def test_the_bad_batch_is_kept(make_config, tiny_data, output):
    """出问题的一批存在旁边，消息里说在哪里；它与那一步送进去的相同。"""
    train, valid, test = tiny_data
    seen = []

    class Watched:
        def __len__(self):
            return len(train)

        def epoch(self, epoch=0, start=0):
            for index, (images, labels) in enumerate(train.epoch(epoch, start)):
                if index == 2:
                    images[0, 0, 5, 5] = float("inf")
                seen.append((images, labels))
                yield images, labels

    with pytest.raises(UserError, match=r"这一批数据存在 .*，用 numpy\.load 打开") as caught:
        run(make_config(), (Watched(), valid, test), lambda: models.build("lenet"))
    assert str(output / "bad_batch.npz") in str(caught.value)
    with np.load(output / "bad_batch.npz", allow_pickle=False) as kept:
        assert (kept["epoch"], kept["step"]) == (0, 2)
        assert all(np.array_equal(kept[f"arr_{i}"], seen[2][i]) for i in range(2))
    clear_folder(output)  # 覆盖这次运行时一起删去
    assert not (output / "bad_batch.npz").exists()


class BadRoot(nn.Layer):
    """前向是 0，反向在 0 处对开方求导，得 0·∞ = NaN：损失正常，梯度坏了。"""

    def __init__(self, at: int):
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(784, 8), nn.Linear(8, 8), nn.Linear(8, 10)
        self.at, self.calls = at, 0

    def forward(self, x):
        self.calls += self.training
        hidden = self.middle(F.relu(self.first(x.flatten(1))))
        if self.calls == self.at:
            hidden = hidden + paddle.sqrt(0 * hidden.square())
        return self.last(hidden)


@pytest.mark.parametrize("clip", ["null", "1"])
def test_bad_gradients_stop_before_the_update(clip, make_config, tiny_data, output):
    with pytest.raises(UserError) as caught:
        model = BadRoot(at=8)
        run(make_config(f"optimizer.clip_norm={clip}"), tiny_data, lambda: model)
    text = str(caught.value)
    assert text.startswith(
        "第 2 轮第 8 步的梯度坏了，损失还是有限数，训练停止：middle.bias 的梯度里有 NaN 或无穷"
    )
    assert "共 4 个参数如此" in text and "bad_batch.npz" in text and "\n" not in text
    assert all(np.isfinite(value.numpy()).all() for value in model.state_dict().values())  # 没有用它更新
    assert read_summary(output)["status"] == "failed" and read_state(output / "last")["step"] == 5


def test_huge_gradients_are_not_clipped_to_nothing(make_config, tiny_data):
    """平方和溢出成无穷，裁剪会把全部梯度悄悄变成 0，训练就停在原地。"""

    class Steep(nn.Layer):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(784, 10)

        def forward(self, x):
            out = self.linear(x.flatten(1))
            return out + 1e25 * (out - out.detach())  # 前向不变，梯度放大

    with pytest.raises(UserError, match=r"linear\.weight 的梯度大到 \S+e\+2\d；多半是学习率太大"):
        run(make_config("optimizer.clip_norm=1"), tiny_data, Steep)


@pytest.mark.parametrize("interval", [2, 100])
def test_bad_weights_hidden_by_relu(interval, make_config, tiny_data, output):
    """ReLU 把 NaN 变成 0，损失照样是有限数；第 2 步之后坏了，记录或一轮结束时就看出来，坏的不存。"""
    config = make_config(f"train.log_interval={interval}")

    def build():
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
        model.calls = 0

        def spoil(layer, inputs):
            layer.calls += 1
            if layer.calls == 10:  # 第 1 轮训练 5 步、验证 3 批，之后的第 2 步
                weight = layer[1].weight.numpy()
                weight[0, 0] = np.nan
                layer[1].weight.set_value(weight)

        model.register_forward_pre_hook(spoil)
        return model

    last = {2: 7, 100: 10}[interval]
    expected = (
        rf"^第 2 轮第 {last} 步之后，参数 1\.weight 里有 NaN 或无穷（共 1 个如此），训练停止：损失还是有限数"
    )
    with pytest.raises(UserError, match=expected):
        run(config, tiny_data, build)
    assert read_state(output / "last")["step"] == 5
    assert all(np.isfinite(array).all() for array in read_arrays(output / "last").values())


def test_bad_weights_are_not_saved_when_interrupted(make_config, tiny_data, output):
    trainer = Trainer(small_network(), build_task(make_config().task, INFO), make_config())
    trainer.steps_per_epoch, trainer.total_steps, trainer.step = 5, 15, 3
    trainer.model[1]._variance.set_value(paddle.full([4], float("inf")))  # 缓冲区也算
    trainer.stop.requested = True
    with pytest.raises(UserError, match=r"第 1 轮第 3 步之后，参数 1\._variance 里有 NaN 或无穷"):
        trainer.stop_if_requested()
    assert not (output / "last.json").exists()


# ---------------------------------------------------------------- 损失没有动


def test_stuck_loss_gets_a_hint(make_config, make_data, output):
    """学习率小到学不动：第一轮之后给出可以粘贴的诊断命令，只说一次。"""
    data = make_data(num_train=160)  # 一轮 20 步

    def build():
        return models.build("softmax_regression", num_classes=10, in_channels=1, image_size=28)

    run(make_config("optimizer.lr=1e-12", "train.epochs=2"), data, build)
    hints = [line for line in logged(output).splitlines() if "还没有离开什么也没学会的水平" in line]
    assert len(hints) == 1 and "训练了 1 轮" in hints[0] and "（2.3026）" in hints[0]
    command = f"python tools/diagnose.py -c {output / 'config.yml'}"
    assert hints[0].endswith(f"请停下来逐项检查：{command}")


def test_hint_only_when_nothing_was_learned():
    task = Classification(INFO, CLASSIFY)
    config = Path("a.yml")
    assert "训练了 1 轮" in hint_if_stuck(task, 2.3, 1, 20, config)
    assert hint_if_stuck(task, 2.2, 1, 20, config) is None  # 学到了一点
    assert hint_if_stuck(task, 2.3, 2, 20, config) is None  # 只在第一轮之后说
    assert hint_if_stuck(task, 2.3, 1, 5, config) is None  # 才 5 步，还早
    assert "训练了 4 轮" in hint_if_stuck(task, 2.3, 4, 5, config)
    text = Classification(
        TextInfo(class_names=["坏", "好"], vocabulary=list("abcd"), tokenizer="char", max_length=9),
        CLASSIFY,
    )
    assert "diagnose.py" not in hint_if_stuck(text, 0.7, 1, 20, config)  # 它只用于图像分类
    assert Task.blind_loss == math.inf  # 不知道什么也没学会是多少的任务，不提醒


# ---------------------------------------------------------------- 留下什么


def test_a_finished_run_leaves_everything(make_config, tiny_data, output):
    config = make_config("seed=5")
    trainer = run(config, tiny_data, environment="设备 cpu；测试")
    left = {file.relative_to(output).as_posix() for file in output.rglob("*") if file.is_file()}
    assert left == {*FILES, f"{VDL}/vdlrecords.train.log"}

    summary = read_summary(output)
    assert summary == json.loads(json.dumps(trainer.summary))
    evals, tests = ([r for r in records(output) if r["split"] == split] for split in ("eval", "test"))
    best = max(evals, key=lambda record: record["accuracy"])  # 并列时取最早的
    assert summary["best"] == {
        "metric": "accuracy",
        "value": best["accuracy"],
        "epoch": best["epoch"],
        "step": best["step"],
    }
    assert summary["last"] == {"loss": evals[-1]["loss"], "accuracy": evals[-1]["accuracy"]}
    assert [summary["test"]] == [{"loss": r["loss"], "accuracy": r["accuracy"]} for r in tests]
    assert (summary["status"], summary["dry_run"], summary["epochs"], summary["step"]) == (
        "finished",
        False,
        3,
        15,
    )
    assert (summary["model"], summary["data"], summary["seed"]) == ("lenet", "mnist5k", 5)
    assert (summary["device"], summary["environment"]) == ("cpu", "设备 cpu；测试")
    assert summary["trainable_parameters"] == 4 * 25 + 4 + 8 + 1450
    assert summary["wall_seconds"] > 0 and summary["cpu_seconds"] > 0 and summary["samples_per_second"] > 0
    assert summary["versions"]["paddle"] == paddle.__version__
    assert summary["expect"] is None and summary["inside"] is None
    assert (output / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_records_and_their_order(make_config, tiny_data, output):
    run(make_config("train.log_interval=2", "train.epochs=2"), tiny_data)
    found = records(output, timing=True)
    assert [(r["split"], r["epoch"], r["step"]) for r in found] == [
        ("train", 1, 2),
        ("train", 1, 4),
        ("train", 1, 5),
        ("eval", 1, 5),
        ("train", 2, 7),
        ("train", 2, 9),
        ("train", 2, 10),
        ("eval", 2, 10),
        ("test", found[-1]["epoch"], 10),
    ]
    assert list(found[0]) == ["split", "epoch", "step", "loss", "accuracy", "lr", "ips"]
    assert list(found[3]) == ["split", "epoch", "step", "loss", "accuracy"]


def test_interval_does_not_change_the_training(make_config, tiny_data, output):
    for interval in (1, 3):
        run(make_config(f"output_dir={output / str(interval)}", f"train.log_interval={interval}"), tiny_data)
    every, third = (records(output / name) for name in ("1", "3"))
    assert [r for r in every if r["split"] == "eval"] == [r for r in third if r["split"] == "eval"]
    first_three = [r["loss"] for r in every[:3]]
    assert third[0]["loss"] == pytest.approx(np.mean(first_three), rel=1e-12)


def test_learning_rate_is_recorded(make_config, tiny_data, output):
    run(make_config("optimizer.lr=0.4", "optimizer.warmup=0.2"), tiny_data)  # 15 步，预热 3 步
    rates = [record["lr"] for record in records(output) if record["split"] == "train"]
    expected = [0.4 * (t + 1) / 3 for t in range(3)] + [
        0.2 * (1 + math.cos(math.pi * t / 12)) for t in range(12)
    ]
    assert rates == pytest.approx(expected, rel=1e-6)


def test_best_and_last(make_config, tiny_data, output, monkeypatch):
    """best 是最好的一轮的参数，并列时取早的；last 是最后一轮的。"""
    scores, weights = iter([0.5, 0.7, 0.7, 0.6, 0.65]), []

    def fake_evaluate(model, task, data):
        weights.append(model[6].weight.numpy())
        return {"loss": 1.0, "accuracy": next(scores)}

    monkeypatch.setattr(trainer_module, "evaluate", fake_evaluate)
    summary = run(make_config("train.epochs=4"), tiny_data).summary
    assert summary["best"] == {"metric": "accuracy", "value": 0.7, "epoch": 2, "step": 10}
    assert np.array_equal(read_arrays(output / "best")["6.weight"], weights[1])
    assert np.array_equal(read_arrays(output / "last")["6.weight"], weights[3])
    assert read_state(output / "best")["metrics"] == {"loss": 1.0, "accuracy": 0.7}
    assert (read_state(output / "best")["epoch"], read_state(output / "last")["epoch"]) == (2, 4)
    assert summary["last"]["accuracy"] == 0.6 and summary["test"] == {"loss": 1.0, "accuracy": 0.65}


def test_test_part_is_looked_at_once_with_the_chosen_checkpoint(make_config, tiny_data, output, monkeypatch):
    """测试部分只在最后评估一次，用的是 best 的参数；之后网络恢复成最后一步的样子。"""
    scores, seen = iter([0.5, 0.7, 0.6, 0.4]), []

    def fake_evaluate(model, task, data):
        seen.append((data, model[6].weight.numpy()))
        return {"loss": 1.0, "accuracy": next(scores)}

    monkeypatch.setattr(trainer_module, "evaluate", fake_evaluate)
    trainer = run(make_config(), tiny_data)
    _, valid, test = tiny_data
    assert [data for data, _ in seen] == [valid, valid, valid, test]
    assert np.array_equal(seen[3][1], read_arrays(output / "best")["6.weight"])
    assert np.array_equal(seen[3][1], seen[1][1]) and not np.array_equal(seen[3][1], seen[2][1])
    assert np.array_equal(trainer.model[6].weight.numpy(), read_arrays(output / "last")["6.weight"])
    assert trainer.summary["test"]["accuracy"] == 0.4
    log = (output / "train.log").read_text(encoding="utf-8")
    assert "accuracy：验证 0.7000（最好的第 2 轮；最后一轮 0.6000），测试 0.4000" in log


def test_test_part_changes_nothing_of_the_training(make_config, make_data, output):
    """换一份测试数据，或没有测试数据：检查点与验证的记录逐位相同。"""
    train, valid, test = make_data()
    for name, data in {
        "a": (train, valid, test),
        "b": (train, valid, train),
        "c": (train, valid, None),
    }.items():
        run(make_config(f"output_dir={output / name}"), data)
    kept = {name: [r for r in records(output / name) if r["split"] != "test"] for name in "abc"}
    assert kept["a"] == kept["b"] == kept["c"]
    for other in "bc":
        for name in ("best", "last"):
            ours, theirs = (read_arrays(output / folder / name) for folder in ("a", other))
            assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
    assert read_summary(output / "c")["test"] == {}
    assert "这份数据没有测试部分" in (output / "c" / "train.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("at_least", "inside", "said"), [(0.0, True, "在预期之内"), (0.5, False, "不在预期之内")]
)
def test_expectation(at_least, inside, said, make_config, tiny_data, output, monkeypatch):
    """预期说的是测试部分：验证的数再好也不算。"""
    scores = iter([1 - at_least, at_least / 2])  # 先验证，后测试
    monkeypatch.setattr(trainer_module, "evaluate", lambda *args: {"loss": 1.0, "accuracy": next(scores)})
    config = make_config(f"expect.at_least={at_least}", "expect.minutes=0.5", "train.epochs=1")
    assert run(config, tiny_data).summary["inside"] is inside
    log = (output / "train.log").read_text(encoding="utf-8")
    assert f"预期：accuracy ≥ {at_least:g}（2 核 CPU 约 0.5 分钟） —— {said}" in log


def test_baselines_are_printed_beside_the_result(make_config, tiny_data, output):
    """有同一个指标的只印它，没有的（如译文的 BLEU）全印。"""
    parts = {"valid": {"accuracy": 0.25, "loss": 2.0}, "test": {"accuracy": 0.5, "loss": 1.0}}
    baselines = {"甲": parts, "乙": {"test": {"bleu": 30.0, "chrf": 40.0}}}
    summary = run(make_config("train.epochs=1"), tiny_data, baselines=baselines).summary
    log = (output / "train.log").read_text(encoding="utf-8")
    assert "对照：甲，验证 acc 0.2500，测试 acc 0.5000\n" in log
    assert "对照：乙，测试 bleu 30.0000 chrf 40.0000\n" in log
    assert summary["baselines"] == baselines


def test_dry_run_is_not_judged(make_config, tiny_data, output):
    config = make_config("expect.at_least=1", "expect.minutes=1", "train.epochs=1")
    summary = run(config, tiny_data, dry_run=True).summary
    assert summary["inside"] is None and summary["dry_run"] is True
    assert "这是试运行，不作比较" in (output / "train.log").read_text(encoding="utf-8")


def test_what_the_log_says(make_config, tiny_data, output):
    run(make_config("train.epochs=2", "train.log_interval=5"), tiny_data)
    text = (output / "train.log").read_text(encoding="utf-8")
    number = r"\d+\.\d{4}"
    train = (
        rf"\[Train\] epoch 1/2 step 5/5 loss {number} acc {number} lr 0\.\d{{6}} ips \d+\.\d samples/s eta "
    )
    assert re.search(train + r"0:00:\d\d$", text, re.MULTILINE)
    evaluated = rf"\[Eval\] epoch 2/2 loss {number} acc {number} best {number} \(epoch [12]\)$"
    assert re.search(evaluated, text, re.MULTILINE)
    assert f"检查点：{output / 'best'}" in text
    assert f"看曲线：visualdl --logdir {output / 'vdl'}" in text


# ---------------------------------------------------------------- 评估与任务


def test_meter_weighs_by_samples():
    meter = Meter(Classification(INFO, CLASSIFY))
    for size, loss, right in ((8, 1.0, 0.5), (2, 4.0, 1.0)):
        meter.add(
            {"loss": paddle.to_tensor(loss), "accuracy": paddle.to_tensor(right)}, (paddle.zeros([size]),)
        )
    assert meter.mean() == {"loss": 1.6, "accuracy": 0.6} and meter.num_samples() == 10


def test_evaluate_equals_one_big_batch(tiny_data):
    """最后一批比别的小，平均不能因此偏。"""
    seed_everything(0)
    model, (_, valid, _) = small_network(), tiny_data
    model.train()
    found = evaluate(model, Classification(INFO, CLASSIFY), valid)
    assert not model.training
    images, labels = valid.dataset.preprocess.normalize(valid.dataset.images), valid.dataset.labels
    logits = model(paddle.to_tensor(images)).numpy().astype("float64")
    log_probabilities = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == labels).mean(), abs=1e-12)
    assert found["loss"] == pytest.approx(-log_probabilities[np.arange(20), labels].mean(), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_label_smoothing_only_when_training(smoothing):
    logits = paddle.to_tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
    labels = paddle.to_tensor([0, 2])
    model = nn.Identity()
    log_probabilities = F.log_softmax(logits).numpy().astype("float64")
    onehot = np.eye(3)[[0, 2]]
    for training, epsilon in ((True, smoothing), (False, 0.0)):
        model.train() if training else model.eval()
        task = Classification(INFO, CLASSIFY.model_copy(update={"label_smoothing": smoothing}))
        cost, metrics = task.loss(model, (logits, labels))
        target = (1 - epsilon) * onehot + epsilon / 3
        assert cost.item() == pytest.approx(-(target * log_probabilities).sum(1).mean(), rel=1e-6)
        assert metrics["accuracy"].item() == 0.5


# ---------------------------------------------------------------- 一轮之内存盘


def vdl_records(folder: Path) -> list[tuple]:
    """VisualDL 文件里的各个标量，不含随时间而变的速度。"""
    from visualdl import LogReader

    reader = LogReader(file_path=str(folder / VDL / "vdlrecords.train.log"))
    tags = sorted(tag for tag in reader.tags() if tag != "ips")
    return [(tag, point.id, point.value) for tag in tags for point in reader.get_data("scalar", tag)]


@pytest.mark.parametrize("log_interval", [1, 3, 100])
def test_death_between_two_saves_within_an_epoch(log_interval, make_config, tiny_data, output, monkeypatch):
    """一轮 5 步，每 2 步存一次；在第 9 步当场死去，从第 8 步接着走，与没有死过的逐位相同。"""
    plain, killed = output / "plain", output / "killed"
    options = (f"train.log_interval={log_interval}", "train.save_every_steps=2")
    run(make_config(f"output_dir={plain}", *options), tiny_data)
    config = make_config(f"output_dir={killed}", *options)
    real = Trainer.save_in_between

    def die(trainer):
        real(trainer)
        if trainer.step == 9:
            raise SystemExit  # 与 kill 不同的是会写总结，但不再存检查点

    monkeypatch.setattr(Trainer, "save_in_between", die)
    with pytest.raises(SystemExit):
        run(config, tiny_data)
    monkeypatch.undo()
    assert read_state(killed / "last")["step"] == 8
    run(config, tiny_data, resume=killed / "last")
    assert_same_run(plain, killed)
    assert vdl_records(plain) == vdl_records(killed)


def test_saves_by_the_clock(make_config, tiny_data, output, monkeypatch):
    steps = []
    real = Trainer.save_checkpoint
    monkeypatch.setattr(Trainer, "save_checkpoint", lambda self: (steps.append(self.step), real(self)))
    run(make_config("train.save_every_minutes=1e-9", "train.epochs=1"), tiny_data)
    assert steps == [1, 2, 3, 4, 5]
    steps.clear()
    run(make_config("train.epochs=1", f"output_dir={output / 'other'}"), tiny_data)
    assert steps == [5]


def test_recent_epochs_are_kept(make_config, tiny_data, output):
    """留最近两轮；last 与 best 都坏了，就从留下的最新一轮接着走，与没有坏过的逐位相同。"""
    plain, broken = output / "plain", output / "broken"
    run(make_config(f"output_dir={plain}", "train.keep=2"), tiny_data)
    assert [path.name for path in kept_epochs(plain)] == ["epoch_0003", "epoch_0002"]
    assert len(list(plain.glob("epoch_*"))) == 6
    run(make_config(f"output_dir={broken}", "train.keep=2"), tiny_data, stop_at=12)
    for name in ("last", "best"):
        (broken / f"{name}.pdparams").write_bytes(b"half")
    found, bad = newest_whole(broken)
    assert (found, bad) == (broken / "epoch_0002", [broken / "last"])
    run(make_config(f"output_dir={broken}", "train.keep=2"), tiny_data, resume=found)
    for suffix in (".pdparams", ".pdopt"):
        ours, theirs = read_arrays(plain / "last", suffix), read_arrays(broken / "last", suffix)
        assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
    assert records(plain) == records(broken)
    run(make_config(f"output_dir={plain}", "overwrite=true", "train.epochs=1"), tiny_data)
    assert kept_epochs(plain) == []  # 覆盖时一起删去


# ---------------------------------------------------------------- 意外


def test_folder_deleted_in_mid_run(make_config, tiny_data, output, monkeypatch, tmp_path):
    """输出文件夹没了：权重存到别处，说出在哪里。"""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    config = make_config("train.epochs=2")
    real = Trainer.validate

    def delete(trainer, data):
        real(trainer, data)
        if trainer.step == 10:
            shutil.rmtree(config.output_dir)

    monkeypatch.setattr(Trainer, "validate", delete)
    with pytest.raises(UserError, match="被删去或搬走") as error:
        run(config, tiny_data)
    saved = re.search(r"存到了 (\S+)", str(error.value))[1]
    assert read_state(saved)["step"] == 10 and len(read_arrays(saved)) > 3
    assert not Path(config.output_dir).exists()


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("(ResourceExhausted) Out of memory error"), ValueError("bad_alloc")],
    ids=lambda error: type(error).__name__,
)
def test_out_of_memory_names_a_batch_size(error, make_config, tiny_data, monkeypatch):
    config = make_config("train.epochs=1")

    def fail(trainer, batch):
        raise error

    monkeypatch.setattr(Trainer, "train_step", fail)
    with pytest.raises(UserError, match=rf"内存不够.*data\.batch_size={config.data.batch_size // 2}"):
        trainer = Trainer(small_network(), build_task(config.task, INFO), config)
        trainer.fit(*tiny_data)
    assert read_summary(Path(config.output_dir))["status"] == "failed"


def test_two_runs_in_one_folder(make_config, tiny_data):
    config = make_config("train.epochs=1")
    Path(config.output_dir).mkdir(parents=True, exist_ok=True)
    with FolderLock(Path(config.output_dir)), pytest.raises(UserError, match="正由另一次运行使用"):
        Trainer(small_network(), build_task(config.task, INFO), config).fit(*tiny_data)
    assert os.listdir(config.output_dir) == []
