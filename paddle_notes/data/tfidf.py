"""TF-IDF 加逻辑回归：文本分类的对照。正则的强弱 C 在训练部分里留一块来挑。"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from paddle_notes.data.splits import split_indices

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)  # C：越大，惩罚越轻
HELD_OUT = 0.2  # 训练部分里留出多少来挑 C


def fit_logistic(features: Any, labels: np.ndarray) -> Any:
    """逻辑回归，``features`` (N, D) 可以是稀疏的。C 取在留出的一块上最准的，再在全部上拟合。"""
    from sklearn.linear_model import LogisticRegression

    def fit(index: np.ndarray, strength: float) -> Any:
        return LogisticRegression(C=strength, max_iter=1000).fit(features[index], labels[index])

    rest, held = split_indices(labels, HELD_OUT)
    everything = np.arange(len(labels))
    if set(labels[rest]) != set(labels):  # 有一类只有一个样本，留不出来
        return fit(everything, 1.0)
    scores = [fit(rest, strength).score(features[held], labels[held]) for strength in STRENGTHS]
    return fit(everything, STRENGTHS[int(np.argmax(scores))])


def tfidf_scores(
    vectorizer: Any,
    train: tuple[Sequence, np.ndarray],
    others: dict[str, tuple[Sequence, np.ndarray]],
) -> dict[str, dict[str, float]]:
    """用 ``vectorizer``（如 TfidfVectorizer）在训练部分的 (文字, 标签) 上拟合，返回在各份上的准确率。"""
    texts, labels = train
    model = fit_logistic(vectorizer.fit_transform(texts), labels)
    return {
        name: {"accuracy": float(model.score(vectorizer.transform(texts), labels))}
        for name, (texts, labels) in others.items()
    }
