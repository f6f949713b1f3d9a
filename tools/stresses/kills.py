"""随时断电：训练死在任何一次文件操作上、任何一刻，接着训练完，都与没有死过的逐位相同。

每一次训练在一个复制出来的进程里（fork），省去重新导入；所以只在 Linux 与 macOS 上做得了。
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from stresses.outcome import progress, unequal_arrays

SMALL_IMAGES = ["data.batch_size=400", "train.log_interval=2", "runtime.threads=1", "runtime.device=cpu"]
SMALL_TEXT = ["data.max_chars=6000", "data.length=16", "data.batch_size=16", "train.vectors=null"]
SETUPS = {
    "LeNet，有增广": ["-c", "configs/lenet.yml", "-o", "train.epochs=3", *SMALL_IMAGES],
    "LSTM，有丢弃法，状态往下传": [
        *["-c", "configs/char_lstm.yml", "-o", "train.epochs=3", "model.embedding_size=8"],
        *[
            "model.hidden_size=16",
            "train.log_interval=2",
            "runtime.threads=1",
            "runtime.device=cpu",
            *SMALL_TEXT,
        ],
    ],
    "DCGAN，两个优化器": [
        *["-c", "configs/dcgan.yml", "-o", "train.epochs=2", "model.base_width=2", *SMALL_IMAGES],
        "model.latent_size=8",
    ],
}
WRITES = {  # 审计事件 -> 参数里路径的位置；open 另看是不是写
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.truncate": (0,),
    "shutil.copyfile": (1,),
}
DIED = 9


def dying(folder: Path, at: int | None) -> Callable[[], int]:
    """从此第 ``at`` 次动到 ``folder`` 里的文件之前，进程当场死去；返回的函数给出到此为止动了几次。"""
    count, prefix = 0, str(folder)

    def hook(event: str, arguments: tuple) -> None:
        nonlocal count
        if event == "open":
            path, mode, flags = arguments
            writing = any(c in (mode or "") for c in "wax+") or (flags or 0) & (os.O_WRONLY | os.O_RDWR)
            paths = [path] if writing else []
        else:
            paths = [arguments[i] for i in WRITES.get(event, ())]
        if any(isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(prefix) for path in paths):
            count += 1
            if count == at:
                os._exit(DIED)

    sys.addaudithook(hook)
    return lambda: count


def in_child(action: Callable[[], int], log: Path, after: float | None = None) -> int:
    """在复制出来的进程里做 ``action``，它的输出写进 ``log``；``after`` 秒之后杀死它。返回退出状态。"""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        with log.open("w", encoding="utf-8") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            try:
                code = action()
                sys.stdout.flush()
            except BaseException as error:
                import traceback

                traceback.print_exc()
                file.flush()
                code = 2 if type(error).__name__ == "UserError" else 1
        os._exit(code)
    if after is not None:
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def train(main, words: list[str], folder: Path, *, resume: bool, at: int | None = None) -> int:
    """训练一次；``at`` 见 :func:`dying`。做完时把动过几次文件写在 ``folder`` 旁边。"""
    count = dying(folder, at)
    code = main([*words, f"output_dir={folder}", *(["--resume"] if resume else [])])
    folder.with_suffix(".count").write_text(str(count()), encoding="utf-8")
    return code


def scalars(file: Path) -> list[tuple]:
    """VisualDL 文件里的各个标量 (标签, 步, 值) 与图（看编码之后的字节），不含随时间而变的速度。

    读不出的字节有几个，另成一项。
    """
    from paddle_notes.engine.logs import vdl_records

    data = file.read_bytes()
    records = list(vdl_records(data))
    found = [
        (value.tag, value.id, value.value, value.image.encoded_image_string)
        for record, _ in records
        for value in record.values
        if value.tag not in ("ips", "meta_data_tag")
    ]
    unread = len(data) - sum(len(content) for _, content in records)
    return [*found, ("读不出的字节", unread)] if unread else found


def differences(first: Path, second: Path) -> Iterator[str]:
    """两次运行有哪些不同：权重、优化器、最好的一轮、指标、VisualDL 的记录。"""
    from paddle_notes.engine.checkpoint import read_state
    from paddle_notes.engine.folder import VDL, VDL_FILE

    yield from unequal_arrays(first, second, "last", "best")
    for name in ("last", "best"):
        ours, theirs = (read_state(folder / name) for folder in (first, second))
        yield from (
            f"{name}.json 的 {key}"
            for key in ("step", "metrics", "best", "num_seen")
            if ours[key] != theirs[key]
        )

    def metrics(folder: Path) -> list[dict]:
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [{k: v for k, v in json.loads(line).items() if k != "ips"} for line in lines]

    def summary(folder: Path) -> tuple:
        found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return tuple(found[key] for key in ("status", "best", "last", "test", "pictures", "step"))

    if metrics(first) != metrics(second):
        yield "metrics.jsonl"
    if scalars(first / VDL / VDL_FILE) != scalars(second / VDL / VDL_FILE):
        yield "VisualDL 的记录"
    if summary(first) != summary(second):
        yield "summary.json"
    files = [
        sorted(p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file()) for f in (first, second)
    ]
    if files[0] != files[1]:
        yield f"文件不同：{sorted(set(files[0]) ^ set(files[1]))}"


def survives(main, words: list[str], whole: Path, folder: Path, *, at=None, after=None) -> str:
    """杀一次，再接着训练完；没有问题时返回空的文字。"""
    from paddle_notes.engine.folder import read_summary
    from paddle_notes.engine.lock import LOCK

    log = folder.with_suffix(".log")
    in_child(lambda: train(main, words, folder, resume=False, at=at), log, after)
    if (read_summary(folder) or {}).get("status") == "finished":  # 杀晚了，已经训练完
        (folder / LOCK).unlink(missing_ok=True)  # 死了的进程删不了自己的锁；它不挡路
        return "、".join(differences(whole, folder))
    code = in_child(lambda: train(main, words, folder, resume=folder.exists()), log)
    if code != 0:
        last = log.read_text(encoding="utf-8").strip().splitlines()[-1:]
        return f"接着训练失败（退出状态 {code}）：{''.join(last)[:300]}"
    return "、".join(differences(whole, folder))


def campaign(
    main, count: int, seed: int, every: int, work: Path, report: Callable[[str], None]
) -> tuple[int, int]:
    """三种训练各死在每一次（``every`` 次里取一次）文件操作上，另在随机的时刻死 ``count`` 次。

    返回做了几次与失败几次；每次失败由 ``report`` 说出怎样重现。
    """
    generator, done, failed = random.Random(seed), 0, 0
    for number, (name, words) in enumerate(SETUPS.items()):
        whole = work / f"{number}-whole"
        started = time.perf_counter()
        if in_child(partial(train, main, words, whole, resume=False), whole.with_suffix(".log")):
            raise RuntimeError(whole.with_suffix(".log").read_text(encoding="utf-8"))
        seconds = time.perf_counter() - started
        operations = int(whole.with_suffix(".count").read_text(encoding="utf-8"))
        first = generator.randrange(every)
        kills = [{"at": at} for at in range(1 + first, operations + 1, every)]
        share = count // len(SETUPS) + (number < count % len(SETUPS))
        kills += [{"after": generator.uniform(0, seconds)} for _ in range(share)]
        bad = 0
        for index, kill in enumerate(progress(kills, name)):
            folder = work / f"{number}-{index}"
            said = survives(main, words, whole, folder, **kill)
            if said:
                bad += 1
                report(f"{name}：{kill}：{said}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
        killed = f"杀了 {len(kills)} 次（其中 {share} 次在随机的时刻），{bad} 次不同"
        report(f"{name}：{operations} 次文件操作，{killed}")
        done, failed = done + len(kills), failed + bad
    return done, failed
