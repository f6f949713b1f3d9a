"""训练好的网络的共同点：在一份数据上评估，导出成图。"""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from paddle import nn

from paddle_notes import models
from paddle_notes.data import Parts, build_data
from paddle_notes.data.batches import Batches
from paddle_notes.data.info import Info
from paddle_notes.engine.evaluate import evaluate
from paddle_notes.engine.matching import check_use
from paddle_notes.engine.tasks import build_task
from paddle_notes.errors import UserError

BATCH_SIZE = 64  # 预测时一批几个


class Input(NamedTuple):
    """网络的一个输入。"""

    name: str
    shape: list[Any]  # None 是随意的大小，如批
    dtype: Any  # float32 或 int64


class Trained:
    """训练好的网络，推理模式。各种任务的子类见 :data:`paddle_notes.inference.CLASSES`。

    参数：
        model: 网络。
        options: 造它的选项，含 name。
        info: 数据的说明。
        config: 训练（或评估）用的设置（:class:`~paddle_notes.config.Config`）；None 时不能评估。
        weights: 检查点的名字，不带后缀。
        environment: 运行环境的一行说明。
    """

    tool: ClassVar[str]  # 命令行上由 tools/ 里的哪一个来用

    def __init__(
        self,
        model: nn.Layer,
        options: dict[str, Any],
        info: Any,
        config: Any = None,
        weights: Path = Path(),
        environment: str = "",
    ):
        model.eval()
        self.model = model
        self.options = options
        self.info = info
        self.config = config
        self.weights = weights
        self.environment = environment

    # ---------------------------------------------------------------- 数据

    @cached_property
    def parts(self) -> Parts:
        """``config`` 所说的数据，默认就是训练时的那一份：训练、验证、测试三份。"""
        if self.config is None:
            raise UserError("没有设置，不知道用什么数据")
        return build_data(self.config.data, self.config.seed)

    def part(self, split: str, options: dict[str, Any] | None = None) -> Batches:
        """数据的验证（valid）或测试（test）部分，核对过它能用来评判这个网络。

        类别、归一化、词表、划分与训练时不同的，抛 :class:`UserError`；只是另一批样本，打印一句说明。
        ``options`` 是照现在的设置造网络的选项，给出时也核对。
        """
        data = getattr(self.parts, split)
        if data is None:
            raise UserError(
                f"{self.config.data.path} 里没有测试部分；请放一个 test 文件夹，或用 --split valid"
            )
        note = check_use(self.weights, self.config, data.info().dump(), {split: data.fingerprint()}, options)
        if note:
            print(note, file=sys.stderr)
        return data

    def evaluate(self, split: str = "valid") -> dict[str, float]:
        """在验证（valid）或测试（test）部分求指标，与训练时记录的完全相同。"""
        info: Info = self.parts.valid.info()
        options = models.options_from_config(self.config.model, info)
        data = self.part(split, {"name": self.config.model.name, **options})
        task = build_task(self.config.task, info)
        task.prepare(self.parts.valid)
        return evaluate(self.model, task, data)

    # ---------------------------------------------------------------- 导出

    def inputs(self) -> list[Input]:
        """导出的图有哪些输入；导不成一张图的网络抛 :class:`UserError`。"""
        raise UserError(
            f"逐词生成的网络（{self.info.kind}）导不成一张图：每一步都要读上一步写的词；"
            "生成请用 tools/generate.py，翻译请用 tools/translate.py"
        )

    def graph(self) -> nn.Layer:
        """要导出的那一部分。"""
        return self.model

    def examples(self, batch_size: int) -> list[np.ndarray]:
        """随机的输入，用来核对导出前后的输出；由固定的种子决定。"""
        generator = np.random.default_rng(0)
        return [
            generator.standard_normal([batch_size, *map(int, shape[1:])]).astype(dtype)
            for _, shape, dtype in self.inputs()
        ]

    def export(self, folder: str | Path, onnx: bool = False) -> dict[str, float]:
        """导出到 ``folder``，见 :func:`paddle_notes.inference.export.export`。"""
        from paddle_notes.inference.export import export

        return export(self, Path(folder), onnx)
