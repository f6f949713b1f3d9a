"""训练的速度：每秒多少个（中心词，上下文）对，与 gensim 在同样的语料、同样的设置上相比。"""

from __future__ import annotations

import time
from importlib.util import find_spec

from paddle_notes.ch08_word_vectors.corpus import Vocabulary
from paddle_notes.ch08_word_vectors.training import Settings, Trainer

# 不做二次采样：gensim 用的公式与论文不同，会使两边的例子数不一样
SETTINGS = Settings(window=5, subsample=0.0, epochs=1)


def pairs_per_second(
    sentences: list[list[str]], settings: Settings = SETTINGS, min_count: int = 5
) -> tuple[float, int]:
    """训练一遍，返回（每秒的例子数，例子数）。时间包括造例子、抽反例，不包括数词。"""
    vocabulary = Vocabulary.build(sentences, min_count)
    trainer = Trainer(*vocabulary.encode(sentences), vocabulary, settings)
    counts: list[int] = []
    start = time.perf_counter()
    trainer.run(after_epoch=lambda epoch, loss, count: counts.append(count))
    return sum(counts) / (time.perf_counter() - start), sum(counts)


def gensim_pairs_per_second(
    sentences: list[list[str]], num_pairs: int, settings: Settings = SETTINGS, min_count: int = 5
) -> float | None:
    """gensim 用两个线程训练同样的东西，每秒的例子数；没有装 gensim 时是 None。

    gensim 不报告例子数。窗口半径的分布相同，所以它的例子数的期望也是 ``num_pairs``，
    即 :func:`pairs_per_second` 返回的第二项。
    """
    if find_spec("gensim") is None:
        return None
    from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=settings.embedding_dim,
        window=settings.window,
        negative=settings.negatives,
        sg=int(settings.architecture == "skip_gram"),
        sample=settings.subsample,
        alpha=settings.lr,
        min_count=min_count,
        workers=2,
        seed=settings.seed,
    )
    model.build_vocab(sentences)
    start = time.perf_counter()
    model.train(sentences, total_examples=model.corpus_count, epochs=settings.epochs)
    return num_pairs / (time.perf_counter() - start)
