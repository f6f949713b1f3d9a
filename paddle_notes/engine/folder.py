"""输出文件夹：里面有没有别的运行、能不能写、怎样让位给新的运行。

一个文件夹里有 ``summary.json`` 就是有一次运行：它在训练开始时最先写下（status 为 running），结束时改写，
让位时最后删去。没有它而有同名的文件，那些就是用户自己的，一个也不碰。试运行留下的东西不算数，随时可以被覆盖。
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from paddle_notes.engine.checkpoint import (
    SUFFIXES,
    kept_epochs,
    newest_whole,
    remove_checkpoint,
    split_suffix,
    write_json,
)
from paddle_notes.engine.lock import refuse_if_locked
from paddle_notes.errors import UserError

# 一次运行留下的全部东西；覆盖时只删除这些，别的文件不动。summary.json 最后删。
FILES = ["config.yml", "train.log", "metrics.jsonl", "curves.png"]
FILES += [name + suffix for name in ("best", "last") for suffix in SUFFIXES]
FILES += ["summary.json"]
VDL = "vdl"
VDL_FILE, PICTURES = "vdlrecords.train.log", "pictures"
BAD_BATCH = "bad_batch.npz"
LATER = ["translation.json", BAD_BATCH]  # 训练之后的工具写在旁边的；训练坏了时的那一批数据

_STATUS = {
    "running": "未完成",
    "finished": "已完成",
    "interrupted": "被中断",
    "failed": "失败",
}


def read_summary(folder: Path) -> dict | None:
    """读 ``summary.json``；没有时返回 None。"""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, RecursionError):
        return {"status": "failed"}
    return summary if isinstance(summary, dict) else {"status": "failed"}


def refuse_strangers(folder: Path) -> None:
    """没有本项目的运行，而运行要写的名字已被占用：那些是用户自己的东西，抛 :class:`UserError`。"""
    summary = read_summary(folder)
    if summary is not None and summary.get("status") in _STATUS:
        return
    taken = [name for name in [*FILES, *LATER, VDL, PICTURES] if (folder / name).exists()]
    taken += [path.name for path in kept_epochs(folder)]
    if taken:
        raise UserError(
            f"{folder} 里已有 {'、'.join(taken[:3])}，不是本项目的运行留下的，不会动它；"
            "请换一个文件夹：-o output_dir=<新文件夹>"
        )


def more_epochs(done: int, total: int | None = None) -> str:
    """训练完 ``done`` 轮之后再练到 ``total`` 轮（默认多五轮）的 -o：学习率从那里起重新安排。"""
    return f"-o train.epochs={total or done + 5} optimizer.start_epoch={done}"


def holds(folder: Path, checkpoint: str | Path) -> bool:
    """检查点 ``checkpoint`` 是不是 ``folder`` 里那次运行的。"""
    return split_suffix(checkpoint).parent.resolve() == folder.resolve()


class Start(NamedTuple):
    """一次训练从哪里开始。"""

    checkpoint: Path | None = None  # 要接着训练的检查点；None 是从头开始
    asked: bool = False  # 是不是要接着输出文件夹里的那次运行：它的东西可以接着写，没有检查点时可以清掉

    @property
    def continues(self) -> bool:
        """接着写输出文件夹里的那次运行；不是的话，另起一次，先清空文件夹。"""
        return self.asked and self.checkpoint is not None


FRESH = Start()


def decide_start(folder: Path, resume: str | Path | None) -> Start:
    """``--resume`` 的意思：``auto`` 依次找 ``folder`` 里的 last 与 best，跳过坏了的，都没有就从头开始。"""
    if resume is None:
        return FRESH
    if resume != "auto":
        return Start(split_suffix(resume), holds(folder, resume))
    found, broken = newest_whole(folder)
    if broken and found is None:
        raise UserError(f"检查点 {broken[0]} 不完整或已损坏，也没有别的可用；请加 -o overwrite=true 重新训练")
    for path in broken:
        print(f"检查点 {path} 不完整或已损坏，改用 {found}", file=sys.stderr)
    return Start(found, True)


def claim_folder(
    folder: Path, overwrite: bool = False, resume: bool = False, command: str = "", flags: str = ""
) -> None:
    """确认可以往 ``folder`` 里写一次新的运行（``resume`` 时为继续其中的运行），并建好文件夹。

    已有别的运行时抛 :class:`UserError`，其中写出继续与覆盖的完整命令：``command`` 是用户这一次的命令，
    ``flags`` 是只有重跑时才要带上的参数，如 `` --dry_run``。这里不删除任何东西。
    """
    refuse_if_locked(folder)
    summary = read_summary(folder)
    if not (resume and any((folder / f"{name}.json").exists() for name in ("last", "best"))):
        refuse_strangers(folder)
    if summary is not None and not (overwrite or resume or summary.get("dry_run", False)):
        status = _STATUS.get(summary.get("status", ""), "未完成")
        go_on = f"{command} --resume"
        if status == _STATUS["finished"]:
            go_on += f" {more_epochs(summary.get('epochs', 0))}"
        raise UserError(
            f"{folder} 里已有一次运行（{status}）。\n"
            f"  继续它：{go_on}\n"
            f"  覆盖它：{command}{flags} -o overwrite=true\n"
            f"  另存一处：{command}{flags} -o output_dir=<新文件夹>"
        )
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / "summary.json.tmp"  # 现在就试写，而不是训练完一轮之后才发现写不了
    probe.write_text("", encoding="utf-8")
    probe.unlink()


def clear_folder(folder: Path) -> None:
    """删除上一次运行留下的东西，别的文件不动；不是本项目的运行留下的，一个也不删。"""
    refuse_strangers(folder)
    summary = read_summary(folder)
    if summary is None:
        return
    pictures = [f"{PICTURES}/{name}" for name in summary.get("pictures", [])]
    for path in kept_epochs(folder):
        remove_checkpoint(path)
    for name in [*LATER, *pictures, f"{VDL}/{VDL_FILE}", *FILES]:
        (folder / name).unlink(missing_ok=True)
    for name in (VDL, PICTURES):
        with contextlib.suppress(OSError):  # 里面还有用户自己的文件，或本来就没有
            (folder / name).rmdir()


def write_summary(folder: Path, summary: dict) -> None:
    write_json(folder / "summary.json", summary)


def current_commit() -> str | None:
    """项目现在的 Git 提交（前 10 位），有没提交的改动时加 ``+``；不是 Git 仓库时为 None。"""
    root = Path(__file__).resolve().parent.parent.parent

    def git(*args: str) -> str:
        command = ["git", "-C", str(root), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return None
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
