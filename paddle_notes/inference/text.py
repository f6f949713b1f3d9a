"""文本分类，与接着开头往下写。"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
import paddle.nn.functional as F

from paddle_notes.data.files import clean
from paddle_notes.data.vocabulary import Vocabulary, pad, tokenize
from paddle_notes.errors import UserError
from paddle_notes.inference.images import Answers, answers_of
from paddle_notes.inference.trained import Input, Trained
from paddle_notes.tokens import UNKNOWN


class TextClassifier(Trained):
    """文本分类。"""

    tool = "predict"

    def predict(self, texts: str | Sequence[str], topk: int = 5) -> list[Answers]:
        """判断各段文字的类别；一段里没有文字时抛 :class:`UserError`。"""
        info, texts = self.info, [texts] if isinstance(texts, str) else texts
        rows = [tokenize(clean(text), info.tokenizer, info.max_length) for text in texts]
        if not all(rows):
            raise UserError("要判断的文字里没有一个词")
        vocabulary = Vocabulary(info.vocabulary)
        inputs = pad([vocabulary.encode(row) for row in rows])
        with paddle.no_grad():
            logits = self.model(*map(paddle.to_tensor, inputs))  # (N, K)
        return [answers_of(row, info.class_names, topk) for row in F.softmax(logits, axis=-1).numpy()]

    def inputs(self) -> list[Input]:
        return [Input("tokens", [None, None], "int64"), Input("lengths", [None], "int64")]

    def examples(self, batch_size: int) -> list[np.ndarray]:
        generator, length = np.random.default_rng(0), 12
        tokens = generator.integers(2, len(self.info.vocabulary), [batch_size, length])
        return [tokens, generator.integers(1, length + 1, [batch_size])]


class Writer(Trained):
    """语言模型。"""

    tool = "generate"

    def write(self, prompt: str, length: int = 100, temperature: float = 0.8, seed: int = 0) -> str:
        """接着 ``prompt`` 往下写至多 ``length`` 个字符，返回写出的（不含开头）。

        温度越低越稳妥，0 总取最可能的；同样的种子写出同样的文字。诗写到结束符为止。
        """
        info, prompt = self.info, clean(prompt)
        if not prompt:
            raise UserError("语言模型要有开头，例如 --prompt 春")
        vocabulary = Vocabulary(info.vocabulary)
        ids = vocabulary.encode(prompt)
        unknown = dict.fromkeys(character for character, index in zip(prompt, ids) if index == UNKNOWN)
        if unknown:
            raise UserError(f"字表里没有“{'”“'.join(unknown)}”：训练的文字里没有它，或太少见；请换一个开头")
        if info.boundary != UNKNOWN:  # 先读上一篇的末尾，网络由此知道这是一篇的开头
            ids = [info.boundary, *ids]
        generator = np.random.default_rng(seed)
        written = self.model.generate(np.array([ids], "int64"), length, temperature, generator)[0]
        return "".join(vocabulary.decode(written))
