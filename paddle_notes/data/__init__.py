"""数据集：名字 -> 读取函数所在之处。导入本包不会导入 NumPy 与 paddle。

读取函数接受 :class:`~paddle_notes.config.DataConfig`，返回一对 :class:`ImageSet`（训练、验证）。
"""

from __future__ import annotations

import importlib
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paddle_notes.data.batches import Batches

DATASETS: dict[str, str] = {
    "mnist5k": "paddle_notes.data.mnist5k:load",
    "mnist": "paddle_notes.data.idx:load_mnist",
    "fashion_mnist": "paddle_notes.data.idx:load_fashion_mnist",
    "cifar10": "paddle_notes.data.cifar10:load",
    "flowers102": "paddle_notes.data.flowers102:load",
    "folder": "paddle_notes.data.folder:load",
}


class FirstBatches:
    """只取一份数据的前几批，试运行用。"""

    def __init__(self, data: Batches, count: int):
        self.data = data
        self.count = min(count, len(data))

    def __len__(self) -> int:
        return self.count

    def epoch(self, epoch: int = 0, start: int = 0):
        """第 ``epoch`` 轮的前几批，从第 ``start`` 批开始。"""
        return itertools.islice(self.data.epoch(epoch, start), self.count - start)


def build_data(config, seed: int) -> tuple[Batches, Batches]:
    """照 ``config``（DataConfig）读数据，返回训练与验证两份批。

    训练数据每个轮次打乱并增广，次序由 ``seed`` 与轮次决定；验证数据按原来的次序、不增广。
    """
    from paddle_notes.data.batches import Batches

    module, function = DATASETS[config.name].split(":")
    train_set, valid_set = getattr(importlib.import_module(module), function)(config)
    augment = config.augment.model_dump()
    train = Batches(train_set, config.batch_size, training=True, seed=seed, **augment)
    valid = Batches(valid_set, config.batch_size)
    return train, valid
