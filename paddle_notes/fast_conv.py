"""CPU 上更快的卷积。数值与 ``nn.Conv2D`` 相同，只是浮点数相加的次序不同。

paddle 3.3 的 CPU 卷积有三处慢：

- 偏置 (1, O, 1, 1) 与四维的输出相加，比把输出看成三维 (N, O, h·w) 再加慢好几倍；
- 逐张图展开（im2col）再相乘，特征图小时每次乘法都太小，用不满处理器；
- 逐通道卷积对每张图的每个通道各算一次，特征图再小也要这么久。

所以这里偏置一律按三维加；展开后的数据不大时，先展开整批再相乘：特征图很小时把整批拼成
一个矩阵只乘一次，否则逐张相乘；小特征图上的逐通道卷积写成每个通道一次矩阵乘法。
别的卷积仍交给 paddle。各个界限是在 2 核 AMD EPYC 上测得的。
"""

from __future__ import annotations

from functools import partial

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

SMALL_MAP = 64  # 特征图不超过这么多像素时，整批只乘一次（看输出）；逐通道卷积写成矩阵乘法（看输入）
SMALL_COLUMNS = 5 << 18  # 整批展开后不超过这么多个数（5 MiB）时，逐张相乘也比 paddle 快
MIN_CHANNELS = 16  # 通道再少，整批只乘一次也不合算


def output_size(layer: nn.Conv2D, x: Tensor) -> tuple[int, int]:
    """输出特征图的高与宽。"""
    sizes = (
        (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for size, padding, dilation, kernel, stride in zip(
            x.shape[2:], layer._updated_padding, layer._dilation, layer.weight.shape[2:], layer._stride
        )
    )
    return tuple(sizes)


def unfold(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """把每个窗口展开成一列（im2col）：(N, C, H, W) → (N, C·kh·kw, h·w)。"""
    return F.unfold(x, layer.weight.shape[2:], layer._stride, layer._updated_padding, layer._dilation)


def multiply_depthwise(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """不带偏置的逐通道卷积 (N, C, H, W) → (N, C, h·w)。

    一个通道的输出是它的像素的线性函数，把这个函数写成矩阵 (H·W, h·w)，一个通道只乘一次。
    """
    channels, height, width = x.shape[1:]
    # 第 i 张图只有第 i 个像素是 1，展开后就知道核的每一格把哪个输入像素连到哪个输出像素。
    pixels = paddle.eye(height * width, dtype=x.dtype).reshape([-1, 1, height, width])  # (H·W, 1, H, W)
    windows = unfold(layer, pixels).transpose([1, 0, 2])  # (kh·kw, H·W, h·w)
    matrices = paddle.matmul(layer.weight.flatten(1), windows.flatten(1))  # (C, H·W·h·w)
    matrices = matrices.reshape([channels, *windows.shape[1:]])  # (C, H·W, h·w)
    out = paddle.matmul(x.flatten(2).transpose([1, 0, 2]), matrices)  # (C, N, H·W) → (C, N, h·w)
    return out.transpose([1, 0, 2])


def multiply(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """不带偏置的卷积 (N, C, H, W) → (N, O, h·w)，在几种做法里挑快的。"""
    weight, (h, w) = layer.weight, output_size(layer, x)
    num_images, channels = x.shape[:2]
    depthwise = layer._groups == channels == weight.shape[0]
    # 造矩阵的时间与批大小无关，与 h·w 成正比，图少时不合算。
    if depthwise and x.shape[2] * x.shape[3] <= SMALL_MAP and h * w <= 8 * num_images:
        return multiply_depthwise(layer, x)
    taps = weight.shape[2] * weight.shape[3]
    small_map = h * w <= SMALL_MAP and channels >= MIN_CHANNELS
    small_columns = num_images * channels * taps * h * w <= SMALL_COLUMNS
    if layer._groups > 1 or taps == 1 or not (small_map or small_columns):
        out = F.conv2d(x, weight, None, layer._stride, layer._updated_padding, layer._dilation, layer._groups)
        return out.flatten(2)  # (N, O, h·w)
    columns = unfold(layer, x)
    weight = weight.flatten(1)  # (O, C·kh·kw)
    if not small_map:
        return paddle.matmul(weight, columns)  # (N, O, h·w)
    columns = columns.transpose([1, 0, 2]).flatten(1)  # (N, C·kh·kw, h·w) → (C·kh·kw, N·h·w)
    out = paddle.matmul(weight, columns)  # (O, N·h·w)
    return out.reshape([-1, num_images, h * w]).transpose([1, 0, 2])


def forward(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """代替 ``nn.Conv2D.forward``；不在 CPU 上时就是它。"""
    if not x.place.is_cpu_place():
        return nn.Conv2D.forward(layer, x)
    out = multiply(layer, x)  # (N, O, h·w)
    if layer.bias is not None:
        out = out + layer.bias.unsqueeze(1)
    return out.reshape([*out.shape[:2], *output_size(layer, x)])


def speed_up(model: nn.Layer) -> None:
    """让 ``model`` 中合适的 ``nn.Conv2D`` 在 CPU 上改用 :func:`forward`；参数与结构不变。"""
    for layer in model.sublayers(include_self=True):
        if (
            isinstance(layer, nn.Conv2D)
            and layer._padding_mode == "zeros"
            and layer._data_format == "NCHW"
            and layer._padding_algorithm == "EXPLICIT"
            and len(layer._updated_padding) == 2
        ):
            layer.forward = partial(forward, layer)


def slow_down(model: nn.Layer) -> None:
    """撤销 :func:`speed_up`：导出的图里应是普通的卷积，由推理库自己去优化。"""
    for layer in model.sublayers(include_self=True):
        if isinstance(layer, nn.Conv2D):
            layer.__dict__.pop("forward", None)
