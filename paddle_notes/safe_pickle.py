"""读 pickle 文件而不执行其中的代码，也不让其中的数据骗过 NumPy。

pickle 可以携带任意代码，从网上得来的参数文件与数据集都不应直接交给 ``pickle.load``。只挡住函数还不够：
NumPy 自己的还原函数会照文件里写的类型去读内存，元素是“对象”的数组里，文件里的字节就成了指针。
所以这里一样也不用它们：文件里的数组先变成几段数据，核对过类型、形状与字节数，再由 ``np.frombuffer`` 读出。

用标准库里以 Python 写成的那个 Unpickler：用 C 写的会照文件里的数字先占下内存，几十个字节就能要走几十 GB。
"""

from __future__ import annotations

import math
import pickle
import re
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

MAX_DIMS = 32
MAX_DEPTH = 100  # 容器至多套这么多层
# 数组与参数文件用不到的操作码：bytearray 会照写着的长度先占内存，集合的元素与字典的键一样要算散列
_UNUSED = {pickle.BYTEARRAY8, pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET}

_NDARRAY = object()  # 文件里的 numpy.ndarray：只用作 _reconstruct 的参数，不能调用


class _DType:
    """文件里的 ``dtype("f4", False, True)``：只认布尔、整数、浮点数，字节序由随后的状态给出。"""

    def __init__(self, name: str):
        self.name, self.order = name, "="

    def __setstate__(self, state: tuple) -> None:
        # (版本, 字节序, 子类型, 字段名, 字段, 大小, 对齐, 标志)：后面几项只有复合的类型才有
        version, order, *rest = state
        if version != 3 or order not in ("<", ">", "=", "|") or rest != [None, None, None, -1, -1, 0]:
            raise pickle.UnpicklingError("不允许的内容：复合的数组类型")
        self.order = order

    def build(self) -> np.dtype:
        return np.dtype(self.name).newbyteorder(self.order)


class _Array:
    """文件里的一个数组，还没有变成 NumPy 的。"""

    value: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        version, shape, dtype, fortran, data = state
        if version != 1 or not isinstance(dtype, _DType) or not isinstance(data, (bytes, bytearray)):
            raise pickle.UnpicklingError("不允许的内容：数组写得不合规矩")
        sizes_are_numbers = isinstance(shape, tuple) and all(type(n) is int for n in shape)
        if not sizes_are_numbers or len(shape) > MAX_DIMS or not all(0 <= n < 1 << 48 for n in shape):
            raise pickle.UnpicklingError("数组的形状不对")
        kind = dtype.build()
        if math.prod(shape) * kind.itemsize != len(data):
            raise pickle.UnpicklingError(f"数组的形状 {shape} 与数据的 {len(data)} 个字节不符")
        self.value = np.frombuffer(data, kind).reshape(shape, order="F" if fortran is True else "C")


def _reconstruct(kind: Any, shape: Any, letter: Any) -> _Array:
    if kind is not _NDARRAY or shape != (0,):
        raise pickle.UnpicklingError("不允许的内容：数组写得不合规矩")
    return _Array()


def _dtype(name: Any, *flags: Any) -> _DType:
    if not isinstance(name, str) or not re.fullmatch(r"b1|[iu][1248]|f[248]", name):
        raise pickle.UnpicklingError(f"不允许的内容：数组类型 {name[:20] if isinstance(name, str) else ''}")
    return _DType(name)


def _encode(text: Any, encoding: Any) -> bytes:
    """旧协议的 pickle 把字节串写成 ``_codecs.encode(文字, "latin1")``。"""
    if encoding != "latin1" or not isinstance(text, str):
        raise pickle.UnpicklingError("不允许的内容：编码")
    return text.encode("latin1")


def _bytes() -> bytes:
    """旧协议的 pickle 把空的字节串写成 ``bytes()``。"""
    return b""


class _Bounded:
    """读不过末尾的流：文件里写的长度超过剩下的字节时报错，而不是先去占那么多内存。"""

    def __init__(self, stream: BinaryIO):
        self.stream = stream
        start = stream.tell()
        self.left = stream.seek(0, 2) - start
        stream.seek(start)

    def read(self, count: int) -> bytes:
        if not 0 <= count <= self.left:
            raise EOFError("文件不完整")
        self.left -= count
        return self.stream.read(count)

    def readline(self) -> bytes:
        line = self.stream.readline(self.left)
        self.left -= len(line)
        return line


class ArrayUnpickler(pickle._Unpickler):
    """只能还原 NumPy 数组与 Python 内置容器；遇到别的东西抛 ``pickle.UnpicklingError``。"""

    # 数组的还原函数在 NumPy 1 里叫 numpy.core.multiarray._reconstruct，在 NumPy 2 里叫 numpy._core.……
    ALLOWED: ClassVar[dict[str, Any]] = {"_reconstruct": _reconstruct, "ndarray": _NDARRAY, "dtype": _dtype}

    dispatch: ClassVar[dict] = {
        code: read for code, read in pickle._Unpickler.dispatch.items() if bytes([code]) not in _UNUSED
    }

    def check_keys(self, keys: list) -> None:
        """字典的键只能是数、文字与字节：一层套一层、每层两份的元组，算散列的时间是层数的指数。"""
        if not all(isinstance(key, (str, bytes, int, float)) for key in keys):
            raise pickle.UnpicklingError("不允许的内容：字典的键")

    def load_setitem(self) -> None:
        self.check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        self.check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        self.check_keys(self.stack[::2])
        super().load_dict()

    def load_build(self) -> None:
        if not isinstance(self.stack[-2], (_Array, _DType)):  # 别的东西的属性不能改
            raise pickle.UnpicklingError("不允许的内容：改动属性")
        super().load_build()

    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.BUILD[0]] = load_build

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy" and name in self.ALLOWED:
            return self.ALLOWED[name]
        if (module, name) == ("_codecs", "encode"):
            return _encode
        if name == "bytes" and module in ("builtins", "__builtin__"):
            return _bytes
        raise pickle.UnpicklingError(f"不允许的内容 {module}.{name}")


def _finish(value: Any, done: dict[int, Any], depth: int = 0) -> Any:
    """把容器里的 :class:`_Array` 换成数组；剩下的只能是数、文字与字节。

    ``done`` 是已经换过的容器：同一个可以在文件里出现许多次，层层如此，逐个展开就没有尽头。
    """
    if depth > MAX_DEPTH:
        raise pickle.UnpicklingError("容器套得太深，或套着自己")
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, _Array):
        if value.value is None:
            raise pickle.UnpicklingError("数组没有数据")
        return value.value
    if isinstance(value, dict):
        done[id(value)] = {key: _finish(item, done, depth + 1) for key, item in value.items()}
        return done[id(value)]
    if isinstance(value, (list, tuple)):
        done[id(value)] = type(value)(_finish(item, done, depth + 1) for item in value)
        return done[id(value)]
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise pickle.UnpicklingError(f"不允许的内容 {type(value).__name__}")


def load(source: Path | BinaryIO, **options: Any) -> Any:
    """读一个 pickle 文件（路径或已打开、可以移动位置的二进制流）；``options`` 交给 ``pickle.Unpickler``。"""
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return load(stream, **options)
    try:
        return _finish(ArrayUnpickler(_Bounded(source), **options).load(), {})
    except (EOFError, MemoryError, pickle.UnpicklingError):
        raise
    except Exception as error:  # 不合规矩的文件在各处抛出的异常五花八门
        raise pickle.UnpicklingError(f"不是完好的 pickle 文件（{type(error).__name__}：{error}）") from error
