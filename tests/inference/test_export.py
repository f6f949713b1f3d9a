"""导出：读回来的图与网络的输出相同，批的大小随意；说明文件够用；导不出的说得清楚。"""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import paddle
import pytest
import yaml

from paddle_notes import models
from paddle_notes.config import load_config
from paddle_notes.data.info import ImageInfo, SeriesInfo, TableInfo, TextInfo
from paddle_notes.data.preprocess import Preprocess
from paddle_notes.engine.checkpoint import save_checkpoint
from paddle_notes.engine.matching import dump, plain
from paddle_notes.errors import UserError
from paddle_notes.inference import CLASSES, trained_class
from paddle_notes.inference import export as module
from paddle_notes.inference.export import explain_conversion, largest_difference, run_graph
from paddle_notes.inference.trained import Input, Trained
from paddle_notes.runtime import seed_everything


def images(num_classes: int, size: int) -> ImageInfo:
    names = [str(k) for k in range(num_classes)]
    return ImageInfo(class_names=names, preprocess=Preprocess(1, size, (0.5,), (0.5,), size))


TEXT = TextInfo(
    class_names=["甲", "乙", "丙"], vocabulary=[str(i) for i in range(50)], tokenizer="char", max_length=20
)
# 名字 -> (任务, 数据的说明, 另外的选项)
NETWORKS = {
    "lenet": ("classification", images(4, 28), {}),
    "dcgan": ("adversarial", images(10, 8), {"base_width": 4, "latent_size": 5}),
    "text_cnn": ("classification", TEXT, {"embedding_size": 6, "num_filters": 4}),
    "text_rnn": ("classification", TEXT, {"embedding_size": 6, "hidden_size": 5, "bidirectional": True}),
    "forecaster": ("regression", SeriesInfo(window=7, target_scale=2.0), {"cell": "gru", "hidden_size": 5}),
    "linear_regression": ("regression", TableInfo(num_features=3, target_scale=2.0), {}),
}


def build(name: str) -> Trained:
    """没有训练过的网络。"""
    task, info, others = NETWORKS[name]
    seed_everything(0)
    config = SimpleNamespace(name=name, options=lambda: dict(others))
    model, options = models.build_from_config(config, info)
    return trained_class(task, info.kind)(model, options, info)


@pytest.mark.parametrize("name", NETWORKS)
def test_graph_gives_what_the_network_gives(name, tmp_path):
    """核对用的批是 3 与 1；再换一种批的大小与另一批数，自己算一遍。"""
    trained = build(name)
    folder = tmp_path / "导出" / name
    found = trained.export(folder)
    assert found.keys() == {"inference.json"} and found["inference.json"] < 1e-5
    about = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
    assert about["model"] == plain(trained.options) and about["data"] == trained.info.dump()
    inputs = [Input(**one) for one in about["inputs"]]
    assert inputs == trained.inputs()
    arrays = [array[::-1].copy() for array in trained.examples(5)]
    with paddle.no_grad():
        expected = trained.graph()(*map(paddle.to_tensor, arrays)).numpy()
    assert len(expected) == 5
    np.testing.assert_allclose(run_graph(folder, arrays), expected, rtol=1e-4, atol=1e-5)


def test_batch_norm_of_the_graph_does_not_look_at_the_batch(tmp_path):
    """导出的是推理模式：一个样本的输出与同一批里的别人无关。"""
    trained = build("dcgan")
    trained.model.train()
    trained.export(tmp_path)
    noise = np.random.default_rng(1).standard_normal((4, 5)).astype("float32")
    together, alone = run_graph(tmp_path, [noise]), run_graph(tmp_path, [noise[:1]])
    np.testing.assert_allclose(together[:1], alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["language", "pairs", "caption"])
def test_networks_that_write_word_by_word(kind, tmp_path):
    (task,) = (task for task, other in CLASSES if other == kind)
    trained = trained_class(task, kind)(paddle.nn.Linear(2, 2), {}, SimpleNamespace(kind=kind))
    with pytest.raises(UserError, match=r"逐词生成的网络.*导不成一张图"):
        trained.export(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_wrong_graph_is_noticed():
    right = np.array([[1.0, -200.0]])
    assert largest_difference([right], [right + 0.1]) == pytest.approx(0.1 / 200)
    for wrong in (right + 1, right * np.nan, right[:, :1]):
        with pytest.raises(UserError, match="请报告这个错误"):
            largest_difference([right], [wrong])


CONVERSIONS = {
    "[Paddle2ONNX] Start\n"
    "[ERROR][Paddle2ONNX] Due to the unsupported operators, the conversion is aborted.\nC++": (
        "它有 paddle2onnx 不支持的运算（[ERROR][Paddle2ONNX] Due to the unsupported operators, "
        "the conversion is aborted.）"
    ),
    "Traceback\n  import c_p2o\nImportError: DLL load failed while importing x: 找不到指定的程序。\n": (
        "paddle2onnx 与这个版本的 paddle 配不上（ImportError: DLL load failed while importing x: "
        "找不到指定的程序。）；请换一对版本，或在 Linux 上转换"
    ),
    "Traceback\nRuntimeError: opset 17 is too high\n": "RuntimeError: opset 17 is too high",
    "": "它没有说明原因就退出了",
}


@pytest.mark.parametrize("output", CONVERSIONS)
def test_the_converter_speaks_for_itself(output):
    assert explain_conversion(output) == CONVERSIONS[output]


# ---------------------------------------------------------------- 工具与 ONNX


CONFIGS = {
    "lenet": "configs/lenet.yml",
    "dcgan": "configs/dcgan.yml",
    "forecaster": "configs/rnn_sunspots.yml",
}


@pytest.fixture
def checkpoint(tmp_path, root):
    """``checkpoint("lenet")``：没有训练过的网络的检查点。"""

    def save(name: str):
        trained, path = build(name), tmp_path / "run" / "best"
        path.parent.mkdir(exist_ok=True)
        config = dump(load_config(root / CONFIGS[name]))
        state = {"model": trained.options, "data": trained.info.dump(), "config": config}
        save_checkpoint(path, trained.model.state_dict(), {}, state)
        return path

    return save


def test_tool(checkpoint, tool, tmp_path):
    path = checkpoint("lenet")
    result = tool("export", "--weights", path)
    assert result.code == 0, result.text
    folder = path.parent / "export"
    assert sorted(file.name for file in folder.iterdir()) == [
        "inference.json",
        "inference.pdiparams",
        "inference.yml",
    ]
    assert str(folder / "inference.json") in result.out and "netron" in result.out
    assert tool("export", "--weights", path, "--out", tmp_path / "别处").code == 0
    result = tool("export", "--weights", tmp_path / "none")
    assert result.code == 2 and "找不到检查点文件" in result.err
    result = tool("export", "--weights", path, "--out", path.with_suffix(".json"))
    assert result.code == 2 and "Traceback" not in result.text


def test_onnx_needs_its_packages(monkeypatch, tmp_path):
    trained = build("linear_regression")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install -e "\.\[cpu,onnx\]"'):
        trained.export(tmp_path / "x", onnx=True)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["lenet", "dcgan", "forecaster"])
def test_onnx(name, checkpoint, tool):
    pytest.importorskip("paddle2onnx")
    pytest.importorskip("onnxruntime")
    path = checkpoint(name)
    result = tool("export", "--weights", path, "--onnx")
    assert result.code == 0, result.text
    assert (path.parent / "export" / "inference.onnx").stat().st_size > 1000


def test_a_crash_of_the_converter_is_one_sentence(checkpoint, tool, monkeypatch):
    """paddle2onnx 遇到不支持的运算时整个进程崩溃。"""
    pytest.importorskip("paddle2onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(module, "CONVERT", "import os; os.abort()")
    result = tool("export", "--weights", checkpoint("lenet"), "--onnx")
    assert result.code == 2 and result.err.startswith("错误：paddle2onnx 转换不了这个网络")


def test_the_graph_needs_nothing_of_the_project(checkpoint, tool, tmp_path):
    """另一个进程，不导入本项目，只用说明文件与图就能推理。"""
    path = checkpoint("lenet")
    assert tool("export", "--weights", path, "--out", tmp_path / "out").code == 0
    script = """
import sys
sys.modules["paddle_notes"] = None  # 不许导入
import numpy as np, yaml
from paddle import inference
about = yaml.safe_load(open("inference.yml", encoding="utf-8"))
config = inference.Config("inference.json", "inference.pdiparams")
config.disable_gpu(); config.disable_mkldnn()
predictor = inference.create_predictor(config)
(name,) = predictor.get_input_names()
assert name == about["inputs"][0]["name"]
handle = predictor.get_input_handle(name)
handle.copy_from_cpu(np.zeros([2, *about["inputs"][0]["shape"][1:]], about["inputs"][0]["dtype"]))
predictor.run()
print(predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu().shape)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "(2, 4)"
