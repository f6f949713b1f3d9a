"""LeNet-5：上世纪九十年代银行用来读支票的卷积网络。

论文：LeCun, Bottou, Bengio, Haffner,
*Gradient-Based Learning Applied to Document Recognition*, 1998。

想法：先用两层“卷积 + 池化”把图像变成一叠小的特征图，再用三个全连接层分类。
输入 (N, 1, 28, 28) 时，每一步的形状与参数个数：

====== ============================== ================ ==========
 阶段   层                              输出形状          参数
====== ============================== ================ ==========
C1     卷积 5×5，填充 2，6 个核          (N, 6, 28, 28)   156
S2     池化 2×2                        (N, 6, 14, 14)   0
C3     卷积 5×5，16 个核                (N, 16, 10, 10)  2,416
S4     池化 2×2                        (N, 16, 5, 5)    0
C5     全连接 400 → 120                (N, 120)         48,120
F6     全连接 120 → 84                 (N, 84)          10,164
输出    全连接 84 → 10                  (N, 10)          850
====== ============================== ================ ==========

合计 61,706 个参数。这是后来的教科书通用的简化形式，两种激活函数与池化（:data:`FORMS`）都不是 1998 年的
原样。论文的网络有 60,000 个可训练的参数，与上表不同的有四处：

- 激活函数是放缩了的 tanh，f(a) = 1.7159·tanh(2a/3)，不是 sigmoid；
- S2、S4 把 2×2 个数相加，乘以可训练的系数，加上可训练的偏置，再过 S 形函数：各有 12 与 32 个参数；
- C3 的 16 个核各只连 6 个输入通道中的 3、4 或 6 个（论文的表 I）：1,516 个参数；
- 输出层是径向基函数，求 F6 的 84 个数到十个写死的图案的距离，没有可训练的参数。

论文的输入是 32×32，这里在 28×28 上填充 2，二者的特征图大小相同。
"""

from __future__ import annotations

from typing import Literal

from paddle import Tensor, nn

# 形式 -> (激活函数, 池化层)。original 是教科书（如《动手学深度学习》）的旧式写法，以 sigmoid 与平均池化
# 近似 1998 年的 tanh 与可训练的池化；modern 是今天的写法
FORMS = {
    "original": (nn.Sigmoid, nn.AvgPool2D),
    "modern": (nn.ReLU, nn.MaxPool2D),
}


def flat_size(image_size: int) -> int:
    """S4 展平后的特征数 16·((s/2 − 4)/2)²；图像小于 12×12 时无法算出。"""
    side = (image_size // 2 - 4) // 2
    if side < 1:
        raise ValueError(
            f"LeNet 的图像至少要 12×12，得到 {image_size}×{image_size}；请把 data.image_size 设为 12 以上"
        )
    return 16 * side * side


class LeNet(nn.Layer):
    """LeNet-5。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    参数：
        num_classes: 类别数。
        in_channels: 输入通道数，灰度图为 1，彩色图为 3。
        image_size: 图像边长 s（像素），至少 12。
        form: ``modern`` 用 ReLU 与最大池化；``original`` 用 sigmoid 与平均池化，是旧式的简化，
            不是 1998 年的原样。
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: int = 28,
        form: Literal["original", "modern"] = "modern",
    ):
        super().__init__()
        activation, pooling = FORMS[form]
        self.features = nn.Sequential(
            nn.Conv2D(in_channels, 6, 5, padding=2),
            activation(),
            pooling(2),
            nn.Conv2D(6, 16, 5),
            activation(),
            pooling(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(flat_size(image_size), 120),
            activation(),
            nn.Linear(120, 84),
            activation(),
            nn.Linear(84, num_classes),
        )
        self.reset_parameters(form)

    def reset_parameters(self, form: str) -> None:
        """sigmoid 用 Xavier 初始化（Glorot 与 Bengio，2010），ReLU 用 He 初始化（He 等，2015）。"""
        initialize = (
            nn.initializer.XavierUniform()
            if form == "original"
            else nn.initializer.KaimingNormal(nonlinearity="relu")
        )
        for layer in self.sublayers():
            if isinstance(layer, (nn.Conv2D, nn.Linear)):
                initialize(layer.weight)
                nn.initializer.Constant(0.0)(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 16, 5, 5)
        x = x.flatten(1)  # (N, 400)
        return self.classifier(x)  # (N, num_classes)
