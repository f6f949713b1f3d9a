"""公开的接口：训练、看曲线、预测，十来行；与命令行做的是同一件事。"""

from __future__ import annotations

import numpy as np
import pytest

import paddle_notes
from paddle_notes.engine.checkpoint import read_arrays
from paddle_notes.engine.folder import read_summary
from paddle_notes.errors import UserError
from paddle_notes.runs import Run

FEW = {"epochs": 2, "log_interval": 20}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("api") / "run"
    return paddle_notes.train(
        "mlp", train=FEW, model={"hidden_sizes": [16]}, seed=3, output_dir=folder, expect=None
    )


def test_a_run_tells_what_happened(run):
    assert run.summary == read_summary(run.folder) and run.summary["status"] == "finished"
    assert [record["split"] for record in run.history][-1] == "test"
    evaluations = [record for record in run.history if record["split"] == "eval"]
    assert len(evaluations) == 2 and run.summary["best"]["value"] in [one["accuracy"] for one in evaluations]
    figure = run.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert all(len(axes.lines) == 2 for axes in figure.axes)
    assert "验证 accuracy 0." in repr(run)


def test_the_trained_network_predicts_and_evaluates(run, mnist5k):
    trained = run.load()
    assert trained.evaluate("test") == run.summary["test"]
    test = mnist5k[2]
    top = trained.predict(test.images[:200], topk=1)
    right = np.mean([answers[0]["class"] == str(label) for answers, label in zip(top, test.labels)])
    assert right > 0.5
    assert trained.probabilities(test.images[:200]).shape == (200, 10)


def test_the_same_as_the_command(run, tool, tmp_path):
    words = ["train.epochs=2", "train.log_interval=20", "model.hidden_sizes=[16]", "seed=3", "expect=null"]
    assert tool("train", "-c", "mlp", "-o", *words, f"output_dir={tmp_path}").code == 0
    ours, theirs = (read_arrays(folder / "last") for folder in (run.folder, tmp_path))
    assert ours.keys() == theirs.keys() and all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_another_run_is_not_overwritten_but_goes_on(run):
    with pytest.raises(UserError, match="里已有一次运行（已完成）"):
        paddle_notes.train("mlp", train=FEW, output_dir=run.folder)
    more = {"train": {**FEW, "epochs": 3}, "optimizer": {"start_epoch": 2}}
    options = {"model": {"hidden_sizes": [16]}, "seed": 3, "output_dir": run.folder, "expect": None}
    again = paddle_notes.train("mlp", resume=True, **options, **more)
    assert again.summary["epochs"] == 3 and again.summary["step"] == run.summary["step"] * 3 // 2


def test_mistakes_come_before_the_folder_is_looked_at(run):
    """写错的键不会出现在提议的命令里。"""
    with pytest.raises(UserError, match=r"没有选项 model\.hiden_sizes；你是不是想写 hidden_sizes"):
        paddle_notes.train("mlp", model={"hiden_sizes": [16]}, output_dir=run.folder)
    with pytest.raises(UserError, match="找不到名为 mpl 的配置；你是不是想写 mlp？"):
        paddle_notes.train("mpl")


def test_dry_run(tmp_path):
    found = paddle_notes.train("mlp", dry_run=True, output_dir=tmp_path / "x")
    assert found.summary["dry_run"] and found.summary["step"] == 2


def test_no_run(tmp_path):
    with pytest.raises(UserError, match="里没有运行；请先用"):
        repr(Run(tmp_path))


def test_one_entry_for_all_tools(run_python, tmp_path):
    """python -m paddle_notes：列出工具，执行其中一个，写错名字一句话。"""
    code = "import sys, runpy; sys.argv = ['x', *{}]; runpy.run_module('paddle_notes', run_name='__main__')"
    listed = run_python(code.format([]))
    assert listed.code == 0 and "  train       训练一个网络" in listed.out, listed.text
    learning, _, maintenance = listed.out.partition("维护课程：")
    assert "  eval " in learning and "  docs " in maintenance
    configs = run_python(code.format(["train", "--list"]))
    assert configs.code == 0 and configs.out.startswith("alexnet "), configs.text
    wrong = run_python(code.format(["trian"]))
    assert (wrong.code, wrong.err.strip()) == (2, "错误：没有名为 trian 的工具；你是不是想写 train？")
