"""整批一次的卷积与 paddle 自己的卷积数值、梯度都相同，而且真的被用上了。"""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddle_notes import fast_conv, models

CASES = [  # 输入通道，输出通道，边长，核，步幅，填充
    (16, 7, 8, 3, 1, 1),
    (20, 6, 6, 1, 1, 0),
    (16, 8, 7, 5, 2, 2),
    (16, 5, 8, (3, 5), (2, 3), (0, 2)),
    (32, 32, 2, 3, 1, 1),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bias", [None, False])
def test_same_values_and_gradients(case, bias):
    paddle.seed(0)
    in_channels, out_channels, size, kernel, stride, padding = case
    layer = nn.Conv2D(in_channels, out_channels, kernel, stride, padding, bias_attr=bias)
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
    model(paddle.zeros([2, 1, image_size, image_size]))
    monkeypatch.undo()
    return len(calls)


def test_vgg16_uses_it_on_small_maps(monkeypatch):
    model = models.build("vgg16", num_classes=10, in_channels=1, image_size=32, batch_norm=True)
    assert count_unfolds(monkeypatch, model, 32) == 9  # 8×8、4×4、2×2 上各三层


@pytest.mark.parametrize(
    "options",
    [{"groups": 2}, {"dilation": 2, "padding": 2}, {"padding": "same"}, {"padding_mode": "reflect"}],
)
def test_leaves_other_convolutions_alone(options):
    layer = nn.Conv2D(16, 16, 3, **{"padding": 1, **options})
    fast_conv.speed_up(layer)
    assert "forward" not in vars(layer)


def test_large_maps_and_few_channels_use_paddle(monkeypatch):
    layer = nn.Conv2D(1, 4, 3, padding=1)
    fast_conv.speed_up(layer)
    assert count_unfolds(monkeypatch, layer, 8) == 0
