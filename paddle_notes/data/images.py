"""图像：读文件、缩放、归一化。训练与预测用同一份代码，所以看到的是同样的数。"""

from __future__ import annotations

import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from paddle_notes.data.augment import center_crop
from paddle_notes.data.batches import ImageBatches
from paddle_notes.data.files import refuse_special
from paddle_notes.errors import UserError

# 不超过这么多字节的图像文件夹一次读进内存，更大的在用到时再读
MEMORY_LIMIT = 2 << 30
MAX_PIXELS = 1 << 26  # 一张图像至多多少像素：解开之后每像素 4 字节，转换时有三四份
# 太大的、坏的图像由 Preprocess.load 说明，不要 Pillow 的英文
warnings.filterwarnings("ignore", module="PIL")
logging.getLogger("PIL").setLevel(logging.CRITICAL)
VALID_FRACTION, TEST_FRACTION = 0.1, 0.2  # 由本项目划分的数据：验证与测试各占多少


def fit(image: Image.Image, size: int) -> np.ndarray:
    """把一张图像变成 (size, size, C) uint8：取正中的正方形，再双线性缩放。"""
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(size, size, -1)


def resize(images: np.ndarray, size: int | None) -> np.ndarray:
    """把一叠图像 (N, H, W, C) uint8 变成 (N, C, size, size)；``size`` 为 None 时大小不变。"""
    if size is not None and images.shape[1:3] != (size, size):
        images = np.stack([fit(Image.fromarray(image.squeeze()), size) for image in images])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class Preprocess:
    """一张图像怎样变成网络的输入。

    属性：
        in_channels: 通道数，1 为灰度，3 为彩色。
        image_size: 网络看到的边长（像素）。
        mean, std: 每个通道的均值与标准差，像素先除以 255。
        load_size: 先缩放到的边长；大于 image_size 时再取正中的一块。
    """

    in_channels: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    load_size: int

    def normalize(self, images: np.ndarray) -> np.ndarray:
        """(N, C, H, W) uint8 → float32，每个通道 (x/255 − mean)/std。"""
        mean = np.array(self.mean, "float32").reshape(-1, 1, 1) * 255
        std = np.array(self.std, "float32").reshape(-1, 1, 1) * 255
        return (images - mean) / std

    def load(self, path: Path | IO[bytes]) -> np.ndarray:
        """读任意大小、任意模式的图像文件，返回 (C, load_size, load_size) uint8。

        按 EXIF 转正；透明处视为白色；16 位灰度取高 8 位。读不了、大得离谱时抛 :class:`UserError`。
        """
        if isinstance(path, Path):  # 也可以是压缩包里的一个文件
            refuse_special(path)
        try:
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ValueError(f"有 {image.width}×{image.height} 像素，请先缩小")
                if image.format == "EPS":  # 它是程序，要由别的软件执行
                    raise ValueError("不支持 EPS，请另存为 PNG 或 JPEG")
                ImageOps.exif_transpose(image, in_place=True)
                if image.mode.startswith("I"):
                    image = Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    white = Image.new("RGBA", image.size, "white")
                    image = Image.alpha_composite(white, image)
                image = image.convert("L" if self.in_channels == 1 else "RGB")
                return fit(image, self.load_size).transpose(2, 0, 1)
        except Exception as error:  # 各种格式的解码器对坏文件抛出的异常五花八门
            raise UserError(f"读不了图像 {path}：{error}") from error

    def read(self, path: Path) -> np.ndarray:
        """预测时的读法：在 :meth:`load` 之后取正中，返回 (C, image_size, image_size) uint8。"""
        return center_crop(self.load(path)[None], self.image_size)[0]


def list_files(path: Path) -> list[Path]:
    """一个文件，或文件夹里（不含隐藏文件）的全部文件，按名字排序。"""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"找不到 {path}；--input 应是图像文件或文件夹")
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    if not files:
        raise UserError(f"文件夹 {path} 里没有文件")
    return files


class ImageFiles:
    """在用到时才读的一叠图像：``files[index]`` 像数组那样给出 (B, C, H, W) uint8。"""

    def __init__(self, files: list[Path], preprocess: Preprocess):
        self.files = files
        self.preprocess = preprocess

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        with ThreadPoolExecutor() as pool:  # 解码时不占 Python 的全局锁，多线程有用
            return np.stack(list(pool.map(self.preprocess.load, [self.files[i] for i in index])))


def open_files(files: list[Path], preprocess: Preprocess) -> np.ndarray | ImageFiles:
    """一批图像文件：放得进内存就一次读完，否则在用到时再读。"""
    images = ImageFiles(files, preprocess)
    if len(files) * preprocess.in_channels * preprocess.load_size**2 <= MEMORY_LIMIT:
        return images[np.arange(len(files))]
    return images


@dataclass(frozen=True)
class ImageSet:
    """一份图像数据。

    属性：
        images: (N, C, H, W) uint8 数组，或 :class:`ImageFiles`。
        labels: (N,) int64，从 0 开始的类别编号。
        class_names: 各类的名字。
        preprocess: 怎样变成网络的输入。
    """

    images: np.ndarray | ImageFiles
    labels: np.ndarray
    class_names: tuple[str, ...]
    preprocess: Preprocess

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """编号为 ``index`` (B,) 的图像 (B, C, H, W) uint8 与标签 (B,)。"""
        return self.images[index], self.labels[index]

    def info(self) -> dict:
        """网络与预测需要知道的事，可写成 JSON。"""
        preprocess = self.preprocess
        return {
            "kind": "image",
            "facts": {
                "in_channels": preprocess.in_channels,
                "image_size": preprocess.image_size,
                "num_classes": len(self.class_names),
            },
            "class_names": list(self.class_names),
            "preprocess": asdict(preprocess),
        }

    def batches(self, config, training: bool = False, seed: int = 0) -> ImageBatches:
        """照 ``config``（:class:`~paddle_notes.config.ImageData`）切成批。"""
        if not training:
            return ImageBatches(self, config.batch_size)
        dataset = self
        if config.shuffle_labels:
            dataset = replace(self, labels=np.random.default_rng([seed, 2]).permutation(self.labels))
        return ImageBatches(dataset, config.batch_size, True, seed, **config.augment.model_dump())


def split_valid(dataset: ImageSet, valid_fraction: float) -> tuple[ImageSet, ImageSet]:
    """从训练部分里每类随机取 ``valid_fraction`` 作验证，返回剩下的训练与验证两份。"""
    train, valid = (
        replace(dataset, images=dataset.images[index], labels=dataset.labels[index])
        for index in split_indices(dataset.labels, valid_fraction)
    )
    return train, valid


def make_preprocess(config, own_size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocess:
    """由 ``config``（ImageData）与图像本来的边长定出预处理；通道数即 ``mean`` 的个数。"""
    size = config.image_size or own_size
    load_size = config.load_size or size
    if load_size < size:
        raise UserError(f"data.load_size 是 {load_size}，不应小于 data.image_size 的 {size}")
    if not config.normalize:  # 归一化成为恒等映射：(x/255 − 0)/(1/255) = x
        mean, std = (0.0,) * len(mean), (1 / 255,) * len(std)
    return Preprocess(in_channels=len(mean), image_size=size, mean=mean, std=std, load_size=load_size)


def split_indices(labels: np.ndarray, valid_fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """分层划分：每类随机取 ``valid_fraction`` 作验证（至少一个），返回训练与验证的下标。"""
    train, valid, _ = _split(labels, valid_fraction, None)
    return train, valid


def split_three(
    labels: np.ndarray, valid_fraction: float = VALID_FRACTION, test_fraction: float = TEST_FRACTION
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """分层划分成三份：每类随机取 ``valid_fraction`` 作验证、``test_fraction`` 作测试（各至少一个）。

    返回训练、验证、测试的下标。每类至少要三个样本。
    """
    return _split(labels, valid_fraction, test_fraction)


def _split(
    labels: np.ndarray, valid_fraction: float, test_fraction: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """每类打乱一次，从开头取验证、从末尾取测试；``test_fraction`` 为 None 时没有测试。

    与运行的种子无关，换种子的两次运行用的是同样的三份。用 RandomState 是因为
    NumPy 保证它的随机数序列在各版本中不变。
    """
    generator = np.random.RandomState(0)
    parts: tuple[list, list, list] = ([], [], [])
    for label in np.unique(labels):
        index = generator.permutation(np.flatnonzero(labels == label))
        first = max(1, round(len(index) * valid_fraction))
        last = len(index)
        if test_fraction is not None:
            last -= max(1, round(len(index) * test_fraction))
        for part, chosen in zip(parts, (index[first:last], index[:first], index[last:])):
            part.append(chosen)
    train, valid, test = (np.sort(np.concatenate(part)) for part in parts)
    return train, valid, test
