"""文件夹里的图像：每个子文件夹是一类，名字就是类名。

``data.path`` 有两种样子：

- ``照片/猫/1.jpg``、``照片/狗/2.png``：每类随机取两成作验证，划分是固定的；
- ``照片/train/猫/…`` 与 ``照片/valid/猫/…``（也可以叫 val 或 test）：照已分好的用。
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from paddle_notes.data.images import ImageSet, make_preprocess, open_files, split_indices
from paddle_notes.errors import UserError

VALID_NAMES = ("valid", "val", "test")
VALID_FRACTION = 0.2
DEFAULT_SIZE = 224
# ImageNet 训练图像每个通道的均值与标准差
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def list_classes(folder: Path) -> dict[str, list[Path]]:
    """类名 -> 其中的图像文件，都按名字排序。没有图像的子文件夹是 :class:`UserError`。"""
    if not folder.is_dir():
        raise UserError(f"找不到文件夹 {folder}；data.path 应是每类一个子文件夹的文件夹")
    suffixes = Image.registered_extensions()
    classes = {}
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.name.startswith("."):
            classes[child.name] = sorted(
                file
                for file in child.rglob("*")
                if file.suffix.lower() in suffixes and not file.name.startswith(".")
            )
    if len(classes) < 2:
        raise UserError(f"{folder} 里只有 {len(classes)} 个子文件夹；每类一个，至少要两类")
    empty = [name for name, files in classes.items() if not files]
    if empty:
        raise UserError(f"{folder / empty[0]} 里没有图像；请放进图像，或删去这个子文件夹")
    return classes


def flatten(classes: dict[str, list[Path]], names: tuple[str, ...]) -> tuple[list[Path], np.ndarray]:
    """全部文件与它们的类别编号。"""
    files = [file for name in names for file in classes.get(name, [])]
    labels = [label for label, name in enumerate(names) for _ in classes.get(name, [])]
    return files, np.array(labels, "int64")


def load(config) -> tuple[ImageSet, ImageSet]:
    if config.path is None:
        raise UserError("data.name=folder 要用 -o data.path=文件夹 指明图像在哪里，每类一个子文件夹")
    root = Path(config.path)
    preprocess = make_preprocess(config, DEFAULT_SIZE, MEAN, STD)
    valid_root = next((root / name for name in VALID_NAMES if (root / name).is_dir()), None)
    if (root / "train").is_dir() and valid_root is not None:
        classes, valid_classes = list_classes(root / "train"), list_classes(valid_root)
        names = tuple(classes)
        unknown = [name for name in valid_classes if name not in names]
        if unknown:
            raise UserError(f"{valid_root / unknown[0]} 这一类在 {root / 'train'} 里没有")
        parts = [flatten(classes, names), flatten(valid_classes, names)]
    else:
        classes = list_classes(root)
        names = tuple(classes)
        few = [name for name, files in classes.items() if len(files) < 2]
        if few:
            raise UserError(f"{root / few[0]} 里只有一张图像，至少要两张：一张训练，一张验证")
        files, labels = flatten(classes, names)
        parts = [
            ([files[i] for i in index], labels[index]) for index in split_indices(labels, VALID_FRACTION)
        ]
    train, valid = (
        ImageSet(open_files(files, preprocess), labels, names, preprocess) for files, labels in parts
    )
    return train, valid
