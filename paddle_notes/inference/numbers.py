"""预测一个数：表格与时间序列。"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import paddle

from paddle_notes.inference.trained import Input, Trained


class TableRegressor(Trained):
    """由一行的各个特征预测一个数。"""

    tool = "eval"

    def inputs(self) -> list[Input]:
        return [Input("features", [None, self.info.num_features], "float32")]


class Forecast(NamedTuple):
    """一步预测与真值，原来的单位。"""

    truth: np.ndarray  # (N,)
    forecast: np.ndarray  # (N,)
    rmse: float  # 均方根误差
    name: str  # 序列的名字


class Forecaster(Trained):
    """时间序列：由前一段预测下一个值。"""

    tool = "predict"

    def forecast(self, split: str = "test") -> Forecast:
        """测试（或验证）部分的一步预测。"""
        data = self.part(split)
        with paddle.no_grad():
            outputs = [self.model(paddle.to_tensor(inputs)).numpy() for inputs, _ in data.epoch()]
        series = data.dataset
        forecast = series.predict(np.concatenate(outputs))
        return Forecast(series.truth(), forecast, series.rmse(forecast), series.name)

    def inputs(self) -> list[Input]:
        return [Input("windows", [None, self.info.window, self.info.num_features], "float32")]
