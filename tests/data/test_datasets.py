"""按路径读的数据集：IDX、CIFAR-10、Flowers-102、类别文件夹。小的假文件由测试现造；

设了环境变量 PADDLE_NOTES_TEST_DATA 时，也读那个文件夹里的真实数据。
"""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from paddle_notes.config import ImageData, parse_config
from paddle_notes.data import build_data, idx
from paddle_notes.data.cifar10 import read_archive, read_batch
from paddle_notes.data.files import read_tar
from paddle_notes.data.flowers102 import read_mat
from paddle_notes.data.idx import read_idx
from paddle_notes.errors import UserError

REAL = Path(os.environ.get("PADDLE_NOTES_TEST_DATA", "没有设"))
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="没有设 PADDLE_NOTES_TEST_DATA")


def read(name: str, path: Path, **options):
    tree = {"model": {"name": "lenet"}, "data": {"name": name, "path": str(path), "batch_size": 4, **options}}
    return build_data(parse_config(tree).data, seed=0)


# ---------------------------------------------------------------- IDX


def write_idx(file: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


@pytest.fixture(params=["", ".gz"])
def idx_folder(tmp_path, request):
    generator = np.random.default_rng(0)
    for prefix, count in (("train", 20), ("t10k", 6)):
        images = generator.integers(0, 256, (count, 28, 28))
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte{request.param}", images)
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte{request.param}", np.arange(count) % 10)
    return tmp_path


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx(idx_folder, name):
    """官方的测试集原样用作测试，验证从训练图像里每类取一份。"""
    train, valid, test = read(name, idx_folder)
    assert (train.num_samples, valid.num_samples, test.num_samples) == (10, 10, 6)
    generator = np.random.default_rng(0)
    expected = [generator.integers(0, 256, (count, 28, 28)) for count in (20, 6)]
    found = np.concatenate([train.dataset.images[:, 0], valid.dataset.images[:, 0]])
    assert {image.tobytes() for image in found} == {image.astype("uint8").tobytes() for image in expected[0]}
    assert np.array_equal(test.dataset.images[:, 0], expected[1])
    assert test.dataset.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert sorted(train.dataset.labels) == sorted(valid.dataset.labels) == list(range(10))
    assert train.info().num_classes == 10


def test_fashion_mnist_installed_by_debian(idx_folder, monkeypatch):
    """不写 data.path：装了 Debian 的包就读它；四个文件不齐、或是 MNIST，才去下载。"""
    downloads = []

    def downloaded(name, mode):
        downloads.append(name)
        image_file, label_file = idx._find(idx_folder, {"train": "train", "test": "t10k"}[mode])
        return SimpleNamespace(image_path=image_file, label_path=label_file)

    monkeypatch.setattr(idx, "downloaded", downloaded)
    monkeypatch.setattr(idx, "FASHION_FOLDER", idx_folder)
    given = read("fashion_mnist", idx_folder)
    found = build_data(ImageData(name="fashion_mnist"), seed=0)
    assert not downloads
    for first, second in zip(given, found):
        assert np.array_equal(first.dataset.images, second.dataset.images)
    build_data(ImageData(name="mnist"), seed=0)
    assert downloads == ["MNIST"] * 2
    monkeypatch.setattr(idx, "FASHION_FOLDER", idx_folder / "没有")
    build_data(ImageData(name="fashion_mnist"), seed=0)
    assert downloads == ["MNIST"] * 2 + ["FashionMNIST"] * 2


@pytest.mark.parametrize("missing", ["train-images*", "train-labels*", "t10k-images*", "t10k-labels*"])
def test_incomplete_folder_is_not_taken(idx_folder, missing):
    assert idx._is_complete(idx_folder)
    next(idx_folder.glob(missing)).unlink()
    assert not idx._is_complete(idx_folder)


def test_idx_truncated(idx_folder):
    file = next(idx_folder.glob("train-images*"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="不完整"):
        read("mnist", idx_folder)


def test_idx_foreign_file(idx_folder):
    file = next(idx_folder.glob("train-labels*"))
    file.write_bytes(b"hello, world")
    with pytest.raises(UserError, match="不是 IDX 文件"):
        read("mnist", idx_folder)


def test_idx_bomb(tmp_path):
    """压缩的文件很小，解开之后 1 GiB：只读文件头说的那么多。"""
    import tracemalloc

    file = tmp_path / "bomb.gz"
    with gzip.open(file, "wb", compresslevel=9) as stream:
        stream.write(b"\0\0\x08\x01" + (100).to_bytes(4, "big"))
        for _ in range(64):
            stream.write(b"\0" * (1 << 20))
    tracemalloc.start()
    with pytest.raises(UserError, match="数据有 101 个字节，与文件头不符"):
        read_idx(file)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"\0\0\x08\x03" + b"\xff" * 12, "不像 MNIST"),
        (b"\0\0\x08\x01" + b"\0" * 4, "0 个字节的数据"),
        (b"\0\0\x08\x00", "不是 IDX 文件"),
        (b"\0\0\x08\xff" + b"\0" * 1020, "不是 IDX 文件"),
        (b"\0\0\x08\x03\0\0", "不完整或已损坏"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xff\xff", "不完整或已损坏"),
    ],
)
def test_idx_impossible_headers(tmp_path, header, said):
    (tmp_path / "x").write_bytes(header)
    with pytest.raises(UserError, match=said):
        read_idx(tmp_path / "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="这个系统没有管道文件")
def test_special_files_are_refused_not_waited_for(tmp_path):
    """管道没有人写，读它会一直等下去。"""
    from paddle_notes.data.csv_files import read_table
    from paddle_notes.data.files import read_text
    from paddle_notes.data.preprocess import Preprocess

    os.mkfifo(tmp_path / "x.png")
    readers = (Preprocess(1, 28, (0.5,), (0.5,), 28).load, read_text, read_idx, read_archive, read_table)
    for read in readers:
        with pytest.raises(UserError, match="不是普通的文件"):
            read(tmp_path / "x.png")


def test_label_bomb(idx_folder):
    """标签文件的 200 MB 与自己的文件头相符：先看个数对不对，再换成 8 字节的整数。"""
    import tracemalloc

    count = 200 << 20
    file = next(idx_folder.glob("train-labels*"))
    with gzip.open(file, "wb", compresslevel=1) as stream:
        stream.write(b"\0\0\x08\x01" + count.to_bytes(4, "big"))
        for _ in range(count >> 20):
            stream.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(UserError, match="对不上"):
        read("mnist", idx_folder)
    assert tracemalloc.get_traced_memory()[1] < 512 << 20
    tracemalloc.stop()


def test_parts_without_samples(idx_folder):
    """每类只有一张：给了验证，训练就空了。"""
    for file, array in (("images-idx3", np.zeros((10, 28, 28))), ("labels-idx1", np.arange(10))):
        write_idx(next(idx_folder.glob(f"train-{file}*")), array)
    with pytest.raises(UserError, match="训练部分没有样本"):
        read("mnist", idx_folder)


def test_idx_missing(tmp_path):
    with pytest.raises(UserError, match="找不到"):
        read("mnist", tmp_path)


def test_idx_images_and_labels_disagree(idx_folder):
    file = next(idx_folder.glob("train-labels*"))
    write_idx(file, np.arange(9))
    with pytest.raises(UserError, match="对不上"):
        read("mnist", idx_folder)


# ---------------------------------------------------------------- CIFAR-10


def write_cifar(file: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file


def cifar_batch(seed: int) -> tuple[np.ndarray, bytes]:
    data = np.random.default_rng(seed).integers(0, 256, (5, 3072), dtype=np.uint8)
    return data, pickle.dumps({b"data": data, b"labels": [0, 1, 2, 3, 9]}, protocol=2)


def test_cifar10(tmp_path):
    (first, one), (_, two), (_, test) = (cifar_batch(seed) for seed in range(3))
    members = {"data_batch_1": one, "data_batch_2": two, "test_batch": test, "batches.meta": b"junk"}
    train, valid, test = read("cifar10", write_cifar(tmp_path / "c.tar.gz", members))
    assert (train.num_samples, valid.num_samples, test.num_samples) == (5, 5, 5)
    found = {image.tobytes() for part in (train, valid) for image in part.dataset.images}
    assert {row.tobytes() for row in first} < found  # 先红、再绿、再蓝
    assert test.dataset.labels.tolist() == [0, 1, 2, 3, 9]


class Payload:
    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_cifar10_does_not_execute_pickles(tmp_path):
    target = tmp_path / "executed"
    members = {"data_batch_1": pickle.dumps(Payload(target)), "test_batch": cifar_batch(0)[1]}
    with pytest.raises(UserError, match="不允许的内容"):
        read("cifar10", write_cifar(tmp_path / "c.tar.gz", members))
    assert not target.exists()


@pytest.mark.parametrize(
    ("data", "labels", "said"),
    [
        (np.zeros((4, 3072), "uint8"), [0, 1, 2], "4 张图像应有同样多个标签"),
        (np.zeros((4, 3072), "uint8"), [0, 1, 2, 10], "在 0 到 9 之间"),
        (np.zeros((4, 3072), "uint8"), [0, 1, 2, -1], "在 0 到 9 之间"),
        (np.zeros((4, 3072), "uint8"), [0, 1, 2, 1.9], "整数的列表"),
        (np.zeros((4, 3072), "uint8"), [0, 1, 2, True], "整数的列表"),
        (np.zeros((4, 3072), "uint8"), "0123", "整数的列表"),
        (np.zeros((4, 3072), "float32"), [0, 1, 2, 3], "uint8 数组"),
        (np.zeros((4, 1024), "uint8"), [0, 1, 2, 3], "uint8 数组"),
    ],
)
def test_cifar10_batches_are_checked(data, labels, said):
    with pytest.raises(ValueError, match=said):
        read_batch({b"data": data, b"labels": labels})


def test_cifar10_bad_archive(tmp_path):
    file = tmp_path / "c.tar.gz"
    with pytest.raises(UserError, match="找不到"):
        read("cifar10", file)
    file.write_bytes(b"not a tar")
    with pytest.raises(UserError, match="不是完整的 tar 压缩包"):
        read("cifar10", file)
    write_cifar(file, {"data_batch_1": cifar_batch(0)[1]})
    with pytest.raises(UserError, match="没有 data_batch_1 与 test_batch"):
        read("cifar10", file)


# ---------------------------------------------------------------- 类别文件夹


def save(
    file: Path, color: tuple[int, int, int], size: tuple[int, int] = (20, 12), mode: str = "RGB"
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).convert(mode).save(file)


@pytest.fixture
def photos(tmp_path):
    for number in range(10):
        save(tmp_path / "猫" / f"{number}.png", (number, 0, 0))
        save(tmp_path / "狗" / f"{number}.jpg", (0, 200, 0), mode="L" if number == 0 else "RGB")
    (tmp_path / "猫" / "说明.txt").write_text("不是图像", encoding="utf-8")
    return tmp_path


def test_folder_splits_by_class(photos):
    train, valid, test = read("folder", photos, image_size=16)
    assert train.info().class_names == ["狗", "猫"]
    assert np.bincount(train.dataset.labels).tolist() == [7, 7]
    assert np.bincount(valid.dataset.labels).tolist() == [1, 1]
    assert np.bincount(test.dataset.labels).tolist() == [2, 2]
    reds = [part.dataset.images[part.dataset.labels == 1, 0, 0, 0] for part in (train, valid, test)]
    assert sorted(np.concatenate(reds).tolist()) == list(range(10))  # 不重、不漏
    again = read("folder", photos, image_size=16)[1]
    assert np.array_equal(again.dataset.images, valid.dataset.images)


def test_folder_crops_from_load_size(photos):
    train, _, test = read("folder", photos, image_size=8, load_size=12)
    assert train.dataset.images.shape == (14, 3, 12, 12)
    assert next(train.epoch())[0].shape == next(test.epoch())[0].shape == (4, 3, 8, 8)
    with pytest.raises(UserError, match="不应小于"):
        read("folder", photos, image_size=8, load_size=6)


COUNTS = {"train": 10, "valid": 2, "val": 2, "test": 3}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train", "val", "test"), (20, 4, 6)),
        (("train", "valid"), (20, 4, None)),
        (("train", "test"), (18, 2, 6)),  # 验证从 train 里取，test 不用来挑
    ],
)
def test_folder_already_split(names, expected, tmp_path):
    for part in names:
        for name in ("a", "b"):
            for number in range(COUNTS[part]):
                save(tmp_path / part / name / f"{number}.png", (9, 9, 9))
    parts = read("folder", tmp_path, image_size=8)
    assert tuple(part and part.num_samples for part in parts) == expected
    save(tmp_path / names[1] / "c" / "0.png", (9, 9, 9))
    with pytest.raises(UserError, match=r"这一类在 .* 里没有"):
        read("folder", tmp_path, image_size=8)


def test_folder_larger_than_memory_is_read_when_used(photos, monkeypatch):
    whole = [batch[0] for batch in read("folder", photos, image_size=16)[1].epoch()]
    monkeypatch.setattr("paddle_notes.data.images.MEMORY_LIMIT", 100)
    valid = read("folder", photos, image_size=16)[1]
    assert not isinstance(valid.dataset.images, np.ndarray)
    assert all(np.array_equal(a, b[0]) for a, b in zip(whole, valid.epoch(), strict=True))


def test_folder_errors(tmp_path, photos):
    with pytest.raises(UserError, match="找不到文件夹"):
        read("folder", tmp_path / "没有")
    (photos / "鸟").mkdir()
    with pytest.raises(UserError, match="没有图像"):
        read("folder", photos)
    save(photos / "鸟" / "1.png", (0, 0, 0))
    with pytest.raises(UserError, match="里只有 1 张图像，至少要 3 张：训练、验证、测试各一张"):
        read("folder", photos)
    save(photos / "鸟" / "2.png", (0, 0, 0))
    (photos / "鸟" / "3.png").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"读不了图像 .*3\.png"):
        read("folder", photos)


def test_folder_needs_a_path():
    tree = {"model": {"name": "lenet"}, "data": {"name": "folder"}}
    with pytest.raises(UserError, match=r"data\.path"):
        build_data(parse_config(tree).data, seed=0)


# ---------------------------------------------------------------- Flowers-102


@pytest.fixture
def flowers(tmp_path):
    from scipy.io import savemat

    with tarfile.open(tmp_path / "102flowers.tgz", "w:gz") as archive:
        for number in range(1, 7):
            stream = io.BytesIO()
            Image.new("RGB", (30, 20), (number * 20, 0, 0)).save(stream, "PNG")
            member = tarfile.TarInfo(f"jpg/image_{number:05d}.jpg")
            member.size = stream.tell()
            archive.addfile(member, io.BytesIO(stream.getvalue()))
    savemat(tmp_path / "imagelabels.mat", {"labels": [[102, 5, 5, 1, 2, 3]]})
    savemat(tmp_path / "setid.mat", {"trnid": [[1, 3, 5]], "valid": [[2, 6]], "tstid": [[4]]})
    return tmp_path


def test_flowers102(flowers):
    train, valid, test = read("flowers102", flowers, image_size=16)
    assert train.dataset.labels.tolist() == [101, 4, 1]  # 文件里从 1 数起
    assert (valid.dataset.labels.tolist(), test.dataset.labels.tolist()) == ([4, 2], [0])
    assert train.dataset.images[:, 0, 0, 0].tolist() == [20, 60, 100]
    assert train.info().num_classes == 102


def test_flowers102_incomplete(flowers):
    from scipy.io import savemat

    savemat(flowers / "imagelabels.mat", {"labels": [[102, 5, 5, 1, 2, 3, 4]]})
    savemat(flowers / "setid.mat", {"trnid": [[1, 3]], "valid": [[2, 7]], "tstid": [[4]]})
    with pytest.raises(UserError, match=r"缺少 1 张图像，如 image_00007\.jpg"):
        read("flowers102", flowers, image_size=16)
    (flowers / "imagelabels.mat").unlink()
    with pytest.raises(UserError, match="找不到"):
        read("flowers102", flowers, image_size=16)


@pytest.mark.parametrize(
    ("labels", "splits"),
    [
        ([103, 5, 5, 1, 2, 3], [[1, 3, 5], [2, 6], [4]]),  # 没有第 103 种
        ([0, 5, 5, 1, 2, 3], [[1, 3, 5], [2, 6], [4]]),
        ([102, 5, 5], [[1, 3, 5], [2, 6], [4]]),  # 标签不够
        ([102, 5, 5, 1, 2, 3], [[0, 3, 5], [2, 6], [4]]),
        ([102, 5, 5, 1, 2, 3], [[1, 3, 5], [2, 6], []]),
        ([102, 5, 5, 1, 2, 3], [[1, 3, 5], [2, 6], [5]]),  # 第 5 张既训练又测试
    ],
)
def test_flowers102_labels(flowers, labels, splits):
    from scipy.io import savemat

    savemat(flowers / "imagelabels.mat", {"labels": [labels]})
    names = ("trnid", "valid", "tstid")
    savemat(flowers / "setid.mat", {name: [part] for name, part in zip(names, splits)})
    with pytest.raises(UserError, match=r"setid\.mat 已损坏"):
        read("flowers102", flowers, image_size=16)


@pytest.mark.parametrize("compressed", [True, False])
def test_mat_files_are_read_as_scipy_does(tmp_path, compressed):
    from scipy.io import loadmat, savemat

    arrays = {
        "a": np.array([[1, 2, 300]]),
        "long_name": np.arange(1000.0)[None],
        "u1": np.array([[5]], np.uint8),
        "f4": np.array([[0.5, 2.0]], np.float32),
    }
    savemat(tmp_path / "x.mat", arrays, do_compression=compressed)
    found, expected = read_mat(tmp_path / "x.mat"), loadmat(tmp_path / "x.mat")
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], expected[name][0]) for name in arrays)


def test_flowers102_bad_picture(flowers):
    with tarfile.open(flowers / "102flowers.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("jpg/image_00001.jpg")
        archive.addfile(member)
    with pytest.raises(UserError, match=r"102flowers\.tgz 里的图像 jpg/image_00001\.jpg 读不了"):
        read("flowers102", flowers, image_size=16)


# ---------------------------------------------------------------- 压缩包


@pytest.fixture(params=["gz", ""])
def tar(tmp_path, request):
    """``tar({名字: 内容})``：一个 tar 包，压缩的与没有压缩的。"""

    def make(members: dict[str, bytes]) -> Path:
        with tarfile.open(tmp_path / "a.tar", f"w:{request.param}") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return tmp_path / "a.tar"

    return make


def test_read_tar(tar):
    path = tar({"a/1.txt": b"one", "b": b"x" * 2000, "a/2.txt": b""})
    assert dict(read_tar(path, lambda name: name.endswith(".txt"))) == {"a/1.txt": b"one", "a/2.txt": b""}


def test_a_bad_header_is_not_the_end(tar):
    """第二个文件头坏了：tarfile 当作结束，剩下的就悄悄丢了。"""
    path = tar({"a": b"1", "b": b"2", "c": b"3"})
    data = path.read_bytes()
    zipped = data[:2] == b"\x1f\x8b"
    plain = bytearray(gzip.decompress(data) if zipped else data)
    plain[1024 + 150] ^= 1  # 第二个文件头的校验和
    path.write_bytes(gzip.compress(plain) if zipped else plain)
    with pytest.raises(UserError, match="中间有坏的文件头"):
        list(read_tar(path, lambda name: True))


def test_a_flipped_bit_in_the_tail_is_found(tmp_path):
    """压缩包的校验和在最末尾：要的文件都读到了，也读完它。"""
    path = write_cifar(tmp_path / "c.tar.gz", {"data_batch_1": cifar_batch(0)[1]})
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="不是完整的 tar 压缩包"):
        list(read_tar(path, lambda name: True))


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_tar_bombs(tmp_path, kind):
    """文件、长的名字、扩展的文件头都说有 8 GiB：不去读，也不占内存。"""
    member = tarfile.TarInfo("a")
    member.size, member.type = 8 << 30, kind
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)))
    with pytest.raises(UserError, match="太大"):
        list(read_tar(path, lambda name: True))


def test_tar_limit(tar):
    path = tar({"a": bytes(3000), "b": b""})
    assert len(list(read_tar(path, lambda name: True, 1 << 21))) == 2
    with pytest.raises(UserError, match="解开之后超过 0 MiB"):
        list(read_tar(path, lambda name: True, 3000))


# ---------------------------------------------------------------- 真实数据


@needs_real
def test_real_fashion_mnist():
    train, valid, test = read("fashion_mnist", REAL / "fashion-mnist")
    assert np.bincount(train.dataset.labels).tolist() == [5400] * 10
    assert np.bincount(valid.dataset.labels).tolist() == [600] * 10
    assert np.bincount(test.dataset.labels).tolist() == [1000] * 10
    pixels = np.concatenate([train.dataset.images, valid.dataset.images]) / 255
    preprocess = train.dataset.preprocess
    assert abs(pixels.mean() - preprocess.mean[0]) < 1e-4
    assert abs(pixels.std() - preprocess.std[0]) < 1e-4


@needs_real
def test_real_cifar10():
    file = next((REAL / "cifar-10").glob("*.tar.gz"))
    train, valid, test = read("cifar10", file)
    assert (train.num_samples, valid.num_samples, test.num_samples) == (9_000, 1_000, 2_000)
    assert train.dataset.images.shape[1:] == (3, 32, 32)
    pixels = train.dataset.images.mean((0, 2, 3)) / 255
    assert np.abs(pixels - train.dataset.preprocess.mean).max() < 0.01
