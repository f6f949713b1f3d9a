"""paddle_notes：能读、能跑、能改的 PaddlePaddle 深度学习课程。

导入本包不会导入 paddle 与 matplotlib；网络按章放在 ``paddle_notes/chXX_*/`` 里。
"""

__version__ = "0.1.0"
