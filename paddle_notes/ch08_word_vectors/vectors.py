"""训练好的词向量：保存与读取、最近的词、类比、人能看懂的评估。

文件是 word2vec 的文本格式，gensim 等工具都能读：第一行是词数与维数，此后一行一个词，词与各维以空格隔开。
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from visualdl import LogWriter


def full_width(number: int) -> str:
    """全角的数字，语料里的日期就这样写：12 → “１２”。"""
    return "".join(chr(ord("０") + int(digit)) for digit in str(number))


# 评估用的词：同一组的词应当互为近邻
PROVINCES = (
    "北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 "
    "湖南 广东 海南 四川 贵州 云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门"
)
GROUPS: dict[str, tuple[str, ...]] = {
    "日期": tuple(f"{full_width(day)}日" for day in range(1, 32)),
    "月份": tuple(f"{full_width(month)}月" for month in range(1, 13)),
    "省份": tuple(PROVINCES.split()),
    "数字": tuple("一二两三四五六七八九十"),
}


@dataclass(frozen=True)
class WordVectors:
    """``words[i]`` 的向量是 ``matrix[i]``，(V, D) float32；``words`` 从多到少排列。"""

    words: tuple[str, ...]
    matrix: np.ndarray

    def save(self, path: Path) -> None:
        """写成文本。先写临时文件再改名，中断不会留下半个文件。"""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.tmp")
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(f"{len(self.words)} {self.matrix.shape[1]}\n")
            for word, row in zip(self.words, self.matrix):
                file.write(f"{word} {' '.join(f'{value:.6g}' for value in row.tolist())}\n")
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path) -> WordVectors:
        """读文本格式的词向量；不是这种格式、编码不对、行数不符都是 ValueError。"""
        try:
            lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} 不是 UTF-8 编码的文字，不是词向量文件") from error
        try:
            size, dim = map(int, lines[0].split())
        except ValueError:
            raise ValueError(f"{path} 的第一行应是词数与维数两个整数；它不是词向量文件") from None
        if len(lines) != size + 1:
            raise ValueError(f"{path} 应有 {size} 个词，实际有 {len(lines) - 1} 个；文件可能不完整")
        words, matrix = [], np.empty((size, dim), np.float32)
        for number, line in enumerate(lines[1:]):
            word, *values = line.rstrip(" ").split(" ")
            try:
                matrix[number] = np.array(values, dtype=np.float32).reshape(dim)
            except ValueError:
                raise ValueError(f"{path} 第 {number + 2} 行应是一个词与 {dim} 个数") from None
            words.append(word)
        if not np.isfinite(matrix).all():
            raise ValueError(f"{path} 里有无穷大或 NaN：训练时学习率可能太大")
        return cls(tuple(words), matrix)

    def index(self, word: str) -> int:
        """词的编号；不在词表中是 ValueError。"""
        try:
            return self.words.index(word)
        except ValueError:
            raise ValueError(f"词表里没有“{word}”；它可能太少见，或分词时被切开了") from None

    @property
    def unit(self) -> np.ndarray:
        """长度为 1 的词向量，(V, D)：两个词的内积就是它们夹角的余弦。"""
        return self.matrix / np.maximum(np.linalg.norm(self.matrix, axis=1, keepdims=True), 1e-12)

    def _closest(self, query: np.ndarray, exclude: list[int], count: int) -> list[tuple[str, float]]:
        similarity = self.unit @ query  # (V,)
        similarity[exclude] = -np.inf
        best = np.argsort(-similarity, kind="stable")[: min(count, len(self.words) - len(set(exclude)))]
        return [(self.words[i], float(similarity[i])) for i in best]

    def neighbors(self, word: str, count: int = 5) -> list[tuple[str, float]]:
        """与 ``word`` 最近的 ``count`` 个词（不含它自己）与余弦，从近到远。"""
        i = self.index(word)
        return self._closest(self.unit[i], [i], count)

    def analogy(self, a: str, b: str, c: str, count: int = 5) -> list[tuple[str, float]]:
        """“a 之于 b，如同 c 之于谁”：离 b − a + c 最近的词，不含这三个词。"""
        i, j, k = self.index(a), self.index(b), self.index(c)
        # d = argmax cos(d, b − a + c)
        query = self.unit[j] - self.unit[i] + self.unit[k]
        return self._closest(query / max(np.linalg.norm(query), 1e-12), [i, j, k], count)

    def precision(self, group: tuple[str, ...], count: int = 5) -> tuple[float, int]:
        """一组词的 precision@count：每个词最近的 ``count`` 个词里，有多少也在这一组，取平均。

        只算在词表里的词，返回（平均，算了几个词）；一个也不在时是 (nan, 0)。
        """
        known = set(group) & set(self.words)
        if not known:
            return float("nan"), 0
        hits = [
            sum(near in known for near, _ in self.neighbors(word, count)) / count for word in sorted(known)
        ]
        return float(np.mean(hits)), len(known)


def write_embeddings(writer: LogWriter, vectors: WordVectors, count: int = 2000) -> None:
    """把最常见的 ``count`` 个词写进 VisualDL 的日志，在浏览器的“数据降维”页里看。"""
    writer.add_embeddings(
        tag="word_vectors", mat=vectors.matrix[:count].tolist(), metadata=list(vectors.words[:count])
    )
