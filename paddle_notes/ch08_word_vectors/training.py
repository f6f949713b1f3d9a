"""词向量的训练：NumPy 的手写梯度与小批量随机梯度下降，学习率线性降到 0。

一个例子只碰到词表里的几行，所以快慢取决于怎样把梯度加回这几行。这里把它写成稀疏矩阵乘法：
第 n 个例子要往第 r 行加 g 倍的 h_n，就在 (r, n) 处放一个 g，梯度便是这个稀疏矩阵乘以 H，
同一行的多次更新在乘法里相加（见 :func:`subtract_rows`）。

逐个例子更新时，后一个例子看得到前一个的更新；一批一起更新时看不到，最常见的词在一批里出现几百次，
几百份梯度加在一起会走过头，来回震荡，越走越远。所以一行在一批里出现 c 次、学习率 η 乘以 c 超过 1 时，
它的更新缩小到 1/(ηc)，见 :func:`damping`。

语料切成块，每块的随机数（二次采样、窗口、次序、反例）只由（种子，第几块）决定。
所以训练可以在任何一块之后停下，再从那里继续，结果逐位相同；下一块的例子在另一个线程里备好，也不影响结果。
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.special import expit, log_softmax

from paddle_notes.ch08_word_vectors.corpus import (
    Vocabulary,
    cbow_windows,
    context_windows,
    keep_probability,
    skip_gram_pairs,
    subsample,
)
from paddle_notes.ch08_word_vectors.huffman import build_tree
from paddle_notes.ch08_word_vectors.word2vec import (
    Architecture,
    NegativeSampler,
    Objective,
    input_words,
    negative_examples,
)

BLOCK = 1 << 16  # 一块有多少个词


@dataclass(frozen=True)
class Settings:
    """训练的设置。

    属性：
        architecture: 跳字模型 ``skip_gram`` 或连续词袋 ``cbow``。
        objective: ``negative_sampling``、``hierarchical_softmax`` 或 ``softmax``。
        embedding_dim: 词向量的维数。
        window: 窗口半径的最大值，单位是词。
        negatives: 每个例子抽几个反例，只用于负采样。
        subsample: 二次采样的阈值 t，0 为不采样。
        epochs: 语料用几遍。
        batch_size: 多少个例子更新一次。
        lr: 开始时的学习率。梯度是一批之和，不是平均。
        seed: 随机种子。
    """

    architecture: Architecture = "skip_gram"
    objective: Objective = "negative_sampling"
    embedding_dim: int = 100
    window: int = 2
    negatives: int = 5
    subsample: float = 1e-4
    epochs: int = 5
    batch_size: int = 512
    lr: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class Examples:
    """一块语料的全部例子，次序已经打乱。各字段的第一维都是例子数 N。"""

    inputs: np.ndarray  # (N, I)
    weights: np.ndarray  # (N, I)
    targets: np.ndarray  # (N,)
    negatives: np.ndarray  # (N, K)

    def __len__(self) -> int:
        return len(self.targets)

    def part(self, which: slice) -> Examples:
        """其中的一段。"""
        return Examples(self.inputs[which], self.weights[which], self.targets[which], self.negatives[which])


def damping(repeats: np.ndarray, lr: float) -> np.ndarray:
    """在一批里出现 ``repeats`` 次的行，更新要缩小到几倍：学习率乘以次数不超过 1。"""
    return np.minimum(1, 1 / np.maximum(lr * repeats, 1)).astype(np.float32)


def subtract_rows(
    table: np.ndarray, ids: np.ndarray, factors: np.ndarray, vectors: np.ndarray, lr: float
) -> None:
    """就地 ``table[ids[n, m]] -= lr·factors[n, m]·vectors[n]``；重复的行累加，次数太多时缩小。

    参数：
        table: (V, D)。
        ids: 行号，(N, M)。
        factors: (N, M)。
        vectors: (N, D)。
        lr: 学习率。
    """
    count, per_example = ids.shape
    starts = np.arange(0, ids.size + 1, per_example)
    by_example = sparse.csr_matrix((factors.ravel(), ids.ravel(), starts), shape=(count, len(table)))
    by_row = by_example.tocsc()  # 按行号排好；第 r 行的各项在 indptr[r] 与 indptr[r + 1] 之间
    rows = np.flatnonzero(np.diff(by_row.indptr))  # 碰到的行，R 个
    bounds = by_row.indptr[np.append(rows, len(table))]
    touched = sparse.csr_matrix((by_row.data, by_row.indices, bounds), shape=(len(rows), count))
    update = touched @ vectors  # (R, N) @ (N, D)
    table[rows] -= (np.float32(lr) * damping(np.diff(bounds), lr))[:, None] * update


class Trainer:
    """训练词向量。

    参数：
        ids: 语料中各词的编号，(T,)。
        numbers: 各词在第几句，(T,)。
        vocabulary: 词表。
        settings: 设置。

    属性 ``input_vectors`` (V, D) 是要得到的词向量，``output_vectors`` 是输出层的，``block`` 是完成的块数。
    一轮下来一个例子也没有（每句只剩一个词）是 ValueError。
    """

    def __init__(self, ids: np.ndarray, numbers: np.ndarray, vocabulary: Vocabulary, settings: Settings):
        self.ids, self.numbers, self.settings, self.vocabulary = ids, numbers, settings, vocabulary
        self.block = 0
        self.blocks_per_epoch = -(-len(ids) // BLOCK)
        self.total_blocks = self.blocks_per_epoch * settings.epochs
        self.sampler = NegativeSampler(vocabulary.counts)
        self.keep = (
            None if settings.subsample == 0 else keep_probability(vocabulary.counts, settings.subsample)
        )
        size, num_outputs = len(vocabulary), len(vocabulary)
        if settings.objective == "hierarchical_softmax":
            tree = build_tree(vocabulary.counts)
            self.paths, self.codes = tree.paths.astype(np.int32), tree.codes.astype(np.float32)
            self.mask = tree.mask.astype(np.float32)
            num_outputs = size - 1
        # 输入向量在 ±1/(2D) 之内均匀取，输出向量为 0：一开始每次二分类的概率都是 1/2
        generator = np.random.default_rng(settings.seed)
        uniform = generator.random((size, settings.embedding_dim), dtype=np.float32) - np.float32(0.5)
        self.input_vectors = uniform / np.float32(settings.embedding_dim)
        self.output_vectors = np.zeros((num_outputs, settings.embedding_dim), np.float32)

    def examples(self, block: int) -> Examples:
        """第 ``block`` 块的例子，只由（种子，块号）决定。"""
        settings = self.settings
        generator = np.random.default_rng([settings.seed, block])
        start = block % self.blocks_per_epoch * BLOCK
        ids, numbers = self.ids[start : start + BLOCK], self.numbers[start : start + BLOCK]
        if self.keep is not None:
            ids, numbers = subsample(ids, numbers, self.keep, generator)
        windows = context_windows(numbers, settings.window, generator)
        make = skip_gram_pairs if settings.architecture == "skip_gram" else cbow_windows
        centres, contexts = make(ids, windows)
        order = generator.permutation(len(centres))
        inputs, weights, targets = input_words(settings.architecture, centres[order], contexts[order])
        num_negatives = settings.negatives if settings.objective == "negative_sampling" else 0
        negatives = self.sampler.sample((len(targets), num_negatives), generator)
        return Examples(inputs, weights.astype(np.float32), targets, negatives)

    def step(self, batch: Examples, lr: float) -> float:
        """用一批例子更新一次，返回更新之前的损失之和。公式见 :mod:`.word2vec`。"""
        # h = Σ a·W[x]
        h = np.matmul(batch.weights[:, None, :], self.input_vectors[batch.inputs])[:, 0, :]  # (N, D)
        if self.settings.objective == "softmax":
            scores = h @ self.output_vectors.T  # (N, V)
            log_p = log_softmax(scores, axis=1)
            each = np.arange(len(batch))
            loss = -log_p[each, batch.targets].sum()
            g = np.exp(log_p)
            # 每个词期望被猜几次；二分类的 σ′ 至多 1/4，这里的 p·(1 − p) 加起来可以接近次数，所以乘 4
            repeats = 4 * g.sum(0)
            g[each, batch.targets] -= 1
            dh = g @ self.output_vectors
            self.output_vectors -= np.float32(lr) * damping(repeats, lr)[:, None] * (g.T @ h)
        else:
            ids, labels, mask = self.questions(batch)  # (N, M)
            rows = self.output_vectors[ids]  # (N, M, D)
            s = np.matmul(rows, h[:, :, None])[:, :, 0]  # (N, M)
            loss = ((np.logaddexp(0, s) - labels * s) * mask).sum()
            # ∂L/∂s = σ(s) − y
            g = (expit(s) - labels) * mask
            # ∂L/∂h = Σ g·C[id]，∂L/∂C[id] += g·h
            dh = np.matmul(g[:, None, :], rows)[:, 0, :]
            subtract_rows(self.output_vectors, ids, g, h, lr)
        # ∂L/∂W[x] += a·∂L/∂h
        subtract_rows(self.input_vectors, batch.inputs, batch.weights, dh, lr)
        return float(loss)

    def questions(self, batch: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """一批例子各要做哪些二分类：(ids, labels, mask)，各 (N, M)。"""
        if self.settings.objective == "hierarchical_softmax":
            return self.paths[batch.targets], self.codes[batch.targets], self.mask[batch.targets]
        ids, labels, mask = negative_examples(batch.targets, batch.negatives)
        return ids, labels.astype(np.float32), mask.astype(np.float32)

    def update(self, examples: Examples, block: int) -> float:
        """用一块的例子更新，返回损失之和。"""
        starts = range(0, len(examples), self.settings.batch_size)
        loss = 0.0
        for number, start in enumerate(starts):
            # 学习率随进度线性降到 0
            progress = (block + number / len(starts)) / self.total_blocks
            batch = examples.part(slice(start, start + self.settings.batch_size))
            loss += self.step(batch, self.settings.lr * (1 - progress))
        return loss

    def run(self, after_epoch: Callable[[int, float, int], None] | None = None) -> None:
        """从 ``self.block`` 训练到底；每轮之后调用 ``after_epoch(完成的轮数, 平均损失, 例子数)``。"""
        loss, count = 0.0, 0
        with ThreadPoolExecutor(1) as pool:
            upcoming = pool.submit(self.examples, self.block)
            while self.block < self.total_blocks:
                examples = upcoming.result()
                if self.block + 1 < self.total_blocks:
                    upcoming = pool.submit(self.examples, self.block + 1)
                loss += self.update(examples, self.block)
                count += len(examples)
                self.block += 1
                if self.block % self.blocks_per_epoch == 0:
                    if count == 0:
                        raise ValueError("没有哪一句剩下两个词，无从训练；请减小 min_count，或不做二次采样")
                    if after_epoch is not None:
                        after_epoch(self.block // self.blocks_per_epoch, loss / count, count)
                    loss, count = 0.0, 0

    def _fingerprint(self) -> str:
        """设置与语料的摘要：不同的设置或语料之间不能互相继续。"""
        digest = hashlib.sha256(json.dumps(asdict(self.settings), sort_keys=True).encode())
        for array in (self.ids, self.numbers, self.vocabulary.counts):
            digest.update(array.tobytes())
        digest.update("\n".join(self.vocabulary.words).encode())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """把进度写成检查点。先写临时文件再改名，中断不会留下半个文件。"""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.tmp")
        with temporary.open("wb") as file:
            np.savez(
                file,
                block=self.block,
                fingerprint=self._fingerprint(),
                input_vectors=self.input_vectors,
                output_vectors=self.output_vectors,
            )
        os.replace(temporary, path)

    def load(self, path: Path) -> None:
        """从检查点继续。文件损坏，或它属于别的设置、别的语料，是 ValueError。"""
        try:
            with np.load(path, allow_pickle=False) as file:
                saved = {name: file[name] for name in file.files}
            fingerprint, block = str(saved["fingerprint"]), int(saved["block"])
            tables = saved["input_vectors"], saved["output_vectors"]
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"检查点 {path} 已损坏；请删去它，从头训练") from error
        if fingerprint != self._fingerprint():
            raise ValueError(f"检查点 {path} 是用别的设置或别的语料训练的；请照原来的设置继续，或从头训练")
        self.block, (self.input_vectors, self.output_vectors) = block, tables
