"""把 VisualDL 里每次评估的图做成动画。

图已经在 VisualDL 的日志里了，继续训练时它也会照步数截断，所以不必另存一份，训练结束时读回来就行。
"""

from __future__ import annotations

import io
from pathlib import Path

MILLISECONDS = 200  # 每一帧
LAST_MILLISECONDS = 2000  # 最后一帧停得久些


def save_animations(vdl_file: Path, folder: Path) -> None:
    """每个标签的图在 ``folder`` 里留下两个文件：最后一张 ``<标签>.png``，与全部的 ``<标签>.gif``。

    没有图时什么也不写。标签里的 / 换成 _；大小不同的各帧以最后一帧为准。
    """
    from PIL import Image
    from visualdl import LogReader

    reader = LogReader(file_path=str(vdl_file))
    for tag in reader.get_tags().get("image", []):
        records = sorted(reader.get_data("image", tag), key=lambda record: record.id)
        frames = [Image.open(io.BytesIO(record.image.encoded_image_string)) for record in records]
        frames = [frame.convert("RGB") for frame in frames if frame.size == frames[-1].size]
        folder.mkdir(exist_ok=True)
        path = folder / tag.replace("/", "_")
        frames[-1].save(f"{path}.png")
        durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
        frames[0].save(f"{path}.gif", save_all=True, append_images=frames[1:], duration=durations, loop=0)
