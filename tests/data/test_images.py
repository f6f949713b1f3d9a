"""图像：任意模式、大小的文件读成同样的数；读不了的说明原因。"""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image

from paddle_notes.config import ImageData
from paddle_notes.data import images
from paddle_notes.data import preprocess as preprocess_module
from paddle_notes.data.images import ImageFiles, make_preprocess, open_files
from paddle_notes.data.preprocess import Preprocess, resize
from paddle_notes.data.splits import split_indices, split_three
from paddle_notes.errors import UserError

GRAY, COLOR = (Preprocess(c, 4, (0.5,) * c, (0.5,) * c, load_size=4) for c in (1, 3))
RED = (255, 0, 0)


@pytest.fixture
def save(tmp_path):
    """``save(图像, 名字)``：写成文件，返回路径。"""

    def save(image: Image.Image, name: str = "a.png", **options):
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save


def halves(mode: str, left, right) -> Image.Image:
    """4×4 的图像，左半 ``left``，右半 ``right``。"""
    image = Image.new(mode, (4, 4), left)
    image.paste(right, (2, 0, 4, 4))
    return image


def corners(pixels: np.ndarray) -> tuple:
    """(C, H, W) 的左上、右上两个像素。"""
    return tuple(pixels[:, 0, 0].tolist()), tuple(pixels[:, 0, -1].tolist())


# ---------------------------------------------------------------- 模式

MODES = {
    # 模式 -> (图像, 读成彩色, 读成灰度)；灰度 = 0.299 R + 0.587 G + 0.114 B
    "RGB": (halves("RGB", RED, (0, 0, 255)), ((255, 0, 0), (0, 0, 255)), ((76,), (29,))),
    "L": (halves("L", 10, 200), ((10,) * 3, (200,) * 3), ((10,), (200,))),
    "1": (halves("1", 0, 1), ((0,) * 3, (255,) * 3), ((0,), (255,))),
    "P": (
        halves("RGB", RED, (0, 0, 255)).convert("P", palette=Image.Palette.ADAPTIVE),
        ((255, 0, 0), (0, 0, 255)),
        ((76,), (29,)),
    ),
    "RGBA": (halves("RGBA", (255, 0, 0, 255), (0, 0, 0, 0)), ((255, 0, 0), (255,) * 3), ((76,), (255,))),
    "LA": (halves("LA", (10, 255), (10, 0)), ((10,) * 3, (255,) * 3), ((10,), (255,))),
    "I;16": (
        Image.fromarray(np.repeat([[0x12FF, 0x12FF, 0xFE00, 0xFE00]], 4, axis=0).astype("uint16")),
        ((0x12,) * 3, (0xFE,) * 3),
        ((0x12,), (0xFE,)),
    ),
}


@pytest.mark.parametrize("mode", MODES)
def test_modes(save, mode):
    image, color, gray = MODES[mode]
    path = save(image)
    with Image.open(path) as stored:
        assert stored.mode == mode
    assert corners(COLOR.read(path)) == color
    assert corners(GRAY.read(path)) == gray
    assert COLOR.read(path).shape == (3, 4, 4) and GRAY.read(path).shape == (1, 4, 4)
    assert COLOR.read(path).dtype == GRAY.read(path).dtype == np.uint8


def test_cmyk(save):
    path = save(halves("CMYK", (0, 255, 255, 0), (0, 0, 0, 255)), "a.tif")
    assert corners(COLOR.read(path)) == ((255, 0, 0), (0, 0, 0))
    assert corners(GRAY.read(path)) == ((76,), (0,))


def test_transparent_colour_of_a_palette(save):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (2, 0, 4, 4))
    path = save(image, transparency=0)
    assert corners(COLOR.read(path)) == ((255, 255, 255), (0, 0, 255))


def test_half_transparent_is_blended_with_white(save):
    path = save(Image.new("RGBA", (4, 4), (0, 0, 0, 128)))
    assert COLOR.read(path)[:, 0, 0].tolist() == [127] * 3


def test_first_frame_of_an_animation(save):
    frames = [Image.new("L", (4, 4), value) for value in (200, 10)]
    path = save(frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert corners(GRAY.read(path)) == ((200,), (200,))


# ---------------------------------------------------------------- 方向与大小


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(save, orientation):
    upright = Image.fromarray(np.arange(0, 160, 10, dtype="uint8").reshape(4, 4))
    # EXIF 的值说明存下来的图像还要怎样转才是正的，所以存的是反过来转过的
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(GRAY.read(save(stored, exif=exif))[0], np.asarray(upright))


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 50), (500, 7)])
def test_any_size(save, size):
    pixels = COLOR.read(save(Image.new("RGB", size, RED)))
    assert pixels.shape == (3, 4, 4)
    assert (pixels[0] == 255).all() and (pixels[1:] == 0).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_files_and_arrays_are_resized_alike(save, channels):
    """训练时缩放数组、预测时缩放文件，得到的像素必须相同。"""
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, channels), dtype="uint8")
    preprocess = Preprocess(channels, 6, (0.0,) * channels, (1.0,) * channels, load_size=6)
    from_array = resize(pixels[None], 6)[0]
    assert np.array_equal(preprocess.read(save(Image.fromarray(pixels.squeeze()))), from_array)


@pytest.mark.parametrize("size", [5, None])
def test_resize_keeps_what_already_fits(size):
    pixels = np.arange(2 * 25 * 3, dtype="uint8").reshape(2, 5, 5, 3)
    assert np.array_equal(resize(pixels, size), pixels.transpose(0, 3, 1, 2))
    assert resize(pixels, 3).shape == (2, 3, 3, 3)


def test_resize_is_bilinear():
    columns = np.tile(np.array([0, 100], "uint8"), (2, 1))[None, :, :, None]  # (1, 2, 2, 1)
    assert resize(columns, 4)[0, 0, 0].tolist() == [0, 25, 75, 100]


def test_oblong_images_are_cropped_not_squeezed(save):
    """6×4：去掉左右各一列，其余原样。"""
    pixels = np.arange(24, dtype="uint8").reshape(4, 6)
    assert np.array_equal(GRAY.read(save(Image.fromarray(pixels)))[0], pixels[:, 1:5])


def test_centre_is_taken_when_loaded_larger(save):
    pixels = np.arange(64, dtype="uint8").reshape(8, 8)
    preprocess = Preprocess(1, 4, (0.5,), (0.5,), load_size=8)
    path = save(Image.fromarray(pixels))
    assert np.array_equal(preprocess.load(path)[0], pixels)
    assert np.array_equal(preprocess.read(path)[0], pixels[2:6, 2:6])


def test_normalize():
    preprocess = Preprocess(2, 1, (0.5, 0.2), (0.25, 0.1), load_size=1)
    out = preprocess.normalize(np.array([[[[255]], [[51]]], [[[0]], [[102]]]], "uint8"))
    assert out.dtype == np.float32
    assert np.allclose(out[:, :, 0, 0], [[2, 0], [-2, 2]], rtol=0, atol=1e-6)


def test_mnist_image_survives_a_round_trip(save, mnist5k):
    train, *_ = mnist5k
    path = save(Image.fromarray(train.images[123, 0]))
    assert np.array_equal(train.preprocess.read(path), train.images[123])


# ---------------------------------------------------------------- 文件


@pytest.mark.parametrize("name", ["手写 数字.png", "数字“七”.png", "émoji 🙂.png", "a b&c;d'e.png"])
def test_unicode_names(save, name):
    assert GRAY.read(save(Image.new("L", (4, 4), 9), name))[0, 0, 0] == 9


def refused(path) -> str:
    with pytest.raises(UserError) as caught:
        GRAY.read(path)
    assert str(caught.value).startswith(f"读不了图像 {path}：")
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", bytes(1000)])
def test_not_an_image(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    refused(path)


def test_missing_file_and_folder(tmp_path):
    refused(tmp_path / "absent.png")
    refused(tmp_path)


@pytest.mark.parametrize("format", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_truncated(tmp_path, format):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype="uint8")
    Image.fromarray(noise).save(stream, format)
    path = tmp_path / f"a.{format}"
    path.write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    refused(path)


@pytest.mark.filterwarnings("ignore")  # Pillow 对坏文件的英文警告
@pytest.mark.parametrize("format", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
def test_damaged_files_never_crash(tmp_path, format):
    """随机改坏几个字节：要么读得出，要么是一句 UserError，没有第三种结果。"""
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if format in ("jpeg", "png", "tiff", "webp") else {}
    Image.effect_noise((20, 20), 60).convert("RGB").save(stream, format, **options)
    path, generator = tmp_path / f"a.{format}", random.Random(0)
    for _ in range(150):
        content = bytearray(stream.getvalue())
        for _ in range(generator.randrange(1, 6)):
            content[generator.randrange(min(len(content), 300))] = generator.randrange(256)
        path.write_bytes(content)
        try:
            assert COLOR.read(path).shape == (3, 4, 4)
        except UserError as error:
            assert str(path) in str(error)


def test_decoder_failure_of_any_kind_is_reported(save, monkeypatch):
    """有的解码器（如 AVIF）对坏文件抛 RuntimeError。"""

    def fail(*args, **kwargs):
        raise RuntimeError("Failed to decode image")

    path = save(Image.new("L", (4, 4)))
    monkeypatch.setattr(Image.Image, "convert", fail)
    refused(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_huge_image(tmp_path):
    """文件头声称有 100,000×100,000 个像素：不去分配内存，直接拒绝。"""
    path = tmp_path / "huge.bmp"
    header = struct.pack("<IiiHHIIiiII", 40, 100_000, 100_000, 1, 24, 0, 0, 0, 0, 0, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header)
    refused(path)


def test_images_too_large_to_convert(tmp_path, monkeypatch):
    """Pillow 肯读的一亿多像素，转换时要占几 GB。"""
    monkeypatch.setattr(preprocess_module, "MAX_PIXELS", 100)
    Image.new("L", (10, 11)).save(tmp_path / "x.png")
    with pytest.raises(UserError, match="有 10×11 像素，请先缩小"):
        GRAY.load(tmp_path / "x.png")
    Image.new("L", (10, 10)).save(tmp_path / "x.png")
    assert GRAY.load(tmp_path / "x.png").shape[0] == 1


def test_eps_is_not_executed(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "x.eps")
    (tmp_path / "x.eps").rename(tmp_path / "x.png")
    with pytest.raises(UserError, match="不支持 EPS"):
        GRAY.load(tmp_path / "x.png")


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_thin_images(tmp_path, size):
    Image.new("RGB", size, (9, 9, 9)).save(tmp_path / "x.png")
    assert (GRAY.read(tmp_path / "x.png") == 9).all()


# ---------------------------------------------------------------- 一批文件


def test_files_read_on_demand_equal_those_in_memory(save, monkeypatch):
    files = [save(Image.new("L", (5, 5), value), f"{value}.png") for value in (3, 1, 4, 15, 9)]
    in_memory = open_files(files, GRAY)
    monkeypatch.setattr(images, "MEMORY_LIMIT", 0)
    on_demand = open_files(files, GRAY)
    assert isinstance(in_memory, np.ndarray) and isinstance(on_demand, ImageFiles)
    index = np.array([4, 0, 2])
    assert np.array_equal(on_demand[index], in_memory[index])
    assert in_memory[:, 0, 0, 0].tolist() == [3, 1, 4, 15, 9] and len(on_demand) == 5


def test_split_is_stratified():
    labels = np.repeat([0, 1, 2], [50, 10, 2])
    train, valid = split_indices(labels, 0.2)
    assert np.bincount(labels[valid]).tolist() == [10, 2, 1]  # 每类至少一个
    assert sorted([*train, *valid]) == list(range(62))


def test_three_parts_are_stratified():
    labels = np.repeat([0, 1, 2], [50, 10, 3])
    train, valid, test = split_three(labels)
    assert np.bincount(labels[valid]).tolist() == [5, 1, 1]  # 每类至少一个
    assert np.bincount(labels[test]).tolist() == [10, 2, 1]
    assert sorted([*train, *valid, *test]) == list(range(63))
    assert np.array_equal(split_three(labels, 0.3)[2], test)  # 验证取多少都不动测试


@pytest.mark.parametrize(
    ("image_size", "load_size", "expected"),
    [(None, None, (28, 28)), (20, None, (20, 20)), (20, 24, (20, 24)), (None, 32, (28, 32))],
)
def test_sizes_of_the_preprocessing(image_size, load_size, expected):
    config = ImageData(name="mnist5k", image_size=image_size, load_size=load_size)
    preprocess = make_preprocess(config, 28, (0.5,), (0.5,))
    assert (preprocess.image_size, preprocess.load_size) == expected


def test_load_size_below_image_size():
    config = ImageData(name="mnist5k", image_size=32, load_size=28)
    with pytest.raises(UserError, match=r"data\.load_size 是 28，不应小于 data\.image_size 的 32"):
        make_preprocess(config, 28, (0.5,), (0.5,))
