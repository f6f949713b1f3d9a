"""平滑 L1 用在哪里：目标检测里修正一个框。

论文：Girshick, *Fast R-CNN*, 2015（https://arxiv.org/abs/1504.08083）。

检测要回答“是什么、在哪里”。候选框大致圈住了物体，网络再预测四个数 t，把它修正到真正的框上：

    t_x = (x − x_a)/w_a    t_y = (y − y_a)/h_a    t_w = log(w/w_a)    t_h = log(h/h_a)

(x, y) 是框的中心，w、h 是宽与高，带 a 的是候选框。中心的移动以框的大小为单位，宽高取倍数的对数，所以图像放大
几倍，t 都不变：大物体与小物体一样算。

四个数没有上界：候选框歪得厉害时 t 很大，平方损失的梯度随它一起变大，一个坏的候选框就左右了一步更新。
平滑 L1 的梯度截在 ±1，所以检测用它。

框写成 (…, 4) 的数组：中心 x、中心 y、宽、高。
"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch02_linear_models.losses import smooth_l1, smooth_l1_backward


def encode(boxes: np.ndarray, proposals: np.ndarray) -> np.ndarray:
    """真正的框相对候选框的四个目标 t，(…, 4)；宽或高不是正数时抛 ValueError。"""
    if (boxes[..., 2:] <= 0).any() or (proposals[..., 2:] <= 0).any():
        raise ValueError("框的宽与高应是正数；框是（中心 x，中心 y，宽，高），不是两个角")
    centers = (boxes[..., :2] - proposals[..., :2]) / proposals[..., 2:]
    return np.concatenate([centers, np.log(boxes[..., 2:] / proposals[..., 2:])], axis=-1)


def decode(t: np.ndarray, proposals: np.ndarray) -> np.ndarray:
    """:func:`encode` 的反面：由预测的 t 得到框。"""
    centers = t[..., :2] * proposals[..., 2:] + proposals[..., :2]
    return np.concatenate([centers, np.exp(t[..., 2:]) * proposals[..., 2:]], axis=-1)


def box_loss(t_hat: np.ndarray, t: np.ndarray) -> np.ndarray:
    """框的损失：四个数的平滑 L1 之和，(…, 4) → (…)。论文的 β = 1。"""
    # L = Σ_{i ∈ x, y, w, h} 平滑L1(t̂_i − t_i)
    return smooth_l1(t_hat, t).sum(-1)


def box_loss_backward(dloss: np.ndarray, t_hat: np.ndarray, t: np.ndarray) -> np.ndarray:
    """每个分量的导数都在 −1 与 1 之间，不管差得多远。"""
    return smooth_l1_backward(dloss[..., None], t_hat, t)
