"""第 8 章的图。每个函数写一个 PNG；``python tools/figures.py <名字>`` 逐个调用。"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paddle_notes.ch08_word_vectors.corpus import (
    Vocabulary,
    keep_probability,
    newspaper_path,
    read_tagged,
)
from paddle_notes.ch08_word_vectors.huffman import average_length, build_tree, entropy
from paddle_notes.ch08_word_vectors.vectors import GROUPS, WordVectors
from paddle_notes.fonts import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# 报纸中的几个词与次数
HUFFMAN_WORDS = (("的", "of", 54487), ("在", "at", 12024), ("了", "le", 11557), ("和", "and", 10919))
HUFFMAN_WORDS += (("发展", "develop", 3215), ("经济", "economy", 2657), ("北京", "Beijing", 1377))


def huffman_tree(path: Path) -> None:
    """七个词的霍夫曼树：内部结点、每条边的 0 与 1、叶子的编码。"""
    from matplotlib.figure import Figure

    counts = np.array([count for _, _, count in HUFFMAN_WORDS])
    tree = build_tree(counts)
    codes = [tree.code(leaf) for leaf in range(len(counts))]
    # 叶子按编码排成一行，内部结点在它的叶子的正中
    order = sorted(range(len(counts)), key=codes.__getitem__)
    column = {codes[leaf]: float(place) for place, leaf in enumerate(order)}
    prefixes = sorted({code[:k] for code in codes for k in range(len(code))}, key=len, reverse=True)
    for prefix in prefixes:
        column[prefix] = (column[prefix + "0"] + column[prefix + "1"]) / 2

    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for prefix in prefixes:
        total = sum(count for count, code in zip(counts, codes) if code.startswith(prefix))
        for bit in "01":
            x, y = [column[prefix], column[prefix + bit]], [-len(prefix), -len(prefix) - 1]
            axes.plot(x, y, color="#888888", linewidth=1, zorder=1)
            axes.text(np.mean(x), np.mean(y), bit, ha="center", va="center", backgroundcolor="white")
        draw_node(axes, column[prefix], -len(prefix), f"{total:,}", "#dddddd")
    for (chinese, english, count), code in zip(HUFFMAN_WORDS, codes):
        draw_node(axes, column[code], -len(code), f"{label(chinese, english)}\n{count:,}", "#bfe3c0")
        axes.text(column[code], -len(code) - 0.48, code, ha="center", va="top", family="monospace")
    axes.set_title(
        label(
            "平均编码长度 {:.3f} 比特，熵 {:.3f} 比特", "average length {:.3f} bits, entropy {:.3f} bits"
        ).format(average_length(tree, counts), entropy(counts))
    )
    axes.set_ylim(-max(map(len, codes)) - 0.9, 0.4)
    axes.axis("off")
    figure.savefig(path, dpi=100)


def draw_node(axes: Axes, x: float, y: float, text: str, color: str) -> None:
    """树上的一个结点。"""
    box = {"boxstyle": "round,pad=0.35", "facecolor": color, "edgecolor": "#666666"}
    axes.text(x, y, text, ha="center", va="center", fontsize=9, bbox=box, zorder=2)


def subsampling_curve(path: Path) -> None:
    """二次采样：词的频率与留下的概率，三个阈值；标出报纸里的几个词。"""
    from matplotlib.figure import Figure

    vocabulary = Vocabulary.build(read_tagged(newspaper_path()), min_count=5)
    frequencies = vocabulary.counts / vocabulary.counts.sum()
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for name, threshold in (("10⁻³", 1e-3), ("10⁻⁴", 1e-4), ("10⁻⁵", 1e-5)):
        keep = keep_probability(vocabulary.counts, threshold)
        axes.semilogx(frequencies, keep, label=f"t = {name}")
        if threshold == 1e-4:
            for word, english in (("的", "of"), ("中国", "China"), ("北京", "Beijing"), ("天津", "Tianjin")):
                i = vocabulary.words.index(word)
                axes.plot(frequencies[i], keep[i], "o", color="black", markersize=4)
                axes.annotate(
                    f"{label(word, english)} {keep[i]:.0%}",
                    (frequencies[i], keep[i]),
                    xytext=(6, 4),
                    textcoords="offset points",
                )
    axes.set_xlabel(label("词的频率 f", "word frequency f"))
    axes.set_ylabel(label("留下的概率", "probability of keeping"))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)


def word_vectors_2d(path: Path) -> None:
    """日期、月份、省份、数字四组词的向量，用主成分分析降到二维。训练一遍报纸，约半分钟。"""
    from paddle_notes.ch08_word_vectors.training import Settings, Trainer

    sentences = read_tagged(newspaper_path())
    vocabulary = Vocabulary.build(sentences, min_count=5)
    trainer = Trainer(*vocabulary.encode(sentences), vocabulary, Settings())
    trainer.run()
    draw_groups(WordVectors(vocabulary.words, trainer.input_vectors), path)


def draw_groups(vectors: WordVectors, path: Path) -> None:
    """把 :data:`~paddle_notes.ch08_word_vectors.vectors.GROUPS` 中的词画在一张图上。"""
    from matplotlib.figure import Figure

    english = {"日期": "days", "月份": "months", "省份": "provinces", "数字": "numbers"}
    groups = {name: [word for word in group if word in vectors.words] for name, group in GROUPS.items()}
    rows = np.array([vectors.index(word) for group in groups.values() for word in group])
    x = vectors.unit[rows]
    x = x - x.mean(0)
    # 主成分是中心化之后的矩阵的右奇异向量
    points = x @ np.linalg.svd(x, full_matrices=False)[2][:2].T  # (n, 2)

    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.add_subplot()
    start = 0
    for name, group in groups.items():
        part = points[start : start + len(group)]
        start += len(group)
        axes.scatter(part[:, 0], part[:, 1], s=12, label=label(name, english[name]))
        named = zip(group, part) if name != "日期" else []  # 日期挤在一起，写上名字也看不清
        for word, point in named:
            axes.annotate(label(word, ""), point, xytext=(2, 2), textcoords="offset points", fontsize=8)
    axes.set_xlabel(label("第一主成分", "first principal component"))
    axes.set_ylabel(label("第二主成分", "second principal component"))
    axes.legend()
    figure.savefig(path, dpi=100)


FIGURES = {
    "huffman_tree": huffman_tree,
    "subsampling_curve": subsampling_curve,
    "word_vectors_2d": word_vectors_2d,
}
