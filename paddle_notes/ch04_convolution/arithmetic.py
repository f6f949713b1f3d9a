"""卷积的算术：输出大小、参数个数、乘加次数、感受野。

符号：输入边长 s，卷积核（窗口）边长 k，步幅 t，四周填充 p，输入通道 C，输出通道 K，输出边长 o，组数 g。
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, floor: bool = False) -> int:
    """输出边长 o = (s + 2p − k)/t + 1。

    除不尽时，右边与下边有几列、几行没有窗口看到。手算网络时这多半是写错了，所以默认抛 ``ValueError``；
    ``floor=True`` 时向下取整，Paddle 就是这样做的。窗口比填充后的输入还大时总是抛 ``ValueError``。
    """
    room = size + 2 * padding - kernel_size
    if room < 0:
        raise ValueError(
            f"{kernel_size}×{kernel_size} 的窗口放不进填充后边长 {size + 2 * padding} 的输入；"
            "请换小的窗口，或加大填充"
        )
    if room % stride and not floor:
        raise ValueError(
            f"窗口放不整齐：({size} + 2×{padding} − {kernel_size})/{stride} = {room / stride:.4g} 不是整数，"
            f"边上有 {room % stride} 个像素用不到；请改步幅、填充或输入边长"
        )
    # o = ⌊(s + 2p − k)/t⌋ + 1
    return room // stride + 1


def same_padding(kernel_size: int) -> int:
    """步幅为 1 时使边长不变的填充 p = (k − 1)/2；k 是偶数时两边无法填得一样多，抛 ``ValueError``。"""
    if kernel_size % 2 == 0:
        raise ValueError(f"边长不变的填充 (k − 1)/2 要求 k 是奇数，得到 {kernel_size}；请改用奇数的卷积核")
    return (kernel_size - 1) // 2


def conv_parameters(
    in_channels: int, out_channels: int, kernel_size: int, groups: int = 1, bias: bool = True
) -> int:
    """卷积层的参数个数 K·(C/g·k² + 1)：每个核看 C/g 个通道，另有一个偏置。与图像大小无关。"""
    return out_channels * (in_channels // groups * kernel_size**2 + bias)


def conv_macs(in_channels: int, out_channels: int, kernel_size: int, out_size: int, groups: int = 1) -> int:
    """卷积层的乘加次数 K·o²·C/g·k²：每个输出要一个核那么多次，偏置不计。"""
    return out_channels * out_size**2 * (in_channels // groups) * kernel_size**2


class Window(NamedTuple):
    """一层卷积或池化的窗口。"""

    kernel_size: int
    stride: int = 1
    padding: int = 0


class ReceptiveField(NamedTuple):
    """一层的输出看到输入的哪里：第 i 行的输出看到输入的第 start + i·jump 行起的 size 行。

    ``start`` 为负时，最前面的几行是填充。
    """

    size: int  # 感受野的边长 r
    jump: int  # 相邻两个输出在输入上相距几个像素 j
    start: int  # 第一个输出的感受野从哪个像素开始


def receptive_field(layers: Iterable[Window]) -> ReceptiveField:
    """依次经过 ``layers`` 之后，一个输出的感受野。"""
    size, jump, start = 1, 1, 0
    for kernel_size, stride, padding in layers:
        # r ← r + (k − 1)·j；起点 ← 起点 − p·j；j ← j·t
        size += (kernel_size - 1) * jump
        start -= padding * jump
        jump *= stride
    return ReceptiveField(size, jump, start)
