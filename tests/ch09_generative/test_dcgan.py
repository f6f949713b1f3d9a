"""DCGAN：文件开头的表、参数个数、初始化、论文的各条规则。"""

from __future__ import annotations

import itertools
import re

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch09_generative import dcgan
from paddle_notes.ch09_generative.dcgan import DCGAN, downsample, num_stages, upsample
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything


def shapes_through(layers, x) -> list[tuple[int, ...]]:
    """每个卷积、转置卷积、全连接层的输出形状（不含批的一维）。"""
    shapes = []
    with paddle.no_grad():
        for layer in layers:
            x = layer(x)
            if isinstance(layer, (nn.Conv2D, nn.Conv2DTranspose, nn.Linear)):
                shapes.append(tuple(x.shape[1:]))
    return shapes


@pytest.fixture(scope="module")
def paper() -> DCGAN:
    """论文的大小：64×64 彩色，1024 到 128 通道。"""
    return DCGAN()


def test_every_layer_matches_the_table(paper):
    """逐层与文件开头的表相同。"""
    rows = re.findall(r"\(N, ([\d, ]+)\)\s*$", dcgan.__doc__, re.MULTILINE)
    table = [tuple(map(int, row.split(", "))) for row in rows]
    assert len(table) == 10
    generator, discriminator = paper.generator, paper.discriminator
    top = tuple(generator.top)
    assert top == (1024, 4, 4) and generator.project.weight.shape == [100, 1024 * 16]
    seen = [top, *shapes_through(generator.layers, paddle.zeros([1, *top]))]
    seen += shapes_through(discriminator.layers, paddle.zeros([1, 3, 64, 64]))
    seen += [tuple(discriminator(paddle.zeros([1, 3, 64, 64])).shape)]
    assert seen == table


def expected_parameters(channels: int, stages: int, latent: int, width: int) -> tuple[int, int]:
    """生成器与判别器的参数个数：5×5 的核，BN 每通道两个，只有首尾的层有偏置。"""
    widths = [width * 2**i for i in range(stages)]  # w, 2w, 4w, …
    middle = sum(25 * a * b for a, b in itertools.pairwise(widths))
    generator = latent * widths[-1] * 16 + 2 * sum(widths) + middle + 25 * width * channels + channels
    discriminator = 25 * channels * width + width + middle + 2 * sum(widths[1:]) + widths[-1] * 16 + 1
    return generator, discriminator


def test_published_size(paper):
    found = count_parameters(paper.generator), count_parameters(paper.discriminator)
    assert found == expected_parameters(3, 4, 100, 128) == (18_855_043, 17_232_897)


@pytest.mark.parametrize(("channels", "size", "latent", "width"), [(1, 32, 100, 32), (2, 8, 7, 4)])
def test_parameters(channels, size, latent, width):
    model = models.build("dcgan", in_channels=channels, image_size=size, latent_size=latent, base_width=width)
    generator, discriminator = expected_parameters(channels, num_stages(size), latent, width)
    assert count_parameters(model.generator) == generator
    assert count_parameters(model.discriminator) == discriminator
    images = model.sample(paddle.randn([2, latent]))
    assert images.shape == [2, channels, size, size]
    assert model(images).shape == [2]


def test_weights_start_at_the_deviation_of_the_paper():
    seed_everything(0)
    model = DCGAN(1, 32, 100, 32)
    for layer in model.sublayers():
        if isinstance(layer, (nn.Conv2D, nn.Conv2DTranspose, nn.Linear)):
            weight = layer.weight.numpy()
            tolerance = 5 * 0.02 / np.sqrt(2 * weight.size)  # 标准差的标准误是 σ/√(2n)
            assert weight.std() == pytest.approx(0.02, abs=tolerance)
            assert abs(weight.mean()) <= 5 * 0.02 / np.sqrt(weight.size)
            assert layer.bias is None or not layer.bias.numpy().any()
        elif isinstance(layer, nn.BatchNorm2D):
            assert layer.weight.numpy().mean() == pytest.approx(1, abs=5 * 0.02 / np.sqrt(layer.weight.size))
            assert layer.weight.numpy().std() < 0.04 and not layer.bias.numpy().any()


def test_rules_of_the_paper():
    """没有池化；输出层与输入层不做批量归一化，其余都做；激活函数各就各位。"""
    model = DCGAN(1, 32, 100, 8)
    kinds = [type(layer) for layer in model.generator.layers]
    block = [nn.Conv2DTranspose, nn.BatchNorm2D, nn.ReLU]
    assert kinds == [nn.BatchNorm2D, nn.ReLU, *block, *block, nn.Conv2DTranspose, nn.Tanh]
    kinds = [type(layer) for layer in model.discriminator.layers]
    block = [nn.Conv2D, nn.BatchNorm2D, nn.LeakyReLU]
    assert kinds == [nn.Conv2D, nn.LeakyReLU, *block, *block]
    assert type(model.discriminator.classifier) is nn.Linear
    slopes = {layer._negative_slope for layer in model.sublayers() if isinstance(layer, nn.LeakyReLU)}
    assert slopes == {0.2}
    convolutions = [
        layer
        for part in (model.generator, model.discriminator)
        for layer in part.sublayers()
        if isinstance(layer, (nn.Conv2D, nn.Conv2DTranspose))
    ]
    assert all(layer.weight.shape[2:] == [5, 5] for layer in convolutions)
    with_bias = [layer for layer in convolutions if layer.bias is not None]
    assert with_bias == [model.generator.layers[-2], model.discriminator.layers[0]]


def test_discriminator_always_normalizes_with_its_own_batch():
    """推理与训练时给出同样的 logits；生成器则不同，推理时一张样本与同批的别的噪声无关。"""
    seed_everything(0)
    model = DCGAN(1, 16, 10, 4)
    images, noise = paddle.randn([6, 1, 16, 16]), paddle.randn([6, 10])
    with paddle.no_grad():
        trained = model(images).numpy()
        model.eval()
        assert np.allclose(model(images).numpy(), trained, atol=1e-6)
        alone, together = model.sample(noise[:1]).numpy(), model.sample(noise).numpy()
    assert np.allclose(alone[0], together[0], atol=1e-6)


@pytest.mark.parametrize("side", [4, 7, 16])
def test_each_stage_doubles_or_halves(side):
    assert upsample(2, 3)(paddle.zeros([1, 2, side, side])).shape == [1, 3, 2 * side, 2 * side]
    assert downsample(2, 3)(paddle.zeros([1, 2, 2 * side, 2 * side])).shape == [1, 3, side, side]


@pytest.mark.parametrize(("size", "stages"), [(8, 1), (16, 2), (32, 3), (64, 4), (128, 5)])
def test_stages(size, stages):
    assert num_stages(size) == stages


@pytest.mark.parametrize("size", [1, 4, 28, 33, 48])
def test_impossible_size(size):
    with pytest.raises(UserError, match=f"边长只能是 8、16、32、64……，得到 {size}；请设 data.image_size"):
        models.build("dcgan", image_size=size)
