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
    """

    def __init__(
        self,
        cell: Literal["rnn", "lstm", "gru"],
        num_features: int = 1,
        hidden_size: int = 32,
        num_layers: int = 1,
    ):
        super().__init__()
        self.recurrent = LAYERS[cell](num_features, hidden_size, num_layers)
        self.output = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.recurrent(x)  # (N, T, H)
        return self.output(y[:, -1]).squeeze(1)  # (N,)
