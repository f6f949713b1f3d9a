"""图像是数组：展平的次序，各种变化的确切结果；像素距离跟着背景走。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch01_machine_learning.image import (
    VARIATIONS,
    change_background,
    change_light,
    deform,
    flatten,
    from_column,
    occlude,
    rotate,
    sample,
    shift,
    to_column,
    view_from_side,
)
from paddle_notes.ch01_machine_learning.knn import KNearestNeighbors, l2_distance


@pytest.fixture
def noise():
    return np.random.default_rng(0).uniform(0, 255, (2, 9, 9))


def test_column_order_is_row_column_channel():
    height, width, channels = 4, 5, 3
    image = np.arange(60).reshape(height, width, channels)
    column = to_column(image)
    assert column.shape == (60, 1)
    for h, w, c in np.ndindex(height, width, channels):
        assert column[(h * width + w) * channels + c, 0] == image[h, w, c]
    np.testing.assert_array_equal(from_column(column, (4, 5, 3)), image)
    np.testing.assert_array_equal(flatten(np.stack([image, -image]))[1], -column[:, 0])


def test_a_column_does_not_tell_the_shape():
    assert np.array_equal(to_column(np.arange(12).reshape(3, 4)), to_column(np.arange(12).reshape(6, 2)))


def test_sampling_interpolates_and_is_zero_outside():
    image = np.array([[[0.0, 4.0], [8.0, 12.0]]])
    rows, columns = np.array([[0, 0.5, 0.5, -9, 9]]), np.array([[1, 0, 0.5, 0, 9]])
    np.testing.assert_allclose(sample(image, rows, columns), [[[4, 4, 6, 0, 0]]])


def test_shift_by_whole_pixels_moves_the_array(noise):
    moved = shift(noise, down=2, right=-1)
    np.testing.assert_allclose(moved[:, 2:, :-1], noise[:, :-2, 1:])
    assert not moved[:, :2].any() and not moved[:, :, -1].any()


def test_rotation_by_90_degrees(noise):
    np.testing.assert_allclose(rotate(noise, 90), np.rot90(noise, axes=(1, 2)), atol=1e-9)
    np.testing.assert_allclose(rotate(noise, 0), noise)


def test_view_from_side_narrows_the_image():
    """60° 时宽度减半：中间 5 列变成 3 列左右，行不变。"""
    image = np.zeros((1, 9, 9))
    image[:, 3, 2:7] = 100
    seen = view_from_side(image, 60)
    assert seen[:, 3, 3:6].min() == 100 and seen[:, 3].sum() == pytest.approx(image.sum() / 2, rel=0.25)
    assert not np.delete(seen, 3, axis=1).any()
    np.testing.assert_allclose(view_from_side(image, 0), image)


def test_deformation_slides_whole_rows(noise):
    np.testing.assert_allclose(deform(noise, 0), noise)
    bent = deform(noise, 2)
    np.testing.assert_allclose(bent[:, 4], noise[:, 4])  # 正中一行不动
    assert np.abs(bent[:, 2] - noise[:, 2]).max() > 1


def test_light_occlusion_and_background():
    image = np.array([[[0.0, 100.0, 255.0], [0.0, 200.0, 0.0], [0.0, 0.0, 0.0]]])
    np.testing.assert_array_equal(change_light(image, 2)[0, 0], [0, 200, 255])
    covered = occlude(image, 1, value=7)
    assert covered[0, 1, 1] == 7 and (covered != image).sum() == 1
    np.testing.assert_allclose(change_background(image, 51)[0, 0], [51, 51 + 80, 255])


def test_every_variation_hurts_the_pixel_distance(digits):
    """每种变化都使 K 近邻的准确率下降；人看还是同一个数字。"""
    train_images, train_labels, images, labels = digits
    model = KNearestNeighbors(3).fit(train_images[::2], train_labels[::2])
    images, labels = images[::4], labels[::4]
    plain = (model.predict(images) == labels).mean()
    for name, vary in VARIATIONS.items():
        changed = vary(images)
        assert changed.shape == images.shape
        assert (model.predict(changed) == labels).mean() < plain, name


def test_shifted_digit_is_farther_than_another_digit(digits):
    """平移 4 像素之后，十有八九离自己比离最近的别的数字还远。"""
    train_images, train_labels, images, labels = digits
    images, labels = images[::5], labels[::5]
    moved = shift(images, right=4)
    to_itself = np.sqrt(((images - moved) ** 2).sum(axis=(1, 2)))
    d = l2_distance(flatten(images), flatten(train_images))
    d[labels[:, None] == train_labels] = np.inf  # 只看别的数字
    assert (to_itself > d.min(axis=1)).mean() > 0.9


def test_pixel_distance_follows_the_background(digits):
    """训练时单数是灰背景、双数是黑背景；测试时对调，最近的邻居全凭背景选，没有一个认对。"""
    train_images, train_labels, images, labels = digits
    odd_train, odd = train_labels % 2 == 1, labels % 2 == 1
    train = np.where(odd_train[:, None, None], change_background(train_images, 100), train_images)
    model = KNearestNeighbors(3).fit(train, train_labels)
    same = np.where(odd[:, None, None], change_background(images, 100), images)
    swapped = np.where(odd[:, None, None], images, change_background(images, 100))
    assert (model.predict(same) == labels).mean() == 0.969
    prediction = model.predict(swapped)
    assert (prediction == labels).mean() == 0
    assert ((prediction % 2 == 1) != odd).all()  # 灰背景的都认作单数
