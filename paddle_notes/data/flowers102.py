"""Flowers-102：102 种花，训练与验证各 1,020 张，测试 6,149 张，彩色，大小不一。

``data.path`` 是装着 102flowers.tgz、imagelabels.mat、setid.mat 的文件夹；不写时由 paddle 下载并校验 md5。
"""

from __future__ import annotations

import io
import re
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


def read_splits(label_file: Path, split_file: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """各张图像的类别（从 0 数起）与训练、验证、测试各自的图像编号（从 1 数起）。"""
    from scipy.io import loadmat

    for file in (label_file, split_file):
        refuse_special(file)
    try:
        labels = loadmat(label_file)["labels"][0].astype("int64") - 1
        numbers = [loadmat(split_file)[name][0].astype("int64") for name in SPLITS]
        chosen = np.concatenate(numbers)
        if chosen.min() < 1 or len(np.unique(chosen)) < len(chosen):
            raise ValueError("图像的编号应各不相同，从 1 数起")
        found = labels[chosen - 1]
        if found.min() < 0 or found.max() >= NUM_CLASSES:
            raise ValueError("类别应在 1 到 102 之间")
    except Exception as error:  # 坏的 .mat 文件抛出的异常五花八门
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
