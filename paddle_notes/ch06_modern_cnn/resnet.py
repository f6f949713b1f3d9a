"""ResNet：让每个块只学输出与输入之差，把网络加深到 152 层。

论文：He, Zhang, Ren, Sun, *Deep Residual Learning for Image Recognition*, 2015。

想法：普通网络加深到一定程度，连训练误差都会变大，可见难处在优化，不在过拟合。
残差块把输入直接加到几层卷积的输出上，y = ReLU(F(x) + x)：要让一个块什么也不做，只需 F 为 0，
这比用几层卷积拼出恒等映射容易；反向传播时，和的梯度原样传给 x，不经过任何权重。
论文在 ImageNet 上的 top-1 错误率：普通的 18、34 层为 27.94 %、28.54 %，越深越差；
加上不带参数的捷径，为 27.88 %、25.03 %。

ResNet18 用基本块（两个 3×3 卷积），ResNet50 用瓶颈块（1×1 卷积收窄，3×3 卷积，1×1 卷积放宽到 4 倍）。
输入 (N, 3, 224, 224)，1000 类；stem 是一个 7×7 卷积，步幅 2，再 3×3 最大池化，步幅 2：

========== ========== ================ ========= ========== ================= ==========
阶段       ResNet18   输出形状         参数      ResNet50   输出形状          参数
========== ========== ================ ========= ========== ================= ==========
stem       卷积，池化 (N, 64, 56, 56)  9,536     卷积，池化 (N, 64, 56, 56)   9,536
stage1     2 个基本块 (N, 64, 56, 56)  147,968   3 个瓶颈块 (N, 256, 56, 56)  215,808
stage2     2 个基本块 (N, 128, 28, 28) 525,568   4 个瓶颈块 (N, 512, 28, 28)  1,219,584
stage3     2 个基本块 (N, 256, 14, 14) 2,099,712 6 个瓶颈块 (N, 1024, 14, 14) 7,098,368
stage4     2 个基本块 (N, 512, 7, 7)   8,393,728 3 个瓶颈块 (N, 2048, 7, 7)   14,964,736
pool       平均池化   (N, 512, 1, 1)   0         平均池化   (N, 2048, 1, 1)   0
classifier 全连接     (N, 1000)        513,000   全连接     (N, 1000)         2,049,000
========== ========== ================ ========= ========== ================= ==========

合计 11,689,512 与 25,557,032 个参数。与论文的一处不同：阶段 2 到 4 的第一个瓶颈块，论文把步幅 2 放在
前一个 1×1 卷积上，那样会丢掉四分之三的像素；这里放在 3×3 卷积上，参数个数不变。程序库大多这样做，称为 v1.5。
"""

from __future__ import annotations

from functools import partial
from typing import Literal

from paddle import Tensor, nn
from paddle.nn import functional as F


def make_shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Layer:
    """捷径：形状不变时是恒等映射，否则用 1×1 卷积投影（论文的选项 B）。

    (N, in_channels, h, w) → (N, out_channels, h/stride, w/stride)。
    """
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2D(in_channels, out_channels, 1, stride, bias_attr=False),
        nn.BatchNorm2D(out_channels),
    )


class BasicBlock(nn.Layer):
    """基本块：两个 3×3 卷积。(N, in_channels, h, w) → (N, channels, h/stride, w/stride)。"""

    expansion = 1  # 输出通道数是 channels 的几倍

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: bool):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2D(in_channels, channels, 3, stride, padding=1, bias_attr=False),
            nn.BatchNorm2D(channels),
            nn.ReLU(),
            nn.Conv2D(channels, channels, 3, padding=1, bias_attr=False),
            nn.BatchNorm2D(channels),
        )
        self.shortcut = make_shortcut(in_channels, channels, stride) if shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)  # (N, channels, h/stride, w/stride)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return F.relu(y)


class Bottleneck(nn.Layer):
    """瓶颈块：3×3 卷积在收窄的通道上做。(N, in_channels, h, w) → (N, 4·channels, h/stride, w/stride)。"""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: bool):
        super().__init__()
        out_channels = channels * self.expansion
        self.residual = nn.Sequential(
            nn.Conv2D(in_channels, channels, 1, bias_attr=False),
            nn.BatchNorm2D(channels),
            nn.ReLU(),
            nn.Conv2D(channels, channels, 3, stride, padding=1, bias_attr=False),
            nn.BatchNorm2D(channels),
            nn.ReLU(),
            nn.Conv2D(channels, out_channels, 1, bias_attr=False),
            nn.BatchNorm2D(out_channels),
        )
        self.shortcut = make_shortcut(in_channels, out_channels, stride) if shortcut else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)  # (N, 4·channels, h/stride, w/stride)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return F.relu(y)


def make_stem(in_channels: int, width: int, stem: str) -> nn.Sequential:
    """开头的卷积：``imagenet`` 把边长缩到 1/4，``small`` 不缩小。"""
    if stem == "imagenet":
        return nn.Sequential(
            nn.Conv2D(in_channels, width, 7, stride=2, padding=3, bias_attr=False),
            nn.BatchNorm2D(width),
            nn.ReLU(),
            nn.MaxPool2D(3, stride=2, padding=1),
        )
    return nn.Sequential(
        nn.Conv2D(in_channels, width, 3, padding=1, bias_attr=False),
        nn.BatchNorm2D(width),
        nn.ReLU(),
    )


def make_stage(
    block: type, in_channels: int, channels: int, count: int, stride: int, shortcut: bool
) -> nn.Sequential:
    """``count`` 个块，第一个的步幅是 ``stride``。"""
    blocks = [block(in_channels, channels, stride, shortcut)]
    for _ in range(count - 1):
        blocks.append(block(channels * block.expansion, channels, 1, shortcut))
    return nn.Sequential(*blocks)


class ResNet(nn.Layer):
    """ResNet。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)；s 不限。

    参数：
        block: 块的类，:class:`BasicBlock` 或 :class:`Bottleneck`。
        num_blocks: 四个阶段的块数。
        num_classes: 类别数。
        in_channels: 输入通道数。
        stem: ``imagenet`` 是论文的 7×7 卷积与池化；``small`` 是一个 3×3 卷积，
            步幅 1，不池化，用于 CIFAR、MNIST 这样的小图像，此后各阶段的边长是上表的 4 倍。
        width: 第一个阶段的 channels，以后每个阶段加倍；论文为 64。
        shortcut: False 时去掉全部捷径，得到同样深的普通网络，用来对照。
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        num_blocks: tuple[int, int, int, int],
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: Literal["imagenet", "small"] = "imagenet",
        width: int = 64,
        shortcut: bool = True,
    ):
        super().__init__()
        e = block.expansion
        self.stem = make_stem(in_channels, width, stem)
        self.stage1 = make_stage(block, width, width, num_blocks[0], 1, shortcut)
        self.stage2 = make_stage(block, width * e, width * 2, num_blocks[1], 2, shortcut)
        self.stage3 = make_stage(block, width * 2 * e, width * 4, num_blocks[2], 2, shortcut)
        self.stage4 = make_stage(block, width * 4 * e, width * 8, num_blocks[3], 2, shortcut)
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.classifier = nn.Linear(width * 8 * e, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """卷积用 He 初始化，按输出端算（fan_out = 输出通道数 × 核的面积）；归一化的系数为 1，偏移为 0。

        分类器的权重取标准差 0.01 的正态分布，使各类的概率一开始大致相等；论文没有另说分类器。
        """
        initialize = nn.initializer.KaimingNormal(nonlinearity="relu", mode="fan_out")
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
        # 右边的形状属于 imagenet 的 stem、基本块与 width = 64；瓶颈块各阶段的通道数是其 4 倍。
        x = self.stem(x)  # (N, 64, s/4, s/4)
        x = self.stage1(x)  # (N, 64, s/4, s/4)
        x = self.stage2(x)  # (N, 128, s/8, s/8)
        x = self.stage3(x)  # (N, 256, s/16, s/16)
        x = self.stage4(x)  # (N, 512, s/32, s/32)
        x = self.pool(x)  # (N, 512, 1, 1)
        x = x.flatten(1)  # (N, 512)
        return self.classifier(x)  # (N, num_classes)


# 3 通道、1000 类时的参数个数写在行尾。
resnet18 = partial(ResNet, BasicBlock, (2, 2, 2, 2))  # 11,689,512
resnet34 = partial(ResNet, BasicBlock, (3, 4, 6, 3))  # 21,797,672
resnet50 = partial(ResNet, Bottleneck, (3, 4, 6, 3))  # 25,557,032
resnet101 = partial(ResNet, Bottleneck, (3, 4, 23, 3))  # 44,549,160
resnet152 = partial(ResNet, Bottleneck, (3, 8, 36, 3))  # 60,192,808

# 没有捷径的对照，少的只是三个投影：173,824 个参数。
plain18 = partial(ResNet, BasicBlock, (2, 2, 2, 2), shortcut=False)  # 11,515,688
plain34 = partial(ResNet, BasicBlock, (3, 4, 6, 3), shortcut=False)  # 21,623,848
