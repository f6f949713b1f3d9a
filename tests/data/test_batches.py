"""批：次序与增广只由（种子, 轮次, 样本编号）决定。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch04_convolution import augmentation
from paddle_notes.data import FirstBatches, build_data
from paddle_notes.data.augment import (
    center_crop,
    color_components,
    crop_images,
    flip_images,
    jitter_colors,
    light_colors,
    shift_images,
)
from paddle_notes.data.images import ImageBatches, ImageSet
from paddle_notes.data.preprocess import Preprocess
from paddle_notes.errors import UserError


@pytest.fixture
def dataset() -> ImageSet:
    """21 张 2 通道的 6×6 图像；每张的像素都与众不同，认得出来。"""
    images = np.random.default_rng(0).integers(1, 256, (21, 2, 6, 6), dtype="uint8")
    preprocess = Preprocess(2, 6, (0.25, 0.5), (0.5, 0.25), load_size=6)
    return ImageSet(images, np.arange(21), tuple("abc"), preprocess)


def same(first, second) -> bool:
    """两列批是否逐位相同。"""
    first, second = list(first), list(second)
    return len(first) == len(second) and all(
        np.array_equal(x, X) and np.array_equal(y, Y) for (x, y), (X, Y) in zip(first, second)
    )


def test_shift_against_a_loop():
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (50, 3, 6, 6), dtype="uint8")
    offsets = generator.integers(-4, 5, (50, 2))
    expected = np.zeros_like(images)
    for n, (down, right) in enumerate(offsets):
        for i in range(6):
            for j in range(6):
                if 0 <= i - down < 6 and 0 <= j - right < 6:
                    expected[n, :, i, j] = images[n, :, i - down, j - right]
    assert np.array_equal(shift_images(images, offsets), expected)
    assert np.array_equal(shift_images(images, 0 * offsets), images)


def test_crop_and_flip_against_a_loop():
    generator = np.random.default_rng(2)
    images = generator.integers(0, 256, (20, 2, 7, 5), dtype="uint8")
    corners = generator.integers(0, (5, 3), (20, 2))
    cropped = [x[:, i : i + 3, j : j + 3] for x, (i, j) in zip(images, corners)]
    assert np.array_equal(crop_images(images, 3, corners), np.stack(cropped))
    assert np.array_equal(center_crop(images, 3), images[:, :, 2:5, 1:4])
    flags = generator.random(20) < 0.5
    flipped = [x[:, :, ::-1] if flag else x for x, flag in zip(images, flags)]
    assert np.array_equal(flip_images(images, flags), np.stack(flipped))


def test_shapes_types_and_lengths(dataset):
    batches = ImageBatches(dataset, 8, training=True, shift=1)
    given = list(batches.epoch(0))
    assert (len(batches), batches.num_samples) == (3, 21)
    assert [x.shape for x, _ in given] == [(8, 2, 6, 6), (8, 2, 6, 6), (5, 2, 6, 6)]
    assert [y.shape for _, y in given] == [(8,), (8,), (5,)]
    assert all(x.dtype == np.float32 and y.dtype == np.int64 for x, y in given)
    assert len(ImageBatches(dataset, 7)) == 3
    assert len(ImageBatches(dataset, 100)) == 1


def test_every_sample_appears_once(dataset):
    labels = np.concatenate([y for _, y in ImageBatches(dataset, 8, training=True, seed=3).epoch(2)])
    assert sorted(labels) == list(range(21))
    assert list(labels) != list(range(21))


def test_evaluation_keeps_the_order_and_the_images(dataset):
    x, y = next(ImageBatches(dataset, 21).epoch())
    assert np.array_equal(y, dataset.labels)
    expected = (dataset.images / 255 - np.reshape([0.25, 0.5], (2, 1, 1))) / np.reshape(
        [0.5, 0.25], (2, 1, 1)
    )
    assert np.allclose(x, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("start", range(4))
def test_starting_later_equals_skipping(dataset, start):
    batches = ImageBatches(dataset, 8, training=True, seed=5, shift=2)
    assert same(batches.epoch(4, start), list(batches.epoch(4))[start:])


def test_epochs_do_not_depend_on_each_other(dataset):
    batches = ImageBatches(dataset, 8, training=True, seed=5, shift=2)
    expected = list(batches.epoch(3))
    np.random.seed(99)
    for epoch in (7, 0, 3):
        list(batches.epoch(epoch))
    half_way = batches.epoch(1)
    next(half_way)
    assert same(batches.epoch(3), expected)
    assert same(ImageBatches(dataset, 8, training=True, seed=5, shift=2).epoch(3), expected)


def by_label(batches: ImageBatches, epoch: int = 6) -> dict[int, np.ndarray]:
    """标签（即样本编号）-> 这一轮里它的图像。"""
    return {int(label): image for x, y in batches.epoch(epoch) for image, label in zip(x, y)}


def same_images(first: dict, second: dict) -> bool:
    return all(np.array_equal(first[label], second[label]) for label in range(21))


@pytest.mark.parametrize("options", [{"shift": 2}, {"flip": True}, {"shift": 1, "flip": True}])
def test_augmentation_follows_the_sample_not_its_place(dataset, options):
    """同一轮里，换一种批大小，每个样本看到的增广不变；换一轮或换一个种子就变。"""

    def images(batch_size: int = 4, seed: int = 1, epoch: int = 6):
        return by_label(ImageBatches(dataset, batch_size, training=True, seed=seed, **options), epoch)

    assert same_images(images(), images(batch_size=21))
    assert not same_images(images(), images(epoch=7))
    assert not same_images(images(), images(seed=2))
    assert not same_images(images(), by_label(ImageBatches(dataset, 4, training=True, seed=1)))


def test_order_varies_with_seed_and_epoch(dataset):
    def order(seed: int = 1, epoch: int = 0):
        return ImageBatches(dataset, 8, training=True, seed=seed).order(epoch).tolist()

    assert order() != order(seed=2)
    assert order() != order(epoch=1)


def find_dots(size: int, **options) -> np.ndarray:
    """给 400 张只在正中有一个亮点的 ``size``×``size`` 图像做增广，返回每个亮点的位置 (400, 2)。"""
    images = np.zeros((400, 1, size, size), "uint8")
    images[:, 0, size // 2, size // 2] = 255
    dataset = ImageSet(images, np.arange(400), (), Preprocess(1, 5, (0.0,), (1.0,), load_size=size))
    (x, _), *_ = ImageBatches(dataset, 400, training=True, **options).epoch()
    assert x.shape == (400, 1, 5, 5)
    return np.argwhere(x[:, 0] > 0.5)[:, 1:]


def assert_uniform(values: np.ndarray, expected: list[int]) -> None:
    """``values`` 只取 ``expected`` 中的值，各占的份数相近（差不过 4 个标准差）。"""
    found, counts = np.unique(values, return_counts=True)
    p = 1 / len(expected)
    assert found.tolist() == expected
    assert np.abs(counts - 400 * p).max() < 4 * (400 * p * (1 - p)) ** 0.5


def test_shift_covers_its_range():
    dots = find_dots(5, shift=2)
    assert_uniform(dots[:, 0], [0, 1, 2, 3, 4])
    assert_uniform(dots[:, 1], [0, 1, 2, 3, 4])
    assert len(np.unique(dots, axis=0)) == 25  # 上下与左右互不相干


def test_crop_covers_its_range():
    """7×7 里取 5×5：左上角有 3×3 种，正中的亮点落在 1、2、3。"""
    dots = find_dots(7)
    assert_uniform(dots[:, 0], [1, 2, 3])
    assert_uniform(dots[:, 1], [1, 2, 3])
    assert len(np.unique(dots, axis=0)) == 9


def test_half_are_flipped(dataset):
    batches, plain = (
        ImageBatches(dataset, 21, training=True, flip=True),
        dataset.preprocess.normalize(dataset.images),
    )
    flips = []
    for epoch in range(20):
        for label, image in by_label(batches, epoch).items():
            flips.append(np.array_equal(image, plain[label][:, :, ::-1]))
            assert flips[-1] or np.array_equal(image, plain[label])
    assert abs(np.mean(flips) - 0.5) < 4 * 0.5 / len(flips) ** 0.5


# ---------------------------------------------------------------- 颜色


@pytest.fixture
def colorful() -> ImageSet:
    """21 张 3 通道的 6×6 图像，三个通道相关，像真的照片。"""
    generator = np.random.default_rng(0)
    light = generator.integers(40, 200, (21, 1, 6, 6))
    images = (light + generator.integers(-40, 41, (21, 3, 6, 6))).astype("uint8")
    preprocess = Preprocess(3, 6, (0.5,) * 3, (0.25,) * 3, load_size=6)
    return ImageSet(images, np.arange(21), tuple("abc"), preprocess)


def test_color_jitter_equals_chapter_4(colorful):
    expected = augmentation.color_jitter(colorful.images / 255, 0.4, np.random.default_rng(3))
    generator = np.random.default_rng(3)
    factors = np.stack([generator.uniform(0.6, 1.4, 21) for _ in range(3)], axis=1)
    found = jitter_colors(colorful.images, factors)
    assert found.dtype == np.float32
    assert np.allclose(found / 255, expected, rtol=0, atol=1e-6)
    assert np.array_equal(jitter_colors(colorful.images, np.ones((21, 3))).round(), colorful.images)


def test_lighting_equals_chapter_4(colorful):
    pixels = colorful.images / 255
    values, vectors = augmentation.color_components(pixels)
    found_values, found_vectors = color_components(colorful.images)
    assert np.allclose(found_values, values, rtol=1e-9)
    assert np.allclose(np.abs(found_vectors), np.abs(vectors), atol=1e-9)  # 特征向量的正负号是任意的
    assert (found_vectors.max(0) > -found_vectors.min(0)).all()
    expected = augmentation.pca_lighting(pixels, values, vectors, np.random.default_rng(3), std=2.0)
    alphas = np.random.default_rng(3).normal(0, 2.0, (21, 3))
    found = light_colors(colorful.images, alphas, (values, vectors))
    assert found.dtype == np.float32
    assert np.allclose(found / 255, expected, rtol=0, atol=1e-6)
    assert np.abs(found - colorful.images).mean() > 1


@pytest.mark.parametrize(
    "options",
    [
        {"color_jitter": 0.4},
        {"lighting": 1.0},
        {"color_jitter": 0.4, "lighting": 1.0, "shift": 2, "flip": True},
    ],
)
def test_colours_follow_the_sample_not_its_place(colorful, options):
    """换一种批大小，每个样本的颜色不变；换一轮或换一个种子就变；验证不改颜色。"""

    def images(batch_size: int = 4, seed: int = 1, epoch: int = 6):
        return by_label(ImageBatches(colorful, batch_size, training=True, seed=seed, **options), epoch)

    def close(first: dict, second: dict) -> bool:
        return all(np.allclose(first[label], second[label], atol=1e-5) for label in range(21))

    assert close(images(), images(batch_size=21))
    assert not close(images(), images(epoch=7))
    assert not close(images(), images(seed=2))
    plain = by_label(ImageBatches(colorful, 4, **options))
    assert np.array_equal(plain[3], colorful.preprocess.normalize(colorful.images)[3])


def test_colours_leave_the_places_alone(colorful):
    """颜色的随机量另有来源：加上颜色的增广，平移与翻转还是原来的。"""

    def edges(**options) -> dict[int, np.ndarray]:
        """补上的黑边在哪里：平移得出，颜色改不了它（黑乘以系数还是黑，灰度的均值不动它）。"""
        batches = ImageBatches(colorful, 21, training=True, seed=1, shift=2, flip=True, **options)
        return by_label(batches)

    plain, jittered = edges(), edges(color_jitter=0.01)
    for label in range(21):
        assert np.abs(plain[label] - jittered[label]).max() < 0.3
        assert not np.array_equal(plain[label], jittered[label])


def test_strength_of_the_colours(colorful):
    """系数均匀地取自 [1 − s, 1 + s]，α 的标准差就是 lighting。"""
    images = np.repeat(colorful.images, 100, axis=0)
    dataset = ImageSet(images, np.arange(2100), (), colorful.preprocess)
    draws = ImageBatches(dataset, 1, training=True, color_jitter=0.3, lighting=0.1).color_draws(0)
    factors, alphas = draws[:, :3], draws[:, 3:]
    assert 0.7 <= factors.min() < 0.701 and 1.299 < factors.max() < 1.3
    assert np.abs(factors.std(0) - 0.3 / 3**0.5).max() < 0.01
    assert np.abs(alphas.std(0) - 0.1).max() < 0.01 and np.abs(alphas.mean(0)).max() < 0.01


def test_components_come_from_the_training_images(colorful):
    batches = ImageBatches(colorful, 4, training=True, lighting=0.1)
    values, vectors = color_components(colorful.images)
    assert np.array_equal(batches.components[0], values) and np.array_equal(batches.components[1], vectors)
    many = ImageSet(
        np.repeat(colorful.images, 100, axis=0), np.arange(2100), (), colorful.preprocess
    )  # 多于 1,000 张时均匀地取
    sampled, _ = ImageBatches(many, 4, training=True, lighting=0.1).components
    assert np.allclose(sampled, values, rtol=0.05)


@pytest.mark.parametrize("option", ["color_jitter", "lighting"])
def test_colours_need_a_colour_image(dataset, option):
    with pytest.raises(UserError, match="只用于彩色图"):
        ImageBatches(dataset, 4, training=True, **{option: 0.1})


def test_evaluation_takes_the_centre():
    images = np.arange(2 * 49, dtype="uint8").reshape(2, 1, 7, 7)
    preprocess = Preprocess(1, 5, (0.0,), (1.0,), load_size=7)
    dataset = ImageSet(images, np.arange(2), (), preprocess)
    x, _ = next(ImageBatches(dataset, 2).epoch())
    assert np.array_equal(x, preprocess.normalize(images[:, :, 1:6, 1:6]))


def test_randomness_is_pinned(dataset):
    """次序与增广变了，从前的检查点就接不上了。"""
    batches = ImageBatches(dataset, 8, training=True, seed=0)
    assert batches.order(0).tolist()[:8] == [10, 18, 16, 4, 2, 12, 6, 19]
    assert find_dots(5, shift=2)[:3].tolist() == [[3, 2], [3, 3], [1, 3]]
    assert find_dots(7)[:3].tolist() == [[3, 2], [2, 2], [3, 1]]


def test_first_batches(dataset):
    batches = ImageBatches(dataset, 8, training=True)
    first = FirstBatches(batches, 2)
    assert len(first) == 2
    assert same(first.epoch(1), list(batches.epoch(1))[:2])
    assert same(first.epoch(1, 1), list(batches.epoch(1))[1:2])
    assert len(FirstBatches(ImageBatches(dataset, 100), 2)) == 1


def test_build_data(make_config):
    config = make_config("data.augment.flip=true").data
    train, valid, test = build_data(config, seed=7)
    assert (train.training, train.seed, train.shift, train.flip, train.batch_size) == (True, 7, 2, True, 8)
    assert (valid.training, valid.shift, valid.flip, valid.batch_size) == (False, 0, False, 8)
    assert (test.training, test.shift, test.flip, test.batch_size) == (False, 0, False, 8)
    assert (train.num_samples, valid.num_samples, test.num_samples) == (3500, 500, 1000)
    assert train.info() == valid.info() == test.info() == train.dataset.info()
