"""整批一次的卷积与 paddle 自己的卷积数值、梯度都相同，而且真的被用上了。"""

from copy import deepcopy

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddle_notes import fast_conv, models

CASES = [  # 输入通道，输出通道，边长，nn.Conv2D 的其余参数
    (16, 7, 8, {"kernel_size": 3, "padding": 1}),  # 整批只乘一次
    (32, 32, 2, {"kernel_size": 3, "padding": 1}),
    (16, 5, 8, {"kernel_size": (3, 5), "stride": (2, 3), "padding": (0, 2)}),
    (16, 4, 9, {"kernel_size": 3, "padding": 2, "dilation": 2}),
    (3, 6, 28, {"kernel_size": 5, "padding": 2}),  # 通道少也一样
    (1, 4, 31, {"kernel_size": 7, "stride": 2, "padding": 3}),
    (12, 12, 6, {"kernel_size": 3, "padding": 1, "groups": 12}),  # 逐通道：一个通道乘一次
    (12, 12, 7, {"kernel_size": 3, "padding": 1, "stride": 2, "groups": 12}),
    (6, 6, 1, {"kernel_size": 3, "padding": 1, "groups": 6}),
    (6, 6, 8, {"kernel_size": (3, 5), "stride": (2, 1), "padding": (0, 2), "dilation": (2, 1), "groups": 6}),
    (20, 6, 6, {"kernel_size": 1}),  # 1×1，交给 paddle
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


def plain_forward(layer: nn.Conv2D, x: paddle.Tensor) -> paddle.Tensor:
    """paddle 的卷积。它在 CPU 上的逐通道卷积没有二阶导数，改写成只有对角线上有核的普通卷积。"""
    weight, groups = layer.weight, layer._groups
    if groups == x.shape[1]:
        weight, groups = weight * paddle.eye(groups).reshape([groups, groups, 1, 1]), 1
    return F.conv2d(x, weight, layer.bias, layer._stride, layer._updated_padding, layer._dilation, groups)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bias", [None, False])
def test_same_second_derivatives(case, bias):
    """梯度惩罚：对输入的梯度的平方和，再对输入与各个参数求导。"""
    paddle.seed(0)
    in_channels, out_channels, size, options = case
    layer = nn.Conv2D(in_channels, out_channels, bias_attr=bias, **options)
    x = paddle.randn([5, in_channels, size, size])
    x.stop_gradient = False
    results = []
    fast_conv.speed_up(layer)
    for forward in (plain_forward, nn.Conv2D.__call__):
        (gradient,) = paddle.grad((forward(layer, x) ** 3).sum(), x, create_graph=True)
        results.append(paddle.grad((gradient**2).sum(), [x, *layer.parameters()]))
    for plain, fast in zip(*results):
        scale = np.abs(plain.numpy()).max()
        assert np.abs(plain.numpy() - fast.numpy()).max() <= 1e-5 * scale


def test_gradient_penalty_of_a_whole_network():
    """DCGAN 的判别器：梯度惩罚（Gulrajani 等，2017）对每个参数的梯度，与没有加速的相同。"""
    results = []
    for fast in (False, True):
        paddle.seed(0)
        model = models.build("dcgan", in_channels=1, image_size=32)
        if not fast:
            for layer in model.sublayers():
                layer.__dict__.pop("forward", None)
        paddle.seed(1)
        images = paddle.randn([4, 1, 32, 32])
        images.stop_gradient = False
        (gradient,) = paddle.grad(model(images).sum(), images, create_graph=True)
        penalty = ((gradient.square().sum([1, 2, 3]).sqrt() - 1) ** 2).mean()
        penalty.backward()
        parameters = model.discriminator.parameters()
        results.append([p.grad.numpy() for p in parameters if p.grad is not None])
    assert len(results[0]) == len(results[1]) > 5
    for plain, fast in zip(*results):
        assert np.abs(plain - fast).max() <= 1e-4 * max(np.abs(plain).max(), 1e-8)


@pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[6], CASES[10], CASES[13]])
def test_an_empty_batch(case):
    in_channels, out_channels, size, options = case
    layer = nn.Conv2D(in_channels, out_channels, **options)
    x = paddle.zeros([0, in_channels, size, size])
    plain = layer(x)
    fast_conv.speed_up(layer)
    assert layer(x).shape == plain.shape == [0, out_channels, *plain.shape[2:]]


def test_wrong_shapes_are_reported_by_paddle():
    layer = nn.Conv2D(3, 4, 3)
    fast_conv.speed_up(layer)
    for shape in ([2, 5, 8, 8], [3, 8]):
        with pytest.raises(ValueError):
            layer(paddle.zeros(shape))


@pytest.mark.parametrize("name", ["lenet", "resnet20", "mobilenet_v2", "squeezenet1_1"])
def test_to_static_and_save(name, tmp_path):
    """models.build 造的网络可以直接 paddle.jit.save：批的大小随意，输出与动态图相同。"""
    options = {"in_channels": 1, "num_classes": 10}
    model = models.build(name, **options)
    model.eval()
    batches = [paddle.randn([count, 1, 28, 28]) for count in (3, 1)]
    expected = [model(x).numpy() for x in batches]
    spec = paddle.static.InputSpec([None, 1, 28, 28], "float32", "x")
    paddle.jit.save(paddle.jit.to_static(model, input_spec=[spec], full_graph=True), str(tmp_path / "net"))
    loaded = paddle.jit.load(str(tmp_path / "net"))
    for x, y in zip(batches, expected):
        assert np.abs(loaded(x).numpy() - y).max() <= 1e-5 * np.abs(y).max()


def test_a_copy_has_its_own_weights():
    """深拷贝之后，前向用的是副本自己的参数。"""
    model = models.build("lenet")
    copy = deepcopy(model)
    x = paddle.randn([2, 1, 28, 28])
    before = model(x).numpy()
    for parameter in copy.parameters():
        parameter.set_value(paddle.zeros_like(parameter))
    assert np.array_equal(model(x).numpy(), before)
    assert (copy(x).numpy() == 0).all()


def count_calls(monkeypatch, model, image_size: int) -> int:
    calls = []
    original = fast_conv.multiply_at_once
    monkeypatch.setattr(fast_conv, "multiply_at_once", lambda *args: calls.append(1) or original(*args))
    model.eval()
    model(paddle.zeros([32, 1, image_size, image_size]))
    monkeypatch.undo()
    return len(calls)


def test_vgg16_uses_it_on_small_maps(monkeypatch):
    model = models.build("vgg16", num_classes=10, in_channels=1, image_size=32, batch_norm=True)
    assert count_calls(monkeypatch, model, 32) == 10  # 第一层，以及 8×8、4×4、2×2 上各三层


def test_lenet_uses_it_for_both_convolutions(monkeypatch):
    assert count_calls(monkeypatch, models.build("lenet"), 28) == 2


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
