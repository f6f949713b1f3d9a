"""导入 paddle 之前必须做好的事：线程、数学库的开关、内存分配、设备、随机种子。

环境变量里用户已经设好的，一概不动。
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import io
import os
import platform
import random
import re
import sys
import tempfile
import warnings
from pathlib import Path

from paddle_notes.errors import UserError

# glibc 的 mallopt 选项（malloc.h）
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def available_cpus() -> int:
    """本进程可以使用的 CPU 核数：考虑了 CPU 亲和性与容器的配额。"""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        cpus = min(cpus, max(1, round(int(quota) / int(period))))
    return cpus


def _is_amd() -> bool:
    with contextlib.suppress(OSError):
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return "AuthenticAMD" in platform.processor()


def _keep_big_blocks() -> bool:
    """让 glibc 留住用过的大块内存，不在每一步之后还给系统再要回来。"""
    if platform.system() != "Linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # 不是 glibc
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 32 << 20) and mallopt(_M_TRIM_THRESHOLD, 1 << 30))


def _speed_up_cpu(threads: int | None) -> list[str]:
    """设置与 CPU 速度有关的环境变量，返回做了什么。必须在导入 paddle 之前。"""
    if "paddle" in sys.modules:
        return ["paddle 已先被导入，线程数未改"]
    done = []
    # macOS 版的 paddle 用 OpenBLAS，多线程会出错。
    if platform.system() != "Darwin":
        if threads is not None:
            os.environ["OMP_NUM_THREADS"] = str(threads)
        elif "OMP_NUM_THREADS" not in os.environ:
            os.environ["OMP_NUM_THREADS"] = str(available_cpus())
        done.append(f"{os.environ['OMP_NUM_THREADS']} 个线程")
        # 随 paddle 分发的 MKL 在 AMD 处理器上默认走慢的路径。
        if _is_amd() and "MKL_DEBUG_CPU_TYPE" not in os.environ:
            os.environ["MKL_DEBUG_CPU_TYPE"] = "5"
            done.append("MKL 用 AVX2")
    if _keep_big_blocks():
        done.append("保留大块内存")
    return done


def _import_paddle() -> None:
    """导入 paddle，滤去与用户无关的英文提示（ccache、线程数）。"""
    if importlib.util.find_spec("paddle") is None:
        raise UserError('没有安装 paddlepaddle；请在项目根目录执行 pip install -e ".[cpu]"')
    captured = io.StringIO()
    with contextlib.redirect_stderr(captured), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*ccache.*")
        import paddle  # noqa: F401
    # 训练带批量归一化的网络时，paddle 3.3 每次都提示它总会更新滑动均值；这正是我们要的
    warnings.filterwarnings("ignore", message=".*always track global mean and variance.*")
    for line in captured.getvalue().splitlines():
        if "OMP_NUM_THREADS" not in line:
            print(line, file=sys.stderr)


def _choose_device(device: str) -> str:
    """选定设备并返回它的名字；要 GPU 而没有时抛 :class:`UserError`。"""
    import paddle

    count = paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0
    if device == "auto":
        device = "gpu:0" if count else "cpu"
    elif device.startswith("gpu"):
        if not paddle.is_compiled_with_cuda():
            raise UserError(
                f"要用 {device}，但装的是 CPU 版的 paddlepaddle；"
                "请改用 --device cpu，或卸载后安装 GPU 版（见 README）"
            )
        number = int(device.partition(":")[2] or 0)
        if number >= count:
            raise UserError(f"要用 {device}，但只找到 {count} 块 GPU；请改用 --device cpu 或更小的编号")
        device = f"gpu:{number}"
    paddle.set_device(device)
    return device


def _ensure_home() -> None:
    """Paddle 与 VisualDL 一导入就在家目录里建自己的文件夹；家目录写不了时，给这个进程一个临时的。"""
    try:
        with tempfile.TemporaryDirectory(dir=Path.home()):
            pass
    except (OSError, RuntimeError):
        os.environ.update(dict.fromkeys(("HOME", "USERPROFILE"), tempfile.mkdtemp()))


def prepare(device: str = "auto", threads: int | None = None) -> str:
    """备好运行环境并导入 paddle，返回一行说明，供日志记录。"""
    if not re.fullmatch(r"auto|cpu|gpu(:\d+)?", device):
        raise UserError(f"没有 {device} 这种设备；可用的有 auto、cpu、gpu、gpu:N")
    _ensure_home()
    done = _speed_up_cpu(threads)
    _import_paddle()
    device = _choose_device(device)
    return f"设备 {device}；{'；'.join(done)}" if done else f"设备 {device}"


def machine() -> str:
    """这台机器的一句话说明，如 ``2 核 AMD EPYC，24 GiB``：核数、处理器的系列、内存。"""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE):
            name = " ".join(found[1].split()[:2])  # 只要系列：AMD EPYC、Intel(R) Xeon(R)
    sizes = []
    with contextlib.suppress(AttributeError, ValueError, OSError):
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(OSError, ValueError):  # 容器的配额
        sizes.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    memory = f"，{round(min(sizes) / 2**30)} GiB" if sizes else ""
    return f"{available_cpus()} 核 {name}{memory}"


def seed_everything(seed: int) -> None:
    """设定 Python、NumPy 与 paddle 的随机种子。"""
    import numpy as np
    import paddle

    random.seed(seed)
    np.random.seed(seed % 2**32)
    paddle.seed(seed)
