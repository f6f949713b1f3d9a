"""评判网络：在真图像上学过分类的小网络，由它的特征算生成的样本离真图像多远。"""

from __future__ import annotations

import time

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes.engine.logs import logger
from paddle_notes.engine.samples import from_pixels

JUDGE_STEPS, JUDGE_BATCH = 1000, 64  # 评判网络训练几步，每步几张图像
JUDGE_SHIFT = 2  # 它的图像随机平移至多几个像素：验证图像少，不平移就背下来了


class Judge(nn.Layer):
    """很小的卷积网络，输入是值在 [−1, 1] 之间的图像 (N, C, s, s)。

    参数：
        in_channels: 图像的通道数。
        num_classes: 类别数 K。
    """

    def __init__(self, in_channels: int, num_classes: int):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2D(in_channels, 16, 5, stride=2, padding=2, bias_attr=False),  # (N, 16, s/2, s/2)
            nn.BatchNorm2D(16),
            nn.ReLU(),
            nn.Conv2D(16, 32, 5, stride=2, padding=2, bias_attr=False),  # (N, 32, s/4, s/4)
            nn.BatchNorm2D(32),
            nn.ReLU(),
            nn.AdaptiveAvgPool2D(4),  # (N, 32, 4, 4)
            nn.Flatten(),
            nn.Linear(512, 64),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(64, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images))  # (N, K)


def train_judge(judge: Judge, pixels: np.ndarray, labels: np.ndarray) -> None:
    """在真图像 (N, C, s, s) uint8 与标签 (N,) 上训练评判网络，然后固定下来。学习率线性降到 0。"""
    started, generator = time.perf_counter(), np.random.RandomState(0)
    optimizer = paddle.optimizer.Adam(0.002, parameters=judge.parameters())
    judge.train()
    for step in range(JUDGE_STEPS):
        index = generator.randint(len(labels), size=JUDGE_BATCH)
        images = from_pixels(shift_randomly(pixels[index], generator))
        F.cross_entropy(judge(images), paddle.to_tensor(labels[index])).backward()
        optimizer.set_lr(0.002 * (1 - step / JUDGE_STEPS))
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
    judge.eval()
    seconds = time.perf_counter() - started
    logger.info("评判网络在 %d 张验证图像上训练了 %d 步，用时 %.0f 秒", len(labels), JUDGE_STEPS, seconds)


def shift_randomly(pixels: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
    """每张图 (N, C, s, s) 随机平移至多 ``JUDGE_SHIFT`` 个像素，空出来的地方照抄边缘。"""
    size, around = pixels.shape[-1], (JUDGE_SHIFT, JUDGE_SHIFT)
    padded = np.pad(pixels, ((0, 0), (0, 0), around, around), mode="edge")
    corners = generator.randint(2 * JUDGE_SHIFT + 1, size=(len(pixels), 2))
    return np.stack([image[:, y : y + size, x : x + size] for image, (y, x) in zip(padded, corners)])


def square_root(matrix: np.ndarray) -> np.ndarray:
    """半正定对称矩阵的平方根：A = QΛQᵀ，A^½ = QΛ^½Qᵀ。"""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T  # 舍入会使 0 变成很小的负数


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """两组特征 (N, D)、(M, D) 各看成一个高斯分布，求它们的 Fréchet 距离（的平方）。"""
    first, second = first.astype("float64"), second.astype("float64")
    root = square_root(np.cov(first, rowvar=False))
    # d² = ‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½)，其中 Tr(Σ₁Σ₂)^½ = Tr(Σ₁^½ Σ₂ Σ₁^½)^½：后者是对称的
    shift = first.mean(0) - second.mean(0)
    cross = square_root(root @ np.cov(second, rowvar=False) @ root)
    spread = np.var(first, 0, ddof=1).sum() + np.var(second, 0, ddof=1).sum()
    return float(shift @ shift + spread - 2 * np.trace(cross))
