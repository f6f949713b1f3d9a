"""看图说话的数据：句子与图像相符，训练、验证、测试不用同一个数字，长度够用。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.config import CaptionData
from paddle_notes.data import build_data
from paddle_notes.data.captions import DIGIT, MAX_LENGTH, SHIFT, SIDE, compose, describe
from paddle_notes.data.vocabulary import Vocabulary
from paddle_notes.tokens import BEGIN, END


def test_sentences():
    assert describe([3]) == "中间是三"
    assert describe([3, 8]) == "左边是三，右边是八"
    assert describe([3, 5, 0]) == "左边是三，中间是五，右边是零"
    assert len(describe([1, 1, 1])) + 1 <= MAX_LENGTH


@pytest.mark.parametrize("count", [1, 2, 3])
def test_digits_stay_in_their_columns(count):
    """全白的方块：各在自己的一栏里，互不重叠，离开中心至多 4 像素。"""
    generator = np.random.default_rng(0)
    width, centres = SIDE // count, []
    for _ in range(200):
        canvas = compose([np.full((DIGIT, DIGIT), 255, "uint8")] * count, generator)
        assert (canvas > 0).sum() == count * DIGIT**2
        for column in range(count):
            part = canvas[:, column * width : (column + 1) * width]
            assert (part > 0).sum() == DIGIT**2
            y, x = np.argwhere(part).mean(0)
            centres.append((y - (SIDE - 1) / 2, x - (width - 1) / 2))
    offsets = np.abs(np.array(centres)).max(0)
    assert offsets.tolist() == [SHIFT, min(SHIFT, (width - DIGIT) // 2)]


@pytest.fixture(scope="module")
def sets():
    return build_data(CaptionData(name="caption_digits", num_train=300, num_valid=100, batch_size=16), 0)


def test_batches(sets):
    train, _, test = sets
    images, sentences = next(train.epoch())
    assert images.shape == (16, 1, SIDE, SIDE) and images.dtype == np.float32
    assert (sentences[:, 0] == BEGIN).all() and ((sentences == END).sum(1) == 1).all()
    info = train.info()
    assert info == test.info() and info.facts()["vocab_size"] == len(info.vocabulary) == 4 + 17
    vocabulary = Vocabulary(info.vocabulary)
    for picture, row in zip(images, sentences):
        sentence = "".join(vocabulary.decode(row))
        columns = picture.max((0, 1)) > 0
        filled = [columns[first : first + SIDE // 3].any() for first in range(0, SIDE, SIDE // 3)]
        if sentence.startswith("中间"):
            assert len(sentence) == 4 and filled[1]
        else:
            assert filled[0] and filled[2]


def test_reproducible_and_every_digit_appears(sets):
    again = build_data(CaptionData(name="caption_digits", num_train=300, num_valid=100), 5)
    for first, second in zip(sets, again):
        assert np.array_equal(first.dataset.images, second.dataset.images)
        assert np.array_equal(first.dataset.sentences, second.dataset.sentences)
        assert len(np.unique(first.dataset.sentences)) == 3 + 17  # 填充、开始、结束与 17 个字


def test_digits_of_the_three_parts_differ(sets):
    """验证与测试图像里每一个单独的数字，在别的份的图像里都找不到。"""

    def singles(data) -> set[bytes]:
        found = set()
        for image in data.dataset.images[:, 0]:
            if not image[:, : SIDE // 3 - SHIFT].any():  # 只有中间一个
                rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
                found.add(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].tobytes())
        return found

    train, valid, test = map(singles, sets)
    assert min(len(valid), len(test)) > 10
    assert not train & valid and not train & test and not valid & test


def test_pixels_are_standardised_by_the_training_part(sets):
    """训练部分标准化之后均值是 0、标准差是 1；另两份用它的，不用自己的。"""
    train, _, test = sets
    pixels = train.dataset[np.arange(len(train.dataset))][0]
    assert abs(pixels.mean()) < 1e-3 and abs(pixels.std() - 1) < 1e-3
    assert (test.dataset.mean, test.dataset.std) == (train.dataset.mean, train.dataset.std)
