"""日志：四处的记录相同；继续训练时接着写，不重复也不丢失。"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import struct
from pathlib import Path

import pytest
from visualdl import LogReader

from paddle_notes.analysis.curves import draw_curves, read_metrics
from paddle_notes.engine.animation import save_animations
from paddle_notes.engine.folder import VDL
from paddle_notes.engine.logs import (
    VDL_FILE,
    RunLog,
    format_seconds,
    keep_metrics_until,
    keep_vdl_until,
    log_to_console,
    logger,
)

TAGS = {
    "train/loss": ("train", "loss"),
    "eval/loss": ("eval", "loss"),
    "lr": ("train", "lr"),
    "ips": ("train", "ips"),
}


def write(log: RunLog, steps) -> None:
    for step in steps:
        log.record("train", 1, step, {"loss": 1 / step, "lr": 0.5, "ips": 10.0 * step}, f"[Train] {step}")
        if step % 3 == 0:
            log.record("eval", step // 3, step, {"loss": 2 / step}, f"[Eval] {step}")


def metrics(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def curves(folder) -> dict[str, list[tuple[int, float]]]:
    """VisualDL 读回的每条曲线：(步数, 值)。"""
    reader = LogReader(file_path=str(folder / VDL / VDL_FILE))
    return {
        tag: [(r.id, r.value) for r in reader.get_data("scalar", tag)] for tag in reader.get_tags()["scalar"]
    }


def assert_consistent(folder, steps: list[int]) -> None:
    """metrics.jsonl 与 VisualDL 都正好有这些步，值也相同（VisualDL 存的是 float32）。"""
    records, found = metrics(folder), curves(folder)
    assert [r["step"] for r in records if r["split"] == "train"] == steps
    assert set(found) == set(TAGS)
    for tag, (split, name) in TAGS.items():
        expected = [(r["step"], r[name]) for r in records if r["split"] == split]
        assert [step for step, _ in found[tag]] == [step for step, _ in expected]
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in expected], rel=1e-6)
    assert [file.name for file in (folder / VDL).iterdir()] == [VDL_FILE]


@pytest.fixture
def folder(tmp_path):
    """写了 1–7 步的一次运行。"""
    log = RunLog(tmp_path)
    write(log, range(1, 8))
    log.close()
    return tmp_path


def test_records_read_back(folder):
    assert_consistent(folder, [1, 2, 3, 4, 5, 6, 7])
    assert metrics(folder)[0] == {
        "split": "train",
        "epoch": 1,
        "step": 1,
        "loss": 1.0,
        "lr": 0.5,
        "ips": 10.0,
    }


@pytest.mark.parametrize("step", [3, 5, 7])
def test_curves_continue_after_a_resume(folder, step):
    log = RunLog(folder, resume_step=step)
    write(log, range(step + 1, 10))
    log.close()
    assert_consistent(folder, list(range(1, 10)))


def test_several_resumes(folder):
    for stop in (4, 2, 6):
        log = RunLog(folder, resume_step=stop)
        write(log, range(stop + 1, stop + 4))
        log.close()
    # 1–7，退回 4 写到 7，退回 2 写到 5，从 6 起写到 9（6 不在里面）
    assert_consistent(folder, [1, 2, 3, 4, 5, 7, 8, 9])


def test_truncated_tail_is_dropped(folder):
    """断电时最后一条可能只写了一半：继续时丢掉它，前面的都在。"""
    vdl, lines = folder / VDL / VDL_FILE, folder / "metrics.jsonl"
    vdl.write_bytes(vdl.read_bytes()[:-5])
    lines.write_bytes(lines.read_bytes()[:-9])
    log = RunLog(folder, resume_step=6)
    write(log, [7, 8])
    log.close()
    assert_consistent(folder, list(range(1, 9)))


@pytest.mark.parametrize("cut", range(1, 12))
def test_vdl_file_stays_whole_wherever_it_was_cut(folder, cut):
    file = folder / VDL / VDL_FILE
    file.write_bytes(file.read_bytes()[:-cut])
    keep_vdl_until(file, 100)
    data, position = file.read_bytes(), 0
    while position < len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        position += 8 + length
    assert position == len(data) > 0


def test_metrics_cut_anywhere(tmp_path):
    file = tmp_path / "metrics.jsonl"
    whole = '{"split": "train", "step": 1}\n{"split": "train", "step": 2}\n'
    for cut in range(30, len(whole) - 1):
        file.write_text(whole[:cut], encoding="utf-8")
        keep_metrics_until(file, 5)
        assert file.read_text(encoding="utf-8") == whole[:30]
    file.write_text(whole, encoding="utf-8")
    keep_metrics_until(file, 1)
    assert file.read_text(encoding="utf-8") == whole[:30]


def test_records_are_on_disk_before_closing(tmp_path):
    """进程随时可能被杀掉：写过的记录不等关闭就已经在文件里。"""
    log = RunLog(tmp_path)
    write(log, [1, 2, 3])
    assert len(metrics(tmp_path)) == 4
    assert [step for step, _ in curves(tmp_path)["train/loss"]] == [1, 2, 3]
    log.close()


def test_train_log(tmp_path):
    logger.setLevel(logging.INFO)
    for resume_step in (None, 1):
        log = RunLog(tmp_path, resume_step)
        log.record("train", 1, 1, {"loss": 0.5}, "中文“说明” ✓")
        log.close()
        logger.info("关闭之后的不写")
    lines = (tmp_path / "train.log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2  # 继续时接着写
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} 中文“说明” ✓", line) for line in lines)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="没有 /dev/full，不能假装磁盘已满")
def test_full_disk_is_an_error_not_a_traceback(tmp_path, capfd):
    (tmp_path / "train.log").symlink_to("/dev/full")
    log = RunLog(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        write(log, [1])
    assert capfd.readouterr().err == ""
    with contextlib.suppress(OSError):  # 关闭时还会再试着写一次
        log.close()
    logger.removeHandler(log._file_handler)


def test_console_shows_the_bare_message(capsys):
    previous = logger.handlers, logger.propagate
    try:
        log_to_console()
        logger.info("第一行")
        log_to_console()  # 同一进程里训练两次，不能每行打印两遍
        logger.info("第二行")
    finally:
        logger.handlers, logger.propagate = previous
    assert capsys.readouterr().out == "第一行\n第二行\n"


def test_opening_prints_nothing(folder, capfd):
    RunLog(folder, resume_step=7).close()
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00:00"), (59.6, "0:01:00"), (61, "0:01:01"), (3723, "1:02:03"), (90_000, "25:00:00")],
)
def test_format_seconds(seconds, text):
    assert format_seconds(seconds) == text


# ---------------------------------------------------------------- 损坏的记录


DAMAGED = [
    "",
    "{",
    "[" * 100_000,
    "3",
    "null",
    '["step"]',
    '{"split": "train"}',
    '{"split": "train", "step": "5", "loss": 1}',
    '{"split": "train", "step": true, "loss": 1}',
    '{"split": ["train"], "step": 5, "loss": 1}',
    '{"split": "train", "step": 5, "loss": "1"}',
    '{"split": "train", "step": 5, "loss": {"a": 1}}',
    '{"split": "train", "step": 5, "loss": 1e300}',
    '{"split": "train", "step": 1' + "0" * 5000 + "}",
]


def test_damaged_lines_do_not_stop_a_resume(folder):
    """损坏的行丢掉，别的都在，照样接着写、画得出曲线。"""
    file = folder / "metrics.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    damaged = [line.encode() + b"\n" for line in DAMAGED] + [b"\xff\xfe\x00{\n"]
    file.write_bytes(b"".join(part for pair in zip(damaged, lines * 2) for part in pair))
    assert len(read_metrics(file)) == len(damaged)
    draw_curves(file, folder / "curves.png", "accuracy")
    file.write_bytes(b"".join(damaged[:5] + lines + damaged[5:]))
    log = RunLog(folder, resume_step=5)
    write(log, range(6, 10))
    log.close()
    assert_consistent(folder, list(range(1, 10)))


def test_infinite_values_are_kept(tmp_path):
    """损失可以是 NaN 与无穷：那是记下的事实，不是损坏。"""
    file = tmp_path / "metrics.jsonl"
    file.write_text(
        '{"split": "train", "step": 1, "loss": NaN}\n{"split": "eval", "step": 2, "loss": Infinity}\n',
        encoding="utf-8",
    )
    assert len(read_metrics(file)) == 2
    draw_curves(file, tmp_path / "curves.png", "accuracy")


def test_a_damaged_vdl_record_is_dropped_alone(folder):
    """长度没有坏的一条：只丢掉它，后面的还在。"""
    file = folder / VDL / VDL_FILE
    data, starts, position = bytearray(file.read_bytes()), [], 0
    while position < len(data):
        starts.append(position)
        position += 8 + struct.unpack_from("<Q", data, position)[0]
    third = starts[3] + 8  # 第 0 条是 VisualDL 的说明
    data[third : third + 4] = b"\xff" * 4
    file.write_bytes(data)
    keep_vdl_until(file, 100)
    assert len(file.read_bytes()) == len(data) - (starts[4] - starts[3])
    assert sum(len(points) for points in curves(folder).values()) == len(starts) - 2


def test_empty_vdl_records_are_dropped(folder):
    """长度是 0 的记录里什么也没有，VisualDL 读到没有值的记录会出错。"""
    from visualdl.proto.record_pb2 import Record

    file = folder / VDL / VDL_FILE
    whole = file.read_bytes()
    hollow = Record(values=[Record.Value(id=3, tag="train/loss")]).SerializeToString()
    file.write_bytes(whole + struct.pack("<Q", 0) + struct.pack("<Q", len(hollow)) + hollow)
    keep_vdl_until(file, 100)
    assert file.read_bytes() == whole


def test_a_damaged_picture_is_left_out(tmp_path):
    import numpy as np

    log = RunLog(tmp_path)
    for step in (1, 2, 3):
        log.record_pictures({"samples": np.full((8, 8, 3), 60 * step, "uint8")}, step)
    log.close()
    file = tmp_path / VDL / VDL_FILE
    data = file.read_bytes()
    last = data.rindex(b"\x89PNG")
    file.write_bytes(data[:last] + b"\x00PNG" + data[last + 4 :])
    assert save_animations(file, tmp_path / "pictures") == [
        "samples.png",
        "samples_stages.png",
        "samples.gif",
    ]
    from PIL import Image

    with Image.open(tmp_path / "pictures" / "samples.png") as image:
        assert np.asarray(image).max() == 120  # 第二张；第三张坏了
