"""别处训练好的词向量：读得对，找得到的词才换，读不了的文件一句话说清。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes import models
from paddle_notes.data import vectors
from paddle_notes.data.vectors import look_up, read_lac, read_vectors
from paddle_notes.errors import UserError


def nearest(table: dict[str, np.ndarray], word: str, among: str) -> str:
    """``among`` 里与 ``word`` 余弦最大的字。"""
    unit = {key: table[key] / np.linalg.norm(table[key]) for key in {word, *among}}
    return max(among, key=lambda other: unit[other] @ unit[word])


def test_lac_vectors_belong_to_their_characters():
    """行与字若错开一行，意思相近的字就不会互为近邻。"""
    table = read_lac()
    assert len(table) == 20_940 and all(row.shape == (128,) for row in table.values())
    for word, friend in (("三", "四"), ("春", "秋"), ("北", "南"), ("她", "他"), ("父", "母")):
        others = "的了饭走蓝石" + friend
        assert nearest(table, word, others) == friend


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_words_of_a_file_and_the_mean_of_characters(tmp_path):
    file = write(tmp_path / "a.txt", "3 2\n甲 1 0\n乙 0 1\n丙丁 4 4\n")
    tokens = ["<pad>", "<unk>", "<begin>", "<end>", "乙", "甲乙", "丙丁", "丙", "甲丙"]
    table, found = look_up(tokens, file)
    assert found.tolist() == [False] * 4 + [True, True, True, False, False]
    assert table[4:7].tolist() == [[0, 1], [0.5, 0.5], [4, 4]] and not table[~found].any()


def test_special_tokens_are_never_taken_from_the_file(tmp_path):
    file = write(tmp_path / "a.txt", "2 1\n<unk> 1\n甲 2\n")
    assert look_up(["<pad>", "<unk>", "<begin>", "<end>", "甲"], file)[1].tolist() == [False] * 4 + [True]


@pytest.mark.parametrize(
    "text",
    ["", "甲 1 2\n", "2 2\n甲 1 2\n", "1 2\n甲 1\n", "1 2\n甲 1 x\n", "1 2\n甲 1 nan\n", "1 2 3\n甲 1 2\n"],
)
def test_other_files_are_refused(tmp_path, text):
    with pytest.raises(UserError, match="不是 word2vec 格式的词向量"):
        read_vectors(write(tmp_path / "a.txt", text))


def test_nothing_found(tmp_path):
    with pytest.raises(UserError, match="一个也没有"):
        look_up(["<pad>", "hello"], write(tmp_path / "a.txt", "1 2\n甲 1 2\n"))
    with pytest.raises(UserError, match="找不到"):
        read_vectors(str(tmp_path / "none.txt"))


def test_a_broken_package_is_explained(tmp_path, monkeypatch):
    (tmp_path / "model_baseline").mkdir()
    write(tmp_path / "word.dic", "0\ta\n1\tb\n")
    monkeypatch.setattr(vectors, "package_file", lambda *names: tmp_path)
    file = tmp_path / "model_baseline" / "word_emb"
    for data in (b"\0" * 29 + b"\0" * 512, b"\0" * 30, b"\0" * 29 + np.full(256, np.nan, "<f4").tobytes()):
        file.write_bytes(data)
        with pytest.raises(UserError, match=r"请(重新)?安装 jieba 0\.42\.1"):
            read_vectors("lac")


def test_the_embedding_starts_from_the_vectors():
    """找得到的各行换成平移、缩放过的向量，两两之间的夹角关系不变；其余各行一个数也不动。"""
    model = models.build("char_lstm", vocab_size=50, embedding_size=8, hidden_size=4, tie_weights=True)
    before = model.embedding.weight.numpy()
    generator = np.random.default_rng(0)
    table, found = generator.normal(3, 7, (50, 8)).astype("float32"), np.arange(50) >= 20
    models.start_embedding(model, table, found)
    after = model.embedding.weight.numpy()
    assert np.array_equal(after[~found], before[~found])
    centred = table[found] - table[found].mean(0)
    ratio = after[found] / centred
    assert ratio == pytest.approx(ratio[0, 0], rel=1e-4)
    assert after[found].std() == pytest.approx(models.VECTORS_STD, rel=1e-4)
    assert model.weight is model.embedding.weight


def test_networks_that_cannot_use_vectors():
    table, found = np.ones((50, 6), "float32"), np.ones(50, bool)
    with pytest.raises(UserError, match="没有词嵌入"):
        models.start_embedding(models.build("lenet"), table, found)
    model = models.build("char_lstm", vocab_size=50, embedding_size=8, hidden_size=4)
    with pytest.raises(UserError, match="词嵌入是 8 维，train.vectors 的是 6 维".replace(".", r"\.")):
        models.start_embedding(model, table, found)
