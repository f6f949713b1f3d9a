"""ImageNet 竞赛的数字，top-k 错误率。"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import top_k_accuracy_score

from paddle_notes.ch01_machine_learning import imagenet
from paddle_notes.ch01_machine_learning.imagenet import CONTEST_TRAIN, HUMAN_ERROR, WINNERS, top_k_error


def test_errors_fall_every_year():
    years, errors = [year for year, *_ in WINNERS], [error for *_, error in WINNERS]
    assert years == list(range(2010, 2018))
    assert errors == sorted(errors, reverse=True)
    # 卷积网络第一次参加就把错误率降了四成；三年后低于人
    assert (errors[1] - errors[2]) / errors[1] > 0.4
    assert next(year for year, *_, error in WINNERS if error < HUMAN_ERROR) == 2015


def test_about_1281_training_images_a_class():
    assert CONTEST_TRAIN // 1000 == 1281


def test_the_first_release_was_a_quarter_of_the_later_total():
    """2009 年平均每类约 610 张，后来 650 张；14,197,122 不是 2009 年的数。"""
    first, later = imagenet.FIRST_IMAGES, imagenet.NUM_IMAGES
    assert 4 < later / first < 5 and 4 < imagenet.NUM_CATEGORIES / imagenet.FIRST_CATEGORIES < 5
    assert round(first / imagenet.FIRST_CATEGORIES) == 610 and later // imagenet.NUM_CATEGORIES == 650


def test_top_k_error():
    generator = np.random.default_rng(0)
    logits, labels = generator.standard_normal((200, 8)), generator.integers(0, 8, 200)
    for k in (1, 3, 5):
        expected = 100 * (1 - top_k_accuracy_score(labels, logits, k=k))
        np.testing.assert_allclose(top_k_error(logits, labels, k), expected)
    assert top_k_error(logits, labels, 8) == 0
