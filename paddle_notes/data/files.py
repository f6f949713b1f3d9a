"""文件：不等管道，不信文件里写的大小，坏了的压缩包不当作短些的；文本不挑编码；随包安装的文件在哪里。"""

from __future__ import annotations

import gzip
import importlib.util
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from paddle_notes.errors import UserError

LARGEST = 1 << 29  # 字节：压缩包解开之后至多多大，Flowers-102 的是它的三分之二
PIECE = 1 << 26  # 字节：其中的一个文件至多多大，CIFAR-10 的一批是它的一半


def refuse_special(path: Path) -> None:
    """管道、设备一类的特殊文件读起来没有尽头，抛 :class:`UserError`；不存在的与文件夹留给后面去说。"""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path} 不是普通的文件，读不了；请给出一个存在磁盘上的文件")


def is_zipped(path: Path) -> bool:
    """是不是 gzip 压缩的：看内容，不看名字。"""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


class _Bounded:
    """读不过 ``limit`` 个字节的流：很小的压缩包解开之后可以大得放不下，也可以解上几分钟。"""

    def __init__(self, stream: BinaryIO, limit: int):
        self.stream, self.limit = stream, limit
        self.tell = stream.tell

    def _check(self, end: int, size: int) -> None:
        if end > self.limit or size > PIECE:
            raise tarfile.ReadError(
                f"解开之后超过 {self.limit >> 20} MiB，或其中一个文件超过 {PIECE >> 20} MiB"
            )

    def read(self, size: int) -> bytes:
        self._check(self.tell(), size)
        return self.stream.read(size)

    def seek(self, position: int) -> int:
        self._check(position, 0)
        return self.stream.seek(position)


def read_tar(
    path: Path, wanted: Callable[[str], object], limit: int = LARGEST
) -> Iterator[tuple[str, bytes]]:
    """顺着 tar 包（可以是 gzip 压缩的）读一遍，给出名字合 ``wanted`` 的文件的名字与内容，不解到磁盘上。

    解开之后超过 ``limit`` 个字节的、不完整的、损坏的，都抛 :class:`UserError`。读到末尾才核对得了压缩包的
    校验和，而 tarfile 遇到坏的文件头就当作结束，所以这里接着读完。
    """
    refuse_special(path)
    try:
        with gzip.open(path) if is_zipped(path) else path.open("rb") as plain:
            stream = _Bounded(plain, limit)
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                for member in archive:
                    if member.isfile() and wanted(member.name):
                        yield member.name, archive.extractfile(member).read()
            while rest := stream.read(1 << 20):
                if rest.strip(b"\0"):
                    raise tarfile.ReadError("中间有坏的文件头")
    except FileNotFoundError:
        raise UserError(f"找不到 {path}；请检查 data.path") from None
    except IsADirectoryError:
        raise UserError(f"{path} 是文件夹；data.path 应是 tar 压缩包") from None
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError) as error:
        raise UserError(f"{path} 不是完整的 tar 压缩包，或太大，请重新下载：{error}") from error


def list_files(path: Path) -> list[Path]:
    """一个文件，或文件夹里（不含隐藏文件）的全部文件，按名字排序。"""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"找不到 {path}；应是图像文件或文件夹")
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    if not files:
        raise UserError(f"文件夹 {path} 里没有文件")
    return files


def clean(text: str) -> str:
    """去掉不成字的代理码位（JSON 里可能有落单的一半），换行统一成 \\n。"""
    return re.sub("[\ud800-\udfff]", "", text).replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: Path) -> str:
    """读文本文件：UTF-8（有没有 BOM 都行）、带 BOM 的 UTF-16，或 GB18030；都不是时抛 :class:`UserError`。"""
    refuse_special(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"找不到 {path}；请检查 data.path") from None
    except IsADirectoryError:
        raise UserError(f"{path} 是文件夹；data.path 应是一个文件") from None
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")  # UTF-16 的 BOM
    encodings = ["utf-16"] if marked else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:  # 落单的代理码位也可能写成了 UTF-8
            text = data.decode(encoding, "surrogatepass" if encoding == "utf-8-sig" else "strict")
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return clean(text)
    raise UserError(f"{path} 不是文本文件，或编码不是 UTF-8、GB18030；请另存为 UTF-8")


def package_file(package: str, *parts: str) -> Path:
    """随某个 Python 包安装的文件；没有装那个包时抛 :class:`UserError`。不导入它。"""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise UserError(f'没有安装 {package}；请在项目根目录执行 pip install -e ".[cpu]"')
    return Path(spec.submodule_search_locations[0]).joinpath(*parts)
