"""DBSCAN：标签与 scikit-learn 的逐个相同；核心点、边界点、噪声。"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans

from paddle_notes.ch01_machine_learning.dbscan import NOISE, dbscan, two_moons


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("radius", "min_points"), [(0.2, 5), (0.1, 3), (0.35, 10)])
def test_labels_equal_sklearn(seed, radius, min_points):
    points = two_moons(seed=seed)
    labels, is_core = dbscan(points, radius, min_points)
    reference = DBSCAN(eps=radius, min_samples=min_points).fit(points)
    np.testing.assert_array_equal(labels, reference.labels_)
    np.testing.assert_array_equal(np.flatnonzero(is_core), reference.core_sample_indices_)


def test_core_border_and_noise():
    """0–3 挤在一起是核心点，4 挨着它们却不够密，是边界点，5 谁也不挨。"""
    points = np.array([[0.0], [0.1], [0.2], [0.3], [1.0], [5.0]])
    labels, is_core = dbscan(points, radius=0.8, min_points=4)
    np.testing.assert_array_equal(labels, [0, 0, 0, 0, 0, NOISE])
    np.testing.assert_array_equal(is_core, [True, True, True, True, False, False])


def test_follows_the_shape_where_k_means_cannot():
    points = two_moons(num_outliers=0)
    moon = np.arange(len(points)) % 2
    labels, _ = dbscan(points, 0.2, 5)
    assert set(labels) - {NOISE} == {0, 1}

    def agreement(labels):
        same = (labels == moon).mean()
        return max(same, 1 - same)

    assert agreement(labels) > 0.98
    assert agreement(KMeans(2, n_init=3, random_state=0).fit_predict(points)) < 0.9


def test_radius_must_be_positive():
    with pytest.raises(ValueError, match="半径应大于 0"):
        dbscan(np.zeros((3, 2)), 0, 2)
