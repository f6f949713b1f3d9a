"""VGG：只用 3×3 卷积，把网络加深到 19 层。

论文：Simonyan 与 Zisserman,
*Very Deep Convolutional Networks for Large-Scale Image Recognition*, 2014。

想法：两个 3×3 卷积与一个 5×5 看到同样大的范围，权重却从每对通道 25 个降到 18 个，
中间还多一次非线性。于是整个网络由同一种块堆成：若干个 3×3 卷积，再 2×2 最大池化；
每过一块，边长减半，通道加倍（到 512 为止）。

VGG16（论文的配置 D），输入 (N, 3, 224, 224)，1000 类：

======== ========================= =================== ============
 阶段     层                         输出形状             参数
======== ========================= =================== ============
块 1      2 个 3×3 卷积，64 通道      (N, 64, 112, 112)   38,720
块 2      2 个 3×3 卷积，128 通道     (N, 128, 56, 56)    221,440
块 3      3 个 3×3 卷积，256 通道     (N, 256, 28, 28)    1,475,328
块 4      3 个 3×3 卷积，512 通道     (N, 512, 14, 14)    5,899,776
块 5      3 个 3×3 卷积，512 通道     (N, 512, 7, 7)      7,079,424
分类器    全连接 25088 → 4096         (N, 4096)           102,764,544
         全连接 4096 → 4096          (N, 4096)           16,781,312
         全连接 4096 → 1000          (N, 1000)           4,097,000
======== ========================= =================== ============

合计 138,357,544 个参数，其中近九成在三个全连接层里。
"""

from __future__ import annotations

from functools import partial

from paddle import Tensor, nn

# 论文表 1 的一列：数字是一个 3×3 卷积的输出通道数，"M" 是 2×2 最大池化。
CONFIGURATIONS: dict[str, list[int | str]] = {
    "A": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "B": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "D": [64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"],
    "E": [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}


def make_features(configuration: list[int | str], in_channels: int, batch_norm: bool) -> nn.Sequential:
    """照配置表堆出卷积部分：(N, in_channels, s, s) → (N, 512, s/32, s/32)。

    有批量归一化时卷积不带偏置：归一化会减去均值，偏置不起作用。
    """
    layers: list[nn.Layer] = []
    for item in configuration:
        if item == "M":
            layers.append(nn.MaxPool2D(2))
            continue
        layers.append(nn.Conv2D(in_channels, item, 3, padding=1, bias_attr=False if batch_norm else None))
        if batch_norm:
            layers.append(nn.BatchNorm2D(item))
        layers.append(nn.ReLU())
        in_channels = item
    return nn.Sequential(*layers)


class VGG(nn.Layer):
    """VGG。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    参数：
        configuration: :data:`CONFIGURATIONS` 中的一个字母。
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素），至少 32；第一个全连接层的输入是 512·⌊s/32⌋²。
        batch_norm: 是否在每个卷积之后做批量归一化（论文发表时还没有它）。
        dropout: 前两个全连接层之后的丢弃概率，论文为 0.5。
        large_classifier: 是否用论文的三个全连接层；否则把每个通道平均成一个数，再接一个全连接层，
            224×224 时参数从 1.38 亿减到约 1,500 万。
    """

    def __init__(
        self,
        configuration: str,
        num_classes: int = 1000,
        in_channels: int = 3,
        image_size: int = 224,
        batch_norm: bool = False,
        dropout: float = 0.5,
        large_classifier: bool = True,
    ):
        super().__init__()
        side = image_size // 32
        if side < 1:
            raise ValueError(
                f"VGG 有五次池化，图像至少要 32×32，得到 {image_size}×{image_size}；"
                "请把 data.image_size 设为 32 以上"
            )
        self.features = make_features(CONFIGURATIONS[configuration], in_channels, batch_norm)
        if large_classifier:
            self.classifier = nn.Sequential(
                nn.Linear(512 * side * side, 4096),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(4096, 4096),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(4096, num_classes),
            )
        else:
            self.features.add_sublayer("pool", nn.AdaptiveAvgPool2D(1))  # (N, 512, 1, 1)
            self.classifier = nn.Sequential(nn.Linear(512, num_classes))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He 初始化，使每层输出的方差不随深度衰减。

        论文先训练 11 层的网络，再用它的权重初始化更深的网络；作者后来发现，用 Glorot 与 Bengio（2010）的
        初始化就不必这样。He 初始化（2015）是它在 ReLU 上的改进。
        最后一层取标准差 0.01 的正态分布，使各类的概率一开始大致相等，损失从 ln K 附近开始。
        """
        initialize = nn.initializer.KaimingNormal(nonlinearity="relu")
        for layer in self.sublayers():
            if isinstance(layer, (nn.Conv2D, nn.Linear)):
                initialize(layer.weight)
                if layer.bias is not None:
                    nn.initializer.Constant(0.0)(layer.bias)
        nn.initializer.Normal(std=0.01)(self.classifier[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 512, s/32, s/32)，全局平均池化之后是 (N, 512, 1, 1)
        x = x.flatten(1)  # (N, 512·(s/32)²) 或 (N, 512)
        return self.classifier(x)  # (N, num_classes)


# 224×224、3 通道、1000 类、不带批量归一化时的参数个数写在行尾。
vgg11 = partial(VGG, "A")  # 132,863,336
vgg13 = partial(VGG, "B")  # 133,047,848
vgg16 = partial(VGG, "D")  # 138,357,544
vgg19 = partial(VGG, "E")  # 143,667,240
