"""一个输出文件夹同时只有一次运行：活着的说出是谁，死了的不挡路。"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from paddle_notes.engine.folder import claim_folder
from paddle_notes.engine.lock import LOCK, FolderLock, refuse_if_locked
from paddle_notes.errors import UserError

HOLD = """
import sys
from pathlib import Path
from paddle_notes.engine.lock import FolderLock

with FolderLock(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """另一个占住 ``tmp_path`` 的进程。"""
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def test_the_living_owner_is_named(holder, tmp_path):
    for attempt in (lambda: FolderLock(tmp_path).__enter__(), lambda: claim_folder(tmp_path, overwrite=True)):
        with pytest.raises(UserError, match=rf"正由另一次运行使用（进程 {holder.pid}，.+ 开始）"):
            attempt()
    assert json.loads((tmp_path / LOCK).read_text(encoding="utf-8"))["pid"] == holder.pid  # 没有动它的


@pytest.mark.skipif(os.name == "nt", reason="Windows 没有 SIGKILL")
def test_the_lock_of_a_dead_process_is_taken_over(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK).exists()
    refuse_if_locked(tmp_path)
    with FolderLock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text(encoding="utf-8"))["pid"] == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_released_after_use(tmp_path):
    for _ in range(3):
        with FolderLock(tmp_path), pytest.raises(UserError, match="正由另一次运行使用"):
            FolderLock(tmp_path).__enter__()
        assert not (tmp_path / LOCK).exists()
