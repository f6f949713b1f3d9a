"""n 元语言模型：循环网络与 Transformer 的对照，在同样的划分、同样的字表上计算。

平滑用改进的 Kneser–Ney（Chen 与 Goodman，1999），是纯计数的办法里最强的之一，没有要调的参数：

    P_n(w|h) = (c(hw) − D(c(hw)) + γ(h)·P_{n−1}(w|h')) / c(h)，    γ(h) = Σ_w D(c(hw))

h' 是上文 h 去掉最前一个字，P_0 是均匀分布。每个见过的 hw 扣去一点次数 D，扣下的全部分给较短的上文。
较短的上文（n 小于最高元）数的不是次数，而是前面跟过几种不同的字：“济”常见，却几乎只在“经”之后，
别处不该猜它。折扣只由训练部分里出现一、二、三、四次的 n 元组各有几种（n_1 … n_4）算出：

    D(k) = k − (k + 1)·Y·n_{k+1}/n_k，k = 1、2、3（三次以上同三次），    Y = n_1/(n_1 + 2n_2)
"""

from __future__ import annotations

import math

import numpy as np

MAX_ORDER = 7  # 再长也不见好
USUAL_DISCOUNTS = (0.0, 0.5, 1.0, 1.5)  # 文本太短，折扣的公式用不上时


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


def discounts(counts: np.ndarray) -> np.ndarray:
    """次数为 0、1、2、3 次以上的 n 元组各扣多少，(4,)。"""
    n1, n2, n3, n4 = (int((counts == k).sum()) for k in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) > 0:
        y = n1 / (n1 + 2 * n2)
        found = np.array([0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
        if (found >= 0).all():
            return found
    return np.array(USUAL_DISCOUNTS)


class KneserNey:
    """由训练部分 ``train`` (N,) 数出的 ``order`` 元模型；字的编号都小于 ``vocab_size``。

    ``levels[n − 1]`` 是 n 元那一层的表：n 元组与其次数，上文与其总次数、扣下的总数，各次数的折扣。
    """

    def __init__(self, train: np.ndarray, order: int, vocab_size: int):
        if vocab_size**order >= 2**63:
            raise ValueError(f"{vocab_size} 个字的 {order} 元组放不进 64 位整数")
        self.vocab_size = vocab_size
        self.levels: list[tuple[np.ndarray, ...]] = []
        order = min(order, len(train))
        counted = [np.unique(codes(train, n, vocab_size), return_counts=True) for n in range(1, order + 1)]
        for n in range(1, order + 1):
            grams, counts = counted[n - 1]
            if n < order:  # 去掉 n + 1 元组最前的一个字：剩下的出现几回，就是前面跟过几种字
                grams, counts = np.unique(counted[n][0] % vocab_size**n, return_counts=True)
            discount = discounts(counts)
            contexts, first = np.unique(grams // vocab_size, return_index=True)
            totals = np.add.reduceat(counts, first)  # c(h)
            held = np.add.reduceat(discount[np.minimum(counts, 3)], first)  # γ(h)
            self.levels.append((grams, counts, contexts, totals, held, discount))

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """``ids`` (M,) 中第 1 个以后每个字的概率，(M − 1,)。

        第 i 个字的上文至多有 i 个字，不够 order − 1 个时用较短的；没见过的上文也用较短的。
        """
        p = np.full(len(ids) - 1, 1 / self.vocab_size)
        for n, (grams, counts, contexts, totals, held, discount) in enumerate(self.levels, start=1):
            if len(ids) < n:
                break
            start = max(0, n - 2)  # ids[1:] 中第一个上文够长的字
            wanted = codes(ids if n > 1 else ids[1:], n, self.vocab_size)
            c, h = lookup(grams, counts, wanted), wanted // self.vocab_size
            total, gamma = lookup(contexts, totals, h), lookup(contexts, held, h)
            lower = p[start:]
            kept = c - discount[np.minimum(c, 3)]
            p[start:] = np.where(total > 0, (kept + gamma * lower) / np.maximum(total, 1), lower)
        return p


def baselines(
    train: np.ndarray, others: dict[str, np.ndarray], vocab_size: int
) -> dict[str, dict[str, dict[str, float]]]:
    """一元、二元与最高元（五元；字表小时至七元，大时是放得下的）模型在 ``others`` 各份上的困惑度与比特数。"""
    highest = max(n for n in range(2, MAX_ORDER + 1) if vocab_size**n < 2**63)
    names = {1: "一元模型", 2: "二元模型", highest: f"Kneser–Ney {highest} 元模型"}
    found = {}
    for order, name in names.items():
        model, found[name] = KneserNey(train, order, vocab_size), {}
        for part, ids in others.items():
            nats = float(-np.log(model.probabilities(ids)).mean())
            found[name][part] = {"perplexity": math.exp(nats), "bits_per_char": nats / math.log(2)}
    return found
