"""图像：读文件、缩放、归一化。训练与预测用同一份代码，所以看到的是同样的数。"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from paddle_notes.errors import UserError


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """把一叠图像 (N, H, W, C) uint8 双线性缩放为 (N, size, size, C)。"""
    if images.shape[1:3] == (size, size):
        return images
    return np.stack([_resize_one(Image.fromarray(image.squeeze()), size) for image in images])


def _resize_one(image: Image.Image, size: int) -> np.ndarray:
    pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
    return pixels.reshape(size, size, -1)


@dataclass(frozen=True)
class Preprocess:
    """一张图像怎样变成网络的输入：通道数、边长、每个通道的均值与标准差（像素先除以 255）。"""

    in_channels: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normalize(self, images: np.ndarray) -> np.ndarray:
        """(N, C, H, W) uint8 → float32，每个通道 (x/255 − mean)/std。"""
        mean = np.array(self.mean, "float32").reshape(-1, 1, 1) * 255
        std = np.array(self.std, "float32").reshape(-1, 1, 1) * 255
        return (images - mean) / std

    def read(self, path: Path) -> np.ndarray:
        """读任意大小、任意模式的图像文件，返回 (C, H, W) uint8。

        按 EXIF 转正；透明处视为白色；16 位灰度取高 8 位。读不了时抛 :class:`UserError`。
        """
        try:
            with Image.open(path) as image:
                image = ImageOps.exif_transpose(image)
                if image.mode.startswith("I"):
                    image = Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    white = Image.new("RGBA", image.size, "white")
                    image = Image.alpha_composite(white, image)
                image = image.convert("L" if self.in_channels == 1 else "RGB")
                return _resize_one(image, self.image_size).transpose(2, 0, 1)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UserError(f"读不了图像 {path}：{error}") from error


@dataclass(frozen=True)
class ImageSet:
    """一份放在内存里的图像数据。

    属性：
        images: (N, C, H, W) uint8。
        labels: (N,) int64，从 0 开始的类别编号。
        class_names: 各类的名字。
        preprocess: 归一化所需的数。
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    preprocess: Preprocess

    def info(self) -> dict:
        """网络与预测需要知道的事，可写成 JSON。"""
        return {
            "num_classes": len(self.class_names),
            "class_names": list(self.class_names),
            "preprocess": asdict(self.preprocess),
        }
