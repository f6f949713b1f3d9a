"""训练好的网络是一个对象：网络、数据的说明与训练时的设置在一起，会做它的任务该做的事。

    trained = load("output/lenet/best")
    trained.predict("digit.png")      # 图像与文字分类
    trained.evaluate("test")          # 与训练结束时记录的相同

造网络、预处理所需的一切都在检查点里，不需要配置文件。哪种任务、哪种数据是哪个类，见 :data:`CLASSES`。
导入本包不会导入 NumPy 与 paddle。
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paddle_notes.errors import UserError

if TYPE_CHECKING:
    from paddle_notes.inference.trained import Trained

# (任务, 数据的种类) -> 类所在之处
CLASSES: dict[tuple[str, str], str] = {
    ("classification", "image"): "paddle_notes.inference.images:ImageClassifier",
    ("hinge", "image"): "paddle_notes.inference.images:ImageClassifier",
    ("classification", "text"): "paddle_notes.inference.text:TextClassifier",
    ("hinge", "text"): "paddle_notes.inference.text:TextClassifier",
    ("regression", "table"): "paddle_notes.inference.numbers:TableRegressor",
    ("regression", "series"): "paddle_notes.inference.numbers:Forecaster",
    ("language_model", "language"): "paddle_notes.inference.text:Writer",
    ("caption", "caption"): "paddle_notes.inference.images:Captioner",
    ("translation", "pairs"): "paddle_notes.inference.translation:Translator",
    ("word_vectors", "word_pairs"): "paddle_notes.inference.words:WordVectors",
    ("next_word", "word_windows"): "paddle_notes.inference.words:NextWord",
    ("adversarial", "image"): "paddle_notes.inference.samples:Sampler",
}


def load(
    weights: str | Path,
    *,
    config: str | Path | None = None,
    overrides: Sequence[str] = (),
    device: str | None = None,
) -> Trained:
    """读一个检查点，返回训练好的网络，推理模式。

    参数：
        weights: 检查点，如 ``output/lenet/best``。
        config: 评估用的配置文件；不写则用训练时的设置。旁边没有说明的 ``.pdparams`` 只能这样读。
        overrides: 改几项设置，如 ``["data.path=别处"]``，写法同 ``-o``。
        device: auto、cpu、gpu 或 gpu:N；不写则由 ``config`` 决定，也没有时是 auto。

    检查点缺失、损坏、来历不明时抛 :class:`~paddle_notes.errors.UserError`。
    """
    from paddle_notes.config import load_config, override
    from paddle_notes.data.info import read_info
    from paddle_notes.engine.checkpoint import has_state, load_weights, read_state, split_suffix
    from paddle_notes.engine.matching import saved_config

    path = split_suffix(weights)
    given = None if config is None else load_config(config, overrides)
    if given is not None and not has_state(path):  # 只有参数：网络照配置造
        options, info, settings, task = {}, None, given, given.task.name
    else:
        state = read_state(path)
        if not {"model", "data"} <= state.keys():
            raise UserError(f"{path}.json 里没有网络与数据的说明，请用 tools/train.py 存下的检查点")
        options = state["model"]
        info = read_info(options, state["data"], f"{path}.json")
        saved = saved_config(path, state)
        if saved is None:
            raise UserError(f"{path}.json 里没有训练时的设置，旁边也没有 config.yml，不知道它是做什么的")
        task = saved.task.name
        settings = given or override(saved, ["runtime.device=auto", *overrides])

    from paddle_notes import models, runtime

    environment = runtime.prepare(device or settings.runtime.device, settings.runtime.threads)
    if info is None:
        from paddle_notes.data import build_data

        info = build_data(settings.data, settings.seed).train.info()
        options = {"name": settings.model.name, **models.options_from_config(settings.model, info)}
    model = models.build(**options)
    load_weights(model, path)
    return trained_class(task, info.kind)(model, options, info, settings, path, environment)


def trained_class(task: str, kind: str) -> type[Trained]:
    """一种任务、一种数据的类；导入它会导入 paddle。"""
    if (task, kind) not in CLASSES:
        raise UserError(f"{task} 任务用不了 {kind} 这种数据；检查点被改动过，请改用另一个")
    module, name = CLASSES[task, kind].split(":")
    return getattr(importlib.import_module(module), name)
