"""写 SVG：结构图共用的方框、连线与文字。

颜色两套：浅色与深色，随系统的设置（``prefers-color-scheme``）而换。方框里的字画在方框的底色上，
方框外的字与线用中灰色，底色是白是黑都看得清，所以图没有自己的底色。
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from html import escape
from pathlib import Path

FONTS = '"Noto Sans CJK SC","Microsoft YaHei","PingFang SC",sans-serif'
SIZE, SMALL = 15, 13  # 字号

# 方框的种类 -> 浅色的底与边，深色的底与边
COLORS = {
    "input": ("#eef1f4", "#8b95a1", "#2b323b", "#8b95a1"),
    "conv": ("#dbe9fb", "#3f7fcf", "#1c3553", "#5b9be6"),
    "pool": ("#fdead0", "#d98a1f", "#4a3413", "#e0a044"),
    "linear": ("#d9f1df", "#3b9a58", "#183d25", "#56b876"),
    "norm": ("#ebe2fa", "#8a63cc", "#372854", "#a486dd"),
    "act": ("#fbf3c4", "#b39a1a", "#433a0d", "#cdb63c"),
    "join": ("#fbdcdf", "#cf5263", "#50212a", "#e57483"),
    "block": ("#d5f0ef", "#2d9290", "#143d3c", "#4bb5b2"),
    "view": ("#eef1f4", "#8b95a1", "#2b323b", "#8b95a1"),
}
LINE = "#7d8793"  # 线与方框外的字：白底与黑底上都看得清
MARK = re.compile(r"([_*])\{([^}]*)\}")  # h_{t-1} 是下标，*{×2} 是醒目的
SKIP = "#d9534f"  # 绕过几层的线


def text_width(text: str, size: float = SIZE) -> float:
    """大致的宽度：汉字与全角标点是一个字号，别的约 0.58 个。"""
    plain, found = MARK.sub("", text), MARK.findall(text)
    parts = [(plain, 1.0), *((words, 0.75 if sign == "_" else 1.0) for sign, words in found)]
    return size * sum(
        share * (1.0 if unicodedata.east_asian_width(char) in "WF" or char in "·…⊙" else 0.58)
        for words, share in parts
        for char in words
    )


def spans(text: str, size: float) -> str:
    """一行字的 SVG：下标小一些、低一些；醒目的换颜色。"""
    parts = MARK.split(text)  # 正文、记号、记号里的字，循环
    drop, words = number(0.22 * size), escape(parts[0], quote=False)
    for sign, inner, after in zip(parts[1::3], parts[2::3], parts[3::3]):
        inner, after = escape(inner, quote=False), escape(after, quote=False)
        if sign == "*":
            words += f'<tspan class="k" font-weight="bold">{inner}</tspan>{after}'
        else:
            words += f'<tspan dy="{drop}" font-size="{number(0.75 * size)}">{inner}</tspan>'
            words += f'<tspan dy="-{drop}">{after}</tspan>' if after else ""
    return words


def style() -> str:
    """图里的 CSS。"""
    light = [f".{name}{{fill:{fill};stroke:{edge}}}" for name, (fill, edge, _, _) in COLORS.items()]
    dark = [f".{name}{{fill:{fill};stroke:{edge}}}" for name, (_, _, fill, edge) in COLORS.items()]
    return (
        f"text{{font-family:{FONTS};fill:#1d2430}}.s{{fill:#4a5462}}.o{{fill:{LINE}}}.k{{fill:{SKIP}}}"
        f"rect,circle{{stroke-width:1.4}}.frame{{fill:none;stroke:{LINE}}}.d{{stroke-dasharray:5 4}}"
        f"{''.join(light)}"
        f".l{{fill:none;stroke:{LINE};stroke-width:1.5}}.j{{fill:none;stroke:{SKIP};stroke-width:1.8}}"
        f"@media(prefers-color-scheme:dark){{text{{fill:#edf1f6}}.s{{fill:#b9c2cd}}.o{{fill:{LINE}}}"
        f".k{{fill:{SKIP}}}{''.join(dark)}}}"
    )


def number(value: float) -> str:
    """坐标：至多一位小数。"""
    return f"{value:.1f}".removesuffix(".0")


class Canvas:
    """一张图。坐标的单位是像素，y 向下；:meth:`save` 时按画过的东西定大小。"""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.left = self.top = float("inf")
        self.right = self.bottom = float("-inf")

    def reach(self, *points: tuple[float, float]) -> None:
        """图至少要包含这些点。"""
        for x, y in points:
            self.left, self.right = min(self.left, x), max(self.right, x)
            self.top, self.bottom = min(self.top, y), max(self.bottom, y)

    def text(
        self, x: float, y: float, words: str, size: float = SIZE, kind: str = "", anchor: str = "middle"
    ) -> None:
        """一行字，``y`` 是它的正中。``kind``：空是方框里的字，s 是浅些的，o 是方框外的，k 是醒目的。"""
        width = text_width(words, size)
        start = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
        self.reach((start, y - size * 0.7), (start + width, y + size * 0.7))
        place = "" if anchor == "middle" else f' text-anchor="{anchor}"'
        role = f' class="{kind}"' if kind else ""
        self.items.append(
            f'<text x="{number(x)}" y="{number(y + 0.36 * size)}" font-size="{number(size)}"{role}{place}>'
            f"{spans(words, size)}</text>"
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        kind: str = "view",
        lines: Sequence[str] = (),
        dashed: bool = False,
        radius: float = 7,
        size: float = SIZE,
    ) -> None:
        """以 (x, y) 为中心的方框，里面是几行字：第一行大，其余的小。"""
        left, top = x - width / 2, y - height / 2
        self.reach((left, top), (left + width, top + height))
        role = f"{kind} d" if dashed else kind
        self.items.append(
            f'<rect class="{role}" x="{number(left)}" y="{number(top)}" width="{number(width)}" '
            f'height="{number(height)}" rx="{number(radius)}"/>'
        )
        sizes = [size, *[size - 2] * (len(lines) - 1)]
        middle = y - sum(sizes) * 1.3 / 2
        for words, one in zip(lines, sizes):
            self.text(x, middle + one * 0.65, words, one, "" if one == size else "s")
            middle += one * 1.3

    def circle(
        self, x: float, y: float, radius: float, kind: str = "join", words: str = "", size: float = SIZE
    ) -> None:
        """一个圆，里面一行字：逐个元素的运算、一个神经元。"""
        self.reach((x - radius, y - radius), (x + radius, y + radius))
        self.items.append(f'<circle class="{kind}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>')
        if words:
            self.text(x, y, words, size)

    def path(
        self, *points: tuple[float, float], skip: bool = False, arrow: bool = True, dashed: bool = False
    ) -> None:
        """折线，拐角是圆的；末端有箭头。"""
        self.reach(*points)
        words = [f"M{number(points[0][0])} {number(points[0][1])}"]
        for before, corner, after in zip(points, points[1:], points[2:]):
            ends = []
            for other in (before, after):
                length = max(1e-6, ((other[0] - corner[0]) ** 2 + (other[1] - corner[1]) ** 2) ** 0.5)
                share = min(9.0, length / 2) / length
                ends.append(tuple(c + share * (o - c) for c, o in zip(corner, other)))
            (ax, ay), (bx, by) = ends
            words.append(f"L{number(ax)} {number(ay)}Q{number(corner[0])} {number(corner[1])}")
            words.append(f" {number(bx)} {number(by)}")
        words.append(f"L{number(points[-1][0])} {number(points[-1][1])}")
        role = ("j" if skip else "l") + (" d" if dashed else "")
        head = f' marker-end="url(#{"k" if skip else "a"})"' if arrow else ""
        self.items.append(f'<path class="{role}" d="{"".join(words)}"{head}/>')

    def svg(self, title: str, margin: float = 10) -> str:
        """整张图的文字。"""
        left, top = self.left - margin, self.top - margin
        width, height = self.right - left + margin, self.bottom - top + margin
        heads = "".join(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" fill="{color}"/></marker>'
            for name, color in (("a", LINE), ("k", SKIP))
        )
        size = " ".join(map(number, (left, top, width, height)))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" width="{number(width)}" '
            f'height="{number(height)}" role="img" text-anchor="middle">\n'
            f"<title>{escape(title, quote=False)}</title>\n<style>{style()}</style>\n<defs>{heads}</defs>\n"
            + "\n".join(self.items)
            + "\n</svg>\n"
        )

    def save(self, path: Path, title: str) -> None:
        """写成一个 SVG 文件。"""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.svg(title), encoding="utf-8", newline="\n")
