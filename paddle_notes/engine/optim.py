"""优化器与学习率。

学习率是步数的函数，不保存任何状态：从哪一步接着训练，学习率都与从头训练时相同。
"""

from __future__ import annotations

import math


def learning_rate(step: int, total_steps: int, config) -> float:
    """第 ``step`` 步（从 0 起，共 ``total_steps`` 步）的学习率。

    预热：前 ``warmup`` 的步数里线性升到 ``lr``。之后有四种：constant 不变；
    cosine 按 lr·(1 + cos πt)/2 降到 0，t 从 0 到 1；step 每过一个里程碑乘以 0.1；
    noam（Transformer 的论文）按 lr·√(预热步数/步数) 下降。
    ``config`` 是 :class:`~paddle_notes.config.OptimizerConfig`。
    """
    warmup_steps = round(config.warmup * total_steps)
    if step < warmup_steps:
        return config.lr * (step + 1) / warmup_steps
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "step":
        passed = sum(step >= milestone * total_steps for milestone in config.milestones)
        return config.lr * 0.1**passed
    if config.schedule == "noam":
        return config.lr * math.sqrt(max(1, warmup_steps) / (step + 1))
    t = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return config.lr * (1 + math.cos(math.pi * t)) / 2


def scheduled_rate(step: int, total_steps: int, steps_per_epoch: int, config) -> float:
    """同 :func:`learning_rate`，不过安排从 ``config.start_epoch`` 轮之后算起。"""
    start = config.start_epoch * steps_per_epoch
    return learning_rate(max(0, step - start), total_steps - start, config)


def build_optimizer(config, parameters):
    """照 ``config`` 造更新 ``parameters`` 的优化器。只有多于一维的参数（卷积核、权重矩阵）做权重衰减。

    裁剪不交给它：paddle 的优化器把两组参数各自裁剪，见 :func:`clip_gradients`。
    """
    import paddle.optimizer as optim

    trainable = [parameter for parameter in parameters if not parameter.stop_gradient]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.name == "sgd":
        return optim.SGD(config.lr, parameters=groups)
    if config.name == "momentum":
        return optim.Momentum(config.lr, config.momentum, parameters=groups, use_multi_tensor=True)
    kind = optim.Adam if config.name == "adam" else optim.AdamW
    return kind(config.lr, *config.betas, parameters=groups)


def clip_gradients(parameters, clip_norm: float | None) -> None:
    """全部梯度合成一个向量，范数超过 ``clip_norm`` 就按比例缩小；None 是不裁剪。

    权重与偏置一起算：g ← g·min(1, c/‖g‖)，‖g‖² = Σ ‖gᵢ‖²。
    """
    if clip_norm is not None:
        from paddle.nn.utils import clip_grad_norm_

        clip_grad_norm_(parameters, clip_norm)
