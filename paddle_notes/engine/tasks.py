"""任务：一批数据意味着什么。

一个任务说明三件事：损失怎么算、看哪些指标、按哪个指标挑最好的检查点。
训练循环本身不知道数据是图像还是文字。
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes.errors import UserError

Metrics = dict[str, Tensor]


class Task:
    """各任务的共同点。多数任务只需写 ``loss``。"""

    kinds: tuple[str, ...] = ()  # 用得了哪几种数据，即 info.kind
    metric = "loss"
    higher_is_better = False
    blind_loss = math.inf  # 什么也没学会时的损失，训练了一轮还在这里就提醒；说不出来的是无穷

    def __init__(self, info, config=None):
        if info.kind not in self.kinds:
            raise UserError(
                f"{type(self).__name__} 任务用不了这种数据（{info.kind}）；请改 task.name 或 data.name"
            )
        self.info = info
        self.config = config

    def parameters(self, model: nn.Layer) -> dict[str, list]:
        """各部分的参数，每部分有一个优化器。多数网络只有一部分。网络不合任务时抛 :class:`UserError`。"""
        if hasattr(model, "discriminator"):
            raise UserError("这是生成对抗网络；请用 task.name=adversarial")
        return {"model": model.parameters()}

    def prepare(self, valid_data) -> None:
        """训练或评估开始之前，可以先看一遍验证数据。结果要由数据决定，不存进检查点。"""

    def start_epoch(self) -> None:
        """一轮训练或一次评估开始之前。"""

    def state(self) -> dict[str, Tensor]:
        """跨批的状态（张量），要存进检查点，才能停在一轮的半途再继续。"""
        return {}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """恢复 :meth:`state` 存下的状态。"""

    def num_samples(self, batch: tuple[Tensor, ...]) -> int | Tensor:
        """一批的样本数，指标按它加权平均。"""
        return batch[-1].shape[0]

    def weights(self, batch: tuple[Tensor, ...]) -> dict[str, int | Tensor]:
        """不按样本数加权的指标各按什么加权，如句子的损失按词元数：名字 -> 这一批的权重。"""
        return {}

    def inputs(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """一批里送进网络的部分。"""
        return batch[:-1]

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        """返回代价（一批损失的均值，0 维）与指标（名字 -> 0 维张量）。"""
        raise NotImplementedError

    def updates(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> Iterator[tuple[str, Tensor, Metrics]]:
        """一批数据引起的各次更新：(更新哪一部分, 代价, 指标)。训练循环在两次更新之间做反向与更新。"""
        yield "model", *self.loss(model, batch)

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        """由各批的平均得到要报告的指标，例如由均方误差得到均方根误差。"""
        return means

    def pictures(self, model: nn.Layer) -> dict[str, np.ndarray]:
        """每次评估之后要看的图：名字 -> (H, W, 3) uint8。"""
        return {}


class Classification(Task):
    """分类：交叉熵损失与准确率。一批是 (输入…, 标签)，网络输出 logits (N, K)。

    训练时网络也可以输出 (logits, 辅助 logits, …)，如 GoogLeNet 的辅助分类器：
    代价 = 交叉熵(logits) + aux_weight·Σ 交叉熵(辅助 logits)；指标只看 logits。

    标签平滑把目标从独热改为 (1 − ε)·独热 + ε/K，只用于训练；ε 与 aux_weight 在 ``config`` 里。
    """

    kinds = ("image", "text")
    metric = "accuracy"
    higher_is_better = True

    def __init__(self, info, config):
        super().__init__(info, config)
        self.blind_loss = math.log(info.num_classes)  # 各类的概率相等

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        *inputs, labels = batch
        outputs = model(*inputs)
        logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)  # 各 (N, K)
        smoothing = self.config.label_smoothing if model.training else 0.0
        cost = F.cross_entropy(logits, labels, label_smoothing=smoothing)
        for other in auxiliary:
            cost = cost + self.config.aux_weight * F.cross_entropy(other, labels, label_smoothing=smoothing)
        return cost, {"accuracy": accuracy(logits, labels)}


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """得分最高的类别是不是标签：一批的平均，0 维。"""
    return (logits.argmax(-1) == labels).astype("float64").mean()


class Hinge(Task):
    """多类铰链损失：Σ_{j≠y} max(0, s_j − s_y + Δ)，线性网络用它就是支持向量机。

    间隔 Δ 是 ``config.margin``。
    """

    kinds = ("image", "text")
    metric = "accuracy"
    higher_is_better = True

    def __init__(self, info, config):
        super().__init__(info, config)
        self.blind_loss = config.margin * (info.num_classes - 1)  # 各类的得分相等

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        *inputs, labels = batch
        scores = model(*inputs)  # (N, K)
        right = paddle.take_along_axis(scores, labels.unsqueeze(1), axis=1)  # (N, 1)
        # max(0, s_j − s_y + Δ) 对 j = y 恰为 Δ，减去它
        cost = F.relu(scores - right + self.config.margin).sum(-1).mean() - self.config.margin
        return cost, {"accuracy": accuracy(scores, labels)}


class Regression(Task):
    """回归：一批是 (输入 (N, …), 目标 (N,))，网络输出 (N,)。目标已标准化，损失是均方误差。

    指标 rmse 是目标原来的单位下的均方根误差：√(均方误差)·``info.target_scale``。
    """

    kinds = ("table", "series")
    metric = "rmse"
    higher_is_better = False
    blind_loss = 1.0  # 总是猜均值；目标已标准化

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        inputs, targets = batch
        return F.mse_loss(model(inputs), targets), {}

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        return {**means, "rmse": means["loss"] ** 0.5 * self.info.target_scale}


def build_task(config, info) -> Task:
    """照 ``config``（config.task）与数据的说明造任务。"""
    return config.find()(info, config)
