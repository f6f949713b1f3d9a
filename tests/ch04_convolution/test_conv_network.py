"""小卷积网络：形状、参数个数、两块的计算量、可以滑过大图。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddle_notes.ch04_convolution.arithmetic import conv_macs, conv_parameters
from paddle_notes.ch04_convolution.network import SmallConvNet


@pytest.fixture
def model():
    paddle.seed(0)
    return SmallConvNet(num_classes=5, batch_norm=True)


def test_every_block_halves_the_size_and_doubles_the_channels(model):
    x = model.block1(paddle.zeros([2, 1, 28, 28]))
    assert x.shape == [2, 16, 14, 14]
    assert model.block2(x).shape == [2, 32, 7, 7]


def test_parameters():
    def count(model):
        return sum(p.size for p in model.parameters() if not p.stop_gradient)

    classifier = 32 * 7 * 7 * 10 + 10
    convolutions = conv_parameters(1, 16, 5) + conv_parameters(16, 32, 5)
    assert count(SmallConvNet()) == convolutions + classifier == 28_938
    without_bias = conv_parameters(1, 16, 5, bias=False) + conv_parameters(16, 32, 5, bias=False)
    assert count(SmallConvNet(batch_norm=True)) == without_bias + 2 * (16 + 32) + classifier
    assert conv_macs(16, 32, 5, 14) == 2 * conv_macs(16, 16, 5, 14)


def test_score_map_is_the_classifier_on_its_own_size(model):
    model.eval()
    x = paddle.to_tensor(np.random.default_rng(0).random((3, 1, 28, 28)).astype("float32"))
    assert model.score_map(x).shape == [3, 5, 1, 1]
    np.testing.assert_allclose(model.score_map(x)[:, :, 0, 0].numpy(), model(x).numpy(), atol=1e-5)


def test_score_map_slides_the_classifier_over_a_larger_image(model):
    model.eval()
    x = paddle.to_tensor(np.random.default_rng(0).random((1, 1, 28, 84)).astype("float32"))
    scores = model.score_map(x)
    assert scores.shape == [1, 5, 1, 15]
    window = model.features(x)[:, :, :, 7:14]  # 中间的 7×7
    np.testing.assert_allclose(
        scores[:, :, 0, 7].numpy(), model.classifier(window.flatten(1)).numpy(), atol=1e-5
    )
