"""词嵌入：每个词元一个向量，查表等于独热向量乘矩阵。

想法：词元的编号只是名字，3 号与 4 号并不相近，不能当作数来加减。把编号 k 写成独热向量
e_k（第 k 位是 1，其余是 0），再乘以 V×D 的矩阵 W，得到的就是 W 的第 k 行：e_k·W = W[k]。
乘法里全是 0，所以实际只查表：前向取出几行，反向把梯度加回这几行。

论文：Bengio, Ducharme, Vincent, Jauvin, *A Neural Probabilistic Language Model*, 2003。

填充：一批句子长短不齐，短的用 0 号词元补齐。0 号的向量恒为零，也得不到梯度（``padding_idx``）。
"""

from __future__ import annotations

import numpy as np


def one_hot(ids: np.ndarray, num_classes: int) -> np.ndarray:
    """编号 (…) → 独热向量 (…, num_classes)。"""
    return np.eye(num_classes)[ids]


def embedding(ids: np.ndarray, weight: np.ndarray, padding_idx: int | None = None) -> np.ndarray:
    """查表：ids (…) 与 weight (V, D) → (…, D)。

    编号等于 ``padding_idx`` 的位置得到零向量；编号不在 0 到 V − 1 之间时抛出 ValueError。
    """
    if ids.size and not 0 <= ids.min() <= ids.max() < len(weight):
        raise ValueError(
            f"词元的编号应在 0 与 {len(weight) - 1} 之间，得到 {ids.min()} 到 {ids.max()}；"
            "请检查词表的大小与编号是否出自同一个词表"
        )
    # y = W[k]
    y = weight[ids]  # (…, D)
    return y if padding_idx is None else y * (ids != padding_idx)[..., None]


def embedding_backward(
    dy: np.ndarray, ids: np.ndarray, weight: np.ndarray, padding_idx: int | None = None
) -> np.ndarray:
    """由 ∂L/∂y (…, D) 求 ∂L/∂W (V, D)。

    同一个词元出现几次，几处的梯度都加到它那一行：不能写成 ``dw[ids] += dy``，那样重复的编号只加一次。
    """
    dw = np.zeros_like(weight)  # (V, D)
    # ∂L/∂W[k] = Σ ∂L/∂y[n]，对编号为 k 的全部位置 n 求和
    np.add.at(dw, ids, dy)
    if padding_idx is not None:
        dw[padding_idx] = 0
    return dw


def embedding_by_matrix(ids: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """与 :func:`embedding` 相等的另一种写法：独热向量乘矩阵，(…, V) @ (V, D) → (…, D)。"""
    # y = e_k · W
    return one_hot(ids, len(weight)) @ weight


def embedding_by_matrix_backward(dy: np.ndarray, ids: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """矩阵乘法的反向，与 :func:`embedding_backward` 相等：独热矩阵的转置正好把梯度送回各行。"""
    rows = one_hot(ids, len(weight)).reshape(-1, len(weight))  # (M, V)
    # ∂L/∂W = Eᵀ · ∂L/∂y
    return rows.T @ dy.reshape(len(rows), -1)  # (V, D)
