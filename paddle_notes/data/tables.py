"""表格数据：一行一个样本，目标是一个数。

``synthetic_linear`` 由 y = Xw + b + 噪声造出，w = (2, −3.4)，b = 4.2；``house_price`` 是房价：
不写 ``data.path`` 时用随 mlxtend 安装的波士顿房价（506 行 13 列），写了则读 Kaggle 形式的 CSV。

先留出两成作测试，其余的分成几折，一折作验证，别的几折训练。缺失、独热、标准化的规则只由训练部分得出，
再用到另外两份，见 :class:`Encoder`。
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paddle_notes.data.batches import Batches
from paddle_notes.data.csv_files import numeric_column, read_table
from paddle_notes.data.info import TableInfo
from paddle_notes.errors import UserError

TRUE_WEIGHT, TRUE_BIAS, NOISE = (2.0, -3.4), 4.2, 0.01
NUM_SYNTHETIC = 1000
TEST_FRACTION = 0.2


@dataclass(frozen=True)
class Encoder:
    """把混着数与文字的表变成数的矩阵，规则由训练部分定出。

    数的列（训练部分里全是数）：缺失处填训练部分的均值，再减均值、除以标准差；文字的列：独热，缺失自成一类，
    训练部分没有的取值全为 0。目标也标准化；``log`` 时先取对数，误差便是相对的。

    属性：
        numeric: 数的列 -> (均值, 标准差)。
        categories: 文字的列 -> 训练部分里出现过的取值。
        target: 目标的 (均值, 标准差)。
        log: 目标是否先取对数。
    """

    numeric: dict[str, tuple[float, float]]
    categories: dict[str, list[str]]
    target: tuple[float, float]
    log: bool

    @classmethod
    def fit(cls, table: Any, values: np.ndarray, log: bool) -> Encoder:
        """由训练部分的表（pandas.DataFrame）与目标 (N,) 定出规则。"""
        import pandas as pd

        numeric, categories = {}, {}
        for name, column in table.items():
            numbers = pd.to_numeric(column, errors="coerce").astype("float64")
            if numbers.notna().equals(column.notna()):
                with np.errstate(over="ignore", invalid="ignore"):
                    mean, std = float(numbers.mean()), float(numbers.std(ddof=0))
                if numbers.notna().any():  # 全缺的列不用
                    numeric[name] = (mean, std if std > 0 else 1.0)
                    if not np.isfinite(std):
                        raise UserError(
                            f"表的 {name} 一列里有无穷大，或大得算不出标准差的数；请检查 data.path"
                        )
            else:
                categories[name] = sorted(column.fillna("").astype(str).unique())
        values = np.log(values) if log else values
        return cls(numeric, categories, (float(values.mean()), float(values.std()) or 1.0), log)

    def encode(self, table: Any) -> np.ndarray:
        """表 → (N, D) float32。"""
        import pandas as pd

        columns = [
            (pd.to_numeric(table[name], errors="coerce").astype("float64").fillna(mean).to_numpy() - mean)
            / std
            for name, (mean, std) in self.numeric.items()
        ]
        for name, choices in self.categories.items():
            text = table[name].fillna("").astype(str).to_numpy()
            columns += [(text == choice).astype("float64") for choice in choices]
        features = np.stack(columns, axis=1)  # 验证与测试部分也可能有
        if not (np.abs(features) < np.finfo("float32").max).all():
            raise UserError("表里有无穷大，或大得离谱的数；请检查 data.path")
        return features.astype("float32")

    def encode_target(self, values: np.ndarray) -> np.ndarray:
        """目标 (N,) → 标准化之后的 (N,) float32。"""
        mean, std = self.target
        values = np.log(values) if self.log else values
        return ((values - mean) / std).astype("float32")


@dataclass(frozen=True)
class TableSet:
    """一份编码之后的表。

    属性：
        features: (N, D) float32。
        targets: (N,) float32，标准化之后的目标。
        encoder: 编码的规则。
    """

    features: np.ndarray
    targets: np.ndarray
    encoder: Encoder

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.features[index], self.targets[index]

    def info(self) -> TableInfo:
        return TableInfo(
            num_features=self.features.shape[1],
            target_scale=self.encoder.target[1],
            encoder=asdict(self.encoder),
        )

    def baselines(self, others: dict[str, TableSet]) -> dict[str, dict[str, dict[str, float]]]:
        """总是猜训练部分的均值（标准化之后是 0）；岭回归，惩罚由留一法挑；梯度提升树，默认设置。"""
        from sklearn.dummy import DummyRegressor
        from sklearn.ensemble import GradientBoostingRegressor
        from sklearn.linear_model import RidgeCV

        models = {
            "总是猜均值": DummyRegressor(strategy="constant", constant=0.0),
            "岭回归": RidgeCV(alphas=10.0 ** np.arange(-3, 5)),
            "梯度提升树": GradientBoostingRegressor(random_state=0),
        }
        found: dict[str, dict[str, dict[str, float]]] = {}
        for name, model in models.items():
            model.fit(self.features.astype("float64"), self.targets.astype("float64"))
            found[name] = {}
            for part, other in others.items():
                errors = model.predict(other.features.astype("float64")) - other.targets
                found[name][part] = {"rmse": float(np.sqrt(np.mean(errors**2))) * self.encoder.target[1]}
        return found

    def batches(self, config, training: bool = False, seed: int = 0) -> Batches:
        return Batches(self, config.batch_size, training, seed)


def split_folds(count: int, num_folds: int, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """训练、验证、测试的下标。打乱之后末尾的两成是测试，其余分成 ``num_folds`` 折，第 ``fold`` 折是验证。

    打乱与运行的种子无关，测试与 ``fold`` 也无关：几折轮流作验证时，测试始终是同样的行。
    """
    if fold >= num_folds:
        raise UserError(f"data.fold 是 {fold}，应小于 data.num_folds 的 {num_folds}")
    num_test = max(1, round(count * TEST_FRACTION))
    if count - num_test < num_folds:
        raise UserError(f"只有 {count} 行数据，留出测试之后分不成 {num_folds} 折；请减小 data.num_folds")
    order = np.random.RandomState(0).permutation(count)
    folds = np.array_split(order[:-num_test], num_folds)
    train = np.concatenate(folds[:fold] + folds[fold + 1 :])
    return np.sort(train), np.sort(folds[fold]), np.sort(order[-num_test:])


def split_table(table: Any, values: np.ndarray, config, log: bool) -> tuple[TableSet, TableSet, TableSet]:
    """划分、编码，返回训练、验证、测试三份。"""
    parts = split_folds(len(values), config.num_folds, config.fold)
    encoder = Encoder.fit(table.iloc[parts[0]], values[parts[0]], log)
    if not encoder.numeric and not encoder.categories:
        raise UserError("表里除了目标没有可用的列")
    train, valid, test = (
        TableSet(encoder.encode(table.iloc[index]), encoder.encode_target(values[index]), encoder)
        for index in parts
    )
    return train, valid, test


def load_synthetic(config) -> tuple[TableSet, TableSet, TableSet]:
    """y = Xw + b + ε，X 是标准正态，ε 的标准差是 0.01。"""
    import pandas as pd

    if config.path is not None:
        raise UserError("synthetic_linear 由代码造出，不需要 data.path，请删去它")
    generator = np.random.RandomState(0)
    features = generator.standard_normal((NUM_SYNTHETIC, len(TRUE_WEIGHT)))
    noise = NOISE * generator.standard_normal(NUM_SYNTHETIC)
    values = features @ np.array(TRUE_WEIGHT) + TRUE_BIAS + noise
    table = pd.DataFrame(features, columns=[f"x{i + 1}" for i in range(features.shape[1])])
    return split_table(table, values, config, log=False)


def load_house_price(config) -> tuple[TableSet, TableSet, TableSet]:
    """房价：目标取对数，误差便是相对的（log-RMSE）。"""
    if config.path is None:
        return split_table(*read_boston(), config, log=True)
    return split_table(*read_csv(Path(config.path), config.target), config, log=True)


def read_boston() -> tuple[Any, np.ndarray]:
    """波士顿房价：506 行 13 列，目标是房价中位数（千美元）。"""
    import pandas as pd
    from mlxtend.data import boston_housing_data

    features, values = boston_housing_data()
    return pd.DataFrame(features, columns=[f"x{i + 1}" for i in range(features.shape[1])]), values


def read_csv(path: Path, target: str) -> tuple[Any, np.ndarray]:
    """读一个 CSV：目标是 ``target`` 一列，名为 Id 的一列不用，NA 与空白是缺失。"""
    table = read_table(path)
    values = numeric_column(table, target, path)
    del table[target]
    bad = ~((values > 0) & (values < np.inf))
    if bad.any():
        raise UserError(f"{path} 第 {bad.argmax() + 2} 行的 {target} 不是正数；目标要取对数")
    return table.drop(columns="Id", errors="ignore"), values
