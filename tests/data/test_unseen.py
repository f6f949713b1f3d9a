"""没有见过测试部分：对文字、序列、表格的每一种数据，把验证或测试部分换成别的内容，

训练的批、词表、缩放、网络的选项、对照拟合出的东西逐位不变。每种数据换的都是划分之后的那一份，
其余照真正的读取函数走。
"""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pandas as pd
import pytest

from paddle_notes.config import parse_config
from paddle_notes.data import build_data, captions, language, pairs, series, tables, text
from paddle_notes.data.splits import split_three

STRANGE = "龘靐齉爩"  # 别处没有的字
PARTS = ("train", "valid", "test")


# ---------------------------------------------------------------- 各种数据的小样本


def write_reviews(folder) -> None:
    for name, word in (("neg.txt", "糟糕"), ("pos.txt", "很好")):
        lines = [f"第{i}家{word}，房间{i * 7 % 13}号" for i in range(30)]
        (folder / name).write_text("\n".join(lines), encoding="utf-8")


def write_imdb(folder) -> None:
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        for i in range(40):
            content = f"film {i} is {'good' if i % 2 else 'bad'} number {i * 7 % 13}".encode()
            part, kind = "train" if i < 30 else "test", "pos" if i % 2 else "neg"
            member = tarfile.TarInfo(f"aclImdb/{part}/{kind}/{i}_1.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def sentences(count: int) -> list[str]:
    """``count`` 句互不相同的话。"""
    return [f"第{chr(0x4E00 + i)}日，天气晴，气温{i * 7 % 29}度。" for i in range(count)]


def write_lines(folder) -> None:
    (folder / "a.txt").write_text("\n".join(sentences(60)), encoding="utf-8")


def write_tagged(folder) -> None:
    lines = ["  ".join(f"{c}/n" for c in line) for line in sentences(60)]
    (folder / "199801.txt").write_text("\n".join(lines), encoding="utf-8")


def write_table(folder) -> None:
    rows = [f"第{i}家{'很好' if i % 2 else '糟糕'},{i % 2}" for i in range(60)]
    (folder / "a.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")


def write_pairs(folder) -> None:
    rows = [f"number {i} of {i * 7 % 13}\t第{i}，共{i * 7 % 13}" for i in range(80)]
    (folder / "a.txt").write_text("\n".join(rows), encoding="utf-8")


def write_series(folder) -> None:
    values = np.sin(np.arange(150)) + np.random.default_rng(0).normal(size=150)
    cells = ["" if i in (30, 96, 97, 120) else f"{value:.4f}" for i, value in enumerate(values)]
    (folder / "a.csv").write_text("\n".join(["x", *(f'"{cell}"' for cell in cells)]), encoding="utf-8")


def write_houses(folder) -> None:
    rows = [f"{i % 9},{'东西南'[i % 3]},{10 + i % 7}" for i in range(60)]
    (folder / "a.csv").write_text("\n".join(["面积,朝向,SalePrice", *rows]), encoding="utf-8")


# ---------------------------------------------------------------- 换掉一份


def change_texts(patch, part: int) -> None:
    """划分之后、数词表之前，换掉一份的文字，标签也反过来。"""
    make_sets = text.make_sets

    def changed(parts, names, config):
        texts, labels = parts[part]
        parts = list(parts)
        parts[part] = [STRANGE * (i + 1) for i in range(len(texts))], len(names) - 1 - labels
        return make_sets(parts, names, config)

    patch.setattr(text, "make_sets", changed)


def change_language(patch, part: int) -> None:
    divide = language.divide

    def changed(documents, config):
        parts = divide(documents, config)
        parts[part] = [STRANGE[i % 4] for i in range(len(parts[part]))]
        return parts

    patch.setattr(language, "divide", changed)


def change_pairs(patch, part: int) -> None:
    split_pairs = pairs.split_pairs

    def changed(*args):
        parts = list(split_pairs(*args))
        parts[part] = [(f"strange {STRANGE} {i}", STRANGE * (i + 1)) for i in range(len(parts[part]))]
        return parts

    patch.setattr(pairs, "split_pairs", changed)


def change_series(patch, part: int) -> None:
    """换掉一份的值，其中一个还缺失。"""
    split = series.split

    def changed(values, config, name):
        values = np.array(values, "float64")
        end = len(values) if part == 2 else len(values) - round(len(values) * config.test_fraction)
        share = config.test_fraction if part == 2 else config.valid_fraction
        start = end - round(len(values) * share)
        values[start:end] = values[start:end] * -30 + 1000
        values[start] = np.nan
        return split(values, config, name)

    patch.setattr(series, "split", changed)


def change_table(patch, part: int) -> None:
    """换掉一份的行：数变大，文字是没有过的取值，数的一列里混进文字。"""
    split_table = tables.split_table

    def changed(table, values, config, log):
        rows = tables.split_folds(len(values), config.num_folds, config.fold)[part]
        table, values = table.copy(), np.array(values)
        for column in table:
            cells = table[column].astype(object).to_numpy().copy()
            cells[rows] = [STRANGE if isinstance(cell, str) else cell * 50 + 7 for cell in cells[rows]]
            table[column] = pd.Series(cells).infer_objects()
        first = table.columns[0]
        table[first] = table[first].astype(object)
        table.loc[rows[0], first] = STRANGE
        values[rows] = values[rows] * 3 + 1
        return split_table(table, values, config, log)

    patch.setattr(tables, "split_table", changed)


def change_digits(patch, part: int) -> None:
    """换掉 mnist5k 的一份图像。"""
    images, labels = captions.read_mnist5k()
    images = images.copy()
    images[split_three(labels)[part]] ^= 255
    patch.setattr(captions, "read_mnist5k", lambda: (images, labels))


LSTM = {"name": "char_lstm"}
CASES = {
    "reviews": (write_reviews, {"tokenizer": "char"}, change_texts),
    "imdb": (write_imdb, {"path": "a.tar.gz", "tokenizer": "word"}, change_texts),
    "text_table": (write_table, {"path": "a.csv", "tokenizer": "jieba"}, change_texts),
    "newspaper": (write_tagged, {"min_count": 1, "length": 16, "batch_size": 4}, change_language),
    "text": (write_lines, {"path": "a.txt", "carry": False, "length": 16, "batch_size": 4}, change_language),
    "verse": (write_lines, {"path": "a.txt", "min_count": 1, "length": 16, "batch_size": 4}, change_language),
    "pairs": (write_pairs, {"path": "a.txt", "valid_fraction": 0.2, "test_fraction": 0.2}, change_pairs),
    "series": (write_series, {"path": "a.csv", "window": 6, "period": 6}, change_series),
    "sunspots": (None, {"window": 24, "period": 11}, change_series),
    "co2": (None, {"window": 52, "period": 52, "difference": True}, change_series),
    "house_price": (write_houses, {"path": "a.csv"}, change_table),
    "synthetic_linear": (None, {}, change_table),
    "caption_digits": (None, {"num_train": 60, "num_valid": 20}, change_digits),
}


def batches_of(part) -> list[np.ndarray]:
    """两轮的全部批。"""
    return [array for epoch in (0, 1) for batch in part.epoch(epoch) for array in batch]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second))


@pytest.mark.parametrize("changed", ["valid", "test"])
@pytest.mark.parametrize("name", CASES)
def test_nothing_else_changes(name, changed, tmp_path, monkeypatch):
    write, options, change = CASES[name]
    if write is not None:
        write(tmp_path)
    if "path" in options:
        options = {**options, "path": str(tmp_path / options["path"])}
    for module in (text, language):  # 随别的包安装的文件换成小的
        monkeypatch.setattr(module, "package_file", lambda *parts: tmp_path / parts[-1])
    config = parse_config({"model": LSTM, "data": {"name": name, **options}}).data

    before = build_data(config, 0)
    with monkeypatch.context() as patch:
        change(patch, PARTS.index(changed))
        after = build_data(config, 0)

    assert not same(batches_of(getattr(before, changed)), batches_of(getattr(after, changed)))
    assert before.train.info() == after.train.info()  # 词表、缩放、网络的选项
    assert same(batches_of(before.train), batches_of(after.train))
    (other,) = {"valid", "test"} - {changed}
    if not (change is change_series and other == "test"):  # 测试的窗口本来就伸进验证部分
        assert same(batches_of(getattr(before, other)), batches_of(getattr(after, other)))
    # 两次的对照评判的是同样的验证与测试，得分逐位相同，拟合出的就是同一个
    judged = {"valid": before.valid, "test": before.test}
    scores = [parts.train.baselines(judged) for parts in (before, after)]
    assert scores[0] == scores[1]
    assert bool(scores[0]) == (name != "caption_digits")


def test_every_data_set_is_covered():
    """文字、序列、表格的每一种数据都在这里；日期由程序现造，按日期本身分，见 test_pairs.py。"""
    from paddle_notes.config import DATA_SECTIONS

    mine = ("tables", "series", "text", "language", "captions", "pairs", "dates")
    names = {
        name
        for section in DATA_SECTIONS
        for name, where in section.readers.items()
        if where.split(":")[0] in mine
    }
    assert names == {*CASES, "chinese_dates"}
