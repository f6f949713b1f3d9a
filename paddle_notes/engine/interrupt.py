"""Ctrl-C、关掉终端、kill：做完手上的一步，存好状态，再停。"""

from __future__ import annotations

import signal
import threading

from paddle_notes.cli import stop_signals
from paddle_notes.errors import UserError


class Interrupted(UserError):
    """用户中断了训练；状态已经存好，消息里有继续的命令。"""


class StopSignal:
    """在 ``with`` 之内记下 Ctrl-C（SIGINT）、SIGTERM 与 SIGHUP，由训练循环在合适的时候停下。

    第一次只是把 ``requested`` 置为真；再按一次立即以 KeyboardInterrupt 停下。
    不在主线程里时什么也不做。
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            for number in stop_signals():
                self._previous[number] = signal.signal(number, self._request)
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _request(self, signum, frame) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
