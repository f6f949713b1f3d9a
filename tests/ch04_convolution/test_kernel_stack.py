"""感受野相同的小核与大核：参数的账与形状。"""

from __future__ import annotations

import paddle
import pytest

from paddle_notes import models
from paddle_notes.errors import UserError


def stack_parameters(kernel_sizes: tuple[int, ...], width: int) -> int:
    """要比较的那几个卷积的权重个数，不算偏置。"""
    model = models.build("kernel_stack", kernel_sizes=list(kernel_sizes), width=width)
    convolutions = [layer for layer in model.features if isinstance(layer, paddle.nn.Conv2D)][1:]
    assert len(convolutions) == len(kernel_sizes)
    return sum(layer.weight.size for layer in convolutions)


@pytest.mark.parametrize(
    ("kernel_sizes", "factor"), [((3, 3), 18), ((5,), 25), ((3, 3, 3), 27), ((7,), 49), ((1,), 1)]
)
def test_weights_are_a_multiple_of_squared_width(kernel_sizes, factor):
    assert stack_parameters(kernel_sizes, 8) == factor * 8**2


@pytest.mark.parametrize("kernel_sizes", [(3, 3), (5,), (3, 3, 3), (7,)])
def test_same_shape_whatever_the_kernels(kernel_sizes):
    model = models.build("kernel_stack", kernel_sizes=list(kernel_sizes), width=4)
    x = paddle.zeros([2, 1, 28, 28])
    assert model.features(x).shape == [2, 4, 7, 7]
    assert model(x).shape == [2, 10]


@pytest.mark.parametrize("reach, kernel_sizes", [(5, (3, 3)), (5, (5,)), (7, (3, 3, 3)), (7, (7,))])
def test_receptive_field_is_measured(reach, kernel_sizes):
    """中间一个输出对输入的梯度，恰好在 reach×reach 的方块里不为 0。"""
    model = models.build("kernel_stack", kernel_sizes=list(kernel_sizes), width=4)
    convolutions = [layer for layer in model.features if isinstance(layer, paddle.nn.Conv2D)][1:]
    x = paddle.zeros([1, 4, 15, 15])
    x.stop_gradient = False
    y = x
    for layer in convolutions:
        paddle.nn.initializer.Constant(1.0)(layer.weight)
        y = layer(y)
    y[0, 0, 7, 7].backward()
    touched = (x.grad[0, 0] != 0).numpy()
    assert touched.sum() == reach**2
    half = reach // 2
    assert touched[7 - half : 8 + half, 7 - half : 8 + half].all()


@pytest.mark.parametrize("options", [{"kernel_sizes": [2]}, {"kernel_sizes": []}, {"image_size": 3}])
def test_impossible_options(options):
    with pytest.raises(UserError, match="请"):
        models.build("kernel_stack", **options)
