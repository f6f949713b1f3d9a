"""n 元语言模型：循环网络与 Transformer 的对照，在同样的划分、同样的字表上计算。

插值用 Witten 与 Bell（1991）的办法，不需要调参数：上文 h 出现了 c(h) 次，其后跟过 t(h) 种不同的字，

    P_n(w|h) = (c(hw) + t(h)·P_{n−1}(w|h')) / (c(h) + t(h))

h' 是去掉最前一个字的上文；P_0 是均匀分布。
"""

from __future__ import annotations

import math

import numpy as np


def codes(ids: np.ndarray, n: int, base: int) -> np.ndarray:
    """每连续 n 个字合成一个整数：(N − n + 1,) int64。"""
    code = np.zeros(len(ids) - n + 1, "int64")
    for offset in range(n):
        code = code * base + ids[offset : len(ids) - n + 1 + offset]
    return code


def lookup(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """在排好序的 ``keys`` 里查 ``wanted`` 对应的值，没有的是 0。"""
    position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[position] == wanted, values[position], 0)


def probabilities(train: np.ndarray, valid: np.ndarray, order: int, vocab_size: int) -> np.ndarray:
    """插值 ``order`` 元模型给 ``valid`` 中第 1 个以后每个字的概率，(M − 1,)。

    第 i 个字的上文至多有 i 个字，不够 order − 1 个时用较短的。
    """
    if vocab_size**order >= 2**63:
        raise ValueError(f"{vocab_size} 个字的 {order} 元组放不进 64 位整数")
    p = np.full(len(valid) - 1, 1 / vocab_size)
    for n in range(1, order + 1):
        if min(len(train), len(valid)) < n:
            break
        grams, counts = np.unique(codes(train, n, vocab_size), return_counts=True)
        contexts, first = np.unique(grams // vocab_size, return_index=True)
        kinds = np.diff(np.append(first, len(grams)))  # t(h)：其后跟过几种字
        totals = np.add.reduceat(counts, first)  # c(h)
        start = max(0, n - 2)  # valid[1:] 中第一个上文够长的字
        wanted = codes(valid if n > 1 else valid[1:], n, vocab_size)
        c = lookup(grams, counts, wanted)
        h = wanted // vocab_size
        t, total = lookup(contexts, kinds, h), lookup(contexts, totals, h)
        lower = p[start:]
        p[start:] = np.where(total > 0, (c + t * lower) / np.maximum(1, total + t), lower)
    return p


def baselines(
    train: np.ndarray, others: dict[str, np.ndarray], vocab_size: int
) -> dict[str, dict[str, dict[str, float]]]:
    """一元、二元与五元（字表太大时是放得下的最高元）模型在 ``others`` 各份上的困惑度与每字符比特数。"""
    highest = next(n for n in (5, 4, 3, 2) if vocab_size**n < 2**63)
    names = {1: "一元模型", 2: "二元模型", highest: f"插值 {highest} 元模型"}
    found = {}
    for order, name in names.items():
        found[name] = {}
        for part, ids in others.items():
            nats = float(-np.log(probabilities(train, ids, order, vocab_size)).mean())
            found[name][part] = {"perplexity": math.exp(nats), "bits_per_char": nats / math.log(2)}
    return found
