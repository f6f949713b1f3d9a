"""把 VisualDL 里每次评估的图做成动画，另拼成一条。

图已经在 VisualDL 的日志里了，继续训练时它也会照步数截断，所以不必另存一份，训练结束时读回来就行。
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

MILLISECONDS = 200  # 每一帧
LAST_MILLISECONDS = 2000  # 最后一帧停得久些
NUM_STAGES, GAP = 5, 8  # 拼成一条的有几帧，隔几个像素


def save_animations(vdl_file: Path, folder: Path) -> list[str]:
    """每个标签的图在 ``folder`` 里留下三个文件，返回它们的名字：

    最后一张 ``<标签>.png``，全部的动画 ``<标签>.gif``，从头到尾取几张并排的 ``<标签>_stages.png``。
    没有图时什么也不写。标签里的 / 换成 _；大小不同的各帧以最后一帧为准。
    """
    from visualdl import LogReader

    written = []
    reader = LogReader(file_path=str(vdl_file))
    for tag in reader.get_tags().get("image", []):
        records = sorted(reader.get_data("image", tag), key=lambda record: record.id)
        frames = [
            frame for record in records if (frame := decode(record.image.encoded_image_string)) is not None
        ]
        if not frames:
            continue
        frames = [frame for frame in frames if frame.size == frames[-1].size]
        folder.mkdir(exist_ok=True)
        path = folder / tag.replace("/", "_")
        frames[-1].save(f"{path}.png")
        stages(frames).save(f"{path}_stages.png")
        durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
        frames[0].save(f"{path}.gif", save_all=True, append_images=frames[1:], duration=durations, loop=0)
        written += [f"{path.name}{ending}" for ending in (".png", "_stages.png", ".gif")]
    return written


def decode(data: bytes) -> Image | None:
    """PNG 的内容读成图像，损坏了是 None；没有颜色的只留一个通道，文件小得多。"""
    from PIL import Image

    try:
        pixels = np.asarray(Image.open(io.BytesIO(data), formats=["PNG"]).convert("RGB"))
    except Exception:  # 解码器对坏的内容抛出的异常五花八门
        return None
    gray = (pixels == pixels[:, :, :1]).all()
    return Image.fromarray(pixels[:, :, 0] if gray else pixels)


def stages(frames: list[Image]) -> Image:
    """第一帧、最后一帧与其间的几帧，从左到右并排。

    开头变得快，后来变得慢，所以间隔逐步加大：第 i 张取在 (i / n)² 处。
    """
    from PIL import Image

    width, height = frames[-1].size
    strip = Image.new(frames[-1].mode, (NUM_STAGES * (width + GAP) - GAP, height), "white")
    for i in range(NUM_STAGES):
        frame = frames[round((len(frames) - 1) * (i / (NUM_STAGES - 1)) ** 2)]
        strip.paste(frame, (i * (width + GAP), 0))
    return strip
