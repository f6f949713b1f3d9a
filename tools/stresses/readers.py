"""坏的文件：把一份好的文件随机弄坏再读；结果要么是数据，要么是一句话，十秒之内，不多占 1 GiB 内存。"""

from __future__ import annotations

import gzip
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
from stresses.outcome import attempt, limit_memory

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


def make_mnist(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for prefix, count in (("train", 40), ("t10k", 20)):
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype("uint8")
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images), 1))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(labels), 1))


def make_cifar(folder: Path) -> None:
    generator = np.random.default_rng(0)
    with tarfile.open(folder / "cifar.tar.gz", "w:gz", compresslevel=1) as archive:
        for name in ("data_batch_1", "test_batch"):
            pixels = generator.integers(0, 256, (40, 3072), dtype=np.uint8)
            content = pickle.dumps({b"data": pixels, b"labels": [i % 10 for i in range(40)]}, protocol=2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


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


def make_picture(folder: Path) -> None:
    from PIL import Image

    Image.fromarray(np.arange(3072, dtype=np.uint8).reshape(32, 32, 3)).save(folder / "x.png")


def make_checkpoint(folder: Path) -> None:
    import paddle

    from paddle_notes.engine.checkpoint import save_checkpoint

    model = paddle.nn.Linear(3, 4)
    save_checkpoint(folder / "best", model.state_dict(), {}, {"epoch": 1, "step": 2, "best": {}, "model": {}})


def make_log(folder: Path) -> None:
    lines = [json.dumps({"split": "train", "epoch": 1, "step": i, "loss": 1 / (i + 1)}) for i in range(30)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_board(folder: Path) -> None:
    from visualdl import LogWriter

    with LogWriter(str(folder), file_name="vdlrecords.train.log") as writer:
        for step in range(20):
            writer.add_scalar("train/loss", 1 / (step + 1), step)


# ---------------------------------------------------------------- 读


def data_reader(name: str, path: str, **options) -> Callable[[Path], None]:
    """照 data.name 读，再取每一份的第一批。"""

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

    return read


def read_picture(folder: Path) -> None:
    from paddle_notes.data.images import Preprocess

    image = Preprocess(3, 28, (0.5,) * 3, (0.5,) * 3, 32).read(folder / "x.png")
    assert image.shape == (3, 28, 28) and image.dtype == np.uint8


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
    from paddle_notes.engine.logs import keep_vdl_until

    keep_vdl_until(folder / "vdlrecords.train.log", 10)


READERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "IDX": (make_mnist, data_reader("mnist", ".")),
    "CIFAR-10": (make_cifar, data_reader("cifar10", "cifar.tar.gz")),
    "CSV 的文字": (make_reviews, data_reader("text_table", "reviews.csv", tokenizer="char", min_count=1)),
    "诗的 JSON": (make_poems, data_reader("verse", "poems.json", length=8, min_count=1)),
    "时间序列": (make_series, data_reader("series", "series.csv", target="value", window=8)),
    "句对": (make_pairs, data_reader("pairs", "pairs.txt", min_count=1)),
    "图像": (make_picture, read_picture),
    "检查点": (make_checkpoint, read_checkpoint),
    "metrics.jsonl": (make_log, read_log),
    "VisualDL": (make_board, read_board),
}


def campaign(count: int, seed: int, work: Path, report: Callable[[str], None]) -> tuple[int, int]:
    """每一种文件弄坏 ``count`` 次；返回做了几次与有问题的几次，每个问题由 ``report`` 说出怎样重现。"""
    limit_memory()
    done, failed = 0, 0
    for name, (make, read) in READERS.items():
        good = work / name.replace(" ", "_")
        good.mkdir()
        make(good)
        read(good)
        files = sorted(file for file in good.iterdir() if file.is_file())
        contents = {file: file.read_bytes() for file in files}
        bad = 0
        for number in range(count):
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
