"""K 近邻：由最近的 k 个训练样本投票。

出处：Cover 与 Hart, *Nearest Neighbor Pattern Classification*, 1967。

五个步骤：

1. 记住全部训练样本与标签（“训练”到此为止，没有要学的参数）；
2. 算出待分类的样本到每个训练样本的距离；
3. 找出最近的 k 个；
4. 数一数这 k 个的标签；
5. 得票最多的一类就是预测。

k 与距离是超参数，由交叉验证选（:func:`choose_k`）。训练几乎不花时间，预测一个样本却要看遍全部
n 个训练样本，O(n·D)：与神经网络正好相反。

    python -m paddle_notes.ch01_machine_learning.knn --k 3 --distance l2
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from paddle_notes.ch01_machine_learning.digits import get_digits
from paddle_notes.ch01_machine_learning.splits import k_fold

# L1 距离一次算这么大的一块差（字节）：放得进一个核的二级缓存，三遍运算都不必去内存取数。
L1_BLOCK_BYTES = 512 * 1024
# 一次最多留着这么多个距离（float64，32 MiB），样本再多，内存也不再增加。
MAX_DISTANCES = 4 * 1024 * 1024


def are_pixels(x: np.ndarray) -> bool:
    """是不是都是 0–255 的整数，可以不失真地存成 uint8。"""
    return x.size > 0 and x.min() >= 0 and x.max() <= 255 and bool((x == np.floor(x)).all())


def l1_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """曼哈顿距离：a (N, D)、b (M, D) → (N, M)。

    全部的差有 N·M·D 个，放不进内存，所以一次只算几行 a 与几行 b 的一块。
    8 位的像素就用 8 位算：一条指令处理的数是 float64 的 8 倍，结果仍然精确。
    """
    a, b = np.asarray(a), np.asarray(b)
    pixels = are_pixels(a) and are_pixels(b)
    dtype, sum_dtype = (np.uint8, np.uint32) if pixels else (np.float64, np.float64)
    a, b = a.astype(dtype), b.astype(dtype)
    side = max(1, int((L1_BLOCK_BYTES / (a.itemsize * max(1, a.shape[1]))) ** 0.5))
    larger = np.empty((side, side, a.shape[1]), dtype)
    y = np.empty((len(a), len(b)))
    for i in range(0, len(a), side):
        for j in range(0, len(b), side):
            rows, columns = a[i : i + side, None], b[None, j : j + side]
            block = larger[: rows.shape[0], : columns.shape[1]]  # (side, side, D)
            np.maximum(rows, columns, out=block)
            y[i : i + side, j : j + side] = block.sum(axis=-1, dtype=sum_dtype)
    # Σ |a − b| = 2·Σ max(a, b) − Σ a − Σ b：每个数只算一次 max，而且无符号数不会减出负数
    y *= 2
    y -= a.sum(axis=1, dtype=sum_dtype)[:, None]
    y -= b.sum(axis=1, dtype=sum_dtype)
    return np.maximum(y, 0, out=y)  # 浮点数的舍入误差可能留下 −1e-13


def l1_distance_backward(dy: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """∂L/∂a[i] = Σ_j dy[i, j]·sign(a[i] − b[j])，对 b 反号；a 与 b 某一维相等处不可导，取 0。

    这里把 N·M·D 个符号一次都存下来，只用在小数组上。
    """
    sign = np.sign(a[:, None] - b[None])  # (N, M, D)
    return {"a": np.einsum("nm,nmd->nd", dy, sign), "b": -np.einsum("nm,nmd->md", dy, sign)}


def l2_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """欧氏距离：a (N, D)、b (M, D) → (N, M)。

    展开平方，最费时的一项就是一次矩阵乘法，不必算出 N·M·D 个差。
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    # ‖a − b‖² = ‖a‖² − 2·a·b + ‖b‖²
    y = a @ b.T  # (N, M)
    y *= -2
    y += np.einsum("nd,nd->n", a, a)[:, None]
    y += np.einsum("md,md->m", b, b)
    # 两个几乎相等的大数相减，可能得到 −1e-10 这样的数
    np.maximum(y, 0, out=y)
    return np.sqrt(y, out=y)


def l2_distance_backward(dy: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """∂L/∂a[i] = Σ_j dy[i, j]·(a[i] − b[j]) / y[i, j]，对 b 同理；a 与 b 重合处不可导，取 0。"""
    y = l2_distance(a, b)
    g = np.divide(dy, y, out=np.zeros_like(y), where=y > 0)  # (N, M)
    # Σ_j g[i, j]·(a[i] − b[j]) = a[i]·Σ_j g[i, j] − Σ_j g[i, j]·b[j]
    return {"a": g.sum(1)[:, None] * a - g @ b, "b": g.sum(0)[:, None] * b - g.T @ a}


DISTANCES = {"l1": l1_distance, "l2": l2_distance}


def count_votes(neighbor_labels: np.ndarray, num_classes: int) -> np.ndarray:
    """各类的票数：k 个邻居的标签 (N, k)，取值 0 … K − 1 → (N, K)。

    第 n 行的标签加上 n·K，各行就互不相干，全部样本一次数完。
    """
    rows = np.arange(len(neighbor_labels))[:, None]
    flat = (rows * num_classes + neighbor_labels).ravel()
    return np.bincount(flat, minlength=len(neighbor_labels) * num_classes).reshape(-1, num_classes)


class KNearestNeighbors:
    """K 近邻分类器。

    参数：
        k: 由几个邻居投票。
        distance: "l1"（曼哈顿距离）或 "l2"（欧氏距离）。

    图像可以是 (N, H, W, C) 或已经展平的 (N, D)，这里都展平成 (N, D)。
    票数相同时取最小的标签；第 k 近与第 k + 1 近一样远时，取哪一个不确定（见 :meth:`ambiguous`）。
    """

    def __init__(self, k: int = 5, distance: str = "l2"):
        if k < 1:
            raise ValueError(f"k 至少是 1，得到 {k}")
        if distance not in DISTANCES:
            raise ValueError(f"没有 {distance!r} 这种距离，可用的有 {'、'.join(DISTANCES)}")
        self.k = k
        self.distance = distance

    def fit(self, images: np.ndarray, labels: np.ndarray) -> KNearestNeighbors:
        """记住训练样本 (N, …) 与标签 (N,)。个数不同、少于 k 个、有 NaN 时抛 ValueError。"""
        images = self._flatten(images)
        if len(images) != len(labels):
            raise ValueError(f"有 {len(images)} 个样本，却有 {len(labels)} 个标签；应当一个样本一个标签")
        if len(images) < self.k:
            raise ValueError(f"只有 {len(images)} 个训练样本，找不出 {self.k} 个邻居；请减小 k")
        self.images, self.labels = images, np.asarray(labels)
        return self

    def _flatten(self, images: np.ndarray) -> np.ndarray:
        images = np.asarray(images, dtype=np.float64)
        if len(images) == 0:
            raise ValueError("一个样本也没有；请检查数据")
        images = images.reshape(len(images), -1)  # (N, D)
        if not np.isfinite(images).all():
            raise ValueError("样本里有 NaN 或无穷大，算不出距离；请先填补缺失的值")
        return images

    def kneighbors(self, images: np.ndarray, k: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """最近的 k 个训练样本：距离 (N, k)，从近到远，与它们的下标 (N, k)。"""
        k = self.k if k is None else k
        images = self._flatten(images)
        if images.shape[1] != self.images.shape[1]:
            raise ValueError(
                f"样本有 {images.shape[1]} 个特征，训练样本有 {self.images.shape[1]} 个；两者应当相同"
            )
        distances = np.empty((len(images), k))
        indices = np.empty((len(images), k), dtype=np.int64)
        num_rows = max(1, MAX_DISTANCES // len(self.images))
        for start in range(0, len(images), num_rows):
            block = slice(start, start + num_rows)
            d = DISTANCES[self.distance](images[block], self.images)  # (num_rows, M)
            # 只要最近的 k 个，不必把 M 个全部排序
            nearest = np.argpartition(d, k - 1, axis=1)[:, :k]  # (num_rows, k)，未排序
            d = np.take_along_axis(d, nearest, axis=1)
            order = np.argsort(d, axis=1, kind="stable")
            distances[block] = np.take_along_axis(d, order, axis=1)
            indices[block] = np.take_along_axis(nearest, order, axis=1)
        return distances, indices

    def predict(self, images: np.ndarray) -> np.ndarray:
        """预测标签：(N, …) → (N,)。"""
        _, indices = self.kneighbors(images)
        classes, codes = np.unique(self.labels, return_inverse=True)  # 标签可以是任意整数或文字
        votes = count_votes(codes[indices], len(classes))  # (N, K)
        return classes[votes.argmax(axis=1)]  # argmax 取第一个最大值，所以平票时是最小的标签

    def ambiguous(self, images: np.ndarray) -> np.ndarray:
        """哪些样本的第 k 近与第 k + 1 近一样远：(N,) 布尔。它们的预测随实现而不同，比较时应除外。"""
        if self.k == len(self.images):
            return np.zeros(len(images), dtype=bool)  # 全部训练样本都是邻居
        distances, _ = self.kneighbors(images, self.k + 1)
        return np.isclose(distances[:, -2], distances[:, -1], rtol=1e-9)  # 相差在舍入误差之内


class KNearestNeighborsRegressor(KNearestNeighbors):
    """K 近邻回归：邻居不投票，取它们的目标值的平均。分类预测的是类别，回归预测的是数。"""

    def predict(self, images: np.ndarray) -> np.ndarray:
        """预测目标值：(N, …) → (N,)。"""
        _, indices = self.kneighbors(images)
        return self.labels[indices].mean(axis=1)


def predict_with_paddle(
    train_images: np.ndarray, train_labels: np.ndarray, images: np.ndarray, k: int, num_classes: int
) -> np.ndarray:
    """同样的五个步骤，用 Paddle 的张量运算写一遍（L2 距离，可以放在 GPU 上）：(N, D) → (N,)。"""
    import paddle
    import paddle.nn.functional as F

    a = paddle.to_tensor(images, dtype="float64")  # (N, D)
    b = paddle.to_tensor(train_images, dtype="float64")  # (M, D)
    squared = (a * a).sum(1, keepdim=True) - 2 * a @ b.T + (b * b).sum(1)  # (N, M)
    _, nearest = paddle.topk(squared, k, axis=1, largest=False)  # (N, k)
    labels = paddle.to_tensor(train_labels, dtype="int64")[nearest]  # (N, k)
    votes = F.one_hot(labels, num_classes).sum(1)  # (N, K)
    return votes.argmax(1).numpy()


def choose_k(
    images: np.ndarray,
    labels: np.ndarray,
    candidates: Sequence[int],
    num_folds: int = 5,
    distance: str = "l2",
    seed: int = 0,
) -> np.ndarray:
    """用 k 折交叉验证比较各个 k，返回验证准确率 (len(candidates), num_folds)。

    每一折只算一次距离：先找出最多的那些邻居，再由前 k 个投票。选哪个 k 由调用者决定，
    通常取平均准确率最高的 ``candidates[accuracy.mean(1).argmax()]``。
    """
    images = images.reshape(len(images), -1)
    classes, codes = np.unique(labels, return_inverse=True)
    accuracy = np.empty((len(candidates), num_folds))
    for fold, (train, valid) in enumerate(k_fold(len(images), num_folds, shuffle=True, seed=seed)):
        model = KNearestNeighbors(max(candidates), distance).fit(images[train], codes[train])
        _, indices = model.kneighbors(images[valid])
        neighbor_labels = codes[train][indices]  # (N, 最大的 k)，从近到远
        for row, k in enumerate(candidates):
            prediction = count_votes(neighbor_labels[:, :k], len(classes)).argmax(axis=1)
            accuracy[row, fold] = (prediction == codes[valid]).mean()
    return accuracy


def main(argv: list[str] | None = None) -> None:
    """在 5,000 张手写数字上跑一遍，与 scikit-learn 比较预测与时间。"""
    from sklearn.neighbors import KNeighborsClassifier

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--k", type=int, default=3, help="由几个邻居投票，默认 3")
    parser.add_argument("--distance", choices=sorted(DISTANCES), default="l2", help="距离，默认 l2")
    args = parser.parse_args(argv)

    train_images, train_labels, images, labels = get_digits()
    train_images, images = train_images.reshape(-1, 784), images.reshape(-1, 784)
    print(f"训练 {len(train_images)} 张，测试 {len(images)} 张，k = {args.k}，距离 {args.distance}")

    def timed(model):
        model.fit(train_images, train_labels)
        start = time.perf_counter()
        prediction = model.predict(images)
        return prediction, time.perf_counter() - start

    model = KNearestNeighbors(args.k, args.distance)
    p = {"l1": 1, "l2": 2}[args.distance]
    ours, seconds = timed(model)
    theirs, sklearn_seconds = timed(KNeighborsClassifier(args.k, p=p, algorithm="brute"))
    print(f"NumPy 手写     准确率 {(ours == labels).mean():.3f}，预测用时 {seconds:.2f} 秒")
    print(f"scikit-learn   准确率 {(theirs == labels).mean():.3f}，预测用时 {sklearn_seconds:.2f} 秒")
    clear = ~model.ambiguous(images)
    same = (ours == theirs)[clear].sum()
    print(f"除去第 k 近与下一个一样远的 {(~clear).sum()} 张，{clear.sum()} 张中 {same} 张预测相同")


if __name__ == "__main__":
    main()
