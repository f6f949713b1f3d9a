"""别处训练好的词向量，作词嵌入的初值：网络自己的数据少，字词的意思可以从更多的文字里借来。

``lac`` 是随 jieba 安装的词法分析模型里的单字向量（20,940 个字，128 维），那个模型在另外的大量文字上训练过；
也可以是 word2vec 格式的文本文件，例如 ``tools/word2vec.py export`` 写出的。
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paddle_notes.data.files import package_file, read_text
from paddle_notes.errors import UserError
from paddle_notes.tokens import SPECIAL

LAC_DIM = 128
LAC_HEADER = 29  # 字节：飞桨存参数的文件头，后面是逐行的 float32


def read_lac() -> dict[str, np.ndarray]:
    """随 jieba 安装的单字向量：字 → (128,)。"""
    folder = package_file("jieba", "lac_small")
    try:
        lines = read_text(folder / "word.dic").rstrip("\n").split("\n")
        data = (folder / "model_baseline" / "word_emb").read_bytes()[LAC_HEADER:]
        matrix = np.frombuffer(data, "<f4").reshape(-1, LAC_DIM)
        vectors = {word: matrix[int(row)] for row, _, word in (line.partition("\t") for line in lines)}
    except (UserError, OSError, ValueError, IndexError) as error:
        raise UserError(f"读不出随 jieba 安装的单字向量：{error}；请安装 jieba 0.42.1") from error
    if not np.isfinite(matrix).all():
        raise UserError("随 jieba 安装的单字向量里有无穷大或 NaN；请重新安装 jieba 0.42.1")
    return vectors


def read_word2vec(path: Path) -> dict[str, np.ndarray]:
    """word2vec 的文本格式：第一行是词数与维数，此后一行一个词，词与各维以空格隔开。"""
    try:
        lines = read_text(path).rstrip("\n").split("\n")
        size, dim = map(int, lines[0].split())
        rows = [line.rstrip(" ").split(" ") for line in lines[1:]]
        vectors = {word: np.array(values, "float32") for word, *values in rows}
        if len(rows) != size or not all(
            row.shape == (dim,) and np.isfinite(row).all() for row in vectors.values()
        ):
            raise ValueError
    except ValueError:
        raise UserError(
            f"{path} 不是 word2vec 格式的词向量：第一行应是词数与维数，此后每行一个词与它的各维；"
            "请检查 train.vectors"
        ) from None
    return vectors


def read_vectors(source: str) -> dict[str, np.ndarray]:
    """``lac`` 或一个文件：词 → (D,) float32。读不了时抛 :class:`UserError`。"""
    return read_lac() if source == "lac" else read_word2vec(Path(source))


def look_up(tokens: list[str], source: str) -> tuple[np.ndarray, np.ndarray]:
    """``tokens`` 各自的向量 (V, D) 与找到了没有 (V,)；一个也找不到时抛 :class:`UserError`。

    没有的词，若每个字都有，取各字的平均。
    """
    vectors = read_vectors(source)
    dim = len(next(iter(vectors.values()), ()))
    table, found = np.zeros((len(tokens), dim), "float32"), np.zeros(len(tokens), bool)
    for row, token in enumerate(tokens):
        pieces = [token] if token in vectors else list(token)
        if token not in SPECIAL and all(piece in vectors for piece in pieces):
            table[row] = np.mean([vectors[piece] for piece in pieces], axis=0)
            found[row] = True
    if not found.any():
        raise UserError(f"词表里的词在 {source} 里一个也没有；请检查 train.vectors 与 data.tokenizer")
    return table, found
