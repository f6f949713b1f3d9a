"""检查点的说明：各种数据的都读得出来；少了一项、类型不对、彼此不符的，在用之前就拒绝。"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from paddle_notes.engine.checkpoint import read_description, read_progress, write_json
from paddle_notes.engine.description import KINDS, check_description, check_progress
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
    "table": {"facts": {"num_features": 3}},
    "language": {"facts": {"vocab_size": 5}, "vocabulary": WORDS, "boundary": 3, "carry": True},
    "pairs": {
        "facts": {"src_vocab_size": 5, "tgt_vocab_size": 4},
        **PAIRS,
        "source_tokenizer": "word",
        "target_tokenizer": "char",
    },
    "word_pairs": {"facts": {"vocab_size": 5, "architecture": "skip_gram"}, "vocabulary": WORDS},
    "word_windows": {"facts": {"vocab_size": 5, "context_size": 3}, "vocabulary": WORDS},
    "caption": {"facts": {"vocab_size": 5, "in_channels": 1, "image_size": 48}, "vocabulary": WORDS},
}
PROGRESS = {
    "epoch": 2,
    "step": 10,
    "steps_per_epoch": 5,
    "total_steps": 20,
    "metrics": {"loss": 0.5},
    "best": {"metric": "loss", "value": 0.5, "epoch": 2, "step": 10},
    "seconds": 1.5,
    "train_seconds": 1,
    "num_seen": 50,
    "unlogged": [[{"loss": 0.25}, 4, {}]],
}
WRONG = [None, True, -1, 0, 1.5, 10**30, float("nan"), "", "x", [], [1], {}, {"a": 1}]


def whole(kind: str) -> tuple[dict, dict]:
    data = copy.deepcopy({"kind": kind, **DATA[kind]})
    return {"name": "x", **data["facts"]}, data


def same(first, second) -> bool:
    return json.dumps(first) == json.dumps(second)


@pytest.mark.parametrize("kind", DATA)
def test_whole_descriptions_pass(kind):
    check_description(*whole(kind), "x.json")


@pytest.mark.parametrize("kind", KINDS)
def test_every_needed_item_is_checked(kind):
    """需要的每一项：删去就拒绝，换成别的类型也拒绝。"""
    _, data = whole(kind)
    needed = [*KINDS[kind].model_fields]
    for key in needed:
        model, broken = whole(kind)
        del broken[key]
        with pytest.raises(
            UserError, match=rf"^x\.json 里的 data\.{key} 没有给出；它不是本项目写的，或被改动过"
        ):
            check_description(model, broken, "x.json")
        for value in (None, -1.5, {"a": None}, [None]):
            with pytest.raises(UserError, match=rf"^x\.json 里的 data\.{key}"):
                check_description(model, {**data, key: value}, "x.json")


@pytest.mark.parametrize("key", PREPROCESS)
def test_preprocessing_is_checked(key):
    model, data = whole("image")
    for value in WRONG:
        if not (key == "mean" and same(value, PREPROCESS["mean"])):
            broken = {**data, "preprocess": {**PREPROCESS, key: value}}
            if (key, value) in (("mean", [1]), ("std", [1])):  # 也是合适的数
                check_description(model, broken, "x.json")
                continue
            with pytest.raises(UserError, match=r"data\.preprocess"):
                check_description(model, broken, "x.json")


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("image", {"class_names": ["猫"]}, "data.class_names 有 1 项，data.facts.num_classes 却是 2"),
        ("image", {"facts": {"in_channels": 1, "image_size": 28}}, "data.facts.num_classes 没有给出"),
        ("image", {"facts": {"in_channels": 3, "image_size": 28, "num_classes": 2}}, "in_channels 不符"),
        ("text", {"vocabulary": WORDS[:4]}, "data.vocabulary 有 4 项"),
        ("pairs", {"target_vocabulary": WORDS}, "data.target_vocabulary 有 5 项"),
    ],
)
def test_items_agree_with_each_other(kind, change, said):
    model, data = whole(kind)
    with pytest.raises(UserError, match=said):
        check_description(model, {**data, **change}, "x.json")


def test_progress():
    check_progress(PROGRESS, "x.json")
    check_progress({**PROGRESS, "best": {}}, "x.json")
    before = {key: value for key, value in PROGRESS.items() if key not in ("unlogged", "total_steps")}
    check_progress(before, "x.json")  # 早先的没有这两项
    for key in before:
        with pytest.raises(UserError, match=rf"^x\.json 里的 {key} 没有给出"):
            check_progress({name: value for name, value in PROGRESS.items() if name != key}, "x.json")
        for value in ("x", -1, [1], {"a": "b"}, None):
            with pytest.raises(UserError, match=rf"^x\.json 里的 {key}"):
                check_progress({**PROGRESS, key: value}, "x.json")


def test_files_without_their_own_checksum(tmp_path):
    """早先的说明文件没有自己的校验和：照样读；改坏了的，用的时候一句话。"""
    model, data = whole("image")
    state = {"model": model, "data": data, **PROGRESS, "crc32": {".pdparams": 1, ".pdopt": 2}}
    path = Path(tmp_path / "last")
    write_json(tmp_path / "last.json", state)
    assert read_description(path) == (model, data) and read_progress(f"{path}.json")["step"] == 10
    write_json(tmp_path / "last.json", {**state, "step": "10", "data": {**data, "class_names": None}})
    with pytest.raises(UserError, match=r"last\.json 里的 data\.class_names 应为列表，得到 None"):
        read_description(path)
    with pytest.raises(UserError, match=r"last\.json 里的 step 应为整数，得到 '10'"):
        read_progress(f"{path}.json")
