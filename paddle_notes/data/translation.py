"""译文的好坏，与不训练网络的译法。"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from paddle_notes.data.vocabulary import tokenize


def retrieve(training: Sequence[tuple[str, str]], sources: Sequence[str]) -> list[str]:
    """对每个英文句子，找训练部分里 TF-IDF 向量（一元与二元词组）夹角最小的一句，返回它的中文。"""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        analyzer="word", tokenizer=lambda text: tokenize(text, "word"), token_pattern=None, ngram_range=(1, 2)
    )
    index = vectorizer.fit_transform([source for source, _ in training])
    similarity = vectorizer.transform(sources) @ index.T  # 各行已归一化，内积就是余弦
    return [training[row.indices[row.data.argmax()]][1] if row.nnz else "" for row in similarity]


def translation_scores(answers: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """译文与参考译文（每句可以有几个）相比：BLEU（sacrebleu 的中文切分）与 chrF 是 0 到 100，

    sentence_accuracy 是不计空白与某个参考译文完全相同的比例。
    """
    from sacrebleu.metrics import BLEU, CHRF

    streams = list(itertools.zip_longest(*references))  # 第 k 列是各句的第 k 个参考译文，没有的是 None
    right = [
        any("".join(answer.split()) == "".join(text.split()) for text in several)
        for answer, several in zip(answers, references, strict=True)
    ]
    return {
        "bleu": BLEU(tokenize="zh").corpus_score(list(answers), streams).score,
        "chrf": CHRF().corpus_score(list(answers), streams).score,
        "sentence_accuracy": sum(right) / len(right),
    }
