"""TF-IDF 加逻辑回归：C 在训练部分里挑，留不出来时用默认的。"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from paddle_notes.data.splits import split_indices
from paddle_notes.data.tfidf import HELD_OUT, STRENGTHS, fit_logistic, tfidf_scores


def noisy(count: int, columns: int, informative: int) -> tuple[csr_matrix, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = np.arange(count) % 2
    features = generator.standard_normal((count, columns))
    features[:, :informative] += 0.8 * labels[:, None]
    return csr_matrix(features), labels


@pytest.mark.parametrize("columns", [3, 300])
def test_the_strength_is_the_best_on_the_held_out_part(columns):
    """在留出的一块上逐个试，挑的正是最准的；之后在全部上拟合。"""
    from sklearn.linear_model import LogisticRegression

    features, labels = noisy(200, columns, 3)
    model = fit_logistic(features, labels)
    rest, held = split_indices(labels, HELD_OUT)
    scores = {
        c: LogisticRegression(C=c, max_iter=1000)
        .fit(features[rest], labels[rest])
        .score(features[held], labels[held])
        for c in STRENGTHS
    }
    assert scores[model.C] == max(scores.values())
    whole = LogisticRegression(C=model.C, max_iter=1000).fit(features, labels)
    assert np.array_equal(model.coef_, whole.coef_)


def test_one_sample_of_a_class():
    """有一类只有一个样本：留不出来挑 C，用 1。"""
    features, labels = noisy(6, 2, 2)
    labels[:] = [0, 0, 0, 0, 0, 1]
    assert fit_logistic(features, labels).C == 1


def test_scores():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"第{i}间{'干净' if i % 2 else '肮脏'}" for i in range(20)]
    labels = np.arange(20) % 2
    others = {"valid": (["很干净", "肮脏的"], np.array([1, 0])), "test": (["干净", "干净"], np.array([1, 0]))}
    found = tfidf_scores(TfidfVectorizer(analyzer="char"), (texts, labels), others)
    assert found == {"valid": {"accuracy": 1}, "test": {"accuracy": 0.5}}
