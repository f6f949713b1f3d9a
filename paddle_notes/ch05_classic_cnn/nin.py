"""NiN：在卷积之间嵌入小的多层感知机，用全局平均池化代替全连接层。

论文：Lin, Chen, Yan, *Network In Network*, 2013。

想法：卷积核对它看到的一小块只做一次线性运算。在它之后接两个 1×1 卷积，就等于在每个位置上
对所有通道做一个两层的全连接网络，三者合称一个 NiN 块。最后一个块的通道数等于类别数，
每个通道在整张图上取平均，就是这一类的 logit：没有全连接层，参数少，也不限定图像大小。

``nin``（作者公布的 ImageNet 网络，前三个块的卷积取自 AlexNet），输入 (N, 3, 224, 224)，1000 类：

======= ============================ ================== ==========
 阶段    层                            输出形状            参数
======= ============================ ================== ==========
块 1     11×11，步幅 4；通道 96-96-96   (N, 96, 54, 54)    53,568
池化     3×3，步幅 2                   (N, 96, 27, 27)    0
块 2     5×5；通道 256-256-256         (N, 256, 27, 27)   746,240
池化     3×3，步幅 2                   (N, 256, 13, 13)   0
块 3     3×3；通道 384-384-384         (N, 384, 13, 13)   1,180,800
池化     3×3，步幅 2                   (N, 384, 6, 6)     0
块 4     3×3；通道 1024-1024-1000      (N, 1000, 6, 6)    5,614,568
平均     全局平均池化                   (N, 1000, 1, 1)    0
======= ============================ ================== ==========

合计 7,595,176 个参数。

``nin_cifar``（通道数取自作者公布的 CIFAR-10 网络；论文的正文没有写），输入 (N, 3, 32, 32)，10 类：

======= ============================ ================== ==========
 阶段    层                            输出形状            参数
======= ============================ ================== ==========
块 1     5×5；通道 192-160-96          (N, 96, 32, 32)    60,928
池化     3×3，步幅 2                   (N, 96, 16, 16)    0
块 2     5×5；通道 192-192-192         (N, 192, 16, 16)   535,104
池化     3×3，步幅 2                   (N, 192, 8, 8)     0
块 3     3×3；通道 192-192-10          (N, 10, 8, 8)      370,954
平均     全局平均池化                   (N, 10, 1, 1)      0
======= ============================ ================== ==========

合计 966,986 个参数。

三处不同：

- 论文的最后一个 1×1 卷积之后也有 ReLU。那样一来，某个类别的输出若在所有位置上都是 0，就再也得不到梯度；
  只有十个类别时，刚初始化好的网络里就常有一两个这样的类别。这里去掉了这个 ReLU。
- 论文说每个块之后都是最大池化，这里照它；而作者公布的 CIFAR-10 网络的第二个池化是平均池化。
- 公布的网络以固定的标准差（如 0.05）初始化，这里用 He 初始化（2015）。
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import NamedTuple

from paddle import Tensor, nn


class Block(NamedTuple):
    """表里的一个 NiN 块：第一个卷积的核、步幅、填充，与三个卷积的通道数；通道数 0 表示类别数。"""

    kernel_size: int
    channels: tuple[int, int, int]
    stride: int = 1
    padding: int = 0


# "M" 是最大池化，"D" 是丢弃法。
CONFIGURATIONS: dict[str, list[Block | str]] = {
    "imagenet": [
        *[Block(11, (96, 96, 96), stride=4), "M"],
        *[Block(5, (256, 256, 256), padding=2), "M"],
        *[Block(3, (384, 384, 384), padding=1), "M", "D"],
        Block(3, (1024, 1024, 0), padding=1),
    ],
    "cifar": [
        *[Block(5, (192, 160, 96), padding=2), "M", "D"],
        *[Block(5, (192, 192, 192), padding=2), "M", "D"],
        Block(3, (192, 192, 0), padding=1),
    ],
}


def nin_block(in_channels: int, channels: list[int], block: Block, is_last: bool) -> nn.Sequential:
    """一个 NiN 块：k×k 卷积与两个 1×1 卷积，每个之后都是 ReLU；最后一块输出 logits，末尾没有 ReLU。"""
    first, second, third = channels
    layers = [
        nn.Conv2D(in_channels, first, block.kernel_size, block.stride, block.padding),
        nn.ReLU(),
        nn.Conv2D(first, second, 1),
        nn.ReLU(),
        nn.Conv2D(second, third, 1),
    ]
    return nn.Sequential(*layers) if is_last else nn.Sequential(*layers, nn.ReLU())


def output_side(configuration: list[Block | str], side: int) -> int:
    """边长 ``side`` 的图像在全局平均池化之前的边长；图像太小时小于 1。"""
    for item in configuration:
        if item == "M":
            side = side // 2
        elif isinstance(item, Block):
            side = (side + 2 * item.padding - item.kernel_size) // item.stride + 1
    return side


class NiN(nn.Layer):
    """NiN。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    参数：
        configuration: :data:`CONFIGURATIONS` 中的一个名字。
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素），``nin`` 至少 39，``nin_cifar`` 至少 4；只用来检查。
        dropout: 丢弃概率，论文为 0.5。
    """

    def __init__(
        self,
        configuration: str,
        num_classes: int = 1000,
        in_channels: int = 3,
        image_size: int = 224,
        dropout: float = 0.5,
    ):
        super().__init__()
        table = CONFIGURATIONS[configuration]
        if output_side(table, image_size) < 1:
            smallest = next(size for size in count(1) if output_side(table, size) >= 1)
            raise ValueError(
                f"NiN 的图像至少要 {smallest}×{smallest}，得到 {image_size}×{image_size}；"
                f"请把 data.image_size 设为 {smallest} 以上"
            )
        layers: list[nn.Layer] = []
        for item in table:
            if item == "M":
                # 作者的实现让最后一个窗口伸出边界（ceil_mode），边长才恰好减半：32 → 16 → 8。
                layers.append(nn.MaxPool2D(3, stride=2, ceil_mode=True))
            elif item == "D":
                layers.append(nn.Dropout(dropout))
            else:
                channels = [number or num_classes for number in item.channels]
                layers.append(nin_block(in_channels, channels, item, is_last=item is table[-1]))
                in_channels = channels[-1]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He 初始化，偏置为 0。"""
        initialize = nn.initializer.KaimingNormal(nonlinearity="relu")
        for layer in self.sublayers():
            if isinstance(layer, nn.Conv2D):
                initialize(layer.weight)
                nn.initializer.Constant(0.0)(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, num_classes, s/32, s/32)，nin_cifar 是 s/4
        x = self.pool(x)  # (N, num_classes, 1, 1)
        return x.flatten(1)  # (N, num_classes)


nin = partial(NiN, "imagenet")  # 1000 类、3 通道：7,595,176 个参数
nin_cifar = partial(NiN, "cifar", num_classes=10, image_size=32)  # 10 类、3 通道：966,986 个参数
