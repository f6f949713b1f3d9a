"""同样的命令，同样的位：每份配置用一个线程、两个线程各试运行两遍，两遍逐位相同。"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

from stresses.outcome import progress, unequal_arrays

ROOT = Path(__file__).resolve().parent.parent.parent


def run(config: Path, threads: int, folder: Path) -> str:
    """试运行一遍；没有问题时返回空的文字。"""
    words = ["-c", str(config), "--dry_run", "-o", f"runtime.threads={threads}", "runtime.device=cpu"]
    command = [sys.executable, str(ROOT / "tools" / "train.py"), *words, f"output_dir={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace")
    return "" if done.returncode == 0 else f"退出状态 {done.returncode}：{done.stderr.strip()[-200:]}"


def campaign(count: int, work: Path, report: Callable[[str], None]) -> tuple[int, int]:
    """configs/ 里的前 ``count`` 份；返回比了几次与不同的几次。"""
    configs = sorted((ROOT / "configs").glob("*.yml"))[:count]
    done, failed = 0, 0
    for config, threads in progress(list(product(configs, (1, 2))), "repeat"):
        folders = [work / f"{config.stem}-{threads}-{i}" for i in range(2)]
        said = "；".join(filter(None, (run(config, threads, folder) for folder in folders)))
        said = said or "、".join(unequal_arrays(*folders, "last"))
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        done += 1
        if said:
            failed += 1
            report(f"{config.stem}，{threads} 个线程：{said}")
    return done, failed
