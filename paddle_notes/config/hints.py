"""配置写错时要说的话：哪个键，错在哪里，你是不是想写……。"""

from __future__ import annotations

from pydantic import ValidationError

from paddle_notes.config.schema import DATA_SECTIONS, TASK_SECTIONS, all_keys
from paddle_notes.errors import closest, explain, short


def _closest_key(unknown: str, owner: str | None) -> str:
    """与一个不认识的键最接近的键：先找别处的同名键，再找同一节里相似的。

    ``owner`` 是写错的键所在的那一种 ``data`` 或 ``task`` 的名字，别的种类不必看。
    """
    parent, _, name = unknown.rpartition(".")
    kinds = {section.__name__ for section in (*DATA_SECTIONS, *TASK_SECTIONS)}
    others = kinds - {owner} if owner else set()
    keys = [key for key, section, _ in all_keys() if section.__name__ not in others]
    elsewhere = [key for key in keys if key.rpartition(".")[2] == name]
    if elsewhere:
        return f"你是不是想写 {elsewhere[0]}？"
    siblings = {key.rpartition(".")[2]: key for key in keys if key.rpartition(".")[0] == parent}
    match = closest(name, siblings)  # 只比最后一段：train.qqqq 与 train.epochs 并不相像
    return f"你是不是想写 {siblings[match]}？" if match else f"可用的有：{'、'.join(siblings.values())}"


def describe(error: ValidationError, source: str) -> str:
    errors = error.errors()
    first = errors[0]
    kinds = {section.__name__ for section in (*DATA_SECTIONS, *TASK_SECTIONS)}
    owner = next((part for part in first["loc"] if part in kinds), None)
    key = ".".join(str(part) for part in first["loc"] if part not in kinds)
    if first["type"] == "extra_forbidden":
        message = f"不认识的键 {short(key)}；{_closest_key(key, owner)}"
    elif first["type"] == "missing_name":
        message = f"{key}.name 没有给出"
    elif first["type"] == "unknown_name":
        message = f"{key}.name {first['msg']}"
    elif key == "runtime.device":
        message = f"runtime.device 应为 auto、cpu、gpu 或 gpu:N，得到 {first['input']!r}"
    else:
        message = f"{short(key)} {explain(first)}"
    more = f"（另有 {len(errors) - 1} 处错误）" if len(errors) > 1 else ""
    return f"{source}：{message}{more}"
