"""几个文件的测试都用到的。"""

from __future__ import annotations

import math

import numpy as np
import paddle
import pytest


def shrink_slow_parts(patch: pytest.MonkeyPatch) -> None:
    """试运行时与结果无关、却最慢的两样：场景各份只造 200 张，评判网络只训练 2 步。"""
    from paddle_notes.data import digit_scenes
    from paddle_notes.engine import judge

    make = digit_scenes.make
    patch.setattr(digit_scenes, "make", lambda digits, count, *others: make(digits, min(count, 200), *others))
    patch.setattr(judge, "JUDGE_STEPS", 2)


def check_normal(weight, std: float) -> None:
    """``weight`` 的样本均值与标准差离正态分布 N(0, std²) 的不超过 5 个标准误差。"""
    values = weight.numpy().ravel()
    assert abs(values.mean()) < 5 * std / math.sqrt(values.size)
    assert abs(values.std() / std - 1) < 5 / math.sqrt(2 * values.size)


def relative_difference(actual, expected) -> float:
    """最大的差，以 ``expected`` 的最大的绝对值为单位；两者是张量或数组。"""
    actual, expected = np.asarray(actual), np.asarray(expected)
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def randomize_norms(model) -> None:
    """让归一化的系数、偏移与统计量都不是默认值，放错位置才看得出来；分类器的偏置不动。"""
    for name, value in model.state_dict().items():
        if value.ndim == 1 and "classifier" not in name:
            value.set_value(paddle.uniform(value.shape, min=0.5, max=1.5))
