"""一个完整的小卷积网络：卷积、激活、池化为一块，每过一块，边长减半，通道加倍，最后是分类器。

边长减半使每层的像素变成 1/4，通道加倍使每个像素的计算变成 4 倍（输入、输出通道都加倍），
两者抵消，各块的计算量大致相等；同时，位置的信息逐渐换成“是什么”的信息。
"""

from __future__ import annotations

import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes.ch04_convolution.fully_connected import as_kernel


def conv_block(in_channels: int, out_channels: int, batch_norm: bool) -> nn.Sequential:
    """卷积 → （批量归一化）→ 激活 → 池化：(N, in_channels, h, w) → (N, out_channels, h/2, w/2)。

    ReLU 不改变数的大小次序，所以它与最大池化谁先谁后结果一样；与平均池化交换就不一样了。
    归一化会减去均值，卷积的偏置不起作用，所以不要。
    """
    layers = [nn.Conv2D(in_channels, out_channels, 5, padding=2, bias_attr=False if batch_norm else None)]
    if batch_norm:
        layers.append(nn.BatchNorm2D(out_channels))
    return nn.Sequential(*layers, nn.ReLU(), nn.MaxPool2D(2))


class SmallConvNet(nn.Layer):
    """28×28 的图像经过两块变成 7×7，再由一个全连接层分类。

    参数：
        num_classes: 类别数 K。
        in_channels: 输入通道数。
        batch_norm: 每个卷积之后是否做批量归一化。
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1, batch_norm: bool = False):
        super().__init__()
        self.block1 = conv_block(in_channels, 16, batch_norm)
        self.block2 = conv_block(16, 32, batch_norm)
        self.classifier = nn.Linear(32 * 7 * 7, num_classes)
        nn.initializer.Normal(std=0.01)(self.classifier.weight)  # 各类的概率一开始大致相等

    def features(self, x: Tensor) -> Tensor:
        x = self.block1(x)  # (N, 16, h/2, w/2)
        return self.block2(x)  # (N, 32, h/4, w/4)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, 28, 28) → logits (N, K)。"""
        x = self.features(x)  # (N, 32, 7, 7)
        return self.classifier(x.flatten(1))  # (N, K)

    def score_map(self, x: Tensor) -> Tensor:
        """把全连接层当作 7×7 卷积，图像可以更大：(N, in_channels, h, w) → (N, K, h/4 − 6, w/4 − 6)。"""
        kernel = as_kernel(self.classifier.weight, 32, 7, 7)  # (K, 32, 7, 7)
        return F.conv2d(self.features(x), kernel, self.classifier.bias)
