"""tools/benchmark.py 里不由训练循环跑的比较：最近邻、词向量、键值缓存，各取几次的中位数。"""

from __future__ import annotations

import statistics
import time


def benchmark_knn(rounds: int) -> dict[str, float]:
    """1,000 张数字对 4,000 张的距离与预测，各取中位数（秒）。"""
    from scipy.spatial.distance import cdist

    from paddle_notes.ch01_machine_learning.digits import get_digits
    from paddle_notes.ch01_machine_learning.knn import KNearestNeighbors, l1_distance

    train_images, train_labels, images, _ = get_digits()
    train_images, images = (x.reshape(len(x), -1).astype("float64") for x in (train_images, images))
    model = KNearestNeighbors(5).fit(train_images, train_labels)
    actions = {
        "KNN 预测，L2（秒）": lambda: model.predict(images),
        "L1 距离（秒）": lambda: l1_distance(images, train_images),
        "scipy cdist cityblock（秒）": lambda: cdist(images, train_images, "cityblock"),
    }
    found = {}
    for name, action in actions.items():
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - start)
        found[name] = statistics.median(seconds)
    return found


def benchmark_word2vec(rounds: int) -> dict[str, float]:
    """负采样的 skip-gram 每秒训练多少个（中心词，上下文）对，与 gensim 轮流测，取中位数。"""
    from paddle_notes.ch08_word_vectors.benchmark import gensim_pairs_per_second, pairs_per_second
    from paddle_notes.ch08_word_vectors.corpus import newspaper_path, read_tagged

    sentences = read_tagged(newspaper_path())[:5000]
    ours, theirs = [], []
    for _ in range(rounds):
        speed, count = pairs_per_second(sentences)
        ours.append(speed)
        theirs.append(gensim_pairs_per_second(sentences, count))
    found = {"word2vec（对/秒）": statistics.median(ours)}
    if None not in theirs:
        found["gensim，两个线程（对/秒）"] = statistics.median(theirs)
    return found


def benchmark_cache(rounds: int) -> dict[str, float]:
    """GPT 生成 256 个字，有没有键值缓存各用几秒，轮流测，取中位数；文字相同。"""
    import numpy as np

    from paddle_notes.ch10_transformer.gpt import GPT
    from paddle_notes.runtime import seed_everything

    seed_everything(0)
    model = GPT(2000, 256, d_model=256, num_heads=4, num_layers=2, dim_feedforward=1024)
    prompt = np.array([[5]])

    def seconds(use_cache: bool, length: int) -> float:
        start = time.perf_counter()
        model.generate(prompt, length, 1.0, np.random.default_rng(0), use_cache=use_cache)
        return time.perf_counter() - start

    seconds(True, 20), seconds(False, 20)  # 热身
    pairs = [(seconds(True, 255), seconds(False, 255)) for _ in range(rounds)]
    fast, slow = (statistics.median(column) for column in zip(*pairs))
    ratio = statistics.median(without / cached for cached, without in pairs)
    return {"有缓存（秒）": fast, "没有缓存（秒）": slow, "比值": ratio}


# 不由训练循环跑的：名字 -> 测它的函数，返回 {项目: 中位数}
OTHERS = {"knn": benchmark_knn, "word2vec": benchmark_word2vec, "kv_cache": benchmark_cache}
