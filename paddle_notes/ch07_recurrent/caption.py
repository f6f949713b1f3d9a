"""看图说话：卷积网络看图，LSTM 一个词一个词地说。

论文：Vinyals, Toshev, Bengio, Erhan, *Show and Tell: A Neural Image Caption Generator*, 2014,
https://arxiv.org/abs/1411.4555 ；图像放在哪里的各种办法：Tanti, Gatt, Camilleri, *Where to put the Image in
an Image Caption Generator*, 2017, https://arxiv.org/abs/1703.09137 。

想法：翻译是读完一句外文，再由得到的状态写出一句中文；看图说话把“读外文”换成“看图”，
之后的事与字符语言模型相同。图像只给一次，有两种给法：

- ``state``：卷积网络的特征变成 LSTM 的初始状态 h、c；
- ``input``：特征变成一个与词嵌入一样长的向量，当作第一个词读进去（论文的 x_{−1} = CNN(I)），
  LSTM 从零状态出发，这一步的输出不要。

训练时每一步读入的是正确的上一个词（教师强制），整句一次算完；说话时没有正确答案，
每一步读入自己刚说的词，直到说出结束符。

与论文不同：默认是 ``state``；卷积网络是小的，与 LSTM 一起从头训练，论文用在 ImageNet 上训练好的；
LSTM 是通常的，遗忘门的偏置从 4 开始，论文的不带偏置，输出是 o ⊙ c，没有 tanh；解码取最可能的词，
论文用束搜索。
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import paddle
from paddle import Tensor, nn

FORGET_BIAS = 4.0  # 遗忘门一开始就是 σ(4) ≈ 0.98


def make_features(in_channels: int) -> nn.Sequential:
    """三个 3×3 卷积，各接 2×2 最大池化：(N, in_channels, s, s) → (N, 64, s/8, s/8)。"""
    layers: list[nn.Layer] = []
    for out_channels in (16, 32, 64):
        layers += [
            nn.Conv2D(in_channels, out_channels, 3, padding=1, bias_attr=False),
            nn.BatchNorm2D(out_channels),
            nn.ReLU(),
            nn.MaxPool2D(2),
        ]
        in_channels = out_channels
    return nn.Sequential(*layers)


class CaptionNet(nn.Layer):
    """看图说话。输入 images (N, in_channels, s, s) 与 tokens (N, T) int64，输出 logits (N, T, V)。

    tokens 以开始符开头；第 t 个输出预测第 t + 1 个词。0 是填充。

    参数：
        vocab_size: 词表大小 V。
        in_channels: 图像的通道数。
        image_size: 图像边长 s（像素），至少 8。
        embedding_size: 词嵌入的维数 E。
        hidden_size: LSTM 的隐状态的维数 H。
        image_as: 图像当作什么，``state`` 是初始状态，``input`` 是第一个输入。
    """

    def __init__(
        self,
        vocab_size: int,
        in_channels: int = 1,
        image_size: int = 64,
        embedding_size: int = 64,
        hidden_size: int = 128,
        image_as: Literal["state", "input"] = "state",
    ):
        super().__init__()
        side = image_size // 8
        if side < 1:
            raise ValueError(
                f"看图的部分有三次池化，图像至少要 8×8，得到 {image_size}×{image_size}；"
                "请把 data.image_size 设为 8 以上"
            )
        self.image_as = image_as
        self.features = make_features(in_channels)
        size = 2 * hidden_size if image_as == "state" else embedding_size
        # 展平而不是全局平均：说“左边、右边”要知道位置
        # 特征有几千个，每个权重动一点，加起来就使 tanh 饱和、梯度消失；先批量归一化，无论怎样更新都不会
        self.image_vector = nn.Sequential(
            nn.Linear(64 * side * side, size, bias_attr=False), nn.BatchNorm1D(size)
        )
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=0)
        # 图像只在开头给一次，要记到说出数字的时候：门若半开，每说一个字记忆就剩一半，梯度也传不回卷积
        bias = np.repeat([0.0, FORGET_BIAS, 0.0, 0.0], hidden_size).astype("float32")  # 次序是 i、f、c̃、o
        self.lstm = nn.LSTM(
            embedding_size,
            hidden_size,
            bias_ih_attr=paddle.ParamAttr(initializer=nn.initializer.Assign(bias)),
        )
        self.output = nn.Linear(hidden_size, vocab_size)

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """看图：(N, in_channels, s, s) → 开口之前的状态 h、c，各 (1, N, H)。"""
        x = self.features(images)  # (N, 64, s/8, s/8)
        x = self.image_vector(x.flatten(1))  # (N, 2H)，当作输入时 (N, E)
        if self.image_as == "input":
            _, state = self.lstm(x.unsqueeze(1))  # 从零状态读一步，输出不要
            return state
        h, c = paddle.split(paddle.tanh(x).unsqueeze(0), 2, axis=2)  # 各 (1, N, H)
        return h, c

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)  # (N, T, E)
        x, _ = self.lstm(x, self.look(images))  # (N, T, H)
        return self.output(x)  # (N, T, V)

    @paddle.no_grad()
    def decode(self, images: Tensor, max_length: int, begin: int, end: int) -> Tensor:
        """每一步取最可能的词，返回编号 (N, max_length)：不含开始符，结束符之后全是 0。"""
        self.eval()
        state = self.look(images)
        token = paddle.full([images.shape[0], 1], begin, dtype="int64")
        finished = paddle.zeros_like(token)  # 1 表示已经说出结束符
        words = []
        for _ in range(max_length):
            x, state = self.lstm(self.embedding(token), state)  # (N, 1, H)
            token = self.output(x).argmax(axis=2) * (1 - finished)  # (N, 1)
            words.append(token)
            finished = paddle.maximum(finished, (token == end).astype("int64"))
        return paddle.concat(words, axis=1)  # (N, max_length)
