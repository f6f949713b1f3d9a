"""AlexNet：2012 年以学到的特征赢得 ImageNet 竞赛的卷积网络。

论文：Krizhevsky, Sutskever, Hinton,
*ImageNet Classification with Deep Convolutional Neural Networks*, 2012。

想法：LeNet 的骨架不变，做大做深，再解决做大带来的问题。ReLU 不饱和，训练快几倍
（论文的图 1：四层的网络在 CIFAR-10 上比 tanh 快六倍）；局部响应归一化让相邻的通道互相抑制；
池化的窗口 3×3 而步幅 2，彼此重叠；丢弃法防止六千万个参数过拟合。
论文把每层的通道平分给两块 GPU，卷积 2、4、5 只看自己那块 GPU 上的通道：这就是两组的分组卷积。

输入 (N, 3, 227, 227)，1000 类。每个卷积与每个全连接层（输出层除外）之后是 ReLU；
卷积 1、2 的 ReLU 之后是局部响应归一化，不改变形状：

======= =============================== ================= ============
 阶段    层                               输出形状           参数
======= =============================== ================= ============
卷积 1   11×11，步幅 4，96 个核            (N, 96, 55, 55)   34,944
池化 1   3×3，步幅 2                      (N, 96, 27, 27)   0
卷积 2   5×5，填充 2，256 个核，两组        (N, 256, 27, 27)  307,456
池化 2   3×3，步幅 2                      (N, 256, 13, 13)  0
卷积 3   3×3，填充 1，384 个核             (N, 384, 13, 13)  885,120
卷积 4   3×3，填充 1，384 个核，两组        (N, 384, 13, 13)  663,936
卷积 5   3×3，填充 1，256 个核，两组        (N, 256, 13, 13)  442,624
池化 5   3×3，步幅 2                      (N, 256, 6, 6)    0
全连接 6  9216 → 4096                    (N, 4096)         37,752,832
全连接 7  4096 → 4096                    (N, 4096)         16,781,312
全连接 8  4096 → 1000                    (N, 1000)         4,097,000
======= =============================== ================= ============

合计 60,965,224 个参数；不分组（``groups=1``）时 62,378,344 个。论文写的输入是 224×224，
但不填充、步幅 4 的 11×11 卷积要 227×227 才得到 55×55。
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import NamedTuple

from paddle import Tensor, nn


class Conv(NamedTuple):
    """表里的一个卷积，其后是 ReLU；``grouped`` 表示两块 GPU 各算各的。"""

    kernel_size: int
    out_channels: int
    stride: int = 1
    padding: int = 0
    grouped: bool = False


# "N" 是局部响应归一化，"M" 是 3×3、步幅 2 的最大池化。
CONFIGURATIONS: dict[str, list[Conv | str]] = {
    "paper": [
        *[Conv(11, 96, stride=4), "N", "M"],
        *[Conv(5, 256, padding=2, grouped=True), "N", "M"],
        Conv(3, 384, padding=1),
        Conv(3, 384, padding=1, grouped=True),
        *[Conv(3, 256, padding=1, grouped=True), "M"],
    ],
    # 各深度学习库带的 AlexNet：通道较少，不分组，没有局部响应归一化。
    "one_tower": [
        *[Conv(11, 64, stride=4, padding=2), "M"],
        *[Conv(5, 192, padding=2), "M"],
        Conv(3, 384, padding=1),
        Conv(3, 256, padding=1),
        *[Conv(3, 256, padding=1), "M"],
    ],
}


def output_side(configuration: list[Conv | str], side: int) -> int:
    """边长 ``side`` 的图像经过卷积部分之后的边长；图像太小时小于 1。"""
    for item in configuration:
        if item == "M":
            side = (side - 3) // 2 + 1
        elif isinstance(item, Conv):
            side = (side + 2 * item.padding - item.kernel_size) // item.stride + 1
    return side


def make_features(configuration: list[Conv | str], in_channels: int, groups: int) -> nn.Sequential:
    """照配置表堆出卷积部分。"""
    layers: list[nn.Layer] = []
    for item in configuration:
        if item == "M":
            layers.append(nn.MaxPool2D(3, stride=2))
        elif item == "N":
            # b = a / (k + α·Σa²)^β，Σ 取相邻 5 个通道，k = 2，α = 1e-4，β = 0.75。
            # Paddle 对这 5 个平方取平均而不是求和，所以它的 alpha 是 5·1e-4。
            layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
        else:
            kernel_size, out_channels, stride, padding, grouped = item
            num_groups = groups if grouped else 1
            layers.append(
                nn.Conv2D(in_channels, out_channels, kernel_size, stride, padding, groups=num_groups)
            )
            layers.append(nn.ReLU())
            in_channels = out_channels
    return nn.Sequential(*layers)


class AlexNet(nn.Layer):
    """AlexNet。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    参数：
        configuration: :data:`CONFIGURATIONS` 中的一个名字。
        groups: 卷积 2、4、5 的组数，论文为 2，只能是 1 或 2。
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素），论文的形式至少 67，one_tower 至少 63；它决定全连接层 6 的输入。
        dropout: 全连接层 6、7 的输出的丢弃概率，论文为 0.5。
    """

    def __init__(
        self,
        configuration: str,
        groups: int = 2,
        num_classes: int = 1000,
        in_channels: int = 3,
        image_size: int = 227,
        dropout: float = 0.5,
    ):
        super().__init__()
        if groups not in (1, 2):
            raise ValueError(f"AlexNet 的卷积分成 1 组或 2 组，得到 groups = {groups}")
        layers = CONFIGURATIONS[configuration]
        side = output_side(layers, image_size)
        if side < 1:
            smallest = next(size for size in count(1) if output_side(layers, size) >= 1)
            raise ValueError(
                f"AlexNet 第一个卷积的步幅是 4，其后有三次池化，图像至少要 {smallest}×{smallest}，"
                f"得到 {image_size}×{image_size}；请把 data.image_size 设为 {smallest} 以上"
            )
        self.features = make_features(layers, in_channels, groups)
        self.classifier = nn.Sequential(
            nn.Linear(256 * side * side, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He 初始化，偏置为 0。

        论文的权重都取自 N(0, 0.01²)，卷积 2、4、5 与全连接层 6、7 的偏置为 1，使 ReLU 一开始就有正的输入。
        0.01 与输入个数无关，信号逐层缩小；He 初始化（2015）按输入个数定标准差，不再需要把偏置设成 1。
        """
        initialize = nn.initializer.KaimingNormal(nonlinearity="relu")
        for layer in self.sublayers():
            if isinstance(layer, (nn.Conv2D, nn.Linear)):
                initialize(layer.weight)
                nn.initializer.Constant(0.0)(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 256, 6, 6)
        x = x.flatten(1)  # (N, 9216)
        return self.classifier(x)  # (N, num_classes)


# 1000 类、3 通道时的参数个数写在行尾。
alexnet = partial(AlexNet, "paper")  # 60,965,224（groups=2）；62,378,344（groups=1）
alexnet_one_tower = partial(AlexNet, "one_tower", 1, image_size=224)  # 61,100,840
