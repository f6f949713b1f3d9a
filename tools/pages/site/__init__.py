"""课程的网站，由 MkDocs 与 Material 建成。"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from paddle_notes.errors import UserError


def run_mkdocs(action: str, out: Path | None) -> int:
    """``build`` 建网站，有一个警告就失败；``serve`` 在本机的 8000 端口上边改边看。"""
    try:
        import material  # noqa: F401
        import ziamath  # noqa: F401
    except ImportError:
        raise UserError('没有装建网站的依赖；请执行 pip install -e ".[docs]"') from None
    words = [
        sys.executable,
        "-m",
        "mkdocs",
        action,
        "--strict",
        "-f",
        str(Path(__file__).parent / "mkdocs.yml"),
    ]
    if action == "build":
        words += ["--clean"]
        if out is not None:
            words += ["-d", str(out.resolve())]
    tools = str(Path(__file__).resolve().parent.parent.parent)  # 钩子要导入 pages
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": tools}
    return subprocess.run(words, env=environment, check=False).returncode
