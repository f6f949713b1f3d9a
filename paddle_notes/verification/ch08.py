"""第 8 章的题目：word2vec 的两种结构 × 三种输出层，神经语言模型，抽反例与二次采样的频率。"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paddle_notes.ch08_word_vectors import neural_lm, word2vec
from paddle_notes.ch08_word_vectors.corpus import keep_probability, subsample
from paddle_notes.ch08_word_vectors.huffman import build_tree
from paddle_notes.verification.core import Form, Moment, Topic, functional, layer

V, D, N, K = 7, 3, 5, 3  # 词表、维数、例子、反例
COUNTS = np.array([9, 7, 6, 3, 2, 2, 1])


def make_examples(generator: np.random.Generator, architecture: str) -> tuple[np.ndarray, np.ndarray]:
    """(中心词, 上下文)；连续词袋的上下文有空位，也有重复的词。"""
    centres = generator.integers(0, V, N)
    if architecture == "skip_gram":
        return centres, generator.integers(0, V, N)
    contexts = generator.integers(0, V, (N, 4))
    contexts[0, 1:], contexts[1, 2:], contexts[2, 0] = -1, -1, -1
    contexts[3, 0] = contexts[3, 1]
    return centres, contexts


def word2vec_topic(generator: np.random.Generator, architecture: str, objective: str) -> Topic:
    """一种结构配一种输出层；y 是各例子的损失 (N,)，对两张向量表求梯度。"""
    from paddle.nn import functional as F

    from paddle_notes.ch08_word_vectors.word2vec_layer import Word2Vec

    centres, contexts = make_examples(generator, architecture)
    inputs, weights, targets = word2vec.input_words(architecture, centres, contexts)
    negatives = generator.integers(0, V, (N, K))
    negatives[0, 0] = targets[0]  # 抽到了目标，不算
    tree = build_tree(COUNTS)
    rows = V - 1 if objective == "hierarchical_softmax" else V

    if objective == "softmax":
        loss, loss_backward, answers = word2vec.softmax_loss, word2vec.softmax_loss_backward, (targets,)
    else:
        loss, loss_backward = word2vec.logistic_loss, word2vec.logistic_loss_backward
        if objective == "hierarchical_softmax":
            answers = (tree.paths[targets], tree.codes[targets], tree.mask[targets])
        else:
            answers = word2vec.negative_examples(targets, negatives)

    def forward(input_vectors, output_vectors):
        return loss(word2vec.hidden(input_vectors, inputs, weights), output_vectors, *answers)

    def backward(dy, input_vectors, output_vectors):
        h = word2vec.hidden(input_vectors, inputs, weights)
        dh, d_output = loss_backward(dy, h, output_vectors, *answers)
        d_input = word2vec.hidden_backward(dh, input_vectors, inputs, weights)
        return {"input_vectors": d_input, "output_vectors": d_output}

    import paddle

    tensors = [paddle.to_tensor(array) for array in (centres, contexts, negatives)]
    primitives = layer(
        lambda: Word2Vec(V, D, architecture, objective, COUNTS.tolist()),
        {"input_vectors": "input_vectors.weight", "output_vectors": "output_vectors.weight"},
        call=lambda model: model.losses(*tensors),
    )

    def by_paddle_nn(input_vectors, output_vectors):
        words = F.embedding(paddle.to_tensor(inputs), input_vectors)  # (N, I, D)
        h = (words * paddle.to_tensor(weights).unsqueeze(-1)).sum(1)  # (N, D)
        if objective == "softmax":
            label = paddle.to_tensor(targets)
            return F.cross_entropy(h @ output_vectors.T, label, reduction="none")
        ids, labels, mask = answers
        if objective == "hierarchical_softmax":
            label = paddle.to_tensor(targets[:, None])
            table, code = np.where(mask > 0, ids, -1), np.where(mask > 0, labels, -1).astype(np.int64)
            table, code = paddle.to_tensor(table), paddle.to_tensor(code)
            total = F.hsigmoid_loss(h, label, V, output_vectors, None, table, code)  # (N, 1)
            # Paddle 给短的编码补上的每一步，也算了一个 log(1 + e⁰)
            return total.squeeze(1) - paddle.to_tensor(np.log(2) * (1 - mask).sum(1))
        s = (F.embedding(paddle.to_tensor(ids), output_vectors) @ h.unsqueeze(2)).squeeze(2)
        terms = F.binary_cross_entropy_with_logits(s, paddle.to_tensor(labels), reduction="none")
        return (terms * paddle.to_tensor(mask)).sum(1)

    return Topic(
        inputs={
            "input_vectors": generator.standard_normal((V, D)),
            "output_vectors": generator.standard_normal((rows, D)),
        },
        forward=forward,
        backward=backward,
        forms={"原语": primitives, "paddle.nn": functional(by_paddle_nn)},
    )


def neural_ngram_lm(generator: np.random.Generator) -> Topic:
    """Bengio 的神经语言模型；y 是各例子的损失 (N,)，对五组参数求梯度。"""
    import paddle
    from paddle.nn import functional as F

    context_size, hidden_size = 2, 4
    contexts, targets = neural_lm.ngram_windows(generator.integers(0, V, N + context_size), context_size)
    contexts, targets = contexts.copy(), targets.copy()
    inputs = {
        "embedding": generator.standard_normal((V, D)),
        "hidden_weight": generator.standard_normal((context_size * D, hidden_size)),
        "hidden_bias": generator.standard_normal(hidden_size),
        "output_weight": generator.standard_normal((hidden_size, V)),
        "output_bias": generator.standard_normal(V),
    }
    context, label = paddle.to_tensor(contexts), paddle.to_tensor(targets)

    def by_primitives(embedding, hidden_weight, hidden_bias, output_weight, output_bias):
        x = embedding[context].reshape([N, -1])
        s = paddle.tanh(x @ hidden_weight + hidden_bias) @ output_weight + output_bias
        return paddle.logsumexp(s, 1) - s.take_along_axis(label.unsqueeze(1), 1).squeeze(1)

    by_layer: Form = layer(
        lambda: neural_lm.NeuralLM(V, context_size, D, hidden_size),
        {
            "embedding": "embedding.weight",
            "hidden_weight": "hidden.weight",
            "hidden_bias": "hidden.bias",
            "output_weight": "output.weight",
            "output_bias": "output.bias",
        },
        call=lambda model: F.cross_entropy(model(context), label, reduction="none"),
    )
    return Topic(
        inputs=inputs,
        forward=lambda **arrays: neural_lm.neural_lm_loss(**arrays, contexts=contexts, targets=targets),
        backward=lambda dy, **arrays: neural_lm.neural_lm_backward(
            dy, **arrays, contexts=contexts, targets=targets
        ),
        forms={"原语": functional(by_primitives), "paddle.nn": by_layer},
    )


def frequency_moment(name: str, hits: int, trials: int, probability: float) -> Moment:
    """``trials`` 次独立的抽取中命中的比例：标准差 √(p(1 − p)/n)，界取 5 倍。"""
    bound = 5 * np.sqrt(probability * (1 - probability) / trials)
    return Moment(name, hits / trials, probability, float(bound))


def negative_sampling_distribution(generator: np.random.Generator) -> Topic:
    """抽 20 万个反例，每个词出现的比例应是次数的 0.75 次方所占的比例。"""
    trials = 200_000
    expected = COUNTS**0.75 / (COUNTS**0.75).sum()
    drawn = word2vec.NegativeSampler(COUNTS).sample((trials,), generator)
    hits = np.bincount(drawn, minlength=V)
    moments = [frequency_moment(f"p(词 {i})", int(hits[i]), trials, float(expected[i])) for i in range(V)]
    return Topic(moments=tuple(moments))


def subsampling(generator: np.random.Generator) -> Topic:
    """每个词重复 5 万次，留下的比例应是 min(1, √(t/f))。"""
    trials, threshold = 50_000, 0.05
    frequencies = COUNTS / COUNTS.sum()
    expected = np.minimum(1, np.sqrt(threshold / frequencies))
    ids = np.repeat(np.arange(V, dtype=np.int32), trials)
    kept, _ = subsample(ids, np.zeros_like(ids), keep_probability(COUNTS, threshold), generator)
    hits = np.bincount(kept, minlength=V)
    moments = [frequency_moment(f"留下词 {i}", int(hits[i]), trials, float(expected[i])) for i in range(V)]
    return Topic(moments=tuple(moments))


def combine(architecture: str, objective: str) -> Callable[[np.random.Generator], Topic]:
    return lambda generator: word2vec_topic(generator, architecture, objective)


TOPICS = {
    **{
        f"{architecture}_{objective}": combine(architecture, objective)
        for objective in ("negative_sampling", "softmax", "hierarchical_softmax")
        for architecture in ("skip_gram", "cbow")
    },
    "neural_ngram_lm": neural_ngram_lm,
    "negative_sampling_distribution": negative_sampling_distribution,
    "subsampling": subsampling,
}
