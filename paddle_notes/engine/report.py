"""一次运行的结果：summary.json 的内容，与结束时打印的几行。"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import paddle

from paddle_notes import __version__
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.cli import quote
from paddle_notes.config import ExpectConfig
from paddle_notes.engine.evaluate import format_metrics
from paddle_notes.engine.folder import VDL, current_commit
from paddle_notes.engine.logs import format_seconds
from paddle_notes.runtime import machine

if TYPE_CHECKING:
    from paddle_notes.engine.trainer import Trainer

PART_NAMES = {"valid": "验证", "test": "测试"}


def summarize(trainer: Trainer, status: str) -> dict:
    """summary.json 的内容。"""
    expect = trainer.config.expect
    return {
        "status": status,
        "dry_run": trainer.dry_run,
        "model": trainer.config.model.name,
        "data": trainer.config.data.name,
        "facts": trainer.info.get("data", {}).get("facts", {}),
        "trainable_parameters": count_parameters(trainer.model),
        "best": trainer.best,
        "higher_is_better": trainer.task.higher_is_better,
        "last": trainer.last,
        "test": trainer.tested,
        "pictures": trainer.pictures,
        "epochs": trainer.config.train.epochs,
        "step": trainer.step,
        "wall_seconds": round(trainer.elapsed(), 3),
        "cpu_seconds": round(time.process_time(), 1),  # 各线程之和，含起步；接着训练的只算最后一段
        "samples_per_second": round(trainer.num_seen / max(trainer.train_seconds, 1e-9), 2),
        "baselines": trainer.baselines,
        "expect": expect.model_dump() if expect else None,
        "inside": inside(trainer) if status == "finished" else None,
        "seed": trainer.config.seed,
        "commit": current_commit(),
        "device": paddle.device.get_device(),
        "machine": machine(),
        "environment": trainer.environment,
        "versions": {
            "paddle_notes": __version__,
            "paddle": paddle.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }


def inside(trainer: Trainer) -> bool | None:
    """测试部分的指标（没有测试部分时是验证的）是否在配置里写的范围之内；没有写或试运行时为 None。"""
    if trainer.config.expect is None or trainer.dry_run or not trainer.best:
        return None
    return trainer.config.expect.holds(trainer.tested.get(trainer.task.metric, trainer.best["value"]))


def report(summary: dict, folder: Path) -> Iterator[str]:
    """训练结束时要说的：用时、验证与测试的指标、对照、预期，结果在哪里，接下来敲什么。"""
    best, last, tested = summary["best"], summary["last"], summary["test"]
    metric = best["metric"]
    yield f"训练结束，用时 {format_seconds(summary['wall_seconds'])}"
    on_test = f"{tested[metric]:.4f}" if tested else "—（这份数据没有测试部分；验证的数是挑出来的，偏乐观）"
    yield (
        f"{metric}：验证 {best['value']:.4f}（最好的第 {best['epoch']} 轮；最后一轮 {last[metric]:.4f}），"
        f"测试 {on_test}"
    )
    for name, parts in summary["baselines"].items():
        figures = (
            f"{PART_NAMES[part]} {format_metrics({metric: found[metric]} if metric in found else found)}"
            for part, found in parts.items()
        )
        yield f"对照：{name}，{'，'.join(figures)}"
    if summary["expect"] is not None:
        expect = ExpectConfig(**summary["expect"])
        if summary["dry_run"]:
            yield f"预期：{expect.bound()}；这是试运行，不作比较"
        else:
            verdict = "在预期之内" if summary["inside"] else "不在预期之内"
            yield f"预期：{expect.bound()}（2 核 CPU 约 {expect.minutes:g} 分钟） —— {verdict}"
    yield f"检查点：{folder / 'best'}"
    yield f"看曲线：visualdl --logdir {quote(str(folder / VDL))} --language zh --disable-telemetry"
