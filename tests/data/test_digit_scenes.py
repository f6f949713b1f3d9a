"""手写数字的场景：旋钮在 0 时就是原来的数字，每个旋钮只改它说的事，三份用的数字不相交，可以重造。"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from paddle_notes.config import SceneData, parse_config
from paddle_notes.data import build_data, digit_scenes
from paddle_notes.data.augment import shift_images
from paddle_notes.data.digit_scenes import (
    DRAWS,
    NUM_TEST,
    NUM_VALID,
    SIDE,
    SceneSet,
    backdrop,
    cover,
    knn_accuracy,
    make,
    place,
    relight,
    render,
    sample,
    smooth,
)
from paddle_notes.data.splits import split_three
from paddle_notes.errors import UserError

COUNT = 60


def knobs(**strength: float) -> SimpleNamespace:
    return SimpleNamespace(**{**dict.fromkeys(DRAWS, 0.0), **strength})


@pytest.fixture(scope="module")
def digits(mnist5k) -> np.ndarray:
    return mnist5k[0].images[:100, 0].astype("float32") / 255


@pytest.fixture(scope="module")
def draws() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {knob: generator.random((COUNT, size), dtype="float32") for knob, size in DRAWS.items()}


def scenes(digits: np.ndarray, draws: dict, **strength: float) -> np.ndarray:
    return render(digits[:COUNT], digits, draws, knobs(**strength))


def plain(digits: np.ndarray) -> np.ndarray:
    """数字放在正中，四周补 0，三个通道相同。"""
    padded = np.pad((digits[:COUNT] * 255).round().astype("uint8"), ((0, 0), (2, 2), (2, 2)))
    return np.repeat(padded[:, None], 3, axis=1)


def test_every_knob_at_zero_is_the_plain_digit(digits, draws):
    assert np.array_equal(scenes(digits, draws), plain(digits))


@pytest.mark.parametrize("knob", DRAWS)
def test_the_stronger_the_further_from_the_plain_digit(digits, draws, knob):
    """转得越大，与原来的数字差得越远；差得不多的一转，图像也只变一点。"""
    difference = [
        np.abs(scenes(digits, draws, **{knob: strength}).astype(float) - plain(digits)).mean()
        for strength in (0.01, 0.25, 0.5, 1)
    ]
    assert difference == sorted(difference)
    assert difference[0] < 1 and difference[-1] > 2


@pytest.mark.parametrize("knob", ["viewpoint", "deformation"])
def test_geometry_leaves_the_colours_alone(digits, draws, knob):
    """移动与弯曲之后还是黑底白字，画面的边缘仍是黑的，墨水大致一样多。"""
    images = scenes(digits, draws, **{knob: 1.0})
    assert (images == images[:, :1]).all()
    assert images.max((1, 2, 3)).min() > 150
    ratio = images.mean((1, 2, 3)) / plain(digits).mean((1, 2, 3))
    assert ratio.min() > 0.3 and ratio.max() < 2


def test_place_moves_turns_and_scales(digits):
    """整数的移动、转一个直角、放大两倍，与直接搬动像素相同。"""
    count = len(digits)
    padded = np.pad(digits, ((0, 0), (2, 2), (2, 2)))
    still, upright = np.zeros((count, 2)), np.zeros(count)
    shift = np.random.default_rng(0).integers(-5, 6, (count, 2))
    moved = sample(digits, *place(shift, upright))
    assert np.allclose(moved, shift_images(padded[:, None], shift)[:, 0], atol=1e-6)
    turned = sample(digits, *place(still, np.full(count, np.pi / 2)))
    assert np.allclose(turned, np.rot90(padded, axes=(1, 2)), atol=1e-4)
    smaller = sample(digits, *place(still, upright, 0.5))  # 每 2×2 个像素变成一个，正中的 14×14 是整个数字
    assert np.allclose(smaller[:, 9:23, 9:23], digits.reshape(count, 14, 2, 14, 2).mean((2, 4)), atol=1e-6)
    smaller[:, 9:23, 9:23] = 0
    assert not smaller.any()


def test_stretching_keeps_the_area(digits):
    still, upright = np.zeros((len(digits), 2)), np.zeros(len(digits))
    stretched = sample(digits, *place(still, upright, 0.8, 1.25))
    rows, columns = (stretched.max(axis) > 0.5 for axis in (2, 1))
    tall, wide = (np.pad(digits, ((0, 0), (2, 2), (2, 2))).max(axis) > 0.5 for axis in (2, 1))
    assert np.abs(rows.sum(1) - tall.sum(1) * 0.8 * 1.25).max() <= 2
    assert np.abs(columns.sum(1) - wide.sum(1) * 0.8 / 1.25).max() <= 2


def test_smooth_is_an_average_of_the_grid():
    """每个像素是格点的加权平均，所以不超出格点的范围：弯曲的位移因此不超过所说的 5 像素。"""
    grid = np.random.default_rng(0).uniform(-1, 1, (20, 2, 4, 4)).astype("float32")
    field = smooth(grid)
    assert field.shape == (20, 2, SIDE, SIDE)
    assert (np.abs(field).max((2, 3)) <= np.abs(grid).max((2, 3)) + 1e-6).all()
    assert np.allclose(smooth(np.full((1, 4, 4), 0.3, "float32")), 0.3)
    assert np.abs(np.diff(field)).max() < 0.25  # 相邻的像素只差一点
    assert (np.corrcoef(field[:, :, 0, 0].ravel(), grid[:, :, 0, 0].ravel())[0, 1]) > 0.9


def test_occlusion_changes_only_what_it_covers(digits, draws):
    images, before = scenes(digits, draws, occlusion=1.0), plain(digits)
    mask, color = cover(draws["occlusion"], np.zeros((COUNT, 2)), 1.0)
    inside = np.broadcast_to((mask == 1)[:, None], images.shape)
    outside = np.broadcast_to((mask == 0)[:, None], images.shape)
    assert np.array_equal(images[outside], before[outside])
    painted = np.broadcast_to((color * 255 + 0.5).astype("uint8")[:, :, None, None], images.shape)
    assert np.array_equal(images[inside], painted[inside])
    area = (mask > 0).sum((1, 2))
    assert area.min() > 20 and area.max() < 250
    hidden = (before[:, 0] * mask).sum((1, 2)) / before[:, 0].sum((1, 2))
    assert 0.05 < hidden.mean() < 0.4 and hidden.max() < 0.9


def test_background_leaves_the_strokes_alone(digits, draws):
    """笔画是一种颜色；笔画以外的地方与写的是哪个数字无关。"""
    images = scenes(digits, draws, background=1.0)
    other = render(digits[COUNT - 1 :: -1], digits, draws, knobs(background=1.0))
    _, ink = backdrop(draws["background"], digits, 1.0)
    full = np.broadcast_to(plain(digits) == 255, images.shape)
    painted = np.broadcast_to((ink * 255 + 0.5).astype("uint8")[:, :, None, None], images.shape)
    assert full.any((1, 2, 3)).mean() > 0.8
    assert np.array_equal(images[full], painted[full]) and ink.min() >= 0.45
    empty = (plain(digits) == 0) & (plain(digits[COUNT - 1 :: -1]) == 0)
    assert np.array_equal(images[empty], other[empty])
    assert images[empty].std() > 30  # 背景不是一片空白


def test_background_has_pieces_of_other_digits(digits, draws):
    """没有别的数字可取时，背景只有纹理。"""
    with_pieces, _ = backdrop(draws["background"], digits, 1.0)
    without, _ = backdrop(draws["background"], np.zeros_like(digits), 1.0)
    covered = (np.abs(with_pieces - without) > 0.05).any(1).mean()
    assert 0.1 < covered < 0.5


def test_light_keeps_bright_above_dark(draws):
    """光照不会使同一处的白比黑暗；各通道的倍数不同，一边亮一边暗。"""
    white, black = (np.full((COUNT, 3, SIDE, SIDE), value, "float32") for value in (1, 0))
    lit = relight(white, draws["light"], 1.0)
    assert (lit - relight(black, draws["light"], 1.0)).min() > 0
    assert (lit[:, 0] - lit[:, 1]).std() > 0.05
    assert (lit.max((2, 3)) / lit.min((2, 3))).max() > 2
    assert np.allclose(relight(white, draws["light"], 0.0), white)


def test_knobs_do_not_disturb_each_other(digits, draws):
    """加上遮挡，板以外的地方与没有遮挡时相同；别的三个旋钮也转着。"""
    others = {"background": 0.8, "deformation": 0.5, "light": 0.7}
    mask, _ = cover(draws["occlusion"], np.zeros((COUNT, 2)), 1.0)
    outside = np.broadcast_to((mask == 0)[:, None], (COUNT, 3, SIDE, SIDE))
    before, after = scenes(digits, draws, **others), scenes(digits, draws, **others, occlusion=1.0)
    assert np.array_equal(before[outside], after[outside])
    assert not np.array_equal(before, after)


def test_an_image_depends_on_its_part_and_number_only(digits):
    everything = knobs(**dict.fromkeys(DRAWS, 0.6))
    few, chosen = make(digits, 30, 0, everything)
    np.random.seed(1)
    many, chosen_of_many = make(digits, 300, 0, everything)
    assert np.array_equal(few, many[:30]) and np.array_equal(chosen, chosen_of_many[:30])
    assert np.bincount(chosen_of_many).tolist() == [3] * 100  # 每个数字用了三次
    assert not np.array_equal(many[:100], many[100:200])  # 同一个数字，场景不同
    assert not np.array_equal(few, make(digits, 30, 1, everything)[0])
    assert (few.dtype, few.shape) == (np.uint8, (30, 3, SIDE, SIDE))


# ---------------------------------------------------------------- 三份数据


@pytest.fixture(scope="module")
def sets() -> tuple[SceneSet, SceneSet, SceneSet]:
    return digit_scenes.load(SceneData(name="digit_scenes", num_train=700))


def test_parts_show_different_digits(sets, mnist5k):
    """训练、验证、测试各画自己那一份数字，每个数字用得一样多，标签与 mnist5k 的相符。"""
    train, valid, test = (set(part.sources) for part in sets)
    assert not (train & valid or train & test or valid & test)
    labels = digit_scenes.read_mnist5k()[1]
    for part, index, count in zip(sets, split_three(labels), (700, NUM_VALID, NUM_TEST)):
        assert len(part) == len(part.labels) == len(part.images) == count
        assert set(part.sources) <= set(index)
        assert np.array_equal(part.labels, labels[part.sources])
    assert np.bincount(sets[1].labels).tolist() == [NUM_VALID // 10] * 10
    assert np.bincount(sets[2].labels).tolist() == [NUM_TEST // 10] * 10


def test_pieces_come_from_the_same_part(monkeypatch):
    """背景的碎块取自 make 得到的数字，它们就是自己那一份的。"""
    given = []

    def record(digits, count, part, knobs):
        given.append(digits)
        pixels = np.arange(count * 3 * SIDE**2) % 256  # 不能全相同，要除以标准差
        return pixels.reshape(count, 3, SIDE, SIDE).astype("uint8"), np.zeros(count, int)

    monkeypatch.setattr(digit_scenes, "make", record)
    digit_scenes.load(SceneData(name="digit_scenes"))
    images, labels = digit_scenes.read_mnist5k()
    for digits, index in zip(given, split_three(labels)):
        assert np.array_equal(digits, images[index, :, :, 0].astype("float32") / 255)


def test_info(sets):
    train, valid, test = sets
    assert train.info() == valid.info() == test.info()
    info = train.info()
    assert info.kind == "image" and info.class_names == list("0123456789")
    assert info.facts() == {"in_channels": 3, "image_size": SIDE, "num_classes": 10}
    pixels = train.preprocess.normalize(train.images)  # 均值与标准差由训练部分算出
    assert np.abs(pixels.mean((0, 2, 3))).max() < 1e-3 and np.abs(pixels.std((0, 2, 3)) - 1).max() < 1e-3


def test_independent_of_the_seed_of_the_run(sets):
    again = build_data(SceneData(name="digit_scenes", num_train=700), seed=5)
    for part, batches in zip(sets, again):
        assert np.array_equal(part.images, batches.dataset.images)


def test_larger_images_show_the_same_scenes(sets):
    larger = digit_scenes.load(SceneData(name="digit_scenes", num_train=50, image_size=64))
    assert larger[2].images.shape == (NUM_TEST, 3, 64, 64)
    assert np.array_equal(larger[2].scenes, sets[2].scenes)
    halved = larger[0].images.reshape(50, 3, SIDE, 2, SIDE, 2).mean((3, 5))
    assert np.abs(halved - sets[0].images[:50]).mean() < 4


def test_settings_out_of_range():
    tree = {"model": {"name": "lenet"}, "data": {"name": "digit_scenes", "occlusion": "1.5"}}
    with pytest.raises(UserError, match=r"data\.occlusion"):
        parse_config(tree)
    with pytest.raises(UserError, match=r"不认识的键 data\.path"):
        parse_config({"model": {"name": "lenet"}, "data": {"name": "digit_scenes", "path": "x"}})


# ---------------------------------------------------------------- K 近邻


def test_knn_equals_scikit_learn():
    from sklearn.neighbors import KNeighborsClassifier

    generator = np.random.default_rng(0)
    x, new = (generator.integers(0, 256, (count, 3, 4, 4), dtype="uint8") for count in (600, 700))
    y, answers = generator.integers(0, 10, 600), generator.integers(0, 10, 700)
    found = knn_accuracy((x, y), (new, answers), (1, 4, 9))
    for k, accuracy in zip((1, 4, 9), found):
        model = KNeighborsClassifier(k).fit(x.reshape(600, -1), y)
        assert accuracy == model.score(new.reshape(700, -1), answers)


def test_baseline_is_fitted_on_the_training_part(sets, monkeypatch):
    """k 只由训练部分挑；留出的数字不在其余的图像里出现。"""
    train, valid, test = (
        SceneSet(
            *(getattr(part, name)[:count] for name in ("images", "labels")),
            part.class_names,
            part.preprocess,
            part.scenes[:count],
            part.sources[:count],
        )
        for part, count in zip(sets, (700, 200, 200))
    )
    calls = []

    def record(first, second, candidates):
        calls.append((first, second, candidates))
        return knn_accuracy(first, second, candidates)

    monkeypatch.setattr(digit_scenes, "knn_accuracy", record)
    scores = train.baselines({"valid": valid, "test": test})
    inner, on_valid, on_test = calls
    assert len(inner[0][0]) + len(inner[1][0]) == 700 and len(inner[1][0]) == 70
    seen = {image.tobytes() for image in train.scenes}
    assert {image.tobytes() for image in (*inner[0][0], *inner[1][0])} == seen
    assert on_valid[0][0] is train.scenes and on_test[0][0] is train.scenes
    best = max(zip(knn_accuracy(*inner), (-k for k in inner[2])))  # 一样好时取小的 k
    assert on_valid[2] == on_test[2] == (-best[1],)
    assert scores == {
        "K 近邻": {
            "valid": {"accuracy": knn_accuracy(*on_valid)[0]},
            "test": {"accuracy": knn_accuracy(*on_test)[0]},
        }
    }
