"""看曲线的工具：起得来，只在本机，打得开，停得下；没有记录时一句话。"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from visualdl import LogWriter


@pytest.fixture
def records(tmp_path):
    with LogWriter(str(tmp_path / "run" / "vdl"), file_name="vdlrecords.train.log") as writer:
        writer.add_scalar("train/loss", 1.0, 1)
    return tmp_path / "run"


@pytest.mark.skipif(os.name == "nt", reason="Windows 没有 SIGTERM 的处理")
def test_board(records, root):
    words = [sys.executable, "tools/board.py", str(records)]
    process = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        address, port = re.search(r"(http://127\.0\.0\.1:(\d+)/)", line).groups()
        with urllib.request.urlopen(address, timeout=20) as page:
            assert page.status == 200 and "/app/" in page.read().decode("utf-8")
        with urllib.request.urlopen(f"{address}app/api/runs", timeout=20) as answer:
            assert "run" in answer.read().decode("utf-8")
        addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for other in addresses - {"127.0.0.1"}:  # 别的网卡上打不开
            with socket.socket() as probe:
                probe.settimeout(5)
                assert probe.connect_ex((other, int(port))) != 0 or other.startswith("127.")
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and "已关掉" in out and err == ""
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0


def test_folders_without_records(tool, tmp_path):
    result = tool("board", tmp_path / "none")
    assert result.code == 2 and "没有文件夹" in result.err
    result = tool("board", tmp_path)
    assert result.code == 2 and "没有训练的记录" in result.err


def test_ports(load_tool, tool, records):
    board = load_tool("board")
    with socket.socket() as taken:
        taken.bind((board.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = tool("board", records, "--port", port)
        assert result.code == 2 and f"端口 {port} 用不了" in result.err
        board.PORT = port
        assert board.free_port(None) not in (port, 0)
    assert board.free_port(port) == port
    assert tool("board", records, "--port", 99999).code == 2
