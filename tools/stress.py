"""折磨测试：坏的配置、坏的文件、随时断电。结果要么对，要么是一句话。

    python tools/stress.py configs            # 5,000 份随机的坏配置
    python tools/stress.py readers            # 十六种文件，各弄坏 2,000 次
    python tools/stress.py kills              # 死在每一次文件操作上，另在随机的时刻死 200 次
    python tools/stress.py repeat             # 每份配置试运行两遍，一个线程与两个线程都逐位相同
    python tools/stress.py all --short        # 各做一点，两分钟之内

种子打印出来，同样的种子得到同样的坏配置与坏文件。
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from pathlib import Path

from tqdm import tqdm

from paddle_notes import cli
from paddle_notes.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
KINDS = {"configs": 5000, "readers": 2000, "kills": 200, "repeat": 1000}  # 名字 -> 完整的一遍做几次
SHORT = {"configs": 150, "readers": 25, "kills": 3, "repeat": 1}


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="stress.py", description=__doc__)
    parser.add_argument("kind", choices=[*KINDS, "all"], help="折磨什么")
    parser.add_argument("--count", type=int, metavar="N", help="做几次")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="随机种子，默认 0")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="kills：文件操作每几次里杀一次，默认 1"
    )
    parser.add_argument("--short", action="store_true", help="只做一点")
    return parser.parse_args(argv)


def load_train():
    """tools/train.py 的 main。"""
    spec = importlib.util.spec_from_file_location("tools_train", ROOT / "tools" / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def torture(kind: str, count: int, seed: int, every: int, work: Path) -> tuple[int, int]:
    """做一种，返回做了几次与失败几次。"""
    if kind == "configs":
        from stresses.configs import campaign

        return campaign(load_train(), count, seed, work, tqdm.write)
    if kind == "readers":
        from stresses.readers import campaign

        return campaign(count, seed, work, tqdm.write)
    if kind == "repeat":
        from stresses.repeat import campaign

        return campaign(count, work, tqdm.write)
    if not hasattr(os, "fork"):
        raise UserError("这个系统没有 fork，做不了 kills；请在 Linux 或 macOS 上做")
    from stresses.kills import campaign

    return campaign(load_train(), count, seed, every, work, tqdm.write)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    os.chdir(ROOT)
    from paddle_notes import runtime
    from paddle_notes.engine import judge

    runtime.prepare("cpu", 1)
    judge.JUDGE_STEPS = 2  # 评判网络准不准与这里无关
    failures = 0
    for kind in KINDS if args.kind == "all" else [args.kind]:
        count, started = args.count or (SHORT if args.short else KINDS)[kind], time.perf_counter()
        with tempfile.TemporaryDirectory() as work:
            done, failed = torture(
                kind, count, args.seed, 120 if args.short else args.every, Path(work).resolve()
            )
        minutes = (time.perf_counter() - started) / 60
        print(f"{kind}：种子 {args.seed}，做了 {done} 次，{failed} 次有问题，{minutes:.1f} 分钟", flush=True)
        failures += failed
    return int(failures > 0)


if __name__ == "__main__":
    cli.run(main)
