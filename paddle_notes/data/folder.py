"""文件夹里的图像：每个子文件夹是一类，名字就是类名。

``data.path`` 有两种样子：

- ``照片/猫/1.jpg``、``照片/狗/2.png``：每类随机取一成作验证、两成作测试，划分是固定的；
- ``照片/train/猫/…``，以及 ``照片/valid/猫/…``（也可以叫 val）、``照片/test/猫/…`` 两者或其一：照已分好的用。
  没有 valid 时从 train 里每类取一成；没有 test 时就没有测试部分，只能报告验证部分的数。
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from paddle_notes.data.images import ImageSet, make_preprocess, open_files
from paddle_notes.data.splits import split_indices, split_three
from paddle_notes.errors import UserError

PART_NAMES = {"train": ("train",), "valid": ("valid", "val"), "test": ("test",)}
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


def find_parts(root: Path) -> dict[str, Path]:
    """已分好的各部分：train、valid、test -> 文件夹。没有分好时为空。"""
    found = {
        part: root / name for part, names in PART_NAMES.items() for name in names if (root / name).is_dir()
    }
    return found if "train" in found and len(found) > 1 else {}


def require(classes: dict[str, list[Path]], count: int, root: Path, parts: str) -> None:
    """每类至少 ``count`` 张，够分成 ``parts``。"""
    few = [name for name, files in classes.items() if len(files) < count]
    if few:
        found = len(classes[few[0]])
        raise UserError(f"{root / few[0]} 里只有 {found} 张图像，至少要 {count} 张：{parts}各一张")


def load(config) -> tuple[ImageSet, ImageSet, ImageSet | None]:
    if config.path is None:
        raise UserError("data.name=folder 要用 -o data.path=文件夹 指明图像在哪里，每类一个子文件夹")
    root = Path(config.path)
    preprocess = make_preprocess(config, DEFAULT_SIZE, MEAN, STD)
    folders = find_parts(root)
    classes = list_classes(folders.get("train", root))
    names = tuple(classes)
    files, labels = flatten(classes, names)
    parts = {"train": (files, labels)}
    for part in folders.keys() - {"train"}:
        others = list_classes(folders[part])
        unknown = [name for name in others if name not in names]
        if unknown:
            raise UserError(f"{folders[part] / unknown[0]} 这一类在 {folders['train']} 里没有")
        parts[part] = flatten(others, names)
    if not folders:
        require(classes, 3, root, "训练、验证、测试")
        indices = dict(zip(PART_NAMES, split_three(labels, config.valid_fraction)))
    elif "valid" not in folders:
        require(classes, 2, folders["train"], "训练、验证")
        indices = dict(zip(("train", "valid"), split_indices(labels, config.valid_fraction)))
    else:
        indices = {}
    parts |= {part: ([files[i] for i in index], labels[index]) for part, index in indices.items()}
    sets = {
        part: ImageSet(open_files(files, preprocess), labels, names, preprocess)
        for part, (files, labels) in parts.items()
    }
    return sets["train"], sets["valid"], sets.get("test")
