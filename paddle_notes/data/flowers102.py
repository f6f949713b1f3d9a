"""Flowers-102：102 种花，训练与验证各 1,020 张，测试 6,149 张，彩色，大小不一。

``data.path`` 是装着 102flowers.tgz、imagelabels.mat、setid.mat 的文件夹；不写时由 paddle 下载并校验 md5。
"""

from __future__ import annotations

import io
import itertools
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from paddle_notes.data.download import downloaded
from paddle_notes.data.files import read_tar, refuse_special
from paddle_notes.data.folder import MEAN, STD
from paddle_notes.data.images import ImageSet, make_preprocess
from paddle_notes.errors import UserError

DEFAULT_SIZE = 224
NUM_CLASSES = 102
# 原文的训练集 trnid、验证集 valid 各 1,020 张，测试集 tstid 有 6,149 张
SPLITS = ("trnid", "valid", "tstid")


def find_files(path: str | None) -> tuple[Path, Path, Path]:
    """图像压缩包、标签、划分三个文件。"""
    if path is None:
        source = downloaded("Flowers")
        return Path(source.data_file), Path(source.label_file), Path(source.setid_file)
    files = tuple(Path(path) / name for name in ("102flowers.tgz", "imagelabels.mat", "setid.mat"))
    for file in files:
        if not file.is_file():
            raise UserError(f"找不到 {file}；data.path 应是装着 Flowers-102 三个文件的文件夹")
    return files


# .mat 里的类型编号 -> NumPy 的类型
_MAT_TYPES = {
    1: "i1",
    2: "u1",
    3: "<i2",
    4: "<u2",
    5: "<i4",
    6: "<u4",
    7: "<f4",
    9: "<f8",
    12: "<i8",
    13: "<u8",
}
_MAT_MATRIX, _MAT_COMPRESSED = 14, 15
_MAT_LARGEST = 1 << 22  # 字节：解开之后，完整的标签是它的几百分之一


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """一串数据项：(类型, 内容)。四个字节以内的与标记写在一起；其余各项补齐到 8 字节，压缩的不补。"""
    position = 0
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, position)
        if kind >> 16:  # 短的：高 16 位是字节数
            kind, size, start, end = kind & 0xFFFF, kind >> 16, position + 4, position + 8
        else:
            start = position + 8
            end = start + size + (0 if kind == _MAT_COMPRESSED else -size % 8)
        if start + size > len(data):
            raise ValueError("不完整")
        yield kind, data[start : start + size]
        position = end


def read_mat(file: Path) -> dict[str, np.ndarray]:
    """读 MATLAB 第 5 版的 .mat 文件里的数的矩阵：名字 -> 按列排成的一维数组。

    不用 scipy 的：它由 Cython 写成，读损坏的文件会使整个进程崩溃。
    """
    data, found = file.read_bytes(), {}
    if data[126:128] != b"IM":
        raise ValueError("不是 .mat 文件")
    for kind, content in _elements(data[128:]):
        if kind == _MAT_COMPRESSED:
            kind, content = next(_elements(zlib.decompressobj().decompress(content, _MAT_LARGEST)))
        if kind == _MAT_MATRIX:
            _, _, (_, name), (number, values) = itertools.islice(_elements(content), 4)
            found[name.decode("ascii")] = np.frombuffer(values, _MAT_TYPES[number])
    return found


def read_splits(label_file: Path, split_file: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """各张图像的类别（从 0 数起）与训练、验证、测试各自的图像编号（从 1 数起）。"""
    for file in (label_file, split_file):
        refuse_special(file)
    try:
        labels, splits = read_mat(label_file)["labels"].astype("int64") - 1, read_mat(split_file)
        numbers = [splits[name].astype("int64") for name in SPLITS]
        chosen = np.concatenate(numbers)
        if min(map(len, numbers)) == 0 or chosen.min() < 1 or len(np.unique(chosen)) < len(chosen):
            raise ValueError("各份的图像编号应各不相同，从 1 数起")
        found = labels[chosen - 1]
        if found.min() < 0 or found.max() >= NUM_CLASSES:
            raise ValueError("类别应在 1 到 102 之间")
    except (OSError, ValueError, KeyError, IndexError, StopIteration, zlib.error) as error:
        raise UserError(f"{label_file} 或 {split_file} 已损坏，请重新下载：{error}") from error
    return labels, numbers


def load(config) -> tuple[ImageSet, ImageSet, ImageSet]:
    archive_file, label_file, split_file = find_files(config.path)
    preprocess = make_preprocess(config, DEFAULT_SIZE, MEAN, STD)
    labels, numbers = read_splits(label_file, split_file)
    wanted = {int(number) for part in numbers for number in part}

    def number_of(name: str) -> int:
        number = Path(name).stem.removeprefix("image_")
        return int(number) if re.fullmatch(r"\d{1,9}", number, re.ASCII) else 0

    images: dict[int, np.ndarray] = {}
    for name, content in read_tar(archive_file, lambda name: number_of(name) in wanted):
        try:
            images[number_of(name)] = preprocess.load(io.BytesIO(content))
        except UserError as error:
            raise UserError(f"{archive_file} 里的图像 {name} 读不了，请重新下载") from error
    missing = wanted - images.keys()
    if missing:
        raise UserError(f"{archive_file} 里缺少 {len(missing)} 张图像，如 image_{min(missing):05d}.jpg")

    names = tuple(f"第 {number} 种" for number in range(1, NUM_CLASSES + 1))
    train, valid, test = (
        ImageSet(np.stack([images[int(number)] for number in part]), labels[part - 1], names, preprocess)
        for part in numbers
    )
    return train, valid, test
