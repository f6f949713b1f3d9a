"""CIFAR 上的 ResNet：为 32×32 的小图像设计的窄而深的残差网络。

论文：He, Zhang, Ren, Sun, *Deep Residual Learning for Image Recognition*, 2015，第 4.2 节。

想法：三个阶段各有 n 个残差块，每块两个 3×3 卷积，加上开头的卷积与最后的全连接，共 6n + 2 层，
于是只改 n 就能看深度的作用。捷径全部不带参数（论文的选项 A）：步幅为 2 处隔一个像素取一个，
增加的通道填 0。所以去掉捷径的普通网络与它参数一样多，差别只在加法。
论文在 CIFAR-10 上的测试错误率：ResNet-20、32、56 为 8.75 %、7.51 %、6.97 %，越深越好；
普通网络相反，56 层的训练误差比 20 层的大。

ResNet-20（n = 3），输入 (N, 3, 32, 32)，10 类：

========== ================================== =================== ==========
 阶段       层                                  输出形状             参数
========== ================================== =================== ==========
stem       3×3 卷积，16 通道                    (N, 16, 32, 32)     464
stage1     3 个残差块，16 通道                  (N, 16, 32, 32)     14,016
stage2     3 个残差块，32 通道                  (N, 32, 16, 16)     51,072
stage3     3 个残差块，64 通道                  (N, 64, 8, 8)       203,520
pool       全局平均池化                         (N, 64, 1, 1)       0
classifier 全连接 64 → 10                      (N, 10)             650
========== ================================== =================== ==========

合计 269,722 个参数。
"""

from __future__ import annotations

from functools import partial

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F


class ResidualBlock(nn.Layer):
    """残差块：两个 3×3 卷积。(N, in_channels, h, w) → (N, channels, h/stride, w/stride)。

    ``stride`` 为 1 时 channels 与 in_channels 相等，为 2 时是它的两倍。
    """

    def __init__(self, in_channels: int, channels: int, stride: int, shortcut: bool):
        super().__init__()
        self.stride = stride
        self.shortcut = shortcut
        self.residual = nn.Sequential(
            nn.Conv2D(in_channels, channels, 3, stride, padding=1, bias_attr=False),
            nn.BatchNorm2D(channels),
            nn.ReLU(),
            nn.Conv2D(channels, channels, 3, padding=1, bias_attr=False),
            nn.BatchNorm2D(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)  # (N, channels, h/stride, w/stride)
        if self.shortcut:
            y = y + self.identity(x)
        return F.relu(y)

    def identity(self, x: Tensor) -> Tensor:
        """不带参数的捷径，(N, in_channels, h, w) → (N, channels, h/stride, w/stride)。"""
        if self.stride == 1:
            return x
        x = x[:, :, ::2, ::2]  # (N, in_channels, h/2, w/2)
        return paddle.concat([x, paddle.zeros_like(x)], axis=1)  # (N, 2·in_channels, h/2, w/2)


def make_stage(in_channels: int, channels: int, count: int, stride: int, shortcut: bool) -> nn.Sequential:
    """``count`` 个残差块，第一个的步幅是 ``stride``。"""
    blocks = [ResidualBlock(in_channels, channels, stride, shortcut)]
    for _ in range(count - 1):
        blocks.append(ResidualBlock(channels, channels, 1, shortcut))
    return nn.Sequential(*blocks)


class CifarResNet(nn.Layer):
    """CIFAR 的 ResNet，深 6n + 2 层。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)；s 不限。

    参数：
        num_blocks: 每个阶段的块数 n。
        num_classes: 类别数。
        in_channels: 输入通道数。
        shortcut: False 时去掉捷径，得到同样深、参数同样多的普通网络，用来对照。
    """

    def __init__(self, num_blocks: int, num_classes: int = 10, in_channels: int = 3, shortcut: bool = True):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2D(in_channels, 16, 3, padding=1, bias_attr=False),
            nn.BatchNorm2D(16),
            nn.ReLU(),
        )
        self.stage1 = make_stage(16, 16, num_blocks, 1, shortcut)
        self.stage2 = make_stage(16, 32, num_blocks, 2, shortcut)
        self.stage3 = make_stage(32, 64, num_blocks, 2, shortcut)
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.classifier = nn.Linear(64, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """卷积用 He 初始化，按输出端算（fan_out = 输出通道数 × 9）；归一化的系数为 1，偏移为 0。

        分类器的权重取标准差 0.01 的正态分布，使各类的概率一开始大致相等。
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
        x = self.stem(x)  # (N, 16, s, s)
        x = self.stage1(x)  # (N, 16, s, s)
        x = self.stage2(x)  # (N, 32, s/2, s/2)
        x = self.stage3(x)  # (N, 64, s/4, s/4)
        x = self.pool(x)  # (N, 64, 1, 1)
        x = x.flatten(1)  # (N, 64)
        return self.classifier(x)  # (N, num_classes)


# 3 通道、10 类时的参数个数写在行尾；有没有捷径都一样多。
resnet20 = partial(CifarResNet, 3)  # 269,722
resnet32 = partial(CifarResNet, 5)  # 464,154
resnet56 = partial(CifarResNet, 9)  # 853,018
plain20 = partial(CifarResNet, 3, shortcut=False)  # 269,722
plain56 = partial(CifarResNet, 9, shortcut=False)  # 853,018
