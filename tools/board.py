"""看曲线：启动 VisualDL，中文，只在本机，不发送使用统计，端口被占就换一个。

    python tools/board.py                              # output/ 里的各次运行
    python tools/board.py output/lenet output/vgg16    # 只看这几次

打印的地址用浏览器打开；按 Ctrl-C 关掉。
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from typing import IO

from paddle_notes import cli
from paddle_notes.errors import UserError

HOST, PORT = "127.0.0.1", 8040  # VisualDL 自己的默认端口
START = "import sys; from visualdl.server.app import main; sys.exit(main())"


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="board.py", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[Path("output")], metavar="FOLDER")
    parser.add_argument("--port", type=int, help=f"端口；不写则用 {PORT}，被占就换一个空的")
    parser.add_argument("--open", action="store_true", help="顺便打开浏览器")
    return parser.parse_args(argv)


def check_folders(folders: list[Path]) -> None:
    """每个文件夹都要有训练的记录：没有时 VisualDL 的页面是空白的，看不出为什么。"""
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"没有文件夹 {folder}；请先训练，或给出训练的输出文件夹")
        if next(folder.rglob("vdlrecords*.log"), None) is None:
            raise UserError(
                f"{folder} 里没有训练的记录（vdlrecords*.log）；训练开始之后才有，请稍等，或换一个文件夹"
            )


def free_port(wanted: int | None) -> int:
    """``wanted`` 空着就是它；没有指定时先试默认的，被占就由系统给一个空的。"""
    for port in (wanted,) if wanted is not None else (PORT, 0):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
                return probe.getsockname()[1]
            except (OSError, OverflowError) as error:
                if wanted is not None:
                    raise UserError(f"端口 {wanted} 用不了（{error}）；请换一个，或不写 --port") from error
    raise UserError("找不到空的端口")


def wait_until_ready(server: subprocess.Popen, address: str, said: IO[bytes], seconds: float = 60) -> None:
    """等到页面打得开；进程先退出了就是没有起来。"""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            said.seek(0)
            last = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise UserError(f"VisualDL 没有启动起来（退出状态 {server.returncode}）：{''.join(last)}")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise UserError(f"等了 {seconds:.0f} 秒，{address} 还打不开")


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    check_folders(args.folders)
    port = free_port(args.port)
    words = ["--logdir", ",".join(map(str, args.folders)), "--host", HOST, "--port", str(port)]
    words += ["--language", "zh", "--disable-telemetry"]
    address = f"http://{HOST}:{port}/"
    scalars = f"{address}app/scalar"  # 首页有时停在“网络结构”，看不到曲线
    with (
        tempfile.TemporaryFile() as said,  # 它的英文：只在没有启动起来时给人看
        subprocess.Popen([sys.executable, "-c", START, *words], stdout=said, stderr=said) as server,
    ):
        try:
            wait_until_ready(server, address, said)
            print(f"VisualDL：{scalars} （只有这台电脑打得开；按 Ctrl-C 关掉）", flush=True)
            if args.open:
                webbrowser.open(scalars)
            server.wait()
        except KeyboardInterrupt:
            print("已关掉", flush=True)
        finally:
            server.terminate()
    return 0


if __name__ == "__main__":
    cli.run(main)
