"""划分数据：训练集、验证集、测试集，分层划分，k 折交叉验证。

- 训练集：用来拟合参数；
- 验证集：用来选超参数；
- 测试集：一切定下之后只用一次，估计泛化误差。

用验证集（更不用说测试集）挑过的东西，在它上面的误差就偏乐观了。数据少时验证集也小，一次划分的结果
靠运气；k 折交叉验证让每个样本都当一次验证，取 k 次的平均。

以下函数都返回下标，不复制数据。
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def train_valid_test_split(
    num_samples: int, valid_fraction: float, test_fraction: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """打乱之后切成训练、验证、测试三份，返回三组下标。

    训练集分不到样本时抛 ValueError。
    """
    num_valid, num_test = round(num_samples * valid_fraction), round(num_samples * test_fraction)
    if num_valid < 0 or num_test < 0 or num_valid + num_test >= num_samples:
        raise ValueError(
            f"{num_samples} 个样本，验证占 {valid_fraction}、测试占 {test_fraction}，没有留下训练样本；"
            "两个比例都不应为负，和应小于 1"
        )
    order = np.random.RandomState(seed).permutation(num_samples)
    return (
        order[num_valid + num_test :],
        order[:num_valid],
        order[num_valid : num_valid + num_test],
    )


def stratified_split(
    labels: np.ndarray, valid_fraction: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """分层划分：每一类各取 ``valid_fraction``（至少一个）作验证，返回训练与验证的下标，从小到大。

    普通的随机划分里，样本少的类可能碰巧一个也不在验证集里；分层划分使各类的比例在两份中相同。
    """
    generator = np.random.RandomState(seed)
    train, valid = [], []
    for label in np.unique(labels):
        index = generator.permutation(np.flatnonzero(labels == label))
        count = max(1, round(len(index) * valid_fraction))
        valid.append(index[:count])
        train.append(index[count:])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(valid))


def k_fold(
    num_samples: int, num_folds: int, shuffle: bool = False, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """k 折交叉验证：依次给出 ``num_folds`` 组（训练下标，验证下标），与 scikit-learn 的 KFold 相同。

    不能整除时，前 ``num_samples % num_folds`` 折各多一个样本。数据若按类别排好了次序，要 ``shuffle``，
    否则一折里可能只有一类。折数不在 2 与样本数之间时抛 ValueError。
    """
    if not 2 <= num_folds <= num_samples:
        raise ValueError(f"折数应在 2 与样本数 {num_samples} 之间，得到 {num_folds}")
    order = np.arange(num_samples)
    if shuffle:
        np.random.RandomState(seed).shuffle(order)
    is_valid = np.empty(num_samples, dtype=bool)
    for fold in np.array_split(order, num_folds):
        is_valid[:] = False
        is_valid[fold] = True
        yield np.flatnonzero(~is_valid), np.flatnonzero(is_valid)
