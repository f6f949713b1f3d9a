"""房价预测：从一张有数字、有文字、有空缺的表，到一份提交文件。

    python -m paddle_notes.ch02_linear_models.house_price
    python -m paddle_notes.ch02_linear_models.house_price --train train.csv --test test.csv

第一条用 UCI 的波士顿房价（506 行、13 列数字，mlxtend 自带）；第二条用 Kaggle 竞赛
“House Prices: Advanced Regression Techniques” 的 CSV，自己下载。都打印 k 折交叉验证的对数均方根误差；
给了 ``--test`` 就另写一份提交文件（``--out``，默认 submission.csv）。

想法：

1. 数字的列标准化，空缺补 0（即均值）；文字的列变成独热编码，空缺自成一类。
2. 均值、标准差、有哪些类别，只看训练的部分。连验证的行也看了，验证误差就不再是泛化误差的估计。
3. 房价相差几十倍，人们在意的是差了百分之几，所以对价格取对数，用平方损失拟合 log 价格。
4. 线性模型，手写的 Adam，L2 惩罚只加在权重上。
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from paddle_notes.ch02_linear_models.optimizers import Adam, minibatches

if TYPE_CHECKING:
    import pandas as pd

ID = "Id"
TARGET = "SalePrice"


# ---------------------------------------------------------------- 读表


def read_table(file: Path) -> pd.DataFrame:
    """读一份 CSV，各列先都当作文字，空格与 ``NA`` 是空缺。

    不是 UTF-8、读不成表、没有数据行时抛 ValueError。
    """
    import pandas as pd

    try:
        table = pd.read_csv(file, encoding="utf-8-sig", dtype=str)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} 不是 UTF-8 编码；请用编辑器或 Excel 另存为 UTF-8 的 CSV") from error
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{file} 是空的；请检查下载是否完整") from error
    except pd.errors.ParserError as error:
        raise ValueError(f"{file} 不是合格的 CSV：{error}；请检查各行的列数是否相同") from error
    if table.empty:
        raise ValueError(f"{file} 只有表头，没有数据行；请检查下载是否完整")
    return table


def split_target(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """训练的表 → (特征, 价格)。价格的列不存在，或不全是正数时抛 ValueError。"""
    import pandas as pd

    if TARGET not in table:
        raise ValueError(
            f"训练的表里没有 {TARGET} 一列，只有 {'、'.join(map(str, table.columns[:8]))}…；"
            "请检查是否把测试的表当成了训练的表"
        )
    prices = pd.to_numeric(table[TARGET], errors="coerce").to_numpy(dtype=float)
    bad = ~(np.isfinite(prices) & (prices > 0))
    if bad.all():
        raise ValueError(f"{TARGET} 一列里没有一个正数；请检查列是否错位")
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"第 {row + 1} 行数据的 {TARGET} 不是正数：{table[TARGET].iloc[row]}；请补上或删去这一行"
        )
    return table.drop(columns=[TARGET, ID], errors="ignore"), prices


def uci_housing() -> tuple[pd.DataFrame, np.ndarray]:
    """UCI 的波士顿房价：13 列数字，价格以千美元计。"""
    import pandas as pd
    from mlxtend.data import boston_housing_data

    names = ["CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT"]
    X, y = boston_housing_data()
    return pd.DataFrame(X, columns=names), y


# ---------------------------------------------------------------- 表 → 矩阵


class TableEncoder:
    """把混合类型的表变成 float64 的矩阵 (n, 列数)；用什么均值、有哪些类别由 :meth:`fit` 记住。

    没有空缺的格子都是数字的列：减均值、除以标准差，空缺变成 0；训练的部分里是常数的列除以 1，全空的列不要。
    其余的列：每个在训练中出现过的取值一个 0/1 列，空缺也算一个取值；没有见过的取值全是 0。
    """

    def fit(self, table: pd.DataFrame) -> TableEncoder:
        """记住 ``table`` 的统计。没有一列可用时抛 ValueError。"""
        self.numeric: dict[str, tuple[float, float]] = {}  # 列名 -> (均值, 标准差)
        self.categorical: dict[str, list[str | None]] = {}  # 列名 -> 各取值，None 是空缺
        for name in table.columns:
            values, words = self._numbers(table, name), self._words(table, name)
            if all(np.isfinite(value) or word is None for value, word in zip(values, words)):
                values = values[np.isfinite(values)]
                if len(values):
                    # 常数的列的标准差由于舍入不一定恰好是 0，所以比较最大与最小
                    std = float(values.std()) if values.max() > values.min() else 1.0
                    self.numeric[name] = (float(values.mean()), std)
            else:
                found = sorted({word for word in words if word is not None})
                self.categorical[name] = [*found, None] if None in words else found
        if not self.names():
            raise ValueError("表里没有可用的特征列；请检查分隔符是否是逗号")
        return self

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """(n, 列数)，列的次序见 :meth:`names`。缺了训练时有的列时抛 ValueError，多出来的列不管。"""
        missing = [name for name in [*self.numeric, *self.categorical] if name not in table]
        if missing:
            raise ValueError(f"表里缺少训练时有的列：{'、'.join(missing)}；请检查文件是否是同一份数据的")
        columns = []
        for name, (mean, std) in self.numeric.items():
            values = (self._numbers(table, name) - mean) / std
            columns.append(np.where(np.isfinite(values), values, 0.0))
        for name, categories in self.categorical.items():
            words = self._words(table, name)
            columns += [np.array([word == category for word in words], float) for category in categories]
        return np.stack(columns, axis=1)

    def names(self) -> list[str]:
        """矩阵各列的名字，独热的列写成 ``列=取值``。"""
        one_hot = [f"{name}={value}" for name, values in self.categorical.items() for value in values]
        return [*self.numeric, *one_hot]

    def to_dict(self) -> dict:
        """可以写成 JSON 的状态。"""
        numeric = {name: list(statistics) for name, statistics in self.numeric.items()}
        return {"numeric": numeric, "categorical": self.categorical}

    @classmethod
    def from_dict(cls, state: dict) -> TableEncoder:
        """由 :meth:`to_dict` 的结果造回来。"""
        encoder = cls()
        encoder.numeric = {name: tuple(statistics) for name, statistics in state["numeric"].items()}
        encoder.categorical = {name: list(values) for name, values in state["categorical"].items()}
        return encoder

    @staticmethod
    def _numbers(table: pd.DataFrame, name: str) -> np.ndarray:
        """一列数字；读不成数字的是 NaN（测试的表里可能混进文字）。"""
        import pandas as pd

        return pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)

    @staticmethod
    def _words(table: pd.DataFrame, name: str) -> list[str | None]:
        """一列取值，都写成文字，空缺是 None。"""
        return [None if gap else str(value) for value, gap in zip(table[name], table[name].isna())]


# ---------------------------------------------------------------- 线性模型


class LinearPrice:
    """log 价格 = xw + b，小批量 Adam 训练。

    参数：
        epochs: 轮数。
        batch_size: 批大小。
        lr: 学习率，线性地降到 0。
        weight_decay: L2 惩罚的 λ，只作用于权重；独热的列很多，没有它会过拟合。
    """

    def __init__(
        self, epochs: int = 200, batch_size: int = 64, lr: float = 0.05, weight_decay: float = 0.003
    ):
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay

    def fit(self, X: np.ndarray, log_prices: np.ndarray) -> LinearPrice:
        """X (n, d)，log_prices (n,)。"""
        n, d = X.shape
        generator = np.random.default_rng(0)
        self.w = np.zeros((d, 1))
        self.b = np.array([log_prices.mean()])  # 从平均价格开始，不必先走一大段
        optimizer = Adam(self.lr)
        for epoch in range(self.epochs):
            optimizer.lr = self.lr * (1 - epoch / self.epochs)
            for batch in minibatches(n, self.batch_size, generator):
                # e = xw + b − log 价格
                error = self.predict(X[batch]) - log_prices[batch]  # (B,)
                # ∂/∂w [1/(2B)·Σe² + λ/2·Σw²] = xᵀe/B + λw，∂/∂b = Σe/B
                w_grad = X[batch].T @ error[:, None] / len(batch) + self.weight_decay * self.w  # (d, 1)
                optimizer.step([self.w, self.b], [w_grad, error.mean(keepdims=True)])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n, d) → log 价格 (n,)。"""
        return (X @ self.w + self.b)[:, 0]


def log_rmse(prices: np.ndarray, predicted: np.ndarray) -> float:
    """对数均方根误差 √(1/n·Σ(log ŷ − log y)²)：0.1 大约是差 10%，贵的与便宜的一样算。"""
    return float(np.sqrt(np.mean((np.log(predicted) - np.log(prices)) ** 2)))


def k_fold(n: int, k: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """把 n 行随机分成 k 份，返回 k 对 (训练的行, 验证的行)。行数不够分时抛 ValueError。"""
    if n < k:
        raise ValueError(f"只有 {n} 行，分不成 {k} 份；请用更多的数据")
    parts = np.array_split(np.random.default_rng(seed).permutation(n), k)
    return [(np.concatenate(parts[:i] + parts[i + 1 :]), parts[i]) for i in range(k)]


def cross_validate(features: pd.DataFrame, prices: np.ndarray, k: int = 5) -> list[tuple[float, float]]:
    """k 折的 (训练, 验证) 对数均方根误差。每一折都只用训练的行造 :class:`TableEncoder`。"""
    errors = []
    for train, valid in k_fold(len(prices), k):
        encoder = TableEncoder().fit(features.iloc[train])
        model = LinearPrice().fit(encoder.transform(features.iloc[train]), np.log(prices[train]))
        predicted = np.exp(model.predict(encoder.transform(features)))  # (n,)
        errors.append(tuple(log_rmse(prices[rows], predicted[rows]) for rows in (train, valid)))
    return errors


def write_submission(train: pd.DataFrame, test: pd.DataFrame, file: Path) -> None:
    """用全部训练数据再训练一次，把测试的预测写成 ``Id,SalePrice`` 两列的 CSV。"""
    import pandas as pd

    if ID not in test:
        raise ValueError(f"测试的表里没有 {ID} 一列，写不出提交文件；请用竞赛原来的 test.csv")
    features, prices = split_target(train)
    encoder = TableEncoder().fit(features)
    model = LinearPrice().fit(encoder.transform(features), np.log(prices))
    predicted = np.exp(model.predict(encoder.transform(test)))
    pd.DataFrame({ID: test[ID], TARGET: predicted}).to_csv(file, index=False, encoding="utf-8")


# ---------------------------------------------------------------- 命令行


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="house_price", description="房价预测")
    parser.add_argument("--train", type=Path, metavar="CSV", help="训练的表；不给时用 UCI 的波士顿房价")
    parser.add_argument("--test", type=Path, metavar="CSV", help="测试的表，与 --train 一起给")
    parser.add_argument("--out", type=Path, default=Path("submission.csv"), metavar="CSV", help="提交文件")
    args = parser.parse_args(argv)
    if args.test is not None and args.train is None:
        parser.error("给了 --test 也要给 --train")
    try:
        train = read_table(args.train) if args.train is not None else None
        features, prices = uci_housing() if train is None else split_target(train)
        errors = cross_validate(features, prices)
        for i, (train_error, valid_error) in enumerate(errors, start=1):
            print(f"第 {i} 折  训练 {train_error:.4f}  验证 {valid_error:.4f}")
        train_mean, valid_mean = np.mean(errors, axis=0)
        print(f"平均    训练 {train_mean:.4f}  验证 {valid_mean:.4f}")
        if args.test is not None:
            write_submission(train, read_table(args.test), args.out)
            print(f"提交文件写在 {args.out}")
    except (ValueError, OSError) as error:
        sys.exit(f"错误：{error}")


if __name__ == "__main__":
    main()
