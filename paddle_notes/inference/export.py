"""导出：把训练好的网络变成一张计算图，存成文件，没有本项目的代码也能推理。

动态图每次推理都要执行 Python 的 ``forward``。导出时用符号代替数，把 ``forward`` 执行一遍，记下
其中的运算，得到的图与输入的数无关，Paddle Inference、ONNX Runtime、网页与手机上的推理库都读得懂。

一张图只走一遍，所以逐词生成的网络（语言模型、看图说话、翻译）不能这样导出：下一步要读什么，
由上一步写了什么决定，这个循环在网络之外。
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import yaml
from paddle import nn

from paddle_notes.errors import UserError
from paddle_notes.inference.trained import Input, Trained

NAME = "inference"  # 与 PaddleX 的约定相同：inference.json、inference.pdiparams、inference.yml
OPSET = 17  # ONNX 的算子集
# optimize_tool 默认的优化工具会在运行时用 pip 装包，所以写明不用
CONVERT = """
import sys
import paddle2onnx
graph, parameters, file, opset = sys.argv[1:]
paddle2onnx.export(graph, parameters, file, opset_version=int(opset), optimize_tool="None")
"""
TOLERANCE = 1e-3  # 导出前后的输出至多相差它的多少倍


def save_graph(model: nn.Layer, inputs: list[Input], folder: Path) -> None:
    """写 ``inference.json``（图）与 ``inference.pdiparams``（参数）。"""
    specs: list[Any] = [paddle.static.InputSpec(list(shape), dtype, name) for name, shape, dtype in inputs]
    graph = paddle.jit.to_static(model, input_spec=specs, full_graph=True)
    paddle.jit.save(graph, str(folder / NAME))


def save_onnx(folder: Path) -> Path:
    """由 ``inference.json`` 转成 ``inference.onnx``。转不了时抛 :class:`UserError`。

    paddle2onnx 遇到不支持的运算会让整个进程崩溃，所以在另一个进程里做。
    """
    graph, parameters, file = (folder / f"{NAME}.{suffix}" for suffix in ("json", "pdiparams", "onnx"))
    file.unlink(missing_ok=True)
    command = [sys.executable, "-c", CONVERT, *map(str, (graph, parameters, file)), str(OPSET)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode or not file.exists():
        reason = explain_conversion(done.stderr + done.stdout)
        raise UserError(f"paddle2onnx 转换不了这个网络：{reason}。Paddle 的图已写好：{graph}")
    return file


def explain_conversion(output: str) -> str:
    """由 paddle2onnx 打印的内容说出它为什么没有转成：它自己的话，认得的再加上做法。"""
    errors = re.findall(r"^.*(?:\[ERROR\]|Error: |Error\b.*:).*$", output, re.MULTILINE)
    said = errors[-1].strip()[:300] if errors else "它没有说明原因就退出了"
    if "unsupported operators" in output:
        return f"它有 paddle2onnx 不支持的运算（{said}）"
    if "DLL load failed" in output:  # Windows 上 2.x 与 paddle 3.x 的一些版本配不上，见 docs_zh/export.md
        return f"paddle2onnx 与这个版本的 paddle 配不上（{said}）；请换一对版本，或在 Linux 上转换"
    return said


def run_graph(folder: Path, arrays: list[np.ndarray]) -> np.ndarray:
    """用 Paddle Inference 执行导出的图，返回第一个输出。"""
    from paddle import inference

    config = inference.Config(str(folder / f"{NAME}.json"), str(folder / f"{NAME}.pdiparams"))
    config.disable_gpu()
    config.disable_mkldnn()  # paddle 3.3 的 oneDNN 推理在一些处理器上会出错
    config.disable_glog_info()
    predictor = inference.create_predictor(config)
    for name, array in zip(predictor.get_input_names(), arrays):
        handle = predictor.get_input_handle(name)
        handle.reshape(array.shape)
        handle.copy_from_cpu(array)
    predictor.run()
    return predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()


def run_onnx(file: Path, arrays: list[np.ndarray]) -> np.ndarray:
    """用 ONNX Runtime 执行。"""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # 不打印图的优化过程
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return session.run(None, {node.name: array for node, array in zip(session.get_inputs(), arrays)})[0]


def largest_difference(expected: list[np.ndarray], found: list[np.ndarray]) -> float:
    """输出最多相差多少，以输出的大小为单位；形状不同或超过 :data:`TOLERANCE` 时抛 :class:`UserError`。"""
    worst = 0.0
    for a, b in zip(expected, found):
        if a.shape != b.shape:
            raise UserError(f"导出的图的输出是 {list(b.shape)}，网络的是 {list(a.shape)}；请报告这个错误")
        worst = np.maximum(worst, np.abs(a - b).max() / max(np.abs(a).max(), 1e-12))  # NaN 要传出来
    if not worst <= TOLERANCE:
        raise UserError(f"导出的图与网络的输出相差 {worst:.2g} 倍，超过了 {TOLERANCE:g}；请报告这个错误")
    return float(worst)


def export(trained: Trained, folder: Path, onnx: bool = False) -> dict[str, float]:
    """把 ``trained`` 导出到 ``folder``，再读回来核对；返回 文件名 -> 与网络的输出之差。

    核对用两种批大小：图里若记死了批的大小，第二种就会出错。
    """
    if onnx and not all(map(importlib.util.find_spec, ("paddle2onnx", "onnxruntime"))):
        raise UserError('转成 ONNX 要装 paddle2onnx 与 onnxruntime；请执行 pip install -e ".[cpu,onnx]"')
    inputs, net = trained.inputs(), trained.graph()
    net.eval()
    batches = [trained.examples(batch_size) for batch_size in (3, 1)]
    with paddle.no_grad():
        expected = [net(*map(paddle.to_tensor, batch)).numpy() for batch in batches]
    folder.mkdir(parents=True, exist_ok=True)
    save_graph(net, inputs, folder)
    found = {f"{NAME}.json": largest_difference(expected, [run_graph(folder, batch) for batch in batches])}
    about = {
        "model": trained.options,
        "inputs": [dict(zip(Input._fields, one)) for one in inputs],
        "data": trained.info.dump(),  # 预处理、类别名、词表……
    }
    text = yaml.safe_dump(about, allow_unicode=True, sort_keys=False)
    (folder / f"{NAME}.yml").write_text(text, encoding="utf-8")
    if onnx:
        file = save_onnx(folder)
        found[file.name] = largest_difference(expected, [run_onnx(file, batch) for batch in batches])
    return found
