"""接着训练、评估时，现在的设置与数据是不是训练时的那些：不同的并排列出，不该变的就停下来。"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from paddle_notes.engine.checkpoint import read_state, split_suffix
from paddle_notes.engine.logs import logger
from paddle_notes.errors import UserError

# 接着训练时可以改的：轮数、存盘与记录的间隔、设备……
FREE = ("train", "runtime", "expect", "output_dir", "overwrite", "data.path", "model")
# 可以改、但要说出来的：学习率与它的安排
SAID = tuple(f"optimizer.{key}" for key in ("lr", "schedule", "warmup", "milestones", "start_epoch"))


def flatten(tree: dict, prefix: str = "") -> dict[str, Any]:
    """嵌套的字典 → 以点相连的键：``{"data": {"name": "x"}}`` → ``{"data.name": "x"}``。"""
    flat = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def plain(value: Any) -> Any:
    """存进 JSON 再读出来的样子：元组变成列表。"""
    return json.loads(json.dumps(value))


def under(key: str, sections: tuple[str, ...]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def short(value: Any) -> str:
    """写进消息的值：长的只说有几个。"""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 or not isinstance(value, (list, dict)) else f"{len(value)} 项"


def fingerprint(*parts) -> list[int | None]:
    """各份数据的指纹：第一批（训练部分是第 0 轮的）各数组的 CRC-32；没有的那一份是 None。"""
    found = []
    for part in parts:
        value = None
        for arrays in [] if part is None else part.epoch():
            value = 0
            for array in arrays:
                value = zlib.crc32(np.ascontiguousarray(array).tobytes(), value)
            break
        found.append(value)
    return found


def check_settings(path: str | Path, state: dict, config: dict, data: list[int | None]) -> None:
    """接着训练：``config`` 与检查点 ``path`` 存下的设置比，``data`` 与它的数据指纹比。

    可以改的不管，学习率一类改了就记进日志，别的不同抛 :class:`UserError`。旧的检查点没有存这些，就不比。
    """
    then, now = flatten(state.get("config") or {}), flatten(plain(config))
    if not then:
        return
    changed = [key for key in sorted(then | now) if then.get(key) != now.get(key) and not under(key, FREE)]
    lines = {key: f"{key}：当时 {short(then.get(key))}，现在 {short(now.get(key))}" for key in changed}
    refused = [lines[key] for key in changed if key not in SAID]
    if refused:
        raise UserError(
            f"现在的设置与检查点 {path} 的不同，不能接着训练：\n  " + "\n  ".join(refused[:5]) + "\n"
            "请改回去；要换设置，就另起一次：-o output_dir=<新文件夹>"
        )
    if state["fingerprint"] != data:
        names = ("训练", "验证", "测试")
        parts = [name for name, old, new in zip(names, state["fingerprint"], data) if old != new]
        raise UserError(
            f"{'、'.join(parts)}部分的数据与检查点 {path} 训练时的不同，不能接着训练；"
            "请用当时的数据，或另起一次：-o output_dir=<新文件夹>"
        )
    for key in changed:
        logger.info("接着训练时改了 %s", lines[key])


def check_data(path: str | Path, info: dict) -> None:
    """数据的说明 ``info`` 与训练检查点 ``path`` 时不同，抛 :class:`UserError`：类别的次序、标准化、词表……

    没有说明文件的检查点（只有参数）不检查。
    """
    path = split_suffix(path)
    if not (path.parent / f"{path.name}.json").is_file():
        return
    then, now = read_state(path).get("data") or {}, plain(info)
    for key in now:
        if key in then and then[key] != now[key]:
            raise UserError(
                f"数据的 {key} 与训练 {path} 时不同（当时 {short(then[key])}，现在 {short(now[key])}）；"
                "请用训练时的数据与数据选项"
            )
