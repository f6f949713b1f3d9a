"""解码：由编码器—解码器逐词写出一句。贪心、采样、束搜索三种办法，循环网络与 Transformer 共用。

论文：贪心与束搜索见 Sutskever 等, *Sequence to Sequence Learning with Neural Networks*, 2014；
长度惩罚见 Wu 等, *Google's Neural Machine Translation System*, 2016。

网络要有三样：

- ``start(sources) -> state``：读完源句、还没有写词时的状态；
- ``step(tokens (N, 1), state) -> (logits (N, V), state)``：读入最新的词，给出下一个词；
- 状态有 ``select(rows)``：取出（可以重复）其中的几行。

填充、不认识的词与开始符永远不会写出来。解码时网络换成推理模式，不求梯度。
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor

from paddle_notes.tokens import PAD, UNKNOWN


def forbid(logits: Tensor, begin: int) -> Tensor:
    """把不许写的词的 logits (N, V) 换成很大的负数。"""
    banned = np.zeros(logits.shape[-1], "float32")
    banned[[PAD, UNKNOWN, begin]] = -1e9
    return logits + paddle.to_tensor(banned)


@paddle.no_grad()
def write(
    model, sources: Tensor, max_length: int, begin: int, end: int, choose: Callable[[Tensor], Tensor]
) -> Tensor:
    """每步由 ``choose`` 从 logits (N, V) 定出下一个词 (N,)，返回 (N, max_length)，结束符之后是 0。"""
    model.eval()
    state = model.start(sources)
    token = paddle.full([sources.shape[0]], begin, dtype="int64")
    going = paddle.ones_like(token)  # 还没有写出结束符的是 1
    words = []
    for _ in range(max_length):
        logits, state = model.step(token.unsqueeze(1), state)
        token = choose(forbid(logits, begin)) * going
        words.append(token)
        going = going * (token != end).astype("int64")
        if not going.any():
            break
    answers = paddle.stack(words, axis=1)
    return F.pad(answers, [0, 0, 0, max_length - len(words)], value=PAD)  # (N, max_length)


def greedy(model, sources: Tensor, max_length: int, begin: int, end: int) -> Tensor:
    """每步取最可能的词。"""
    return write(model, sources, max_length, begin, end, lambda logits: logits.argmax(axis=-1))


def sample(
    model,
    sources: Tensor,
    max_length: int,
    begin: int,
    end: int,
    temperature: float,
    generator: np.random.Generator,
) -> Tensor:
    """每步由 p_v ∝ exp(z_v / 温度) 抽一个词。"""
    if temperature <= 0:
        raise ValueError(f"采样的温度应大于 0，得到 {temperature}；要最可能的词请用贪心解码")

    def choose(logits: Tensor) -> Tensor:
        # argmax(z / 温度 + g)，g 服从 Gumbel 分布：与按 softmax 的概率抽取相同
        noise = generator.gumbel(size=logits.shape).astype("float32")
        return (logits / temperature + paddle.to_tensor(noise)).argmax(axis=-1)

    return write(model, sources, max_length, begin, end, choose)


def penalty(length: int, alpha: float) -> float:
    """长度惩罚：长句的概率是更多个小于 1 的数之积，不除以它就总是短句占便宜。"""
    # lp(n) = ((5 + n) / 6)^α
    return ((5 + length) / 6) ** alpha


@paddle.no_grad()
def beam_search(
    model,
    sources: Tensor,
    max_length: int,
    begin: int,
    end: int,
    beam_size: int = 4,
    length_penalty: float = 0.6,
) -> Tensor:
    """束搜索：每步把每个开头的各种接法都算一遍，每句留下得分最高的 ``beam_size`` 个。

    写完的（写出结束符的）得分是 log P / lp(长度)，另外放着；到了 ``max_length`` 还没写完的也照此计分。
    返回每句得分最高的一个，(N, max_length)，结束符之后是 0。
    """
    model.eval()
    num, b = sources.shape[0], beam_size
    state = model.start(sources).select(paddle.arange(num).repeat_interleave(b))  # 每句 b 行
    prefixes = np.zeros((num, b, 0), "int64")
    # 一开始 b 个开头都一样，只留一个
    scores = np.full((num, b), -np.inf)
    scores[:, 0] = 0
    best = np.zeros((num, max_length), "int64")
    best_score = np.full(num, -np.inf)
    tokens = np.full((num, b), begin)
    for length in range(1, max_length + 1):
        logits, state = model.step(paddle.to_tensor(tokens.reshape(-1, 1)), state)
        log_p = F.log_softmax(forbid(logits, begin).astype("float64"), axis=-1).numpy().reshape(num, b, -1)
        # 得分(开头 + 词) = 得分(开头) + log p(词 | 开头)
        total = scores[:, :, None] + log_p  # (N, b, V)
        vocab_size = total.shape[-1]
        flat = total.reshape(num, -1)
        # 至多 b 个候选以结束符结尾，所以取 2b 个，总还有 b 个没写完的
        top = np.argsort(-flat, axis=1, kind="stable")[:, : 2 * b]  # (N, 2b)
        parents, words = top // vocab_size, top % vocab_size
        top_scores = np.take_along_axis(flat, top, axis=1)
        rows = np.arange(num)[:, None]
        grown = np.concatenate([prefixes[rows, parents], words[:, :, None]], axis=2)  # (N, 2b, length)
        # 排在前 b 名的才算写完：宽度为 1 时就与贪心解码相同
        complete = ((words == end) | (length == max_length)) & (np.arange(2 * b) < b)
        ranked = np.where(complete, top_scores / penalty(length, length_penalty), -np.inf)
        winner = ranked.argmax(axis=1)
        better = ranked[rows[:, 0], winner] > best_score
        best[better, :length] = grown[rows[:, 0], winner][better]
        best[better, length:] = PAD
        best_score = np.maximum(best_score, ranked[rows[:, 0], winner])
        if length == max_length:
            break
        # 没写完的里得分最高的 b 个；稳定排序不打乱它们的次序
        keep = np.argsort(words == end, axis=1, kind="stable")[:, :b]
        prefixes, tokens = grown[rows, keep], words[rows, keep]
        scores = np.where(tokens == end, -np.inf, top_scores[rows, keep])
        # log P 只会更小：没写完的最好能得多少分也比不过已写完的，就不必再写
        if (scores.max(axis=1) / penalty(max_length, length_penalty) <= best_score).all():
            break
        source_rows = rows * b + parents[rows, keep]
        state = state.select(paddle.to_tensor(source_rows.reshape(-1)))
    return paddle.to_tensor(best)
