"""GAN：各层的形状与参数、输出的范围、梯度经过判别器传到生成器。"""

from __future__ import annotations

import itertools

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch09_generative.gan import GAN
from paddle_notes.runtime import seed_everything


@pytest.mark.parametrize(("channels", "size", "latent", "hidden"), [(1, 28, 100, 256), (3, 16, 10, 8)])
def test_shapes_and_parameters(channels, size, latent, hidden):
    model = GAN(channels, size, latent, hidden)
    pixels = channels * size**2
    widths = [latent, hidden, 2 * hidden, pixels]  # 生成器：有批量归一化的层不带偏置，多 γ、β
    expected = sum(a * b for a, b in itertools.pairwise(widths)) + 2 * 3 * hidden + pixels
    assert count_parameters(model.generator) == expected
    widths = [pixels, 2 * hidden, hidden, 1]  # 判别器
    assert count_parameters(model.discriminator) == sum(a * b + b for a, b in itertools.pairwise(widths))
    images = model.sample(paddle.randn([5, latent]))
    assert images.shape == [5, channels, size, size]
    assert model(images).shape == [5]


def test_default_size():
    """MNIST 的一张图是 784 个数：560,400 + 533,505 = 1,093,905。"""
    assert count_parameters(GAN().generator) == 560_400
    assert count_parameters(GAN().discriminator) == 533_505
    assert count_parameters(models.build("gan")) == 1_093_905


def test_output_is_bounded_and_differs_with_the_noise():
    seed_everything(0)
    model = GAN()
    images = model.sample(10 * paddle.randn([8, 100])).numpy()
    assert np.abs(images).max() <= 1
    assert len(np.unique(images.reshape(8, -1), axis=0)) == 8


def test_generator_learns_only_through_the_discriminator():
    """判别器的输出对像素的梯度乘以像素对参数的梯度：判别器不看图，生成器就没有梯度。"""
    seed_everything(0)
    model = GAN(image_size=8, latent_size=4, hidden_size=6, dropout=0.0)
    noise = paddle.randn([3, 4])
    trainable = [p for p in model.generator.parameters() if not p.stop_gradient]
    model(model.sample(noise)).sum().backward()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in trainable)
    model.clear_gradients()
    first = model.discriminator.layers[0]
    first.weight.set_value(paddle.zeros_like(first.weight))
    model(model.sample(noise)).sum().backward()
    assert all(np.abs(p.grad.numpy()).max() == 0 for p in trainable)


def test_dropout_is_only_in_the_discriminator():
    model = GAN(dropout=0.4)
    assert [layer.p for layer in model.discriminator.sublayers() if isinstance(layer, nn.Dropout)] == [
        0.4,
        0.4,
    ]
    assert not [layer for layer in model.generator.sublayers() if isinstance(layer, nn.Dropout)]
