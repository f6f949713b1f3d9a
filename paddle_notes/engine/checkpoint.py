"""检查点：原子地写、校验着读、不执行文件里的任何代码。

名为 ``output/lenet/best`` 的检查点由三个同名文件组成：

- ``best.pdparams``：网络的参数与缓冲区，也能用 ``paddle.load`` 读；
- ``best.pdopt``：优化器的状态；
- ``best.json``：训练进度、指标、造网络与预处理所需的设置，以及三个文件的校验和。

前两个是 pickle 文件，读取时只认数组，见 :mod:`paddle_notes.safe_pickle`。

三个文件要一个一个地换名。进程若正好死在其间，换下来的旧文件（``.old``）还在：读的时候，新的三个不完整就用旧的；
下一次写之前、接着训练的时候，再由 :func:`settle` 收拾。
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from paddle_notes import safe_pickle
from paddle_notes.engine.progress import check_progress
from paddle_notes.errors import UserError

SUFFIXES = (".pdparams", ".pdopt", ".json")


def split_suffix(path: str | Path) -> Path:
    """检查点的名字，不带后缀：``output/lenet/best.pdparams`` → ``output/lenet/best``。"""
    path = Path(path)
    return path.with_suffix("") if path.suffix in SUFFIXES else path


def _file(path: Path, suffix: str) -> Path:
    """在名字末尾加上后缀（``with_suffix`` 会换掉名字里已有的点）。"""
    return path.parent / (path.name + suffix)


def crc32(file: Path) -> int:
    """文件的 CRC-32，用来发现没写完或损坏的文件。"""
    value = 0
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            value = zlib.crc32(chunk, value)
    return value


def _own_crc32(state: dict) -> int:
    """说明文件自己的校验和：除去这一项之后的内容的 CRC-32。"""
    checksums = {suffix: value for suffix, value in state["crc32"].items() if suffix != ".json"}
    content = json.loads(json.dumps({**state, "crc32": checksums}))  # 键都变成文字
    return zlib.crc32(json.dumps(content, sort_keys=True).encode("ascii"))


def _read_json(file: Path) -> dict:
    """读说明文件；不是字典、没有校验和、与自己的校验和不符时抛 ValueError。以前的没有自己的那一项。"""
    state = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(state, dict) or not isinstance(state.get("crc32"), dict):
        raise ValueError
    if not set(SUFFIXES[:2]) <= state["crc32"].keys() <= set(SUFFIXES):
        raise ValueError
    if ".json" in state["crc32"] and state["crc32"][".json"] != _own_crc32(state):
        raise ValueError
    return state


def _sync(file: Path) -> None:
    """等文件的内容真正写到磁盘上。"""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def write_json(file: Path, content: Any) -> None:
    """原子地写一个 UTF-8 的 JSON 文件：先写到旁边的临时文件，落盘之后再换名。"""
    temporary = _file(file, ".tmp")
    try:
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        _sync(temporary)
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _files(path: Path) -> dict[str, Path]:
    """后缀 -> 现在该读的文件。上一次换名换了一半，而新的三个又不完整时，是换下来的旧文件。"""
    files = {suffix: _file(path, suffix) for suffix in SUFFIXES}
    backups = {suffix: _file(file, ".old") for suffix, file in files.items()}
    kept = [suffix for suffix, backup in backups.items() if backup.exists()]
    if not kept or _is_whole(files):
        return files
    return {suffix: backups[suffix] if suffix in kept else file for suffix, file in files.items()}


def _is_whole(files: dict[str, Path]) -> bool:
    """三个文件是不是都在，而且与说明里的校验和相符。"""
    try:
        checksums = _read_json(files[".json"])["crc32"]
        return all(crc32(files[suffix]) == checksums[suffix] for suffix in SUFFIXES[:2])
    except (OSError, ValueError, KeyError, RecursionError):
        return False


def is_whole(path: Path) -> bool:
    """检查点的三个文件是不是都在、都没有损坏。"""
    return _is_whole(_files(path))


def kept_epochs(folder: Path) -> list[Path]:
    """``train.keep`` 留下的各轮的检查点 ``epoch_0003``，新的在前。"""
    found = (re.fullmatch(r"(epoch_\d+)\.json", file.name) for file in folder.glob("epoch_*.json"))
    return [folder / name for name in sorted((match[1] for match in found if match), reverse=True)]


def remove_checkpoint(path: Path) -> None:
    """删去一个检查点的三个文件，说明文件最先：没有它就不算检查点了。"""
    for suffix in reversed(SUFFIXES):
        _file(path, suffix).unlink(missing_ok=True)


def newest_whole(folder: Path) -> tuple[Path | None, list[Path]]:
    """``folder`` 里第一个完整的检查点（没有时为 None）与排在它前面的坏检查点。

    依次看 last、留下的各轮、best。
    """
    broken: list[Path] = []
    for path in (folder / "last", *kept_epochs(folder), folder / "best"):
        files = _files(path)
        if _is_whole(files):
            return path, broken
        if files[".json"].exists():
            broken.append(path)
    return None, broken


def settle(path: Path) -> None:
    """收拾上一次没有做完的换名：新的三个不完整就换回旧的，再删去多余的旧文件。"""
    for suffix, current in _files(path).items():
        if current != _file(path, suffix):
            os.replace(current, _file(path, suffix))
    for suffix in SUFFIXES:
        _file(_file(path, suffix), ".old").unlink(missing_ok=True)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[list[Path]]:
    """给出三个临时文件供 ``with`` 之内写，写完再一起换成检查点 ``path``。

    其间无论在哪一步失败，原来的检查点都完好，也不留下临时文件。
    """
    files = [_file(path, suffix) for suffix in SUFFIXES]
    temporaries = [_file(file, ".tmp") for file in files]
    backups = [_file(file, ".old") for file in files]
    try:
        yield temporaries
        for temporary in temporaries:
            _sync(temporary)
        settle(path)
        try:
            for file, temporary, backup in zip(files, temporaries, backups):
                if file.exists():
                    os.replace(file, backup)
                os.replace(temporary, file)
        except BaseException:  # 换了一半：把旧的都换回来
            for file, backup in zip(files, backups):
                if backup.exists():
                    os.replace(backup, file)
            raise
        for backup in backups:
            backup.unlink(missing_ok=True)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def save_checkpoint(path: Path, params: dict, optimizer: dict, state: dict) -> None:
    """写一个检查点。"""
    import paddle

    with _replacing(path) as temporaries:
        paddle.save(params, str(temporaries[0]))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*state dict is empty.*")  # sgd 没有状态
            paddle.save(optimizer, str(temporaries[1]))
        checksums = {suffix: crc32(file) for suffix, file in zip(SUFFIXES, temporaries[:2])}
        content = {**state, "crc32": checksums}
        write_json(temporaries[2], {**content, "crc32": {**checksums, ".json": _own_crc32(content)}})


def copy_checkpoint(source: Path, target: Path) -> None:
    """把一个检查点的三个文件复制成另一个名字。"""
    with _replacing(target) as temporaries:
        for file, temporary in zip(_files(source).values(), temporaries):
            shutil.copyfile(file, temporary)


def read_state(path: str | Path) -> dict:
    """读检查点的 ``.json``。没有这个文件或它坏了时抛 :class:`UserError`。"""
    path = split_suffix(path)
    file = _files(path)[".json"]
    try:
        return _read_json(file)
    except FileNotFoundError:
        raise UserError(_missing(path, file)) from None
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(
            f"检查点的说明文件 {file} 已损坏、被改动过，或不是本项目写的；请改用另一个检查点"
        ) from error


def read_progress(path: str | Path) -> dict:
    """读检查点的 ``.json``，接着训练用到的各项都在；否则抛 :class:`UserError`。"""
    state = read_state(path)
    check_progress(state, f"{split_suffix(path)}.json")
    return state


def has_state(path: str | Path) -> bool:
    """检查点有没有说明文件；只有 ``.pdparams`` 的权重没有。"""
    return _files(split_suffix(path))[".json"].is_file()


def check_model(path: str | Path, model: dict) -> None:
    """检查点说明里的网络设置与 ``model`` 不同时抛 :class:`UserError`；没有说明文件时不检查。"""
    path = split_suffix(path)
    if has_state(path):
        saved = read_state(path).get("model", {})
        if saved != json.loads(json.dumps(model)):  # 元组存成 JSON 是列表
            raise UserError(f"检查点 {path} 的网络设置与配置不同：{saved}；请用训练它的那份配置")


def _missing(path: Path, file: Path) -> str:
    found = sorted(other.with_suffix("") for other in path.parent.glob("*.pdparams"))
    if path.is_dir() and (inner := sorted(path.glob("*.pdparams"))):
        found = [other.with_suffix("") for other in inner]
    hint = f"可用的检查点：{'、'.join(str(other) for other in found)}" if found else "请先训练，或检查路径"
    return f"找不到检查点文件 {file}；{hint}"


def read_arrays(path: str | Path, suffix: str = ".pdparams") -> dict[str, Any]:
    """读检查点的 ``.pdparams`` 或 ``.pdopt``，返回 名字 -> 数组。

    旁边有 ``.json`` 时核对校验和。缺失、损坏、来历不明的文件抛 :class:`UserError`。
    """
    path = split_suffix(path)
    files = _files(path)
    file = files[suffix]
    if not file.is_file():
        raise UserError(_missing(path, file))
    if has_state(path) and crc32(file) != read_state(path)["crc32"].get(suffix):
        raise UserError(f"检查点 {file} 不完整或已损坏（校验和不符），请改用另一个检查点")
    try:
        content = safe_pickle.load(file)
    except Exception as error:  # pickle 对坏文件抛出的异常五花八门
        raise UserError(f"{file} 不是 paddle 保存的参数文件，或已损坏：{error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{file} 里不是一组参数")
    numbers = (np.ndarray, np.generic, int, float)
    return {name: value for name, value in content.items() if isinstance(value, numbers)}


def load_weights(model, path: str | Path) -> None:
    """把检查点的参数装进 ``model``。

    名字或形状对不上、里面有 NaN 或无穷时抛 :class:`UserError`，此时 ``model`` 不变。
    """
    arrays = read_arrays(path)
    own = model.state_dict()
    problems = [f"缺少 {name}" for name in own if name not in arrays]
    problems += [f"多出 {name}" for name in arrays if name not in own]
    problems += [
        f"{name} 的形状是 {list(np.shape(arrays[name]))}，网络里是 {list(value.shape)}"
        for name, value in own.items()
        if name in arrays and list(np.shape(arrays[name])) != list(value.shape)
    ]
    if problems:
        raise UserError(
            f"{path} 是另一个网络的权重：{problems[0]}（共 {len(problems)} 处不符）；请用训练它的那份配置"
        )
    bad = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if bad:
        raise UserError(
            f"{path} 的参数 {bad[0]} 里有 NaN 或无穷（共 {len(bad)} 个如此），存下它时训练就坏了；"
            "请改用另一个检查点，或减小学习率重新训练"
        )
    model.set_state_dict(arrays)
