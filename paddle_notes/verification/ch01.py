"""第 1 章的题目：L1 与 L2 距离、K 近邻的票数、标准化、最小–最大缩放、L2 归一化。"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import paddle
import paddle.nn.functional as F

from paddle_notes.ch01_machine_learning import knn, preprocessing
from paddle_notes.verification.core import Topic, functional


def two_sets(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """两组点，a (4, 3)、b (5, 3)；任何一维都相差 0.1 以上，离 L1 的折点与 L2 的重合处都远。"""
    order = generator.permuted(np.tile(np.arange(9), (3, 1)), axis=1).T  # (9, 3)，每列是 0–8 的排列
    points = 0.4 * order + 0.1 * generator.uniform(-1, 1, (9, 3))
    return {"a": points[:4], "b": points[4:]}


def l1_distance(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs=two_sets(generator),
        forward=knn.l1_distance,
        backward=knn.l1_distance_backward,
        forms={
            "原语": functional(lambda a, b: (a.unsqueeze(1) - b.unsqueeze(0)).abs().sum(-1)),
            "paddle.cdist": functional(lambda a, b: paddle.cdist(a, b, p=1.0)),
        },
    )


def l2_distance(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs=two_sets(generator),
        forward=knn.l2_distance,
        backward=knn.l2_distance_backward,
        forms={
            "原语": functional(lambda a, b: ((a.unsqueeze(1) - b.unsqueeze(0)) ** 2).sum(-1).sqrt()),
            "paddle.cdist": functional(lambda a, b: paddle.cdist(a, b, p=2.0)),
        },
    )


def knn_votes(generator: np.random.Generator) -> Topic:
    """最近的三个邻居的票数。票数不随距离连续变化，没有梯度。"""
    train_labels = generator.integers(0, 4, 20)
    points = {"images": generator.standard_normal((6, 5)), "train_images": generator.standard_normal((20, 5))}

    def by_hand(images, train_images):
        _, indices = knn.KNearestNeighbors(3).fit(train_images, train_labels).kneighbors(images)
        return knn.count_votes(train_labels[indices], 4).astype(np.float64)

    def by_paddle(images, train_images):
        squared = ((images.unsqueeze(1) - train_images.unsqueeze(0)) ** 2).sum(-1)  # (N, M)
        _, nearest = paddle.topk(squared, 3, axis=1, largest=False)
        return F.one_hot(paddle.to_tensor(train_labels)[nearest], 4).sum(1).astype("float64")

    return Topic(inputs=points, forward=by_hand, forms={"原语": functional(by_paddle)})


def standardize(generator: np.random.Generator) -> Topic:
    """paddle.nn 的写法是批量归一化：γ = 1、β = 0、ε = 0 时，它就是用这一批自己的统计量标准化。"""
    zeros, ones = paddle.zeros([3], "float64"), paddle.ones([3], "float64")
    return Topic(
        inputs={"x": 2 + 3 * generator.standard_normal((7, 3))},
        forward=preprocessing.standardize,
        backward=lambda dy, x: {"x": preprocessing.standardize_backward(dy, x)},
        forms={
            "原语": functional(lambda x: (x - x.mean(0)) / ((x - x.mean(0)) ** 2).mean(0).sqrt()),
            "paddle.nn": functional(lambda x: F.batch_norm(x, zeros, ones, training=True, epsilon=0.0)),
        },
    )


def min_max(generator: np.random.Generator) -> Topic:
    """每列是打乱的等差数列加上小的扰动，最大、最小值各只有一个，差分不会换成另一个样本。"""
    x = generator.permuted(np.tile(np.arange(6.0), (3, 1)), axis=1).T  # (6, 3)
    return Topic(
        inputs={"x": x + 0.2 * generator.uniform(-1, 1, x.shape)},
        forward=preprocessing.min_max,
        backward=lambda dy, x: {"x": preprocessing.min_max_backward(dy, x)},
        forms={"原语": functional(lambda x: (x - x.min(0)) / (x.max(0) - x.min(0)))},
    )


def l2_normalize(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={"x": generator.standard_normal((5, 4))},
        forward=preprocessing.l2_normalize,
        backward=lambda dy, x: {"x": preprocessing.l2_normalize_backward(dy, x)},
        forms={
            "原语": functional(lambda x: x / (x * x).sum(1, keepdim=True).sqrt()),
            "paddle.nn": functional(lambda x: F.normalize(x, p=2, axis=1, epsilon=0.0)),
        },
    )


TOPICS: dict[str, Callable[[np.random.Generator], Topic]] = {
    "l1_distance": l1_distance,
    "l2_distance": l2_distance,
    "knn_votes": knn_votes,
    "standardize": standardize,
    "min_max": min_max,
    "l2_normalize": l2_normalize,
}
