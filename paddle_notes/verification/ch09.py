"""第 9 章的题目：判别器与生成器的损失，转置卷积。"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

from paddle_notes.ch09_generative import adversarial_losses as losses
from paddle_notes.ch09_generative import transposed_conv

from .core import Topic, functional, layer

N = 6  # 一批的样本数


def discriminator_loss(generator: np.random.Generator) -> Topic:
    smoothing = 0.25  # float32 能精确表示

    def by_primitives(real, fake):
        d_real, d_fake = 1 / (1 + paddle.exp(-real)), 1 / (1 + paddle.exp(-fake))
        on_real = -(1 - smoothing) * paddle.log(d_real) - smoothing * paddle.log(1 - d_real)
        return on_real.mean() - paddle.log(1 - d_fake).mean()

    def by_paddle_nn(real, fake):
        target = paddle.full_like(real, 1 - smoothing)
        on_real = F.binary_cross_entropy_with_logits(real, target)
        return on_real + F.binary_cross_entropy_with_logits(fake, paddle.zeros_like(fake))

    return Topic(
        inputs={"real": 2 * generator.standard_normal(N), "fake": 2 * generator.standard_normal(N)},
        forward=lambda real, fake: losses.discriminator_loss(real, fake, smoothing),
        backward=lambda dy, real, fake: dict(
            zip(("real", "fake"), losses.discriminator_loss_backward(dy, real, fake, smoothing))
        ),
        forms={"原语": functional(by_primitives), "paddle.nn": functional(by_paddle_nn)},
    )


def generator_loss_saturating(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={"fake": 2 * generator.standard_normal(N)},
        forward=losses.minimax_generator_loss,
        backward=lambda dy, fake: {"fake": losses.minimax_generator_loss_backward(dy, fake)},
        forms={
            "原语": functional(lambda fake: paddle.log(1 - 1 / (1 + paddle.exp(-fake))).mean()),
            "paddle.nn": functional(lambda fake: -F.softplus(fake).mean()),
        },
    )


def generator_loss_non_saturating(generator: np.random.Generator) -> Topic:
    def by_paddle_nn(fake):
        return F.binary_cross_entropy_with_logits(fake, paddle.ones_like(fake))

    return Topic(
        inputs={"fake": 2 * generator.standard_normal(N)},
        forward=losses.non_saturating_generator_loss,
        backward=lambda dy, fake: {"fake": losses.non_saturating_generator_loss_backward(dy, fake)},
        forms={
            "原语": functional(lambda fake: paddle.log(1 + paddle.exp(-fake)).mean()),
            "paddle.nn": functional(by_paddle_nn),
        },
    )


def conv_transpose2d(generator: np.random.Generator) -> Topic:
    """DCGAN 的转置卷积：5×5，步幅 2，填充 2，输出多留 1。"""
    window = {"stride": 2, "padding": 2, "output_padding": 1}

    def by_primitives(x, weight, bias):
        """每个像素乘上整个核，得到一列，再叠回去。"""
        num_out, k = weight.shape[1:3]
        height, width = (2 * side for side in x.shape[2:])
        columns = paddle.matmul(weight.flatten(1).T, x.flatten(2))  # (N, K·k·k, h·w)
        y = F.fold(columns, [height, width], [k, k], 2, [2, 2, 1, 1])  # 上、左裁 2 圈，下、右裁 1 圈
        return y + bias.reshape([num_out, 1, 1])

    by_layer = layer(lambda: nn.Conv2DTranspose(3, 2, 5, **window), {"weight": "weight", "bias": "bias"})
    return Topic(
        inputs={
            "x": generator.standard_normal((2, 3, 3, 4)),
            "weight": generator.standard_normal((3, 2, 5, 5)),
            "bias": generator.standard_normal(2),
        },
        forward=lambda x, weight, bias: transposed_conv.conv_transpose2d(x, weight, bias, **window),
        backward=lambda dy, x, weight, bias: dict(
            zip(
                ("x", "weight", "bias"),
                transposed_conv.conv_transpose2d_backward(dy, x, weight, stride=2, padding=2),
            )
        ),
        forms={"原语": functional(by_primitives), "paddle.nn": by_layer},
    )


TOPICS = {
    "discriminator_loss": discriminator_loss,
    "generator_loss_saturating": generator_loss_saturating,
    "generator_loss_non_saturating": generator_loss_non_saturating,
    "conv_transpose2d": conv_transpose2d,
}
