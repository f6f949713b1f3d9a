"""预处理：等于 scikit-learn 的；统计量只来自训练集；缩放不是正则化；梯度经得起检验。"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from paddle_notes.ch01_machine_learning.image import change_light
from paddle_notes.ch01_machine_learning.knn import KNearestNeighbors
from paddle_notes.ch01_machine_learning.preprocessing import Center, MinMax, Standardize, l2_normalize
from paddle_notes.ch01_machine_learning.splits import stratified_split
from paddle_notes.verification import ch01
from paddle_notes.verification.core import check


@pytest.fixture
def table():
    """训练与验证两份，各列的尺度相差很大，其中一列不变。"""
    generator = np.random.default_rng(0)
    scale, offset = np.array([1.0, 1000.0, 0.01, 0.0]), np.array([0.0, 5.0, -2.0, 0.1])
    return [offset + scale * generator.standard_normal((n, 4)) for n in (40, 25)]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Center(), StandardScaler(with_std=False)),
        (Standardize(), StandardScaler()),
        (MinMax(), MinMaxScaler()),
    ],
)
def test_transforms_equal_sklearn(ours, theirs, table):
    train, valid = table
    theirs.fit(train)
    ours.fit(train)
    for x in (train, valid):
        np.testing.assert_allclose(ours.transform(x), theirs.transform(x), atol=1e-12)


def test_constant_column_is_not_divided_by_zero(table):
    train, _ = table
    for scaler in (Standardize(), MinMax()):
        y = scaler.fit(train).transform(train)
        assert np.isfinite(y).all()
        np.testing.assert_allclose(y[:, 3], 0, atol=1e-12)


def test_statistics_come_from_the_training_set_only(table):
    """验证集怎么变，变换都不变；验证样本可以落到 [0, 1] 之外。"""
    train, valid = table
    scaler = MinMax().fit(train)
    before = scaler.transform(train)
    outside = scaler.transform(10 * valid)
    np.testing.assert_array_equal(scaler.transform(train), before)
    assert before.min() == 0 and before.max() == 1
    assert outside.min() < 0 and outside.max() > 1


def test_l2_normalize_equals_sklearn():
    x = np.random.default_rng(1).standard_normal((6, 4))
    x[2] = 0
    np.testing.assert_allclose(l2_normalize(x), Normalizer().fit_transform(x), atol=1e-15)


def test_l2_normalize_removes_the_brightness(digits):
    """光照 0.3 倍：原始像素的距离几乎认不出，归一化之后与没变过一样。"""
    train_images, train_labels, images, labels = digits
    train_images, train_labels = train_images[::4].reshape(1000, -1), train_labels[::4]
    images, dark = images.reshape(1000, -1), change_light(images, 0.3).reshape(1000, -1)
    raw = KNearestNeighbors(3).fit(train_images, train_labels)
    normalized = KNearestNeighbors(3).fit(l2_normalize(train_images), train_labels)
    assert (raw.predict(dark) == labels).mean() < 0.2
    bright = normalized.predict(l2_normalize(images))
    assert (bright == labels).mean() > 0.85
    np.testing.assert_array_equal(normalized.predict(l2_normalize(dark)), bright)


def test_standardizing_decides_the_distance():
    """葡萄酒数据里脯氨酸的数值最大，原始的距离几乎只看它一个；标准化之后 13 个特征都起作用。"""
    x, y = load_wine(return_X_y=True)
    train, test = stratified_split(y, 0.3)
    scaler = Standardize().fit(x[train])

    def accuracy(transform):
        model = KNearestNeighbors(5).fit(transform(x[train]), y[train])
        return (model.predict(transform(x[test])) == y[test]).mean()

    assert accuracy(lambda x: x) < 0.75
    assert accuracy(lambda x: x[:, 12:]) == pytest.approx(accuracy(lambda x: x), abs=0.05)  # 只用脯氨酸
    assert accuracy(scaler.transform) > 0.95


def test_normalization_is_not_regularization(table):
    """线性回归的预测与特征的尺度无关；L2 惩罚则改变预测，训练误差变大。"""
    train, valid = (x[:, :3] for x in table)
    y = train @ [1.0, 0.002, 30.0] + np.random.default_rng(2).standard_normal(len(train))
    scaler = Standardize().fit(train)
    raw = LinearRegression().fit(train, y)
    scaled = LinearRegression().fit(scaler.transform(train), y)
    np.testing.assert_allclose(scaled.predict(scaler.transform(valid)), raw.predict(valid), atol=1e-9)

    ridge = Ridge(10.0).fit(scaler.transform(train), y)
    assert np.abs(ridge.predict(scaler.transform(valid)) - raw.predict(valid)).max() > 0.1

    def error(model):
        return np.mean((model.predict(scaler.transform(train)) - y) ** 2)

    assert error(ridge) > error(scaled)
    assert np.abs(ridge.coef_).sum() < np.abs(scaled.coef_).sum()


@pytest.mark.parametrize("name", ch01.TOPICS)
def test_forms_agree(name):
    for seed in range(3):
        generator = np.random.default_rng(seed)
        result = check(name, ch01.TOPICS[name](generator), generator)
        assert result.passed, result
