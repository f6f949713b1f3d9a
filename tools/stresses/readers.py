"""坏的文件：把一份好的文件随机弄坏再读；结果要么是对的数据，要么是一句话，十秒之内，不多占 1 GiB 内存。

有校验和的（gzip 压缩的、检查点），读得出来就应与没有弄坏的一样；没有的，弄坏了也可能仍是一份合法的文件。
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import pickle
import random
import shutil
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from stresses.outcome import attempt, limit_memory, progress, quiet

TOOLS = Path(__file__).resolve().parent.parent
SECONDS = 10
EXTREMES = [
    b"\x00" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\x00\x00\x00\x01",
    b"\xff" * 8,
]


def damaged(data: bytes, generator: random.Random) -> bytes:
    """随机弄坏一至四处：翻一位、换一个字节、截断、插入、重复一段、写进极端的数。"""
    changed = bytearray(data)
    for _ in range(generator.randrange(1, 5)):
        if not changed:
            break
        at, kind = generator.randrange(len(changed)), generator.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << generator.randrange(8)
        elif kind == 1:
            changed[at] = generator.randrange(256)
        elif kind == 2:
            del changed[at:]
        elif kind == 3:
            changed[at:at] = generator.randbytes(generator.randrange(1, 20))
        elif kind == 4:
            changed[at:at] = changed[at : at + generator.randrange(1, 200)]
        else:
            value = generator.choice(EXTREMES)
            changed[at : at + len(value)] = value
    return bytes(changed)


# ---------------------------------------------------------------- 好的文件


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">2xBB{array.ndim}I", 8, array.ndim, *array.shape) + array.tobytes()


def make_mnist(folder: Path, ending: str = "") -> None:
    generator = np.random.default_rng(0)
    for prefix, count in (("train", 40), ("t10k", 20)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype("uint8")
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            data = idx_bytes(array)
            file = folder / f"{prefix}-{name}-ubyte{ending}"
            file.write_bytes(gzip.compress(data, 1) if ending else data)


def make_mnist_gz(folder: Path) -> None:
    make_mnist(folder, ".gz")


def write_tar(file: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(file, "w:gz" if file.suffix in (".gz", ".tgz") else "w:") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def make_cifar(folder: Path, file: str = "cifar.tar") -> None:
    generator, members = np.random.default_rng(0), {}
    for name in ("data_batch_1", "test_batch"):
        pixels = generator.integers(0, 256, (40, 3072), dtype=np.uint8)
        batch = {b"data": pixels, b"labels": [i % 10 for i in range(40)]}
        members[f"cifar-10-batches-py/{name}"] = pickle.dumps(batch, protocol=2)
    write_tar(folder / file, members)


def make_cifar_gz(folder: Path) -> None:
    make_cifar(folder, "cifar.tar.gz")


def make_imdb(folder: Path) -> None:
    members = {
        f"aclImdb/{part}/{kind}/{i}_{i % 10}.txt": f"{part} {i} is {kind} !".encode()
        for part in ("train", "test")
        for kind in ("pos", "neg")
        for i in range(10)
    }
    write_tar(folder / "imdb.tar.gz", members)


def picture(number: int, kind: str) -> bytes:
    """一张 20×16 的彩色图像的文件内容。"""
    from PIL import Image

    pixels = np.random.default_rng(number).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def make_flowers(folder: Path) -> None:
    from scipy.io import savemat

    write_tar(folder / "102flowers.tgz", {f"jpg/image_{n:05d}.jpg": picture(n, "JPEG") for n in range(1, 13)})
    savemat(folder / "imagelabels.mat", {"labels": [[1, 2, 3] * 4]}, do_compression=True)
    splits = {"trnid": [[1, 2, 3, 4]], "valid": [[5, 6, 7, 8]], "tstid": [[9, 10, 11, 12]]}
    savemat(folder / "setid.mat", splits)


def make_folder(folder: Path) -> None:
    for name in ("甲", "乙"):
        (folder / name).mkdir()
        for number, kind in enumerate(("png", "jpeg", "gif", "bmp", "webp", "tiff")):
            (folder / name / f"{number}.{kind}").write_bytes(picture(number, kind))


def make_houses(folder: Path) -> None:
    rows = [f"{i},{i % 7 if i % 5 else 'NA'},{'东西南'[i % 3]},{10 + i % 7}" for i in range(60)]
    (folder / "houses.csv").write_text("\n".join(["Id,面积,朝向,SalePrice", *rows]), encoding="utf-8")


def make_reviews(folder: Path) -> None:
    rows = [f"这是第{chr(0x4E00 + i)}句{'好' if i % 2 else '坏'}话,{i % 2}" for i in range(60)]
    (folder / "reviews.csv").write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")


def make_poems(folder: Path) -> None:
    poems = [{"paragraphs": [f"{chr(0x4E00 + i)}日依山尽，", "黄河入海流。"]} for i in range(60)]
    (folder / "poems.json").write_text(json.dumps(poems, ensure_ascii=False), encoding="utf-8")


def make_series(folder: Path) -> None:
    rows = [f"{1700 + i},{50 + 40 * np.sin(i):.2f}" for i in range(200)]
    (folder / "series.csv").write_text("year,value\n" + "\n".join(rows) + "\n", encoding="utf-8")


def make_pairs(folder: Path) -> None:
    rows = [f"I see {i} dogs.\t我看见{i}只{chr(0x4E00 + i)}。" for i in range(60)]
    (folder / "pairs.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


def make_checkpoint(folder: Path) -> None:
    import paddle

    from paddle_notes.engine.checkpoint import save_checkpoint

    model = paddle.nn.Linear(3, 4)
    save_checkpoint(folder / "best", model.state_dict(), {}, {"epoch": 1, "step": 2, "best": {}, "model": {}})


def make_old_checkpoint(folder: Path) -> None:
    """说明里没有自己的校验和的检查点，与一张要分类的图像。"""
    from paddle_notes import models
    from paddle_notes.config import load_config
    from paddle_notes.data.images import ImageSet
    from paddle_notes.data.preprocess import Preprocess
    from paddle_notes.engine.checkpoint import save_checkpoint
    from paddle_notes.engine.matching import dump

    preprocess = Preprocess(1, 8, (0.5,), (0.25,), 10)
    info = ImageSet(np.zeros((1, 1, 10, 10), "uint8"), np.zeros(1, "int64"), ("甲", "乙"), preprocess).info()
    options = {"num_classes": 2, "in_channels": 1, "image_size": 8}
    model = models.build("softmax_regression", **options)
    settings = dump(load_config(TOOLS.parent / "configs" / "softmax_regression.yml"))
    state = {
        "epoch": 1,
        "step": 2,
        "config": settings,
        "model": {"name": "softmax_regression", **options},
        "data": info.dump(),
    }
    save_checkpoint(folder / "best", model.state_dict(), {}, state)
    content = json.loads((folder / "best.json").read_text(encoding="utf-8"))
    del content["crc32"][".json"]
    (folder / "best.json").write_text(json.dumps(content, indent=2), encoding="utf-8")
    (folder / "x.png").write_bytes(picture(0, "PNG"))


def make_log(folder: Path) -> None:
    lines = [json.dumps({"split": "train", "epoch": 1, "step": i, "loss": 1 / (i + 1)}) for i in range(30)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_board(folder: Path) -> None:
    from visualdl import LogWriter

    with LogWriter(str(folder), file_name="vdlrecords.train.log") as writer:
        for step in range(20):
            writer.add_scalar("train/loss", 1 / (step + 1), step)
        writer.add_image("samples", np.zeros((8, 8, 3), np.uint8), 5)


# ---------------------------------------------------------------- 读


def data_reader(name: str, path: str, checked: bool = False, **options) -> Callable[[Path], None]:
    """照 data.name 读，再取每一份的第一批。``checked`` 时读出的应与第一次的一样：文件有校验和。"""
    first: list[dict] = []

    def read(folder: Path) -> None:
        from paddle_notes.config import parse_config
        from paddle_notes.data import build_data

        data = {"name": name, "path": str(folder / path), "batch_size": 8, **options}
        parts = build_data(
            parse_config({"model": {"name": "lenet"}, "data": data, "output_dir": "x"}).data, 0
        )
        for part in parts:
            for arrays in part.epoch():
                assert all(np.isfinite(array).all() for array in arrays), "读出了 NaN 或无穷"
                break
        if checked:
            found = parts.fingerprint()
            first.append(found)
            assert found == first[0], "读出的与没有弄坏的不同"
            del first[1:]

    return read


def read_old_checkpoint(folder: Path) -> None:
    spec = importlib.util.spec_from_file_location("tools_predict", TOOLS / "predict.py")
    predict = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(predict)
    words = ["--weights", str(folder / "best"), "--input", str(folder / "x.png"), "--json"]
    predict.main(words)


def read_checkpoint(folder: Path) -> None:
    import paddle

    from paddle_notes.engine.checkpoint import load_weights, newest_whole, read_state

    newest_whole(folder)
    state = read_state(folder / "best")
    assert (state["epoch"], state["step"]) == (1, 2), "说明文件被改动过，却读出来了"
    load_weights(paddle.nn.Linear(3, 4), folder / "best")


def read_log(folder: Path) -> None:
    from paddle_notes.analysis.curves import read_metrics
    from paddle_notes.engine.logs import keep_metrics_until

    keep_metrics_until(folder / "metrics.jsonl", 20)
    assert all(record["step"] <= 20 for record in read_metrics(folder / "metrics.jsonl"))


def read_board(folder: Path) -> None:
    from paddle_notes.engine.animation import save_animations
    from paddle_notes.engine.logs import keep_vdl_until

    keep_vdl_until(folder / "vdlrecords.train.log", 10)
    save_animations(folder / "vdlrecords.train.log", folder / "pictures")
    shutil.rmtree(folder / "pictures", ignore_errors=True)


READERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "IDX": (make_mnist, data_reader("mnist", ".")),
    "IDX 的 gz": (make_mnist_gz, data_reader("mnist", ".", checked=True)),
    "CIFAR-10": (make_cifar, data_reader("cifar10", "cifar.tar")),
    "CIFAR-10 的 gz": (make_cifar_gz, data_reader("cifar10", "cifar.tar.gz", checked=True)),
    "Flowers-102": (make_flowers, data_reader("flowers102", ".", image_size=8)),
    "图像文件夹": (make_folder, data_reader("folder", ".", image_size=8)),
    "IMDB": (make_imdb, data_reader("imdb", "imdb.tar.gz", checked=True, tokenizer="word", min_count=1)),
    "房价": (make_houses, data_reader("house_price", "houses.csv")),
    "CSV 的文字": (make_reviews, data_reader("text_table", "reviews.csv", tokenizer="char", min_count=1)),
    "诗的 JSON": (make_poems, data_reader("verse", "poems.json", length=8, min_count=1)),
    "时间序列": (make_series, data_reader("series", "series.csv", target="value", window=8)),
    "句对": (make_pairs, data_reader("pairs", "pairs.txt", min_count=1)),
    "检查点": (make_checkpoint, read_checkpoint),
    "没有校验和的说明": (make_old_checkpoint, read_old_checkpoint),
    "metrics.jsonl": (make_log, read_log),
    "VisualDL": (make_board, read_board),
}


def campaign(count: int, seed: int, work: Path, report: Callable[[str], None]) -> tuple[int, int]:
    """每一种文件弄坏 ``count`` 次；返回做了几次与有问题的几次，每个问题由 ``report`` 说出怎样重现。"""
    done, failed = 0, 0
    for name, (make, read) in READERS.items():
        good = work / name.replace(" ", "_")
        good.mkdir()
        make(good)
        with quiet():
            read(good)
        limit_memory(1 << 30)
        files = sorted(file for file in good.rglob("*") if file.is_file())
        contents = {file: file.read_bytes() for file in files}
        bad = 0
        for number in progress(range(count), name):
            generator = random.Random(f"{seed}/{name}/{number}")
            file = generator.choice(files)
            for other, data in contents.items():
                other.write_bytes(data)
            file.write_bytes(damaged(contents[file], generator))
            said = attempt(read, good, seconds=SECONDS)
            if said:
                bad += 1
                report(f"{name} 第 {number} 次（{file.name}）：{said}")
        shutil.rmtree(good)
        done, failed = done + count, failed + bad
    return done, failed
