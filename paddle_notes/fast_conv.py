"""CPU 上更快的卷积。数值与 ``nn.Conv2D`` 相同，只是浮点数相加的次序不同。

paddle 3.3 的 CPU 卷积有三处慢：

- 偏置 (1, O, 1, 1) 与四维的输出相加，比把输出看成三维 (N, O, h·w) 再加慢好几倍；
- 逐张图展开（im2col）再相乘，每次乘法都太小，用不满处理器；
- 逐通道卷积对每张图的每个通道各算一次，特征图再小也要这么久。

所以这里偏置一律按三维加；展开后的数据不太大时，先展开整批再相乘；很小的特征图上的逐通道卷积
写成每个通道一次矩阵乘法。别的卷积仍交给 paddle。各个界限是在 2 核 AMD EPYC 上测得的。

输入要求导时，只用 paddle 求得出二阶导数的运算，梯度惩罚这样的损失才能用：``flatten`` 与 ``F.unfold``
没有二阶导数；两边的批形状不同的矩阵乘法，求二阶导数时进程会崩溃。
"""

from __future__ import annotations

import math
from functools import lru_cache
from types import MethodType

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

SMALL_COLUMNS = 5 << 20  # 整批展开后不超过这么多个数（20 MiB）时，整批只乘一次
TINY_COLUMNS = 5 << 18  # 整批展开后不超过这么多个数（5 MiB）时，展开整批、逐张相乘也比 paddle 快
TINY_MAP = 16  # 1×1 卷积本来就不必展开，输出不超过这么多像素时，整批只乘一次才合算
SMALL_MAP = 64  # 逐通道卷积的输入不超过这么多像素时，写成每个通道一次矩阵乘法
FEW_IMAGES = 4  # 图比这还少，整批只乘一次不合算


def output_size(layer: nn.Conv2D, x: Tensor) -> tuple[int, int]:
    """输出特征图的高与宽。"""
    sizes = (
        (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for size, padding, dilation, kernel, stride in zip(
            x.shape[2:], layer._updated_padding, layer._dilation, layer._kernel_size, layer._stride
        )
    )
    return tuple(sizes)


@lru_cache(maxsize=512)
def window_pixels(size: tuple, kernel_size: tuple, stride: tuple, padding: tuple, dilation: tuple) -> Tensor:
    """核的每一格在每个窗口里对着哪个像素：(kh·kw·h·w,) 的编号；对着填充的，编号是像素的个数。"""
    num_pixels = math.prod(size)
    pixels = np.pad(
        np.arange(num_pixels).reshape(size), [(p, p) for p in padding], constant_values=num_pixels
    )
    spans = [d * (k - 1) + 1 for k, d in zip(kernel_size, dilation)]
    windows = np.lib.stride_tricks.sliding_window_view(pixels, spans)
    windows = windows[:: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]  # (h, w, kh, kw)
    return paddle.to_tensor(windows.transpose(2, 3, 0, 1).ravel(), place=paddle.CPUPlace())


def multiply_at_once(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """不带偏置的卷积 (N, C, H, W) → (N, O, h·w)，整批只乘一次（分组时每组一次）。

    把批放到最后一维，展开就是照着编号成行地抄，一行是各张图的同一个像素；求导时成行地加回去。
    """
    num_images, channels, *size = x.shape
    pixels = x.reshape([num_images, -1]).transpose([1, 0]).reshape([channels, -1, num_images])  # (C, H·W, N)
    if any(layer._updated_padding):
        blank = paddle.zeros([channels, 1, num_images], x.dtype)
        blank.stop_gradient = x.stop_gradient  # 有一个输入不求导时，concat 没有二阶导数
        pixels = paddle.concat([pixels, blank], axis=1)
    geometry = (size, layer._kernel_size, layer._stride, layer._updated_padding, layer._dilation)
    columns = paddle.gather(pixels, window_pixels(*map(tuple, geometry)), axis=1)  # (C, kh·kw·h·w, N)
    weight = layer.weight.reshape(
        [layer._groups, -1, math.prod(layer.weight.shape[1:])]
    )  # (G, O/G, C/G·kh·kw)
    columns = columns.reshape([layer._groups, weight.shape[2], -1])  # (G, C/G·kh·kw, h·w·N)
    out = paddle.matmul(weight, columns)  # (G, O/G, h·w·N)
    return out.reshape([-1, num_images]).transpose([1, 0]).reshape([num_images, layer._out_channels, -1])


def multiply_depthwise(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """不带偏置的逐通道卷积 (N, C, H, W) → (N, C, h·w)。

    一个通道的输出是它的像素的线性函数，把这个函数写成矩阵 (H·W, h·w)，一个通道只乘一次。
    """
    num_images, channels, height, width = x.shape
    # 第 i 张图只有第 i 个像素是 1，展开后就知道核的每一格把哪个输入像素连到哪个输出像素。
    pixels = paddle.eye(height * width, dtype=x.dtype).reshape([-1, 1, height, width])  # (H·W, 1, H, W)
    windows = F.unfold(pixels, layer._kernel_size, layer._stride, layer._updated_padding, layer._dilation)
    windows = windows.transpose([1, 0, 2])  # (kh·kw, H·W, h·w)
    taps = windows.shape[0]
    matrices = paddle.matmul(layer.weight.reshape([channels, taps]), windows.reshape([taps, -1]))
    matrices = matrices.reshape([channels, *windows.shape[1:]])  # (C, H·W, h·w)
    images = x.reshape([num_images, channels, -1]).transpose([1, 0, 2])  # (C, N, H·W)
    return paddle.matmul(images, matrices).transpose([1, 0, 2])  # (C, N, h·w) → (N, C, h·w)


def multiply_each(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """不带偏置、不分组的卷积 (N, C, H, W) → (N, O, h·w)，展开整批，逐张相乘；对 ``x`` 求不出二阶导数。"""
    columns = F.unfold(x, layer._kernel_size, layer._stride, layer._updated_padding, layer._dilation)
    return paddle.matmul(layer.weight.reshape([layer._out_channels, -1]), columns)


def multiply(layer: nn.Conv2D, x: Tensor) -> Tensor:
    """不带偏置的卷积 (N, C, H, W) → (N, O, h·w)，在几种做法里挑快的。"""
    num_images, channels, height, width = x.shape
    num_outputs, taps = math.prod(output_size(layer, x)), math.prod(layer._kernel_size)
    num_columns = num_images * channels * taps * num_outputs
    depthwise = layer._groups == channels == layer._out_channels
    # 造矩阵的时间与批大小无关，与 h·w 成正比，图少时不合算。
    if depthwise and height * width <= SMALL_MAP and num_outputs <= 8 * num_images:
        return multiply_depthwise(layer, x)
    # 输出要换一次维的次序，输出的通道太多时不合算。
    worthwhile = num_images >= FEW_IMAGES and layer._out_channels <= channels * taps
    if worthwhile and num_columns <= SMALL_COLUMNS and (taps > 1 or num_outputs <= TINY_MAP):
        return multiply_at_once(layer, x)
    if x.stop_gradient and layer._groups == 1 < taps and num_columns <= TINY_COLUMNS:
        return multiply_each(layer, x)
    out = F.conv2d(
        x, layer.weight, None, layer._stride, layer._updated_padding, layer._dilation, layer._groups
    )
    return out.reshape([num_images, layer._out_channels, -1])


def forward(self: nn.Conv2D, x: Tensor) -> Tensor:
    """代替 ``nn.Conv2D.forward``。静态图里、不在 CPU 上、形状不寻常时就是它：由 paddle 去算，或由它报错。"""
    if not (paddle.in_dynamic_mode() and x.place.is_cpu_place() and x.ndim == 4):
        return nn.Conv2D.forward(self, x)
    size = output_size(self, x)
    if min(x.shape[0], *size) < 1 or x.shape[1] != self._in_channels:
        return nn.Conv2D.forward(self, x)
    out = multiply(self, x)  # (N, O, h·w)
    if self.bias is not None:
        out = out + self.bias.unsqueeze(1)
    return out.reshape([*out.shape[:2], *size])


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
            layer.forward = MethodType(forward, layer)
