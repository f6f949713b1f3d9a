"""掩码：加在注意力分数上的数，可以看的位置是 0，不许看的是很大的负数，softmax 之后权重为 0。

有两种：填充掩码挡住补齐用的 0 号词元；因果掩码挡住后面的词，预测第 t 个词时只能看前 t 个，
否则训练时答案就在输入里，网络学会的只是照抄。
"""

from __future__ import annotations

import numpy as np

PAD = 0
# 用有限的数而不用 −∞：整行都被挡住时，softmax 得到的是平均而不是 NaN
BLOCKED = -1e9


def padding_mask(tokens):
    """挡住填充：tokens (N, T)，数组或张量 → (N, 1, 1, T) float32，对各头、各个查询都一样。"""
    return (tokens == PAD).astype("float32")[:, None, None, :] * BLOCKED


def causal_mask(num_queries: int, num_keys: int) -> np.ndarray:
    """挡住后面的词：(Tq, Tk) float32。查询是最后 Tq 个位置，第 i 个看得到前 Tk − Tq + i + 1 个键。"""
    position = np.arange(num_queries)[:, None] + num_keys - num_queries  # 各查询在整句里的位置
    return np.where(np.arange(num_keys) > position, np.float32(BLOCKED), np.float32(0))
