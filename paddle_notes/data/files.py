"""用户给的文件。"""

from __future__ import annotations

from pathlib import Path

from paddle_notes.errors import UserError


def refuse_special(path: Path) -> None:
    """管道、设备一类的特殊文件读起来没有尽头，抛 :class:`UserError`；不存在的与文件夹留给后面去说。"""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path} 不是普通的文件，读不了；请给出一个存在磁盘上的文件")
