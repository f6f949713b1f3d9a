"""图里的中文：找一个机器上真有的中文字体；一个也没有时，图上的字改用英文，不出现方框。

matplotlib 自带的字体没有汉字。Windows、macOS 与装了文泉驿或 Noto CJK 的 Linux 都有可用的字体。
"""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

# 按优先次序：Windows、macOS、Linux 上常见的中文字体
CHINESE_FONTS = (
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "STHeiti",
    "Arial Unicode MS",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
)
# 这些字体的文件名里有的字
FILE_NAMES = (
    "cjk",
    "sourcehan",
    "wqy",
    "droidsansfallback",
    "msyh",
    "simhei",
    "pingfang",
    "hiragino",
    "heiti",
)


@functools.cache
def chinese_font() -> str | None:
    """第一个装了的中文字体的名字，并设为 matplotlib 的默认字体；没有则为 None。"""
    import matplotlib
    from matplotlib import font_manager

    manager = font_manager.fontManager
    known = {font.fname for font in manager.ttflist}
    if not any(font.name in CHINESE_FONTS for font in manager.ttflist):
        # matplotlib 只在第一次使用时查找字体，之后装的要自己加进来
        for path in font_manager.findSystemFonts():
            if path not in known and any(part in Path(path).name.lower() for part in FILE_NAMES):
                with contextlib.suppress(RuntimeError):  # 坏的字体文件
                    manager.addfont(path)
    installed = {font.name for font in manager.ttflist}
    name = next((name for name in CHINESE_FONTS if name in installed), None)
    if name is not None:
        matplotlib.rcParams["font.family"] = [name, "DejaVu Sans"]  # 缺的字形（如 −）由后者补上
    return name


def label(chinese: str, english: str) -> str:
    """图上的一处文字：有中文字体时用 ``chinese``，否则用 ``english``。"""
    return chinese if chinese_font() else english
