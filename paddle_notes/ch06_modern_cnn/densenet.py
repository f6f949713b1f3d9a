"""DenseNet：每一层都看得到前面所有层的输出。

论文：Huang, Liu, van der Maaten, Weinberger, *Densely Connected Convolutional Networks*, 2016。

想法：ResNet 把前面的特征加进来，DenseNet 把它们并排放着，x_l = H_l([x_0, x_1, …, x_{l−1}])，
方括号是沿通道拼接。每层只需算出 k 个新通道（k 称为增长率），旧特征直接重用，所以参数很少。
H 是“归一化、ReLU、卷积”。DenseNet-BC 另有两处节省：3×3 卷积之前用 1×1 卷积收窄到 4k 个通道
（B，bottleneck）；两个稠密块之间的过渡层把通道数减半（C，compression）。

代价是内存。块里第 l 层的输入有 c + (l−1)k 个通道，每层都重新拼接一遍，拼接与 ReLU 的结果又都要
留给反向传播，所以一个块存下的特征图随层数的平方增长。下表的 block3 有 24 层，最后输出 1,024 个通道，
而 24 层的输入加起来是 14,976 个通道。

DenseNet-121（k = 32），输入 (N, 3, 224, 224)，1000 类：

=========== ================================= =================== ===========
 阶段        层                                 输出形状             参数
=========== ================================= =================== ===========
stem        7×7 卷积，步幅 2；3×3 最大池化       (N, 64, 56, 56)     9,536
block1      6 层                               (N, 256, 56, 56)    335,040
transition1 1×1 卷积；2×2 平均池化              (N, 128, 28, 28)    33,280
block2      12 层                              (N, 512, 28, 28)    919,680
transition2 1×1 卷积；2×2 平均池化              (N, 256, 14, 14)    132,096
block3      24 层                              (N, 1024, 14, 14)   2,837,760
transition3 1×1 卷积；2×2 平均池化              (N, 512, 7, 7)      526,336
block4      16 层                              (N, 1024, 7, 7)     2,158,080
head        归一化，ReLU，全局平均池化           (N, 1024, 1, 1)     2,048
classifier  全连接 1024 → 1000                 (N, 1000)           1,025,000
=========== ================================= =================== ===========

DenseNet-40（k = 12，没有 B 与 C），输入 (N, 3, 32, 32)，10 类：

=========== ================================= =================== ===========
 阶段        层                                 输出形状             参数
=========== ================================= =================== ===========
stem        3×3 卷积                           (N, 16, 32, 32)     432
block1      12 层                              (N, 160, 32, 32)    108,240
transition1 1×1 卷积；2×2 平均池化              (N, 160, 16, 16)    25,920
block2      12 层                              (N, 304, 16, 16)    298,320
transition2 1×1 卷积；2×2 平均池化              (N, 304, 8, 8)      93,024
block3      12 层                              (N, 448, 8, 8)      488,400
head        归一化，ReLU，全局平均池化           (N, 448, 1, 1)      896
classifier  全连接 448 → 10                    (N, 10)             4,490
=========== ================================= =================== ===========

合计 7,978,856 与 1,019,722 个参数：卷积都不带偏置，归一化的系数与偏移计入，滑动均值与方差不计。
与论文的一处不同：不做增广时论文在每个卷积之后加丢弃法（概率 0.2），这里没有。
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import paddle
from paddle import Tensor, nn


class DenseLayer(nn.Layer):
    """稠密块里的一层：算出 k 个新通道，接在输入后面。(N, c, h, w) → (N, c + k, h, w)。"""

    def __init__(self, in_channels: int, growth_rate: int, bc: bool):
        super().__init__()
        bottleneck = []
        if bc:
            bottleneck = [
                nn.BatchNorm2D(in_channels),
                nn.ReLU(),
                nn.Conv2D(in_channels, 4 * growth_rate, 1, bias_attr=False),
            ]
            in_channels = 4 * growth_rate
        self.new_features = nn.Sequential(
            *bottleneck,
            nn.BatchNorm2D(in_channels),
            nn.ReLU(),
            nn.Conv2D(in_channels, growth_rate, 3, padding=1, bias_attr=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        new = self.new_features(x)  # (N, k, h, w)
        return paddle.concat([x, new], axis=1)  # (N, c + k, h, w)


def make_block(in_channels: int, num_layers: int, growth_rate: int, bc: bool) -> nn.Sequential:
    """稠密块：(N, c, h, w) → (N, c + num_layers·k, h, w)。"""
    layers = [DenseLayer(in_channels + i * growth_rate, growth_rate, bc) for i in range(num_layers)]
    return nn.Sequential(*layers)


def make_transition(in_channels: int, out_channels: int) -> nn.Sequential:
    """过渡层：(N, in_channels, h, w) → (N, out_channels, h/2, w/2)。"""
    return nn.Sequential(
        nn.BatchNorm2D(in_channels),
        nn.ReLU(),
        nn.Conv2D(in_channels, out_channels, 1, bias_attr=False),
        nn.AvgPool2D(2),
    )


def make_stem(in_channels: int, channels: int, stem: str) -> nn.Sequential:
    """开头的卷积：``imagenet`` 把边长缩到 1/4，``small`` 不缩小。"""
    if stem == "imagenet":
        return nn.Sequential(
            nn.Conv2D(in_channels, channels, 7, stride=2, padding=3, bias_attr=False),
            nn.BatchNorm2D(channels),
            nn.ReLU(),
            nn.MaxPool2D(3, stride=2, padding=1),
        )
    # 第一个稠密层以归一化与 ReLU 开头，这里不必再做。
    return nn.Sequential(nn.Conv2D(in_channels, channels, 3, padding=1, bias_attr=False))


class DenseNet(nn.Layer):
    """DenseNet。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    参数：
        num_layers: 各稠密块的层数。
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素）。每个过渡层使边长减半，``imagenet`` 的四个块至少要 29，
            ``small`` 的三个块至少要 4。
        stem: ``imagenet`` 是 7×7 卷积与池化；``small`` 是一个 3×3 卷积，用于小图像。
        growth_rate: 增长率 k。
        bc: 是否为 DenseNet-BC；是则 stem 输出 2k 个通道，否则 16 个。
    """

    def __init__(
        self,
        num_layers: tuple[int, ...],
        num_classes: int = 1000,
        in_channels: int = 3,
        image_size: int = 224,
        stem: Literal["imagenet", "small"] = "imagenet",
        growth_rate: int = 32,
        bc: bool = True,
    ):
        super().__init__()
        smallest = 2 ** (len(num_layers) - 1)  # 进入第一个稠密块的边长的下界
        if stem == "imagenet":
            smallest = 4 * smallest - 3  # stem 输出的边长是 ⌈s/4⌉
        if image_size < smallest:
            raise ValueError(
                f"这个 DenseNet 的图像至少要 {smallest}×{smallest}，得到 {image_size}×{image_size}；"
                f"请把 data.image_size 设为 {smallest} 以上"
            )
        channels = 2 * growth_rate if bc else 16
        self.stem = make_stem(in_channels, channels, stem)
        self.stages = nn.Sequential()
        for i, count in enumerate(num_layers, start=1):
            self.stages.add_sublayer(f"block{i}", make_block(channels, count, growth_rate, bc))
            channels += count * growth_rate
            if i < len(num_layers):
                out_channels = channels // 2 if bc else channels
                self.stages.add_sublayer(f"transition{i}", make_transition(channels, out_channels))
                channels = out_channels
        self.head = nn.Sequential(nn.BatchNorm2D(channels), nn.ReLU(), nn.AdaptiveAvgPool2D(1))
        self.classifier = nn.Linear(channels, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """卷积用 He 初始化，按输入端算（fan_in = 输入通道数 × 核的面积）：每个卷积的输入都刚经过 ReLU。

        归一化的系数为 1，偏移为 0；分类器的权重取标准差 0.01 的正态分布，使各类的概率一开始大致相等。
        """
        initialize = nn.initializer.KaimingNormal(nonlinearity="relu")
        one, zero = nn.initializer.Constant(1.0), nn.initializer.Constant(0.0)
        for layer in self.sublayers():
            if isinstance(layer, nn.Conv2D):
                initialize(layer.weight)
            elif isinstance(layer, nn.BatchNorm2D):
                one(layer.weight)
                zero(layer.bias)
        nn.initializer.Normal(std=0.01)(self.classifier.weight)
        zero(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        # 右边的形状属于 DenseNet-121。
        x = self.stem(x)  # (N, 64, s/4, s/4)
        x = self.stages(x)  # (N, 1024, s/32, s/32)
        x = self.head(x)  # (N, 1024, 1, 1)
        x = x.flatten(1)  # (N, 1024)
        return self.classifier(x)  # (N, num_classes)


# 行尾的参数个数：前三个是 3 通道、1000 类，DenseNet-40 是 3 通道、10 类。
densenet121 = partial(DenseNet, (6, 12, 24, 16))  # 7,978,856
densenet169 = partial(DenseNet, (6, 12, 32, 32))  # 14,149,480
densenet201 = partial(DenseNet, (6, 12, 48, 32))  # 20,013,928
densenet40 = partial(
    DenseNet, (12, 12, 12), num_classes=10, image_size=32, stem="small", growth_rate=12, bc=False
)  # 1,019,722
