"""数一数网络的参数。"""

from __future__ import annotations


def count_parameters(model) -> int:
    """可训练参数的个数。批量归一化的滑动均值与方差不算，它们不由梯度更新。"""
    return sum(parameter.size for parameter in model.parameters() if not parameter.stop_gradient)
