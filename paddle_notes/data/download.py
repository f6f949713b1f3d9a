"""由 paddle 下载数据集：存进 ~/.cache/paddle/dataset/，校验 md5，已有就不再下载。"""

from __future__ import annotations

from paddle_notes.errors import UserError


def downloaded(name: str, **options):
    """``paddle.vision.datasets`` 中名为 ``name`` 的数据集；下载失败时抛 :class:`UserError`。"""
    from paddle.vision import datasets

    try:
        return getattr(datasets, name)(download=True, **options)
    except Exception as error:  # 网络、校验、磁盘的异常各不相同
        raise UserError(
            f"没能下载 {name}（{error}）；请检查网络，或自己下载后用 -o data.path=文件位置 指定"
        ) from error
