"""训练坏了时的诊断：损失、梯度、参数变成 NaN 或无穷，是从哪里开始的；损失没有动，怎么办。

损失与梯度每一步都看（在 GPU 上每步读数会拖慢训练，只看损失，而且隔几步才看）。只看损失不够：paddle 的 ReLU
把 NaN 变成 0，参数坏了，损失照样是有限数。所以每次记录、每次存盘之前，另看一遍全部参数。
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import paddle
from paddle import Tensor, nn

from paddle_notes.cli import command
from paddle_notes.errors import UserError

# 梯度之和的上限：再大，平方和就会溢出成无穷，裁剪会把全部梯度变成 0
LARGEST_SUM = 1e15
MIN_STEPS = 20  # 至少更新这么多次，才说得上损失没有动


def _is_bad(value) -> bool:
    return (
        isinstance(value, paddle.Tensor)
        and paddle.is_floating_point(value)
        and not bool(paddle.isfinite(value).all())
    )


def explain_bad_loss(model: nn.Layer, task, batch: tuple, lr: float) -> str:
    """用出问题的那一批再做一次前向，说明第一个输出不是有限数的层与可能的原因。"""
    if any(_is_bad(value) for value in batch):
        return "输入数据里就有 NaN 或无穷；请检查数据与归一化"

    found: list[str] = []

    def watch(name: str):
        def hook(layer, inputs, output):
            if found or not _is_bad(output):
                return
            kind = type(layer).__name__
            bad = [key for key, value in layer.named_parameters() if _is_bad(value)]
            state = f"它的参数 {bad[0]} 已不是有限数" if bad else "它的参数还正常，是输出溢出了"
            found.append(f"第一个出问题的层是 {name}（{kind}），{state}")

        return hook

    leaves = [(name, layer) for name, layer in model.named_sublayers() if not layer.sublayers()]
    handles = [layer.register_forward_post_hook(watch(name)) for name, layer in leaves]
    try:
        with paddle.no_grad():
            task.loss(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    where = found[0] if found else "各层的输出都是有限数，问题出在损失函数"
    return f"{where}；{_too_fast(lr)}，或加长预热（-o optimizer.warmup=0.1），或检查输入是否归一化"


def _too_fast(lr: float) -> str:
    return f"多半是学习率太大（现在是 {lr:g}），请试 -o optimizer.lr={lr / 10:g}"


def total(values: Iterable[Tensor]) -> float:
    """全部的数之和。其中有 NaN 或无穷时，它也不是有限数：一次加法就查了全部。"""
    return sum(float(value.sum()) for value in values)


def gradients_are_fine(parameters: list[Tensor]) -> bool:
    """梯度里没有 NaN 或无穷，也没有大得离谱的数。"""
    gradients = (parameter.grad for parameter in parameters if parameter.grad is not None)
    return abs(total(gradients)) < LARGEST_SUM  # NaN 与什么比都不成立


def explain_bad_gradients(model: nn.Layer, optimizer, lr: float) -> str:
    """哪个参数的梯度坏了，与可能的原因。``optimizer`` 是 :class:`~paddle_notes.config.OptimizerConfig`。"""
    gradients = [(name, p.grad) for name, p in model.named_parameters() if p.grad is not None]
    bad = [name for name, gradient in gradients if _is_bad(gradient)]
    if bad:
        return (
            f"{bad[-1]} 的梯度里有 NaN 或无穷（共 {len(bad)} 个参数如此，它最靠近输出）；"
            "多半是反向时除以了 0，或在 0 处开方、取对数，请检查它之后的运算；"
            f"或者学习率太大（现在是 {lr:g}）"
        )
    name, size = max(((name, float(g.abs().max())) for name, g in gradients), key=lambda pair: pair[1])
    clip = "" if optimizer.clip_norm else "，或裁剪梯度（-o optimizer.clip_norm=1）"
    return f"{name} 的梯度大到 {size:.3g}；{_too_fast(lr)}{clip}"


def keep_batch(file: Path, batch: tuple[Tensor, ...], epoch: int, step: int) -> str:
    """把出问题的一批存成 ``file``，返回一句话说明它在哪里。存不下时只说明原因。"""
    try:
        np.savez(file, *(value.numpy() for value in batch), epoch=epoch, step=step)
    except OSError as error:
        return f"这一批数据没能存下（{error.strerror or error}）"
    return f"这一批数据存在 {file}，用 numpy.load 打开，arr_0、arr_1……依次是送进训练的各个数组"


def check_weights(model: nn.Layer, epoch: int, step: int, lr: float) -> None:
    """参数与缓冲区里有 NaN 或无穷时抛 :class:`UserError`。

    刚做完的是第 ``epoch`` 轮，共 ``step`` 步；``lr`` 是最后一步的学习率。
    """
    values = {name: value for name, value in model.state_dict().items() if paddle.is_floating_point(value)}
    if math.isfinite(total(values.values())):
        return
    bad = [name for name, value in values.items() if _is_bad(value)]
    if bad:
        raise UserError(
            f"第 {epoch} 轮第 {step} 步之后，参数 {bad[0]} 里有 NaN 或无穷（共 {len(bad)} 个如此），"
            f"训练停止：损失还是有限数，因为 ReLU 把 NaN 变成了 0；{_too_fast(lr)}；原来的检查点没有改写"
        )


def hint_if_stuck(task, loss: float, epoch: int, steps_per_epoch: int, config_file: Path) -> str | None:
    """第一轮之后（一轮不足 :data:`MIN_STEPS` 步的，到够了的那一轮）损失还没有动时，返回要说的话。

    参数：
        task: 任务，它的 ``blind_loss`` 是什么也没学会时的损失。
        loss: 训练末尾与验证的损失中小的一个：辅助分类器使前者偏大，批量归一化的滑动平均使后者开头偏大。
        epoch: 训练完了几轮。
        steps_per_epoch: 每轮的步数。
        config_file: 这次运行的配置文件。
    """
    if epoch != math.ceil(MIN_STEPS / steps_per_epoch) or not loss > 0.98 * task.blind_loss:
        return None
    found = f"训练了 {epoch} 轮，损失 {loss:.4f} 还没有离开什么也没学会的水平（{task.blind_loss:.4f}）。"
    if task.info.kind != "image":
        return f"{found}若再过一两轮仍然如此，请核对数据，或把 optimizer.lr 改大、改小十倍试试"
    return f"{found}若再过一两轮仍然如此，请停下来逐项检查：{command('diagnose.py', '-c', str(config_file))}"
