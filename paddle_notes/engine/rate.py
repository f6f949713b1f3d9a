"""接着训练时的学习率：安排改了，或总步数改变、安排随之伸缩，都不悄悄地跳。"""

from __future__ import annotations

from pathlib import Path

from paddle_notes.config import Config
from paddle_notes.engine.checkpoint import split_suffix
from paddle_notes.engine.folder import more_epochs
from paddle_notes.engine.matching import RATE, Changes, saved_config, show, under
from paddle_notes.engine.optim import scheduled_rate
from paddle_notes.errors import UserError


def check_start_epoch(start: int, done: int) -> None:
    """``optimizer.start_epoch`` 只用于接着训练：那一轮已经训练完。"""
    if start > done:
        raise UserError(f"optimizer.start_epoch 是 {start}，而只训练完了 {done} 轮；它只用于接着训练")


def check_rate(path: str | Path, state: dict, changes: Changes, config: Config, steps_per_epoch: int) -> None:
    """从检查点 ``path``（说明是 ``state``）照 ``config`` 接着训练，学习率会跳时抛 :class:`UserError`。

    ``changes`` 是改了的设置。写明了从第几轮起重新安排（``optimizer.start_epoch``）的，是有意的。
    """
    total = config.train.epochs * steps_per_epoch
    step, before = state["step"], state.get("total_steps", total)
    saved, now = saved_config(path, state), config.optimizer
    touched = {key: pair for key, pair in changes.items() if under(key, RATE)}
    restarted = now.start_epoch > 0 and (saved is None or "optimizer.start_epoch" in touched)
    if restarted or (before == total and not touched):
        return
    then = saved.optimizer if saved else now
    old = scheduled_rate(min(step, before - 1), before, steps_per_epoch, then)
    new = scheduled_rate(step, total, steps_per_epoch, now)
    held = now.schedule == "constant" and abs(new - old) <= 0.01 * old  # 保持现在的学习率
    if touched and not held:
        done = state["epoch"]
        remedy = (
            f"若是有意的，请写明从第 {done} 轮之后重新安排：-o optimizer.start_epoch={done}；否则请改回去"
            if done
            else "第一轮还没有训练完，请改回去，或去掉 --resume 从头训练"
        )
        raise UserError(
            f"学习率的安排与检查点 {split_suffix(path)} 的不同：{show(touched)}，"
            f"现在这一步会从 {old:.3g} 变为 {new:.3g}。{remedy}"
        )
    if not touched and new > 1.01 * old:
        raise UserError(
            f"总轮数从 {before // steps_per_epoch} 改为 {config.train.epochs}，学习率的安排"
            f"（{config.optimizer.schedule}）随之伸长，会从 {old:.3g} 跳到 {new:.3g}。请二者选一：\n"
            f"  从这里起重新安排一段：{more_epochs(state['epoch'], config.train.epochs)}，"
            f"再用 optimizer.lr 定它的最大值\n"
            f"  保持现在的学习率：-o train.epochs={config.train.epochs} optimizer.schedule=constant "
            f"optimizer.warmup=0 optimizer.lr={old:.3g}"
        )
