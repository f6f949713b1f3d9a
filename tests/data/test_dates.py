"""中文日期：现造的都对，验证与测试的日期训练从不出现。"""

from __future__ import annotations

import datetime
import random
import re
import unicodedata

import numpy as np
import pytest

from paddle_notes.config import PairData
from paddle_notes.data import build_data, dates
from paddle_notes.errors import UserError
from paddle_notes.tokens import BEGIN, END, UNKNOWN

DATES = PairData(name="chinese_dates", num_train=600, num_valid=300)

VALUES = {
    **{c: i for i, c in enumerate("零一二三四五六七八九")},
    **{c: i for i, c in enumerate("零壹贰叁肆伍陆柒捌玖")},
    **{"〇": 0, "○": 0, "元": 1, "正": 1},
    **{str(i): i for i in range(10)},
}
UNITS = {"十": 10, "拾": 10, "百": 100, "千": 1000}


def read_number(text: str) -> int:
    """另写的一个读数的办法：有单位（十、百、千）时按单位，否则逐位。"""
    if not any(c in UNITS for c in text):
        return int("".join(str(VALUES[c]) for c in text))
    total, digit = 0, None
    for c in text:
        if c in UNITS:
            total += UNITS[c] * (digit if digit else 1)
            digit = None
        else:
            digit = VALUES[c]
    return total + (digit or 0)


def parse(text: str) -> datetime.date:
    text = unicodedata.normalize("NFKC", text.replace("〇", "零")).removeprefix("公元")
    parts = re.fullmatch(r"(.+)[年](.+)月(.+)[日号]", text) or re.fullmatch(r"(.+)[-/.](.+)[-/.](.+)", text)
    return datetime.date(*map(read_number, parts.groups()))


def test_every_way_of_writing_is_right():
    """用另一个程序把各种写法读回来，四千个全对，而且各种写法都出现过。"""
    generator, seen = random.Random(0), []
    for _ in range(4000):
        day = dates.FIRST_DAY + datetime.timedelta(generator.randrange(dates.NUM_DAYS))
        text = dates.write_date(day, generator)
        assert parse(text) == day, text
        assert set(text) <= set(dates.SOURCE_CHARACTERS), text
        seen.append(text)
    for pattern in (
        "元月",
        "正月",
        "一月",
        "〇",
        "零",
        "○",
        "千",
        "壹",
        "２",
        "号",
        "公元",
        "-",
        "/",
        r"\.",
        "二十",
    ):
        assert any(re.search(pattern, text) for text in seen), pattern
    assert set("".join(seen)) == set(dates.SOURCE_CHARACTERS)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1900, "一千九百"),
        (1905, "一千九百零五"),
        (1998, "一千九百九十八"),
        (2000, "二千"),
        (2010, "二千零一十"),
    ],
)
def test_thousands(number, text):
    assert dates.count_in_thousands(number) == text
    assert read_number(text) == number


def test_capitals_of_a_cheque():
    """月、日是壹至玖、壹拾、贰拾、叁拾时前面加零。"""
    written = {n: dates.count_in_capitals(n, padded=True) for n in (2, 10, 12, 20, 31)}
    assert written == {2: "零贰", 10: "零壹拾", 12: "壹拾贰", 20: "零贰拾", 31: "叁拾壹"}
    assert dates.count_in_capitals(10, padded=False) == "壹拾"


def test_the_three_parts_share_no_date():
    days = [dates.FIRST_DAY + datetime.timedelta(i) for i in range(dates.NUM_DAYS)]
    parts = {name: {d.isoformat() for d in days if dates.part_of(d) == name} for name in ("valid", "test")}
    for chosen in parts.values():
        assert abs(len(chosen) / len(days) - 1 / dates.HELD_OUT) < 0.005
    train, valid, test = dates.load(DATES)
    trained = {train.sample(epoch, index)[1] for epoch in range(5) for index in range(600)}
    assert trained.isdisjoint(parts["valid"] | parts["test"])
    for data, chosen in ((valid, parts["valid"]), (test, parts["test"])):
        found = {target for (target,) in data.texts()[1]}
        assert found <= chosen and len(found) > 250


def test_dates_depend_only_on_seed_epoch_and_index():
    def batches(seed, epoch, start=0, batch_size=64):
        data, _, _ = build_data(DATES.model_copy(update={"batch_size": batch_size}), seed)
        return list(data.epoch(epoch, start))

    first, again = batches(0, 2), batches(0, 2)
    assert all(np.array_equal(a, b) for x, y in zip(first, again) for a, b in zip(x, y))
    later = batches(0, 2, start=4)
    assert len(later) == len(first) - 4
    assert all(np.array_equal(a, b) for x, y in zip(first[4:], later) for a, b in zip(x, y))
    whole = [
        sorted(map(tuple, np.concatenate([b[1] for b in batches(*key)]))) for key in ((0, 2), (0, 3), (1, 2))
    ]
    assert whole[0] != whole[1] and whole[0] != whole[2]
    small = np.concatenate([b[1] for b in batches(0, 2, batch_size=7)])
    assert sorted(map(tuple, small)) == whole[0]  # 与批大小无关


def test_date_batch():
    data, valid, test = build_data(DATES, 0)
    sources, targets, _ = next(iter(data.epoch(0)))
    assert sources.shape[0] == targets.shape[0] == 64 and targets.shape[1] == 12
    assert (targets[:, 0] == BEGIN).all() and (targets[:, -1] == END).all()
    assert not (sources == UNKNOWN).any() and not (targets == UNKNOWN).any()
    info = data.info()
    assert info == valid.info() == test.info()
    assert info.max_length == 11
    assert info.facts() == {
        "src_vocab_size": len(info.source_vocabulary),
        "tgt_vocab_size": len(info.target_vocabulary),
    }
    text = "".join(valid.dataset.targets.decode(targets[0]))
    assert parse("".join(valid.dataset.sources.decode(sources[0]))).isoformat() == text
    for part in (1, 2):  # 验证与测试的样本与种子无关
        first, other = (next(iter(build_data(DATES, seed)[part].epoch())) for seed in (0, 9))
        assert all(np.array_equal(a, b) for a, b in zip(first, other))


def test_dates_need_no_path():
    with pytest.raises(UserError, match=r"不需要 data.path"):
        dates.load(DATES.model_copy(update={"path": "a.txt"}))
