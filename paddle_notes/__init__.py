"""paddle_notes：能读、能跑、能改的 PaddlePaddle 深度学习课程。

    import paddle_notes

    run = paddle_notes.train("lenet", train={"epochs": 3}, output_dir="output/mine")
    print(run.summary["test"])
    run.plot()
    paddle_notes.load("output/mine/best").predict("digit.png")

导入本包不会导入 paddle 与 matplotlib；网络按章放在 ``paddle_notes/chXX_*/`` 里。
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paddle_notes.data import Parts
    from paddle_notes.inference.trained import Trained
    from paddle_notes.runs import Run

__version__ = "0.1.0"


def prepare(device: str = "auto", threads: int | None = None) -> str:
    """选定设备，设好线程数与数学库的开关，导入 paddle；返回一行说明。

    这些开关只有在导入 paddle 之前设才有用，所以在笔记本里先写它，再写 ``import paddle``。

    参数：
        device: auto、cpu、gpu 或 gpu:N。
        threads: CPU 上用几个线程；不给就用全部的核。
    """
    from paddle_notes import runtime

    return runtime.prepare(device, threads)


def read_data(config: str | Path, **settings: Any) -> Parts:
    """读一份配置的数据，返回训练、验证、测试三份。

    每一份都可以整个取出（``data.train.arrays()``），也可以按批取（``data.train.epoch(0)``）。

    参数：
        config: 配置文件，或 configs/ 里的一份的名字。
        settings: 要改的设置，如 ``data={"batch_size": 32}``。
    """
    from paddle_notes.config import as_overrides, load_config
    from paddle_notes.data import build_data

    loaded = load_config(config, as_overrides(settings))
    return build_data(loaded.data, loaded.seed)


def train(
    config: str | Path,
    *,
    resume: bool | str | Path = False,
    dry_run: bool = False,
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """照一份配置训练，返回这次运行。

    参数：
        config: 配置文件，或 configs/ 里的一份的名字，如 ``"lenet"``。
        resume: True 接着输出文件夹里的上一次训练；也可以是一个检查点。
        dry_run: 只跑两批，检查一切是否就绪。
        quiet: 不打印各步的记录；它们照样写进输出文件夹里的 train.log。
        settings: 要改的设置，写法同配置文件，如 ``seed=1, train={"epochs": 3}``。

    配置写错、数据读不了，抛 :class:`~paddle_notes.errors.UserError`。
    """
    from paddle_notes import runs
    from paddle_notes.config import as_overrides

    checkpoint = ("auto" if resume else None) if isinstance(resume, bool) else resume
    return runs.train(config, as_overrides(settings), checkpoint, dry_run, quiet)


def load(weights: str | Path, *, device: str | None = None, **settings: Any) -> Trained:
    """读一个检查点，返回训练好的网络：``.predict``、``.evaluate``、``.export`` 等，随任务而定。

    参数：
        weights: 检查点，如 ``"output/lenet/best"``。
        device: auto、cpu、gpu 或 gpu:N；默认 auto。
        settings: 要改的设置，如 ``data={"path": "别处"}``：评估用另一批样本。
    """
    from paddle_notes.config import as_overrides
    from paddle_notes.inference import load

    return load(weights, overrides=as_overrides(settings), device=device)
