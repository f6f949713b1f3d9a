"""DCGAN：用卷积写的生成器与判别器。

论文：Radford, Metz, Chintala,
*Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks*, 2015，
https://arxiv.org/abs/1511.06434。

论文试出了一套训练得起来的做法，后来的网络大多沿用：

- 不用池化：判别器用步幅 2 的卷积缩小，生成器用步幅 2 的转置卷积放大，怎样缩放由网络自己学；
- 两边都做批量归一化，只有生成器的输出层与判别器的输入层不做；
- 除了开头的投影与末尾的输出，没有全连接层；
- 生成器用 ReLU，输出用 tanh；判别器用 LeakyReLU(0.2)；
- 权重取 N(0, 0.02²)；Adam，学习率 0.0002，β₁ = 0.5。

与作者公开的代码（https://github.com/Newmu/dcgan_code）不同的地方：噪声取标准正态分布，那里在 −1 与 1 之间
均匀取；不做批量归一化的层有偏置，那里没有；没有那里的 L2 惩罚（10⁻⁵）；判别器与生成器用同一批图像各更新一次，
那里轮流用不同的批。

边长 s = 4·2ⁿ，w 是 ``base_width``。论文的生成器是 s = 64（n = 4）、w = 128：

======== ============================== ==================
 网络     层                              输出形状
======== ============================== ==================
生成器    全连接 100 → 1024·4·4，BN，ReLU       (N, 1024, 4, 4)
         5×5 转置卷积，步幅 2，BN，ReLU          (N, 512, 8, 8)
         5×5 转置卷积，步幅 2，BN，ReLU          (N, 256, 16, 16)
         5×5 转置卷积，步幅 2，BN，ReLU          (N, 128, 32, 32)
         5×5 转置卷积，步幅 2，tanh             (N, 3, 64, 64)
判别器    5×5 卷积，步幅 2，LeakyReLU           (N, 128, 32, 32)
         5×5 卷积，步幅 2，BN，LeakyReLU        (N, 256, 16, 16)
         5×5 卷积，步幅 2，BN，LeakyReLU        (N, 512, 8, 8)
         5×5 卷积，步幅 2，BN，LeakyReLU        (N, 1024, 4, 4)
         全连接 1024·4·4 → 1                 (N, 1)
======== ============================== ==================
"""

from __future__ import annotations

import itertools

from paddle import Tensor, nn

from .averaging import AveragedGenerator


def num_stages(image_size: int) -> int:
    """边长 4·2ⁿ 的 n，即放大（或缩小）几次；不是这样的边长时抛 ValueError。"""
    stages = max(image_size // 4, 1).bit_length() - 1
    if stages < 1 or image_size != 4 * 2**stages:
        raise ValueError(
            f"DCGAN 每层把边长放大一倍，边长只能是 8、16、32、64……，得到 {image_size}；"
            "请设 data.image_size，例如 32"
        )
    return stages


class Generator(nn.Layer):
    """噪声 (N, latent_size) → 图像 (N, in_channels, s, s)，值在 (−1, 1) 之间。"""

    def __init__(self, in_channels: int, image_size: int, latent_size: int, base_width: int):
        super().__init__()
        widths = [base_width * 2**i for i in reversed(range(num_stages(image_size)))]  # 如 4w, 2w, w
        self.top = [widths[0], 4, 4]
        self.project = nn.Linear(latent_size, widths[0] * 16, bias_attr=False)
        layers: list[nn.Layer] = [nn.BatchNorm2D(widths[0]), nn.ReLU()]
        for width, next_width in itertools.pairwise(widths):
            layers += [upsample(width, next_width), nn.BatchNorm2D(next_width), nn.ReLU()]
        layers += [upsample(widths[-1], in_channels, bias=True), nn.Tanh()]  # 输出层不做批量归一化
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: Tensor) -> Tensor:
        x = self.project(noise).reshape([-1, *self.top])  # (N, 2ⁿ⁻¹·w, 4, 4)
        return self.layers(x)  # (N, C, s, s)


def upsample(in_channels: int, out_channels: int, bias: bool = False) -> nn.Conv2DTranspose:
    """步幅 2 的 5×5 转置卷积，边长恰好加倍：(h − 1)·2 − 2·2 + 5 + 1 = 2h。

    后面有批量归一化时不带偏置：归一化会减去均值，偏置不起作用。
    """
    return nn.Conv2DTranspose(
        in_channels,
        out_channels,
        5,
        stride=2,
        padding=2,
        output_padding=1,
        bias_attr=None if bias else False,
    )


class Discriminator(nn.Layer):
    """图像 (N, in_channels, s, s) → logits (N,)：σ(logit) 是“这张是真的”的概率。"""

    def __init__(self, in_channels: int, image_size: int, base_width: int):
        super().__init__()
        widths = [base_width * 2**i for i in range(num_stages(image_size))]  # 如 w, 2w, 4w
        layers: list[nn.Layer] = [downsample(in_channels, widths[0], bias=True), nn.LeakyReLU(0.2)]
        for width, next_width in itertools.pairwise(widths):  # 输入层不做批量归一化，其余都做
            # 推理时也用这一批的统计量：真图像与样本分两批送来，统计量不同，滑动平均把两者混在一起，
            # 用它来归一化，判别器会把两批全判成一边
            norm = nn.BatchNorm2D(next_width, use_global_stats=False)
            layers += [downsample(width, next_width), norm, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Linear(widths[-1] * 16, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.layers(images)  # (N, 2ⁿ⁻¹·w, 4, 4)
        x = x.reshape([len(x), -1])  # nn.Flatten 没有二阶导数，做不了梯度惩罚
        return self.classifier(x).squeeze(-1)  # (N, 1) → (N,)


def downsample(in_channels: int, out_channels: int, bias: bool = False) -> nn.Conv2D:
    """步幅 2 的 5×5 卷积，边长恰好减半：⌊(2h + 2·2 − 5)/2⌋ + 1 = h。"""
    return nn.Conv2D(in_channels, out_channels, 5, stride=2, padding=2, bias_attr=None if bias else False)


class DCGAN(AveragedGenerator):
    """一个生成器与一个判别器，都由卷积堆成。

    参数：
        in_channels: 图像的通道数 C。
        image_size: 图像边长 s（像素），为 8、16、32、64……
        latent_size: 噪声的维数，论文为 100。
        base_width: 边长最大的特征图的通道数 w，论文为 128；边长每减半，通道数加倍。
        average_decay: 生成器参数的滑动平均每步保留旧值的比例，0 为不平均；论文没有。
    """

    def __init__(
        self,
        in_channels: int = 3,
        image_size: int = 64,
        latent_size: int = 100,
        base_width: int = 128,
        average_decay: float = 0.0,
    ):
        super().__init__()
        self.latent_size = latent_size
        self.generator = Generator(in_channels, image_size, latent_size, base_width)
        self.discriminator = Discriminator(in_channels, image_size, base_width)
        self.reset_parameters()
        self.start_average(average_decay)

    def reset_parameters(self) -> None:
        """权重取 N(0, 0.02²)，批量归一化的 γ 取 N(1, 0.02²)，偏置为 0。"""
        for layer in self.sublayers():
            if isinstance(layer, (nn.Conv2D, nn.Conv2DTranspose, nn.Linear)):
                nn.initializer.Normal(0.0, 0.02)(layer.weight)
                if layer.bias is not None:
                    nn.initializer.Constant(0.0)(layer.bias)
            elif isinstance(layer, nn.BatchNorm2D):
                nn.initializer.Normal(1.0, 0.02)(layer.weight)

    def forward(self, images: Tensor) -> Tensor:
        """值在 [−1, 1] 之间的图像 (N, C, s, s) → 判别器的 logits (N,)。"""
        return self.discriminator(images)
