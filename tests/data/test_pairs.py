"""成对的文本：现造的日期都对、验证与测试的日期训练从不出现；句对文件的读取、划分、对照。"""

from __future__ import annotations

import datetime
import random
import re
import unicodedata

import numpy as np
import pytest

from paddle_notes.config import PairData
from paddle_notes.data import build_data, pairs
from paddle_notes.data.text import normalized
from paddle_notes.data.vocabulary import BEGIN, END, UNKNOWN
from paddle_notes.errors import UserError

DATES = PairData(name="chinese_dates", num_train=600, num_valid=300)

# ---------------------------------------------------------------- 中文日期

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
        day = pairs.FIRST_DAY + datetime.timedelta(generator.randrange(pairs.NUM_DAYS))
        text = pairs.write_date(day, generator)
        assert parse(text) == day, text
        assert set(text) <= set(pairs.SOURCE_CHARACTERS), text
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
    assert set("".join(seen)) == set(pairs.SOURCE_CHARACTERS)


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
    assert pairs.count_in_thousands(number) == text
    assert read_number(text) == number


def test_capitals_of_a_cheque():
    """月、日是壹至玖、壹拾、贰拾、叁拾时前面加零。"""
    written = {n: pairs.count_in_capitals(n, padded=True) for n in (2, 10, 12, 20, 31)}
    assert written == {2: "零贰", 10: "零壹拾", 12: "壹拾贰", 20: "零贰拾", 31: "叁拾壹"}
    assert pairs.count_in_capitals(10, padded=False) == "壹拾"


def test_the_three_parts_share_no_date():
    days = [pairs.FIRST_DAY + datetime.timedelta(i) for i in range(pairs.NUM_DAYS)]
    parts = {name: {d.isoformat() for d in days if pairs.part_of(d) == name} for name in ("valid", "test")}
    for dates in parts.values():
        assert abs(len(dates) / len(days) - 1 / pairs.HELD_OUT) < 0.005
    train, valid, test = pairs.load_dates(DATES)
    trained = {train.sample(epoch, index)[1] for epoch in range(5) for index in range(600)}
    assert trained.isdisjoint(parts["valid"] | parts["test"])
    for data, dates in ((valid, parts["valid"]), (test, parts["test"])):
        found = {target for (target,) in data.texts()[1]}
        assert found <= dates and len(found) > 250


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
        pairs.load_dates(DATES.model_copy(update={"path": "a.txt"}))


# ---------------------------------------------------------------- 句对文件

SENTENCES = [
    ("I like cats.", "我喜欢猫。"),
    ("i like cats!", "我喜欢猫！"),
    ("I like cats.", "我很喜欢猫。"),
    ("You like dogs.", "你喜欢狗。"),
    ("He likes tea.", "他喜欢茶。"),
    ("She likes milk.", "她喜欢牛奶。"),
    ("We like cats.", "我们喜欢猫。"),
    ("They like tea.", "他们喜欢茶。"),
]


@pytest.fixture
def write(tmp_path):
    def make(text: str, encoding: str = "utf-8", **options) -> PairData:
        path = tmp_path / "pairs.txt"
        path.write_bytes(text.encode(encoding))
        fractions = {"valid_fraction": 0.2, "test_fraction": 0.2}
        return PairData(name="pairs", path=str(path), min_count=1, **fractions, **options)

    return make


def lines(sentences=SENTENCES, tail: str = "\tCC-BY") -> str:
    return "".join(f"{a}\t{b}{tail}\n" for a, b in sentences)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_reads_pairs(write, encoding, tmp_path):
    config = write("\n" + lines().replace("\n", "\r\n"), encoding)
    assert pairs.read_pairs(tmp_path / "pairs.txt") == SENTENCES
    parts = pairs.load_pairs(config)
    assert sorted(pair for part in parts for pair in part.pairs) == sorted(SENTENCES)


def test_reads_the_export_of_tatoeba(tmp_path):
    """四列：编号、英文、编号、中文。英文恰是数字的普通两列不会认错。"""
    path = tmp_path / "pairs.tsv"
    path.write_text("12\tHello.\t345\t你好。\n13\tBye.\t346\t再见。\n1998\t一九九八\n", encoding="utf-8")
    assert pairs.read_pairs(path) == [("Hello.", "你好。"), ("Bye.", "再见。"), ("1998", "一九九八")]


def test_split_shares_no_sentence(write):
    """40 组，每组 3 种英文写法、3 个译文，另有一句的译文与下一组的相同：同组的总在同一份里。"""
    forms = ("I have {} cats.", "i have {} cats!", "I have  {} cats")
    sentences = [(form.format(i), f"我有{i}只猫{k}。") for k, form in enumerate(forms) for i in range(40)]
    sentences += [(f"There are {i} cats", f"我有{i}只猫1！") for i in range(40)]
    parts = pairs.load_pairs(write(lines(sentences)))
    for side in range(2):
        texts = [{normalized(pair[side]) for pair in part.pairs} for part in parts]
        assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    assert [len(part) for part in parts] == [24 * 4, 8 * 4, 8 * 4]


def test_sentences_linked_in_a_chain_stay_together():
    """甲与乙英文相同，乙与丙中文相同，三对是一组；最大的一组总归训练。"""
    chain = [("a", "甲"), ("A!", "乙"), ("b", "乙。"), ("b", "丙"), ("c", "丙")]
    single = [(f"w{i}", f"第{i}") for i in range(9)]
    assert sorted(map(len, pairs.connected(chain + single))) == [1] * 9 + [5]
    train, valid, test = pairs.split_pairs(chain + single, 0.4, 0.4)
    assert set(chain) <= set(train) and (len(train), len(valid), len(test)) == (6, 4, 4)
    assert pairs.connected([("?", "甲"), ("a", "！"), ("b", "乙"), ("b", "乙")]) == [[("b", "乙")]]


def test_split_does_not_depend_on_the_order_of_the_file():
    forward, backward = (pairs.split_pairs(part, 0.2, 0.2) for part in (SENTENCES, SENTENCES[::-1]))
    assert [set(part) for part in forward] == [set(part) for part in backward]


def test_batches_of_pairs(write):
    train, valid, test = build_data(write(lines(), batch_size=2), 0)
    info = train.info()
    assert info == valid.info() == test.info() and info.max_length == 49
    assert info.source_tokenizer == "word" and info.target_tokenizer == "char"
    assert "cats" in info.source_vocabulary or "tea" in info.source_vocabulary
    found = []
    for sources, targets, _ in train.epoch(1):
        assert (targets[:, 0] == BEGIN).all() and ((targets == END).sum(1) == 1).all()
        found += ["".join(train.dataset.targets.decode(row)) for row in targets]
        assert sources.min(axis=1).min() >= 0
    assert sorted(found) == sorted(b for _, b in train.dataset.pairs)
    words = {word for a, _ in train.dataset.pairs for word in re.findall(r"\w+|[^\w\s]", a.lower())}
    assert set(info.source_vocabulary[4:]) == words  # 词表只由训练部分数出


def test_references_of_a_source_share_a_batch():
    """评估时一个样本是一个不同的源句，它的各个译文在同一批里；次序按长度。"""
    rows = [(f"w{i}", f"{'长' * (i % 7)}{k}") for k in range(3) for i in range(20) if (i + k) % 3 or k == 0]
    data = pairs.PairSet(rows, *(pairs.Vocabulary.count([]) for _ in range(2)), 9)
    batches = data.batches(PairData(name="pairs", batch_size=6))
    assert (batches.num_samples, len(batches)) == (20, 4)
    indices = batches.indices(0)
    assert np.array_equal(np.sort(np.concatenate(indices)), np.arange(len(rows)))
    groups = [set(data.groups[index].tolist()) for index in indices]
    assert [len(group) for group in groups] == [6, 6, 6, 2] and len(set().union(*groups)) == 20
    assert np.array_equal(next(batches.epoch())[2], data.groups[indices[0]])
    sources, references = data.texts()
    assert sources == [f"w{i}" for i in range(20)]
    assert references == [[b for a, b in rows if a == source] for source in sources]


def test_long_pairs_are_dropped(write):
    parts = pairs.load_pairs(write(lines([*SENTENCES, ("a b c d e f g h", "长")]), max_length=6))
    assert all(a != "a b c d e f g h" for part in parts for a, _ in part.pairs)


def test_retrieval_and_scores(write):
    train = [("i like cats .", "我喜欢猫。"), ("he drinks tea .", "他喝茶。")]
    assert pairs.retrieve(train, ["We like cats.", "Who drinks tea?", "xyz"]) == [
        "我喜欢猫。",
        "他喝茶。",
        "",
    ]
    same = pairs.translation_scores(["我喜欢猫。", "他喝茶。"], [["我喜欢猫。"], ["他喝茶。"]])
    assert same == pytest.approx({"bleu": 100, "chrf": 100, "sentence_accuracy": 1})
    # 中文按字切开：4 个字里错 1 个，一元组 3/4、二元组 1/2 ……，不切开则整句是一个词，得 0 分
    other = pairs.translation_scores(["我很喜欢吃鱼"], [["我很喜欢吃肉"]])
    assert other["bleu"] == pytest.approx(100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    assert 0 < other["chrf"] < 100 and other["sentence_accuracy"] == 0
    train, valid, test = pairs.load_pairs(write(lines()))
    found = train.baselines({"valid": valid, "test": test})
    assert set(found) == {"最近邻检索"} and set(found["最近邻检索"]) == {"valid", "test"}


def test_any_reference_will_do():
    """有几个参考译文时与每一个比：译文等于第二个，也是满分；各句的参考译文可以不一样多。"""
    references = [["多少钱一斤？"], ["我很喜欢吃鱼。", "鱼我很喜欢吃。", "我爱吃鱼。"]]
    answers = ["多少钱 一斤？", "鱼我很喜欢吃。"]
    scores = pairs.translation_scores(answers, references)
    assert scores == pytest.approx({"bleu": 100, "chrf": 100, "sentence_accuracy": 1})
    first = pairs.translation_scores(answers, [several[:1] for several in references])
    assert first["bleu"] < 90 and first["sentence_accuracy"] == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "里没有句对"),
        ("Hello.\t你好。\nBye 再见\n", "第 2 行没有制表符"),
        ("Hello.\t你好。\nhello!\t您好。\nBye.\t再见。\n", "互不相干的句子只有 2 组"),
        ("a b c d\t一\n", "里没有不超过 3 个词元的句对"),
    ],
)
def test_bad_files(write, text, message):
    with pytest.raises(UserError, match=message):
        pairs.load_pairs(write(text, max_length=3))


def test_missing_path(tmp_path):
    with pytest.raises(UserError, match=r"要用 -o data.path="):
        pairs.load_pairs(PairData(name="pairs"))
    with pytest.raises(UserError, match="找不到"):
        pairs.load_pairs(PairData(name="pairs", path=str(tmp_path / "none.txt")))
