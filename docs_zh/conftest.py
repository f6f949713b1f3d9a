"""执行各页里的 Python 代码块：一页之内共用变量，页与页之间互不相干。

课里的格还要与下面记着的结果相同，见 tools/pages/cells.py；从源文件引用来的代码不单独执行，
它前面有 ``<!-- skip: next -->``（由 tools/docs.py 写上）。
"""

import sys
from pathlib import Path

import matplotlib
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from paddle_notes import runtime

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
from pages.cells import CellParser

matplotlib.use("agg")
runtime.prepare("cpu", threads=1)

LESSONS = "*/[0-9][0-9]_*.md"
pages = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"], excludes=[LESSONS])
lessons = Sybil(parsers=[CellParser()], patterns=[LESSONS])
pytest_collect_file = (pages + lessons).pytest()
