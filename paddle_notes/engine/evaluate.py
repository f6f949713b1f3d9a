"""在一份数据上评估：训练时的验证与 tools/eval.py 用的是同一个函数，所以数字相同。"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn


class Meter:
    """各批指标的加权平均。先攒着张量，取平均时才读出数值，不让 GPU 每步等待。

    一批的样本数与权重由任务给出，可以是 0 维张量：一批里不是填充的词元数要在设备上数。
    """

    def __init__(self, task, records: list | None = None) -> None:
        self.task = task
        self.records: list[tuple[dict[str, Tensor], int | Tensor, dict[str, int | Tensor]]] = records or []

    def add(self, metrics: dict[str, Tensor], batch: tuple[Tensor, ...]) -> None:
        self.records.append((metrics, self.task.num_samples(batch), self.task.weights(batch)))

    def state(self) -> list:
        """攒着的各批，写成能存进 JSON 的数；``Meter(task, state)`` 由它恢复。"""
        return [
            [
                {name: float(value) for name, value in metrics.items()},
                int(num_samples),
                {name: int(weight) for name, weight in weights.items()},
            ]
            for metrics, num_samples, weights in self.records
        ]

    def num_samples(self) -> int:
        return sum(int(num_samples) for _, num_samples, _ in self.records)

    def mean(self) -> dict[str, float]:
        return {name: self.mean_of(name) for name in self.records[0][0]}

    def mean_of(self, name: str) -> float:
        """一个指标的平均；权重全是 0（各批都是填充）时为 0。"""
        values = [float(metrics[name]) for metrics, _, _ in self.records]
        weights = [int(own.get(name, num_samples)) for _, num_samples, own in self.records]
        return float(np.average(values, weights=weights)) if any(weights) else 0.0


def to_tensors(batch: tuple[np.ndarray, ...]) -> tuple[Tensor, ...]:
    """把一批 NumPy 数组搬到当前设备上。"""
    return tuple(paddle.to_tensor(array) for array in batch)


@paddle.no_grad()
def evaluate(model: nn.Layer, task, data) -> dict[str, float]:
    """在一份数据上求指标，用推理模式。"""
    model.eval()
    task.start_epoch()
    meter = Meter(task)
    for arrays in data.epoch():
        batch = to_tensors(arrays)
        loss, metrics = task.loss(model, batch)
        meter.add({"loss": loss, **metrics}, batch)
    return task.summarize(meter.mean())


def format_metrics(metrics: dict[str, float]) -> str:
    """写成 ``loss 0.1234 acc 0.9712``。"""
    short = {"accuracy": "acc"}
    return " ".join(f"{short.get(name, name)} {value:.4f}" for name, value in metrics.items())
