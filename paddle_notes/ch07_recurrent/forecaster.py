"""时间序列的一步预测：循环网络读完过去的一段，给出下一个值。

论文：Elman, *Finding Structure in Time*, 1990；
Hochreiter 与 Schmidhuber, *Long Short-Term Memory*, 1997。

想法：不读数值本身，而读每一步的变化，预测的也是下一步的变化，再加到当前值上。
什么也没学到的网络（变化为 0）就已经是“下一个值与现在相同”的持续性预测，训练只需要学到比它好的部分；
有上升趋势的序列，验证时的数值比训练时见过的都大，变化却没有超出见过的范围。
"""

from __future__ import annotations

from typing import Literal

from paddle import Tensor, nn

LAYERS = {"rnn": nn.SimpleRNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Forecaster(nn.Layer):
    """一步预测。输入 (N, T, num_features)，T 至少 2，输出下一个值 (N,)；第 0 个特征就是要预测的序列。

    参数：
        cell: 循环单元，``rnn``、``lstm`` 或 ``gru``。
        num_features: 每个时刻有几个特征；变化的标准差应在 1 左右。
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
        # 变化的预测从 0 附近开始，也就是从持续性预测开始
        nn.initializer.Normal(std=0.01)(self.output.weight)

    def forward(self, x: Tensor) -> Tensor:
        changes = x[:, 1:] - x[:, :-1]  # (N, T − 1, num_features)
        y, _ = self.recurrent(changes)  # (N, T − 1, H)
        next_change = self.output(y[:, -1]).squeeze(1)  # (N,)
        return x[:, -1, 0] + next_change  # (N,)
