"""生成器参数的滑动平均：训练用的那一份一直在摆动，拿来生成的是它的平均。

论文：Yazıcı 等, *The Unusual Effectiveness of Averaging in GAN Training*, 2018，
https://arxiv.org/abs/1806.04498；Polyak 与 Juditsky, *Acceleration of Stochastic Approximation by
Averaging*, 1992。

想法：对抗的两方互相追逐，不会停在一点上，某一步的生成器好不好，多少靠运气。把最近几百步的参数平均起来，
摆动就抵消了，各轮的样本平稳得多，也更好。代价是多存一份参数，每步多做一次加权。
"""

from __future__ import annotations

import copy

import paddle
from paddle import Tensor, nn


class AveragedGenerator(nn.Layer):
    """有 ``generator`` 的网络：训练时由它生成，推理时由它的滑动平均 ``average`` 生成。

    子类造好 ``self.generator`` 并初始化之后，调用 :meth:`start_average`。
    """

    def start_average(self, decay: float) -> None:
        """``decay`` 是每步保留旧值的比例 β，相当于平均最近约 1/(1 − β) 步；0 就是不平均。

        开头走过的步数还少，β 取得小些：β_t = min(β, t/(t + 9))，免得很久都在平均没学会时的参数。
        """
        if not 0 <= decay < 1:
            raise ValueError(f"average_decay 应在 0 与 1 之间（不含 1），得到 {decay}")
        self.average_decay = decay
        self.register_buffer("num_updates", paddle.zeros([]))  # t，存进检查点
        self.average = copy.deepcopy(self.generator)
        for parameter in self.average.parameters():
            parameter.stop_gradient = True  # 不由梯度更新，也不算可训练参数

    @paddle.no_grad()
    def update_average(self) -> None:
        """生成器更新一步之后调用：a ← β·a + (1 − β)·g，批量归一化的滑动统计量也一样。"""
        self.num_updates.add_(paddle.ones([]))
        warm = self.num_updates / (self.num_updates + 9)
        weight = 1 - paddle.clip(warm, max=self.average_decay)  # 留在设备上，不读出来
        for a, g in zip(self.average.state_dict().values(), self.generator.state_dict().values()):
            a.lerp_(g, weight)  # a + (1 − β_t)(g − a)

    def sample(self, noise: Tensor) -> Tensor:
        """噪声 (N, latent_size) → 图像 (N, C, s, s)，值在 (−1, 1) 之间。"""
        return (self.generator if self.training else self.average)(noise)
