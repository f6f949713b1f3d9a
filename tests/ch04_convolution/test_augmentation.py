"""图像增广：整批一次做完，与逐张做的结果相同；种子相同结果相同；各有各的不变量。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch04_convolution import augmentation as aug


@pytest.fixture
def images():
    return np.random.default_rng(0).random((64, 3, 8, 10))


RANDOM = {
    "flip": lambda images, generator: aug.random_flip(images, generator),
    "crop": lambda images, generator: aug.random_crop(images, 6, generator),
    "jitter": lambda images, generator: aug.color_jitter(images, 0.4, generator),
    "pca": lambda images, generator: aug.pca_lighting(images, *aug.color_components(images), generator),
}


@pytest.mark.parametrize("name", RANDOM)
def test_deterministic_given_the_generator(name, images):
    once, again, other = (RANDOM[name](images, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert np.abs(once - other).max() > 1e-3
    assert once.min() >= 0 and once.max() <= 1


def test_flip(images):
    flipped = aug.random_flip(images, np.random.default_rng(0))
    same = (flipped == images).all(axis=(1, 2, 3))
    mirrored = (flipped == images[..., ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()  # 每张不是原样就是镜像
    assert 20 <= mirrored.sum() <= 44  # 64 次，概率 1/2：32 ± 3σ


def test_crop(images):
    """每张都是原图中的一块；各个位置都会出现。"""
    cropped = aug.random_crop(images, 6, np.random.default_rng(0))
    assert cropped.shape == (64, 3, 6, 6)
    corners = set()
    for image, piece in zip(images, cropped):
        found = [
            (i, j)
            for i in range(3)
            for j in range(5)
            if np.array_equal(image[:, i : i + 6, j : j + 6], piece)
        ]
        assert len(found) == 1
        corners.update(found)
    assert len(corners) >= 12  # 15 个位置，64 次：漏掉 4 个以上的概率小于千分之一


def test_full_size_crop_changes_nothing():
    images = np.random.default_rng(0).random((2, 3, 8, 8))
    np.testing.assert_array_equal(aug.random_crop(images, 8, np.random.default_rng(0)), images)


def test_crop_larger_than_the_image(images):
    with pytest.raises(ValueError, match="裁不出 9×9：图像只有 8×10"):
        aug.random_crop(images, 9, np.random.default_rng(0))


ADJUST = [aug.adjust_brightness, aug.adjust_contrast, aug.adjust_saturation]


@pytest.mark.parametrize("adjust", ADJUST)
def test_factor_one_is_the_identity_and_the_batch_is_independent(adjust, images):
    np.testing.assert_allclose(adjust(images, np.ones(64)), images, atol=1e-15)
    factors = np.linspace(0, 2, 64)
    alone = np.concatenate([adjust(images[i : i + 1], factors[i : i + 1]) for i in range(64)])
    np.testing.assert_array_equal(adjust(images, factors), alone)


def test_factor_zero_gives_black_uniform_and_gray(images):
    zero = np.zeros(64)
    assert not aug.adjust_brightness(images, zero).any()
    uniform = aug.adjust_contrast(images, zero)
    assert np.ptp(uniform.reshape(64, -1), axis=1).max() < 1e-15
    np.testing.assert_allclose(uniform[:, 0, 0, 0], aug.gray(images).mean(axis=(1, 2, 3)))
    gray = aug.adjust_saturation(images, zero)
    np.testing.assert_array_equal(gray, np.repeat(aug.gray(images), 3, axis=1))


def test_luma_weights_sum_to_one():
    """白色的亮度是 1；三个颜色里绿最亮、蓝最暗，与 Pillow 的换算一致。"""
    from PIL import Image

    assert aug.LUMA.sum() == pytest.approx(1)
    for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255), (10, 200, 90)):
        pixel = np.array(color).reshape(1, 3, 1, 1) / 255
        theirs = Image.new("RGB", (1, 1), color).convert("L").getpixel((0, 0))
        assert aug.gray(pixel).item() * 255 == pytest.approx(theirs, abs=1)


def test_saturation_keeps_the_luma(images):
    """没有截断时，饱和度只改颜色，不改亮度。"""
    softer = aug.adjust_saturation(images, np.full(64, 0.5))
    np.testing.assert_allclose(aug.gray(softer), aug.gray(images), atol=1e-14)


def test_components_diagonalise_the_covariance(images):
    eigenvalues, eigenvectors = aug.color_components(images)
    pixels = images.transpose(0, 2, 3, 1).reshape(-1, 3)
    np.testing.assert_allclose(eigenvectors.T @ eigenvectors, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(
        eigenvectors @ np.diag(eigenvalues) @ eigenvectors.T, np.cov(pixels.T), atol=1e-14
    )


def test_gray_photographs_vary_along_the_gray_direction():
    gray = np.repeat(np.random.default_rng(0).random((4, 1, 8, 8)), 3, axis=1)
    eigenvalues, eigenvectors = aug.color_components(gray)
    np.testing.assert_allclose(np.abs(eigenvectors[:, 2]), 3**-0.5)  # 最大的在最后一列
    np.testing.assert_allclose(eigenvalues[:2], 0, atol=1e-15)


def test_pca_lighting_adds_one_colour_to_every_pixel_with_the_stated_covariance():
    """颜色的改变量是 P·(α∘λ)，协方差应是 std²·P·diag(λ²)·Pᵀ。"""
    images = np.full((20_000, 3, 2, 2), 0.5)
    eigenvalues = np.array([0.01, 0.04, 0.2])
    eigenvectors = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    changed = aug.pca_lighting(images, eigenvalues, eigenvectors, np.random.default_rng(0)) - images
    assert np.ptp(changed, axis=(2, 3)).max() == 0
    expected = 0.1**2 * eigenvectors @ np.diag(eigenvalues**2) @ eigenvectors.T
    # 20,000 次抽样，协方差的相对误差约 √(2/n) = 1%，取 5 倍
    assert np.abs(np.cov(changed[:, :, 0, 0].T) - expected).max() < 0.05 * expected.max()


def test_source_images_are_untouched(images):
    before = images.copy()
    for augment in RANDOM.values():
        augment(images, np.random.default_rng(0))
    np.testing.assert_array_equal(images, before)
