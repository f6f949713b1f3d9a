"""句对文件：读取、划分、对照。"""

from __future__ import annotations

import re

import numpy as np
import pytest

from paddle_notes.config import PairData
from paddle_notes.data import build_data, pairs, translation
from paddle_notes.data.vocabulary import normalized
from paddle_notes.errors import UserError
from paddle_notes.tokens import BEGIN, END

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
    assert translation.retrieve(train, ["We like cats.", "Who drinks tea?", "xyz"]) == [
        "我喜欢猫。",
        "他喝茶。",
        "",
    ]
    same = translation.translation_scores(["我喜欢猫。", "他喝茶。"], [["我喜欢猫。"], ["他喝茶。"]])
    assert same == pytest.approx({"bleu": 100, "chrf": 100, "sentence_accuracy": 1})
    # 中文按字切开：4 个字里错 1 个，一元组 3/4、二元组 1/2 ……，不切开则整句是一个词，得 0 分
    other = translation.translation_scores(["我很喜欢吃鱼"], [["我很喜欢吃肉"]])
    assert other["bleu"] == pytest.approx(100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    assert 0 < other["chrf"] < 100 and other["sentence_accuracy"] == 0
    train, valid, test = pairs.load_pairs(write(lines()))
    found = train.baselines({"valid": valid, "test": test})
    assert set(found) == {"最近邻检索"} and set(found["最近邻检索"]) == {"valid", "test"}


def test_any_reference_will_do():
    """有几个参考译文时与每一个比：译文等于第二个，也是满分；各句的参考译文可以不一样多。"""
    references = [["多少钱一斤？"], ["我很喜欢吃鱼。", "鱼我很喜欢吃。", "我爱吃鱼。"]]
    answers = ["多少钱 一斤？", "鱼我很喜欢吃。"]
    scores = translation.translation_scores(answers, references)
    assert scores == pytest.approx({"bleu": 100, "chrf": 100, "sentence_accuracy": 1})
    first = translation.translation_scores(answers, [several[:1] for several in references])
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
