"""用户的 CSV 与 TSV：UTF-8（有没有 BOM 都行）或 GB18030，第一行是各列的名字。"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from paddle_notes.data.files import read_text
from paddle_notes.errors import UserError, short


def read_table(path: Path, as_text: bool = False) -> Any:
    """返回 pandas 的表；``as_text`` 时各格都是文字，缺的是空的。

    比第一行多出几列的行是错误，不当作行的名字：那多半是文字里有逗号而没有加引号。
    """
    import pandas as pd

    content = read_text(path)
    separator = "\t" if "\t" in content.partition("\n")[0] else ","
    options = {"dtype": str, "keep_default_na": False} if as_text else {"low_memory": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(io.StringIO(content), sep=separator, index_col=False, **options)
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path} 是空文件") from error
    except Exception as error:  # 坏的 CSV 抛出的异常五花八门
        raise UserError(f"{path} 不是合法的 CSV：{error}") from error


def numeric_column(table: Any, target: str, path: Path) -> np.ndarray:
    """``target`` 一列的数，不是数的是 NaN。"""
    import pandas as pd

    if target not in table:
        names = short("、".join(map(str, table.columns[:8])), 200)
        raise UserError(f"{path} 里没有 {target} 一列，有的是 {names}；请用 data.target 指明")
    return pd.to_numeric(table[target], errors="coerce").to_numpy("float64")
