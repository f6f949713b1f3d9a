"""课程的工具：verify 证明、figures 画图、experiment 做实验、results 列结果。"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from paddle_notes import verification
from paddle_notes.analysis.comparison import draw_bubbles, spread
from paddle_notes.engine.folder import read_summary
from paddle_notes.verification.core import Topic

SOFTMAX = "configs/softmax_regression.yml"

# ---------------------------------------------------------------- verify


@pytest.fixture(scope="module")
def topics():
    return verification.all_topics()


def test_there_are_enough_topics(topics):
    assert len(topics) >= 60
    for name in topics:
        chapter, _, topic = name.partition(".")
        assert chapter in verification.CHAPTERS and topic == topic.lower()


def test_every_topic_passes(tool):
    result = tool("verify", "--json")
    assert result.code == 0
    records = json.loads(result.out)
    assert len(records) == len(verification.all_topics())
    assert all(
        {"topic", "value_diff", "grad_diff", "gradcheck", "passed"} <= record.keys() for record in records
    )
    assert [record["topic"] for record in records if not record["passed"]] == []
    compared = [record for record in records if record["grad_diff"] is not None]
    assert len(compared) >= 40
    for record in compared:
        assert record["value_diff"] <= 1e-6 and record["grad_diff"] <= 1e-6 and record["gradcheck"] <= 1e-6


def test_a_wrong_gradient_is_caught(tool, monkeypatch, topics):
    def wrong(generator) -> Topic:
        topic = topics["ch03.sigmoid"](generator)
        return replace(
            topic,
            backward=lambda dy, **inputs: {k: 1.01 * v for k, v in topic.backward(dy, **inputs).items()},
        )

    monkeypatch.setattr(verification, "all_topics", lambda: {"ch03.sigmoid": wrong})
    result = tool("verify")
    assert result.code == 1
    assert "不通过" in result.out and "没有通过：ch03.sigmoid" in result.out


def test_a_topic_by_its_short_name(tool):
    result = tool("verify", "sigmoid", "ch03.tanh")
    assert result.code == 0
    assert "ch03.sigmoid" in result.out and "ch03.tanh" in result.out and "2 个题目，2 个通过" in result.out


def test_unknown_topic(tool):
    result = tool("verify", "sigmoidd")
    assert (result.code, result.err.strip()) == (2, "错误：没有名为 sigmoidd 的题目；你是不是想写 sigmoid？")


# ---------------------------------------------------------------- figures


def test_figures_are_listed(tool):
    names = tool("figures", "--list").out.split()
    assert {"activations", "receptive_field", "knn_choose_k", "loss_curves"} <= set(names)
    assert len(names) == len(set(names))


def test_draw_a_figure(tool, tmp_path):
    picture, folder = tmp_path / "a.png", tmp_path / "vdl"
    result = tool("figures", "activations", "--out", picture, "--vdl", folder)
    assert result.code == 0 and str(picture) in result.out
    assert np.asarray(Image.open(picture)).std() > 10  # 不是一片空白
    assert any(folder.glob("vdlrecords*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["activation"], "你是不是想写 activations？"),
        ([], "--list 列出全部的图"),
        (["activations", "dropout_mask", "--out", "x.png"], "--out 只能用于一张图"),
    ],
)
def test_bad_figure_commands(tool, words, said):
    result = tool("figures", *words)
    assert result.code == 2 and said in result.err


# ---------------------------------------------------------------- experiment

EXPERIMENT = """
title: 学习率
question: 学习率太大会怎样？
base: configs/softmax_regression.yml
override: {train.epochs: 1, data.batch_size: 500}
seeds: [0, 1]
runs:
  正常: {}
  太大: {optimizer.lr: 1e38}
metrics: [train/loss, eval/accuracy]
plot: PLOT
"""


@pytest.mark.parametrize("plot", ["curves", "bars"])
def test_experiment(tool, tmp_path, plot):
    file, out = tmp_path / "rates.yml", tmp_path / "out"
    file.write_text(EXPERIMENT.replace("PLOT", plot), encoding="utf-8")
    result = tool("experiment", file, "--out", out)
    assert result.code == 0, result.text
    good, bad = (read_summary(out / "rates" / name / "1") for name in ("正常", "太大"))
    assert (good["status"], bad["status"], good["seed"]) == ("finished", "failed", 1)
    both = [read_summary(out / "rates" / "正常" / seed)["test"]["accuracy"] for seed in "01"]
    assert both[0] != both[1]
    assert "学习率太大" in bad["error"]
    rows = {line.split(" | ")[0]: line for line in result.out.splitlines() if line.startswith("| ")}
    assert f"{sum(both) / 2:.4g}（{min(both):.4g}–{max(both):.4g}）" in rows["| 正常"]
    assert bad["error"] in rows["| 太大"]
    assert np.asarray(Image.open(out / "rates.png")).std() > 1
    recorded = json.loads((out / "rates.json").read_text(encoding="utf-8"))
    assert [(one["run"], one["seed"], one["test"]) for one in recorded][:2] == [
        ("正常", 0, both[0]),
        ("正常", 1, both[1]),
    ]
    assert recorded[3]["error"] == bad["error"] and "学习率太大" in recorded[2]["error"]
    assert recorded[2]["test"] is recorded[3]["test"] is None
    before = (out / "rates" / "正常" / "1" / "summary.json").stat().st_mtime
    assert tool("experiment", file, "--out", out).code == 0
    assert (out / "rates" / "正常" / "1" / "summary.json").stat().st_mtime == before  # 做完的不重做

    changed = tool("experiment", file, "--out", out, "-o", "train.epochs=2")
    assert changed.code == 2, changed.text
    assert "照别的设置训练的（train.epochs 1 → 2）；请换 --out，或删去这个文件夹" in changed.err
    (out / "rates" / "正常" / "0.json").unlink()
    assert "没有记下它的设置 0.json" in tool("experiment", file, "--out", out).err


def test_all_experiments_are_valid(tool, load_tool, root):
    from paddle_notes.config import load_config

    load_tool("experiment")  # tools/ 里的文件夹由此可以导入
    from pages import experiments as module

    listed = tool("experiment", "--list").out
    files = sorted((root / "configs" / "experiments").glob("*.yml"))
    assert len(files) >= 6
    for file in files:
        experiment = module.load_experiment(file.stem)
        assert file.stem in listed and experiment.title in listed
        for base, overrides in module.plan_runs(experiment, []).values():
            load_config(root / base, overrides)


def test_lists_and_text_become_overrides():
    from paddle_notes.config import as_overrides

    changes = {"model.kernel_sizes": ["3", "3"], "train.epochs": "2"}
    assert as_overrides(changes) == ["model.kernel_sizes=[3, 3]", "train.epochs=2"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("runs:", "run:"), "runs"),
        (("optimizer.lr", "optimizer.Lr"), "你是不是想写 optimizer.lr？"),
        (("PLOT", "pie"), "plot 没有 'pie' 这种取值"),
        (("base: configs/softmax_regression.yml\n", ""), "runs.正常 没有 base，整个实验也没有"),
    ],
)
def test_bad_experiment(tool, tmp_path, change, said):
    file = tmp_path / "bad.yml"
    file.write_text(EXPERIMENT.replace(*change).replace("PLOT", "curves"), encoding="utf-8")
    result = tool("experiment", file, "--out", tmp_path / "out")
    assert result.code == 2 and said in result.err
    assert not (tmp_path / "out").exists()


def test_a_run_may_have_its_own_base(load_tool, tmp_path):
    load_tool("experiment")
    from pages import experiments as module

    file = tmp_path / "two.yml"
    file.write_text(
        "title: 甲\nquestion: 乙\nruns:\n"
        "  一: {base: configs/mlp.yml}\n  二: {base: configs/svm.yml, seed: 3}\n",
        encoding="utf-8",
    )
    plans = module.plan_runs(module.load_experiment(str(file)), ["train.epochs=1"])
    assert plans == {
        "一": ("configs/mlp.yml", ["train.epochs=1"]),
        "二": ("configs/svm.yml", ["seed=3", "train.epochs=1"]),
    }


def test_unknown_experiment(tool):
    result = tool("experiment", "degradatoin")
    assert result.code == 2 and "你是不是想写 degradation？" in result.err


# ---------------------------------------------------------------- results


def test_results(tool, tmp_path, root):
    runs = tmp_path / "runs"
    for name, options in (("softmax_regression", []), ("linear_regression", ["train.epochs=2"])):
        config = root / "configs" / f"{name}.yml"
        options = [*options, f"output_dir={runs / name}"]
        if name == "softmax_regression":  # 两个种子
            options[-1] += "/0"
            options += ["train.epochs=1", "data.batch_size=500"]
            assert (
                tool("train", "-c", config, "-o", *options, "seed=1", f"output_dir={runs / name / '1'}").code
                == 0
            )
        assert tool("train", "-c", config, "-o", *options).code == 0
    out = tmp_path / "docs" / "results.md"
    out.parent.mkdir()
    assert tool("results", runs, "--out", out).code == 0
    text = out.read_text(encoding="utf-8")
    softmax, other, linear = (
        read_summary(runs / name)
        for name in ("softmax_regression/0", "softmax_regression/1", "linear_regression")
    )
    row = next(line for line in text.splitlines() if line.startswith("| softmax_regression"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    first, second = sorted(summary["test"]["accuracy"] for summary in (softmax, other))
    assert cells[:6] == [
        "softmax_regression",
        "mnist5k",
        "28×28",
        "7,840",
        "7,850",
        f"{(first + second) / 2:.4f}（{first:.4f}–{second:.4f}）",
    ]
    assert f"{(softmax['best']['value'] + other['best']['value']) / 2:.4f}（" in cells[6] and "0、1" in cells
    assert softmax["machine"] in row and "configs/softmax_regression.yml" in row
    row = next(line for line in text.splitlines() if line.startswith("| linear_regression"))
    assert f"{linear['test']['rmse']:.4f}" in row and "总是猜均值" in row
    assert not (tmp_path / "docs" / "images").exists()  # 一轮的 softmax 回归够不上气泡图


def write_run(folder: Path, **changes) -> None:
    """一次训练完的运行留下的 summary.json，字段齐全，数是编的。"""
    summary = {
        **{"status": "finished", "dry_run": False, "model": "mlp", "data": "mnist5k", "facts": {}},
        **{"trainable_parameters": 1234, "seed": 0, "test": {"accuracy": 0.5}, "baselines": {}, "epochs": 1},
        "higher_is_better": True,
        **{"best": {"metric": "accuracy", "value": 0.6, "epoch": 1}, "last": {"accuracy": 0.6}},
        **{"wall_seconds": 90.0, "cpu_seconds": 60.0, "samples_per_second": 10.0, "commit": "abc"},
        **{"machine": "一台机器", "environment": "一个线程", **changes},
    }
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")


def test_records_are_kept_until_run_again(tool, tmp_path):
    """这一次没有重跑的种子留着原来的记录，重跑的换成新的。"""
    out = tmp_path / "results.md"
    for seed, accuracy in ((0, 0.5), (1, 0.7)):
        write_run(tmp_path / "a" / "mlp" / str(seed), seed=seed, test={"accuracy": accuracy})
    assert tool("results", tmp_path / "a", "--out", out).code == 0
    assert "0.6000（0.5000–0.7000）" in out.read_text(encoding="utf-8")
    write_run(tmp_path / "b" / "mlp" / "0", test={"accuracy": 0.6}, commit="def")
    assert tool("results", tmp_path / "b", "--out", out).code == 0
    text = out.read_text(encoding="utf-8")
    assert "0.6500（0.6000–0.7000）" in text and "def、abc" in text
    records = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert [(run["name"], run["seed"], run["test"]["accuracy"]) for run in records] == [
        ("mlp", 0, 0.6),
        ("mlp", 1, 0.7),
    ]


def test_summaries_that_lack_something_are_left_out(tool, tmp_path):
    """早先的版本写的 summary.json 记得少些：不收，也不是错误。"""
    write_run(tmp_path / "a" / "mlp", test={"accuracy": 0.5})
    write_run(tmp_path / "a" / "lenet", test={"accuracy": 0.9})
    file = tmp_path / "a" / "lenet" / "summary.json"
    old = json.loads(file.read_text(encoding="utf-8"))
    del old["cpu_seconds"]
    file.write_text(json.dumps(old), encoding="utf-8")
    assert tool("results", tmp_path / "a", "--out", tmp_path / "results.md").code == 0
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "0.5000" in text and "0.9000" not in text


def test_a_cell_of_several_seeds():
    assert spread([0.5, None, 0.7], ".2f") == "0.60（0.50–0.70）"
    assert spread([3, 3], ",") == "3" and spread([0.701, 0.702], ".1%") == "70.2%（70.1%–70.2%）"
    assert spread([0.7001, 0.7002], ".1%") == "70.0%" and spread([None], ".2f") == "—"


def test_tables_of_the_pages_follow_the_records(load_tool, tmp_path, monkeypatch):
    """各页的表：均值（最小–最大）、处理器时间的中位数、对照在前；没有记录的配置是错误。"""
    lines: list[str] = []
    outl = lambda text="": lines.extend(text.splitlines())  # noqa: E731
    monkeypatch.setitem(sys.modules, "cog", SimpleNamespace(outl=outl))  # 只有 cog 执行页面时才有这个模块
    load_tool("docs")
    from pages import results
    from pages import tables as docs

    opponents = {"总猜一类": {"valid": {"accuracy": 0.11}, "test": {"accuracy": 0.1}}}
    for seed, accuracy in ((0, 0.5), (1, 0.7), (2, 0.9)):
        changes = {"test": {"accuracy": accuracy}, "cpu_seconds": 60.0 * (seed + 1), "baselines": opponents}
        write_run(tmp_path / "runs" / "mlp" / str(seed), seed=seed, **changes)
    (tmp_path / "docs_zh" / "experiments").mkdir(parents=True)
    results.merge(results.read_runs([tmp_path / "runs"]), tmp_path / "docs_zh" / "results.json")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    docs.measured({"感知机": "mlp"}, "accuracy", opponents=True)
    assert lines[1:] == [
        "|  | 参数 | 测试，准确率 | 验证，准确率 | 种子 | 处理器分钟 |",
        "|---|---|---|---|---|---|",
        "| 总猜一类 | — | 10.0% | 11.0% | — | — |",
        "| [感知机](../configs/mlp.yml) | 1,234 | 70.0%（50.0%–90.0%） | 60.0% | 0、1、2 | 2.0 |",
    ]
    with pytest.raises(LookupError, match="lenet"):
        docs.measured({"LeNet": "lenet"}, "accuracy")

    runs = [{"run": "甲", "metric": "accuracy", "test": value, "train/loss": None} for value in (0.5, 0.6)]
    file = tmp_path / "docs_zh" / "experiments" / "x.json"
    file.write_text(json.dumps([*runs, {**runs[0], "run": "乙"}]), encoding="utf-8")
    lines.clear()
    docs.experiment_table("x", "test", "train/loss")
    assert lines[1:] == [
        "| 运行 | 测试，准确率 | 最后的训练损失 |",
        "|---|---|---|",
        "| 甲 | 55.0%（50.0%–60.0%） | — |",
        "| 乙 | 50.0% | — |",
    ]


def test_results_without_runs(tool, tmp_path):
    result = tool("results", tmp_path)
    assert result.code == 2 and "没有训练完的运行" in result.err


def test_bubbles(tmp_path):
    points = [("甲", 1000, 0.97, 10**6), ("乙", 10**6, 0.98, 10**8)]
    draw_bubbles(points, tmp_path / "a.png")
    assert np.asarray(Image.open(tmp_path / "a.png")).std() > 5
