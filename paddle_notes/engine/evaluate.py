"""在一份数据上评估：训练时的验证与 tools/eval.py 用的是同一个函数，所以数字相同。"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn


class Meter:
    """按样本数加权的平均。先攒着张量，取平均时才读出数值，不让 GPU 每步等待。

    样本数可以是 0 维张量：语言模型一批里不是填充的字符数要在设备上数。
    """

    def __init__(self) -> None:
        self.records: list[tuple[dict[str, Tensor], int | Tensor]] = []

    def add(self, metrics: dict[str, Tensor], num_samples: int | Tensor) -> None:
        self.records.append((metrics, num_samples))

    def num_samples(self) -> int:
        return sum(int(num_samples) for _, num_samples in self.records)

    def mean(self) -> dict[str, float]:
        weights = [int(num_samples) for _, num_samples in self.records]
        names = self.records[0][0]
        return {
            name: float(np.average([metrics[name].item() for metrics, _ in self.records], weights=weights))
            for name in names
        }


def to_tensors(batch: tuple[np.ndarray, ...]) -> tuple[Tensor, ...]:
    """把一批 NumPy 数组搬到当前设备上。"""
    return tuple(paddle.to_tensor(array) for array in batch)


@paddle.no_grad()
def evaluate(model: nn.Layer, task, data) -> dict[str, float]:
    """在一份数据上求指标，用推理模式。"""
    model.eval()
    task.start_epoch()
    meter = Meter()
    for arrays in data.epoch():
        batch = to_tensors(arrays)
        loss, metrics = task.loss(model, batch)
        meter.add({"loss": loss, **metrics}, task.num_samples(batch))
    return task.summarize(meter.mean())


def format_metrics(metrics: dict[str, float]) -> str:
    """写成 ``loss 0.1234 acc 0.9712``。"""
    short = {"accuracy": "acc"}
    return " ".join(f"{short.get(name, name)} {value:.4f}" for name, value in metrics.items())
