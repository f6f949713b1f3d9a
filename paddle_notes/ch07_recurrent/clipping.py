"""梯度裁剪：全部梯度合起来的长度超过上限时，同比缩短到上限，方向不变。

想法：沿时间反向传播把同一个矩阵乘很多次，梯度可能突然大上千倍。照学习率走这一步，参数就被抛到远处，
前面学到的都没了。按整体的长度裁剪，方向仍是下降最快的方向，只是这一步不走那么远。

论文：Pascanu, Mikolov, Bengio, *On the Difficulty of Training Recurrent Neural Networks*, 2013。
"""

from __future__ import annotations

import numpy as np


def global_norm(gradients: list[np.ndarray]) -> float:
    """全部梯度排成一个长向量，求它的 L2 范数。"""
    # ‖g‖ = √(Σ_k Σ g_k²)
    return float(np.sqrt(sum(np.sum(gradient**2) for gradient in gradients)))


def clip_by_global_norm(gradients: list[np.ndarray], clip_norm: float) -> list[np.ndarray]:
    """裁剪之后的梯度，形状不变；``clip_norm`` 是整体长度的上限。"""
    # g ← g · c / max(‖g‖, c)
    scale = clip_norm / max(global_norm(gradients), clip_norm)
    return [gradient * scale for gradient in gradients]
