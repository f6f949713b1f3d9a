"""词的任务：词向量（word2vec），与由前几个词预测下一个词（神经语言模型）。"""

from __future__ import annotations

import math
from typing import cast

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes.engine.tasks import Metrics, Task


class WordVectors(Task):
    """词向量：一批是 (中心词, 上下文词, 反例)，网络直接给出负采样的平均损失。

    验证与测试的损失由没有训练过的各行算出，反例每次都相同；什么也没学时是 (1 + 反例数)·ln 2。
    """

    kinds = ("word_pairs",)

    def inputs(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return batch

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        return model(*batch), {}


class NextWord(Task):
    """由前几个词预测下一个词：一批是 (前文 (N, c), 下一个词 (N,))，指标是评估时的困惑度。

    训练时只在这一批里出现过的词 S 中做 softmax，省去词表里其余的几万个。词 w 的概率是 q，它被选进 S 的机会是
    Q = 1 − (1 − q)^N：常见的词总在，少见的词难得，所以从它的分数里减去 ln Q 来补偿（重要性采样）。
    评估时在整个词表上做，困惑度是准确的；训练与评估的损失因此不能相比。
    """

    kinds = ("word_windows",)
    metric = "perplexity"

    def __init__(self, info, config=None):
        super().__init__(info, config)
        counts = paddle.to_tensor(info.counts, "float64")
        self.log_absent = paddle.log1p(-counts / counts.sum())  # ln(1 − q)，(V,)

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        contexts, targets = batch
        if not model.training:
            cost = F.cross_entropy(model(contexts), targets)
            return cost, {"perplexity": cost}
        words, labels = cast(tuple, paddle.unique(targets, return_inverse=True))  # (S,)、(N,)
        # ln Q = ln(1 − (1 − q)ᴺ)
        log_seen = paddle.log(-paddle.expm1(len(targets) * self.log_absent[words]))
        logits = model(contexts, words) - log_seen.astype("float32")  # (N, S)
        return F.cross_entropy(logits, labels), {}

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        if "perplexity" not in means:  # 训练时的记录
            return means
        return {**means, "perplexity": math.exp(min(means["perplexity"], 700.0))}
