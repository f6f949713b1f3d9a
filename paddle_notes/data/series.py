"""时间序列：用前 window 个值预测下一个值。

按时间划分：训练、验证、测试依次往后，缩放只用训练部分的均值与标准差。缺失的值不作目标。
作输入时，训练部分之内的按前后内插；验证与测试部分的取它之前最后一个已知的值，与预测时能知道的相同：
若也内插，窗口里就混进了要预测的未来。``difference`` 为真时预测的是与上一个值之差，适合有趋势的序列。
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paddle_notes.data.autoregression import AutoRegression
from paddle_notes.data.batches import Batches
from paddle_notes.data.csv_files import numeric_column, read_table
from paddle_notes.data.info import SeriesInfo
from paddle_notes.errors import UserError


@dataclass(frozen=True)
class SeriesSet:
    """一份序列的各个窗口。

    属性：
        values: (T,) 整条序列，原来的单位，缺失处已填上。
        targets: (N,) int64，本份的目标在 values 里的下标，都不是缺失的。
        window: 用前多少个值。
        period: 季节的长度。
        mean, std: 训练部分（``difference`` 时是差分）的均值与标准差。
        difference: 目标与输入是不是差分。
        name: 序列的名字。
    """

    values: np.ndarray
    targets: np.ndarray
    window: int
    period: int
    mean: float
    std: float
    difference: bool
    name: str

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """窗口 (B, window, 1) 与下一个值 (B,)，都已缩放，float32。"""
        signal = np.diff(self.values, prepend=self.values[0]) if self.difference else self.values
        scaled = ((signal - self.mean) / self.std).astype("float32")
        targets = self.targets[index]  # (B,)
        inputs = scaled[targets[:, None] + np.arange(-self.window, 0)]  # (B, window)
        return inputs[:, :, None], scaled[targets]

    def predict(self, outputs: np.ndarray) -> np.ndarray:
        """网络的输出 (N,)（依次对应本份的各个目标）换回原来的单位。"""
        signal = outputs * self.std + self.mean
        return self.values[self.targets - 1] + signal if self.difference else signal

    def truth(self) -> np.ndarray:
        """本份的目标，原来的单位。"""
        return self.values[self.targets]

    def rmse(self, forecast: np.ndarray) -> float:
        """预测 (N,) 的均方根误差，原来的单位。"""
        return float(np.sqrt(np.mean((self.truth() - forecast) ** 2)))

    def info(self) -> SeriesInfo:
        return SeriesInfo(
            window=self.window,
            target_scale=self.std,
            mean=self.mean,
            difference=self.difference,
            name=self.name,
        )

    def baselines(self, others: dict[str, SeriesSet]) -> dict[str, dict[str, dict[str, float]]]:
        """坚持法：等于上一个值；季节性朴素：等于一个周期之前的值；自回归，见 :class:`AutoRegression`。"""
        forecasts = {"坚持法": lambda other: other.values[other.targets - 1]}
        if self.period > 1:
            name = f"季节性朴素（周期 {self.period}）"
            forecasts[name] = lambda other: other.values[other.targets - self.period]
        fitted = AutoRegression.fit(self.values, self.targets, int(self.targets[0]))
        if fitted is not None:
            forecasts[fitted.name] = lambda other: fitted.forecast(other.values, other.targets)
        return {
            name: {part: {"rmse": other.rmse(forecast(other))} for part, other in others.items()}
            for name, forecast in forecasts.items()
        }

    def batches(self, config, training: bool = False, seed: int = 0) -> Batches:
        return Batches(self, config.batch_size, training, seed)


def fill(values: np.ndarray, boundary: int) -> np.ndarray:
    """填上缺失（NaN）：``boundary`` 之前按前后内插，只用其中的值；之后取之前最后一个已知的值。"""
    known = np.isfinite(values)
    if not known[:boundary].any():
        raise UserError("序列的训练部分里没有一个数；请用 data.target 指明数所在的一列")
    position = np.arange(len(values))
    seen = np.interp(
        position[:boundary], position[:boundary][known[:boundary]], values[:boundary][known[:boundary]]
    )
    known[:boundary] = True
    filled = np.concatenate([seen, values[boundary:]])
    return filled[np.maximum.accumulate(np.where(known, position, 0))]


def split(values: np.ndarray, config, name: str) -> tuple[SeriesSet, SeriesSet, SeriesSet]:
    """按时间划分成训练、验证、测试三份。"""
    if config.path is not None and name in ("sunspots", "co2"):
        raise UserError(f"{name} 是自带的，不需要 data.path，请删去它")
    values = np.asarray(values, "float64")
    count, start = len(values), max(config.window, config.period) + int(config.difference)
    tested = count - round(count * config.test_fraction)
    validated = tested - round(count * config.valid_fraction)
    limits = ((start, validated), (validated, tested), (tested, count))
    filled, known = fill(values, validated), np.isfinite(values)
    parts = [np.arange(first, last)[known[first:last]] for first, last in limits]
    if min(map(len, parts)) < 2:
        raise UserError(
            f"序列只有 {count} 个值，窗口 {config.window}、周期 {config.period} 之后，"
            "训练、验证或测试不足两个样本；请减小 data.window 或 data.period，"
            "或调整 data.valid_fraction、data.test_fraction"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        signal = np.diff(filled) if config.difference else filled
        seen = signal[: validated - int(config.difference)]
        mean, std = float(seen.mean()), float(seen.std()) or 1.0
        fits = np.abs((signal - mean) / std).max() < np.finfo("float32").max and np.isfinite(std)
    if not fits:
        raise UserError("序列里的数太大，算不出标准差；请检查 data.target 一列，或换一个单位")
    options = (config.window, config.period, mean, std, config.difference, name)
    train, valid, test = (SeriesSet(filled, targets, *options) for targets in parts)
    return train, valid, test


def recorded(name: str) -> np.ndarray:
    """随项目带着的一条序列，来源见 recorded/README.md；缺测的是 NaN。"""
    file = Path(__file__).parent / "recorded" / f"{name}.csv"
    return np.genfromtxt(file, delimiter=",", skip_header=1, usecols=1, encoding="utf-8")


def load_sunspots(config) -> tuple[SeriesSet, SeriesSet, SeriesSet]:
    """1700–2008 年每年的太阳黑子数，309 个值，周期约 11 年。"""
    return split(recorded("sunspots"), config, "sunspots")


def load_co2(config) -> tuple[SeriesSet, SeriesSet, SeriesSet]:
    """1958–2001 年每周的大气二氧化碳浓度（ppm），2,284 个值，有缺失，周期 52 周，有上升的趋势。"""
    return split(recorded("co2"), config, "co2")


def load_csv(config) -> tuple[SeriesSet, SeriesSet, SeriesSet]:
    """任意 CSV 的一列。"""
    if config.path is None:
        raise UserError("data.name=series 要用 -o data.path=文件.csv 指明数据")
    path = Path(config.path)
    table = read_table(path)
    target = config.target or str(table.columns[-1])
    return split(numeric_column(table, target, path), config, target)
