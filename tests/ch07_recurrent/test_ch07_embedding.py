"""词嵌入：查表等于独热向量乘矩阵，重复的词元梯度相加，填充不训练，越界的编号说得清。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch07_recurrent.embedding import (
    embedding,
    embedding_backward,
    embedding_by_matrix,
    embedding_by_matrix_backward,
    one_hot,
)

WEIGHT = np.arange(12.0).reshape(4, 3)


def test_one_hot():
    assert one_hot(np.array([[2, 0]]), 3).tolist() == [[[0, 0, 1], [1, 0, 0]]]


def test_lookup_equals_the_matrix_product():
    ids = np.array([[3, 1], [1, 0]])
    assert embedding(ids, WEIGHT)[0, 0].tolist() == [9, 10, 11]
    assert np.array_equal(embedding(ids, WEIGHT), embedding_by_matrix(ids, WEIGHT))
    dy = np.random.default_rng(0).standard_normal((2, 2, 3))
    by_matrix = embedding_by_matrix_backward(dy, ids, WEIGHT)
    assert np.allclose(embedding_backward(dy, ids, WEIGHT), by_matrix, rtol=0, atol=1e-15)


def test_gradients_of_a_repeated_token_add_up():
    dw = embedding_backward(np.ones((3, 3)), np.array([1, 1, 2]), WEIGHT)
    assert dw[:, 0].tolist() == [0, 2, 1, 0]
    wrong = np.zeros_like(WEIGHT)
    wrong[np.array([1, 1, 2])] += 1  # 文档里说的错误写法
    assert wrong[:, 0].tolist() == [0, 1, 1, 0]


def test_padding_is_zero_and_not_trained():
    ids = np.array([0, 2])
    assert embedding(ids, WEIGHT + 1, padding_idx=0).tolist() == [[0, 0, 0], [7, 8, 9]]
    dw = embedding_backward(np.ones((2, 3)), ids, WEIGHT, padding_idx=0)
    assert dw[:, 0].tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("bad", [-1, 4])
def test_ids_outside_the_vocabulary(bad):
    with pytest.raises(ValueError, match=r"词元的编号应在 0 与 3 之间.*请检查词表"):
        embedding(np.array([0, bad]), WEIGHT)
