"""几个小卷积核与一个大卷积核：感受野相同时比一比。

两个 3×3 卷积叠起来看到 5×5，三个看到 7×7；C 个通道时参数是 18C² 对 25C²、27C² 对 49C²，还多一次、
两次非线性。论文：Simonyan 与 Zisserman，*Very Deep Convolutional Networks*，2014，2.3 节。

| 层 | 输出（输入 28×28） |
|---|---|
| 卷积 3×3，C 个 | C×28×28 |
| 最大池化 2×2 | C×14×14 |
| 要比较的卷积，每个 C→C | C×14×14 |
| 最大池化 2×2 | C×7×7 |
| 全连接 | K |
"""

from __future__ import annotations

from paddle import Tensor, nn


class KernelStack(nn.Layer):
    """输入 (N, in_channels, s, s)，输出 logits (N, num_classes)。

    参数：
        num_classes: 类别数。
        in_channels: 输入通道数。
        image_size: 图像边长 s（像素），至少 4。
        width: 各卷积的通道数 C。
        kernel_sizes: 要比较的各卷积的核边长，都是奇数，填充使特征图大小不变。
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: int = 28,
        width: int = 16,
        kernel_sizes: tuple[int, ...] = (3, 3),
    ):
        super().__init__()
        if not kernel_sizes or any(size % 2 == 0 for size in kernel_sizes):
            raise ValueError(f"卷积核的边长应是一个或几个奇数，得到 {list(kernel_sizes)}；请改 kernel_sizes")
        side = image_size // 4
        if side < 1:
            raise ValueError(f"图像至少要 4×4，得到 {image_size}×{image_size}；请加大 data.image_size")
        layers = [nn.Conv2D(in_channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2D(2)]
        for size in kernel_sizes:
            layers += [nn.Conv2D(width, width, size, padding=(size - 1) // 2), nn.ReLU()]
        layers.append(nn.MaxPool2D(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(width * side * side, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """卷积核用 He 初始化，全连接层用标准差 0.01 的正态分布，偏置为 0。"""
        for layer in self.sublayers():
            if isinstance(layer, nn.Conv2D):
                nn.initializer.KaimingNormal(nonlinearity="relu")(layer.weight)
                nn.initializer.Constant(0.0)(layer.bias)
        nn.initializer.Normal(std=0.01)(self.classifier.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, C, s/4, s/4)
        x = x.flatten(1)  # (N, C·(s/4)²)
        return self.classifier(x)  # (N, num_classes)
