"""一个输出文件夹同时只有一次运行：用操作系统的文件锁，进程死了锁就放开，不会留下死锁。"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from pathlib import Path

from paddle_notes.errors import UserError

LOCK = "run.lock"
FAR = 1 << 30  # Windows 的锁使别人读不了锁住的字节，所以锁在远离内容的地方


def _try_lock(descriptor: int) -> bool:
    """不等待地锁住，返回是否成功。"""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class FolderLock:
    """在 ``with`` 之内占住文件夹 ``folder``；已被活着的进程占住时抛 :class:`UserError`，说出是哪一个。"""

    def __init__(self, folder: Path):
        self.file = folder / LOCK
        self.descriptor: int | None = None

    def __enter__(self) -> FolderLock:
        while True:
            descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o644)
            if not _try_lock(descriptor):
                os.close(descriptor)
                raise UserError(
                    f"{self.file.parent} 正由另一次运行使用（{self._owner()}）；"
                    "请等它结束，或换一个文件夹：-o output_dir=<新文件夹>"
                )
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(descriptor), os.stat(self.file)):
                    break
            os.close(descriptor)  # 刚打开，那一个文件就被放开锁的进程删去了：再来一次
        self.descriptor = descriptor
        started = time.strftime("%Y-%m-%d %H:%M:%S")
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(owner).encode("utf-8"))
        return self

    def __exit__(self, *exception) -> None:
        if os.name != "nt":  # Windows 删不了打开着的文件
            self.file.unlink(missing_ok=True)
        if self.descriptor is not None:
            os.close(self.descriptor)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                self.file.unlink()

    def _owner(self) -> str:
        try:
            owner = json.loads(self.file.read_text(encoding="utf-8"))
            return f"进程 {owner['pid']}，{owner['host']}，{owner['started']} 开始"
        except (OSError, ValueError, TypeError, KeyError):
            return "刚刚开始"


def refuse_if_locked(folder: Path) -> None:
    """文件夹正被别的运行占住时抛 :class:`UserError`。"""
    if (folder / LOCK).exists():
        with FolderLock(folder):
            pass
