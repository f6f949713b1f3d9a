"""接着训练、评估时与训练时比：该变的说出来，不该变的停下来，并排列出。"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from paddle_notes.engine.checkpoint import read_state
from paddle_notes.engine.sameness import check_data, fingerprint
from paddle_notes.errors import UserError

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "softmax_regression.yml"
BASE = ["data.batch_size=500", "train.epochs=1", "train.log_interval=4"]


@pytest.fixture(scope="module")
def trained(load_tool, tmp_path_factory):
    """一轮 softmax 回归，停在第 3 步之后的样子由 save_every_steps 留下。"""
    folder = tmp_path_factory.mktemp("trained") / "run"
    words = ["-c", str(CONFIG), "-o", *BASE, f"output_dir={folder}"]
    assert load_tool("train").main(words) == 0
    return folder


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("seed=7", "seed：当时 0，现在 7"),
        ("optimizer.name=adam", 'optimizer.name：当时 "momentum"，现在 "adam"'),
        ("optimizer.weight_decay=0.5", "optimizer.weight_decay：当时"),
        ("task.label_smoothing=0.3", "task.label_smoothing：当时 0.0，现在 0.3"),
        ("data.augment.shift=2", "data.augment.shift：当时 0，现在 2"),
        ("data.shuffle_labels=true", "data.shuffle_labels：当时 false，现在 true"),
        ("data.normalize=false", "data.normalize：当时 true，现在 false"),
    ],
)
def test_what_must_not_change_stops_the_resume(trained, tool, change, shown):
    before = {file.name: file.read_bytes() for file in trained.iterdir() if file.is_file()}
    result = tool(
        *("train", "-c", CONFIG, "--resume", "-o", *BASE),
        *("train.epochs=2", "optimizer.start_epoch=1", change, f"output_dir={trained}"),
    )
    assert result.code == 2 and shown in result.err and "不能接着训练" in result.err
    assert {file.name: file.read_bytes() for file in trained.iterdir() if file.is_file()} == before


def test_the_learning_rate_may_change_and_is_logged(trained, tool, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in trained.glob("last.*"):
        (folder / file.name).write_bytes(file.read_bytes())
    result = tool(
        *("train", "-c", CONFIG, "--resume", folder / "last", "-o", *BASE),
        *("train.epochs=2", "optimizer.start_epoch=1", "optimizer.lr=0.001", "train.log_interval=1"),
        f"output_dir={tmp_path / 'new'}",
    )
    assert result.code == 0, result.text
    then = read_state(folder / "last")["config"]["optimizer"]["lr"]
    assert f"接着训练时改了 optimizer.lr：当时 {then}，现在 0.001" in result.out
    assert "log_interval" not in result.out


def test_other_data_of_the_same_shape_stops_the_resume(trained, tool, monkeypatch):
    from paddle_notes.data import mnist5k

    images, labels = mnist5k.read_mnist5k()
    changed = images.copy()
    changed[:] = images[::-1]
    monkeypatch.setattr(mnist5k, "read_mnist5k", lambda: (changed, labels))
    result = tool(
        *("train", "-c", CONFIG, "--resume", "-o", *BASE),
        *("train.epochs=2", "optimizer.start_epoch=1", f"output_dir={trained}"),
    )
    assert result.code == 2 and "训练、验证、测试部分的数据与检查点" in result.err


def test_fingerprint_sees_every_part_and_every_bit():
    class Part:
        def __init__(self, value):
            self.arrays = (np.full((2, 3), value, "float32"), np.array([1, 2]))

        def epoch(self):
            yield self.arrays
            raise AssertionError("只该取一批")

    first = fingerprint(Part(1), Part(2), None)
    assert first == fingerprint(Part(1), Part(2), None) and first[2] is None
    changed = Part(2)
    changed.arrays[0][1, 2] = np.nextafter(np.float32(2), np.float32(3))
    assert fingerprint(Part(1), changed, None)[1] != first[1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("class_names", list("1234567890")),
        ("preprocess", {"mean": [0.5], "std": [0.5]}),
    ],
)
def test_evaluation_needs_the_data_of_the_training(trained, tmp_path, key, value):
    for file in trained.glob("best.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = json.loads((tmp_path / "best.json").read_text(encoding="utf-8"))
    info = state["data"]
    check_data(tmp_path / "best", info)
    with pytest.raises(UserError, match=rf"数据的 {key} 与训练 .+ 时不同"):
        check_data(tmp_path / "best", {**info, key: value})


def test_weights_without_a_description_are_not_checked(tmp_path):
    check_data(tmp_path / "only.pdparams", {"class_names": []})


def test_old_checkpoints_without_settings_can_be_resumed(trained, tool, tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    for file in trained.glob("last.*"):
        (folder / file.name).write_bytes(file.read_bytes())
    state = json.loads((folder / "last.json").read_text(encoding="utf-8"))
    del state["config"], state["fingerprint"], state["unlogged"]
    (folder / "last.json").write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
    result = tool(
        *("train", "-c", CONFIG, "--resume", folder / "last", "-o", *BASE),
        *("train.epochs=2", "optimizer.start_epoch=1", "seed=3", f"output_dir={tmp_path / 'new'}"),
    )
    assert result.code == 0, result.text
    assert Path(tmp_path / "new" / "summary.json").exists()
