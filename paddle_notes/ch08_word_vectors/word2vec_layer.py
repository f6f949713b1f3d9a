"""word2vec 写成 Paddle 的层：公式与论文见 :mod:`.word2vec`，梯度由自动求导给出。"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from paddle_notes.ch08_word_vectors.huffman import build_tree
from paddle_notes.ch08_word_vectors.word2vec import Architecture, Objective


class Word2Vec(nn.Layer):
    """word2vec 的两种结构与三种输出层。

    参数：
        vocab_size: 词表大小 V。
        embedding_dim: 词向量的维数 D。
        architecture: ``skip_gram`` 或 ``cbow``。
        objective: ``negative_sampling``、``hierarchical_softmax`` 或 ``softmax``。
        counts: 各词的次数，只有层次 softmax 用它造霍夫曼树。

    训练之后，词向量是 ``input_vectors.weight``，(V, D)。
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 100,
        architecture: Architecture = "skip_gram",
        objective: Objective = "negative_sampling",
        counts: list[int] | None = None,
    ):
        super().__init__()
        self.architecture = architecture
        self.objective = objective
        num_outputs = vocab_size
        if objective == "hierarchical_softmax":
            if counts is None or len(counts) != vocab_size:
                raise ValueError("层次 softmax 要由各词的次数造霍夫曼树；请给出 counts，每个词一个数")
            tree = build_tree(np.asarray(counts))
            # 不随检查点保存：由 counts 造得出来
            self.register_buffer("paths", paddle.to_tensor(tree.paths), persistable=False)
            self.register_buffer("codes", paddle.to_tensor(tree.codes), persistable=False)
            self.register_buffer("mask", paddle.to_tensor(tree.mask), persistable=False)
            num_outputs = vocab_size - 1
        # 输入向量在 ±1/(2D) 之内均匀取，输出向量为 0：一开始每次二分类的概率都是 1/2
        bound = 0.5 / embedding_dim
        self.input_vectors = nn.Embedding(
            vocab_size, embedding_dim, weight_attr=nn.initializer.Uniform(-bound, bound)
        )
        self.output_vectors = nn.Embedding(
            num_outputs, embedding_dim, weight_attr=nn.initializer.Constant(0.0)
        )

    def hidden(self, centres: Tensor, contexts: Tensor) -> tuple[Tensor, Tensor]:
        """返回 h (N, D) 与目标 (N,)；``centres``、``contexts`` 的形状见 :func:`.word2vec.input_words`。"""
        if self.architecture == "skip_gram":
            return self.input_vectors(centres), contexts
        present = (contexts >= 0).astype(self.input_vectors.weight.dtype)  # (N, 2w)
        vectors = self.input_vectors(contexts.clip(min=0))  # (N, 2w, D)
        total = (vectors * present.unsqueeze(-1)).sum(1)  # (N, D)
        return total / present.sum(1, keepdim=True), centres

    def losses(self, centres: Tensor, contexts: Tensor, negatives: Tensor | None = None) -> Tensor:
        """各例子的损失，(N,)。负采样要给出 ``negatives`` (N, K)，另外两种不用。"""
        h, targets = self.hidden(centres, contexts)  # (N, D)
        if self.objective == "softmax":
            scores = h @ self.output_vectors.weight.T  # (N, V)
            return scores.logsumexp(1) - scores.take_along_axis(targets.unsqueeze(1), 1).squeeze(1)
        if self.objective == "hierarchical_softmax":
            # Layer.to(dtype=…) 会把整数的缓冲区也变成浮点数
            ids = self.paths[targets].astype("int64")  # (N, L)
            labels, mask = self.codes[targets], self.mask[targets]
        else:
            positive = targets.unsqueeze(1)  # (N, 1)
            ids = paddle.concat([positive, negatives], 1)  # (N, 1 + K)
            labels = paddle.concat([paddle.ones_like(positive), paddle.zeros_like(negatives)], 1)
            mask = paddle.concat([paddle.ones_like(positive), (negatives != positive).astype(ids.dtype)], 1)
        s = (self.output_vectors(ids) @ h.unsqueeze(2)).squeeze(2)  # (N, M)
        labels, mask = labels.astype(s.dtype), mask.astype(s.dtype)
        # −log σ(s) 或 −log σ(−s)
        return (-F.log_sigmoid((2 * labels - 1) * s) * mask).sum(1)

    def forward(self, centres: Tensor, contexts: Tensor, negatives: Tensor | None = None) -> Tensor:
        """一批例子的平均损失。"""
        return self.losses(centres, contexts, negatives).mean()


def word2vec(vocab_size: int, architecture: Architecture = "skip_gram", embedding_dim: int = 100) -> Word2Vec:
    """负采样的 word2vec，configs/word2vec.yml 训练的网络；``vocab_size``、``architecture`` 随数据而定。

    参数：
        vocab_size: 词表大小 V。
        architecture: ``skip_gram`` 或 ``cbow``。
        embedding_dim: 词向量的维数 D。
    """
    return Word2Vec(vocab_size, embedding_dim, architecture)
