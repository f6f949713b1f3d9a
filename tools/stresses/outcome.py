"""各种折磨共用的：一次的结果好不好，两次的数组是不是逐位相同，进度，内存的上限。"""

from __future__ import annotations

import contextlib
import io
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

LONGEST = 600  # 一句话不该超过几个字


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """不打印。"""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def attempt(action: Callable, *arguments, seconds: float) -> str:
    """执行一次；没有问题时返回空的文字。

    好的结果有两种：做完了，或一句不长的中文（:class:`UserError`，或 cli.run 说得清的 OSError）；都要在
    ``seconds`` 秒之内。
    """
    from paddle_notes.errors import UserError

    started = time.perf_counter()
    try:
        with quiet():
            action(*arguments)
    except UserError as error:
        said = str(error)
        if not re.search("[一-鿿]", said):
            return f"不是中文：{said[:200]!r}"
        if len(said) > LONGEST:
            return f"一句话有 {len(said)} 个字：{said[:100]!r}…"
    except OSError:
        pass
    except BaseException as error:
        return f"{type(error).__name__}：{str(error)[:200]!r}"
    took = time.perf_counter() - started
    return f"用了 {took:.1f} 秒" if took > seconds else ""


def unequal_arrays(first: Path, second: Path, *names: str) -> Iterator[str]:
    """两个输出文件夹的检查点 ``names`` 里，哪些文件的数组（参数、缓冲区、优化器的状态）不是逐位相同。"""
    from paddle_notes.engine.checkpoint import read_arrays

    for name in names:
        for suffix in (".pdparams", ".pdopt"):
            ours, theirs = (read_arrays(folder / name, suffix) for folder in (first, second))
            if ours.keys() != theirs.keys() or not all(np.array_equal(ours[k], theirs[k]) for k in ours):
                yield f"{name}{suffix}"


def progress(items: Iterable, what: str) -> Iterable:
    """逐个给出 ``items``，在终端里显示做到第几个、还要多久。"""
    tqdm.monitor_interval = 0  # 不另开线程：kills 要复制进程
    tqdm.set_lock(threading.RLock())  # tqdm 自己的锁各进程共用：占着它被杀掉，别的进程就再也等不到
    return tqdm(items, desc=what, leave=False, disable=None)


def limit_memory(more: int | None = None) -> None:
    """大得离谱的个数应当得到一句话，而不是占满机器的内存：至多比现在多占 ``more`` 个字节，不写则一共 8 GiB。

    没有 resource 或 /proc 的系统就不限。
    """
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        limit = 8 << 30
        if more is not None:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
