"""执行各页里的 Python 代码块：一页之内共用变量，页与页之间互不相干。

从源文件引用来的代码不单独执行，它前面有 ``<!-- skip: next -->``（由 tools/docs.py 写上）。
"""

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from paddle_notes import runtime

runtime.prepare("cpu")

pytest_collect_file = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], patterns=["*.md"]).pytest()
