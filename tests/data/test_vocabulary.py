"""词表：次序、往返、不认识的词元；切词；坏的文本文件。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.data.files import clean, package_file, read_text
from paddle_notes.data.vocabulary import MAX_TOKEN, Vocabulary, pad, tokenize
from paddle_notes.errors import UserError
from paddle_notes.tokens import BEGIN, END, PAD, SPECIAL, UNKNOWN


def test_counted_once_most_frequent_first():
    texts = ["bbbb", "aacc", "de"]
    vocabulary = Vocabulary.count(texts)
    assert vocabulary.tokens == [*SPECIAL, "b", "a", "c", "d", "e"]  # 次数相同的按文字排序
    assert Vocabulary.count(texts, min_count=2).tokens == [*SPECIAL, "b", "a", "c"]
    assert Vocabulary.count(texts, max_tokens=6).tokens == [*SPECIAL, "b", "a"]
    assert Vocabulary.count(texts, max_tokens=3).tokens == list(SPECIAL)


def test_special_tokens_in_the_text_are_not_counted_twice():
    vocabulary = Vocabulary.count([["<end>", "<end>", "春"]])
    assert vocabulary.tokens == [*SPECIAL, "春"]
    assert vocabulary.encode(["<end>", "春"]) == [END, 4]


def test_encode_and_decode():
    vocabulary = Vocabulary.count(["春眠不觉晓"])
    ids = vocabulary.encode("春晓雪")
    assert ids[2] == UNKNOWN and vocabulary.decode(ids[:2]) == ["春", "晓"]
    assert vocabulary.decode([BEGIN, ids[0], PAD, UNKNOWN, END, ids[1]]) == ["春", "<unk>"]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("char", ["房", "间", "很", "小", "，", "O", "K"]),
        ("word", ["房间", "很小", "，", "ok"]),
        ("jieba", ["房间", "很小", "，", "OK"]),
    ],
)
def test_tokenizers(how, expected):
    assert tokenize("房间 很小，OK\n", how) == expected
    assert tokenize("房间 很小，OK\n", how, 3) == expected[:3]
    assert tokenize(" \n", how) == []


@pytest.mark.parametrize("how", ["char", "word", "jieba"])
def test_a_very_long_line_is_cut_before_tokenizing(how, monkeypatch):
    """1,800 万字（约 50 MB）的一行：交给分词的只是开头的一段。"""
    import jieba

    lengths, cut = [], jieba.cut
    monkeypatch.setattr(jieba, "cut", lambda text: lengths.append(len(text)) or cut(text))
    tokens = tokenize("房间很干净，" * 3_000_000, how, 6)
    assert "".join(tokens)[:6] == "房间很干净，" and len(tokens) == 6
    assert lengths == ([6 * MAX_TOKEN] if how == "jieba" else [])


def test_padding():
    table, lengths = pad([[5, 6], [], [7]])
    assert table.tolist() == [[5, 6], [0, 0], [7, 0]] and table.dtype == np.int64
    assert lengths.tolist() == [2, 0, 1]
    assert pad([[5]], 3)[0].tolist() == [[5, 0, 0]]


def test_lone_surrogates_and_line_ends():
    assert clean("a\ud83db\udc00\r\nc\rd") == "ab\nc\nd"
    assert clean("😀") == "😀"


TEXT = "春眠不觉晓，\n处处闻啼鸟。\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings(tmp_path, encoding):
    file = tmp_path / "a.txt"
    file.write_bytes(TEXT.replace("\n", "\r\n").encode(encoding))
    assert read_text(file) == TEXT


def test_surrogate_written_as_utf_8(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(TEXT.encode() + b"\xed\xa0\xbd" + TEXT.encode())
    assert read_text(file) == TEXT * 2


@pytest.mark.parametrize(
    "content", [b"\x89PNG\x00\x01", b"\xff\xff\xff", TEXT.encode("utf-32"), TEXT.encode("utf-16")[:-1]]
)
def test_not_text(tmp_path, content):
    file = tmp_path / "a.txt"
    file.write_bytes(content)
    with pytest.raises(UserError, match="请另存为 UTF-8"):
        read_text(file)


def test_missing_files(tmp_path):
    with pytest.raises(UserError, match=r"找不到 .*a.txt；请检查 data.path"):
        read_text(tmp_path / "a.txt")
    with pytest.raises(UserError, match="是文件夹"):
        read_text(tmp_path)
    with pytest.raises(UserError, match="没有安装 no_such_package"):
        package_file("no_such_package", "a.txt")


def test_big_file(tmp_path):
    """50 MB 的一行。"""
    file = tmp_path / "a.txt"
    file.write_bytes("字".encode() * 17_000_000)
    assert len(read_text(file)) == 17_000_000
