"""时间序列的一步预测：循环网络读完过去的一段，给出下一个值。

论文：Elman, *Finding Structure in Time*, 1990；
Hochreiter 与 Schmidhuber, *Long Short-Term Memory*, 1997。

想法：把最近 T 个时刻依次读入，最后的隐状态就是对这一段历史的概括，再用一个全连接层变成一个数。

读数值，还是读每一步的变化？有上升趋势的序列，验证时的数值比训练时见过的都大，网络没有学过那一段；
变化却没有超出见过的范围。预测变化还有一个好处：什么也没学到、总是答 0 的网络，就已经是
“下一个值与现在相同”的坚持法，训练只需要学到比它好的部分。取差分是数据的事，网络不必知道。
"""

from __future__ import annotations

from typing import Literal

from paddle import Tensor, nn

LAYERS = {"rnn": nn.SimpleRNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Forecaster(nn.Layer):
    """一步预测。输入 (N, T, num_features)，输出下一个值 (N,)。

    参数：
        cell: 循环单元，``rnn``、``lstm`` 或 ``gru``。
        num_features: 每个时刻有几个特征。
        hidden_size: 隐状态的维数 H。
        num_layers: 循环网络的层数。
        linear_skip: 是否另有一条直通：过去各个值的线性函数加到输出上。它就是自回归，循环网络只需学线性
            函数说不清的那一部分；一开始直通的权重全是零。
        window: 窗口的长度 T，只有直通要用。
    """

    def __init__(
        self,
        cell: Literal["rnn", "lstm", "gru"],
        num_features: int = 1,
        hidden_size: int = 32,
        num_layers: int = 1,
        linear_skip: bool = False,
        window: int | None = None,
    ):
        super().__init__()
        if linear_skip and window is None:
            raise ValueError("有直通时要知道窗口的长度；请给出 window")
        self.recurrent = LAYERS[cell](num_features, hidden_size, num_layers)
        self.output = nn.Linear(hidden_size, 1)
        self.skip = None
        if linear_skip:
            self.skip = nn.Linear(window * num_features, 1, nn.initializer.Constant(0.0), bias_attr=False)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.recurrent(x)  # (N, T, H)
        forecast = self.output(y[:, -1]).squeeze(1)  # (N,)
        if self.skip is not None:
            forecast = forecast + self.skip(x.flatten(1)).squeeze(1)
        return forecast
