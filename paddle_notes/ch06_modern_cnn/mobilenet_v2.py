"""MobileNet v2：在窄的特征之间传递残差，块里先放宽再压窄，压窄之后不用 ReLU。

论文：Sandler, Howard, Zhu, Zhmoginov, Chen, *MobileNetV2: Inverted Residuals and Linear Bottlenecks*, 2018。

想法：ReLU 把负的一半置 0，通道少时丢掉的信息补不回来，通道多时别的通道还留着。所以块的形状与 ResNet 的
瓶颈块相反：输入输出窄，中间用 1×1 卷积放宽到 t 倍，在宽的特征上做 3×3 逐通道卷积与 ReLU6，再用 1×1 卷积
压窄，压窄之后不加激活函数（线性瓶颈）。步幅为 1、通道数不变时，窄的两端相加（倒残差）。

    ReLU6(x) = min(max(x, 0), 6)

输出有上界，用低精度的数也表示得准。

输入 (N, 3, 224, 224)，1000 类，宽度系数 α = 1：

========== ================================= ================= =========
阶段       层                                输出形状          参数
========== ================================= ================= =========
stem       3×3 卷积，步幅 2                  (N, 32, 112, 112) 928
stage1     1 个倒残差块，t = 1               (N, 16, 112, 112) 896
stage2     2 个倒残差块，t = 6，第一个步幅 2 (N, 24, 56, 56)   13,968
stage3     3 个倒残差块，t = 6，第一个步幅 2 (N, 32, 28, 28)   39,696
stage4     4 个倒残差块，t = 6，第一个步幅 2 (N, 64, 14, 14)   183,872
stage5     3 个倒残差块，t = 6               (N, 96, 14, 14)   303,168
stage6     3 个倒残差块，t = 6，第一个步幅 2 (N, 160, 7, 7)    795,264
stage7     1 个倒残差块，t = 6               (N, 320, 7, 7)    473,920
head       1×1 卷积；全局平均池化            (N, 1280, 1, 1)   412,160
classifier 丢弃法；全连接 1280 → 1000        (N, 1000)         1,281,000
========== ================================= ================= =========

合计 3,504,872 个参数，论文写作 3.4 M。通道数乘以 α 之后取最接近的 8 的倍数，且不少于原来的九成；
head 的 1280 个通道在 α < 1 时不减少。
"""

from __future__ import annotations

from typing import Literal

from paddle import Tensor, nn

# 论文的表 2，每个阶段：放宽到 t 倍，输出通道数，块数，第一个块的步幅。
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def round_channels(channels: float) -> int:
    """最接近的 8 的倍数，至少 8；四舍五入使通道少了一成以上时改为进一。"""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def conv_norm(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> list[nn.Layer]:
    """卷积与归一化：(N, in_channels, h, w) → (N, out_channels, h/stride, w/stride)。"""
    padding = (kernel_size - 1) // 2
    return [
        nn.Conv2D(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias_attr=False),
        nn.BatchNorm2D(out_channels),
    ]


class InvertedResidual(nn.Layer):
    """倒残差块：放宽，逐通道卷积，压窄。(N, in_channels, h, w) → (N, out_channels, h/stride, w/stride)。"""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int):
        super().__init__()
        width = in_channels * expansion
        expand = [*conv_norm(in_channels, width, 1), nn.ReLU6()] if expansion > 1 else []
        self.residual = nn.Sequential(
            *expand,  # (N, width, h, w)
            *conv_norm(width, width, 3, stride, groups=width),
            nn.ReLU6(),  # (N, width, h/stride, w/stride)
            *conv_norm(width, out_channels, 1),  # 线性瓶颈：之后没有激活函数
        )
        self.add = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)  # (N, out_channels, h/stride, w/stride)
        return x + y if self.add else y


def make_stage(in_channels: int, out_channels: int, count: int, stride: int, expansion: int) -> nn.Sequential:
    """``count`` 个倒残差块，第一个的步幅是 ``stride``。"""
    blocks = [InvertedResidual(in_channels, out_channels, stride, expansion)]
    for _ in range(count - 1):
        blocks.append(InvertedResidual(out_channels, out_channels, 1, expansion))
    return nn.Sequential(*blocks)


class MobileNetV2(nn.Layer):
    """MobileNet v2。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)；s 不限。

    参数：
        num_classes: 类别数。
        in_channels: 输入通道数。
        stem: ``imagenet`` 的第一个卷积步幅 2；``small`` 的步幅 1，用于小图像，此后各阶段的边长是上表的 2 倍。
        width_multiplier: 宽度系数 α，每一层的通道数乘以它再取 8 的倍数；论文试了 0.35 到 1.4。
        dropout: 分类器之前的丢弃概率；论文没有写，0.2 是作者放出的训练代码用的。
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: Literal["imagenet", "small"] = "imagenet",
        width_multiplier: float = 1.0,
        dropout: float = 0.2,
    ):
        super().__init__()
        if width_multiplier <= 0:
            raise ValueError(
                f"宽度系数 width_multiplier 应为正数，得到 {width_multiplier}；论文试了 0.35 到 1.4"
            )
        channels = round_channels(32 * width_multiplier)
        stride = 2 if stem == "imagenet" else 1
        self.stem = nn.Sequential(*conv_norm(in_channels, channels, 3, stride), nn.ReLU6())
        self.stages = nn.Sequential()
        for i, (expansion, width, count, stride) in enumerate(STAGES, start=1):
            out_channels = round_channels(width * width_multiplier)
            stage = make_stage(channels, out_channels, count, stride, expansion)
            self.stages.add_sublayer(f"stage{i}", stage)
            channels = out_channels
        last = round_channels(1280 * max(1.0, width_multiplier))
        self.head = nn.Sequential(*conv_norm(channels, last, 1), nn.ReLU6(), nn.AdaptiveAvgPool2D(1))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
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
        nn.initializer.Normal(std=0.01)(self.classifier[1].weight)
        zero(self.classifier[1].bias)

    def forward(self, x: Tensor) -> Tensor:
        # 右边的形状属于 imagenet 的 stem 与 α = 1。
        x = self.stem(x)  # (N, 32, s/2, s/2)
        x = self.stages(x)  # (N, 320, s/32, s/32)
        x = self.head(x)  # (N, 1280, 1, 1)
        x = x.flatten(1)  # (N, 1280)
        return self.classifier(x)  # (N, num_classes)
