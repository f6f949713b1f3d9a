"""GAN：生成器造样本，判别器分真假，两者对着训练。

论文：Goodfellow 等, *Generative Adversarial Nets*, 2014，https://arxiv.org/abs/1406.2661。

生成器 G 把噪声 z 变成图像，判别器 D 说一张图像有多大的可能是真的。两者下一盘零和的棋：

    min_G max_D  E_x[log D(x)] + E_z[log(1 − D(G(z)))]

判别器学着把真假分开，生成器学着让判别器分不开。对固定的 G，最好的判别器是
D*(x) = p(x) / (p(x) + q(x))，p、q 是真、假图像的密度；代入上式，剩下的是 2·JS(p‖q) − 2 ln 2，
p = q 时最小，这时判别器处处只能答 1/2。

这里两者都是多层感知机，论文的 MNIST 网络也是，但层不一样。作者公开的配置
（https://github.com/goodfeli/adversarial 的 mnist.yaml）是：生成器两层 ReLU，各 1,200 个单元，
输出用 sigmoid；判别器两层 maxout，各 240 个单元、5 段，有丢弃法；用带动量的 SGD。这里照后来的做法
改了几处：两边都用 LeakyReLU；生成器加批量归一化（2015），输出用 tanh；优化用 Adam（2014 年底）；
生成时用参数的滑动平均。

一张图像看成 C·s² 个数，值在 [−1, 1] 之间；h 是隐藏层的宽度：

======== =============================== ==============
 网络     层                               输出形状
======== =============================== ==============
生成器    全连接 latent_size → h，BN，LeakyReLU    (N, h)
         全连接 h → 2h，BN，LeakyReLU            (N, 2h)
         全连接 2h → 像素，tanh                  (N, C·s²)
判别器    全连接 像素 → 2h，LeakyReLU，丢弃          (N, 2h)
         全连接 2h → h，LeakyReLU，丢弃            (N, h)
         全连接 h → 1                          (N, 1)
======== =============================== ==============
"""

from __future__ import annotations

from paddle import Tensor, nn

from .averaging import AveragedGenerator


class Generator(nn.Layer):
    """噪声 (N, latent_size) → 图像 (N, C, s, s)，值在 (−1, 1) 之间。"""

    def __init__(self, in_channels: int, image_size: int, latent_size: int, hidden_size: int):
        super().__init__()
        self.image_shape = [in_channels, image_size, image_size]
        self.layers = nn.Sequential(
            nn.Linear(latent_size, hidden_size, bias_attr=False),
            nn.BatchNorm1D(hidden_size),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden_size, 2 * hidden_size, bias_attr=False),
            nn.BatchNorm1D(2 * hidden_size),
            nn.LeakyReLU(0.2),
            nn.Linear(2 * hidden_size, in_channels * image_size**2),
            nn.Tanh(),  # 像素有界，输出也要有界
        )

    def forward(self, noise: Tensor) -> Tensor:
        return self.layers(noise).reshape([-1, *self.image_shape])  # (N, C, s, s)


class Discriminator(nn.Layer):
    """图像 (N, C, s, s) → logits (N,)：σ(logit) 是“这张是真的”的概率。"""

    def __init__(self, in_channels: int, image_size: int, hidden_size: int, dropout: float):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(in_channels * image_size**2, 2 * hidden_size),
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
            nn.Linear(2 * hidden_size, hidden_size),
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        x = images.reshape([len(images), -1])  # (N, C·s·s)；nn.Flatten 没有二阶导数，做不了梯度惩罚
        return self.layers(x).squeeze(-1)  # (N, 1) → (N,)


class GAN(AveragedGenerator):
    """一个生成器与一个判别器，都是多层感知机。

    激活用 LeakyReLU(0.2)：生成器的梯度全由判别器传来，负的一半也要让它通过。

    参数：
        in_channels: 图像的通道数 C。
        image_size: 图像边长 s（像素）。
        latent_size: 噪声的维数。
        hidden_size: 隐藏层的宽度 h；较宽的一层是 2h。
        dropout: 判别器隐藏层之后的丢弃概率，使它不能只靠记住训练图像取胜。
        average_decay: 生成器参数的滑动平均每步保留旧值的比例，0 为不平均；论文没有。
    """

    def __init__(
        self,
        in_channels: int = 1,
        image_size: int = 28,
        latent_size: int = 100,
        hidden_size: int = 256,
        dropout: float = 0.3,
        average_decay: float = 0.0,
    ):
        super().__init__()
        self.latent_size = latent_size
        self.generator = Generator(in_channels, image_size, latent_size, hidden_size)
        self.discriminator = Discriminator(in_channels, image_size, hidden_size, dropout)
        self.start_average(average_decay)

    def forward(self, images: Tensor) -> Tensor:
        """值在 [−1, 1] 之间的图像 (N, C, s, s) → 判别器的 logits (N,)。"""
        return self.discriminator(images)
