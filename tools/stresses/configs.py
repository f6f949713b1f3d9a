"""坏的配置：随机改一两处，或把 YAML 的文字弄坏；要么跑得起来，要么是一句说得清的中文，退出状态 2。

读得进来的配置再试运行两批：类型对而数不合适的，要到造网络、读数据时才看得出来。
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from stresses.outcome import attempt, limit_memory, progress

FAST = ["linear_regression", "house_price", "softmax_regression", "mlp", "lenet", "rnn_sunspots", "gru_co2"]
VALUES = [
    *["", "~", "true", "nan", "inf", "-inf", "0", "-1", "1", "2", "7", "0.5", "-0.5", "1e-9", "1e9", "1e999"],
    *["64", "1000", "[]", "[1]", "[1, 2]", "[0]", "[-3]", "[[1]]", "[a]", "{}", "{a: 1}", "{a: {b: [1]}}"],
    *[
        "中文",
        "a b",
        "'",
        '"',
        "[",
        "{",
        "*x",
        "&x",
        "&a [*a]",
        "!!python/name:os.system",
        "!!int x",
        "1:2:3",
    ],
    *["2024-01-01", "0x10", "0o7", "1_000", "?", "|", ">", "@", "`", "%", "\t", "\x00", "\ud800", "x" * 4000],
    *["cpu", "gpu", "adam", "cosine", "accuracy", "mlp", "lenet", "mnist5k", "no/such/file", "/", "."],
]
SECONDS = 5  # 读一份配置不该超过几秒


def damaged_text(text: str, generator: random.Random) -> str:
    """把一份 YAML 的文字随机弄坏一处。"""
    lines = text.split("\n")
    at = generator.randrange(len(lines))
    kind = generator.randrange(6)
    if kind == 0:  # 删一行
        del lines[at]
    elif kind == 1:  # 重复一行
        lines.insert(at, lines[at])
    elif kind == 2:  # 缩进
        lines[at] = " " * generator.randrange(1, 5) + lines[at]
    elif kind == 3:  # 换掉一个值
        lines[at] = re.sub(r":.*", lambda _: f": {generator.choice(VALUES)}", lines[at], count=1)
    elif kind == 4:  # 换掉一个字符
        position = generator.randrange(len(text))
        return text[:position] + generator.choice(":-[]{}#&*!|>'\"%@`\t\n，中") + text[position + 1 :]
    else:  # 深
        depth = generator.choice([50, 500, 5000])
        lines.insert(at, "deep: " + "[" * depth + "]" * depth)
    return "\n".join(lines)


def case(generator: random.Random, keys: list[str], work: Path) -> tuple[str, list[str]]:
    """一份配置文件与 -o 的各项。"""
    source = Path("configs") / f"{generator.choice(FAST)}.yml"
    if generator.random() < 0.4:
        file = work / "config.yml"
        text = damaged_text(source.read_text(encoding="utf-8"), generator)
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        return str(file), []
    overrides = []
    for _ in range(generator.choice([1, 1, 2, 3])):
        key = generator.choice(keys)
        if generator.random() < 0.1:
            key = key[: generator.randrange(len(key) + 1)] + generator.choice(["x", ".", "", "[0]", "名"])
        overrides.append(f"{key}={generator.choice(VALUES)}")
    return str(source), overrides


def trial(main, words: list[str]) -> None:
    """照用户的样子执行一次；内存不够时 cli.run 说得清。"""
    from paddle_notes.errors import out_of_memory

    try:
        main(words)
    except Exception as error:
        if not out_of_memory(error):
            raise


def campaign(main, count: int, seed: int, work: Path, report: Callable[[str], None]) -> tuple[int, int]:
    """做 ``count`` 份，返回做了几份与有问题的几份；每个问题由 ``report`` 说出怎样重现。"""
    from paddle_notes.config import all_keys, load_config

    limit_memory()
    keys = sorted(
        {key for key, _, _ in all_keys()} | {"model.dropout", "model.hidden_sizes", "model.activation"}
    )
    failed = 0
    for number in progress(range(count), "configs"):
        generator = random.Random(f"{seed}/{number}")
        file, overrides = case(generator, keys, work)
        output = work / "output"
        said = attempt(load_config, file, overrides, seconds=SECONDS)
        if not said:  # 读得进来的，或一句话说清了的：再照用户的样子执行一次
            words = ["-c", file, "--dry_run", "-o", *overrides, f"output_dir={output}"]
            said = attempt(trial, main, words, seconds=SECONDS)
        shutil.rmtree(output, ignore_errors=True)
        if said:
            failed += 1
            shown = "；".join(override[:60] for override in overrides)
            report(f"第 {number} 份：{file} {shown}：{said}")
    return count, failed
