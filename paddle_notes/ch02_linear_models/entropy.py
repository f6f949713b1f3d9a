"""熵、交叉熵与编码长度：为什么分类的损失是 −log p。

Shannon, *A Mathematical Theory of Communication*, 1948。

概率为 p 的消息，值得用 −log₂ p 位来写：常见的写短些，少见的写长些。熵是照真实的概率编码时平均每个符号
要的位数；交叉熵是照**错误的**概率 q 编码时要的位数；两者之差是 KL 散度，白白多花的位数。
训练分类器就是缩短这个编码。以 2 为底单位是位（bit），以 e 为底单位是奈特（nat），1 奈特 ≈ 1.443 位。
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def check_distribution(p: np.ndarray) -> None:
    """p 是一个概率分布。

    抛出：
        ValueError: 有负数，或和不是 1。
    """
    if (p < 0).any() or abs(p.sum() - 1) > 1e-9:
        raise ValueError(f"概率应不小于 0 且和为 1，得到的和是 {p.sum():g}；请先除以它们的和")


def entropy(p: np.ndarray) -> float:
    """熵，单位是位：p (K,)。均匀时最大，是 log₂ K；确定时为 0。"""
    return cross_entropy(p, p)


def cross_entropy(p: np.ndarray, q: np.ndarray) -> float:
    """交叉熵，单位是位：符号按 p 出现，却照 q 编码。p_k = 0 的项是 0；p_k > 0 而 q_k = 0 时为无穷大。"""
    check_distribution(p)
    check_distribution(q)
    present = p > 0
    with np.errstate(divide="ignore"):  # q_k = 0：log 0 = −∞，交叉熵就是无穷大
        # H(p, q) = −Σ_k p_k·log₂ q_k
        return float(-(p[present] * np.log2(q[present])).sum() + 0.0)  # + 0.0：−0 变成 0


def kl_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """KL 散度，单位是位：照 q 编码比照 p 编码平均多花的位数，至少是 0。"""
    # D(p‖q) = H(p, q) − H(p)
    return cross_entropy(p, q) - entropy(p)


def code_lengths(p: np.ndarray) -> np.ndarray:
    """Shannon 码里各个符号的码长，(K,) 整数。概率必须都大于 0。

    抛出：
        ValueError: 有概率为 0 的符号，它的码要无穷长。
    """
    check_distribution(p)
    if (p == 0).any():
        raise ValueError("概率为 0 的符号没有码字；请先去掉它们，或给每个符号一点概率")
    # l_k = ⌈−log₂ p_k⌉
    return np.ceil(-np.log2(p)).astype(int)


def shannon_code(p: np.ndarray) -> list[str]:
    """Shannon 码：各个符号的码字，一串 0 与 1。没有一个码字是另一个的开头，所以连着写也分得开。

    按概率从大到小排，第 k 个码字是前面各个概率之和的二进制小数的前 l_k 位：
    相邻两个累积概率之差不小于 2^(−l_k)，前 l_k 位必不相同。它未必最短（最短的是 Huffman 码），
    但平均码长总在 H 与 H + 1 之间。
    """
    lengths = code_lengths(p)
    codes = [""] * len(p)
    cumulative = Fraction(0)  # 用分数精确地累加：浮点数的舍入会使相邻两个码字相同
    for k in np.argsort(-p, kind="stable"):
        codes[k] = format(int(cumulative * 2 ** int(lengths[k])), f"0{lengths[k]}b") if lengths[k] else ""
        cumulative += Fraction(float(p[k]))
    return codes


def mean_code_length(p: np.ndarray, lengths: np.ndarray) -> float:
    """符号按 p 出现时，平均每个符号的码长 Σ p_k·l_k，单位是位。"""
    return float(p @ lengths)
