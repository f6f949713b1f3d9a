"""ShuffleNet v2：一半通道原样留下，另一半去卷积，再把两半的通道洗牌。

论文：Ma, Zhang, Zheng, Sun, *ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design*,
2018。

想法：乘加次数相同的网络，快慢可以差几倍，读写内存也要时间。论文由测速得出四条准则：
1×1 卷积的输入与输出通道相等时，读写内存最少；分组卷积的组数多了，读写变多；支路多、层碎，并行度低；
逐元素的运算（ReLU、相加）不能忽略。照着它们设计的单元：通道平分成两半，一半什么也不做，
另一半经过 1×1、3×3 逐通道、1×1 三个卷积，通道数始终不变；然后拼接，不用相加。
只做到这里，两半永远不相往来，所以最后要洗牌：C 个通道分成 g 组排成 g 行，转置之后逐行读出，

    输出的第 j 个通道 = 输入的第 (j mod g)·(C/g) + ⌊j/g⌋ 个通道

g = 2 时，下一个单元的两半里，各有这个单元两半的一半。减半边长的单元不分半：两条支路都看全部通道，
步幅都是 2，拼接之后通道加倍。

输入 (N, 3, 224, 224)，1000 类；每个阶段的第一个单元减半边长：

========== ============================== =============== ========= ================ =========
阶段       层                             ×0.5 的输出形状 参数      ×1.0 的输出形状  参数
========== ============================== =============== ========= ================ =========
stem       3×3 卷积，步幅 2；3×3 最大池化 (N, 24, 56, 56) 696       (N, 24, 56, 56)  696
stage2     4 个单元                       (N, 48, 28, 28) 6,936     (N, 116, 28, 28) 30,192
stage3     8 个单元                       (N, 96, 14, 14) 45,552    (N, 232, 14, 14) 244,180
stage4     4 个单元                       (N, 192, 7, 7)  89,952    (N, 464, 7, 7)   501,352
head       1×1 卷积；全局平均池化         (N, 1024, 1, 1) 198,656   (N, 1024, 1, 1)  477,184
classifier 全连接 1024 → 1000             (N, 1000)       1,025,000 (N, 1000)        1,025,000
========== ============================== =============== ========= ================ =========

合计 1,366,792 与 2,278,604 个参数。stem 的通道数与 head 的 1024 不随倍数变，只有 ×2.0 的 head 是 2048。
论文没有写初始化。作者放出的代码（https://github.com/megvii-model/ShuffleNet-Series ）另用一种正态分布，
分类器不带偏置，×2.0 的分类器之前有概率 0.2 的丢弃法，这里都与之不同。
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import paddle
from paddle import Tensor, nn


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """洗牌：各组的通道轮流取一个，(N, C, h, w) → (N, C, h, w)。"""
    shape = x.shape
    x = x.reshape([-1, groups, shape[1] // groups, *shape[2:]])  # (N, g, C/g, h, w)
    x = x.transpose([0, 2, 1, 3, 4])  # (N, C/g, g, h, w)
    return x.reshape([-1, *shape[1:]])  # (N, C, h, w)


def conv_norm(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> list[nn.Layer]:
    """卷积与归一化：(N, in_channels, h, w) → (N, out_channels, h/stride, w/stride)。"""
    padding = (kernel_size - 1) // 2
    return [
        nn.Conv2D(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias_attr=False),
        nn.BatchNorm2D(out_channels),
    ]


def make_branch(in_channels: int, channels: int, stride: int) -> nn.Sequential:
    """做卷积的支路：(N, in_channels, h, w) → (N, channels, h/stride, w/stride)。逐通道卷积之后没有 ReLU。"""
    return nn.Sequential(
        *conv_norm(in_channels, channels, 1),
        nn.ReLU(),
        *conv_norm(channels, channels, 3, stride, groups=channels),
        *conv_norm(channels, channels, 1),
        nn.ReLU(),
    )


class Unit(nn.Layer):
    """单元：一半通道原样留下，另一半去卷积。(N, channels, h, w) → (N, channels, h, w)。"""

    def __init__(self, channels: int):
        super().__init__()
        self.branch = make_branch(channels // 2, channels // 2, stride=1)

    def forward(self, x: Tensor) -> Tensor:
        kept, x = x.chunk(2, axis=1)  # 各 (N, channels/2, h, w)
        x = paddle.concat([kept, self.branch(x)], axis=1)  # (N, channels, h, w)
        return channel_shuffle(x, 2)


class DownsamplingUnit(nn.Layer):
    """减半边长的单元：两条支路都看全部通道。(N, in_channels, h, w) → (N, out_channels, h/2, w/2)。"""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.shortcut = nn.Sequential(
            *conv_norm(in_channels, in_channels, 3, stride=2, groups=in_channels),
            *conv_norm(in_channels, out_channels // 2, 1),
            nn.ReLU(),
        )
        self.branch = make_branch(in_channels, out_channels // 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = paddle.concat([self.shortcut(x), self.branch(x)], axis=1)  # (N, out_channels, h/2, w/2)
        return channel_shuffle(x, 2)


def make_stem(in_channels: int, stem: str) -> nn.Sequential:
    """开头的卷积：``imagenet`` 把边长缩到 1/4，``small`` 不缩小。"""
    if stem == "imagenet":
        return nn.Sequential(
            *conv_norm(in_channels, 24, 3, stride=2), nn.ReLU(), nn.MaxPool2D(3, stride=2, padding=1)
        )
    return nn.Sequential(*conv_norm(in_channels, 24, 3), nn.ReLU())


def make_stage(in_channels: int, out_channels: int, count: int) -> nn.Sequential:
    """``count`` 个单元，第一个减半边长：(N, in_channels, h, w) → (N, out_channels, h/2, w/2)。"""
    units = [Unit(out_channels) for _ in range(count - 1)]
    return nn.Sequential(DownsamplingUnit(in_channels, out_channels), *units)


class ShuffleNetV2(nn.Layer):
    """ShuffleNet v2。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)；s 不限。

    参数：
        channels: 三个阶段与 head 的输出通道数。
        num_classes: 类别数。
        in_channels: 输入通道数。
        stem: ``imagenet`` 是论文的卷积与池化；``small`` 是一个 3×3 卷积，步幅 1，不池化，
            用于小图像，此后各阶段的边长是上表的 4 倍。
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        num_classes: int = 1000,
        in_channels: int = 3,
        stem: Literal["imagenet", "small"] = "imagenet",
    ):
        super().__init__()
        stage2, stage3, stage4, last = channels
        self.stem = make_stem(in_channels, stem)
        self.stage2 = make_stage(24, stage2, 4)
        self.stage3 = make_stage(stage2, stage3, 8)
        self.stage4 = make_stage(stage3, stage4, 4)
        self.head = nn.Sequential(*conv_norm(stage4, last, 1), nn.ReLU(), nn.AdaptiveAvgPool2D(1))
        self.classifier = nn.Linear(last, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """卷积用 He 初始化，按输入端算（逐通道卷积的输出只看 9 个数）；归一化的系数为 1，偏移为 0。

        分类器的权重取标准差 0.01 的正态分布，使各类的概率一开始大致相等。
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
        # 右边的形状属于 imagenet 的 stem 与 ×1.0。
        x = self.stem(x)  # (N, 24, s/4, s/4)
        x = self.stage2(x)  # (N, 116, s/8, s/8)
        x = self.stage3(x)  # (N, 232, s/16, s/16)
        x = self.stage4(x)  # (N, 464, s/32, s/32)
        x = self.head(x)  # (N, 1024, 1, 1)
        x = x.flatten(1)  # (N, 1024)
        return self.classifier(x)  # (N, num_classes)


# 3 通道、1000 类时的参数个数写在行尾。
shufflenet_v2_x0_5 = partial(ShuffleNetV2, (48, 96, 192, 1024))  # 1,366,792
shufflenet_v2_x1_0 = partial(ShuffleNetV2, (116, 232, 464, 1024))  # 2,278,604
shufflenet_v2_x1_5 = partial(ShuffleNetV2, (176, 352, 704, 1024))  # 3,503,624
shufflenet_v2_x2_0 = partial(ShuffleNetV2, (244, 488, 976, 2048))  # 7,393,996
