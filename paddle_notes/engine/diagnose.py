"""损失变成 NaN 或无穷时，找出第一个出问题的层。"""

from __future__ import annotations

import paddle
from paddle import nn


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
    return (
        f"{where}；多半是学习率太大（现在是 {lr:g}），"
        f"请试 -o optimizer.lr={lr / 10:g}，或加长预热（-o optimizer.warmup=0.1），或检查输入是否归一化"
    )
