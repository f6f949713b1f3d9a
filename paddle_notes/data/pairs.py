"""制表符分开的句对文件：英文、中文，其余列不用。英文按词、中文按字切开。

划分时英文相同或中文相同（不计标点与大小写）的句对总在同一份里，验证与测试的句子训练时从未见过。
一句有几个译文时，它们都是参考译文：与其中任何一个相同就算对。
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from paddle_notes.data.batches import Arrays, BucketBatches
from paddle_notes.data.files import read_text
from paddle_notes.data.info import PairInfo
from paddle_notes.data.translation import retrieve, translation_scores
from paddle_notes.data.vocabulary import Vocabulary, normalized, pad, tokenize
from paddle_notes.errors import UserError
from paddle_notes.tokens import BEGIN, END

TOKENIZERS = ("word", "char")  # 英文按词，中文按字


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """文件里的各对句子；空行不要，没有制表符的行是错误。

    一行是 英文、中文、其余不用的列，或 Tatoeba 网站导出的 编号、英文、编号、中文。
    """
    pairs = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) < 2:
            raise UserError(f"{path} 第 {number} 行没有制表符；每行应是“英文、制表符、中文”，其余列不用")
        if len(columns) >= 4 and columns[0].isdigit() and columns[2].isdigit():
            columns = columns[1::2]
        pairs.append((columns[0], columns[1]))
    if not pairs:
        raise UserError(f"{path} 里没有句对")
    return pairs


def connected(pairs: Sequence[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """把英文相同或中文相同（不计标点与大小写）的句对连在一起，返回各个连通的组；没有文字的不要。"""
    parent: dict[tuple[int, str], tuple[int, str]] = {}

    def root(node: tuple[int, str]) -> tuple[int, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    both = [[(side, normalized(text)) for side, text in enumerate(pair)] for pair in pairs]
    nodes = {pair: ends for pair, ends in zip(pairs, both) if all(text for _, text in ends)}
    for source, target in nodes.values():
        parent[root(source)] = root(target)
    groups: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for pair, (source, _) in nodes.items():  # 完全相同的句对只有一个
        groups.setdefault(root(source), []).append(pair)
    return list(groups.values())


def split_pairs(
    pairs: Sequence[tuple[str, str]], valid_fraction: float, test_fraction: float
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
    """训练、验证、测试的句对：连通的组按散列排好次序，测试与验证从前面取，最大的一组总归训练。"""

    def key(group: list[tuple[str, str]]) -> tuple[int, str]:
        first = min(normalized(source) for source, _ in group)
        return zlib.crc32(first.encode()), first

    def flat(part: list[list[tuple[str, str]]]) -> list[tuple[str, str]]:
        return [pair for group in part for pair in group]

    groups = sorted(connected(pairs), key=key)
    num_test, num_valid = (max(1, round(len(groups) * part)) for part in (test_fraction, valid_fraction))
    if len(groups) <= num_test + num_valid:
        raise UserError(f"互不相干的句子只有 {len(groups)} 组，分不出训练、验证、测试三部分")
    largest = groups.pop(max(range(len(groups)), key=lambda i: len(groups[i])))
    test, valid = groups[:num_test], groups[num_test : num_test + num_valid]
    train = [largest, *groups[num_test + num_valid :]]
    return flat(train), flat(valid), flat(test)


@dataclass
class PairSet:
    """一份句对。

    属性：
        pairs: 各对 (英文, 中文)。
        sources, targets: 两边的词表。
        max_length: 一句至多几个词元（目标句另有结束符）。

        source_ids, target_ids: 两边的词元编号，目标句有开始符与结束符。
        lengths: (N,) int64，一对共有几个词元。
        groups: (N,) int64，各对的英文是第几个不同的英文句子：词元相同的就是同一句。
    """

    pairs: list[tuple[str, str]]
    sources: Vocabulary
    targets: Vocabulary
    max_length: int
    source_ids: list[list[int]] = field(init=False)
    target_ids: list[list[int]] = field(init=False)
    lengths: np.ndarray = field(init=False)
    groups: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        tokens = [tuple(tokenize(pair[0], TOKENIZERS[0])) for pair in self.pairs]
        numbers = {one: number for number, one in enumerate(dict.fromkeys(tokens))}
        self.groups = np.array([numbers[one] for one in tokens], "int64")
        self.source_ids = [self.sources.encode(one) for one in tokens]
        targets = (self.targets.encode(tokenize(pair[1], TOKENIZERS[1])) for pair in self.pairs)
        self.target_ids = [[BEGIN, *ids, END] for ids in targets]
        lengths = [len(a) + len(b) for a, b in zip(self.source_ids, self.target_ids)]
        self.lengths = np.array(lengths, "int64")

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: np.ndarray) -> Arrays:
        """(源句 (B, S), 目标句 (B, T), 是第几个不同的源句 (B,))，int64。"""
        sources, _ = pad([self.source_ids[i] for i in index])
        targets, _ = pad([self.target_ids[i] for i in index])
        return sources, targets, self.groups[index]

    def texts(self) -> tuple[list[str], list[list[str]]]:
        """各个不同的源句，与各句的参考译文。"""
        references: dict[int, list[str]] = {}
        sources = []
        for group, (source, target) in zip(self.groups.tolist(), self.pairs):
            if group not in references:
                sources.append(source)
            references.setdefault(group, []).append(target)
        return sources, list(references.values())

    def info(self) -> PairInfo:
        return PairInfo(
            source_vocabulary=self.sources.tokens,
            target_vocabulary=self.targets.tokens,
            source_tokenizer=TOKENIZERS[0],
            target_tokenizer=TOKENIZERS[1],
            max_length=self.max_length + 1,  # 目标句另有结束符
            name="pairs",
        )

    def baselines(self, others: dict[str, PairSet]) -> dict[str, dict[str, dict[str, float]]]:
        """最近邻检索：训练部分里英文最相近的一句的中文，就当作译文。"""
        scores = {}
        for name, other in others.items():
            sources, references = other.texts()
            scores[name] = translation_scores(retrieve(self.pairs, sources), references)
        return {"最近邻检索": scores}

    def batches(self, config, training: bool = False, seed: int = 0) -> PairBatches:
        return PairBatches(self, config.batch_size, training, seed)


class PairBatches(BucketBatches):
    """句对的批。

    评估时一个样本是一个不同的源句，它的各个参考译文在同一批里，才能说译文与其中任何一个相同。
    """

    @property
    def num_samples(self) -> int:
        return len(self.dataset) if self.training else int(self.dataset.groups.max()) + 1

    def indices(self, epoch: int) -> list[np.ndarray]:
        if self.training:
            return super().indices(epoch)
        groups = self.dataset.groups
        longest = np.zeros(self.num_samples, "int64")
        np.maximum.at(longest, groups, self.dataset.lengths)
        place = np.empty_like(longest)  # 各源句按长度排在第几
        place[np.argsort(longest, kind="stable")] = np.arange(len(longest))
        order = np.argsort(place[groups], kind="stable")
        ends = np.arange(self.batch_size, self.num_samples, self.batch_size)
        return np.split(order, np.searchsorted(place[groups][order], ends))


def load_pairs(config) -> tuple[PairSet, PairSet, PairSet]:
    """制表符分开的句对文件：英文、中文，其余列不用；UTF-8（有没有 BOM 都行）或 GB18030。"""
    if config.path is None:
        raise UserError("data.name=pairs 要用 -o data.path=文件.txt 指明句对")
    path = Path(config.path)
    short = [
        pair
        for pair in read_pairs(path)
        if all(len(tokenize(text, how)) <= config.max_length for text, how in zip(pair, TOKENIZERS))
    ]
    if not short:
        raise UserError(f"{path} 里没有不超过 {config.max_length} 个词元的句对；请加大 data.max_length")
    parts = split_pairs(short, config.valid_fraction, config.test_fraction)
    sources, targets = (
        Vocabulary.count((tokenize(pair[side], TOKENIZERS[side]) for pair in parts[0]), config.min_count)
        for side in range(2)
    )
    train, valid, test = (PairSet(part, sources, targets, config.max_length) for part in parts)
    return train, valid, test
