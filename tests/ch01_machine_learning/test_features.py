"""特征：边缘的方向与强度，直方图对亮度与小的移动不敏感；好的特征使同一个模型更准。"""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.ndimage import correlate

from paddle_notes.ch01_machine_learning import workflow
from paddle_notes.ch01_machine_learning.features import (
    SOBEL_X,
    SOBEL_Y,
    edge_histograms,
    edges,
    filter_3x3,
    pixels,
)
from paddle_notes.ch01_machine_learning.image import change_light, shift
from paddle_notes.ch01_machine_learning.knn import KNearestNeighbors


@pytest.mark.parametrize("kernel", [SOBEL_X, SOBEL_Y])
def test_filter_equals_scipy(kernel):
    images = np.random.default_rng(0).uniform(0, 255, (2, 6, 7))
    expected = correlate(images, kernel[None].astype(float), mode="constant")
    np.testing.assert_allclose(filter_3x3(images, kernel), expected)


def test_edges_are_where_brightness_changes():
    image = np.zeros((1, 8, 8))
    image[:, :, 4:] = 255
    strength = edges(image).reshape(8, 8)
    assert strength[4, 3] == strength[4, 4] == 4 * 255
    assert not strength[4, :3].any() and not strength[4, 5:7].any()


def test_histogram_tells_the_direction():
    """竖直的边缘落在第 0 个方向，水平的落在正中的一个。"""
    vertical = np.zeros((1, 8, 8))
    vertical[:, 1:7, 4:] = 255
    for image, direction in ((vertical, 0), (vertical.transpose(0, 2, 1), 4)):
        histogram = edge_histograms(image).reshape(2, 2, 8).sum(axis=(0, 1))
        assert histogram.argmax() == direction


def test_histogram_ignores_brightness_and_small_shifts(digits):
    images = digits[2][:50]
    histogram = edge_histograms(images)
    assert histogram.shape == (50, 7 * 7 * 8)
    np.testing.assert_allclose(np.linalg.norm(histogram, axis=1), 1)
    np.testing.assert_allclose(edge_histograms(change_light(images, 0.5)), histogram, atol=1e-12)
    assert not edge_histograms(np.zeros((1, 28, 28))).any()

    def relative_change(features):
        moved = features(shift(images, right=1))
        original = features(images)
        return (np.linalg.norm(moved - original, axis=1) / np.linalg.norm(original, axis=1)).mean()

    assert relative_change(edge_histograms) < relative_change(pixels)


def accuracy(digits, transform) -> float:
    train_images, train_labels, images, labels = digits
    model = KNearestNeighbors(1).fit(transform(train_images), train_labels)
    return float((model.predict(transform(images)) == labels).mean())


def test_good_hand_made_features_beat_pixels_and_bad_ones_do_not(digits):
    """同一个 K 近邻，只换特征：方向的直方图比像素好，只要边缘的强度反而差。"""
    assert accuracy(digits, edges) < accuracy(digits, pixels) < accuracy(digits, edge_histograms)
    assert accuracy(digits, pixels) == 0.934
    assert accuracy(digits, edge_histograms) == pytest.approx(0.960, abs=0.002)


def test_workflow_compares_four_features(digits, monkeypatch, capsys):
    """一行一种特征；训练样本只有 500 张，学到的特征也比像素好。"""
    train_images, train_labels, images, labels = digits
    small = train_images[::8], train_labels[::8], images[::4], labels[::4]
    monkeypatch.setattr(workflow, "get_digits", lambda: small)
    workflow.main()
    lines = capsys.readouterr().out.splitlines()
    found = [re.match(r"(\w+) +(\d+) 个特征，k = \d，准确率 (\d\.\d+)", line).groups() for line in lines]
    assert {name: int(size) for name, size, _ in found} == {
        "pixels": 784,
        "edges": 784,
        "edge_histograms": 392,
        "learned": 64,
    }
    accuracies = {name: float(score) for name, _, score in found}
    assert accuracies["learned"] > accuracies["pixels"] > 0.8
