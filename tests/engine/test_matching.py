"""检查点与现在的设置、数据的对照：什么可以改，什么要写明，什么不许；逐项说出 训练时 → 现在。"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from paddle_notes.config import DATA_SECTIONS, TASK_SECTIONS, Config, all_keys, dump_config
from paddle_notes.data import Parts
from paddle_notes.data.images import ImageBatches
from paddle_notes.engine.checkpoint import save_checkpoint
from paddle_notes.engine.matching import (
    FREE,
    RATE,
    UNUSED,
    check_resume,
    check_use,
    differences,
    dump,
    show,
    under,
)
from paddle_notes.errors import UserError

PATH = Path("output/x/last")
INFO = {"kind": "image", "class_names": ["猫", "狗"], "preprocess": {"mean": [0.5], "std": [0.25]}}
PRINT = {name: {"samples": 9, "sha256": name} for name in ("train", "valid", "test")}


def state_of(config: Config, **others) -> dict:
    """这样训练之后检查点里的说明，读回来的样子。"""
    state = {"config": dump(config), "data": INFO, "fingerprint": PRINT, **others}
    return json.loads(json.dumps(state))


def now(**others) -> dict:
    return {"data": INFO, "fingerprint": PRINT, **others}


# ---------------------------------------------------------------- 比较


def test_differences_are_leaves_with_their_full_keys():
    old = {"a": {"b": 1, "c": [1, 2]}, "d": None, "gone": 0}
    new = {"a": {"b": 2, "c": [1, 2]}, "d": {"e": 3}, "new": {"f": 4}}
    assert differences(old, new) == {
        "a.b": (1, 2),
        "d": (None, {"e": 3}),
        "gone": (0, None),
        "new": (None, {"f": 4}),
    }


def test_the_last_digit_of_a_mean_is_no_difference():
    """求和的次序随机器而变。"""
    mean = 45.53691983122363
    assert differences({"mean": mean, "all": [mean]}, {"mean": np.nextafter(mean, 99), "all": [mean]}) == {}
    assert differences({"mean": mean}, {"mean": mean + 0.001}).keys() == {"mean"}


def test_long_lists_are_shown_by_the_first_difference():
    words, other = list("一二三四五六"), list("一二三七五六八")
    changes = {"词表": (words, other), "seed": (0, 3), "data.path": (None, "a"), "betas": ([0.9], [0.8])}
    assert show(changes) == (
        "词表 6 个 → 7 个，第 4 个起不同：四 → 七；seed 0 → 3；data.path null → a；betas [0.9] → [0.8]"
    )
    assert show({"词表": (words, [*words, "七"])}) == "词表 6 个 → 7 个"


def test_options_of_another_kind_are_not_listed():
    changes = {"task.margin": (None, 1.0), "task.name": ("classification", "hinge"), "seed": (0, 1)}
    assert show(changes) == "task.name classification → hinge；seed 0 → 1"


def test_every_key_named_here_is_a_key_of_the_schema():
    keys = [key for key, *_ in all_keys()]
    for name in (*FREE, *RATE, *UNUSED):
        assert any(under(key, (name,)) for key in keys), name


# ---------------------------------------------------------------- 接着训练


FREELY = ["output_dir=b", "train.epochs=9", "train.log_interval=7", "runtime.threads=1", "overwrite=true"]
FREELY += ["expect={metric: accuracy, at_least: 0.5, minutes: 1}"]


@pytest.mark.parametrize("override", FREELY)
def test_what_may_change_freely(override, make_config):
    before, after = make_config(), make_config(override)
    changes = check_resume(PATH, state_of(before), after, now())
    assert len(changes) == (not override.startswith("overwrite"))  # 它不影响训练，不记
    assert not any(under(key, RATE) for key in changes)


REFUSED = {
    "seed=3": "seed 0 → 3",
    "optimizer.name=adam": "optimizer.name momentum → adam",
    "optimizer.momentum=0.5": "optimizer.momentum 0.9 → 0.5",
    "optimizer.weight_decay=0": "optimizer.weight_decay 0.0005 → 0.0",
    "optimizer.clip_norm=1": "optimizer.clip_norm null → 1.0",
    "data.augment.shift=0": "data.augment.shift 2 → 0",
    "data.augment.flip=true": "data.augment.flip false → true",
    "data.batch_size=4": "data.batch_size 8 → 4",
    "data.normalize=false": "data.normalize true → false",
    "data.valid_fraction=0.2": "data.valid_fraction 0.1 → 0.2",
    "data.name=fashion_mnist": "data.name mnist5k → fashion_mnist",
    "task.label_smoothing=0.1": "task.label_smoothing 0.0 → 0.1",
    "task={name: hinge}": "task.name classification → hinge",
    "model.form=original": "model.form null → original",
    "train.vectors=lac": "train.vectors null → lac",
}


@pytest.mark.parametrize("override", REFUSED)
def test_what_may_not_change(override, make_config):
    with pytest.raises(UserError) as caught:
        check_resume(PATH, state_of(make_config()), make_config(override), now())
    text = str(caught.value)
    assert REFUSED[override] in text and text.startswith(f"不能从 {PATH} 接着训练") and "\n" not in text
    assert text.endswith("请用训练时的设置与数据；要用新的，就换一个 output_dir 从头训练")


def test_all_differences_are_listed_together(make_config):
    after = make_config("seed=3", "optimizer.name=adam", "train.epochs=9", "optimizer.lr=1")
    with pytest.raises(UserError, match=r"不同：seed 0 → 3；optimizer\.name momentum → adam。"):
        check_resume(PATH, state_of(make_config()), after, now())


def test_each_key_is_free_or_asked_or_refused(make_config):
    """模式里新添的键，默认不许在中途改。"""
    kinds = (*DATA_SECTIONS, *TASK_SECTIONS)
    keys = {key for key, section, _ in all_keys() if section not in kinds}
    allowed = {key for key in keys if under(key, (*FREE, *RATE))}
    assert {"seed", "model.name", "optimizer.name", "train.vectors"} <= keys - allowed
    assert {"train.epochs", "runtime.device", "optimizer.lr", "expect.minutes"} <= allowed


def test_other_data_of_the_same_shape(make_config):
    """设置一模一样，文件的内容却换了；以前照样接着训练，还说最好的一轮是旧数据上的。"""
    config = make_config()
    other = {**PRINT, "train": {"samples": 9, "sha256": "b"}, "valid": {"samples": 8, "sha256": "valid"}}
    with pytest.raises(UserError, match="不同：训练部分的样本（散列） train → b；验证部分的样本数 9 → 8。"):
        check_resume(PATH, state_of(config), config, now(fingerprint=other))
    turned = {**INFO, "class_names": ["狗", "猫"]}
    with pytest.raises(UserError, match=r'不同：数据的 class_names \["猫", "狗"\] → \["狗", "猫"\]。'):
        check_resume(PATH, state_of(config), config, now(data=turned))
    without_test = {**PRINT, "test": None}
    with pytest.raises(UserError, match="不同：测试部分 "):
        check_resume(PATH, state_of(config), config, now(fingerprint=without_test))


def test_a_file_may_move(make_config):
    before, after = make_config("data.path=a"), make_config("data.path=b")
    assert check_resume(PATH, state_of(before), after, now()) == {"data.path": ("a", "b")}
    other = {**PRINT, "train": {"samples": 9, "sha256": "b"}}
    with pytest.raises(UserError, match=r"不同：data\.path a → b；训练部分的样本"):
        check_resume(PATH, state_of(before), after, now(fingerprint=other))


def test_checkpoints_of_earlier_versions(make_config):
    """没有记下的不对照；记下的设置里没有的键，当时就是默认值。"""
    assert check_resume(PATH, {"data": INFO}, make_config("seed=3"), now()) == {}
    state = state_of(make_config())
    del state["config"]["optimizer"]["clip_norm"], state["data"]["preprocess"], state["fingerprint"]["test"]
    assert check_resume(PATH, state, make_config(), now()) == {}
    with pytest.raises(UserError, match=r"clip_norm null → 1\.0"):
        check_resume(PATH, state, make_config("optimizer.clip_norm=1"), now())


def test_settings_of_an_earlier_version_are_read_beside_it(tmp_path, make_config):
    before = make_config("seed=1")
    (tmp_path / "config.yml").write_text(dump_config(before), encoding="utf-8")
    assert check_resume(tmp_path / "last", {}, make_config("seed=1"), now()) == {}
    with pytest.raises(UserError, match="不同：seed 1 → 2。"):
        check_resume(tmp_path / "last", {}, make_config("seed=2"), now())


# ---------------------------------------------------------------- 用在数据上


@pytest.fixture
def trained(tmp_path, make_config):
    """``trained(*overrides)``：这样训练之后的检查点，返回它的路径。"""

    def make(*overrides: str) -> Path:
        weights = {"w": np.zeros(1, "float32")}
        state = state_of(make_config(*overrides), model={"name": "lenet", "form": "modern"})
        save_checkpoint(tmp_path / "best", weights, {}, state)
        return tmp_path / "best"

    return make


def test_use_with_the_data_it_was_trained_with(trained, make_config):
    options = {"name": "lenet", "form": "modern"}
    other = make_config(
        "seed=5", "optimizer.lr=1", "data.batch_size=1", "data.augment.shift=0", "output_dir=y"
    )
    assert check_use(trained(), other, INFO, {"valid": PRINT["valid"]}, options) is None
    with pytest.raises(UserError, match=r"时的不同：model\.form modern → original。请用训练时的"):
        check_use(trained(), other, INFO, {}, {**options, "form": "original"})


@pytest.mark.parametrize(
    ("overrides", "info", "expected"),
    [
        ([], {"class_names": ["狗", "猫"]}, 'class_names ["猫", "狗"] → ["狗", "猫"]'),
        ([], {"preprocess": {"mean": [0.0], "std": [0.25]}}, "数据的 preprocess.mean [0.5] → [0.0]"),
        (["data.path=b"], {"class_names": ["猫", "虎"]}, "data.path a → b；数据的 class_names"),
        (["data.valid_fraction=0.3"], {}, "data.valid_fraction 0.1 → 0.3"),
        (["task={name: hinge}"], {}, "task.name classification → hinge"),
    ],
)
def test_use_is_refused(overrides, info, expected, trained, make_config):
    config = make_config("data.path=a", *overrides)
    with pytest.raises(UserError) as caught:
        check_use(trained("data.path=a"), config, {**INFO, **info}, PRINT)
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_another_folder_with_the_same_classes_is_said(trained, make_config):
    other = {"valid": {"samples": 4, "sha256": "b"}}
    note = check_use(trained("data.path=a"), make_config("data.path=b"), INFO, other)
    assert "这不是训练" in note and "验证部分的样本数 9 → 4" in note and "偏乐观" in note
    with pytest.raises(UserError, match="验证部分的样本数 9 → 4"):  # 同一处的文件却换了
        check_use(trained("data.path=a"), make_config("data.path=a"), INFO, other)
    assert "这不是训练" in check_use(trained(), make_config(), INFO, other)  # 自带的数据随版本而变


def test_weights_without_a_description_are_not_checked(tmp_path, trained, make_config):
    assert check_use(tmp_path / "none", make_config(), INFO, PRINT) is None
    path = trained()
    state = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    del state["fingerprint"], state["config"], state["crc32"][".json"]  # 以前的没有这些
    path.with_suffix(".json").write_text(json.dumps(state), encoding="utf-8")
    assert "没有记下数据的指纹" in check_use(path, make_config(), INFO, PRINT)


# ---------------------------------------------------------------- 指纹


def test_fingerprint_sees_other_samples_but_not_the_batches(make_data):
    train, valid, test = make_data()
    found = Parts(train, valid, test).fingerprint()
    assert {name: one["samples"] for name, one in found.items()} == {"train": 40, "valid": 20, "test": 20}
    again = make_data(batch_size=3, seed=7)
    assert Parts(*again).fingerprint() == found
    assert Parts(train, valid, None).fingerprint()["test"] is None
    dataset = valid.dataset
    dataset.images[7, 0, 3, 3] ^= 1
    assert ImageBatches(dataset, 8).fingerprint() != found["valid"]
    dataset.images[7, 0, 3, 3] ^= 1
    assert ImageBatches(dataset, 8).fingerprint() == found["valid"]
    dataset.labels[3] = (dataset.labels[3] + 1) % 10
    assert ImageBatches(dataset, 8).fingerprint() != found["valid"]


def test_fingerprint_does_not_depend_on_the_last_digit():
    from paddle_notes.data.batches import Batches

    class Rows:
        def __init__(self, values):
            self.values = values

        def __len__(self):
            return len(self.values)

        def __getitem__(self, index):
            return (self.values[index],)

    values = np.linspace(-2, 2, 50) + 0.001
    moved = np.nextafter(values, 9)
    assert Batches(Rows(values), 4).fingerprint() == Batches(Rows(moved), 8).fingerprint()
    assert Batches(Rows(values), 4).fingerprint() != Batches(Rows(values + 0.1), 4).fingerprint()
