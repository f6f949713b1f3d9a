"""IDX 格式的数据集：MNIST 与 Fashion-MNIST。

``data.path`` 是装着四个文件的文件夹（.gz 或已解压）；不写时由 paddle 下载并校验 md5，
存在 ~/.cache/paddle/dataset/ 里。Fashion-MNIST 在 Debian 与 Ubuntu 上装了 dataset-fashion-mnist 就不必下载。
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from paddle_notes.data.download import downloaded
from paddle_notes.data.files import is_zipped, refuse_special
from paddle_notes.data.images import ImageSet, make_preprocess, split_valid
from paddle_notes.data.preprocess import resize
from paddle_notes.errors import UserError

# 全部 60,000 张训练图像的像素均值与标准差
MNIST_MEAN, MNIST_STD = (0.1307,), (0.3081,)
FASHION_MEAN, FASHION_STD = (0.2860,), (0.3530,)
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # Debian 的 dataset-fashion-mnist 装在这里
FASHION_CLASSES = ("T 恤", "裤子", "套头衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴")
LARGEST = 1 << 28  # 字节：完整的 MNIST 训练图像是它的六分之一


def read_idx(file: Path) -> np.ndarray:
    """读一个 IDX 文件（可以是 gzip 压缩的），返回 uint8 数组。不完整或不是 IDX 时抛 :class:`UserError`。

    格式：2 字节 0，1 字节类型（8 为 uint8），1 字节维数，每维 4 字节大端长度，然后是数据。
    文件头说有多少就只读多少：压缩的文件可以很小而解开之后大得放不下。
    """
    refuse_special(file)
    try:
        with gzip.open(file) if is_zipped(file) else file.open("rb") as stream:
            head = stream.read(4)
            if len(head) < 4 or head[:3] != b"\x00\x00\x08" or not 1 <= head[3] <= 3:
                raise UserError(f"{file} 不是 IDX 文件")
            shape = struct.unpack(f">{head[3]}I", stream.read(4 * head[3]))
            size = math.prod(shape)
            if not 0 < size <= LARGEST:
                raise UserError(f"{file} 的文件头说有 {size:,} 个字节的数据，不像 MNIST，请重新下载")
            data = stream.read(size + 1)
    except FileNotFoundError:
        raise UserError(f"找不到 {file}；data.path 应是装着四个 IDX 文件的文件夹") from None
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise UserError(f"{file} 不完整或已损坏，请重新下载") from error
    if len(data) != size:
        raise UserError(f"{file} 不完整：数据有 {len(data)} 个字节，与文件头不符，请重新下载")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _find(folder: Path, prefix: str) -> tuple[Path, Path]:
    """文件夹里 ``prefix`` 那一份的图像与标签两个文件，有 .gz 时取它。"""
    names = f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"
    zipped = [folder / f"{name}.gz" for name in names]
    images, labels = (file if file.exists() else file.with_suffix("") for file in zipped)
    return images, labels


def _is_complete(folder: Path) -> bool:
    """四个文件是否齐全。"""
    return all(file.exists() for prefix in ("train", "t10k") for file in _find(folder, prefix))


def _load(config, dataset: str, classes: tuple[str, ...], mean, std) -> tuple[ImageSet, ImageSet, ImageSet]:
    preprocess = make_preprocess(config, 28, mean, std)
    sets = []
    for mode, prefix in (("train", "train"), ("test", "t10k")):
        if config.path is None:
            source = downloaded(dataset, mode=mode)
            image_file, label_file = Path(source.image_path), Path(source.label_path)
        else:
            image_file, label_file = _find(Path(config.path), prefix)
        images, labels = read_idx(image_file), read_idx(label_file)
        if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
            raise UserError(f"{image_file} 与 {label_file} 对不上：{images.shape} 与 {labels.shape}")
        if labels.max(initial=0) >= len(classes):
            raise UserError(f"{label_file} 里有类别 {labels.max()}，应在 0 到 {len(classes) - 1} 之间")
        sets.append(
            ImageSet(
                resize(images[..., None], preprocess.load_size), labels.astype("int64"), classes, preprocess
            )
        )
    train, test = sets
    return *split_valid(train, config.valid_fraction), test


def load_mnist(config) -> tuple[ImageSet, ImageSet, ImageSet]:
    """MNIST：60,000 张训练图像分出一成作验证，官方的 10,000 张作测试。

    官方的测试集由没有写过训练图像的人写成；分出的验证与训练则可能出自同一个人之手，会略偏乐观。
    """
    return _load(config, "MNIST", tuple("0123456789"), MNIST_MEAN, MNIST_STD)


def load_fashion_mnist(config) -> tuple[ImageSet, ImageSet, ImageSet]:
    """Fashion-MNIST：60,000 张训练图像分出一成作验证，官方的 10,000 张作测试。

    没有写 ``data.path`` 而系统里装了 Debian 的 dataset-fashion-mnist 时，读它装好的文件，不下载。
    """
    if config.path is None and _is_complete(FASHION_FOLDER):
        config = config.model_copy(update={"path": str(FASHION_FOLDER)})
    return _load(config, "FashionMNIST", FASHION_CLASSES, FASHION_MEAN, FASHION_STD)
