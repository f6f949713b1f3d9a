"""解码：写完就停，不许写的词永远不写。与网络有关的在各个网络的测试里。"""

from __future__ import annotations

import numpy as np
import paddle

from paddle_notes.decoding import greedy
from paddle_notes.tokens import BEGIN, END


class Scripted:
    """照剧本说话的网络：第 n 句第 t 步最可能的词是 script[n][t]，其次是填充、不认识的词与开始符。"""

    def __init__(self, script):
        self.script, self.read = np.array(script), []

    def eval(self):
        pass

    def start(self, sources):
        return 0

    def step(self, tokens, state):
        self.read.append(tokens.numpy()[:, 0].tolist())
        logits = np.zeros((len(self.script), 8), "float32")
        logits[np.arange(len(self.script)), self.script[:, state]] = 1
        logits[:, [0, 1, BEGIN]] = 2  # 不许写的词，即使最可能也不写
        return paddle.to_tensor(logits), state + 1


def test_answers_are_zero_after_the_end():
    network = Scripted([[5, END, 6, 7, 7], [4, 4, END, 4, 4]])
    answers = greedy(network, paddle.zeros([2, 1]), 5, BEGIN, END)
    assert answers.tolist() == [[5, END, 0, 0, 0], [4, 4, END, 0, 0]]
    assert network.read == [[BEGIN, BEGIN], [5, 4], [END, 4]]  # 两句都写完就停
    network = Scripted([[5, END, 6], [4, 4, 4]])
    assert greedy(network, paddle.zeros([2, 1]), 3, BEGIN, END).tolist() == [[5, END, 0], [4, 4, 4]]
