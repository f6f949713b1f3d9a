"""序列的任务：语言模型、看图说话、翻译。填充（0 号词元）不计入损失与指标。"""

from __future__ import annotations

import math

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes import decoding
from paddle_notes.engine.tasks import Metrics, Task
from paddle_notes.tokens import BEGIN, END, PAD, UNKNOWN


def token_loss(logits: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """每个词元的交叉熵，只对不是填充的位置取平均：logits (N, T, V)，targets (N, T)；全是填充时为 0。"""
    cost = F.cross_entropy(logits, targets, reduction="none", label_smoothing=0.0, ignore_index=PAD)
    cost = cost.squeeze(-1)  # (N, T)，填充处为 0
    mask = (targets != PAD).astype(cost.dtype)
    if label_smoothing:
        # 目标改为 (1 − ε)·独热 + ε/V，损失 (1 − ε)(l − z_y) + ε(l − z̄) = (l − z_y) + ε(z_y − z̄)，
        # l 是 log Σ exp z，z̄ 是 logits 的平均；这样写不必对整个词表求 log_softmax，它在 CPU 上很慢
        right = paddle.take_along_axis(logits, targets.unsqueeze(-1), axis=-1).squeeze(-1)
        cost = cost + label_smoothing * (right - logits.mean(-1)) * mask
    return cost.sum() / mask.sum().clip(min=1)


def num_tokens(targets: Tensor) -> Tensor:
    """不是填充的词元数，0 维张量。"""
    return (targets != PAD).sum()


class LanguageModel(Task):
    """语言模型：一批是 (输入 (N, T), 目标 (N, T))，网络是 ``model(输入, 状态) -> (logits, 新状态)``。

    ``carry`` 的数据每一批接着上一批往下读，状态随之传下去；一轮开始时从零状态开始。
    指标：困惑度 exp(损失)，每字符比特数 损失/ln 2。
    """

    kinds = ("language",)
    metric = "bits_per_char"
    higher_is_better = False

    def __init__(self, info, config=None):
        super().__init__(info, config)
        self.blind_loss = math.log(info.vocab_size)  # 各字的概率相等
        self.carried: tuple[Tensor, ...] | None = None

    def start_epoch(self) -> None:
        self.carried = None

    def state(self) -> dict[str, Tensor]:
        return {str(i): part for i, part in enumerate(self.carried or ())}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        self.carried = tuple(paddle.to_tensor(state[str(i)]) for i in range(len(state))) or None

    def num_samples(self, batch: tuple[Tensor, ...]) -> Tensor:
        return num_tokens(batch[1])

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        inputs, targets = batch
        logits, state = model(inputs, self.carried)
        if self.info.carry:
            self.carried = tuple(part.detach() for part in state)
        return token_loss(logits, targets), {}

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        loss = means["loss"]
        return {**means, "perplexity": math.exp(min(loss, 700.0)), "bits_per_char": loss / math.log(2)}


def exact(answers: Tensor, targets: Tensor) -> Tensor:
    """各句是否全对，(N,) bool：answers (N, L) 结束符之后是 0，targets (N, T) 以结束符结尾，之后是填充。

    正确的句子里有不认识的词元时写不对：那个词元写不出来。
    """
    length = min(answers.shape[1], targets.shape[1])
    same = (answers[:, :length] == targets[:, :length]).all(-1)
    for longer in (answers, targets):  # 多出来的部分应全是填充
        if longer.shape[1] > length:
            same = paddle.logical_and(same, (longer[:, length:] == PAD).all(-1))
    return paddle.logical_and(same, (targets != UNKNOWN).all(-1))


class Writing(Task):
    """由一个输入写出一句：一批是 (输入 (N, …), 句子 (N, T))，句子由开始符、词元、结束符、填充组成。

    训练时由正确的前文预测下一个词元；评估时另外贪心地生成整句，指标是全对的比例。
    损失按词元数平均，全对的比例按输入的个数平均。
    """

    metric = "sentence_accuracy"
    higher_is_better = True

    def smoothing(self) -> float:
        """标签平滑系数 ε，只用于训练。"""
        return 0.0

    def groups(self, batch: tuple[Tensor, ...]) -> np.ndarray:
        """各行是第几个输入，(N,)：输入相同的各行是同一个输入的几个正确的句子。"""
        return np.arange(len(batch[1]))

    def num_samples(self, batch: tuple[Tensor, ...]) -> int:
        return len(batch[1])

    def weights(self, batch: tuple[Tensor, ...]) -> dict[str, int | Tensor]:
        return {"loss": num_tokens(batch[1][:, 1:]), "sentence_accuracy": len(np.unique(self.groups(batch)))}

    def inputs(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        source, sentences, *_ = batch
        return source, sentences[:, :-1]

    def write(self, model: nn.Layer, source: Tensor) -> Tensor:
        """由输入贪心地写出句子 (N, L)，不含开始符，结束符之后是 0。"""
        return model.decode(source, self.info.max_length, BEGIN, END)

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        source, sentences, *_ = batch
        targets = sentences[:, 1:]
        smoothing = self.smoothing() if model.training else 0.0
        cost = token_loss(model(*self.inputs(batch)), targets, smoothing)
        if model.training:
            return cost, {}
        _, first, member = np.unique(self.groups(batch), return_index=True, return_inverse=True)
        answers = self.write(model, source[paddle.to_tensor(first)])
        right = exact(answers[paddle.to_tensor(member)], targets).numpy()  # (N,)
        share = np.bincount(member, right).astype(bool).mean()  # 与其中一个相同就算对
        return cost, {"sentence_accuracy": paddle.to_tensor(share)}


class Caption(Writing):
    """看图说话：输入是图像 (N, C, H, W)。"""

    kinds = ("caption",)


class Translation(Writing):
    """序列到序列：输入是源句 (N, S)，一批的第三项 (N,) 是源句的编号：编号相同的各行互为参考译文。"""

    kinds = ("pairs",)

    def smoothing(self) -> float:
        return self.config.label_smoothing

    def write(self, model: nn.Layer, source: Tensor) -> Tensor:
        return decoding.greedy(model, source, self.info.max_length, BEGIN, END)

    def groups(self, batch: tuple[Tensor, ...]) -> np.ndarray:
        return batch[2].numpy()
