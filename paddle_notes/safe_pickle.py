"""读 pickle 文件而不执行其中的代码。

pickle 可以携带任意代码，从网上得来的参数文件与数据集都不应直接交给 ``pickle.load``。
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


def _encode(text: str, encoding: str) -> bytes:
    """旧协议的 pickle 把字节串写成 ``_codecs.encode(文字, "latin1")``。"""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"不允许的编码 {encoding}")
    return text.encode("latin1")


class ArrayUnpickler(pickle.Unpickler):
    """只能还原 NumPy 数组与 Python 内置容器；遇到别的东西抛 ``pickle.UnpicklingError``。"""

    # 数组的还原函数在 NumPy 1 里叫 numpy.core.multiarray._reconstruct，在 NumPy 2 里叫 numpy._core.……
    ALLOWED: dict[str, Any] = {
        "_reconstruct": np.zeros(0).__reduce__()[0],
        "ndarray": np.ndarray,
        "dtype": np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy" and name in self.ALLOWED:
            return self.ALLOWED[name]
        if (module, name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"不允许的内容 {module}.{name}")


def load(source: Path | BinaryIO, **options: Any) -> Any:
    """读一个 pickle 文件（路径或已打开的二进制流）；``options`` 交给 ``pickle.Unpickler``。"""
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return ArrayUnpickler(stream, **options).load()
    return ArrayUnpickler(source, **options).load()
