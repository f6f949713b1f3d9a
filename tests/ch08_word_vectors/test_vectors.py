"""词向量：文本格式、最近的词、类比、评估的词表、VisualDL。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.ch08_word_vectors.vectors import GROUPS, WordVectors, full_width, write_embeddings

WORDS = ("国王", "王后", "男人", "女人", "苹果")
# 第一维：王室；第二维：男 + 女 −；第三维：水果
VECTORS = WordVectors(
    WORDS,
    np.array([[1, 1, 0], [1, -1, 0], [0.1, 1, 0], [0.1, -1, 0], [0, 0, 2]], np.float32),
)


def test_save_and_load(tmp_path):
    path = tmp_path / "新建" / "vectors.txt"
    VECTORS.save(path)
    assert path.read_text(encoding="utf-8").startswith("5 3\n国王 1 1 0\n王后 1 -1 0\n")
    loaded = WordVectors.load(path)
    assert loaded.words == WORDS
    assert np.array_equal(loaded.matrix, VECTORS.matrix)
    assert [file.name for file in path.parent.iterdir()] == ["vectors.txt"]


def test_values_keep_six_digits(tmp_path):
    matrix = np.random.default_rng(0).standard_normal((20, 7)).astype(np.float32) * 1e-3
    vectors = WordVectors(tuple(f"词{i}" for i in range(20)), matrix)
    vectors.save(tmp_path / "vectors.txt")
    assert np.allclose(WordVectors.load(tmp_path / "vectors.txt").matrix, matrix, rtol=1e-5, atol=0)


def test_gensim_reads_the_file(tmp_path):
    models = pytest.importorskip("gensim.models")
    VECTORS.save(tmp_path / "vectors.txt")
    theirs = models.KeyedVectors.load_word2vec_format(str(tmp_path / "vectors.txt"), binary=False)
    assert tuple(theirs.index_to_key) == WORDS
    assert np.array_equal(theirs.vectors, VECTORS.matrix)
    ours = VECTORS.neighbors("国王", 4)
    assert [word for word, _ in ours] == [word for word, _ in theirs.most_similar("国王", topn=4)]
    assert [cosine for _, cosine in ours] == pytest.approx(
        [cosine for _, cosine in theirs.most_similar("国王", topn=4)], abs=1e-6
    )


def test_reads_what_gensim_writes(tmp_path):
    models = pytest.importorskip("gensim.models")
    theirs = models.KeyedVectors(3)
    theirs.add_vectors(list(WORDS), VECTORS.matrix)
    theirs.save_word2vec_format(str(tmp_path / "vectors.txt"), binary=False)
    loaded = WordVectors.load(tmp_path / "vectors.txt")
    assert loaded.words == WORDS and np.array_equal(loaded.matrix, VECTORS.matrix)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "第一行应是词数与维数"),
        ("春天 1 2\n".encode(), "第一行应是词数与维数"),
        ("2 2\n春 1 2\n".encode(), "应有 2 个词，实际有 1 个"),
        ("1 2\n春 1\n".encode(), "第 2 行应是一个词与 2 个数"),
        ("2 2\n春 1 2\n夏 1 x\n".encode(), "第 3 行应是一个词与 2 个数"),
        ("1 2\n春 1 nan\n".encode(), "无穷大或 NaN"),
        ("1 2\n春 1 2\n".encode("gb18030"), "不是 UTF-8"),
    ],
)
def test_bad_file(content, message, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        WordVectors.load(path)


def test_unicode_line_separators_do_not_split_a_word(tmp_path):
    vectors = WordVectors(("a\u2028b", "c\x85"), np.ones((2, 1), np.float32))
    vectors.save(tmp_path / "vectors.txt")
    assert WordVectors.load(tmp_path / "vectors.txt").words == vectors.words


def test_neighbors():
    near = VECTORS.neighbors("国王", 2)
    assert [word for word, _ in near] == ["男人", "王后"]
    assert near[0][1] == pytest.approx((0.1 + 1) / np.sqrt(2 * 1.01), abs=1e-6)
    assert len(VECTORS.neighbors("国王", 99)) == 4  # 不含自己


def test_analogy():
    assert VECTORS.analogy("男人", "女人", "国王", 1)[0][0] == "王后"
    assert len(VECTORS.analogy("男人", "女人", "国王", 99)) == 2  # 不含给出的三个词


@pytest.mark.parametrize("word", ["香蕉", "", "\ud800"])
def test_unknown_word(word):
    with pytest.raises(ValueError, match="词表里没有"):
        VECTORS.neighbors(word)


def test_precision():
    assert VECTORS.precision(("国王", "男人", "不在词表里"), count=1) == (1.0, 2)
    assert VECTORS.precision(("国王", "王后"), count=1) == (0.0, 2)
    precision, known = VECTORS.precision(("香蕉",))
    assert np.isnan(precision) and known == 0


def test_groups():
    assert {name: len(group) for name, group in GROUPS.items()} == {
        "日期": 31,
        "月份": 12,
        "省份": 34,
        "数字": 11,
    }
    assert all(len(set(group)) == len(group) for group in GROUPS.values())
    assert full_width(12) == "１２"
    assert GROUPS["日期"][11] == "１２日"


def test_visualdl(tmp_path):
    from visualdl import LogReader, LogWriter

    with LogWriter(logdir=str(tmp_path), file_name="vdlrecords.word2vec.log") as writer:
        write_embeddings(writer, VECTORS, count=3)
    reader = LogReader(file_path=str(tmp_path / "vdlrecords.word2vec.log"))
    (record,) = reader.get_data("embeddings", "word_vectors")
    rows = record.embeddings.embeddings
    assert [list(row.vectors) for row in rows] == VECTORS.matrix[:3].tolist()
    assert [row.label[0] for row in rows] == list(WORDS[:3])
