"""第 1 章的测试共用的数据。"""

from __future__ import annotations

import pytest


@pytest.fixture(scope="package")
def digits():
    """训练图像 (4000, 28, 28)、标签、测试图像 (1000, 28, 28)、标签；与本章的 digits.py 同样的划分。"""
    from paddle_notes.data.mnist5k import read_mnist5k
    from paddle_notes.data.splits import split_indices

    images, labels = read_mnist5k()
    images = images[..., 0].astype("float64")
    train, test = split_indices(labels, 0.2)
    return images[train], labels[train], images[test], labels[test]


@pytest.fixture(scope="package")
def flat_digits(digits):
    """同 ``digits``，图像展平成 (N, 784)。"""
    train_images, train_labels, images, labels = digits
    return train_images.reshape(4000, 784), train_labels, images.reshape(1000, 784), labels
