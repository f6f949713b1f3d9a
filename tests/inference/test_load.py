"""读检查点：哪种任务是哪个类；来历不明的、自相矛盾的，一句话。"""

from __future__ import annotations

import inspect
import json

import pytest

import paddle_notes
from paddle_notes.config import DATA_SECTIONS, TASK_SECTIONS, load_config
from paddle_notes.data.info import KINDS
from paddle_notes.engine.checkpoint import read_state, write_json
from paddle_notes.errors import UserError
from paddle_notes.inference import CLASSES, trained_class
from paddle_notes.inference.trained import Trained


def test_every_task_and_kind_has_a_class(root):
    tasks = {name for section in TASK_SECTIONS for name in section.readers}
    assert {task for task, _ in CLASSES} == tasks and {kind for _, kind in CLASSES} == set(KINDS)
    for task, kind in CLASSES:
        found = trained_class(task, kind)
        assert issubclass(found, Trained) and (root / "tools" / f"{found.tool}.py").exists()
        (section,) = (section for section in TASK_SECTIONS if task in section.readers)
        assert kind in section(name=task).find().kinds
    assert len(DATA_SECTIONS) >= len(KINDS) - 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("load") / "run"
    paddle_notes.train("softmax_regression", dry_run=True, output_dir=folder)
    return folder


def change(folder, tmp_path, **changes):
    """改过说明的检查点，没有说明自己的校验和，像早先的版本写的。"""
    for suffix in (".pdparams", ".pdopt"):
        (tmp_path / f"best{suffix}").write_bytes((folder / f"best{suffix}").read_bytes())
    state = {**read_state(folder / "best"), **changes}
    del state["crc32"][".json"]
    write_json(tmp_path / "best.json", json.loads(json.dumps(state)))
    return tmp_path / "best"


def test_a_task_that_does_not_fit_the_data(folder, tmp_path):
    config = read_state(folder / "best")["config"]
    path = change(folder, tmp_path, config={**config, "task": {"name": "regression"}})
    with pytest.raises(UserError, match="regression 任务用不了 image 这种数据"):
        paddle_notes.load(path)


def test_a_network_that_does_not_fit_its_description(folder, tmp_path):
    model = read_state(folder / "best")["model"]
    with pytest.raises(UserError, match=r"model\.num_classes 与 data\.facts\.num_classes 不符"):
        paddle_notes.load(change(folder, tmp_path, model={**model, "num_classes": 9}))


def test_weights_alone_need_a_config(folder, tmp_path):
    """别处来的 .pdparams：没有说明，网络照配置造，数据由配置读。"""
    (tmp_path / "x.pdparams").write_bytes((folder / "best.pdparams").read_bytes())
    with pytest.raises(UserError, match="找不到检查点文件"):
        paddle_notes.load(tmp_path / "x")
    from paddle_notes.inference import load

    trained = load(tmp_path / "x", config="softmax_regression")
    assert trained.evaluate("test") == paddle_notes.load(folder / "best").evaluate("test")


def test_settings_may_be_changed(folder):
    trained = paddle_notes.load(folder / "best", data={"batch_size": 10}, device="cpu")
    assert trained.config.data.batch_size == 10 and trained.config.runtime.device in ("auto", "cpu")
    with pytest.raises(UserError, match=r"不认识的键 data\.bach_size"):
        paddle_notes.load(folder / "best", data={"bach_size": 10})


def test_the_public_signatures():
    """公开的接口只有这两个，参数都写在文档里。"""
    for function in (paddle_notes.train, paddle_notes.load):
        for name in inspect.signature(function).parameters:
            assert f"        {name}: " in function.__doc__
    assert load_config("lenet").model.name == "lenet"
