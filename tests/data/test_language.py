"""语言模型的数据：目标是下一个字符，相邻两批首尾相接，诗守着行与首，坏的文件。"""

from __future__ import annotations

import json

import numpy as np
import pytest

from paddle_notes.config import LanguageData
from paddle_notes.data import build_data
from paddle_notes.data.language import LanguageSet
from paddle_notes.data.vocabulary import Vocabulary
from paddle_notes.errors import UserError
from paddle_notes.tokens import END, PAD, UNKNOWN


def batches(count: int, **options):
    """``count`` 个互不相同的编号，从 1 起。"""
    config = LanguageData(**{"name": "text", "batch_size": 3, "length": 4, **options})
    dataset = LanguageSet(np.arange(1, count + 1), Vocabulary([]), "x", config.carry, config.length, 0)
    return lambda training=False, seed=0: dataset.batches(config, training, seed)


@pytest.mark.parametrize("count", [2, 3, 12, 13, 25, 26, 28, 40, 41])
@pytest.mark.parametrize("carry", [True, False])
def test_every_character_is_predicted_once_from_the_one_before(count, carry):
    data = batches(count, carry=carry)()
    pairs = []
    for inputs, targets in data.epoch():
        assert inputs.shape == targets.shape and inputs.dtype == targets.dtype == np.int64
        inside = targets != PAD
        assert inside.any() and np.array_equal(inside, inputs != PAD)
        assert (targets[inside] == inputs[inside] + 1).all()
        pairs += targets[inside].tolist()
    assert sorted(pairs) == list(range(2, count + 1))
    assert data.num_samples == count - 1 and len(list(data.epoch())) == len(data)


@pytest.mark.parametrize("training", [True, False])
def test_carried_batches_continue_each_other(training):
    """第 n 批的第 i 行接着第 n − 1 批的第 i 行。"""
    data = batches(100)(training)
    rows = [np.concatenate([batch[0][i] for batch in data.epoch(7)]) for i in range(3)]
    for row in rows:
        row = row[row != PAD]
        assert np.array_equal(row, np.arange(row[0], row[-1] + 1))
    assert [row[0] for row in rows] == [1, 34, 67]


def test_resuming_gives_the_remaining_batches():
    for carry in (True, False):
        data = batches(100, carry=carry)(True)
        whole, rest = list(data.epoch(2)), list(data.epoch(2, 3))
        assert len(rest) == len(whole) - 3
        assert all(np.array_equal(a[0], b[0]) for a, b in zip(whole[3:], rest))


def test_independent_windows_move_every_epoch():
    data = batches(100, carry=False)(True)
    first, again = ([batch[0] for batch in data.epoch(0)] for _ in range(2))
    other = [batch[0] for batch in data.epoch(1)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other))
    seen = np.concatenate([batch.ravel() for epoch in range(10) for batch, _ in data.epoch(epoch)])
    assert set(seen) - {PAD} == set(range(1, 100))


def test_windows_of_an_epoch_start_at_every_phase():
    """各段平移得不一样多：位置与文字的节律（如每首诗 26 个字）没有固定的关系。"""
    data = batches(4 * 100 + 1, carry=False)(True)
    phases = [int(row[0]) % 4 for inputs, _ in data.epoch(3) for row in inputs]
    assert all(15 < phases.count(phase) < 35 for phase in range(4))


# ---------------------------------------------------------------- 文本


def text(tmp_path, content: str, **options):
    file = tmp_path / "a.txt"
    file.write_text(content, encoding="utf-8")
    return build_data(LanguageData(**{"name": "text", "path": str(file), "min_count": 1, **options}), 0)


def read(data) -> str:
    """一份数据的全部文字，不认识的是 □。"""
    tokens = data.dataset.vocabulary.tokens
    return "".join("□" if i == UNKNOWN else "/" if i == END else tokens[i] for i in data.dataset.ids)


def test_lines_are_kept_whole(tmp_path):
    lines = "春眠不觉晓\n\n  \n处处闻啼鸟\n夜来风雨声\n花落知多少"
    train, valid, test = text(tmp_path, lines, valid_fraction=0.25, test_fraction=0.25)
    assert read(train) == "春眠不觉晓\n处处闻啼鸟\n"
    assert read(valid) == read(test) == "□□□□□\n"
    assert train.info() == valid.info() == test.info()
    assert train.info().vocabulary[train.info().boundary] == "\n"


def test_repeated_lines_stay_on_one_side(tmp_path):
    """前面的份里有过的行从后面的份里去掉，标点与大小写不算区别；一份之内的重复留着。"""
    lines = (
        ["新华社电"] * 3 + [f"第{i}天的新闻" for i in "一二三四五六七八九十"] + ["新华社电！", "第一天的新闻"]
    )
    train, valid, test = text(tmp_path, "\n".join(lines), valid_fraction=0.2, test_fraction=0.3)
    assert read(train).startswith("新华社电\n" * 3)
    kept = [line for part in (train, valid, test) for line in read(part).replace("□", "").split("\n")]
    assert kept.count("新华社电") == 3 and not any("！" in line for line in kept)
    assert read(valid) == read(test) == "第□天的新闻\n" * 3


def test_one_line_is_cut_in_the_middle(tmp_path):
    train, valid, test = text(tmp_path, "一二" * 10, valid_fraction=0.2, test_fraction=0.2)
    assert read(train) == "一二" * 6 and read(valid) == "一二" * 2
    assert read(test) == "一二" * 2 + "□"  # 换行只在测试部分
    assert train.info().boundary == UNKNOWN


def test_max_chars_and_rare_characters(tmp_path):
    lines = [f"天地{chr(0x4E00 + i)}黄\n" for i in range(100)]
    parts = text(tmp_path, "".join(lines), max_chars=200, min_count=2)
    assert sum(len(read(part)) for part in parts) == 200
    assert "□" in read(parts.train) and set(read(parts.train)) == set("天地黄□\n")


def test_surrogates_and_bom(tmp_path):
    file = tmp_path / "a.txt"
    lines = "".join("天" * i + "地\r\n" for i in range(1, 20))
    file.write_bytes("\ufeff天地\r\n".encode() + b"\xed\xa0\x80" + lines.encode())
    parts = build_data(LanguageData(name="text", path=str(file), min_count=1), 0)
    assert set("".join(map(read, parts))) == set("天地\n")


def test_one_huge_line(tmp_path):
    """100 万字的一行。"""
    parts = text(tmp_path, "天地玄黄宙" * 200_000)
    assert sum(part.num_samples for part in parts) + 3 == 1_000_001
    assert len(parts.train.info().vocabulary) == 4 + 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "没有文字"),
        (" \n\n", "没有文字"),
        ("春", "文本太短"),
        ("春眠", "文本太短"),
        ("春眠不觉晓\n" * 20, "后面的各行在前面都有"),
    ],
)
def test_bad_texts(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        text(tmp_path, content)


def test_paths():
    for name in ("text", "verse"):
        with pytest.raises(UserError, match=r"要用 -o data\.path"):
            build_data(LanguageData(name=name), 0)
    with pytest.raises(UserError, match=r"不需要 data\.path"):
        build_data(LanguageData(name="newspaper", path="a"), 0)


def test_newspaper_baselines():
    """《人民日报》的开头：标记都去掉了，对照在同样的划分上。"""
    parts = build_data(LanguageData(name="newspaper", max_chars=60_000), 0)
    whole = read(parts.train)
    assert whole.startswith("迈向充满希望的新世纪") and "/" not in whole
    found = parts.baselines()
    for part in ("valid", "test"):
        assert found["一元模型"][part]["perplexity"] > 2 * found["二元模型"][part]["perplexity"]
        for metrics in found.values():
            assert np.isclose(2 ** metrics[part]["bits_per_char"], metrics[part]["perplexity"])


# ---------------------------------------------------------------- 诗

POEMS = [["春眠不觉晓，", "处处闻啼鸟。"], ["白日依山尽，", "黄河入海流。"], ["床前明月光，", "疑是地上霜。"]]


def verse(tmp_path, content: str, name: str = "a.txt", **options):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    return build_data(LanguageData(**{"name": "verse", "path": str(file), "min_count": 1, **options}), 0)


@pytest.mark.parametrize("form", ["json", "blank lines", "one line each"])
def test_verse(tmp_path, form):
    """行与行之间是换行，一首之后是结束符，一首不会切成两半。"""
    between = "\n"
    if form == "json":
        content, name = json.dumps([{"paragraphs": poem, "title": "x"} for poem in POEMS]), "a.json"
    elif form == "blank lines":
        content, name = "\n \n".join("\n".join(poem) for poem in POEMS) + "\n\n", "a.txt"
    else:
        content, name, between = "\n".join("".join(poem) for poem in POEMS) + "\n\n", "a.txt", ""
    parts = verse(tmp_path, content, name, valid_fraction=0.3, test_fraction=0.3, min_count=1)
    poems = [between.join(poem) for poem in POEMS]
    assert read(parts.train) in [f"{poem}/" for poem in poems]  # 次序打乱了，却是固定的
    for part in parts[1:]:
        assert len(read(part)) == len(poems[0]) + 1 and read(part)[-1] == "/"


def test_verse_is_shuffled_before_it_is_split(tmp_path):
    """选集按体裁排列：五言在前，七言在后，两部分里的比例应相近。"""
    numbers = [chr(0x4E00 + i) + chr(0x5E00 + i) for i in range(400)]
    content = "\n".join([f"{n}三四五" for n in numbers[:200]] + [f"{n}三四五六七" for n in numbers[200:]])
    parts = verse(tmp_path, content, valid_fraction=0.2, test_fraction=0.2)
    for data in parts:
        lines = read(data).split("/")[:-1]
        assert 0.35 < sum(len(line) == 7 for line in lines) / len(lines) < 0.65
    again = verse(tmp_path, content, valid_fraction=0.2, test_fraction=0.2, batch_size=7)
    assert read(again.train) == read(parts.train)


def test_max_chars_keeps_whole_poems(tmp_path):
    content = "\n".join(chr(0x4E00 + i) + "二三四五" for i in range(60))
    parts = verse(tmp_path, content, max_chars=101)
    assert "".join(map(read, parts)).count("二三四五/") == 16
    assert sum(len(read(part)) for part in parts) == 16 * 6


def test_identical_poems_are_kept_once(tmp_path):
    """同一首诗出现三次，标点不同：只留一首，不会一首在训练、一首在测试。"""
    poems = [f"{chr(0x4E00 + i)}二三四五{mark}" for mark in ("", "。", "！") for i in range(20)]
    parts = verse(tmp_path, "\n".join(poems), valid_fraction=0.2, test_fraction=0.2)
    assert [read(part).count("二三四五/") for part in parts] == [12, 4, 4]


def test_lone_surrogates_in_json(tmp_path):
    poems = [{"paragraphs": [f"春\ud83d{c}", ""]} for c in "眠花江月夜"] + [{"paragraphs": []}]
    parts = verse(tmp_path, json.dumps(poems), "a.json", valid_fraction=0.2, test_fraction=0.2)
    assert [len(read(part)) for part in parts] == [9, 3, 3]
    assert all(set(read(part)) <= set("春眠花江月夜□/") for part in parts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "不是合法的 JSON"),
        ("{}", "应是一个列表"),
        ('["春"]', "应是一个列表"),
        ('[{"title": "春"}]', "应是一个列表"),
        ('[{"paragraphs": "春眠"}]', "应是一个列表"),
        ('[{"paragraphs": [1]}]', "应是一个列表"),
        ("[]", "里没有诗"),
        ('[{"paragraphs": ["春"]}]', "文本太短"),
    ],
)
def test_bad_verse(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        verse(tmp_path, content, "a.json")
