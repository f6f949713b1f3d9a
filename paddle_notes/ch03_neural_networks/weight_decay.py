"""权重衰减：每一步先把权重缩小一点，再沿负梯度走。

论文：Krogh 与 Hertz, *A Simple Weight Decay Can Improve Generalization*, 1991；
与自适应优化器合用时的差别见 Loshchilov 与 Hutter, *Decoupled Weight Decay Regularization*, 2017。

对普通的梯度下降，它与在损失上加 L2 惩罚 (λ/2)·‖w‖² 是一回事；:func:`penalized_step` 与
:func:`decayed_step` 的结果相同。Adam 把梯度除以它自己的大小，惩罚也跟着被除，两者就不同了，
所以有了 AdamW。偏置不衰减：它只平移分界面，不让函数变陡。
"""

from __future__ import annotations

import numpy as np


def penalized_step(w: np.ndarray, gradient: np.ndarray, lr: float, penalty: float) -> np.ndarray:
    """在损失上加 (λ/2)·‖w‖² 再做一步梯度下降。"""
    # w ← w − η·(g + λ·w)
    return w - lr * (gradient + penalty * w)


def decayed_step(w: np.ndarray, gradient: np.ndarray, lr: float, decay: float) -> np.ndarray:
    """先衰减，再做一步梯度下降。"""
    # w ← (1 − η·λ)·w − η·g
    return (1.0 - lr * decay) * w - lr * gradient
