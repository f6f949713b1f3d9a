"""优化器与学习率。

学习率是步数的函数，不保存任何状态：从哪一步接着训练，学习率都与从头训练时相同。
"""

from __future__ import annotations

import math


def learning_rate(step: int, total_steps: int, config) -> float:
    """第 ``step`` 步（从 0 起，共 ``total_steps`` 步）的学习率。

    预热：前 ``warmup`` 的步数里线性升到 ``lr``。之后有三种：constant 不变；
    cosine 按 lr·(1 + cos πt)/2 降到 0，t 从 0 到 1；step 每过一个里程碑乘以 0.1。
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
    t = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return config.lr * (1 + math.cos(math.pi * t)) / 2


def build_optimizer(config, model):
    """照 ``config`` 造优化器。只有多于一维的参数（卷积核、权重矩阵）做权重衰减。"""
    import paddle.optimizer as optim

    trainable = [parameter for parameter in model.parameters() if not parameter.stop_gradient]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if config.name == "sgd":
        return optim.SGD(config.lr, parameters=groups)
    if config.name == "momentum":
        return optim.Momentum(config.lr, config.momentum, parameters=groups, use_multi_tensor=True)
    if config.name == "adam":
        return optim.Adam(config.lr, parameters=groups)
    return optim.AdamW(config.lr, parameters=groups)
