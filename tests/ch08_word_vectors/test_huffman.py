"""霍夫曼树：无前缀、平均长度在熵与熵加一之间且最短、叶子的概率之和为 1。"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from paddle_notes.ch08_word_vectors.huffman import average_length, build_tree, entropy

GENERATOR = np.random.default_rng(0)
COUNTS = {
    "two": np.array([3, 1]),
    "powers": np.array([8, 4, 2, 1, 1]),
    "equal": np.full(13, 5),
    "fibonacci": np.array([1, 1, 2, 3, 5, 8, 13, 21, 34]),
    "zipf": (10_000 / np.arange(1, 301)).astype(np.int64),
    "random": GENERATOR.integers(1, 1000, 97),
    "one_word_dominates": np.array([10**9, 1, 1, 1]),
}
every_case = pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS.keys())


@every_case
def test_no_code_is_a_prefix_of_another(counts):
    tree = build_tree(counts)
    codes = [tree.code(leaf) for leaf in range(len(counts))]
    assert len(set(codes)) == len(counts)
    assert not any(b.startswith(a) for a, b in itertools.pairwise(sorted(codes)))
    # 克拉夫特等式：树没有空着的枝
    assert sum(2.0 ** -len(code) for code in codes) == 1


@every_case
def test_average_length_is_within_one_bit_of_the_entropy(counts):
    tree = build_tree(counts)
    assert entropy(counts) - 1e-12 <= average_length(tree, counts) < entropy(counts) + 1
    # 等长的编码也是无前缀的编码，最好的编码不会比它长
    assert average_length(tree, counts) <= np.ceil(np.log2(len(counts)))


def test_dyadic_frequencies_reach_the_entropy():
    counts = COUNTS["powers"]
    assert average_length(build_tree(counts), counts) == entropy(counts) == 1.875


def shortest_average(counts: tuple[int, ...]) -> int:
    """穷举：任意一棵二叉树的加权路径长度的最小值。"""
    if len(counts) == 1:
        return 0
    first, *others = counts
    best = None
    for mask in range(2 ** len(others) - 1):  # 与 first 同在左边的是哪些
        left = (first, *(c for i, c in enumerate(others) if mask >> i & 1))
        right = tuple(c for i, c in enumerate(others) if not mask >> i & 1)
        total = sum(counts) + shortest_average(left) + shortest_average(right)
        best = total if best is None else min(best, total)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_no_tree_is_shorter(seed):
    counts = np.random.default_rng(seed).integers(1, 30, 7)
    assert (build_tree(counts).lengths * counts).sum() == shortest_average(tuple(counts.tolist()))


@every_case
def test_rarer_words_never_have_shorter_codes(counts):
    lengths = build_tree(counts).lengths
    order = np.argsort(-counts, kind="stable")
    for a, b in itertools.pairwise(order):
        assert counts[a] == counts[b] or lengths[a] <= lengths[b]


@every_case
def test_paths_start_at_the_root_and_follow_the_codes(counts):
    tree = build_tree(counts)
    root = len(counts) - 2
    child = {}
    for leaf in range(len(counts)):
        length = tree.lengths[leaf]
        path = tree.paths[leaf, :length].tolist()
        assert path[0] == root and len(set(path)) == length
        assert not tree.mask[leaf, length:].any()
        for node, bit, next_node in zip(path, tree.codes[leaf], [*path[1:], f"leaf {leaf}"]):
            assert child.setdefault((node, bit), next_node) == next_node
    assert len(child) == 2 * (len(counts) - 1)  # 每个内部结点恰好有两个孩子
    assert len(set(child.values())) == len(child)


@every_case
def test_leaf_probabilities_sum_to_one(counts):
    """每个内部结点以 σ(s) 转向 1、σ(−s) 转向 0，叶子的概率是路上各次的积。"""
    generator = np.random.default_rng(1)
    tree = build_tree(counts)
    s = 3 * generator.standard_normal(len(counts) - 1)[tree.paths]  # (V, L)
    p = 1 / (1 + np.exp(-(2 * tree.codes - 1) * s))
    leaves = np.where(tree.mask > 0, p, 1).prod(1)
    assert leaves.sum() == pytest.approx(1, abs=1e-12)
    assert (leaves > 0).all()


def test_too_few_leaves():
    with pytest.raises(ValueError, match="至少要有两片叶子"):
        build_tree(np.array([3]))
