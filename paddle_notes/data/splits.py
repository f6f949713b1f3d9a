"""划分：训练、验证、测试三份怎样分，与运行的种子无关。"""

from __future__ import annotations

import numpy as np

VALID_FRACTION, TEST_FRACTION = 0.1, 0.2  # 由本项目划分的数据：验证与测试各占多少


def split_indices(labels: np.ndarray, valid_fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """分层划分：每类随机取 ``valid_fraction`` 作验证（至少一个），返回训练与验证的下标。"""
    train, valid, _ = _split(labels, valid_fraction, None)
    return train, valid


def split_three(
    labels: np.ndarray, valid_fraction: float = VALID_FRACTION, test_fraction: float = TEST_FRACTION
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """分层划分成三份：每类随机取 ``valid_fraction`` 作验证、``test_fraction`` 作测试（各至少一个）。

    返回训练、验证、测试的下标。每类至少要三个样本。
    """
    return _split(labels, valid_fraction, test_fraction)


def _split(
    labels: np.ndarray, valid_fraction: float, test_fraction: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """每类打乱一次，从开头取验证、从末尾取测试；``test_fraction`` 为 None 时没有测试。

    与运行的种子无关，换种子的两次运行用的是同样的三份。用 RandomState 是因为
    NumPy 保证它的随机数序列在各版本中不变。
    """
    generator = np.random.RandomState(0)
    parts: tuple[list, list, list] = ([], [], [])
    for label in np.unique(labels):
        index = generator.permutation(np.flatnonzero(labels == label))
        first = max(1, round(len(index) * valid_fraction))
        last = len(index)
        if test_fraction is not None:
            last -= max(1, round(len(index) * test_fraction))
        for part, chosen in zip(parts, (index[first:last], index[:first], index[last:])):
            part.append(chosen)
    train, valid, test = (np.sort(np.concatenate(part)) for part in parts)
    return train, valid, test
