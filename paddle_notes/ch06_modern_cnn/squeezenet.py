"""SqueezeNet：先用 1×1 卷积把通道压窄，再放宽，用五十分之一的参数达到 AlexNet 的准确率。

论文：Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer, *SqueezeNet: AlexNet-level accuracy with 50x fewer
parameters and <0.5MB model size*, 2016。

想法：3×3 卷积的权重是 9·输入通道·输出通道，三处可省：多用 1×1 卷积，权重是 3×3 的九分之一；
3×3 卷积的输入通道要少；减半边长的池化放在后面，特征图大，准确率高。前两条合成 fire 模块：
压缩层用 1×1 卷积降到 s 个通道，扩张层用 1×1 与 3×3 卷积各得到 4s 个通道，再拼接。
没有全连接层：最后的 1×1 卷积每类一个通道，全局平均池化之后就是 logits。

1.0 是论文的形式，1.1 是作者后来放出的：开头的卷积更小，池化更早，计算量不到 1.0 的一半，准确率不减。
输入 (N, 3, 227, 227)，1000 类。1.0：

========== ==================================== ================ =======
阶段       层                                   输出形状         参数
========== ==================================== ================ =======
stem       7×7 卷积，步幅 2；3×3 最大池化       (N, 96, 55, 55)  14,208
fire2      压缩到 16，扩张到 64 + 64            (N, 128, 55, 55) 11,920
fire3      压缩到 16，扩张到 64 + 64            (N, 128, 55, 55) 12,432
fire4      压缩到 32，扩张到 128 + 128          (N, 256, 55, 55) 45,344
pool4      3×3 最大池化，步幅 2                 (N, 256, 27, 27) 0
fire5      压缩到 32，扩张到 128 + 128          (N, 256, 27, 27) 49,440
fire6      压缩到 48，扩张到 192 + 192          (N, 384, 27, 27) 104,880
fire7      压缩到 48，扩张到 192 + 192          (N, 384, 27, 27) 111,024
fire8      压缩到 64，扩张到 256 + 256          (N, 512, 27, 27) 188,992
pool8      3×3 最大池化，步幅 2                 (N, 512, 13, 13) 0
fire9      压缩到 64，扩张到 256 + 256          (N, 512, 13, 13) 197,184
classifier 丢弃法；1×1 卷积；ReLU；全局平均池化 (N, 1000)        513,000
========== ==================================== ================ =======

1.1：

========== ==================================== ================ =======
阶段       层                                   输出形状         参数
========== ==================================== ================ =======
stem       3×3 卷积，步幅 2；3×3 最大池化       (N, 64, 56, 56)  1,792
fire2      压缩到 16，扩张到 64 + 64            (N, 128, 56, 56) 11,408
fire3      压缩到 16，扩张到 64 + 64            (N, 128, 56, 56) 12,432
pool3      3×3 最大池化，步幅 2                 (N, 128, 28, 28) 0
fire4      压缩到 32，扩张到 128 + 128          (N, 256, 28, 28) 45,344
fire5      压缩到 32，扩张到 128 + 128          (N, 256, 28, 28) 49,440
pool5      3×3 最大池化，步幅 2                 (N, 256, 14, 14) 0
fire6      压缩到 48，扩张到 192 + 192          (N, 384, 14, 14) 104,880
fire7      压缩到 48，扩张到 192 + 192          (N, 384, 14, 14) 111,024
fire8      压缩到 64，扩张到 256 + 256          (N, 512, 14, 14) 188,992
fire9      压缩到 64，扩张到 256 + 256          (N, 512, 14, 14) 197,184
classifier 丢弃法；1×1 卷积；ReLU；全局平均池化 (N, 1000)        513,000
========== ==================================== ================ =======

合计 1,248,424 与 1,235,496 个参数。论文写的输入是 224×224，可是不填充的 7×7 卷积要得到论文的 111×111，
输入应为 227×227，作者放出的训练设置（https://github.com/forresti/SqueezeNet ）正是 227。那份设置里，
1.0 的最后一个 1×1 卷积还在四周补了一圈 0，与论文的表不符，这里不补；权重用 Xavier 初始化，这里用 He
（论文没有写）。
"""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Literal

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

# 从 fire2 起，每个 fire 模块压缩到几个通道，"M" 是池化。
CONFIGURATIONS: dict[str, list[int | str]] = {
    "1.0": [16, 16, 32, "M", 32, 48, 48, 64, "M", 64],
    "1.1": [16, 16, "M", 32, 32, "M", 48, 48, 64, 64],
}
# 开头的卷积：核的边长，输出通道数。
STEMS = {"1.0": (7, 96), "1.1": (3, 64)}


class Fire(nn.Layer):
    """fire 模块：压缩到 s 个通道，再扩张到 4s + 4s 个。(N, in_channels, h, w) → (N, 8·s, h, w)。"""

    def __init__(self, in_channels: int, squeezed: int):
        super().__init__()
        self.squeeze = nn.Conv2D(in_channels, squeezed, 1)
        self.expand1 = nn.Conv2D(squeezed, 4 * squeezed, 1)
        self.expand3 = nn.Conv2D(squeezed, 4 * squeezed, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))  # (N, s, h, w)
        x = paddle.concat([self.expand1(x), self.expand3(x)], axis=1)  # (N, 8·s, h, w)
        return F.relu(x)


def make_pool() -> nn.MaxPool2D:
    """3×3 最大池化，步幅 2；最后一个窗口可以伸出边界（ceil_mode），边缘的像素才不会被丢掉。"""
    return nn.MaxPool2D(3, stride=2, ceil_mode=True)


def make_stem(in_channels: int, version: str, stem: str) -> nn.Sequential:
    """开头的卷积：``imagenet`` 把边长缩到约 1/4，``small`` 不缩小。"""
    kernel_size, channels = STEMS[version]
    if stem == "imagenet":
        return nn.Sequential(nn.Conv2D(in_channels, channels, kernel_size, stride=2), nn.ReLU(), make_pool())
    return nn.Sequential(nn.Conv2D(in_channels, channels, 3, padding=1), nn.ReLU())


def output_side(version: str, stem: str, side: int) -> int:
    """边长 ``side`` 的图像到分类器之前的边长；图像太小时小于 1。"""
    pools = CONFIGURATIONS[version].count("M")
    if stem == "imagenet":
        side = (side - STEMS[version][0]) // 2 + 1
        pools += 1
    for _ in range(pools):
        side = (side - 2) // 2 + 1  # ⌈(side − 3) / 2⌉ + 1
    return side


class SqueezeNet(nn.Layer):
    """SqueezeNet。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    参数：
        version: :data:`CONFIGURATIONS` 中的一个名字，1.0 或 1.1。
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素）；``imagenet`` 时 1.0 至少要 21，1.1 至少要 17，``small`` 时至少要 4。
        stem: ``imagenet`` 是论文的卷积与池化；``small`` 是一个 3×3 卷积，步幅 1，不池化，用于小图像。
        dropout: 最后一个卷积之前的丢弃概率，论文为 0.5。
    """

    def __init__(
        self,
        version: str,
        num_classes: int = 1000,
        in_channels: int = 3,
        image_size: int = 227,
        stem: Literal["imagenet", "small"] = "imagenet",
        dropout: float = 0.5,
    ):
        super().__init__()
        if output_side(version, stem, image_size) < 1:
            smallest = next(size for size in count(1) if output_side(version, stem, size) >= 1)
            raise ValueError(
                f"这个 SqueezeNet 的图像至少要 {smallest}×{smallest}，得到 {image_size}×{image_size}；"
                f"请把 data.image_size 设为 {smallest} 以上"
            )
        self.stem = make_stem(in_channels, version, stem)
        self.features = nn.Sequential()
        channels, number = STEMS[version][1], 1  # stem 的卷积是第 1 层
        for item in CONFIGURATIONS[version]:
            if item == "M":
                self.features.add_sublayer(f"pool{number}", make_pool())
            else:
                number += 1
                self.features.add_sublayer(f"fire{number}", Fire(channels, item))
                channels = 8 * item
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Conv2D(channels, num_classes, 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2D(1),
            nn.Flatten(),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He 初始化，按输入端算，偏置为 0：没有批量归一化，全靠它使各层输出的方差大致相等。

        作者放出的设置用 Xavier：方差是 1/输入个数，ReLU 之后每过一层减半。
        最后一个卷积取标准差 0.01 的正态分布，与作者放出的设置相同，使各类的概率一开始大致相等。
        """
        initialize = nn.initializer.KaimingNormal(nonlinearity="relu")
        for layer in self.sublayers():
            if isinstance(layer, nn.Conv2D):
                initialize(layer.weight)
                nn.initializer.Constant(0.0)(layer.bias)
        nn.initializer.Normal(std=0.01)(self.classifier[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        # 右边的形状属于 1.0、imagenet 的 stem 与 227×227 的图像。
        x = self.stem(x)  # (N, 96, 55, 55)
        x = self.features(x)  # (N, 512, 13, 13)
        return self.classifier(x)  # (N, num_classes)


# 3 通道、1000 类时的参数个数写在行尾。
squeezenet1_0 = partial(SqueezeNet, "1.0")  # 1,248,424
squeezenet1_1 = partial(SqueezeNet, "1.1")  # 1,235,496
