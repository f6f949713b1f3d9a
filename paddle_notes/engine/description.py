"""检查点的说明应有的样子：预测、生成、接着训练用到的各项在不在，类型对不对，彼此是否相符。

说明自己有校验和，写好之后改动过的读不出来；早先的版本写的没有，校验和也可以一并改掉，所以用之前再看一遍。
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from paddle_notes.errors import UserError, explain

Count = Annotated[int, Field(ge=0, lt=2**53)]
Size = Annotated[int, Field(gt=0, lt=2**31)]
Side = Annotated[int, Field(gt=0, le=2**14)]  # 图像的边长
Number = Annotated[float, Field(allow_inf_nan=False)]
Scale = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Tokenizer = Annotated[str, Field(pattern="^(char|word|jieba)$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Info(_Part):
    kind: str
    facts: dict[str, Size | str]


class _Preprocess(_Part):
    in_channels: Annotated[int, Field(ge=1, le=4)]
    image_size: Side
    load_size: Side
    mean: list[Number]
    std: list[Scale]


class _Image(_Info):
    class_names: list[str]
    preprocess: _Preprocess


class _Text(_Info):
    class_names: list[str]
    vocabulary: list[str]
    tokenizer: Tokenizer
    max_length: Size


class _Series(_Info):
    window: Size
    target_scale: Scale


class _Language(_Info):
    vocabulary: list[str]
    boundary: Count
    carry: bool


class _Pairs(_Info):
    source_vocabulary: list[str]
    target_vocabulary: list[str]
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    max_length: Size


class _Words(_Info):
    vocabulary: list[str]


KINDS: dict[str, type[_Info]] = {
    "image": _Image,
    "text": _Text,
    "series": _Series,
    "language": _Language,
    "pairs": _Pairs,
    "word_pairs": _Words,
    "word_windows": _Words,
    "caption": _Words,
}
FACTS = {  # 导出时用到的
    "image": ("in_channels", "image_size", "num_classes"),
    "text": ("vocab_size", "num_classes"),
    "series": ("num_features",),
    "table": ("num_features",),
}
LENGTHS = {  # 网络的选项 -> 它是哪个列表的长度
    "num_classes": "class_names",
    "vocab_size": "vocabulary",
    "src_vocab_size": "source_vocabulary",
    "tgt_vocab_size": "target_vocabulary",
}


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


def _check(section: type[BaseModel], tree: Any, source: str, key: str = "") -> None:
    try:
        section.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in (key, *first["loc"]) if part != "")
        _refuse(source, f"{where} {explain(first)}")


def _refuse(source: str, problem: str) -> None:
    raise UserError(f"{source} 里的 {problem}；它不是本项目写的，或被改动过，请改用另一个检查点")


def check_progress(state: dict, source: str) -> None:
    """接着训练用到的各项；``source`` 是说明文件的名字，写进消息。"""
    _check(_Progress, state, source)


def check_description(model: Any, data: Any, source: str) -> None:
    """重造网络与预处理用到的各项：``model`` 是网络的选项，``data`` 是数据的说明。"""
    _check(_Model, model, source, "model")
    _check(_Info, data, source, "data")
    _check(KINDS.get(data["kind"], _Info), data, source, "data")
    facts = data["facts"]
    if missing := [key for key in FACTS.get(data["kind"], ()) if key not in facts]:
        _refuse(source, f"data.facts.{missing[0]} 没有给出")
    for key, value in facts.items():
        if key in model and model[key] != value:
            _refuse(source, f"model.{key} 与 data.facts.{key} 不符")
        if (name := LENGTHS.get(key)) in data and len(data[name]) != value:
            _refuse(source, f"data.{name} 有 {len(data[name])} 项，data.facts.{key} 却是 {value}")
    if data["kind"] == "image":
        preprocess = data["preprocess"]
        channels = {
            preprocess["in_channels"],
            facts["in_channels"],
            *map(len, (preprocess["mean"], preprocess["std"])),
        }
        if (
            len(channels) > 1
            or not preprocess["image_size"] == facts["image_size"] <= preprocess["load_size"]
        ):
            _refuse(source, "data.preprocess 与 data.facts 不符")
