"""GoogLeNet：一个块里并排用几种大小的卷积，由网络自己取舍。

论文：Szegedy 等, *Going Deeper with Convolutions*, 2014。

想法：该用多大的卷积核？Inception 块同时用 1×1、3×3、5×5 卷积与 3×3 池化四条支路，把结果按通道拼起来。
3×3、5×5 之前先用 1×1 卷积降维，池化之后也用 1×1 卷积降维，于是 22 层的网络只有约 700 万个参数。
网络很深，论文从中间引出两个辅助分类器，把梯度直接送到浅层；它们只在训练时起作用。

输入 (N, 3, 224, 224)，1000 类。每个卷积之后都是 ReLU；局部响应归一化不改变形状：

========= ========================================= =================== ===========
 阶段      层                                         输出形状             参数
========= ========================================= =================== ===========
卷积 1     7×7，步幅 2，填充 3，64 个核                (N, 64, 112, 112)   9,472
池化 1     3×3，步幅 2；局部响应归一化                  (N, 64, 56, 56)     0
卷积 2     1×1，64 个核                               (N, 64, 56, 56)     4,160
卷积 3     3×3，填充 1，192 个核；局部响应归一化         (N, 192, 56, 56)    110,784
池化 2     3×3，步幅 2                                (N, 192, 28, 28)    0
3a        Inception                                 (N, 256, 28, 28)    163,696
3b        Inception                                 (N, 480, 28, 28)    388,736
池化 3     3×3，步幅 2                                (N, 480, 14, 14)    0
4a        Inception；其后是辅助分类器 1                (N, 512, 14, 14)    376,176
4b        Inception                                 (N, 512, 14, 14)    449,160
4c        Inception                                 (N, 512, 14, 14)    510,104
4d        Inception；其后是辅助分类器 2                (N, 528, 14, 14)    605,376
4e        Inception                                 (N, 832, 14, 14)    868,352
池化 4     3×3，步幅 2                                (N, 832, 7, 7)      0
5a        Inception                                 (N, 832, 7, 7)      1,043,456
5b        Inception                                 (N, 1024, 7, 7)     1,444,080
平均       全局平均池化，丢弃法                          (N, 1024)           0
分类器     全连接 1024 → 1000                         (N, 1000)           1,025,000
========= ========================================= =================== ===========

合计 6,998,552 个参数；两个辅助分类器另有 3,188,840 与 3,190,888 个。``batch_norm=True`` 时卷积不带偏置，
其后加批量归一化，去掉局部响应归一化（Ioffe 与 Szegedy，2015），合计 7,005,832 个，辅助分类器各多 128 个。
``factorize=True`` 时合计 5,523,672 个。有的程序库把 5×5 写成 3×3，带批量归一化时只有 6,624,904 个。
"""

from __future__ import annotations

from functools import partial

import paddle
from paddle import Tensor, nn

# 论文表 1。每行是一个块的通道数：1×1；3×3 之前的降维、3×3；5×5 之前的降维、5×5；池化之后的降维。
INCEPTIONS: dict[str, tuple[int, int, int, int, int, int]] = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def conv(
    inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, batch_norm: bool = False
) -> nn.Sequential:
    """卷积与 ReLU，填充使步幅 1 时边长不变；中间可有批量归一化，它会减去均值，所以这时卷积不带偏置。"""
    padding = [side // 2 for side in kernel]
    convolution = nn.Conv2D(inputs, outputs, kernel, stride, padding, bias_attr=False if batch_norm else None)
    normalization = [nn.BatchNorm2D(outputs)] if batch_norm else []
    return nn.Sequential(convolution, *normalization, nn.ReLU())


class Inception(nn.Layer):
    """Inception 块：四条支路的输出按通道拼接，(N, in_channels, h, w) → (N, out_channels, h, w)。

    ``widths`` 是 :data:`INCEPTIONS` 的一行。``factorize`` 借 Inception v3（Szegedy 等，2015）的想法，
    把 3×3 卷积拆成 1×3 与 3×1：看到的范围不变，这一层的权重少四成到五成，中间还多一次非线性。
    v3 说浅层这样拆效果不好，它在边长 17 的特征图上拆 7×7；这里各块都拆，只为看清参数怎样变。
    """

    def __init__(self, in_channels: int, widths: tuple, batch_norm: bool = False, factorize: bool = False):
        super().__init__()
        unit = partial(conv, batch_norm=batch_norm)
        width1, reduced3, width3, reduced5, width5, width_pool = widths
        if factorize:
            conv3 = [unit(reduced3, reduced3, (1, 3)), unit(reduced3, width3, (3, 1))]
        else:
            conv3 = [unit(reduced3, width3, (3, 3))]
        pool = nn.MaxPool2D(3, stride=1, padding=1)
        self.branch1 = unit(in_channels, width1, (1, 1))
        self.branch3 = nn.Sequential(unit(in_channels, reduced3, (1, 1)), *conv3)
        self.branch5 = nn.Sequential(unit(in_channels, reduced5, (1, 1)), unit(reduced5, width5, (5, 5)))
        self.branch_pool = nn.Sequential(pool, unit(in_channels, width_pool, (1, 1)))
        self.out_channels = width1 + width3 + width5 + width_pool

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.branch1(x), self.branch3(x), self.branch5(x), self.branch_pool(x)]
        return paddle.concat(branches, axis=1)  # (N, out_channels, h, w)


def auxiliary_head(in_channels: int, side: int, num_classes: int, batch_norm: bool) -> nn.Sequential:
    """辅助分类器：(N, in_channels, side, side) → logits (N, num_classes)。

    论文的 14×14 特征图经 5×5、步幅 3 的平均池化成为 4×4；小图像的特征图不足 5×5 时改为整张取平均。
    """
    window = min(5, side)
    side = (side - window) // 3 + 1
    return nn.Sequential(
        nn.AvgPool2D(window, stride=3),  # (N, in_channels, 4, 4)
        conv(in_channels, 128, (1, 1), batch_norm=batch_norm),  # (N, 128, 4, 4)
        nn.Flatten(),  # (N, 2048)
        nn.Linear(128 * side * side, 1024),
        nn.ReLU(),
        nn.Dropout(0.7),
        nn.Linear(1024, num_classes),
    )


class GoogLeNet(nn.Layer):
    """GoogLeNet。输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    训练模式下且 ``aux=True`` 时输出三份 logits：(主分类器, 辅助分类器 1, 辅助分类器 2)。

    参数：
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素），至少 31；它决定辅助分类器中全连接层的输入。
        batch_norm: 是否用批量归一化代替局部响应归一化（论文发表时还没有它）。
        factorize: 是否把各块的 3×3 卷积拆成 1×3 与 3×1，见 :class:`Inception`。
        aux: 是否带两个辅助分类器。
        dropout: 分类器之前的丢弃概率，论文为 0.4。
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        image_size: int = 224,
        batch_norm: bool = False,
        factorize: bool = False,
        aux: bool = True,
        dropout: float = 0.4,
    ):
        super().__init__()
        if image_size < 31:
            raise ValueError(
                f"GoogLeNet 五次减半边长，图像至少要 31×31，得到 {image_size}×{image_size}；"
                "请把 data.image_size 设为 31 以上"
            )
        # 论文没有给出局部响应归一化的系数。这里同 Caffe 的公开实现：b = a / (1 + 1e-4/5·Σa²)^0.75，
        # Σ 取相邻 5 个通道，正是 Paddle 的默认值（Paddle 对平方取平均）。
        normalize = nn.Identity if batch_norm else partial(nn.LocalResponseNorm, 5)
        # ceil_mode 让最后一个窗口可以伸出边界，边长才恰好减半：112 → 56。
        self.pool = nn.MaxPool2D(3, stride=2, ceil_mode=True)
        self.stem = nn.Sequential(
            conv(in_channels, 64, (7, 7), stride=2, batch_norm=batch_norm),
            self.pool,
            normalize(),
            conv(64, 64, (1, 1), batch_norm=batch_norm),
            conv(64, 192, (3, 3), batch_norm=batch_norm),
            normalize(),
            self.pool,
        )
        self.inceptions = nn.LayerDict()
        channels = 192
        for name, widths in INCEPTIONS.items():
            self.inceptions[name] = Inception(channels, widths, batch_norm, factorize)
            channels = self.inceptions[name].out_channels
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, num_classes)
        self.aux = aux
        if aux:
            side = (image_size + 1) // 16  # 4a 到 4e 的边长：卷积 1 之后是 ⌊(s+1)/2⌋，再池化三次
            self.aux1 = auxiliary_head(512, side, num_classes, batch_norm)
            self.aux2 = auxiliary_head(528, side, num_classes, batch_norm)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """He 初始化，使每层输出的方差不随深度衰减；偏置为 0。论文没有说明它的初始化。"""
        initialize = nn.initializer.KaimingNormal(nonlinearity="relu")
        for layer in self.sublayers():
            if isinstance(layer, (nn.Conv2D, nn.Linear)):
                initialize(layer.weight)
                if layer.bias is not None:
                    nn.initializer.Constant(0.0)(layer.bias)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        x = self.stem(x)  # (N, 192, 28, 28)
        x = self.inceptions["3a"](x)  # (N, 256, 28, 28)
        x = self.inceptions["3b"](x)  # (N, 480, 28, 28)
        x = self.pool(x)  # (N, 480, 14, 14)
        x = after_4a = self.inceptions["4a"](x)  # (N, 512, 14, 14)
        x = self.inceptions["4b"](x)  # (N, 512, 14, 14)
        x = self.inceptions["4c"](x)  # (N, 512, 14, 14)
        x = after_4d = self.inceptions["4d"](x)  # (N, 528, 14, 14)
        x = self.inceptions["4e"](x)  # (N, 832, 14, 14)
        x = self.pool(x)  # (N, 832, 7, 7)
        x = self.inceptions["5a"](x)  # (N, 832, 7, 7)
        x = self.inceptions["5b"](x)  # (N, 1024, 7, 7)
        x = x.mean([2, 3])  # (N, 1024)
        logits = self.classifier(self.dropout(x))  # (N, num_classes)
        if self.training and self.aux:
            return logits, self.aux1(after_4a), self.aux2(after_4d)
        return logits
