"""数据集。哪个名字由哪个函数读取，写在 paddle_notes/config/schema.py 里；导入本包不会导入 NumPy 与 paddle。

读取函数接受 config.data（如 :class:`~paddle_notes.config.ImageData`），返回训练、验证、测试三个数据集：
词表、缩放与对照只由训练部分得出，挑轮次与超参数看验证部分，测试部分只在最后看一次。
数据集的 ``batches(config, training, seed)`` 把它切成批。切好的一份数据有：

- ``len(data)``：一轮有几批；``data.num_samples``：有几个样本；
- ``data.epoch(e, start)``：第 e 轮从第 start 批起的各批，每批是几个 NumPy 数组；
- ``data.info()``：造网络、造任务与预测所需的事，见 :mod:`paddle_notes.data.info`；
- ``data.fingerprint()``：样本数与一些样本的散列，存进检查点，用来认出数据换过；
- ``data.baselines(others)``：不训练网络就能得到的对照。由训练部分的数据调用，``others`` 是要评判的
  各份（valid、test），返回 名字 -> {份: {指标: 值}}；多数数据没有。
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from paddle_notes.errors import UserError

if TYPE_CHECKING:
    from paddle_notes.data.batches import Batches


class Parts(NamedTuple):
    """一份数据的三部分。只有用户自己分好的文件夹可以没有测试部分。"""

    train: Batches
    valid: Batches
    test: Batches | None

    def baselines(self) -> dict[str, dict[str, dict[str, float]]]:
        """对照：名字 -> {valid、test: {指标: 值}}，只由训练部分得出。"""
        others = {name: part for name in ("valid", "test") if (part := getattr(self, name)) is not None}
        return self.train.baselines(others)

    def fingerprint(self) -> dict[str, dict | None]:
        """各份的指纹。"""
        parts = self._asdict().items()
        return {name: None if part is None else part.fingerprint() for name, part in parts}

    def first(self, count: int) -> Parts:
        """各取前 ``count`` 批，试运行用。"""
        few: list[Any] = [None if part is None else FirstBatches(part, count) for part in self]
        return Parts(*few)


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


def build_data(config, seed: int) -> Parts:
    """照 ``config``（config.data）读数据，返回训练、验证、测试三份。

    训练数据每个轮次打乱并增广，次序由 ``seed`` 与轮次决定；另外两份按原来的次序、不增广。
    """
    train, valid, test = config.find()(config)
    parts = Parts(
        train.batches(config, training=True, seed=seed),
        valid.batches(config),
        None if test is None else test.batches(config),
    )
    for name, part in zip(("训练", "验证", "测试"), parts):
        if part is not None and part.num_samples == 0:
            raise UserError(f"{config.path} 的{name}部分没有样本：数据太少，或没有分好")
    return parts
