"""词向量：由 word2vec 或神经语言模型得到。"""

from __future__ import annotations

import numpy as np

from paddle_notes.inference.trained import Trained
from paddle_notes.tokens import SPECIAL


class WordVectors(Trained):
    """word2vec：中心词的向量。"""

    tool = "word2vec"

    def vectors(self) -> tuple[list[str], np.ndarray]:
        """各词，与它们的向量 (V, D)。"""
        return self.info.vocabulary, self.model.input_vectors.weight.numpy()


class NextWord(Trained):
    """神经语言模型：词嵌入。"""

    tool = "word2vec"

    def vectors(self) -> tuple[list[str], np.ndarray]:
        """各词，与它们的向量 (V, D)；填充等特殊词元不算。"""
        first = len(SPECIAL)
        return self.info.vocabulary[first:], self.model.embedding.weight.numpy()[first:]
