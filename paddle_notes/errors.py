"""用户看得懂的错误，以及“你是不是想写……”。"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST = 30  # 至多列出几个候选


class UserError(Exception):
    """用户自己能改正的错误：消息是一句中文，说明原因与做法。

    命令行工具遇到它时只打印这句话并以状态 2 退出（见 :mod:`paddle_notes.cli`）；
    其余异常都是本项目的缺陷，会照常打印调用栈。
    """


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """返回 ``candidates`` 中与 ``word`` 最像的一个；都不像时返回 None。"""
    folded = {candidate.lower(): candidate for candidate in candidates}
    matches = difflib.get_close_matches(word.lower(), folded, n=5, cutoff=0.5)
    swapped = [match for match in matches if sorted(match) == sorted(word.lower())]  # vgg61 -> vgg16
    return folded[(swapped or matches)[0]] if matches else None


def suggestion(word: str, candidates: Iterable[str]) -> str:
    """“你是不是想写 X？”；没有相近的候选时列出来，很多的只列开头。"""
    candidates = sorted(candidates)
    if match := closest(word, candidates):
        return f"你是不是想写 {match}？"
    more = f"……共 {len(candidates)} 个" if len(candidates) > MOST else ""
    return f"可用的有：{'、'.join(candidates[:MOST])}{more}"


def short(value: object, length: int = 80) -> str:
    """写进消息的值：太长的只写开头。"""
    text = str(value)
    return text if len(text) <= length else f"{text[:length]}…"


class _Short:
    """pydantic 的消息里的值，同 :func:`short`。"""

    def __init__(self, value):
        self.value = value

    def __str__(self) -> str:
        return short(self.value)

    def __repr__(self) -> str:
        return short(repr(self.value))


# pydantic 的错误类型 -> 一句话的后半段；前半段是键名。
_EXPLANATIONS = {
    "missing": "没有给出",
    "int": "应为整数，得到 {input!r}",
    "float": "应为数，得到 {input!r}",
    "finite_number": "应为有限的数，得到 {input!r}",
    "bool": "应为 true 或 false，得到 {input!r}",
    "string": "应为一段文字，得到 {input!r}",
    "list": "应为列表，得到 {input!r}",
    "model": "应为若干个“键: 值”，得到 {input!r}",
    "dict": "应为若干个“键: 值”，得到 {input!r}",
    "dataclass": "应为若干个“键: 值”，得到 {input!r}",
    "greater_than": "应大于 {gt:g}，得到 {input}",
    "greater_than_equal": "不应小于 {ge:g}，得到 {input}",
    "less_than": "应小于 {lt:g}，得到 {input}",
    "less_than_equal": "不应大于 {le:g}，得到 {input}",
    "value_error": "{error}",
}


def explain(error: Mapping[str, Any]) -> str:
    """把 pydantic 的一条错误（``ValidationError.errors()`` 的一项）说成中文。

    不含键名，例如“应为整数，得到 'abc'”。没有对应说法的错误保留原文。
    """
    kind, context = error["type"], error.get("ctx", {})
    error = {**error, "input": _Short(error["input"])}
    if kind == "literal_error":
        choices = [choice.strip("'") for choice in re.split(r", | or ", context["expected"])]
        return f"没有 {error['input']!r} 这种取值；{suggestion(str(error['input']), choices)}"
    for key in (kind, kind.split("_")[0]):
        if key in _EXPLANATIONS:
            return _EXPLANATIONS[key].format(input=error["input"], **context)
    return f"{error['msg']}，得到 {error['input']!r}"


def first_problem(errors: Sequence[Mapping[str, Any]], *where: str) -> str:
    """``ValidationError.errors()`` 的第一条：键名（在 ``where`` 之下）与 :func:`explain` 的说法。"""
    first = errors[0]
    return f"{'.'.join(map(str, (*where, *first['loc'])))} {explain(first)}"


def foreign(source: str, problem: str) -> UserError:
    """检查点的说明 ``source`` 里有一处不对。"""
    return UserError(f"{source} 里的 {problem}；它不是本项目写的，或被改动过，请改用另一个检查点")


def out_of_memory(error: Exception) -> bool:
    """``error`` 是不是内存（或显存）不够：Python、NumPy 与 Paddle 各有各的说法。"""
    words = ("ResourceExhausted", "Out of memory", "out of memory", "Unable to allocate", "bad_alloc")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
