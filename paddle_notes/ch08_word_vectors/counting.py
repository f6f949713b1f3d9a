"""从数数开始：词元计数、独热编码、插值的 n 元语法与困惑度，以及由数数得到的词向量。

语言模型给出下一个词元的概率 p(w | 前文)。n 元语法只看前 n − 1 个词元，概率就是数出来的比例：

    p_n(w | h) = c(h, w) / c(h)，   h 是前 n − 1 个词元，c 是在训练文本中出现的次数

n 大时绝大多数 h 没有出现过，比例无从算起。插值（Jelinek 与 Mercer, *Interpolated Estimation of Markov
Source Parameters from Sparse Data*, 1980）把各阶加权平均，0 阶是均匀分布 1/V，因此概率总不为 0；
权重在另留的一份文本上用 EM 算法选出。

词向量也可以不训练：数出哪些词常在一起，换成点互信息，再做奇异值分解（Levy, Goldberg 与 Dagan, *Improving
Distributional Similarity with Lessons Learned from Word Embeddings*, 2015）。
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds


def count_tokens(tokens: Iterable[str]) -> list[tuple[str, int]]:
    """各词元与它的次数，从多到少；同样多的先出现的在前。"""
    return Counter(tokens).most_common()


def one_hot(ids: np.ndarray, size: int) -> np.ndarray:
    """独热编码：(N,) → (N, size)，第 i 行只有 ids[i] 处是 1。它乘以矩阵 E，就是取出 E 的第 ids[i] 行。"""
    return np.eye(size)[ids]


def perplexity(probabilities: np.ndarray) -> float:
    """困惑度：给各词元的概率的几何平均的倒数。均匀地猜 V 个词元时是 V。"""
    # PP = exp(−1/N·Σ ln p)
    return float(np.exp(-np.log(probabilities).mean()))


def bits_per_token(probabilities: np.ndarray) -> float:
    """每个词元平均要几个比特，即以 2 为底的交叉熵；困惑度是 2 的这么多次方。"""
    return float(-np.log2(probabilities).mean())


class NGramCounts:
    """一段文本里 1 到 ``order`` 元的次数，存成一棵字典树。

    k 元 (w₁ … w_k) 的编号由它的前 k − 1 个词元的编号与 w_k 决定，各层的编号分别从 0 连续排列。
    查找是在排好序的键上二分，一次查一整段文本。

    参数：
        ids: 训练文本的词元编号，(T,)，每个在 0 与 ``vocab_size`` − 1 之间。
        order: 最高的阶 n。
        vocab_size: 词元有几种。
    """

    def __init__(self, ids: np.ndarray, order: int, vocab_size: int):
        self.order, self.vocab_size = order, vocab_size
        self.keys: list[np.ndarray] = []  # 第 k − 1 项：各个 k 元的键，从小到大
        self.counts: list[np.ndarray] = []  # 各个 k 元的次数 c(h, w)
        self.context_counts: list[np.ndarray] = []  # 以各个 k − 1 元为前文的次数 c(h) = Σ_w c(h, w)
        prefix = np.zeros(len(ids), np.int64)  # 空的前文只有一个，编号为 0
        num_prefixes = 1
        for k in range(1, order + 1):
            prefix = prefix[: len(ids) - k + 1]
            key = prefix * vocab_size + ids[k - 1 :]
            unique, prefix_next, counts = np.unique(key, return_inverse=True, return_counts=True)
            self.keys.append(unique)
            self.counts.append(counts)
            self.context_counts.append(np.bincount(prefix, minlength=num_prefixes))
            prefix, num_prefixes = prefix_next, len(unique)

    def proportions(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """另一段文本 (T,) 中每个词元的各阶比例 p_k，(T, order + 1)，与前文见过的最高阶，(T,)。

        第 0 列是 1/V。前文没有见过时 p_k 没有定义，写作 0；文本开头的前文不够长，也一样。
        """
        length = len(ids)
        ratios = np.zeros((length, self.order + 1))
        ratios[:, 0] = 1 / self.vocab_size
        highest = np.zeros(length, np.int64)
        # prefix[t]：t 之前的 k − 1 个词元的编号，没有见过是 −1
        prefix = np.zeros(length, np.int64)
        for k in range(1, self.order + 1):
            contexts = np.where(prefix >= 0, self.context_counts[k - 1][prefix], 0)  # c(h)
            node = self._find(k, prefix, ids)
            seen = contexts > 0
            counts = np.where(node >= 0, self.counts[k - 1][node], 0)  # c(h, w)
            # p_k = c(h, w) / c(h)
            ratios[seen, k] = counts[seen] / contexts[seen]
            highest[seen] = k
            # t 之前的 k 个词元，就是在 t − 1 处结束的 k 元
            prefix = np.concatenate([[-1], node[:-1]])
        return ratios, highest

    def _find(self, k: int, prefix: np.ndarray, words: np.ndarray) -> np.ndarray:
        """各个 (前文编号, 词元) 的 k 元编号，没有的是 −1。"""
        key = prefix * self.vocab_size + words
        place = np.minimum(np.searchsorted(self.keys[k - 1], key), len(self.keys[k - 1]) - 1)
        return np.where((prefix >= 0) & (self.keys[k - 1][place] == key), place, -1)


class InterpolatedNGram:
    """插值的 n 元语法。

        p(w | h) = Σ_k λ_{m,k}·p_k(w | h)，  k 从 0 到 m，Σ_k λ_{m,k} = 1

    m 是前文见过的最高阶；m 不同，权重也不同，所以对任何前文，全部词元的概率之和都是 1。

    参数：
        train_ids: 用来数次数的文本，(T,)。
        heldout_ids: 用来选权重的另一份文本，不能是训练文本的一部分，否则最高阶的权重会趋于 1。
        order: n；1 是一元语法，2 是二元语法。
        vocab_size: 词元有几种。
        iterations: EM 的次数。
    """

    def __init__(
        self,
        train_ids: np.ndarray,
        heldout_ids: np.ndarray,
        order: int,
        vocab_size: int,
        iterations: int = 30,
    ):
        if len(train_ids) < order or len(heldout_ids) == 0:
            raise ValueError(
                f"文本太短：训练文本有 {len(train_ids)} 个词元，至少要 {order} 个；选权重的文本不能是空的"
            )
        self.counts = NGramCounts(train_ids, order, vocab_size)
        ratios, highest = self.counts.proportions(heldout_ids)
        self.weights = np.zeros((order + 1, order + 1))  # 第 m 行是 λ_{m,0} … λ_{m,m}
        for m in range(order + 1):
            self.weights[m, : m + 1] = em_weights(ratios[highest == m, : m + 1], iterations)

    def probabilities(self, ids: np.ndarray) -> np.ndarray:
        """一段文本中每个词元的概率，(T,)。"""
        ratios, highest = self.counts.proportions(ids)
        return (ratios * self.weights[highest]).sum(1)


def em_weights(ratios: np.ndarray, iterations: int) -> np.ndarray:
    """用 EM 选插值的权重，使 ``ratios`` (T, K) 的各行加权平均之后的似然最大；没有数据时各取 1/K。

    每次迭代，似然都不会减小。
    """
    weights = np.full(ratios.shape[1], 1 / ratios.shape[1])
    if len(ratios) == 0:
        return weights
    for _ in range(iterations):
        # E：这个词元由第 k 阶给出的概率 r_k = λ_k·p_k / Σ_j λ_j·p_j
        shares = weights * ratios
        shares /= shares.sum(1, keepdims=True)
        # M：λ_k = r_k 的平均
        weights = shares.mean(0)
    return weights


# ---------------------------------------------------------------- 由数数得到的词向量


def cooccurrence(ids: np.ndarray, numbers: np.ndarray, window: int, vocab_size: int) -> sparse.csr_matrix:
    """两个词在一起的次数，(V, V)，对称。

    ``ids``、``numbers`` (T,) 是各词的编号与它在第几句，不越过句子。相距 d 的一对算
    (window − d + 1)/window 次，与 word2vec 随机抽取窗口半径时被看到的概率相同。
    """
    total = sparse.csr_matrix((vocab_size, vocab_size))
    for d in range(1, window + 1):
        together = numbers[d:] == numbers[:-d]
        left, right = ids[:-d][together], ids[d:][together]
        weight = np.full(len(left), (window - d + 1) / window)
        total = total + sparse.csr_matrix((weight, (left, right)), shape=total.shape)
    return total + total.T


def positive_pmi(counts: sparse.csr_matrix, power: float = 0.75) -> sparse.csr_matrix:
    """正的点互信息，(V, V)：两个词比碰巧更常在一起的程度，不如碰巧的记作 0。

    上下文词的概率按次数的 ``power`` 次方算，与抽反例的分布一样，免得少见的词得分太高。
    """
    pairs = counts.tocoo()
    words = np.asarray(counts.sum(1)).ravel()
    contexts = np.asarray(counts.sum(0)).ravel() ** power
    contexts /= contexts.sum()
    # PMI = ln P(w, c) / (P(w)·P(c)) = ln n(w, c) / (n(w)·P(c))
    pmi = np.log(pairs.data / (words[pairs.row] * contexts[pairs.col]))
    kept = pmi > 0
    return sparse.csr_matrix((pmi[kept], (pairs.row[kept], pairs.col[kept])), shape=counts.shape)


def svd_vectors(matrix: sparse.csr_matrix, embedding_dim: int) -> np.ndarray:
    """截断的奇异值分解 M ≈ U·S·Vᵀ，词向量取 U·S^½，(V, D) float32。"""
    start = np.random.RandomState(0).standard_normal(matrix.shape[0])  # 迭代的起点，使结果每次都相同
    u, s, _ = svds(matrix, k=embedding_dim, v0=start)
    return (u * np.sqrt(s)).astype("float32")
