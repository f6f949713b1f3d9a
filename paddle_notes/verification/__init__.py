"""全部题目：名字 -> 造出题目的函数。``python tools/verify.py`` 逐个检查。

每章一个文件，其中的 ``TOPICS`` 是 {题目: 函数}；函数接受一个随机数生成器，返回
:class:`~paddle_notes.verification.core.Topic`。
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable

# 有题目的章，如 ch03
CHAPTERS = tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if re.fullmatch(r"ch\d\d", m.name)))


def all_topics() -> dict[str, Callable]:
    """题目的名字（如 ``ch03.sigmoid``）-> 造出题目的函数。"""
    topics = {}
    for chapter in CHAPTERS:
        module = importlib.import_module(f"paddle_notes.verification.{chapter}")
        topics.update({f"{chapter}.{name}": function for name, function in module.TOPICS.items()})
    return topics
