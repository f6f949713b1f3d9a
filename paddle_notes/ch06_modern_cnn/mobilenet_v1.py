"""MobileNet v1：把一个卷积拆成逐通道卷积与 1×1 卷积，计算量降到约九分之一。

论文：Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam, *MobileNets: Efficient Convolutional
Neural Networks for Mobile Vision Applications*, 2017。

想法：3×3 卷积同时做两件事，在空间上看邻居，在通道间混合。深度可分离卷积分开做：先是逐通道卷积，
每个通道各用一个 3×3 的核；再是逐点卷积，即 1×1 卷积，把通道混合起来。两步与一步的乘加之比，
k 是核的边长，K 是输出通道数：

    (C·k² + C·K) / (C·K·k²) = 1/K + 1/k²

k = 3 时约为 1/9。宽度系数 α 把每一层的通道数乘以 α，参数与乘加都约按 α² 减少；
图像的边长乘以 ρ，乘加按 ρ² 减少，参数不变。

输入 (N, 3, 224, 224)，1000 类，α = 1；每个卷积之后都是归一化与 ReLU：

========== ================================ ================= =========
阶段       层                               输出形状          参数
========== ================================ ================= =========
stem       3×3 卷积，步幅 2                 (N, 32, 112, 112) 928
stage1     1 个深度可分离卷积               (N, 64, 112, 112) 2,528
stage2     2 个深度可分离卷积，第一个步幅 2 (N, 128, 56, 56)  27,200
stage3     2 个深度可分离卷积，第一个步幅 2 (N, 256, 28, 28)  103,552
stage4     6 个深度可分离卷积，第一个步幅 2 (N, 512, 14, 14)  1,478,912
stage5     2 个深度可分离卷积，第一个步幅 2 (N, 1024, 7, 7)   1,593,856
pool       全局平均池化                     (N, 1024, 1, 1)   0
classifier 全连接 1024 → 1000               (N, 1000)         1,025,000
========== ================================ ================= =========

合计 4,231,976 个参数，论文写作 4.2 M；3,139,584 个在 1×1 卷积里，逐通道卷积只有 44,640 个。
论文的表 1 里最后一个逐通道卷积的步幅写作 2，而它的输入与输出都是 7×7，应为 1。
"""

from __future__ import annotations

from typing import Literal

from paddle import Tensor, nn

# 每个阶段：输出通道数，深度可分离卷积的个数，第一个的步幅。
STAGES = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))


def conv_norm_relu(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """卷积、归一化、ReLU：(N, in_channels, h, w) → (N, out_channels, h/stride, w/stride)。"""
    padding = (kernel_size - 1) // 2
    return nn.Sequential(
        nn.Conv2D(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias_attr=False),
        nn.BatchNorm2D(out_channels),
        nn.ReLU(),
    )


class DepthwiseSeparable(nn.Layer):
    """深度可分离卷积：(N, in_channels, h, w) → (N, out_channels, h/stride, w/stride)。"""

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        # 组数等于通道数：每个通道只与自己的 3×3 核卷积。
        self.depthwise = conv_norm_relu(in_channels, in_channels, 3, stride, groups=in_channels)
        self.pointwise = conv_norm_relu(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.depthwise(x)  # (N, in_channels, h/stride, w/stride)
        return self.pointwise(x)  # (N, out_channels, h/stride, w/stride)


def make_stage(in_channels: int, out_channels: int, count: int, stride: int) -> nn.Sequential:
    """``count`` 个深度可分离卷积，第一个的步幅是 ``stride``。"""
    blocks = [DepthwiseSeparable(in_channels, out_channels, stride)]
    for _ in range(count - 1):
        blocks.append(DepthwiseSeparable(out_channels, out_channels, 1))
    return nn.Sequential(*blocks)


class MobileNetV1(nn.Layer):
    """MobileNet v1。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)；s 不限。

    参数：
        num_classes: 类别数。
        in_channels: 输入通道数。
        stem: ``imagenet`` 的第一个卷积步幅 2；``small`` 的步幅 1，用于小图像，此后各阶段的边长是上表的 2 倍。
        width_multiplier: 宽度系数 α，每一层的通道数乘以它再去掉小数；论文试了 1、0.75、0.5、0.25。
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: Literal["imagenet", "small"] = "imagenet",
        width_multiplier: float = 1.0,
    ):
        super().__init__()
        channels = int(32 * width_multiplier)
        if channels < 1:
            raise ValueError(
                f"宽度系数 width_multiplier 是 {width_multiplier}，第一个卷积的 32 个通道乘以它不足 1 个；"
                "请设为 0.03125（1/32）以上"
            )
        self.stem = conv_norm_relu(in_channels, channels, 3, stride=2 if stem == "imagenet" else 1)
        self.stages = nn.Sequential()
        for i, (width, count, stride) in enumerate(STAGES, start=1):
            out_channels = int(width * width_multiplier)
            self.stages.add_sublayer(f"stage{i}", make_stage(channels, out_channels, count, stride))
            channels = out_channels
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.classifier = nn.Linear(channels, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """卷积用 He 初始化，按输入端算（逐通道卷积的输出只看 9 个数）；归一化的系数为 1，偏移为 0。

        分类器的权重取标准差 0.01 的正态分布，使各类的概率一开始大致相等。论文没有写初始化。
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
        # 右边的形状属于 imagenet 的 stem 与 α = 1。
        x = self.stem(x)  # (N, 32, s/2, s/2)
        x = self.stages(x)  # (N, 1024, s/32, s/32)
        x = self.pool(x)  # (N, 1024, 1, 1)
        x = x.flatten(1)  # (N, 1024)
        return self.classifier(x)  # (N, num_classes)
