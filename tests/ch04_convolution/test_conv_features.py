"""卷积核与特征图：取对了层、画得出来、图块就在感受野上。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.ch04_convolution import features
from paddle_notes.ch04_convolution.arithmetic import Window, receptive_field
from paddle_notes.ch04_convolution.network import SmallConvNet


@pytest.fixture
def model():
    paddle.seed(0)
    return SmallConvNet(batch_norm=True)


@pytest.fixture
def images():
    return np.random.default_rng(0).random((3, 1, 28, 28)).astype("float32")


def test_first_kernels_are_the_first_convolution(model):
    kernels = features.first_kernels(model)
    assert kernels.shape == (16, 1, 5, 5)
    np.testing.assert_array_equal(kernels, model.block1[0].weight.numpy())
    with pytest.raises(ValueError, match="没有 Conv2D"):
        features.first_kernels(nn.Linear(3, 2))


@pytest.mark.parametrize("training", [True, False])
def test_maps_are_the_outputs_in_inference(model, images, training):
    """取出的就是推理时那一层的输出；之后网络的模式、滑动平均、钩子都与之前一样。"""
    model.train() if training else model.eval()
    before = model.block1[1]._mean.numpy().copy()
    maps = features.feature_maps(model, images, ["block2", "block1.2"])
    assert model.training is training and model.block1[1].training is training
    np.testing.assert_array_equal(model.block1[1]._mean.numpy(), before)
    model.eval()
    block1 = model.block1[:3](paddle.to_tensor(images))
    np.testing.assert_allclose(maps["block1.2"], block1.numpy(), atol=1e-6)
    np.testing.assert_allclose(maps["block2"], model.features(paddle.to_tensor(images)).numpy(), atol=1e-6)


def test_unknown_layer(model, images):
    with pytest.raises(ValueError, match=r"没有名为 block9 的层；有的是：block1、"):
        features.feature_maps(model, images, ["block9"])


def test_top_patches_are_cut_from_the_receptive_field():
    """特征图上一个亮点，图块就是它的感受野；图像按响应从强到弱排列。"""
    field = receptive_field([Window(3, 1, 1), Window(2, 2)])  # 边长 4，间隔 2，从 −1 开始
    images = np.random.default_rng(0).random((4, 1, 8, 8))
    maps = np.zeros((4, 4, 4))
    maps[1, 2, 1], maps[3, 1, 3], maps[0, 0, 0] = 5, 9, 1
    patches = features.top_patches(maps, images, field, count=3)
    assert patches.shape == (3, 1, 4, 4)
    np.testing.assert_array_equal(patches[1, 0], images[1, 0, 3:7, 1:5])
    np.testing.assert_array_equal(patches[0, 0, :, :3], images[3, 0, 1:5, 5:8])
    assert not patches[0, 0, :, 3].any()  # 超出图像的一列补 0
    np.testing.assert_array_equal(patches[2, 0, 1:, 1:], images[0, 0, :3, :3])


def test_patches_are_what_the_channel_responds_to(model, images):
    """把图块单独送进前两层，得到的响应就是特征图上的最大值（图块不在边上时）。"""
    model.eval()
    field = receptive_field([Window(5, 1, 2), Window(2, 2)])
    inner = np.zeros((3, 14, 14))
    maps = features.feature_maps(model, images, ["block1"])["block1"][:, 3]
    inner[:, 2:12, 2:12] = maps[:, 2:12, 2:12]
    patches = features.top_patches(inner, images, field, count=3)
    conv, normalise = model.block1[0], model.block1[1]
    y = nn.functional.conv2d(paddle.to_tensor(patches), conv.weight)  # (3, 16, 2, 2)
    response = nn.functional.relu(normalise(y)).max(axis=[2, 3])[:, 3].numpy()
    np.testing.assert_allclose(response, np.sort(inner.max(axis=(1, 2)))[::-1], atol=1e-5)


def test_tile_places_and_scales_every_picture():
    pictures = np.stack([np.arange(4.0).reshape(2, 2), 10 * np.arange(4.0).reshape(2, 2), np.zeros((2, 2))])
    canvas = features.tile(pictures, columns=2)
    assert canvas.shape == (5, 5)
    np.testing.assert_allclose(canvas[:2, :2], np.arange(4).reshape(2, 2) / 3)
    np.testing.assert_allclose(canvas[:2, 3:], canvas[:2, :2])  # 各自缩放：强弱不同，样子一样
    assert (canvas[2] == 1).all() and (canvas[3:, 3:] == 1).all() and not canvas[3:, :2].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_draws_any_network(channels, tmp_path):
    paddle.seed(0)
    model = nn.Sequential(nn.Conv2D(channels, 4, 3), nn.ReLU(), nn.Conv2D(4, 6, 3))
    path = tmp_path / "features.png"
    image = np.random.default_rng(0).random((channels, 12, 12)).astype("float32")
    features.draw_features(model, image, ["1", "2"], path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_two_channels_cannot_be_drawn(tmp_path):
    with pytest.raises(ValueError, match="只能画 1 个或 3 个通道的核与图像，得到 2 个"):
        features.draw_features(nn.Conv2D(2, 4, 3), np.zeros((2, 8, 8), "float32"), [], tmp_path / "x.png")
