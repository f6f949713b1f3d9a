"""DBSCAN：把密集处连成一片的点归为一类，稀疏处的点是噪声。

论文：Ester, Kriegel, Sander 与 Xu,
*A Density-Based Algorithm for Discovering Clusters in Large Spatial Databases with Noise*, 1996。

聚类没有标签，是无监督学习。DBSCAN 不必事先说有几类，类的形状也不限于一团：

- 半径 ``radius`` 之内（含自己）至少有 ``min_points`` 个点的，是核心点；
- 从一个核心点出发，把它半径之内的点都收进同一类；收进来的若也是核心点，继续向外收；
- 不是核心点而被收进来的是边界点，它不再向外收；谁也没有收的是噪声。
"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch01_machine_learning.knn import l2_distance

NOISE = -1


def dbscan(points: np.ndarray, radius: float, min_points: int) -> tuple[np.ndarray, np.ndarray]:
    """对点 (N, D) 聚类，返回标签 (N,)（0、1、2 …，噪声是 −1）与是否核心点 (N,)。

    同时挨着两类的边界点归先找到的一类。两两距离有 N² 个，N 上万时内存就不够了。
    """
    if radius <= 0:
        raise ValueError(f"半径应大于 0，得到 {radius}")
    near = l2_distance(points, points) <= radius  # (N, N)
    is_core = near.sum(axis=1) >= min_points
    labels = np.full(len(points), NOISE)
    cluster = 0
    for start in np.flatnonzero(is_core):
        if labels[start] != NOISE:
            continue  # 已经在前面的一类里
        labels[start] = cluster
        frontier = [start]
        while frontier:
            point = frontier.pop()
            if not is_core[point]:
                continue
            reached = np.flatnonzero(near[point] & (labels == NOISE))
            labels[reached] = cluster
            frontier.extend(reached)
        cluster += 1
    return labels, is_core


def two_moons(num_samples: int = 300, num_outliers: int = 15, seed: int = 0) -> np.ndarray:
    """两个套在一起的半圆，外加零星的点：(num_samples + num_outliers, 2)。"""
    generator = np.random.default_rng(seed)
    angle = generator.uniform(0, np.pi, num_samples)
    upper = np.arange(num_samples) % 2 == 0
    x = np.where(upper, np.cos(angle), 1 - np.cos(angle))
    y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
    moons = np.stack([x, y], axis=1) + 0.06 * generator.standard_normal((num_samples, 2))
    outliers = generator.uniform([-1.5, -1.2], [2.5, 1.7], (num_outliers, 2))
    return np.concatenate([moons, outliers])
