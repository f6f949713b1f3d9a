"""词元与词表：文字 → 词元 → 编号。词表只由训练部分数出，随检查点保存，评估、预测、生成原样取用。"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from paddle_notes.tokens import BEGIN, END, PAD, SPECIAL, UNKNOWN

MAX_TOKEN = 100  # 词元（连同它前后的空白）平均不会比这更长


class Vocabulary:
    """词元与编号的一一对应。0 是填充，1 是不认识的词元，2、3 是句子的开始与结束。

    参数：
        tokens: 全部词元，前四个是 :data:`SPECIAL`。
    """

    def __init__(self, tokens: Sequence[str]):
        self.tokens = list(tokens)
        self.ids = {token: index for index, token in enumerate(self.tokens)}

    @classmethod
    def count(
        cls, texts: Iterable[Iterable[str]], min_count: int = 1, max_tokens: int | None = None
    ) -> Vocabulary:
        """由训练部分的各句（词元的序列）数出词表：次数多的在前，次数相同的按文字排序。"""
        counter: Counter[str] = Counter()
        for tokens in texts:
            counter.update(tokens)
        for token in SPECIAL:
            counter.pop(token, None)
        ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
        kept = [token for token, count in ordered if count >= min_count]
        if max_tokens is not None:
            kept = kept[: max(0, max_tokens - len(SPECIAL))]
        return cls([*SPECIAL, *kept])

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """词元 → 编号，不认识的是 1。"""
        return [self.ids.get(token, UNKNOWN) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """编号 → 词元，遇到结束符为止，跳过填充与开始符。"""
        tokens = []
        for index in ids:
            if index == END:
                break
            if index not in (PAD, BEGIN):
                tokens.append(self.tokens[int(index)])
        return tokens


def tokenize(text: str, tokenizer: str, limit: int | None = None) -> list[str]:
    """切成词元：``char`` 逐字（空白不算），``word`` 按空白与标点，``jieba`` 中文分词。

    只要 ``limit`` 个时只看开头够用的一段：几十 MB 的一行也不会整行去分词。
    """
    if limit is not None:
        text = text[: MAX_TOKEN * limit]
    if tokenizer == "char":
        tokens: Iterable[str] = (character for character in text if not character.isspace())
    elif tokenizer == "word":
        tokens = re.findall(r"\w+|[^\w\s]", text.lower())
    else:
        import jieba

        jieba.setLogLevel("WARNING")
        tokens = (token for token in jieba.cut(text) if not token.isspace())
    return list(itertools.islice(tokens, limit))


def pad(sequences: Sequence[Sequence[int]], length: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """补齐成 (N, T) int64，空处填 0；返回补齐的数组与各自的长度 (N,)。"""
    lengths = np.array([len(sequence) for sequence in sequences], "int64")
    table = np.full((len(sequences), length or max(1, lengths.max(initial=0))), PAD, "int64")
    for row, sequence in zip(table, sequences):
        row[: len(sequence)] = sequence
    return table, lengths


def normalized(text: str) -> str:
    """去掉标点、空白、大小写与全角半角之别：用来判断两段文字是不是同一段。"""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower())
