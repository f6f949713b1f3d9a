"""图像的预处理：缩放与归一化。训练与预测用同一份代码，所以看到的是同样的数；它随检查点保存。"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import IO, Annotated

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from paddle_notes.data.augment import center_crop
from paddle_notes.data.files import refuse_special
from paddle_notes.errors import UserError

MAX_PIXELS = 1 << 26  # 一张图像至多多少像素：解开之后每像素 4 字节，转换时有三四份
# 太大的、坏的图像由 Preprocess.load 说明，不要 Pillow 的英文
warnings.filterwarnings("ignore", module="PIL")
logging.getLogger("PIL").setLevel(logging.CRITICAL)

# 检查点的说明里的数：类型也要对，不由文字转换
Size = Annotated[int, Field(strict=True, gt=0, lt=2**31)]
Side = Annotated[int, Field(strict=True, gt=0, le=2**14)]  # 图像的边长
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Scale = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


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

    in_channels: Annotated[int, Field(strict=True, ge=1, le=4)]
    image_size: Side
    mean: tuple[Number, ...]
    std: tuple[Scale, ...]
    load_size: Side

    @model_validator(mode="after")
    def agree(self) -> Preprocess:
        if not self.in_channels == len(self.mean) == len(self.std):
            raise ValueError("的均值与标准差的个数与通道数不符")
        if self.image_size > self.load_size:
            raise ValueError("的 image_size 大于 load_size")
        return self

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
            with Image.open(path) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise ValueError(f"有 {opened.width}×{opened.height} 像素，请先缩小")
                if opened.format == "EPS":  # 它是程序，要由别的软件执行
                    raise ValueError("不支持 EPS，请另存为 PNG 或 JPEG")
                ImageOps.exif_transpose(opened, in_place=True)
                image: Image.Image = opened
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
