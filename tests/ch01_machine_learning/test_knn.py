"""K 近邻：距离等于 SciPy 的，预测等于 scikit-learn 的，内存有界，速度达标。"""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from paddle_notes.ch01_machine_learning import knn
from paddle_notes.ch01_machine_learning.digits import get_digits
from paddle_notes.ch01_machine_learning.knn import (
    DISTANCES,
    KNearestNeighbors,
    KNearestNeighborsRegressor,
    are_pixels,
    choose_k,
    count_votes,
    l1_distance,
    l2_distance,
    predict_with_paddle,
)

METRICS = {"l1": "cityblock", "l2": "euclidean"}
P = {"l1": 1, "l2": 2}


# ---------------------------------------------------------------- 距离


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (30, 61, 784), (200, 7, 3)])
def test_distances_equal_scipy(name, shape):
    """形状有意不是块的整数倍。"""
    generator = np.random.default_rng(0)
    n, m, d = shape
    a, b = generator.standard_normal((n, d)), generator.standard_normal((m, d))
    np.testing.assert_allclose(DISTANCES[name](a, b), cdist(a, b, METRICS[name]), rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_pixels_of_every_type_give_exact_distances(name, dtype):
    """uint8 相减会绕回（3 − 5 = 254），这里不会；像素的距离没有舍入误差。"""
    generator = np.random.default_rng(1)
    a, b = (generator.integers(0, 256, (n, 784)) for n in (40, 60))
    difference = a[:, None] - b[None]  # int64，(40, 60, 784)
    exact = np.abs(difference).sum(-1) if name == "l1" else np.sqrt((difference**2).sum(-1))
    np.testing.assert_array_equal(DISTANCES[name](a.astype(dtype), b.astype(dtype)), exact)


def test_are_pixels():
    assert are_pixels(np.array([[0.0, 255.0]])) and are_pixels(np.array([[3]], dtype="uint8"))
    for other in ([0.5], [-1.0], [256.0], [np.nan], []):
        assert not are_pixels(np.array([other]))


def test_distances_to_itself():
    a = np.random.default_rng(2).uniform(0, 1, (50, 20))
    assert np.diag(l1_distance(a, a)).max() == 0
    squared = l2_distance(a, a)
    assert np.isfinite(squared).all()  # 展开的平方没有变成负数再开方
    assert np.diag(squared).max() < 1e-6


def test_l1_memory_is_bounded_by_blocks():
    """全部的差要 300·300·784·8 = 564 MB；实际除了输入的副本与结果，只多一块。"""
    a = np.random.default_rng(3).standard_normal((300, 784))
    tracemalloc.start()
    l1_distance(a, a)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * a.nbytes + 300 * 300 * 8 + 2 * knn.L1_BLOCK_BYTES


def test_neighbors_do_not_depend_on_the_blocks(monkeypatch, flat_digits):
    train_images, train_labels, images, _ = flat_digits
    model = KNearestNeighbors(5).fit(train_images[:500], train_labels[:500])
    whole = model.kneighbors(images[:100])
    monkeypatch.setattr(knn, "MAX_DISTANCES", 500 * 7)  # 一次 7 个样本
    tracemalloc.start()
    blocks = model.kneighbors(images[:100])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(blocks[0], whole[0])
    np.testing.assert_array_equal(blocks[1], whole[1])
    assert peak < 4 * images[:100].nbytes


# ---------------------------------------------------------------- 预测


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("k", [1, 2, 4, 7])
def test_predictions_equal_sklearn(name, k):
    """k 是偶数、类别多，平票很常见：都取最小的标签。"""
    generator = np.random.default_rng(4)
    train_images, images = generator.standard_normal((150, 3)), generator.standard_normal((300, 3))
    train_labels = generator.choice([-3, 2, 5, 11], 150)
    model = KNearestNeighbors(k, name).fit(train_images, train_labels)
    reference = KNeighborsClassifier(k, p=P[name], algorithm="brute").fit(train_images, train_labels)
    assert not model.ambiguous(images).any()
    np.testing.assert_array_equal(model.predict(images), reference.predict(images))
    distances, indices = model.kneighbors(images)
    expected_distances, expected_indices = reference.kneighbors(images)
    np.testing.assert_array_equal(indices, expected_indices)
    np.testing.assert_allclose(distances, expected_distances, atol=1e-7)


def test_vote_ties_go_to_the_smallest_label():
    votes = count_votes(np.array([[2, 0, 2, 0], [1, 1, 0, 2]]), 3)
    np.testing.assert_array_equal(votes, [[2, 0, 2], [1, 2, 1]])
    model = KNearestNeighbors(2).fit(np.array([[0.0], [1.0]]), np.array(["b", "a"]))
    assert model.predict(np.array([[0.1]])) == ["a"]


def test_distance_ties_are_found():
    model = KNearestNeighbors(1).fit(np.array([[-1.0], [1.0], [5.0]]), np.array([0, 1, 1]))
    np.testing.assert_array_equal(model.ambiguous(np.array([[0.0], [0.5], [3.0]])), [True, False, True])
    assert not KNearestNeighbors(3).fit(model.images, model.labels).ambiguous(np.array([[0.0]])).any()


@pytest.mark.parametrize(("name", "ties", "accuracy"), [("l2", 0, 0.939), ("l1", 2, 0.931)])
def test_digits_equal_sklearn(name, ties, accuracy, flat_digits):
    """4,000 × 1,000 张手写数字，k = 5；第 5 近与第 6 近一样远的几张除外。"""
    train_images, train_labels, images, labels = flat_digits
    model = KNearestNeighbors(5, name).fit(train_images, train_labels)
    reference = KNeighborsClassifier(5, p=P[name], algorithm="brute").fit(train_images, train_labels)
    ours, theirs = model.predict(images), reference.predict(images)
    clear = ~model.ambiguous(images)
    assert (~clear).sum() == ties
    np.testing.assert_array_equal(ours[clear], theirs[clear])
    assert (ours == labels).mean() == accuracy


def test_regression_averages_the_neighbors():
    generator = np.random.default_rng(5)
    x, y = generator.standard_normal((100, 4)), generator.standard_normal(100)
    new = generator.standard_normal((30, 4))
    expected = KNeighborsRegressor(3).fit(x, y).predict(new)
    np.testing.assert_allclose(KNearestNeighborsRegressor(3).fit(x, y).predict(new), expected)


def test_paddle_form_gives_the_same_predictions(flat_digits):
    train_images, train_labels, images, _ = flat_digits
    model = KNearestNeighbors(4).fit(train_images[:800], train_labels[:800])
    assert not model.ambiguous(images[:200]).any()
    prediction = predict_with_paddle(train_images[:800], train_labels[:800], images[:200], 4, 10)
    np.testing.assert_array_equal(prediction, model.predict(images[:200]))


def test_images_need_not_be_flattened(digits):
    train_images, train_labels, images, _ = digits
    model = KNearestNeighbors(3).fit(train_images[:300], train_labels[:300])
    flat = KNearestNeighbors(3).fit(train_images[:300].reshape(300, -1), train_labels[:300])
    np.testing.assert_array_equal(model.predict(images[:20]), flat.predict(images[:20].reshape(20, -1)))


# ---------------------------------------------------------------- 选 k


def test_choose_k_equals_sklearn_cross_validation(flat_digits):
    images, labels = flat_digits[0][::8], flat_digits[1][::8]  # 500 张
    candidates = [1, 3, 10]
    accuracy = choose_k(images, labels, candidates, num_folds=3)
    folds = KFold(3, shuffle=True, random_state=0)
    for row, k in enumerate(candidates):
        model = KNeighborsClassifier(k, algorithm="brute")
        np.testing.assert_allclose(accuracy[row], cross_val_score(model, images, labels, cv=folds))


# ---------------------------------------------------------------- 用法不对


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: KNearestNeighbors(0), "k 至少是 1"),
        (lambda: KNearestNeighbors(3, "l3"), "没有 'l3' 这种距离，可用的有 l1、l2"),
        (lambda: KNearestNeighbors(1).fit(np.zeros((2, 3)), [0]), "有 2 个样本，却有 1 个标签"),
        (lambda: KNearestNeighbors(3).fit(np.zeros((2, 3)), [0, 1]), "只有 2 个训练样本"),
        (lambda: KNearestNeighbors(1).fit(np.zeros((0, 3)), []), "一个样本也没有"),
        (lambda: KNearestNeighbors(1).fit(np.array([[np.nan]]), [0]), "NaN"),
        (lambda: KNearestNeighbors(1).fit(np.zeros((1, 3)), [0]).predict(np.zeros((1, 4))), "有 4 个特征"),
    ],
)
def test_errors_name_the_cause(action, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        action()


# ---------------------------------------------------------------- 命令


def test_command_compares_with_sklearn(monkeypatch, capsys, flat_digits):
    train_images, train_labels, images, labels = flat_digits
    small = train_images[::4], train_labels[::4], images[::5], labels[::5]
    monkeypatch.setattr(knn, "get_digits", lambda: small)
    knn.main(["--k", "3", "--distance", "l1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "训练 1000 张，测试 200 张，k = 3，距离 l1"
    ours, theirs = (re.search(r"准确率 (\d\.\d+)", line)[1] for line in lines[1:3])
    assert float(ours) > 0.8 and ours == theirs
    total, same = re.search(r"(\d+) 张中 (\d+) 张预测相同", lines[3]).groups()
    assert total == same


def test_digits_are_split_as_the_configs_split_them(digits):
    for ours, theirs in zip(get_digits(), digits):
        np.testing.assert_array_equal(ours, theirs)
