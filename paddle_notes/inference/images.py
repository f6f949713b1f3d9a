"""图像分类与看图说话。"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor

from paddle_notes.data.preprocess import Preprocess
from paddle_notes.data.vocabulary import Vocabulary
from paddle_notes.inference.trained import BATCH_SIZE, Input, Trained
from paddle_notes.tokens import BEGIN, END

Answers = list[dict]  # 概率最大的几类，各是 {"class": 名字, "probability": 概率}


def answers_of(probabilities: np.ndarray, class_names: list[str], topk: int) -> Answers:
    """概率最大的几类：probabilities (K,)。"""
    order = probabilities.argsort()[::-1][:topk]
    return [{"class": class_names[k], "probability": round(float(probabilities[k]), 6)} for k in order]


Images = str | Path | Sequence[str | Path] | np.ndarray  # 一个或几个文件，或读好的 (N, C, s, s) uint8


def in_batches(images: Images, preprocess: Preprocess) -> Iterator[Tensor]:
    """图像一批批变成网络的输入 (N, C, s, s)；读不了的文件抛 :class:`~paddle_notes.errors.UserError`。"""
    found = [images] if isinstance(images, (str, Path)) else images
    for first in range(0, len(found), BATCH_SIZE):
        batch = found[first : first + BATCH_SIZE]
        if not isinstance(batch, np.ndarray):
            batch = np.stack([preprocess.read(Path(file)) for file in batch])
        yield paddle.to_tensor(preprocess.normalize(batch))


class ImageClassifier(Trained):
    """图像分类。"""

    tool = "predict"

    @property
    def preprocess(self) -> Preprocess:
        """图像怎样变成网络的输入。"""
        return self.info.preprocess

    @paddle.no_grad()
    def probabilities(self, images: Images) -> np.ndarray:
        """各类的概率 (N, K)。"""
        batches = in_batches(images, self.preprocess)
        return np.concatenate([F.softmax(self.model(batch), axis=-1).numpy() for batch in batches])

    def predict(self, images: Images, topk: int = 5) -> list[Answers]:
        """每张图概率最大的 ``topk`` 类。"""
        return [answers_of(row, self.info.class_names, topk) for row in self.probabilities(images)]

    def inputs(self) -> list[Input]:
        size = self.preprocess.image_size
        return [Input("images", [None, self.preprocess.in_channels, size, size], "float32")]


class Captioner(Trained):
    """看图说话。"""

    tool = "predict"

    @property
    def preprocess(self) -> Preprocess:
        """图像怎样变成网络的输入；与训练时一样，是黑底白字的灰度图。"""
        side = self.info.image_size
        return Preprocess(1, side, (self.info.mean,), (self.info.std,), side)

    @paddle.no_grad()
    def predict(self, images: Images) -> list[str]:
        """给每张图写一句。"""
        vocabulary, found = Vocabulary(self.info.vocabulary), []
        for batch in in_batches(images, self.preprocess):
            ids = self.model.decode(batch, self.info.max_length, BEGIN, END)
            found += ["".join(vocabulary.decode(row)) for row in ids.tolist()]
        return found
