"""接着训练用到的各项：少了一项、类型不对的，在用之前就拒绝。"""

from __future__ import annotations

import pytest

from paddle_notes.engine.checkpoint import read_progress, write_json
from paddle_notes.engine.progress import check_progress
from paddle_notes.errors import UserError

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
    state = {**PROGRESS, "crc32": {".pdparams": 1, ".pdopt": 2}}
    path = tmp_path / "last.json"
    write_json(path, state)
    assert read_progress(path)["step"] == 10
    write_json(path, {**state, "step": "10"})
    with pytest.raises(UserError, match=r"last\.json 里的 step 应为整数，得到 '10'"):
        read_progress(path)
