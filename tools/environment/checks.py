"""环境的各项检查，一项一个函数。"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

MIN_PYTHON, MAX_PYTHON = (3, 10), (3, 13)
FREE_GIB = 2  # 训练 VGG16 的检查点约 0.5 GiB
PADDLES = ("paddlepaddle", "paddlepaddle-gpu")
INSTALL = 'pip install -e ".[cpu]"'


class Check(NamedTuple):
    """一项检查。"""

    name: str
    passed: bool
    found: str
    advice: str = ""


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Check:
    low, high = (".".join(map(str, bound)) for bound in (MIN_PYTHON, MAX_PYTHON))
    advice = f"请用 Python {low} 到 {high} 另建一个虚拟环境"
    return Check("Python", MIN_PYTHON <= version <= MAX_PYTHON, sys.version.split()[0], advice)


def installed(name: str) -> str | None:
    """已装的版本；没有装时为 None。"""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_packages() -> Check:
    """各个依赖都装了，版本也合要求。"""
    from packaging.requirements import Requirement

    try:
        requirements = map(Requirement, metadata.requires("paddle_notes") or [])
    except metadata.PackageNotFoundError:
        return Check("依赖", False, "没有安装 paddle_notes", f"请在项目根目录执行 {INSTALL}")
    needed = [one for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = []
    for one in needed:
        version = installed(one.name)
        if version is None:
            wrong.append(f"没有 {one.name}")
        elif not one.specifier.contains(version, prereleases=True):
            wrong.append(f"{one.name} 是 {version}，要 {one.specifier}")
    return Check("依赖", not wrong, "；".join(wrong) or f"{len(needed)} 个都合要求", f"请执行 {INSTALL}")


def check_paddle_packages() -> Check:
    """两个 paddle 的文件互相覆盖，只能装一个。"""
    found = {name: version for name in PADDLES if (version := installed(name))}
    text = "、".join(f"{name} {version}" for name, version in found.items()) or "没有安装"
    if len(found) > 1:
        advice = f"请执行 pip uninstall -y {' '.join(PADDLES)}，再只装一个，见 README"
    else:
        advice = f"请执行 {INSTALL}；有 NVIDIA 显卡的见 README"
    return Check("paddle", len(found) == 1, text, advice)


def check_device() -> Check:
    """设备，与 1024 阶矩阵相乘的速度。"""
    import time

    from paddle_notes import runtime

    environment = runtime.prepare()
    import paddle

    x = paddle.randn([1024, 1024])
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        (x @ x).sum().item()
        seconds.append(time.perf_counter() - started)
    speed = 2 * 1024**3 / min(seconds) / 1e9
    found = f"{environment}；{runtime.machine()}；矩阵乘法 {speed:.0f} GFLOP/s"
    advice = "矩阵乘法慢得出奇：关掉别的程序再试；虚拟机里请确认处理器支持 AVX2"
    return Check("设备", speed > 5, found, advice)


def check_font() -> Check:
    from paddle_notes.fonts import chinese_font

    missing = "没有，图上的字改用英文；Linux 可安装 fonts-noto-cjk 或 fonts-wqy-microhei"
    return Check("中文字体", True, chinese_font() or missing)  # 没有也能用


def check_data() -> Check:
    """自带的数据都读得出来。"""
    from paddle_notes.config import ImageData, LanguageData, SeriesData
    from paddle_notes.data import build_data
    from paddle_notes.errors import UserError

    configs = [ImageData(name="mnist5k"), SeriesData(name="sunspots"), LanguageData(name="newspaper")]
    found = []
    for config in configs:
        try:
            parts = build_data(config, 0)
        except (UserError, OSError, ImportError) as error:
            return Check("自带的数据", False, f"{config.name}：{error}", f"请重新执行 {INSTALL}")
        found.append(f"{config.name} {'＋'.join(f'{part.num_samples:,}' for part in parts)}")
    return Check("自带的数据", True, "，".join(found))


def check_disk(folder: Path = Path()) -> Check:
    """当前文件夹写得进去，空间也够。"""
    advice = f"请清出至少 {FREE_GIB} GiB，或用 -o output_dir=<别处> 训练"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except OSError as error:
        return Check("磁盘", False, f"{folder.resolve()} 写不进去：{error.strerror}", advice)
    free = shutil.disk_usage(folder).free / 2**30
    return Check("磁盘", free >= FREE_GIB, f"{folder.resolve()} 还有 {free:.1f} GiB", advice)


def check_training() -> Check:
    """LeNet 训练两步，损失应是有限的数，而且下降。"""
    import numpy as np
    import paddle
    import paddle.nn.functional as F

    from paddle_notes import models
    from paddle_notes.runtime import seed_everything

    seed_everything(0)
    model = models.build("lenet")
    optimizer = paddle.optimizer.SGD(0.01, parameters=model.parameters())
    images, labels = paddle.randn([32, 1, 28, 28]), paddle.arange(32) % 10
    losses = []
    for _ in range(3):
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(loss.item())
    passed = bool(np.isfinite(losses).all()) and losses[-1] < losses[0]
    found = f"LeNet 的损失 {losses[0]:.3f} → {losses[-1]:.3f}"
    return Check("训练", passed, found, "请重装 paddle；仍不行，请带上 --json 的输出报告")


CHECKS: tuple[Callable[[], Check], ...] = (
    check_python,
    check_packages,
    check_paddle_packages,
    check_disk,
    check_device,
    check_font,
    check_data,
    check_training,
)
ESSENTIAL = {check_packages, check_paddle_packages}  # 其一不正常，后面的就都做不了
