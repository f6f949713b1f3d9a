"""日志：控制台、train.log、metrics.jsonl 与 VisualDL，四处写的是同一份记录。"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from paddle_notes.analysis.curves import is_record
from paddle_notes.engine.folder import VDL, VDL_FILE

logger = logging.getLogger("paddle_notes")


class _ConsoleHandler(logging.Handler):
    """打印到标准输出；有进度条时不与它混在一行。"""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stdout)
        sys.stdout.flush()  # 没有人读了也不会出错，见 cli.run


class _FileHandler(logging.FileHandler):
    """写 train.log；磁盘满时照常抛出异常，而不是打印一段调用栈再继续。"""

    def handleError(self, record: logging.LogRecord) -> None:
        raise  # logging 在处理异常时调用这里，重新抛出的就是那个异常


def format_seconds(seconds: float) -> str:
    """秒数写成 1:02:03。"""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def vdl_records(data: bytes) -> Iterator[tuple[Any, bytes]]:
    """VisualDL 日志里完好的各条记录与它们的字节，到没写完的一条为止。

    文件由一条条“8 字节小端长度 + protobuf”组成；损坏了一条，长度还是对的，后面的照样读得出。
    """
    from google.protobuf.message import DecodeError
    from visualdl.proto.record_pb2 import Record

    position = 0
    while position + 8 <= len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        end = position + 8 + length
        if end > len(data):
            return
        with contextlib.suppress(DecodeError):
            yield Record.FromString(data[position + 8 : end]), data[position:end]
        position = end


def keep_vdl_until(file: Path, step: int) -> None:
    """删去 VisualDL 日志中 ``step`` 之后的记录、测试的记录（结束时会重写）、损坏的与末尾没写完的。

    VisualDL 只读一个文件夹里最新的文件，所以继续训练时必须接着写原来的文件，而不是另开一个。
    """
    kept = [
        content
        for record, content in vdl_records(file.read_bytes())
        if record.values and all(is_kept(value, step) for value in record.values)
    ]
    file.write_bytes(b"".join(kept))


def is_kept(value: Any, step: int) -> bool:
    """VisualDL 的一个值是不是完好，在 ``step`` 之内，也不是测试的。"""
    whole = value.tag.isprintable() and value.tag and value.WhichOneof("one_value")
    return bool(whole) and 0 <= value.id <= step and not value.tag.startswith("test/")


def keep_metrics_until(file: Path, step: int) -> None:
    """删去 metrics.jsonl 中 ``step`` 之后的记录、测试的记录，以及没写完、损坏了的行。"""
    kept = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, RecursionError):  # 损坏的行
            record = json.loads(line)
            if is_record(record) and record["step"] <= step and record["split"] != "test":
                kept.append(line + "\n")
    file.write_text("".join(kept), encoding="utf-8")


class RunLog:
    """一次运行的日志。

    参数：
        folder: 输出文件夹。
        resume_step: 从第几步继续；此后的旧记录会被删去。新的运行为 None。
    """

    def __init__(self, folder: Path, resume_step: int | None = None):
        metrics, vdl = folder / "metrics.jsonl", folder / VDL / VDL_FILE
        if resume_step is not None:
            if metrics.exists():
                keep_metrics_until(metrics, resume_step)
            if vdl.exists():
                keep_vdl_until(vdl, resume_step)
        self._metrics = metrics.open("a", encoding="utf-8")
        self._file_handler = _FileHandler(folder / "train.log", encoding="utf-8")
        self._file_handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(self._file_handler)

        from visualdl import LogWriter

        with contextlib.redirect_stdout(io.StringIO()):  # 接着写旧文件时它会打印英文提示
            self._vdl = LogWriter(str(folder / VDL), file_name=VDL_FILE)

    def record(self, split: str, epoch: int, step: int, metrics: dict[str, float], message: str) -> None:
        """记一条：指标写进 metrics.jsonl 与 VisualDL，``message`` 写进控制台与 train.log。

        VisualDL 的标签是 ``train/loss`` 这样；学习率与速度的标签是 ``lr``、``ips``。
        """
        line = {"split": split, "epoch": epoch, "step": step, **metrics}
        self._metrics.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._metrics.flush()
        for name, value in metrics.items():
            tag = name if name in ("lr", "ips") else f"{split}/{name}"
            self._vdl.add_scalar(tag, value, step)
        self._vdl.flush()
        logger.info(message)

    def record_pictures(self, pictures: dict[str, np.ndarray], step: int) -> None:
        """把图写进 VisualDL：名字 -> (H, W, 3) uint8。"""
        for name, picture in pictures.items():
            self._vdl.add_image(name, picture, step)
        self._vdl.flush()

    def close(self) -> None:
        self._metrics.close()
        self._vdl.close()
        logger.removeHandler(self._file_handler)
        self._file_handler.close()


def log_to_console(quiet: bool = False) -> None:
    """让日志显示在控制台（``quiet`` 时不显示）。paddle 会给根日志器加处理器，所以不向上传递。"""
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [] if quiet else [_ConsoleHandler()]
