"""整批一次的卷积与 paddle 自己的卷积数值、梯度都相同，而且真的被用上了。"""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddle_notes import fast_conv, models

CASES = [  # 输入通道，输出通道，边长，nn.Conv2D 的其余参数
    (16, 7, 8, {"kernel_size": 3, "padding": 1}),  # 小特征图：整批只乘一次
    (32, 32, 2, {"kernel_size": 3, "padding": 1}),
    (16, 5, 8, {"kernel_size": (3, 5), "stride": (2, 3), "padding": (0, 2)}),
    (16, 4, 9, {"kernel_size": 3, "padding": 2, "dilation": 2}),
    (3, 6, 28, {"kernel_size": 5, "padding": 2}),  # 展开后不大：逐张相乘
    (1, 4, 31, {"kernel_size": 7, "stride": 2, "padding": 3}),
    (12, 12, 6, {"kernel_size": 3, "padding": 1, "groups": 12}),  # 逐通道：一个通道乘一次
    (12, 12, 7, {"kernel_size": 3, "padding": 1, "stride": 2, "groups": 12}),
    (6, 6, 1, {"kernel_size": 3, "padding": 1, "groups": 6}),
    (6, 6, 8, {"kernel_size": (3, 5), "stride": (2, 1), "padding": (0, 2), "dilation": (2, 1), "groups": 6}),
    (20, 6, 6, {"kernel_size": 1}),  # 交给 paddle
    (12, 12, 9, {"kernel_size": 3, "padding": 1, "groups": 12}),
    (16, 8, 8, {"kernel_size": 3, "padding": 1, "groups": 2}),
    (40, 4, 40, {"kernel_size": 3, "padding": 1}),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bias", [None, False])
def test_same_values_and_gradients(case, bias):
    paddle.seed(0)
    in_channels, out_channels, size, options = case
    layer = nn.Conv2D(in_channels, out_channels, bias_attr=bias, **options)
    x = paddle.randn([5, in_channels, size, size])
    x.stop_gradient = False
    results = []
    for fast in (False, True):
        if fast:
            fast_conv.speed_up(layer)
        y = layer(x)
        weight = paddle.linspace(-1, 1, y.size).reshape(y.shape)
        inputs = [x, *layer.parameters()]
        results.append([y, *paddle.grad((y * weight).sum(), inputs)])
    for plain, fast in zip(*results):
        assert plain.shape == fast.shape
        scale = np.abs(plain.numpy()).max()
        assert np.abs(plain.numpy() - fast.numpy()).max() <= 2e-6 * scale


def count_unfolds(monkeypatch, model, image_size: int) -> int:
    calls = []
    unfold = F.unfold
    monkeypatch.setattr(F, "unfold", lambda *args, **kwargs: calls.append(1) or unfold(*args, **kwargs))
    model.eval()
    model(paddle.zeros([32, 1, image_size, image_size]))
    monkeypatch.undo()
    return len(calls)


def test_vgg16_uses_it_on_small_maps(monkeypatch):
    model = models.build("vgg16", num_classes=10, in_channels=1, image_size=32, batch_norm=True)
    assert count_unfolds(monkeypatch, model, 32) == 10  # 第一层，以及 8×8、4×4、2×2 上各三层


def test_lenet_uses_it_for_both_convolutions(monkeypatch):
    assert count_unfolds(monkeypatch, models.build("lenet"), 28) == 2


@pytest.mark.parametrize(("batch_size", "count"), [(32, 9), (1, 2)])
def test_mobilenet_uses_it_on_small_maps(monkeypatch, batch_size, count):
    """28×28 的图像：7×7、4×4、2×2 上的九个逐通道卷积；只有一张图时，输出为 2×2 的两个。"""
    calls = []
    original = fast_conv.multiply_depthwise
    monkeypatch.setattr(fast_conv, "multiply_depthwise", lambda *args: calls.append(1) or original(*args))
    model = models.build("mobilenet_v1", num_classes=10, in_channels=1, stem="small", width_multiplier=0.25)
    model.eval()
    model(paddle.zeros([batch_size, 1, 28, 28]))
    assert len(calls) == count


@pytest.mark.parametrize("options", [{"padding": "same"}, {"padding": 1, "padding_mode": "reflect"}])
def test_leaves_other_convolutions_alone(options):
    layer = nn.Conv2D(16, 16, 3, **options)
    fast_conv.speed_up(layer)
    assert "forward" not in vars(layer)
