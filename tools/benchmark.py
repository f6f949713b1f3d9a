"""比较训练速度：本项目的训练循环、裸循环、``paddle.Model.fit``、PyTorch。

    python tools/benchmark.py lenet
    python tools/benchmark.py lenet vgg16 --against hapi,torch --json
    python tools/benchmark.py knn word2vec kv_cache   # 与 SciPy、gensim、没有缓存的生成比

每种做法在自己的进程里跑同样的几步（同一份数据、批大小、优化器），轮流多次，取中位数：

- ours：``Trainer.fit``，含取数据、增广、日志、指标，环境由 runtime.prepare 设好；
- bare：同样的环境，张量已在内存里，只做前向、反向、更新；ours 与它之差就是训练循环的开销；
- hapi：``paddle.Model.fit`` 配逐个样本的变换，环境如安装后的原样；
- torch：PyTorch 里同样的网络，张量已在内存里，线程数与本项目相同（装了 PyTorch 才有）。

每步的秒数是一个进程内各步的中位数；每轮的秒数是每步的均值乘以步数，不含验证与存盘。
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from paddle_notes import cli
from paddle_notes.errors import UserError, suggestion

ROOT = Path(__file__).resolve().parent.parent
AGAINST = ("hapi", "torch")


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="benchmark.py", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="配置的名字，如 lenet 即 configs/lenet.yml")
    parser.add_argument("--against", default="hapi,torch", metavar="LIST", help="与谁比，默认 hapi,torch")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="每种做法轮流跑几次，默认 3")
    parser.add_argument("--steps", type=int, metavar="N", help="每次跑几步；默认约 10 秒")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    parser.add_argument("--worker", help="内部使用：在本进程里跑一种做法")
    return parser.parse_args(argv)


# ---------------------------------------------------------------- 各种做法，每种返回每步的秒数


def run_ours(config, steps: int) -> list[float]:
    """``Trainer.fit`` 的每一步，从一步结束到下一步结束，含训练循环的全部开销。"""
    model, train_data, valid_data = prepare(config)

    from paddle_notes.data import FirstBatches
    from paddle_notes.engine.tasks import build_task
    from paddle_notes.engine.trainer import Trainer

    class Timed(FirstBatches):
        """在交出每一批之前记下时刻：相邻两次之差是完整的一步。"""

        def __init__(self, data, count: int):
            super().__init__(data, count)
            self.marks: list[float] = []

        def epoch(self, epoch: int = 0, start: int = 0):
            for batch in super().epoch(epoch, start):
                self.marks.append(time.perf_counter())
                yield batch
            self.marks.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        config.output_dir = folder
        config.train.epochs = -(-steps // len(train_data))
        timed = Timed(train_data, min(steps, len(train_data)))
        task = build_task(config.task, train_data.info())
        Trainer(model, task, config).fit(timed, FirstBatches(valid_data, 1))
    per_epoch = len(timed) + 1
    epochs = [timed.marks[i : i + per_epoch] for i in range(0, len(timed.marks), per_epoch)]
    return [after - before for marks in epochs for before, after in itertools.pairwise(marks)]


def run_bare(config, steps: int) -> list[float]:
    """张量已在内存里的前向、反向、更新。"""
    model, train_data, _ = prepare(config)  # 在导入 paddle 之前

    import paddle.nn.functional as F

    from paddle_notes.engine.evaluate import to_tensors
    from paddle_notes.engine.optim import build_optimizer

    optimizer = build_optimizer(config.optimizer, model)
    batches = [to_tensors(batch) for batch in full_batches(train_data, config)]
    model.train()
    times = []
    for step in range(steps):
        images, labels = batches[step % len(batches)]
        start = time.perf_counter()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        loss.item()  # GPU 上等这一步做完；CPU 上几乎不花时间
        times.append(time.perf_counter() - start)
    return times


def run_hapi(config, steps: int) -> list[float]:
    """``paddle.Model.fit``：逐个样本读图、变换、归一化，由 DataLoader 组成批。"""
    import paddle
    from paddle.vision import transforms
    from PIL import Image

    from paddle_notes import models
    from paddle_notes.data import build_data

    train_data, _ = build_data(config.data, config.seed)
    dataset, shift = train_data.dataset, config.data.augment.shift
    pixels = dataset.images.transpose(0, 2, 3, 1).squeeze()  # paddle 的图像数据集给出的是 PIL 图像
    mean, std = dataset.preprocess.mean, dataset.preprocess.std
    steps_list: list = [transforms.ToTensor(), transforms.Normalize(mean, std)]
    if shift:
        size = dataset.preprocess.image_size
        steps_list.insert(0, transforms.RandomCrop(size, padding=shift))
    transform = transforms.Compose(steps_list)

    class Samples(paddle.io.Dataset):
        def __len__(self):
            return min(steps * config.data.batch_size, len(dataset.labels))

        def __getitem__(self, index):
            return transform(Image.fromarray(pixels[index])), dataset.labels[index]

    class Clock(paddle.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.marks: list[float] = []

        def on_train_batch_end(self, step, logs=None):
            self.marks.append(time.perf_counter())

    _, options = models.build_from_config(config.model, dataset.info())
    network = models.constructor(options.pop("name"))(**options)  # 不经 models.build，没有快速卷积
    model, clock = paddle.Model(network), Clock()
    optimizer = paddle.optimizer.Momentum(
        config.optimizer.lr,
        config.optimizer.momentum,
        parameters=network.parameters(),
        weight_decay=config.optimizer.weight_decay,
    )
    model.prepare(optimizer, paddle.nn.CrossEntropyLoss(), paddle.metric.Accuracy())
    epochs = -(-steps // -(-len(Samples()) // config.data.batch_size))
    model.fit(
        Samples(),
        epochs=epochs,
        batch_size=config.data.batch_size,
        verbose=0,
        callbacks=[clock],
        shuffle=True,
    )
    return [after - before for before, after in itertools.pairwise(clock.marks)]


def run_torch(config, steps: int) -> list[float]:
    """PyTorch 里同样的网络，张量已在内存里的前向、反向、更新。"""
    import torch
    import torch.nn.functional as F
    from benchmark_torch import build_torch

    from paddle_notes.data import build_data
    from paddle_notes.runtime import available_cpus

    torch.set_num_threads(config.runtime.threads or available_cpus())
    train_data, _ = build_data(config.data, config.seed)
    model = build_torch(config.model, train_data.dataset.info()).train()
    optimizer = torch.optim.SGD(
        model.parameters(),
        config.optimizer.lr,
        momentum=config.optimizer.momentum,
        weight_decay=config.optimizer.weight_decay,
    )
    batches = [
        tuple(torch.from_numpy(array) for array in batch) for batch in full_batches(train_data, config)
    ]
    times = []
    for step in range(steps):
        images, labels = batches[step % len(batches)]
        start = time.perf_counter()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return times


WORKERS = {"ours": run_ours, "bare": run_bare, "hapi": run_hapi, "torch": run_torch}


def prepare(config):
    """备好环境，读数据，造网络。"""
    from paddle_notes import models, runtime
    from paddle_notes.data import build_data

    runtime.prepare(config.runtime.device, config.runtime.threads)
    train_data, valid_data = build_data(config.data, config.seed)
    runtime.seed_everything(config.seed)
    model, _ = models.build_from_config(config.model, train_data.dataset.info())
    return model, train_data, valid_data


def full_batches(data, config) -> list:
    """前几个足数的批，供不计数据开销的做法循环使用。"""
    batches = [batch for _, batch in zip(range(8), data.epoch(0))]
    return [batch for batch in batches if len(batch[1]) == config.data.batch_size]


# ---------------------------------------------------------------- 轮流执行与汇总


def load(name: str):
    from paddle_notes.config import load_config

    return load_config(ROOT / "configs" / f"{name}.yml")


def measure(name: str, method: str, steps: int) -> list[float]:
    """在新的进程里跑 ``steps`` 步，返回每步的秒数（去掉开头两步热身）。"""
    words = [sys.executable, __file__, name, "--worker", method, "--steps", str(steps + 2)]
    result = subprocess.run(words, capture_output=True, text=True, encoding="utf-8")
    if result.returncode:
        raise UserError(f"{name} 的 {method} 没有跑完：{result.stderr.strip().splitlines()[-1:]}")
    return json.loads(result.stdout.splitlines()[-1])[2:]


def choose_steps(name: str) -> int:
    """先跑几步，估计约 10 秒能跑多少步。"""
    return max(4, min(200, round(10 / statistics.median(measure(name, "ours", 4)))))


def benchmark(name: str, methods: list[str], rounds: int, steps: int | None) -> dict:
    """对一个配置轮流测各种做法，返回各自的中位数与相对 ours 的比值。"""
    config = load(name)
    steps = steps or choose_steps(name)
    samples: dict[str, list[list[float]]] = {method: [] for method in methods}
    for number in range(rounds):
        for method in methods:
            print(f"{name} 第 {number + 1}/{rounds} 轮 {method} …", file=sys.stderr, flush=True)
            samples[method].append(measure(name, method, steps))
    from paddle_notes.data import build_data

    steps_per_epoch = len(build_data(config.data, config.seed)[0])
    result: dict = {"name": name, "steps": steps, "rounds": rounds, "steps_per_epoch": steps_per_epoch}
    for method, runs in samples.items():
        result[method] = {
            "step_seconds": statistics.median([statistics.median(run) for run in runs]),
            "epoch_seconds": statistics.median([statistics.mean(run) for run in runs]) * steps_per_epoch,
        }
    for method in methods[1:]:
        key = "epoch_seconds" if method == "hapi" else "step_seconds"
        ratios = [
            (statistics.mean(other) / statistics.mean(ours))
            if method == "hapi"
            else statistics.median(other) / statistics.median(ours)
            for other, ours in zip(samples[method], samples["ours"])
        ]
        result[method]["ratio_to_ours"] = statistics.median(ratios)
        result[method]["ratio_of"] = key
    return result


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


def show(result: dict) -> None:
    if result["name"] in OTHERS:
        print(f"{result['name']}：{result['rounds']} 次，取中位数")
        for key, value in result["medians"].items():
            print(f"  {key} {value:,.3f}" if value < 100 else f"  {key} {value:,.0f}")
        return
    steps, rounds = result["steps"], result["rounds"]
    print(f"{result['name']}：每轮 {result['steps_per_epoch']} 步；跑 {steps} 步，{rounds} 次")
    for method in WORKERS:
        if method in result:
            row = result[method]
            step, epoch = row["step_seconds"] * 1000, row["epoch_seconds"]
            ratio = f"，是 ours 的 {row['ratio_to_ours']:.2f} 倍" if "ratio_to_ours" in row else ""
            print(f"  {method:5} {step:9.2f} ms/步 {epoch:8.2f} s/轮{ratio}")
    overhead = 1 / result["bare"]["ratio_to_ours"] - 1
    print(f"  训练循环的开销：{overhead:.1%}（ours 与 bare 每步之比减 1）")


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    if args.worker:
        print(json.dumps(WORKERS[args.worker](load(args.names[0]), args.steps)))
        return 0
    against = [word for word in args.against.split(",") if word]
    for word in against:
        if word not in AGAINST:
            raise UserError(f"--against 里没有 {word}；{suggestion(word, AGAINST)}")
    import importlib.util

    if "torch" in against and importlib.util.find_spec("torch") is None:
        print("没有安装 PyTorch，跳过与它的比较", file=sys.stderr)
        against.remove("torch")
    configs = {file.stem for file in (ROOT / "configs").glob("*.yml")}
    for name in args.names:
        if name not in configs | OTHERS.keys():
            raise UserError(f"没有配置 configs/{name}.yml；{suggestion(name, configs | OTHERS.keys())}")
    results = []
    for name in args.names:
        if name in OTHERS:
            from paddle_notes import runtime

            runtime.prepare("cpu")  # 线程数与训练时相同
            results.append({"name": name, "rounds": args.rounds, "medians": OTHERS[name](args.rounds)})
        else:
            results.append(benchmark(name, ["ours", "bare", *against], args.rounds, args.steps))
    if args.json:
        print(json.dumps(results, ensure_ascii=False, indent=2))
    else:
        for result in results:
            show(result)
    return 0


if __name__ == "__main__":
    cli.run(main)
