"""文本分类的数据：去重之后再划分，两部分没有重叠；按长度分批；各种文件，好的与坏的。"""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest

from paddle_notes.config import TextData
from paddle_notes.data import build_data
from paddle_notes.data.text import deduplicate
from paddle_notes.data.vocabulary import normalized
from paddle_notes.errors import UserError
from paddle_notes.tokens import UNKNOWN


@pytest.fixture(scope="module")
def reviews():
    """自带的评论，逐字，不截断。"""
    return build_data(TextData(name="reviews", tokenizer="char", max_length=10_000), 0)


def test_reviews_do_not_overlap(reviews):
    """去掉标点与空白之后，三份里没有两条相同。"""
    texts = [normalized("".join(row)) for part in reviews for row in part.dataset.tokens]
    assert len(set(texts)) == len(texts) and "" not in texts


def test_reviews_facts(reviews):
    train, valid, test = reviews
    assert [part.num_samples for part in reviews] == [12_124, 1_732, 3_464]
    shares = [part.dataset.labels.mean() for part in reviews]
    assert np.ptp(shares) < 0.001  # 分层
    assert train.info() == valid.info() == test.info() and train.info().class_names == ["差评", "好评"]


def test_vocabulary_comes_from_the_training_part(reviews):
    train, _, test = reviews
    ids = np.concatenate(train.dataset.ids)
    counts = np.bincount(ids, minlength=len(train.dataset.vocabulary))
    assert (counts[4:] >= 2).all() and counts[UNKNOWN] > 0
    assert max(map(max, test.dataset.ids)) < len(train.dataset.vocabulary)


def test_deduplication():
    texts = ["很好！", "很好", " 很 好", "ＯＫ", "ok。", "差", "差...", "！！", "", "不错", "不错"]
    labels = [1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1]
    kept, kinds = deduplicate(texts, labels)
    assert kept == ["很好！", "ＯＫ", "不错"]  # “差”两种标签都有
    assert kinds.tolist() == [1, 1, 1] and kinds.dtype == np.int64


def test_batches_of_similar_length(reviews):
    train, _, _ = reviews
    for data in reviews:
        seen = np.concatenate(data.indices(3))
        assert np.array_equal(np.sort(seen), np.arange(data.num_samples))
        assert len(data.indices(3)) == len(data)
    lengths = train.dataset.lengths
    order = np.random.default_rng(0).permutation(len(lengths))
    shuffled = [order[i : i + 64] for i in range(0, len(order), 64)]

    def padding(batches) -> float:
        return 1 - lengths.sum() / sum(lengths[index].max() * len(index) for index in batches)

    assert padding(train.indices(0)) < 0.5 * padding(shuffled)
    first, again, other = train.indices(0), train.indices(0), train.indices(1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not np.array_equal(first[0], other[0])


def test_a_batch(reviews):
    tokens, lengths, labels = next(reviews[0].epoch())
    assert tokens.shape == (64, lengths.max()) and labels.shape == (64,)
    assert all((row[:n] > 0).all() and (row[n:] == 0).all() for row, n in zip(tokens, lengths))


# ---------------------------------------------------------------- 任意的表


def table(path, **options):
    return build_data(
        TextData(**{"name": "text_table", "path": str(path), "tokenizer": "char", **options}), 0
    )


ROWS = [(f"第{i}间房{'很好' if i % 2 else '很差'}", "正" if i % 2 else "负") for i in range(40)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_tables(tmp_path, encoding, separator):
    file = tmp_path / "a.csv"
    lines = [separator.join(row) for row in [("text", "label"), *ROWS]]
    file.write_bytes("\r\n".join(lines).encode(encoding))
    parts = table(file)
    assert [part.num_samples for part in parts] == [28, 4, 8]
    info = parts.train.info()
    assert info.class_names == ["正", "负"] and "房" in info.vocabulary
    found = parts.baselines()
    assert list(found) == ["词元 TF-IDF＋逻辑回归", "字符 TF-IDF＋逻辑回归"]
    assert all(scores == {"valid": {"accuracy": 1}, "test": {"accuracy": 1}} for scores in found.values())


def test_quoted_cells_empty_lines_and_missing_cells(tmp_path):
    file = tmp_path / "a.csv"
    lines = [f'{label},"{text}，\n他说""好"""' for text, label in ROWS]
    file.write_text("\n".join(["标签,内容", *lines, "", "正", ",没有标签"]), encoding="utf-8")
    parts = table(file, text_column="内容", label_column="标签", max_length=12)
    assert sum(part.num_samples for part in parts) == 40
    texts = {"".join(row) for part in parts for row in part.dataset.tokens}
    assert '第0间房很差，他说"好"' in texts


def test_long_cell(tmp_path):
    """一格有 600 万字（约 18 MB）。"""
    file = tmp_path / "a.csv"
    lines = [f"{text},{label}" for text, label in [*ROWS, ("很长" * 3_000_000, "正")]]
    file.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    parts = table(file, max_length=8)
    assert sum(part.num_samples for part in parts) == 41
    assert max(part.dataset.lengths.max() for part in parts) == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "是空文件"),
        ("text,label\n", "只有 0 种标签"),
        ("好,正\n差,负\n", "没有 text 一列，有的是 好、正；请用 data.text_column 指明"),
        ("text,label\n好,正\n不错,正\n", "只有 1 种标签"),
        ("text,label\n好,正\n差,负\n不错,正\n很好,正\n很差,负\n", "“负”一类不足 3 条"),
        ("text,label\n！,正\n？,负\n", "一类不足 3 条"),
        ("text,label\n" + "".join(f"同一句,{label}\n" for label in "正负正负"), "一类不足 3 条"),
    ],
)
def test_bad_tables(tmp_path, content, message):
    file = tmp_path / "a.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        table(file)


def test_no_baseline_without_words(tmp_path):
    """每个字都太少见，词表是空的：没有词元的对照，也不出错。"""
    file = tmp_path / "a.csv"
    rows = [f"{c},{'正负'[i % 2]}" for i, c in enumerate("甲乙丙丁戊己庚辛")]
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    parts = table(file)
    assert parts.train.info().facts()["vocab_size"] == 4
    assert list(parts.baselines()) == ["字符 TF-IDF＋逻辑回归"]


def test_the_character_baseline_reads_what_the_network_does_not(tmp_path):
    """字符的对照看原文：截断之后才出现的字、空格隔开的写法，网络看不到，它看得到。"""
    file = tmp_path / "a.csv"
    rows = [f"一样的开头{'一样 ' * 3}{i}{'好' if i % 2 else '坏'},{i % 2}" for i in range(60)]
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    found = table(file, max_length=5).baselines()
    assert found["词元 TF-IDF＋逻辑回归"]["test"]["accuracy"] == 0.5
    assert found["字符 TF-IDF＋逻辑回归"]["test"]["accuracy"] == 1


def test_paths():
    with pytest.raises(UserError, match=r"要用 -o data\.path"):
        build_data(TextData(name="text_table"), 0)
    with pytest.raises(UserError, match=r"不需要 data\.path"):
        build_data(TextData(name="reviews", path="a"), 0)


# ---------------------------------------------------------------- IMDB


def archive(path, files: dict[str, str]) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return str(path)


IMDB = {
    f"aclImdb/{part}/{kind}/{i}_{i % 10}.txt": f"{part} {i} is {word} !<br />Bye"
    for part in ("train", "test")
    for kind, word in (("pos", "good"), ("neg", "bad"))
    for i in range(10)
}


def test_imdb(tmp_path):
    """测试照压缩包里分好的，原样保留；训练去掉重复的与测试里也有的；unsup 与其他文件不用。"""
    same = {
        "aclImdb/train/neg/90_1.txt": IMDB["aclImdb/train/neg/0_0.txt"],
        "aclImdb/train/neg/91_1.txt": IMDB["aclImdb/test/neg/0_0.txt"],
        "aclImdb/test/neg/92_1.txt": IMDB["aclImdb/test/neg/0_0.txt"],
    }
    files = {**IMDB, **same, "aclImdb/train/unsup/0_0.txt": "x", "aclImdb/README": "x"}
    files["aclImdb/train/labeledBow.feat"] = "0" * (20 << 20)  # 真的有 20 MB，不用它
    path = archive(tmp_path / "a.tar.gz", files)
    parts = build_data(TextData(name="imdb", path=path, tokenizer="word", batch_size=4), 0)
    assert [part.num_samples for part in parts] == [18, 2, 21]
    rows = [[" ".join(row) for row in part.dataset.tokens] for part in parts]
    assert "train 0 is good ! bye" in rows[0] + rows[1]
    assert all(row.startswith("train") for row in rows[0] + rows[1])
    assert len(set(rows[0] + rows[1])) == 20 and all(row.startswith("test") for row in rows[2])
    assert parts.valid.dataset.labels.tolist() == [1, 0] and parts.train.info().class_names == [
        "负面",
        "正面",
    ]
    assert parts.baselines()["词元 TF-IDF＋逻辑回归"]["test"]["accuracy"] == 1


def test_bad_imdb(tmp_path):
    def fails(path) -> str:
        with pytest.raises(UserError) as error:
            build_data(TextData(name="imdb", path=path and str(path), tokenizer="word"), 0)
        return str(error.value)

    assert "要用 -o data.path" in fails(None)
    assert "找不到" in fails(tmp_path / "none")
    assert "里没有 aclImdb/train 与 aclImdb/test" in fails(archive(tmp_path / "a.tar.gz", {"a.txt": "x"}))
    whole = (tmp_path / "a.tar.gz").read_bytes()
    (tmp_path / "b.tar.gz").write_bytes(whole[: len(whole) // 2])
    assert "不是完整的 tar 压缩包" in fails(tmp_path / "b.tar.gz")
