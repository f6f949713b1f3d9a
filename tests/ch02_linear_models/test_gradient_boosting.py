"""回归树的划分与穷举相同；梯度提升回归、分类与 scikit-learn 的预测相等。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch02_linear_models.gradient_boosting import (
    BoostedClassifier,
    BoostedRegressor,
    RegressionTree,
    best_split,
    compare,
    sigmoid,
)


@pytest.fixture(scope="module")
def data():
    """300 个训练、200 个测试样本，5 列。scikit-learn 把特征存成 float32，这里就取 float32 能表示的数。"""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((500, 5)).astype("float32").astype("float64")
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.3 * generator.standard_normal(500)
    return X[:300], y[:300], X[300:]


def test_best_split_is_the_best_of_all():
    generator = np.random.default_rng(0)
    for _ in range(20):
        X, y = generator.standard_normal((12, 3)), generator.standard_normal(12)

        def error(feature, threshold, X=X, y=y):
            left = X[:, feature] <= threshold
            return sum(np.sum((part - part.mean()) ** 2) for part in (y[left], y[~left]))

        every = [error(f, t) for f in range(3) for t in np.sort(X[:, f])[:-1]]
        feature, threshold = best_split(X, y, min_samples_leaf=1)
        assert error(feature, threshold) == pytest.approx(min(every), rel=1e-12)


def test_no_split():
    X = np.arange(6.0)[:, None]
    assert best_split(X, np.full(6, 0.1), 1) is None  # 没有可改进的
    assert best_split(np.ones((6, 1)), np.arange(6.0), 1) is None  # 特征全相同
    assert best_split(X, np.arange(6.0), 4) is None  # 叶子放不下
    feature, threshold = best_split(X, np.array([0.0, 0, 0, 0, 0, 9]), 2)
    assert (feature, threshold) == (0, 3.5)  # 只留一个的划分最好，但叶子至少要 2 个


def test_stump_predicts_the_two_means():
    X, y = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([1.0, 3.0, 14.0, 16.0])
    tree = RegressionTree(max_depth=1).fit(X, y)
    assert tree.predict(np.array([[0.0], [2.4], [2.6], [9.0]])).tolist() == [2, 2, 15, 15]


@pytest.mark.parametrize("max_depth", [1, 2, 3])
def test_tree_equals_sklearn(max_depth, data):
    from sklearn.tree import DecisionTreeRegressor

    X, y, X_test = data
    mine = RegressionTree(max_depth, min_samples_leaf=5).fit(X, y)
    theirs = DecisionTreeRegressor(max_depth=max_depth, min_samples_leaf=5, random_state=0).fit(X, y)
    for x in (X, X_test):
        assert np.allclose(mine.predict(x), theirs.predict(x), rtol=1e-12)


@pytest.mark.parametrize("max_depth", [1, 2, 3])
def test_regressor_equals_sklearn(max_depth, data):
    from sklearn.ensemble import GradientBoostingRegressor

    X, y, X_test = data
    settings = {"learning_rate": 0.1, "max_depth": max_depth, "min_samples_leaf": 5}
    mine = BoostedRegressor(50, **settings).fit(X, y)
    theirs = GradientBoostingRegressor(n_estimators=50, random_state=0, **settings).fit(X, y)
    stages = np.array(list(theirs.staged_predict(X_test)))  # (50, 200)
    assert np.abs(mine.predict(X) - theirs.predict(X)).max() < 1e-8
    assert np.abs(mine.staged_scores(X_test)[1:] - stages).max() < 1e-8


@pytest.mark.parametrize("max_depth", [1, 3])
def test_classifier_equals_sklearn(max_depth):
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import GradientBoostingClassifier

    X, y = load_breast_cancer(return_X_y=True)
    mine = BoostedClassifier(30, max_depth=max_depth).fit(X, y)
    theirs = GradientBoostingClassifier(n_estimators=30, max_depth=max_depth, random_state=0).fit(X, y)
    assert np.abs(mine.predict_probability(X) - theirs.predict_proba(X)[:, 1]).max() < 1e-8
    assert np.array_equal(mine.predict(X), theirs.predict(X))


def test_every_tree_fits_the_residual(data):
    """训练误差一棵比一棵小；每一步加上的是 η·(上一步残差的树)。"""
    X, y, _ = data
    model = BoostedRegressor(20, learning_rate=0.5, max_depth=2).fit(X, y)
    stages = model.staged_scores(X)
    assert stages.shape == (21, 300) and np.allclose(stages[0], y.mean())
    assert (np.diff(np.mean((y - stages) ** 2, axis=1)) < 0).all()
    tree = RegressionTree(2).fit(X, y - stages[4])
    assert np.allclose(stages[5] - stages[4], 0.5 * tree.predict(X), rtol=1e-9)


def test_sigmoid_does_not_overflow():
    with np.errstate(over="raise"):
        assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 2, 1], [-1, 1, 1]])
def test_labels_must_be_zero_and_one(labels):
    with pytest.raises(ValueError, match="标签要有 0 与 1 两类"):
        BoostedClassifier(1).fit(np.arange(3.0)[:, None], np.array(labels))


def test_comparison_on_breast_cancer():
    rows = {name: (train, test) for name, train, test in compare()}
    few, many = rows["提升树，1 棵，深度 1"], rows["提升树，100 棵，深度 1"]
    assert few[1] < 0.65  # 一步只走 η = 0.1，还改不了多数类的预测
    assert many[1] > 0.94 and rows["提升树，100 棵，深度 3"][0] == 1
    assert all(test > 0.93 for name, (_, test) in rows.items() if "先标准化" in name)


def test_the_two_support_vector_machines_of_the_chapter_are_one():
    """第 7 节手写的与第 11 节的是同一个目标，在同样的划分上准确率相同；默认的 LinearSVC 是另一种损失。"""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split
    from sklearn.svm import LinearSVC

    from paddle_notes.ch02_linear_models import svm

    X, t = load_breast_cancer(return_X_y=True)
    X_train, X_test, t_train, t_test = train_test_split(X, t, test_size=0.3, stratify=t, random_state=0)
    Z_train, Z_test = svm.standardize(X_train, X_test)
    w, b = svm.fit_binary(Z_train, 2 * t_train - 1, C=0.1)
    by_hand = [np.mean((Z @ w + b > 0) == labels) for Z, labels in ((Z_train, t_train), (Z_test, t_test))]
    assert by_hand == dict((name, row) for name, *row in compare())["线性支持向量机，先标准化"]
    squared = LinearSVC(random_state=0).fit(Z_train, t_train)
    assert squared.score(Z_test, t_test) != by_hand[1]
