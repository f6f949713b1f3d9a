"""运行环境：线程、数学库的开关、设备、随机种子。"""

from __future__ import annotations

import os
import platform
import random
import sys
from pathlib import Path

import numpy as np
import paddle
import pytest

from paddle_notes import runtime
from paddle_notes.errors import UserError

VARIABLES = ("OMP_NUM_THREADS", "MKL_DEBUG_CPU_TYPE", "MALLOC_MMAP_THRESHOLD_")


@pytest.fixture
def fresh(monkeypatch):
    """假装还没有导入 paddle，环境变量也都没有设。"""
    monkeypatch.delitem(sys.modules, "paddle")
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # 先记下，测试之后才能恢复
        monkeypatch.delenv(name)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(runtime, "_is_amd", lambda: True)
    monkeypatch.setattr(runtime, "_keep_big_blocks", lambda: False)
    monkeypatch.setattr(runtime, "available_cpus", lambda: 6)
    return monkeypatch


def fake_files(monkeypatch, contents: dict[str, str]) -> None:
    """使 runtime 读到的系统文件是 ``contents`` 里的，其余都不存在。"""

    def read_text(self, *args, **kwargs):
        if self.as_posix() in contents:
            return contents[self.as_posix()]
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_text", read_text)


def test_threads_follow_the_cpus(fresh):
    assert runtime._speed_up_cpu(None) == ["6 个线程", "MKL 用 AVX2"]
    assert os.environ["OMP_NUM_THREADS"] == "6"
    assert os.environ["MKL_DEBUG_CPU_TYPE"] == "5"


def test_users_variables_are_kept(fresh):
    fresh.setenv("OMP_NUM_THREADS", "3")
    fresh.setenv("MKL_DEBUG_CPU_TYPE", "4")
    assert runtime._speed_up_cpu(None) == ["3 个线程"]
    assert (os.environ["OMP_NUM_THREADS"], os.environ["MKL_DEBUG_CPU_TYPE"]) == ("3", "4")


def test_threads_of_the_config_win(fresh):
    assert runtime._speed_up_cpu(2)[0] == "2 个线程"
    assert os.environ["OMP_NUM_THREADS"] == "2"


def test_mkl_switch_only_on_amd(fresh):
    fresh.setattr(runtime, "_is_amd", lambda: False)
    assert runtime._speed_up_cpu(None) == ["6 个线程"]
    assert "MKL_DEBUG_CPU_TYPE" not in os.environ


def test_macos_keeps_one_thread(fresh):
    fresh.setattr(platform, "system", lambda: "Darwin")
    assert runtime._speed_up_cpu(None) == []
    assert "OMP_NUM_THREADS" not in os.environ


def test_nothing_is_set_once_paddle_is_imported(fresh):
    fresh.setitem(sys.modules, "paddle", paddle)
    assert runtime._speed_up_cpu(None) == ["paddle 已先被导入，线程数未改"]
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(("vendor", "amd"), [("AuthenticAMD", True), ("GenuineIntel", False)])
def test_amd_is_recognised(monkeypatch, vendor, amd):
    fake_files(monkeypatch, {"/proc/cpuinfo": f"processor\t: 0\nvendor_id\t: {vendor}\n"})
    assert runtime._is_amd() is amd


@pytest.mark.parametrize(
    ("name", "amd"), [("AMD64 Family 25, AuthenticAMD", True), ("Intel64, GenuineIntel", False)]
)
def test_amd_is_recognised_on_windows(monkeypatch, name, amd):
    fake_files(monkeypatch, {})
    monkeypatch.setattr(platform, "processor", lambda: name)
    assert runtime._is_amd() is amd


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("50000 100000\n", 1),
        ("max 100000\n", 8),
        ("1600000 100000", 8),
    ],
)
def test_container_quota(monkeypatch, quota, cpus):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    fake_files(monkeypatch, {"/sys/fs/cgroup/cpu.max": quota})
    assert runtime.available_cpus() == cpus


def test_affinity_without_a_container(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 6}, raising=False)
    fake_files(monkeypatch, {})
    assert runtime.available_cpus() == 3


def test_cpus_without_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    fake_files(monkeypatch, {})
    assert runtime.available_cpus() == 12


def test_users_malloc_settings_are_kept(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert runtime._keep_big_blocks() is False


@pytest.mark.parametrize("system", ["Windows", "Darwin"])
def test_malloc_is_left_alone_elsewhere(monkeypatch, system):
    monkeypatch.setattr(platform, "system", lambda: system)
    assert runtime._keep_big_blocks() is False


def test_prepare_says_what_it_did():
    assert runtime.prepare("cpu") == "设备 cpu；paddle 已先被导入，线程数未改"
    assert paddle.device.get_device() == "cpu"


def test_prepare_sets_the_environment_before_paddle(run_python):
    """整个过程在新的进程里走一遍：用户设的线程数不变，AMD 的开关照实。"""
    code = (
        "import os\nfrom paddle_notes import runtime\nprint(runtime.prepare('cpu'))\n"
        "print(os.environ['OMP_NUM_THREADS'], runtime._is_amd(), os.environ.get('MKL_DEBUG_CPU_TYPE'))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    result = run_python(code, {**environment, "OMP_NUM_THREADS": "1"})
    assert result.code == 0, result.err
    said, values = result.out.splitlines()[-2:]
    assert said.startswith("设备 cpu；")
    assert values.split()[0] == "1"
    if platform.system() != "Darwin":
        assert "；1 个线程" in said
        assert values in ("1 True 5", "1 False None")


@pytest.mark.parametrize("device", ["gpu", "gpu:0", "gpu:3"])
def test_gpu_on_a_cpu_build(monkeypatch, device):
    monkeypatch.setattr(paddle, "is_compiled_with_cuda", lambda: False)
    with pytest.raises(
        UserError, match=f"要用 {device}，但装的是 CPU 版的 paddlepaddle；请改用 --device cpu"
    ):
        runtime.prepare(device)


@pytest.mark.parametrize("device", ["gpu", "gpu:0", "gpu:3"])
def test_gpu_that_is_absent(monkeypatch, device):
    monkeypatch.setattr(paddle, "is_compiled_with_cuda", lambda: True)
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: 0)
    with pytest.raises(UserError, match=f"要用 {device}，但只找到 0 块 GPU"):
        runtime.prepare(device)


@pytest.mark.parametrize(
    ("device", "chosen"), [("auto", "gpu:0"), ("gpu", "gpu:0"), ("gpu:1", "gpu:1"), ("cpu", "cpu")]
)
def test_device_with_two_gpus(monkeypatch, device, chosen):
    monkeypatch.setattr(paddle, "is_compiled_with_cuda", lambda: True)
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(paddle, "set_device", lambda name: None)
    assert runtime._choose_device(device) == chosen


@pytest.mark.parametrize("device", ["tpu", "gpu:x", "", "GPU"])
def test_unknown_device(device):
    with pytest.raises(UserError, match="可用的有 auto、cpu、gpu、gpu:N"):
        runtime.prepare(device)


def test_missing_paddle(monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'没有安装 paddlepaddle；.*pip install -e "\.\[cpu\]"'):
        runtime.prepare("cpu")


def test_seed_covers_every_generator():
    def draw():
        return random.random(), np.random.rand(), paddle.rand([1]).item()

    runtime.seed_everything(7)
    first, second = draw(), draw()
    runtime.seed_everything(7)
    assert draw() == first
    assert all(a != b for a, b in zip(first, second))
