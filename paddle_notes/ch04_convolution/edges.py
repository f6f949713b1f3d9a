"""边缘检测：手写的核，与用梯度下降学出来的核。

边缘是亮度突然改变的地方，也就是亮度的导数大的地方；导数在像素上就是相邻两个像素之差，
而求差是一个卷积。

Sobel 算子：1968 年 Irwin Sobel 与 Gary Feldman 在斯坦福的一次报告中提出，
在求差的同时沿边缘的方向取加权平均，不容易被噪声骗到。
"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch04_convolution.conv2d import conv2d, conv2d_backward, cross_correlate2d

# 右边的像素减左边的像素：遇到竖直的边缘时不为 0
DIFFERENCE = np.array([[-1.0, 1.0]])

# 竖直的边缘：[1, 2, 1]ᵀ 沿边缘平均，[−1, 0, 1] 在垂直的方向求差
SOBEL_X = np.outer([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0])
SOBEL_Y = SOBEL_X.T  # 水平的边缘


def gradient_magnitude(image: np.ndarray) -> np.ndarray:
    """边缘的强弱 √(gx² + gy²)：灰度图 (H, W) → (H − 2, W − 2)。"""
    gx = cross_correlate2d(image, SOBEL_X)
    gy = cross_correlate2d(image, SOBEL_Y)
    return np.hypot(gx, gy)


def learn_kernel(
    images: np.ndarray, targets: np.ndarray, kernel_size: int, learning_rate: float, num_steps: int
) -> tuple[np.ndarray, list[float]]:
    """由“图像 → 边缘”的例子学出一个核，返回核 (k, k) 与每一步的损失。

    想法：不告诉它 Sobel 是什么，只给输入与想要的输出；从全 0 的核出发，按均方误差的梯度更新。

    参数：
        images: (N, 1, H, W)。
        targets: (N, 1, H − k + 1, W − k + 1)。
        learning_rate: 步长；损失对核是二次函数，太大就发散。
    """
    kernel, bias = np.zeros((1, 1, kernel_size, kernel_size)), np.zeros(1)
    losses = []
    for _ in range(num_steps):
        error = conv2d(images, kernel, bias) - targets
        # L = mean(error²)，∂L/∂y = 2·error/个数
        losses.append(float(np.mean(error**2)))
        _, dkernel, _ = conv2d_backward(2 * error / error.size, images, kernel)
        kernel -= learning_rate * dkernel
    return kernel[0, 0], losses
