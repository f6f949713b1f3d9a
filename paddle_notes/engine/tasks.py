"""任务：一批数据意味着什么。

一个任务说明三件事：损失怎么算、看哪些指标、按哪个指标挑最好的检查点。
训练循环本身不知道数据是图像还是文字。
"""

from __future__ import annotations

import paddle.nn.functional as F
from paddle import Tensor, nn


class Classification:
    """分类：交叉熵损失与准确率。一批是 (输入, 标签)，网络输出 logits (N, K)。

    训练时网络也可以输出 (logits, 辅助 logits, …)，如 GoogLeNet 的辅助分类器：
    代价 = 交叉熵(logits) + aux_weight·Σ 交叉熵(辅助 logits)；指标只看 logits。

    参数：
        label_smoothing: 标签平滑系数 ε：目标从独热改为 (1 − ε)·独热 + ε/K，只用于训练。
        aux_weight: 辅助 logits 的损失的权重。
    """

    metric = "accuracy"
    higher_is_better = True

    def __init__(self, label_smoothing: float = 0.0, aux_weight: float = 0.3):
        self.label_smoothing = label_smoothing
        self.aux_weight = aux_weight

    def num_samples(self, batch: tuple[Tensor, Tensor]) -> int:
        """一批的样本数，指标按它加权平均。"""
        return batch[1].shape[0]

    def loss(self, model: nn.Layer, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """返回代价（一批损失的均值，0 维）与指标（名字 -> 0 维张量）。"""
        inputs, labels = batch
        outputs = model(inputs)
        logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)  # 各 (N, K)
        smoothing = self.label_smoothing if model.training else 0.0
        cost = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        for other in auxiliary:
            cost = cost + self.aux_weight * F.cross_entropy(other, labels, label_smoothing=smoothing)
        accuracy = (logits.argmax(-1) == labels).astype("float64").mean()
        return cost, {"accuracy": accuracy}


TASKS = {"classification": Classification}


def build_task(config) -> Classification:
    """照 ``config``（:class:`~paddle_notes.config.TaskConfig`）造任务。"""
    return TASKS[config.name](**config.model_dump(exclude={"name"}))
