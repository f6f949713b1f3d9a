"""检查点的说明：各种数据的都读得出来；少了一项、类型不对、彼此不符的，在用之前就拒绝。"""

from __future__ import annotations

import copy
import json

import pytest

from paddle_notes.data.info import KINDS, read_info
from paddle_notes.errors import UserError

WORDS = ["<pad>", "<unk>", "<begin>", "<end>", "好"]
PREPROCESS = {"in_channels": 1, "image_size": 28, "load_size": 32, "mean": [0.1], "std": [0.3]}
PAIRS = {"source_vocabulary": WORDS, "target_vocabulary": WORDS[:4], "max_length": 9}
DATA = {
    "image": {
        "facts": {"in_channels": 1, "image_size": 28, "num_classes": 2},
        "class_names": ["猫", "狗"],
        "preprocess": PREPROCESS,
    },
    "text": {
        "facts": {"vocab_size": 5, "num_classes": 2},
        "class_names": ["坏", "好"],
        "vocabulary": WORDS,
        "tokenizer": "jieba",
        "max_length": 9,
    },
    "series": {"facts": {"num_features": 1, "window": 4}, "window": 4, "target_scale": 2.5},
    "table": {"facts": {"num_features": 3}, "target_scale": 2.5},
    "language": {"facts": {"vocab_size": 5}, "vocabulary": WORDS, "boundary": 3, "carry": True},
    "pairs": {
        "facts": {"src_vocab_size": 5, "tgt_vocab_size": 4},
        **PAIRS,
        "source_tokenizer": "word",
        "target_tokenizer": "char",
    },
    "word_pairs": {"facts": {"vocab_size": 5, "architecture": "skip_gram"}, "vocabulary": WORDS},
    "word_windows": {
        "facts": {"vocab_size": 5, "context_size": 3},
        "vocabulary": WORDS,
        "counts": [0, 1, 0, 2, 3],
    },
    "caption": {
        "facts": {"vocab_size": 5, "in_channels": 1, "image_size": 48},
        "vocabulary": WORDS,
        "max_length": 8,
        "mean": 0.1,
        "std": 0.3,
    },
}
WRONG = [None, True, -1, 0, 1.5, 10**30, float("nan"), "", "x", [], [1], {}, {"a": 1}]


def whole(kind: str) -> tuple[dict, dict]:
    data = copy.deepcopy({"kind": kind, **DATA[kind]})
    return {"name": "x", **data["facts"]}, data


def same(first, second) -> bool:
    return json.dumps(first) == json.dumps(second)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back(kind):
    model, data = whole(kind)
    info = read_info(model, data, "x.json")
    assert info.kind == kind and info.input_size in info.facts() and info.facts() == data["facts"]
    written = json.loads(json.dumps(info.dump()))
    assert written.items() >= data.items() and read_info(model, written, "x.json") == info


@pytest.mark.parametrize("kind", KINDS)
def test_every_needed_item_is_checked(kind):
    """需要的每一项：删去就拒绝，换成别的类型也拒绝。"""
    _, data = whole(kind)
    needed = [key for key in ("kind", "facts", *KINDS[kind].model_fields) if key in data]
    for key in needed:
        model, broken = whole(kind)
        del broken[key]
        if key in data["facts"]:  # 记在两处
            del broken["facts"][key]
        with pytest.raises(
            UserError, match=rf"^x\.json 里的 data\.{key} 没有给出；它不是本项目写的，或被改动过"
        ):
            read_info(model, broken, "x.json")
        for value in (None, {"a": None}, [None], *([] if key == "mean" else [-1.5])):
            with pytest.raises(UserError, match=rf"^x\.json 里的 data\.{key}"):
                read_info(model, {**data, key: value}, "x.json")


@pytest.mark.parametrize("key", PREPROCESS)
def test_preprocessing_is_checked(key):
    model, data = whole("image")
    for value in WRONG:
        if not (key == "mean" and same(value, PREPROCESS["mean"])):
            broken = {**data, "preprocess": {**PREPROCESS, key: value}}
            if (key, value) in (("mean", [1]), ("std", [1])):  # 也是合适的数
                read_info(model, broken, "x.json")
                continue
            with pytest.raises(UserError, match=r"data\.preprocess"):
                read_info(model, broken, "x.json")


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("image", {"class_names": ["猫"]}, "data.facts.num_classes 与 data 的别的项不符"),
        ("image", {"facts": {"in_channels": 1, "image_size": 28}}, "data.facts.num_classes 没有给出"),
        ("image", {"facts": {"in_channels": 3, "image_size": 28, "num_classes": 2}}, "in_channels 与 data"),
        ("text", {"vocabulary": WORDS[:4]}, "data.facts.vocab_size 与 data 的别的项不符"),
        ("pairs", {"target_vocabulary": WORDS}, "data.facts.tgt_vocab_size 与 data 的别的项不符"),
    ],
)
def test_items_agree_with_each_other(kind, change, said):
    model, data = whole(kind)
    with pytest.raises(UserError, match=said):
        read_info(model, {**data, **change}, "x.json")
