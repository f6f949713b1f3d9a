"""划分：k 折等于 scikit-learn 的 KFold；各份不重不漏；分层的比例。"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import KFold

from paddle_notes.ch01_machine_learning.splits import k_fold, stratified_split, train_valid_test_split
from paddle_notes.data.splits import split_indices


@pytest.mark.parametrize(("num_samples", "num_folds"), [(10, 5), (13, 5), (7, 7), (101, 4), (5, 2)])
@pytest.mark.parametrize("shuffle", [False, True])
def test_k_fold_equals_sklearn(num_samples, num_folds, shuffle):
    ours = list(k_fold(num_samples, num_folds, shuffle, seed=3))
    theirs = KFold(num_folds, shuffle=shuffle, random_state=3 if shuffle else None).split(range(num_samples))
    for (train, valid), (expected_train, expected_valid) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(train, expected_train)
        np.testing.assert_array_equal(valid, expected_valid)


def test_every_sample_is_validated_once():
    folds = list(k_fold(13, 5, shuffle=True))
    assert [len(valid) for _, valid in folds] == [3, 3, 3, 2, 2]
    np.testing.assert_array_equal(np.sort(np.concatenate([valid for _, valid in folds])), np.arange(13))
    for train, valid in folds:
        assert not set(train) & set(valid) and len(train) + len(valid) == 13


def test_folds_of_sorted_labels_need_shuffling():
    """标签排好了次序、不打乱：每一折的验证集只有一类，训练集里恰好没有它。"""
    labels = np.repeat([0, 1, 2], 20)
    for train, valid in k_fold(60, 3):
        assert not set(labels[train]) & set(labels[valid])
    for train, valid in k_fold(60, 3, shuffle=True):
        assert set(labels[train]) == set(labels[valid]) == {0, 1, 2}


@pytest.mark.parametrize("num_folds", [1, 0, 6])
def test_impossible_number_of_folds(num_folds):
    with pytest.raises(ValueError, match="折数应在 2 与样本数 5 之间"):
        list(k_fold(5, num_folds))


def test_three_parts_cover_everything():
    train, valid, test = train_valid_test_split(1000, 0.2, 0.1, seed=1)
    assert (len(train), len(valid), len(test)) == (700, 200, 100)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, valid, test])), np.arange(1000))
    again = train_valid_test_split(1000, 0.2, 0.1, seed=1)
    np.testing.assert_array_equal(train, again[0])
    assert not np.array_equal(train, train_valid_test_split(1000, 0.2, 0.1, seed=2)[0])


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.9, 0.2), (-0.1, 0.2)])
def test_no_training_samples_left(fractions):
    with pytest.raises(ValueError, match="没有留下训练样本"):
        train_valid_test_split(100, *fractions)


def test_stratified_split_keeps_the_proportions():
    labels = np.array([0] * 90 + [1] * 10 + [2])
    train, valid = stratified_split(labels, 0.2)
    np.testing.assert_array_equal(np.bincount(labels[valid]), [18, 2, 1])
    np.testing.assert_array_equal(np.sort(np.concatenate([train, valid])), np.arange(101))


def test_stratified_split_is_the_one_the_configs_use():
    labels = np.random.default_rng(0).integers(0, 10, 500)
    for ours, theirs in zip(stratified_split(labels, 0.2), split_indices(labels, 0.2)):
        np.testing.assert_array_equal(ours, theirs)
