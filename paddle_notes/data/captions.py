"""看图说话的数据：一到三个手写数字拼成的图像，和一句描述它的中文。

图像由代码拼成：训练、验证、测试的图像各只用 mnist5k 那一部分的数字，略有平移。
句子只有三种：“中间是三”“左边是三，右边是八”“左边是三，中间是五，右边是八”。
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paddle_notes.data.batches import Batches
from paddle_notes.data.info import CaptionInfo
from paddle_notes.data.mnist5k import read_mnist5k
from paddle_notes.data.preprocess import resize
from paddle_notes.data.splits import split_three
from paddle_notes.data.vocabulary import Vocabulary, pad
from paddle_notes.tokens import BEGIN, END, SPECIAL

SIDE, DIGIT = 48, 16  # 画布与数字的边长（像素）
SHIFT = 4  # 数字离开它那一栏的中心至多几个像素
NAMES = "零一二三四五六七八九"
# 数字的个数 -> 从左到右的位置名
PLACES = {1: ("中间",), 2: ("左边", "右边"), 3: ("左边", "中间", "右边")}
MAX_LENGTH = 16  # 最长的句子“左边是三，中间是五，右边是八”有 14 个字，加结束符


def describe(digits: list[int]) -> str:
    """描述一幅图像的句子：``[3, 8]`` → “左边是三，右边是八”。"""
    return "，".join(f"{place}是{NAMES[digit]}" for place, digit in zip(PLACES[len(digits)], digits))


def compose(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """把从左到右的几个数字 (n, 16, 16) uint8 各摆在 (48, 48) 画布的一栏里，离开中心至多 4 像素。"""
    canvas = np.zeros((SIDE, SIDE), "uint8")
    width = SIDE // len(images)
    for index, image in enumerate(images):
        margin = (width - DIGIT) // 2  # 居中时左右各空多少；三个数字时没有空，不左右平移
        horizontal = min(SHIFT, margin)
        left = index * width + margin + generator.integers(-horizontal, horizontal + 1)
        top = (SIDE - DIGIT) // 2 + generator.integers(-SHIFT, SHIFT + 1)
        canvas[top : top + DIGIT, left : left + DIGIT] = image
    return canvas


@dataclass(frozen=True)
class CaptionSet:
    """一份图像与句子。

    属性：
        images: (N, 1, 48, 48) uint8。
        sentences: (N, T) int64：开始符、各字、结束符、填充。
        vocabulary: 字表。
        mean, std: 训练部分的像素（0 到 1）的均值与标准差，各份都用它标准化。
    """

    images: np.ndarray
    sentences: np.ndarray
    vocabulary: Vocabulary
    mean: float
    std: float

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = (self.images[index].astype("float32") / 255 - self.mean) / self.std
        return images, self.sentences[index]

    def info(self) -> CaptionInfo:
        return CaptionInfo(
            vocabulary=self.vocabulary.tokens,
            image_size=SIDE,
            max_length=MAX_LENGTH,
            mean=self.mean,
            std=self.std,
        )

    def batches(self, config, training: bool = False, seed: int = 0) -> Batches:
        return Batches(self, config.batch_size, training, seed)


def make(digits: np.ndarray, labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """拼 ``count`` 幅图像，返回 (count, 1, 48, 48) 与各自的句子。"""
    generator = np.random.default_rng(seed)
    images, sentences = np.empty((count, 1, SIDE, SIDE), "uint8"), []
    for i in range(count):
        chosen = generator.integers(0, len(labels), generator.integers(1, 4))
        images[i, 0] = compose(digits[chosen], generator)
        sentences.append(describe([int(label) for label in labels[chosen]]))
    return images, sentences


def load(config) -> tuple[CaptionSet, CaptionSet, CaptionSet]:
    """训练、验证、测试三份，与运行的种子无关。字表由句子的写法定出，不看数据。"""
    images, labels = read_mnist5k()
    small = resize(images[:, 4:24, 4:24], DIGIT)[:, 0]  # 去掉四边的空白，(5000, 16, 16)
    alphabet = sorted(set("".join(describe([digit] * 3) for digit in range(10))))
    vocabulary = Vocabulary([*SPECIAL, *alphabet])
    counts, sets = (config.num_train, config.num_valid, config.num_valid), []
    for seed, (index, count) in enumerate(zip(split_three(labels), counts)):
        pictures, sentences = make(small[index], labels[index], count, seed)
        if not sets:
            pixels = pictures.astype("float32") / 255
            mean, std = round(float(pixels.mean()), 4), round(float(pixels.std()), 4)
        ids = [[BEGIN, *vocabulary.encode(sentence), END] for sentence in sentences]
        sets.append(CaptionSet(pictures, pad(ids)[0], vocabulary, mean, std))
    return sets[0], sets[1], sets[2]
