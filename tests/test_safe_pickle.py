"""读 pickle：数组照原样读出；不执行代码，不照文件里的指针读内存，不照文件里的数字占内存。"""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest

from paddle_notes import safe_pickle

ARRAYS = {
    "f4": np.arange(6, dtype="f4").reshape(2, 3),
    "f8_fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "i8": np.array([1, -2, 3]),
    "u1": np.arange(256, dtype="u1"),
    "f2": np.array([0.5], "f2"),
    "bool": np.array([True, False]),
    "big_endian": np.arange(4, dtype=">i4"),
    "scalar_shape": np.array(3.5),
    "empty": np.zeros((0, 3), "f4"),
    "large": np.random.default_rng(0).normal(size=(300, 300)),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_survive(name, protocol):
    array = ARRAYS[name]
    found = safe_pickle.load(io.BytesIO(pickle.dumps({"a": [array, (array,)], b"b": 1.5}, protocol)))
    for other in (found["a"][0], found["a"][1][0]):
        assert other.dtype == array.dtype and other.shape == array.shape and np.array_equal(other, array)
    assert found[b"b"] == 1.5


def test_shared_arrays_and_containers():
    array = np.arange(3)
    found = safe_pickle.load(io.BytesIO(pickle.dumps([array, array, {"x": None, "y": "字", "z": b"q"}], 4)))
    assert np.array_equal(found[0], found[1]) and found[2] == {"x": None, "y": "字", "z": b"q"}


class Reduced:
    """pickle 成指定的 ``__reduce__``。"""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce__(self):
        return self.parts


RECONSTRUCT, ARGUMENTS = np.zeros(0).__reduce__()[:2]


def array_of(dtype, shape=(1,), data=bytes(8), fortran=False, version=1) -> Reduced:
    return Reduced(RECONSTRUCT, ARGUMENTS, (version, shape, dtype, fortran, data))


def dtype_of(name: str, state: tuple | None = None) -> Reduced:
    return Reduced(np.dtype, (name, False, True), *([] if state is None else [state]))


PLAIN = (3, "<", None, None, None, -1, -1, 0)
CRAFTED = {
    "object": array_of(np.dtype("O"), data=struct.pack("<Q", 0x4141414141414141)),
    "object_by_name": array_of(dtype_of("O8")),
    "object_flag": array_of(dtype_of("f8", (3, "<", None, None, None, -1, -1, 63))),
    "fields": array_of(np.dtype([("a", "O")])),
    "structure": array_of(np.dtype([("a", "i4"), ("b", "i4")])),
    "subarray": array_of(dtype_of("f8", (3, "<", (np.dtype("O"), (1,)), None, None, -1, -1, 0))),
    "void": array_of(np.dtype("V8")),
    "text": array_of(np.dtype("U2")),
    "datetime": array_of(np.dtype("M8[s]")),
    "too_few_bytes": array_of(np.dtype("f8"), shape=(1000,)),
    "too_many_bytes": array_of(np.dtype("f8"), shape=(1,), data=bytes(16)),
    "huge_shape": array_of(np.dtype("f8"), shape=(2**40, 2**40)),
    "overflowing_shape": array_of(np.dtype("f8"), shape=(2**32, 2**32, 1)),
    "negative_shape": array_of(np.dtype("f8"), shape=(-1,)),
    "shape_of_floats": array_of(np.dtype("f8"), shape=(1.0,)),
    "many_dimensions": array_of(np.dtype("f8"), shape=(1,) * 100),
    "no_state": Reduced(RECONSTRUCT, ARGUMENTS),
    "data_is_a_list": array_of(np.dtype("O"), data=[1]),
    "ndarray_called": Reduced(np.ndarray, ((2**36,),)),
    "reconstruct_a_big_one": Reduced(RECONSTRUCT, (np.ndarray, (2**36,), b"b")),
    "other_version": array_of(np.dtype("f8"), version=2),
    "ordered_dict": OrderedDict(a=1),
    "function": print,
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_are_refused(name):
    content = pickle.dumps({"a": CRAFTED[name]}, 4)
    with pytest.raises(pickle.UnpicklingError):
        safe_pickle.load(io.BytesIO(content))


def test_a_dtype_is_not_content():
    with pytest.raises(pickle.UnpicklingError, match="不允许的内容"):
        safe_pickle.load(io.BytesIO(pickle.dumps(np.dtype("f4"), 4)))


def test_containers_that_hold_themselves():
    loop: list = []
    loop.append(loop)
    with pytest.raises(pickle.UnpicklingError, match="套着自己"):
        safe_pickle.load(io.BytesIO(pickle.dumps(loop)))


# 几十个字节，却说自己有几十 GB：协议、操作码与一个很大的长度
GREEDY = {
    "bytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**36) + b"x.",
    "bytearray": b"\x80\x05\x96" + struct.pack("<Q", 2**36) + b"x.",
    "text": b"\x80\x04\x8d" + struct.pack("<Q", 2**36) + b"x.",
    "frame": b"\x80\x04\x95" + struct.pack("<Q", 2**36) + b"x.",
    "integer": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
    "memo": b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b".",
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows 没有 RLIMIT_AS")
@pytest.mark.parametrize("name", GREEDY)
def test_memory_is_not_taken_on_trust(name, tmp_path):
    """只许再占 512 MiB，读不出就是一个普通的异常，而不是 MemoryError。"""
    file = tmp_path / "x.pdparams"
    file.write_bytes(GREEDY[name])
    code = (
        "import pathlib, resource, sys\nfrom paddle_notes import safe_pickle\n"
        "now = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (now + 2**29,) * 2)\n"
        f"try:\n    print(safe_pickle.load(pathlib.Path({str(file)!r})))\n"
        "except Exception as error:\n    print(type(error).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("EOFError", "UnpicklingError", "None")


def test_truncated_everywhere():
    """在任何一个字节处截断，都是异常，不是半个结果。"""
    content = pickle.dumps({"a": np.arange(4.0), "b": [1, 2]}, 4)
    for length in range(len(content)):
        with pytest.raises((EOFError, pickle.UnpicklingError)):
            safe_pickle.load(io.BytesIO(content[:length]))


def nested(kind: type, depth: int):
    """套 ``depth`` 层，每层里两份一样的：文件不大，逐个展开有 2 的 ``depth`` 次方个。"""
    value = kind("a")
    for _ in range(depth):
        value = kind([value, value])
    return value


def test_shared_containers_are_not_unfolded():
    found = safe_pickle.load(io.BytesIO(pickle.dumps(nested(list, 90), 2)))
    assert found[0] is found[1] and found[0][0] is found[1][1]


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02}" + pickle.dumps(nested(tuple, 60), 2)[2:-1] + b"K\x01s.",  # SETITEM
        b"\x80\x02}(" + pickle.dumps(nested(tuple, 60), 2)[2:-1] + b"K\x01u.",  # SETITEMS
        b"(" + pickle.dumps(nested(tuple, 60), 0)[:-1] + b"I1\nd.",  # DICT
        pickle.dumps({1, 2}, 4),
        b"\x80\x02cnumpy\ndtype\n}U\x0c__defaults__)sb.",  # 改函数的属性
    ],
)
def test_slow_keys_and_attributes_are_refused(content):
    with pytest.raises(pickle.UnpicklingError):
        safe_pickle.load(io.BytesIO(content))
    assert safe_pickle._dtype.__defaults__ is None and "__defaults__" not in vars(safe_pickle._dtype)
