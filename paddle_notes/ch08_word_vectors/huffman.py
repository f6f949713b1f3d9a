"""霍夫曼树：常见的词离根近，平均用不到 ⌈log₂V⌉ 次二选一就能说出一个词。

论文：Huffman, *A Method for the Construction of Minimum-Redundancy Codes*, 1952。
把它用作语言模型的输出层：Morin 与 Bengio, *Hierarchical Probabilistic Neural Network Language Model*,
2005；Mikolov 等, 2013。

做法：每个词是一片叶子，重量是它的次数；反复取出最轻的两个结点，合成一个新结点，直到只剩一个，就是根。
V 片叶子合并 V − 1 次，所以有 V − 1 个内部结点。叶子的编码就是从根走到它的一串 0、1，
没有一个编码是另一个的前缀。
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HuffmanTree:
    """V 片叶子的霍夫曼树。内部结点编号 0 … V − 2，根是最后合成的 V − 2。

    属性：
        paths: (V, L) int64，叶子 i 的路上依次经过的内部结点，从根开始；短的补 0。
        codes: (V, L) float64，在这些结点处转向 0 还是 1。
        mask: (V, L) float64，真有的一步是 1，补的是 0。L 是最长的编码的长度。
    """

    paths: np.ndarray
    codes: np.ndarray
    mask: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """各叶子的编码长度，(V,)。"""
        return self.mask.sum(1).astype(np.int64)

    def code(self, leaf: int) -> str:
        """叶子的编码，如 ``"0110"``。"""
        return "".join(str(int(bit)) for bit in self.codes[leaf, : self.lengths[leaf]])


def build_tree(counts: np.ndarray) -> HuffmanTree:
    """由各词的次数 (V,) 造霍夫曼树。同样重的先取编号小的，所以结果是确定的。V 至少为 2。"""
    size = len(counts)
    if size < 2:
        raise ValueError(f"霍夫曼树至少要有两片叶子，得到 {size}")
    # 结点 0 … V − 1 是叶子，V … 2V − 2 是内部结点
    heap = [(int(count), leaf) for leaf, count in enumerate(counts)]
    heapq.heapify(heap)
    parent = np.full(2 * size - 1, -1)
    bit = np.zeros(2 * size - 1)
    for node in range(size, 2 * size - 1):
        weight0, child0 = heapq.heappop(heap)
        weight1, child1 = heapq.heappop(heap)
        parent[[child0, child1]] = node
        bit[child1] = 1
        heapq.heappush(heap, (weight0 + weight1, node))

    # 父结点的编号总比子结点大，所以从根往下，一次就能写出每个结点的路
    path: list[list[int]] = [[] for _ in range(2 * size - 1)]
    code: list[list[float]] = [[] for _ in range(2 * size - 1)]
    for node in range(2 * size - 3, -1, -1):
        path[node] = [*path[parent[node]], parent[node] - size]
        code[node] = [*code[parent[node]], bit[node]]
    longest = max(map(len, path[:size]))
    paths, codes, mask = (
        np.zeros((size, longest), np.int64),
        np.zeros((size, longest)),
        np.zeros((size, longest)),
    )
    for leaf in range(size):
        steps = len(path[leaf])
        paths[leaf, :steps], codes[leaf, :steps], mask[leaf, :steps] = path[leaf], code[leaf], 1
    return HuffmanTree(paths, codes, mask)


def entropy(counts: np.ndarray) -> float:
    """词的分布的熵，单位是比特：任何编码的平均长度都不小于它。"""
    p = counts[counts > 0] / counts.sum()
    # H = −Σ p·log₂ p
    return float(-(p * np.log2(p)).sum())


def average_length(tree: HuffmanTree, counts: np.ndarray) -> float:
    """编码的平均长度，按次数加权，单位是比特；H ≤ 平均长度 < H + 1。"""
    return float((tree.lengths * counts).sum() / counts.sum())
