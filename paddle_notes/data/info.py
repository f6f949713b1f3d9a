"""数据的说明：造网络、造任务、评估与预测要知道的一切。各种数据一个类，随检查点保存，用时原样取出。

``facts()`` 是由数据决定的网络选项（类别数、图像边长、词表大小……），其中 ``input_size`` 说明输入：
网络没有这个选项，就用不了这种数据。
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, field_validator

from paddle_notes.data.preprocess import Number, Preprocess, Scale, Size
from paddle_notes.errors import first_problem, foreign, short

Count = Annotated[int, Field(strict=True, ge=0, lt=2**53)]
Tokenizer = Annotated[str, Field(pattern="^(char|word|jieba)$")]


class Info(BaseModel):
    """各种说明的共同点。"""

    model_config = ConfigDict(frozen=True)

    kind: ClassVar[str]  # 数据的种类
    input_size: ClassVar[str]

    def facts(self) -> dict[str, int | str]:
        """由数据决定的网络选项。"""
        raise NotImplementedError

    def unbounded(self) -> dict[str, str]:
        """这份数据没有上限的网络选项：名字 -> 办法。网络要它，就用不了这份数据。"""
        return {}

    def dump(self) -> dict[str, Any]:
        """写进检查点的样子，可写成 JSON；:func:`read_info` 由它读回。"""
        return {"kind": self.kind, "facts": self.facts(), **self.model_dump(mode="json")}


class ImageInfo(Info):
    """图像分类。"""

    kind = "image"
    input_size = "in_channels"

    class_names: list[str]
    preprocess: Preprocess

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def facts(self) -> dict[str, int | str]:
        shape = {"in_channels": self.preprocess.in_channels, "image_size": self.preprocess.image_size}
        return {**shape, "num_classes": self.num_classes}


class TextInfo(Info):
    """文本分类：词表、怎样切成词元、至多取几个。"""

    kind = "text"
    input_size = "vocab_size"

    class_names: list[str]
    vocabulary: list[str]
    tokenizer: Tokenizer
    max_length: Size

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def facts(self) -> dict[str, int | str]:
        return {"vocab_size": len(self.vocabulary), "num_classes": self.num_classes}


class TableInfo(Info):
    """表格：目标的标准差，与编码的规则。"""

    kind = "table"
    input_size = "num_features"

    num_features: Size
    target_scale: Scale
    encoder: dict[str, Any] = {}

    def facts(self) -> dict[str, int | str]:
        return {"num_features": self.num_features}


class SeriesInfo(Info):
    """时间序列：窗口的长度，缩放的均值与标准差，预测的是不是差分。"""

    kind = "series"
    input_size = "num_features"
    num_features: ClassVar[int] = 1

    window: Size
    target_scale: Scale
    mean: Number = 0.0
    difference: StrictBool = False
    name: str = ""

    def facts(self) -> dict[str, int | str]:
        return {"num_features": self.num_features, "window": self.window}


class LanguageInfo(Info):
    """语言模型：字表，一篇的边界是几号，相邻两批是否首尾相接；不相接时一段至多 ``max_length`` 个字。"""

    kind = "language"
    input_size = "vocab_size"

    vocabulary: list[str]
    boundary: Count
    carry: StrictBool
    max_length: Size | None = None
    name: str = ""

    @property
    def vocab_size(self) -> int:
        return len(self.vocabulary)

    def facts(self) -> dict[str, int | str]:
        limit = {} if self.max_length is None else {"max_length": self.max_length}
        return {"vocab_size": self.vocab_size, **limit}

    def unbounded(self) -> dict[str, str]:
        remedy = "data.carry=true 时各段首尾相接，没有尽头；请设 data.carry=false"
        return {"max_length": remedy} if self.carry else {}


class CaptionInfo(Info):
    """看图说话：字表，句子至多多长，像素（0 到 1）的均值与标准差。"""

    kind = "caption"
    input_size = "in_channels"

    vocabulary: list[str]
    image_size: Size
    max_length: Size
    mean: Number
    std: Scale

    def facts(self) -> dict[str, int | str]:
        return {"vocab_size": len(self.vocabulary), "in_channels": 1, "image_size": self.image_size}


class PairInfo(Info):
    """成对的文本：两份词表，怎样切成词元，目标句的词元数的上限（含结束符）。"""

    kind = "pairs"
    input_size = "src_vocab_size"

    source_vocabulary: list[str]
    target_vocabulary: list[str]
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    max_length: Size
    name: str = ""

    def facts(self) -> dict[str, int | str]:
        return {
            "src_vocab_size": len(self.source_vocabulary),
            "tgt_vocab_size": len(self.target_vocabulary),
        }


class WordPairInfo(Info):
    """词向量：词表里都是词；``architecture`` 是 skip_gram 或 cbow。"""

    kind = "word_pairs"
    input_size = "vocab_size"

    vocabulary: list[str]
    architecture: str

    def facts(self) -> dict[str, int | str]:
        return {"vocab_size": len(self.vocabulary), "architecture": self.architecture}


class WordWindowInfo(Info):
    """神经语言模型：词表，看前面几个词，各词在训练部分里的次数。"""

    kind = "word_windows"
    input_size = "vocab_size"

    vocabulary: list[str]
    context_size: Size
    counts: list[Count]

    def facts(self) -> dict[str, int | str]:
        return {"vocab_size": len(self.vocabulary), "context_size": self.context_size}


KINDS: dict[str, type[Info]] = {
    info.kind: info
    for info in (
        *(ImageInfo, TextInfo, TableInfo, SeriesInfo, LanguageInfo, CaptionInfo, PairInfo),
        *(WordPairInfo, WordWindowInfo),
    )
}


class _Model(BaseModel):
    name: str


class _Head(BaseModel):
    kind: str

    @field_validator("kind")
    @classmethod
    def known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"没有 {short(kind)} 这种数据")
        return kind

    facts: dict[str, Size | str]


class _Description(BaseModel):
    model: _Model
    data: _Head


def read_info(model: Any, data: Any, source: str) -> Info:
    """由检查点里网络的选项 ``model`` 与数据的说明 ``data`` 读出说明，并核对两者相符。

    说明自己有校验和，写好之后改动过的读不出来；早先的版本写的没有，校验和也可以一并改掉，所以用之前再看一遍。
    缺了、类型不对、彼此不符的抛 :class:`UserError`，``source`` 是说明文件的名字。
    """

    def parse(section: type[BaseModel], tree: Any, *where: str) -> Any:
        try:
            return section.model_validate(tree)
        except ValidationError as error:
            raise foreign(source, first_problem(error.errors(), *where)) from error

    parse(_Description, {"model": model, "data": data})
    said = data["facts"]
    info = parse(KINDS[data["kind"]], {**said, **data}, "data")
    for key, value in info.facts().items():
        if key not in said:
            raise foreign(source, f"data.facts.{key} 没有给出")
        if said[key] != value or isinstance(said[key], bool):
            raise foreign(source, f"data.facts.{key} 与 data 的别的项不符")
        if key in model and model[key] != value:
            raise foreign(source, f"model.{key} 与 data.facts.{key} 不符")
    return info
