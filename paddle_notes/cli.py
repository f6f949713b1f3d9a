"""命令行工具共用的外壳：中文的参数错误、统一的退出状态、不给用户看调用栈。"""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NoReturn, TextIO

from paddle_notes.errors import UserError, out_of_memory, short, suggestion

_ARGUMENT_ERRORS = [
    (r"the following arguments are required: (.+)", "缺少参数 {0}"),
    (r"argument (.+): expected one argument", "参数 {0} 后面要有一个值"),
    (r"argument (.+): expected at least one argument", "参数 {0} 后面至少要有一个值"),
    (r"argument (.+): invalid (\w+) value: (.+)", "参数 {0} 的值 {2} 不合适"),
    (r"argument (.+): invalid choice: (.+) \(choose from (.+)\)", "参数 {0} 没有 {1} 这种取值，可用的有 {2}"),
    (r"argument (.+): ignored explicit argument (.+)", "参数 {0} 不带值，多出了 {1}"),
    (r"ambiguous option: (.+) could match (.+)", "参数 {0} 可以是 {1}，请写全"),
]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """说明里的“usage”写成中文。"""

    def add_usage(self, usage, actions, groups, prefix=None):
        super().add_usage(usage, actions, groups, "用法：")


class Parser(argparse.ArgumentParser):
    """说明与错误消息都是中文的 ArgumentParser。"""

    def __init__(self, **kwargs):
        super().__init__(formatter_class=_Formatter, add_help=False, **kwargs)
        self._positionals.title, self._optionals.title = "要给出的", "参数"
        self.add_argument("-h", "--help", action="help", help="显示这段说明")
        self.add_argument("--debug", action="store_true", help="出错时显示完整的调用栈")

    def error(self, message: str) -> NoReturn:
        unknown = re.fullmatch(r"unrecognized arguments: (.+)", message)
        if unknown:
            word = unknown[1].split()[0]
            options = [option for option in self._option_string_actions if option.startswith("--")]
            raise UserError(f"不认识的参数 {short(unknown[1])}；{suggestion(word.split('=')[0], options)}")
        for pattern, chinese in _ARGUMENT_ERRORS:
            if match := re.fullmatch(pattern, message):
                raise UserError(chinese.format(*(short(group, 200) for group in match.groups())))
        raise UserError(f"参数错误：{short(message, 300)}")


def add_config_arguments(
    parser: Parser, required: bool = True, help: str = "配置文件，或 configs/ 里一份的名字"
) -> None:
    """加上 ``-c``、``-o`` 与 ``--device``。"""
    parser.add_argument("-c", "--config", required=required, metavar="FILE", help=help)
    add_override_argument(parser, "train.epochs=3")
    add_device_argument(parser)


def add_device_argument(parser: Parser) -> None:
    """加上 ``--device``。"""
    parser.add_argument("--device", metavar="DEVICE", help="auto、cpu、gpu 或 gpu:N；默认 auto")


def add_weights_argument(parser: Parser, example: str = "output/lenet/best", required: bool = True) -> None:
    """加上 ``--weights``。"""
    parser.add_argument("--weights", required=required, metavar="PATH", help=f"检查点，如 {example}")


def add_out_argument(parser: Parser, metavar: str, help: str, **options) -> None:
    """加上 ``--out``：结果写到哪里。"""
    parser.add_argument("--out", type=Path, metavar=metavar, help=help, **options)


def chosen_pictures(args: argparse.Namespace, known: Collection[str]) -> list[str]:
    """要画的图的名字：``--all`` 是全部，否则是写出的几个；没有的名字抛 :class:`UserError`。"""
    names = list(known) if args.all else args.names
    if not names:
        raise UserError("请给出图的名字；--list 列出全部的图")
    for name in names:
        if name not in known:
            raise UserError(f"没有名为 {name} 的图；{suggestion(name, known)}")
    if args.out is not None and len(names) > 1:
        raise UserError("--out 只能用于一张图")
    return names


def add_override_argument(parser: Parser, example: str) -> None:
    """加上 ``-o``。"""
    parser.add_argument(
        "-o",
        "--override",
        action="extend",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help=f"改一项设置，如 {example}；可以写多个",
    )


def overrides(args: argparse.Namespace) -> list[str]:
    """``-o`` 给出的各项；``--device`` 是 ``-o runtime.device=`` 的简写。"""
    return args.override + ([f"runtime.device={args.device}"] if args.device else [])


def quote(word: str) -> str:
    """给命令行中的一个词加上必要的引号。"""
    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)


def command(script: str, *words: str) -> str:
    """写出一条可以粘贴执行的命令。"""
    return " ".join(["python", f"tools/{Path(script).name}", *(quote(word) for word in words)])


def _explain_os_error(error: OSError) -> str:
    where = f" {short(error.filename, 300)}" if error.filename else ""
    reasons = {
        errno.ENOSPC: f"磁盘已满，写不进{where or '文件'}；清出空间后再用 --resume 继续",
        errno.EFBIG: f"文件{where} 超过了允许的大小；请换一个位置或放宽限制",
        errno.EACCES: f"没有权限读写{where or '文件'}；请换一个位置，例如 -o output_dir=<文件夹>",
        errno.EPERM: f"没有权限读写{where or '文件'}；请换一个位置，例如 -o output_dir=<文件夹>",
        errno.EROFS: f"{where or '文件'} 在只读的磁盘上；请换一个位置，例如 -o output_dir=<文件夹>",
        errno.ENOTDIR: f"路径{where} 的上一级是文件，不是文件夹；请换一个位置",
        errno.EEXIST: f"{where} 已存在，而且不是文件夹；请换一个位置",
        errno.ENOENT: f"找不到{where or '文件'}；请检查路径",
        errno.EISDIR: f"{where} 是文件夹，这里需要文件",
    }
    other = f"读写{f'{where} ' if where else '文件'}时出错：{error.strerror or error}"
    return reasons.get(error.errno or 0, other).strip()


# Windows 没有 SIGHUP
STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def stop_signals() -> list[signal.Signals]:
    """要处理的停止信号；nohup 使 SIGHUP 不起作用，那就照旧不理会关掉终端。"""
    ignored = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [number for number in STOPS if not (ignored and number == signal.SIGHUP)]


def nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # 一直开到进程结束


class Unread:
    """标准输出或标准错误：没有人读了（接到 head 一类的命令）、本来就关着、写不进去，都不出错，也不再写。

    中文 Windows 的控制台是 GBK，写不出的字符换成 ?。
    """

    def __init__(self, stream: TextIO | None):
        self._stream: TextIO = nowhere() if stream is None else stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def write(self, text: str) -> int:
        return self._try(self._stream.write, text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, action: Callable, *arguments):
        try:
            return action(*arguments)
        except (OSError, ValueError):  # 缓冲里还有没写出的，退出时会再写：描述符也换掉
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._stream = nowhere()

    def __getattr__(self, name: str):
        return getattr(self._stream, name)


@contextlib.contextmanager
def stopping_signals() -> Iterator[None]:
    """在 ``with`` 之内，kill 与关掉终端都像 Ctrl-C 一样成为 KeyboardInterrupt，起步时也一样。

    不在主线程里时什么也不做。
    """
    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in stop_signals():
            previous[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def interrupted(error: BaseException | None) -> bool:
    """``error`` 是不是中断，或由中断引起：导入途中的中断常被包成 ImportError。"""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def run(main: Callable[[list[str] | None], int | None]) -> NoReturn:
    """执行一个工具的 ``main``：用户能改正的错误只打印一句中文，退出状态为 2。"""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(Unread, streams)
    try:
        with stopping_signals():
            code = attempt(main)
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = streams
    sys.exit(code)


def attempt(main: Callable[[list[str] | None], int | None]) -> int | None:
    """执行 ``main``，返回退出状态。"""
    try:
        return main(None)
    except (UserError, OSError, KeyboardInterrupt, ImportError) as error:
        stopped = interrupted(error)
        if "--debug" in sys.argv or (isinstance(error, ImportError) and not stopped):
            raise
        if stopped and not isinstance(error, UserError):
            message = "已中断"
        elif isinstance(error, OSError):
            message = _explain_os_error(error)
        else:
            message = str(error)
        print(f"错误：{message}", file=sys.stderr)
        return 2
    except Exception as error:
        if "--debug" in sys.argv or not out_of_memory(error):
            raise
        print("错误：内存不够；请换小些的网络、图像或批（-o data.batch_size=…）", file=sys.stderr)
        return 2
