"""比较训练速度：本项目的训练循环、裸循环、``paddle.Model.fit``、PyTorch。都在 CPU 上。

    python tools/benchmark.py lenet vgg16
    python tools/benchmark.py lenet --against torch -o data.batch_size=256 --json
    python tools/benchmark.py knn word2vec kv_cache   # 与 SciPy、gensim、没有缓存的生成比

图像分类的配置都能比。每种做法在自己的进程里跑同样的几步（同样的网络、数据、批大小、损失、优化器），
轮流多次，取中位数：

- ours：``Trainer.fit``，含取数据、增广、日志、指标，环境由 runtime.prepare 设好；
- bare：同样的环境，张量已在内存里，只做前向、反向、更新；ours 与它之差就是训练循环的开销；
- hapi：``paddle.Model.fit`` 配逐个样本的变换，环境如安装后的原样；
- torch：PyTorch 里同样的网络，张量已在内存里，线程数与本项目相同；要先 pip install -e ".[cpu,bench]"。

每步的秒数是一个进程内各步的中位数；每轮的秒数是每步的均值乘以步数，不含验证与存盘。
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
from pathlib import Path

from paddle_notes import cli
from paddle_notes.errors import UserError, suggestion

ROOT = Path(__file__).resolve().parent.parent
AGAINST = ("hapi", "torch")
WARMUP = 2  # 每个进程开头不计时的步数


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="benchmark.py", description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="配置的名字，如 lenet 即 configs/lenet.yml")
    parser.add_argument("--against", default="hapi,torch", metavar="LIST", help="与谁比，默认 hapi,torch")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="每种做法轮流跑几次，默认 3")
    parser.add_argument("--steps", type=int, metavar="N", help="每次跑几步；默认约 10 秒")
    cli.add_override_argument(parser, "data.batch_size=16")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    parser.add_argument("--worker", help="内部使用：在本进程里跑一种做法")
    return parser.parse_args(argv)


def load(name: str, overrides: list[str]):
    """读 configs/ 里的一份配置；不是图像分类的抛 :class:`UserError`。"""
    from paddle_notes.config import ClassificationTask, HingeTask, ImageData, load_config

    config = load_config(ROOT / "configs" / f"{name}.yml", overrides)
    if not (isinstance(config.data, ImageData) and isinstance(config.task, (ClassificationTask, HingeTask))):
        raise UserError(f"configs/{name}.yml 不是图像分类的配置，这里只比较图像分类的训练")
    return config


def measure(name: str, overrides: list[str], method: str, steps: int) -> list[float]:
    """在新的进程里跑 ``steps`` 步，返回每步的秒数，不含热身。"""
    words = [sys.executable, __file__, name, "--worker", method, "--steps", str(WARMUP + steps)]
    words += ["-o", *overrides] if overrides else []
    result = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace")
    if result.returncode:
        reason = result.stderr.strip().splitlines()[-1:]
        raise UserError(f"{name} 的 {method} 没有跑完：{''.join(reason).removeprefix('错误：')}")
    return json.loads(result.stdout.splitlines()[-1])[WARMUP:]


def choose_steps(name: str, overrides: list[str]) -> int:
    """先跑几步，估计约 10 秒能跑多少步。"""
    return max(4, min(200, round(10 / statistics.median(measure(name, overrides, "ours", 4)))))


def benchmark(name: str, overrides: list[str], methods: list[str], rounds: int, steps: int | None) -> dict:
    """对一个配置轮流测各种做法，返回各自的中位数与相对 ours 的比值。"""
    from paddle_notes.data import build_data

    config = load(name, overrides)
    steps = steps or choose_steps(name, overrides)
    samples: dict[str, list[list[float]]] = {method: [] for method in methods}
    for number in range(rounds):
        for method in methods:
            print(f"{name} 第 {number + 1}/{rounds} 轮 {method} …", file=sys.stderr, flush=True)
            samples[method].append(measure(name, overrides, method, steps))
    steps_per_epoch = len(build_data(config.data, config.seed).train)
    result: dict = {"name": name, "steps": steps, "rounds": rounds, "steps_per_epoch": steps_per_epoch}
    for method, runs in samples.items():
        result[method] = {
            "step_seconds": statistics.median([statistics.median(run) for run in runs]),
            "epoch_seconds": statistics.median([statistics.mean(run) for run in runs]) * steps_per_epoch,
        }
    for method in methods[1:]:
        # hapi 的各步里夹着等数据的几步，中位数看不见，所以比均值
        key, middle = (
            ("epoch_seconds", statistics.mean) if method == "hapi" else ("step_seconds", statistics.median)
        )
        ratios = [middle(other) / middle(ours) for other, ours in zip(samples[method], samples["ours"])]
        result[method]["ratio_to_ours"] = statistics.median(ratios)
        result[method]["ratio_of"] = key
    return result


def show(result: dict) -> None:
    """打印一个配置或一项别的比较的结果。"""
    if "medians" in result:
        print(f"{result['name']}：{result['rounds']} 次，取中位数")
        for key, value in result["medians"].items():
            print(f"  {key} {value:,.3f}" if value < 100 else f"  {key} {value:,.0f}")
        return
    steps, rounds = result["steps"], result["rounds"]
    print(f"{result['name']}：每轮 {result['steps_per_epoch']} 步；跑 {steps} 步，{rounds} 次")
    for method in ("ours", "bare", *AGAINST):
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
        from benchmarks.columns import COLUMNS

        config = load(args.names[0], args.override)
        print(json.dumps(COLUMNS[args.worker](config, args.steps)))
        return 0
    from benchmarks.others import OTHERS

    for option, value in (("--rounds", args.rounds), ("--steps", args.steps)):
        if value is not None and value < 1:
            raise UserError(f"{option} 应为正整数，得到 {value}")
    against = [word for word in args.against.split(",") if word]
    for word in against:
        if word not in AGAINST:
            raise UserError(f"--against 里没有 {word}；{suggestion(word, AGAINST)}")
    missing = [name for name in ("torch", "torchvision") if importlib.util.find_spec(name) is None]
    if "torch" in against and missing:
        print(
            f'没有安装 {"、".join(missing)}（pip install -e ".[cpu,bench]"），跳过与 PyTorch 的比较',
            file=sys.stderr,
        )
        against.remove("torch")
    configs = {file.stem for file in (ROOT / "configs").glob("*.yml")}
    for name in args.names:
        if name not in configs | OTHERS.keys():
            raise UserError(f"没有配置 configs/{name}.yml；{suggestion(name, configs | OTHERS.keys())}")
        if name not in OTHERS:
            load(name, args.override)  # 先查错，再开始测
    results = []
    for name in args.names:
        if name in OTHERS:
            from paddle_notes import runtime

            runtime.prepare("cpu")  # 线程数与训练时相同
            results.append({"name": name, "rounds": args.rounds, "medians": OTHERS[name](args.rounds)})
        else:
            methods = ["ours", "bare", *against]
            results.append(benchmark(name, args.override, methods, args.rounds, args.steps))
    if args.json:
        print(json.dumps(results, ensure_ascii=False, indent=2))
    else:
        for result in results:
            show(result)
    return 0


if __name__ == "__main__":
    cli.run(main)
