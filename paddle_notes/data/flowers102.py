"""Flowers-102：102 种花，训练与验证各 1,020 张，测试 6,149 张，彩色，大小不一。

``data.path`` 是装着 102flowers.tgz、imagelabels.mat、setid.mat 的文件夹；不写时由 paddle 下载并校验 md5。
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np

from paddle_notes.data.download import downloaded
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


def load(config) -> tuple[ImageSet, ImageSet, ImageSet]:
    from scipy.io import loadmat

    archive_file, label_file, split_file = find_files(config.path)
    preprocess = make_preprocess(config, DEFAULT_SIZE, MEAN, STD)
    try:
        labels = loadmat(label_file)["labels"][0].astype("int64") - 1
        numbers = [loadmat(split_file)[name][0].astype("int64") for name in SPLITS]
    except Exception as error:  # 坏的 .mat 文件抛出的异常五花八门
        raise UserError(f"{label_file} 或 {split_file} 已损坏，请重新下载") from error

    wanted = {int(number) for part in numbers for number in part}
    images: dict[int, np.ndarray] = {}
    try:
        with tarfile.open(archive_file) as archive:  # 顺着压缩包读一遍，不解压到磁盘上
            for member in archive:
                number = Path(member.name).stem.removeprefix("image_")
                if member.isfile() and number.isdigit() and int(number) in wanted:
                    images[int(number)] = preprocess.load(io.BytesIO(archive.extractfile(member).read()))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UserError(f"{archive_file} 不完整或已损坏，请重新下载") from error
    missing = wanted - images.keys()
    if missing:
        raise UserError(f"{archive_file} 里缺少 {len(missing)} 张图像，如 image_{min(missing):05d}.jpg")

    names = tuple(f"第 {number} 种" for number in range(1, NUM_CLASSES + 1))
    train, valid, test = (
        ImageSet(np.stack([images[int(number)] for number in part]), labels[part - 1], names, preprocess)
        for part in numbers
    )
    return train, valid, test
