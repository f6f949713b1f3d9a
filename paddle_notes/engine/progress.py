"""接着训练用到的检查点的说明：各项在不在，类型对不对。

说明自己有校验和，写好之后改动过的读不出来；早先的版本写的没有，校验和也可以一并改掉，所以用之前再看一遍。
造网络与预处理用到的各项由 :func:`paddle_notes.data.info.read_info` 看。
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from paddle_notes.errors import first_problem, foreign

Count = Annotated[int, Field(ge=0, lt=2**53)]
Size = Annotated[int, Field(gt=0, lt=2**31)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Model(_Part):
    name: str


class _Best(_Part):
    metric: str
    value: float
    epoch: Count
    step: Count


class _Progress(_Part):
    model: _Model | None = None
    data: dict[str, Any] = {}
    config: dict[str, Any] = {}
    fingerprint: dict[str, dict[str, Any] | None] = {}
    epoch: Count
    step: Count
    steps_per_epoch: Size
    total_steps: Size | None = None
    metrics: dict[str, float]
    best: _Best | Annotated[dict[str, Any], Field(max_length=0)]
    seconds: Annotated[float, Field(ge=0)]
    train_seconds: Annotated[float, Field(ge=0)]
    num_seen: Count
    unlogged: list[Annotated[tuple[dict[str, float], Count, dict[str, Count]], Field(strict=False)]] = []


def check_progress(state: dict, source: str) -> None:
    """接着训练用到的各项；``source`` 是说明文件的名字，写进消息。"""
    try:
        _Progress.model_validate(state)
    except ValidationError as error:
        raise foreign(source, first_problem(error.errors())) from error
