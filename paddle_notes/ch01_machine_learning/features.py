"""特征：原始像素、人工设计的边缘、从数据学到的，交给同一个 K 近邻比较。

特征决定了模型能达到的上限：模型只看得到特征，特征里没有的，或者被别的东西淹没的，模型也分不出来。
深度学习把设计特征这一步也交给了训练。

人工特征是边缘方向的直方图，Dalal 与 Triggs, *Histograms of Oriented Gradients for Human Detection*,
2005 的简化形式。
"""

from __future__ import annotations

import numpy as np

# Sobel 算子：一个方向求差，另一个方向按 1:2:1 平滑
SOBEL_X = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
SOBEL_Y = SOBEL_X.T


def filter_3x3(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """每个像素换成它周围 3×3 的加权和，四周补 0：(N, H, W) → (N, H, W)。"""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    y = np.zeros(images.shape)
    for i in range(3):
        for j in range(3):
            y += kernel[i, j] * padded[:, i : i + height, j : j + width]
    return y


def pixels(images: np.ndarray) -> np.ndarray:
    """原始像素：(N, H, W) → (N, H·W)。"""
    return images.reshape(len(images), -1)


def edges(images: np.ndarray) -> np.ndarray:
    """边缘的强度 √(gx² + gy²)：(N, H, W) → (N, H·W)。"""
    return pixels(np.hypot(filter_3x3(images, SOBEL_X), filter_3x3(images, SOBEL_Y)))


def edge_histograms(images: np.ndarray, cell: int = 4, bins: int = 8) -> np.ndarray:
    """边缘方向的直方图：(N, H, W) → (N, H/cell·W/cell·bins)，每个样本的长度归一化为 1。

    图像分成边长 ``cell`` 的小格，格内各像素按边缘的方向（0–180° 分成 ``bins`` 份）投票，票数是边缘的强度。
    笔画在格内移动一点，票数不变；整体变亮，归一化之后也不变。
    """
    gx, gy = filter_3x3(images, SOBEL_X), filter_3x3(images, SOBEL_Y)
    direction = np.arctan2(gy, gx) % np.pi  # 正反两面的边缘算同一个方向
    index = (direction / np.pi * bins).astype(int) % bins  # (N, H, W)
    votes = np.hypot(gx, gy)[..., None] * (index[..., None] == np.arange(bins))  # (N, H, W, bins)
    num, height, width = images.shape
    cells = votes.reshape(num, height // cell, cell, width // cell, cell, bins).sum(axis=(2, 4))
    histogram = cells.reshape(num, -1)
    length = np.linalg.norm(histogram, axis=1, keepdims=True)
    return histogram / np.where(length == 0, 1, length)


class LearnedFeatures:
    """学到的特征：训练一个小的卷积网络来分类，取它最后一层之前的 64 个数。

    只用训练集训练。这里只是看一眼学到的特征有多好；网络怎样训练，是后面几章的事。
    """

    def __init__(self, num_epochs: int = 5, seed: int = 0):
        self.num_epochs = num_epochs
        self.seed = seed

    def fit(self, images: np.ndarray, labels: np.ndarray) -> LearnedFeatures:
        """训练图像 (N, 28, 28)，标签 (N,)，取值 0–9。"""
        import paddle
        import paddle.nn.functional as F
        from paddle import nn

        paddle.seed(self.seed)
        self.extractor = nn.Sequential(
            nn.Conv2D(1, 8, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2D(2),
            nn.Conv2D(8, 16, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2D(2),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, 64),
            nn.ReLU(),
        )
        classifier = nn.Linear(64, 10)
        optimizer = paddle.optimizer.Adam(
            2e-3, parameters=[*self.extractor.parameters(), *classifier.parameters()]
        )
        x = paddle.to_tensor(images[:, None] / 255, dtype="float32")  # (N, 1, 28, 28)
        y = paddle.to_tensor(labels, dtype="int64")
        generator = np.random.RandomState(self.seed)
        for _ in range(self.num_epochs):
            for batch in np.array_split(generator.permutation(len(images)), max(1, len(images) // 64)):
                index = paddle.to_tensor(batch)
                loss = F.cross_entropy(classifier(self.extractor(x[index])), y[index])
                loss.backward()
                optimizer.step()
                optimizer.clear_grad()
        return self

    def transform(self, images: np.ndarray) -> np.ndarray:
        """(N, 28, 28) → (N, 64)。"""
        import paddle

        with paddle.no_grad():
            return self.extractor(paddle.to_tensor(images[:, None] / 255, dtype="float32")).numpy()
