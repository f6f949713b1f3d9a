"""坏的配置：随机改一两处，或把 YAML 的文字弄坏；要么跑得起来，要么是一句说得清的中文，退出状态 2。

读得进来的配置再试运行两批：类型对而数不合适的，要到造网络、读数据时才看得出来。
"""

from __future__ import annotations

import contextlib
import io
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

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
LONGEST = 600  # 一句话不该超过几个字


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


def attempt(action: Callable, *arguments) -> str:
    """执行一次；没有问题时返回空的文字。"""
    from paddle_notes.errors import UserError

    started = time.perf_counter()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            action(*arguments)
    except UserError as error:
        said = str(error)
        if not re.search("[一-鿿]", said):
            return f"不是中文：{said[:200]!r}"
        if len(said) > LONGEST:
            return f"一句话有 {len(said)} 个字：{said[:100]!r}…"
    except OSError:
        pass  # cli.run 说得清
    except BaseException as error:
        return f"{type(error).__name__}：{str(error)[:200]!r}"
    seconds = time.perf_counter() - started
    return f"用了 {seconds:.1f} 秒" if seconds > SECONDS else ""


def campaign(main, count: int, seed: int, work: Path, report: Callable[[str], None]) -> tuple[int, int]:
    """做 ``count`` 份，返回做了几份与有问题的几份；每个问题由 ``report`` 说出怎样重现。"""
    from paddle_notes.config import all_keys, load_config

    limit_memory()
    keys = sorted(
        {key for key, _, _ in all_keys()} | {"model.dropout", "model.hidden_sizes", "model.activation"}
    )
    failed = 0
    for number in range(count):
        generator = random.Random(f"{seed}/{number}")
        file, overrides = case(generator, keys, work)
        output = work / "output"
        said = attempt(load_config, file, overrides)
        if not said:  # 读得进来的，或一句话说清了的：再照用户的样子执行一次
            said = attempt(main, ["-c", file, "--dry_run", "-o", *overrides, f"output_dir={output}"])
        shutil.rmtree(output, ignore_errors=True)
        if said:
            failed += 1
            shown = "；".join(override[:60] for override in overrides)
            report(f"第 {number} 份：{file} {shown}：{said}")
    return count, failed


def limit_memory(more: int | None = None) -> None:
    """大得离谱的个数应当得到一句话，而不是占满机器的内存：至多比现在多占 ``more`` 个字节，不写则一共 8 GiB。

    没有 resource 或 /proc 的系统就不限。
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        limit = 8 << 30
        if more is not None:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
