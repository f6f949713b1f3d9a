"""Transformer：与 paddle.nn.Transformer 相等，参数个数照公式，掩码有效，各种解码都对得上。"""

from __future__ import annotations

import itertools

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

from paddle_notes import decoding, models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.ch10_transformer.masks import causal_mask, padding_mask
from paddle_notes.ch10_transformer.transformer import Transformer, transformer_base, transformer_big
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything

BEGIN, END = 2, 3
SMALL = {
    "d_model": 16,
    "num_heads": 4,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "dim_feedforward": 24,
    "dropout": 0.0,
}
SOURCES = np.array([[5, 6, 7, 8, 9], [9, 4, 0, 0, 0], [4, 4, 5, 0, 0]])
TARGETS = np.array([[2, 4, 5, 6], [2, 7, 0, 0], [2, 5, 4, 0]])


def build(src: int = 10, tgt: int = 8, seed: int = 0, **options) -> Transformer:
    seed_everything(seed)
    model = Transformer(src, tgt, **{**SMALL, **options})
    # 初始的归一化参数是 1 与 0，换成别的数，放错了位置才看得出来
    for layer in model.sublayers():
        if isinstance(layer, nn.LayerNorm):
            layer.weight.set_value(paddle.uniform([16], min=0.5, max=1.5))
            layer.bias.set_value(paddle.uniform([16], min=-0.5, max=0.5))
    return model


# ---------------------------------------------------------------- 与 paddle.nn.Transformer 相等

NAMES = {
    "self_attention": "self_attn",
    "cross_attention": "cross_attn",
    "feed_forward.linear1": "linear1",
    "feed_forward.linear2": "linear2",
    "residuals.0.norm": "norm1",
    "residuals.1.norm": "norm2",
    "residuals.2.norm": "norm3",
}


def paddle_twin(model: Transformer, pre_norm: bool) -> nn.Transformer:
    """同样权重的 paddle.nn.Transformer。它的末尾总有归一化，后归一化时换成没有的。"""
    options = {"d_model": 16, "nhead": 4, "dim_feedforward": 24, "dropout": 0.0, "normalize_before": pre_norm}
    custom = {}
    if not pre_norm:
        layer_options = (16, 4, 24, 0.0, "relu", None, None, False)
        custom = {
            "custom_encoder": nn.TransformerEncoder(nn.TransformerEncoderLayer(*layer_options), 2),
            "custom_decoder": nn.TransformerDecoder(nn.TransformerDecoderLayer(*layer_options), 2),
        }
    twin = nn.Transformer(num_encoder_layers=2, num_decoder_layers=2, **options, **custom)
    theirs, copied = twin.state_dict(), {}
    for name, value in model.state_dict().items():
        part, _, rest = name.partition(".")
        if part in ("encoder_norm", "decoder_norm"):
            copied[f"{part.removesuffix('_norm')}.norm.{rest}"] = value
        elif part in ("encoder", "decoder"):
            number, _, inner = rest.partition(".")
            prefix = next(key for key in NAMES if inner.startswith(key))
            copied[f"{part}.layers.{number}.{inner.replace(prefix, NAMES[prefix], 1)}"] = value
    assert copied.keys() == theirs.keys()
    twin.set_state_dict(copied)
    return twin


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("pre_norm", [False, True], ids=["post", "pre"])
def test_equals_paddle_transformer(pre_norm, training):
    """输出与对词嵌入、各权重的梯度都相等；训练模式下丢弃概率为 0。"""
    model = build(pre_norm=pre_norm)
    twin = paddle_twin(model, pre_norm)
    for net in (model, twin):
        net.train() if training else net.eval()
    sources, targets = paddle.to_tensor(SOURCES), paddle.to_tensor(TARGETS)
    ours = model(sources, targets)

    x = model.embed(sources, model.source_embedding)
    y = model.embed(targets, model.target_embedding)
    mask = padding_mask(sources)
    out = twin(x, y, mask, paddle.to_tensor(causal_mask(4, 4)), mask)
    theirs = paddle.matmul(out, model.target_embedding.weight, transpose_y=True)
    assert np.abs((ours - theirs).numpy()).max() <= 1e-5

    weight = model.decoder[0].cross_attention.q_proj.weight
    twin_weight = twin.decoder.layers[0].cross_attn.q_proj.weight
    generator = np.random.default_rng(0)
    dy = paddle.to_tensor(generator.standard_normal(ours.shape).astype("float32"))
    for logits, parameters in ((ours, [weight]), (theirs, [twin_weight])):
        logits.backward(dy, retain_graph=True)
        assert parameters[0].grad is not None
    np.testing.assert_allclose(weight.grad.numpy(), twin_weight.grad.numpy(), atol=1e-4)


# ---------------------------------------------------------------- 参数个数


def attention_size(d):
    return 4 * (d * d + d)


def feed_forward_size(d, f):
    return d * f + f + f * d + d


@pytest.mark.parametrize(
    ("builder", "d", "f", "count"),
    [(transformer_base, 512, 2048, 63_082_496), (transformer_big, 1024, 4096, 214_245_376)],
)
def test_parameters_of_the_paper(builder, d, f, count):
    """37,000 个共用的词元，后归一化，有偏置，末尾没有归一化。"""
    encoder_layer = attention_size(d) + feed_forward_size(d, f) + 2 * 2 * d
    decoder_layer = 2 * attention_size(d) + feed_forward_size(d, f) + 3 * 2 * d
    assert 37_000 * d + 6 * encoder_layer + 6 * decoder_layer == count
    with paddle.LazyGuard():
        model = builder(37_000, 37_000)
    assert count_parameters(model) == count
    assert count_parameters(model.encoder[0]) == encoder_layer
    assert count_parameters(model.decoder[0]) == decoder_layer


def test_no_vocabulary_gives_both_numbers_of_the_paper():
    """65M 与 213M 各自要求的词表大小，没有交集。"""
    rest = {512: 63_082_496 - 37_000 * 512, 1024: 214_245_376 - 37_000 * 1024}
    assert rest == {512: 44_138_496, 1024: 176_357_376}
    base = [round((millions * 1e6 - rest[512]) / 512) for millions in (64.5, 65.5)]
    big = [round((millions * 1e6 - rest[1024]) / 1024) for millions in (212.5, 213.5)]
    assert max(big) < min(base)
    assert [round((65e6 - rest[512]) / 512, -2), round((213e6 - rest[1024]) / 1024, -2)] == [40_700, 35_800]


def test_pre_norm_adds_two_final_norms_and_separate_embeddings_add_a_matrix():
    assert count_parameters(build(pre_norm=True)) - count_parameters(build()) == 2 * 2 * 16
    shared, separate = build(8, 8, share_embeddings=True), build(8, 8)
    assert count_parameters(separate) - count_parameters(shared) == 8 * 16


# ---------------------------------------------------------------- 掩码与位置


def test_padding_of_the_source_changes_nothing():
    model = build()
    model.eval()
    longer = np.concatenate([SOURCES, np.zeros((3, 4), "int64")], axis=1)
    first, second = (model(paddle.to_tensor(s), paddle.to_tensor(TARGETS)).numpy() for s in (SOURCES, longer))
    np.testing.assert_allclose(first, second, atol=1e-5)
    changed = SOURCES.copy()
    changed[0, 0] = 4
    assert np.abs(model(paddle.to_tensor(changed), paddle.to_tensor(TARGETS)).numpy() - first)[0].max() > 1e-3


def test_later_targets_do_not_change_earlier_predictions():
    model = build()
    model.eval()
    changed = TARGETS.copy()
    changed[:, 2] = 7
    first, second = (
        model(paddle.to_tensor(SOURCES), paddle.to_tensor(t)).numpy() for t in (TARGETS, changed)
    )
    np.testing.assert_array_equal(first[:, :2], second[:, :2])
    assert np.abs(first[:, 2:] - second[:, 2:]).max() > 1e-3


def test_order_of_the_source_matters_only_through_positions(monkeypatch):
    """没有位置编码，打乱源句不改变结果；有则改变。"""
    from paddle_notes.ch10_transformer import transformer

    model = build()
    model.eval()
    sources, shuffled = np.array([[4, 5, 6, 7]]), np.array([[7, 5, 4, 6]])
    targets = paddle.to_tensor([[2, 4, 5]])

    def gap():
        first, second = (model(paddle.to_tensor(s), targets).numpy() for s in (sources, shuffled))
        return np.abs(first - second).max()

    assert gap() > 1e-3
    monkeypatch.setattr(transformer, "sinusoidal_positions", lambda length, d: np.zeros((length, d)))
    assert gap() < 1e-5


def test_attention_weights_are_recorded():
    model = build()
    model.eval()
    with model.recording() as found:
        model(paddle.to_tensor(SOURCES), paddle.to_tensor(TARGETS))
    shapes = {kind: [weights.shape for weights in layers] for kind, layers in found.items()}
    assert shapes == {
        "encoder": [[3, 4, 5, 5]] * 2,
        "decoder": [[3, 4, 4, 4]] * 2,
        "cross": [[3, 4, 4, 5]] * 2,
    }
    for layers in found.values():
        for weights in layers:
            np.testing.assert_allclose(weights.numpy().sum(-1), 1, atol=1e-5)
    # paddle 的 CPU softmax 把 e 的指数截在 −64，被挡住的权重约是 1e-28 而不恰好是 0
    assert found["cross"][1].numpy()[1, :, :, 2:].max() < 1e-20  # 填充
    assert np.triu(found["decoder"][0].numpy()[0, 0], 1).max() < 1e-20  # 后面的词
    model(paddle.to_tensor(SOURCES), paddle.to_tensor(TARGETS))
    assert len(found["cross"]) == 2


# ---------------------------------------------------------------- 解码


def next_log_probability(model, sources: np.ndarray, prefixes: np.ndarray) -> np.ndarray:
    """不用缓存：把整个开头重新读一遍，返回下一个词的对数概率 (N, V)。"""
    logits = model(paddle.to_tensor(sources), paddle.to_tensor(prefixes))[:, -1].numpy().astype("float64")
    logits[:, [0, 1, BEGIN]] = -1e9
    return (
        logits
        - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
        - logits.max(1, keepdims=True)
    )


@paddle.no_grad()
def decode_without_cache(model, sources: np.ndarray, max_length: int) -> np.ndarray:
    prefixes = np.full((len(sources), 1), BEGIN)
    finished = np.zeros(len(sources), bool)
    for _ in range(max_length):
        words = next_log_probability(model, sources, prefixes).argmax(1)
        prefixes = np.concatenate([prefixes, np.where(finished, 0, words)[:, None]], axis=1)
        finished |= words == END
    return prefixes[:, 1:]


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_decoding_with_cache_equals_without(seed, pre_norm):
    model = build(seed=seed, pre_norm=pre_norm)
    model.eval()
    answers = decoding.greedy(model, paddle.to_tensor(SOURCES), 12, BEGIN, END)
    np.testing.assert_array_equal(answers.numpy(), decode_without_cache(model, SOURCES, 12))


def test_logits_with_cache_equal_without():
    model = build()
    model.eval()
    sources = paddle.to_tensor(SOURCES)
    full = model(sources, paddle.to_tensor(TARGETS)).numpy()
    state = model.start(sources)
    for t in range(TARGETS.shape[1]):
        logits, state = model.step(paddle.to_tensor(TARGETS[:, t : t + 1]), state)
        np.testing.assert_allclose(logits.numpy(), full[:, t], atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_beam_of_one_is_greedy(seed):
    model = build(seed=seed)
    sources = paddle.to_tensor(SOURCES)
    greedy = decoding.greedy(model, sources, 6, BEGIN, END)
    narrow = decoding.beam_search(model, sources, 6, BEGIN, END, 1, 0.0)
    np.testing.assert_array_equal(narrow.numpy(), greedy.numpy())


@paddle.no_grad()
def best_of_all(model, source: np.ndarray, max_length: int, alpha: float) -> np.ndarray:
    """穷举全部写法，返回得分最高的一个；同样长的一起算。"""
    best, best_score = None, -np.inf
    for length in range(1, max_length + 1):
        bodies = list(itertools.product((4, 5, 6, 7), repeat=length - 1))
        candidates = np.array([[*body, END] for body in bodies])
        if length == max_length:  # 写到头还没有结束的也算
            candidates = np.array([[*body, last] for body in bodies for last in (END, 4, 5, 6, 7)])
        prefixes = np.concatenate([np.full((len(candidates), 1), BEGIN), candidates[:, :-1]], axis=1)
        sources = np.repeat(source[None], len(candidates), axis=0)
        logits = model(paddle.to_tensor(sources), paddle.to_tensor(prefixes)).astype("float64").numpy()
        logits[:, :, [0, 1, BEGIN]] = -1e9
        log_p = F.log_softmax(paddle.to_tensor(logits), axis=-1).numpy()
        picked = np.take_along_axis(log_p, candidates[:, :, None], axis=2)[:, :, 0].sum(1)
        scores = picked / ((5 + length) / 6) ** alpha
        if scores.max() > best_score:
            best, best_score = candidates[scores.argmax()], scores.max()
    return np.pad(best, (0, max_length - len(best)))


@pytest.mark.parametrize(("seed", "alpha"), [(0, 0.0), (1, 0.6), (2, 1.0)])
def test_wide_beam_finds_the_best_of_all(seed, alpha):
    """束足够宽时什么也没有丢掉，结果与穷举相同。"""
    model = build(seed=seed)
    model.eval()
    found = decoding.beam_search(model, paddle.to_tensor(SOURCES[:2]), 3, BEGIN, END, 64, alpha).numpy()
    for row, source in zip(found, SOURCES[:2]):
        np.testing.assert_array_equal(row, best_of_all(model, source[source > 0], 3, alpha))


def test_sampling_follows_the_probabilities():
    model = build()
    model.eval()
    count, temperature = 4000, 0.7
    sources = np.repeat(SOURCES[:1], count, axis=0)
    generator = np.random.default_rng(0)
    drawn = decoding.sample(model, paddle.to_tensor(sources), 1, BEGIN, END, temperature, generator).numpy()
    log_p = next_log_probability(model, SOURCES[:1], np.array([[BEGIN]]))[0] / temperature
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    seen = np.bincount(drawn[:, 0], minlength=8) / count
    assert seen[:3].sum() == 0
    assert np.all(np.abs(seen - p) <= 5 * np.sqrt(p * (1 - p) / count) + 1e-9)
    with pytest.raises(ValueError, match="温度应大于 0，得到 0"):
        decoding.sample(model, paddle.to_tensor(SOURCES), 3, BEGIN, END, 0, generator)


# ---------------------------------------------------------------- 用不了的选项


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 15, "num_heads": 5}, "model.d_model 应为偶数，得到 15"),
        ({"d_model": 16, "num_heads": 3}, "d_model 应是头数的倍数，得到 16 与 3"),
        ({"share_embeddings": True}, "得到 10 与 8 个词元；请去掉 model.share_embeddings"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(UserError) as caught:
        models.build("transformer", src_vocab_size=10, tgt_vocab_size=8, **options)
    assert message in str(caught.value)
