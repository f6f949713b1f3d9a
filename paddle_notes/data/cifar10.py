"""CIFAR-10：50,000 张训练图像分出一成作验证，官方的 10,000 张作测试，32×32 彩色，10 类。

``data.path`` 是 cifar-10-python.tar.gz；不写时由 paddle 下载并校验 md5。
压缩包里是 pickle 文件，只从中取出数组与列表，不执行其中的代码，也不解压到磁盘上。
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from paddle_notes import safe_pickle
from paddle_notes.data.download import downloaded
from paddle_notes.data.files import read_tar
from paddle_notes.data.images import ImageSet, make_preprocess, split_valid
from paddle_notes.data.preprocess import resize
from paddle_notes.errors import UserError

CLASSES = ("飞机", "汽车", "鸟", "猫", "鹿", "狗", "蛙", "马", "船", "卡车")
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
LARGEST = 1 << 28  # 字节：解开之后的压缩包，完整的是它的三分之二


def read_batch(content: dict) -> tuple[np.ndarray, np.ndarray]:
    """一个 pickle 文件里的图像 (n, 3072) uint8 与标签 (n,) int64；不是这个样子时抛 ValueError。"""
    data, labels = content[b"data"], content[b"labels"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3072,):
        raise ValueError("图像应是 (N, 3072) 的 uint8 数组")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError("标签应是整数的列表")
    if len(labels) != len(data) or not all(0 <= label < len(CLASSES) for label in labels):
        raise ValueError(f"{len(data)} 张图像应有同样多个标签，各在 0 到 {len(CLASSES) - 1} 之间")
    return data, np.array(labels, "int64")


def read_archive(file: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """读压缩包，返回 train 与 test 各自的图像 (N, 32, 32, 3) uint8 与标签 (N,) int64。"""
    parts: dict[str, dict] = {"train": {}, "test": {}}

    def kind(name: str) -> str | None:
        first, _, rest = Path(name).name.partition("_")
        return {"data": "train", "test": "test"}.get(first) if rest.startswith("batch") else None

    for name, content in read_tar(file, kind, LARGEST):
        try:
            parts[kind(name)][name] = read_batch(safe_pickle.load(io.BytesIO(content), encoding="bytes"))
        except Exception as error:  # 坏的 pickle 抛出的异常五花八门
            raise UserError(f"{file} 不是 CIFAR-10 的压缩包，或已损坏：{name} 里 {error}") from error
    if not (parts["train"] and parts["test"]):
        raise UserError(f"{file} 里没有 data_batch_1 与 test_batch，不是 CIFAR-10 的压缩包")
    result = {}
    for part, found in parts.items():
        batches = [found[name] for name in sorted(found)]
        pixels = np.concatenate([data for data, _ in batches])  # (N, 3072)，先红、再绿、再蓝
        images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        result[part] = images, np.concatenate([labels for _, labels in batches])
    return result


def load(config) -> tuple[ImageSet, ImageSet, ImageSet]:
    file = Path(config.path or downloaded("Cifar10", mode="train").data_file)
    preprocess = make_preprocess(config, 32, MEAN, STD)
    parts = read_archive(file)
    train, test = (
        ImageSet(resize(images, preprocess.load_size), labels, CLASSES, preprocess)
        for images, labels in (parts["train"], parts["test"])
    )
    return *split_valid(train, config.valid_fraction), test
