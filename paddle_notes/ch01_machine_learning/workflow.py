"""机器学习的流程：取数据 → 做特征 → 建模型 → 评估 → 应用。

同一份数据、同一个模型（K 近邻）、同样的步骤，只换特征，看准确率差多少：

    python -m paddle_notes.ch01_machine_learning.workflow
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np

from paddle_notes.ch01_machine_learning.digits import get_digits
from paddle_notes.ch01_machine_learning.features import LearnedFeatures, edge_histograms, edges, pixels
from paddle_notes.ch01_machine_learning.knn import KNearestNeighbors, choose_k

CANDIDATES = (1, 3, 5, 7, 9)

Extract = Callable[[np.ndarray], np.ndarray]


def make_features(name: str, images: np.ndarray, labels: np.ndarray) -> Extract:
    """做特征：返回把图像 (N, 28, 28) 变成特征 (N, D) 的函数。要学的特征只从训练图像学。"""
    if name == "learned":
        return LearnedFeatures().fit(images, labels).transform
    return {"pixels": pixels, "edges": edges, "edge_histograms": edge_histograms}[name]


FEATURES = ("pixels", "edges", "edge_histograms", "learned")


def build_model(features: np.ndarray, labels: np.ndarray) -> KNearestNeighbors:
    """建模型：在训练集上用 5 折交叉验证选 k，再用全部训练样本。"""
    accuracy = choose_k(features, labels, CANDIDATES)
    best = CANDIDATES[int(accuracy.mean(axis=1).argmax())]
    return KNearestNeighbors(best).fit(features, labels)


def evaluate(model: KNearestNeighbors, features: np.ndarray, labels: np.ndarray) -> float:
    """评估：测试集上的准确率。测试集只在这里用一次。"""
    return float((model.predict(features) == labels).mean())


def main() -> None:
    """依次用四种特征走一遍流程，打印 k、特征个数、准确率。"""
    warnings.filterwarnings("ignore", message=".*ccache.*")  # 导入 paddle 时的提示，与这里无关
    train_images, train_labels, images, labels = get_digits()  # 取数据
    for name in FEATURES:
        start = time.perf_counter()
        extract = make_features(name, train_images, train_labels)  # 做特征
        features = extract(train_images)
        model = build_model(features, train_labels)  # 建模型
        accuracy = evaluate(model, extract(images), labels)  # 评估
        answer = model.predict(extract(images[:1]))[0]  # 应用：认一张新的图
        print(
            f"{name:16s} {features.shape[1]:4d} 个特征，k = {model.k}，准确率 {accuracy:.3f}，"
            f"第一张认作 {answer}（应为 {labels[0]}），{time.perf_counter() - start:.1f} 秒"
        )


if __name__ == "__main__":
    main()
