"""由一句写出另一句。"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import paddle

from paddle_notes import decoding
from paddle_notes.data.vocabulary import Vocabulary, pad, tokenize
from paddle_notes.errors import UserError
from paddle_notes.inference.trained import BATCH_SIZE, Trained
from paddle_notes.tokens import BEGIN, END, SPECIAL


class AttentionMap(NamedTuple):
    """一种注意力：每层 (h, Tq, Tk) 的权重，行与列各是什么词元。"""

    layers: list[np.ndarray]
    rows: list[str]
    columns: list[str]


class Translator(Trained):
    """序列到序列。"""

    tool = "translate"

    @cached_property
    def sources(self) -> Vocabulary:
        return Vocabulary(self.info.source_vocabulary)

    @cached_property
    def targets(self) -> Vocabulary:
        return Vocabulary(self.info.target_vocabulary)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """各句 → (N, S) int64；没有一个词元的句子是错误。"""
        tokens = [tokenize(text, self.info.source_tokenizer) for text in texts]
        if not all(tokens):
            raise UserError("有一句里没有文字；请检查 --text")
        return pad([self.sources.encode(row) for row in tokens])[0]

    def join(self, tokens: list[str]) -> str:
        """目标句的词元接成一句。"""
        return ("" if self.info.target_tokenizer == "char" else " ").join(tokens)

    def translate(
        self,
        texts: str | Sequence[str],
        beam: int = 4,
        temperature: float | None = None,
        seed: int = 0,
    ) -> list[str]:
        """各句的译文：束搜索，宽 ``beam``（1 为贪心解码）；给出温度则按它采样。"""
        texts = [texts] if isinstance(texts, str) else texts
        limits = (self.info.max_length, BEGIN, END)
        generator = np.random.default_rng(seed)
        answers: list[tuple[int, str]] = []
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))  # 长短相近的放在一批
        for first in range(0, len(texts), BATCH_SIZE):
            index = order[first : first + BATCH_SIZE]
            sources = paddle.to_tensor(self.encode([texts[i] for i in index]))
            if temperature is not None:
                ids = decoding.sample(self.model, sources, *limits, temperature, generator)
            elif beam == 1:
                ids = decoding.greedy(self.model, sources, *limits)
            else:
                ids = decoding.beam_search(self.model, sources, *limits, beam)
            answers += zip(index, (self.join(self.targets.decode(row)) for row in ids.numpy().tolist()))
        return [answer for _, answer in sorted(answers)]

    def attention(self, text: str, answer: str) -> dict[str, AttentionMap]:
        """一句与它的译文的各种注意力：cross，Transformer 另有 encoder、decoder。"""
        source = tokenize(text, self.info.source_tokenizer)
        target = tokenize(answer, self.info.target_tokenizer)
        ids = [BEGIN, *self.targets.encode(target)]
        with paddle.no_grad(), self.model.recording() as found:
            self.model(paddle.to_tensor(self.encode([text])), paddle.to_tensor([ids]))
        if not found["cross"]:
            raise UserError("这个网络没有注意力，画不出注意力的图")
        written = [*target, SPECIAL[END]]  # 每一行写出的词
        read = [SPECIAL[BEGIN], *target]  # 自注意力看的是已读入的词
        axes = {"encoder": (source, source), "decoder": (written, read), "cross": (written, source)}
        return {
            kind: AttentionMap([weights[0].numpy() for weights in layers], *axes[kind])
            for kind, layers in found.items()
        }

    def score(self, split: str = "test", **options) -> dict[str, dict[str, float]]:
        """测试（或验证）部分的 BLEU、chrF、全对的比例，与对照并列；``options`` 同 :meth:`translate`。"""
        from paddle_notes.data.translation import translation_scores

        data = self.part(split)
        sources, references = data.dataset.texts()
        scores = {"网络": translation_scores(self.translate(sources, **options), references)}
        for name, found in self.parts.train.baselines({split: data}).items():
            scores[name] = found[split]
        return scores
