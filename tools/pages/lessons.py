"""课的次序、每课的题目与分钟：章的目录页、每课与每章末尾的“上一课 / 下一课”由这里写出。"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from paddle_notes.errors import UserError

DOCS = Path(__file__).resolve().parent.parent.parent / "docs_zh"
HEAD = re.compile(
    r"\A# (?P<title>.+)\n\n> \*\*(?P<minutes>\d+) 分钟\*\* · 先学：(?P<before>.+?) · 学完能：(?P<goal>.+)\n"
)


@dataclass(frozen=True)
class Lesson:
    """一课：``goal`` 是学完能做什么。"""

    path: Path
    title: str
    minutes: int
    goal: str


def read_lesson(path: Path) -> Lesson:
    """由一课的头两行读出题目、分钟与目标。"""
    found = HEAD.match(path.read_text(encoding="utf-8"))
    if found is None:
        raise UserError(
            f"{path} 的开头应当是“# 题目”，空一行，再是“> **20 分钟** · 先学：… · 学完能：…”，写在一行里"
        )
    return Lesson(path, found["title"], int(found["minutes"]), found["goal"].rstrip("。"))


def lesson_paths(chapter: str = "ch*") -> list[Path]:
    """全部的课（或一章的），照学习的次序。"""
    return sorted(DOCS.glob(f"{chapter}/[0-9][0-9]_*.md"))


def lesson_table() -> None:
    """一章的目录：课、分钟、学完能做什么。写在章的 README.md 里。"""
    import cog

    chapter = Path(cog.inFile).resolve().parent
    lessons = [read_lesson(path) for path in lesson_paths(chapter.name)]
    cog.outl("\n| 课 | 分钟 | 学完能 |\n|---|---|---|")
    for number, lesson in enumerate(lessons, start=1):
        cog.outl(f"| {number}. [{lesson.title}]({lesson.path.name}) | {lesson.minutes} | {lesson.goal} |")
    cog.outl(f"\n共 {len(lessons)} 课，{sum(lesson.minutes for lesson in lessons)} 分钟。\n")


def lesson_links() -> None:
    """一课末尾的链接：上一课、本章目录、下一课；跨章时接着走。"""
    import cog

    here = Path(cog.inFile).resolve()
    paths = lesson_paths()
    place = paths.index(here)

    def link(mark: str, path: Path) -> str:
        where = Path(os.path.relpath(path, here.parent)).as_posix()
        return mark.format(f"[{read_lesson(path).title}]({where})")

    parts = [link("← 上一课：{}", paths[place - 1])] if place else []
    parts.append("[本章目录](README.md)")
    parts += [link("下一课：{} →", paths[place + 1])] if place + 1 < len(paths) else []
    cog.outl("\n" + " · ".join(parts) + "\n")


def chapter_links() -> None:
    """一章的深入页末尾的链接：上一章、本章的课、下一章；第 1 章之前是第 0 章的课。"""
    import cog

    here = Path(cog.inFile).resolve()
    pages = [DOCS / "ch00_start" / "README.md", *sorted(DOCS.glob("ch[0-9][0-9]_*.md"))]
    place = pages.index(here)

    def link(mark: str, page: Path) -> str:
        title = page.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")
        return mark.format(f"[{title}]({page.relative_to(DOCS).as_posix()})")

    parts = [link("← 上一章：{}", pages[place - 1])]
    if lesson_paths(here.stem):
        parts.append(f"[本章的课]({here.stem}/README.md)")
    parts.append("[课程首页](README.md)")
    parts += [link("下一章：{} →", pages[place + 1])] if place + 1 < len(pages) else []
    cog.outl("\n" + " · ".join(parts) + "\n")
