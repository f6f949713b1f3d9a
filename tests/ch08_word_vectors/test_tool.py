"""``python tools/word2vec.py``：训练、继续、查询，以及错误的输入。"""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(find_spec("jieba") is None, reason="没有 jieba")

TEXT = "我爱北京天安门。上海在中国，北京也在中国。\n" * 30
SMALL = ("--min-count", 1, "--subsample", 0, "--embedding-dim", 6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """一次很小的训练的输出文件夹；工具在本进程里执行，所以在第一个用到它的测试里做。"""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    return folder


@pytest.fixture
def vectors(tool, trained):
    output = trained / "output"
    if not (output / "vectors.txt").exists():
        result = tool("word2vec", "train", "--input", trained / "text.txt", "--out", output, *SMALL)
        assert result.code == 0, result.text
        assert len(re.findall(r"第 \d/5 轮：损失 \d\.\d{4}", result.out)) == 5
    return output / "vectors.txt"


def test_train_writes_vectors_checkpoint_and_log(vectors):
    assert {file.name for file in vectors.parent.iterdir()} == {
        "vectors.txt",
        "checkpoint.npz",
        "vdlrecords.word2vec.log",
    }


def test_the_log_has_losses_and_embeddings(vectors):
    from visualdl import LogReader

    reader = LogReader(file_path=str(vectors.parent / "vdlrecords.word2vec.log"))
    assert [record.id for record in reader.get_data("scalar", "loss")] == [1, 2, 3, 4, 5]
    assert len(reader.get_data("embeddings", "word_vectors")) == 1


def test_neighbors_and_analogy(tool, vectors):
    result = tool("word2vec", "neighbors", "--weights", vectors, "北京", "上海", "--count", 2)
    assert result.code == 0, result.text
    assert re.fullmatch(r"(北京|上海)：\S+ -?\d\.\d\d  \S+ -?\d\.\d\d", result.out.splitlines()[1])
    result = tool("word2vec", "analogy", "--weights", vectors, "北京", "中国", "上海")
    assert result.code == 0 and result.out.startswith("北京 之于 中国，如同 上海 之于："), result.text


def test_evaluate(tool, vectors):
    result = tool("word2vec", "evaluate", "--weights", vectors, "--count", 1)
    assert result.code == 0, result.text
    assert re.search(r"省份：precision@1 = \d\.\d\d（2 个词）\n1 组平均：\d\.\d\d", result.out)


def test_counted_vectors(tool, trained, tmp_path):
    """由数数得到的词向量写成同样的文件；维数不能不小于词数，一个例子也没有时说明办法。"""
    words = ["count", "--input", trained / "text.txt", "--out", tmp_path, "--min-count", 1]
    result = tool("word2vec", *words, "--embedding-dim", 3)
    assert result.code == 0, result.text
    assert (tmp_path / "vectors.txt").read_text(encoding="utf-8").splitlines()[0] == "10 3"
    result = tool("word2vec", "neighbors", "--weights", tmp_path / "vectors.txt", "北京", "--count", 1)
    assert result.code == 0 and result.out.startswith("北京："), result.text
    result = tool("word2vec", *words)
    assert result.code == 2 and "--embedding-dim 是 100，要小于词数 10" in result.err
    words[2] = tmp_path / "a.txt"
    words[2].write_text("一\n二\n三\n", encoding="utf-8")
    result = tool("word2vec", *words, "--embedding-dim", 2)
    assert result.code == 2 and "没有哪一句剩下两个词" in result.err


@pytest.mark.parametrize("config", ["word2vec", "neural_lm"])
def test_checkpoints_of_train_py_are_word_vectors(tool, root, tmp_path, config):
    """train.py 的检查点可以直接查，也可以导出成文本，两边查到的相同；词表里没有补进去的记号。"""
    folder = tmp_path / "run"
    words = ["-c", root / "configs" / f"{config}.yml", "--dry_run", "-o", "data.batch_size=64"]
    result = tool("train", *words, f"output_dir={folder}")
    assert result.code == 0, result.text
    file = tmp_path / "vectors.txt"
    result = tool("word2vec", "export", "--weights", folder / "best.pdparams", "--out", file)
    assert result.code == 0 and f"的向量写在 {file}" in result.out, result.text
    lines = file.read_text(encoding="utf-8").splitlines()
    assert (
        lines[1].startswith("， ")
        and len(lines) > 10_000
        and not any(line.startswith("<pad>") for line in lines)
    )
    found = [
        tool("word2vec", "neighbors", "--weights", path, "北京", "经济") for path in (folder / "best", file)
    ]
    assert found[0].code == 0 and found[0].out == found[1].out, found[0].text


def test_other_checkpoints_are_not_word_vectors(tool, root, tmp_path):
    words = ["-c", root / "configs" / "mlp.yml", "--dry_run", "-o", f"output_dir={tmp_path / 'run'}"]
    assert tool("train", *words).code == 0
    result = tool("word2vec", "evaluate", "--weights", tmp_path / "run" / "best")
    assert result.code == 2 and "不是词向量或神经语言模型的检查点" in result.err


def test_resume(tool, trained, vectors, tmp_path):
    """已经完成的训练，继续一次得到同样的文件；换了设置不能继续。"""
    shutil.copytree(vectors.parent, tmp_path / "output")
    words = ["train", "--input", trained / "text.txt", "--out", tmp_path / "output", *SMALL]
    (tmp_path / "output" / "vectors.txt").unlink()
    result = tool("word2vec", *words, "--resume")
    assert result.code == 0, result.text
    assert (tmp_path / "output" / "vectors.txt").read_bytes() == vectors.read_bytes()
    assert "is exists" not in result.text
    result = tool("word2vec", *words, "--resume", "--epochs", 9)
    assert result.code == 2 and "别的设置" in result.err
    result = tool("word2vec", *words)
    assert result.code == 2 and "--overwrite" in result.err
    result = tool("word2vec", *words, "--overwrite", "--epochs", 1)
    assert result.code == 0 and "第 1/1 轮" in result.out, result.text


def test_interrupted(tool, trained, tmp_path, monkeypatch):
    from paddle_notes.ch08_word_vectors.training import Trainer

    def interrupt(self, batch, lr):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "step", interrupt)
    words = ["train", "--input", trained / "text.txt", "--out", tmp_path / "output", *SMALL]
    result = tool("word2vec", *words)
    assert result.code == 2 and "--resume" in result.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "里没有文字"),
        ("春天来了。".encode("gb18030"), "不是 UTF-8"),
        (b"\xed\xa0\x80", "不是 UTF-8"),
        ("春天来了。".encode(), "出现至少 5 次的词只有 0 个"),
    ],
)
def test_bad_text(tool, tmp_path, content, message):
    (tmp_path / "text.txt").write_bytes(content)
    result = tool("word2vec", "train", "--input", tmp_path / "text.txt", "--out", tmp_path / "output")
    assert result.code == 2 and message in result.err, result.text
    assert not (tmp_path / "output").exists()


def test_one_line_file(tool, tmp_path):
    """一行也能训练；二次采样会丢光这么小的语料里的词，消息说明怎么办。"""
    (tmp_path / "text.txt").write_text("春天来了，花开了", encoding="utf-8")
    words = ["train", "--input", tmp_path / "text.txt", "--out", tmp_path / "output", "--min-count", 1]
    result = tool("word2vec", *words, "--subsample", 0)
    assert result.code == 0, result.text
    result = tool("word2vec", *words, "--subsample", 1e-12, "--overwrite")
    assert result.code == 2 and "不做二次采样" in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["neighbors", "--weights", "没有这个文件.txt", "北京"],
            "请先执行 python tools/train.py -c configs/word2vec.yml",
        ),
        (["export", "--out", "a.txt"], "或先执行 python tools/word2vec.py train"),
        (["export"], "缺少参数"),
        (["train", "--input", "没有这个文件.txt"], "找不到"),
        (["train", "--lr", "0"], "--lr 的值 '0' 不合适"),
        (["train", "--epochs", "many"], "--epochs 的值 'many' 不合适"),
        (["train", "--subsample", "-1"], "--subsample 不应小于 0"),
        (["train", "--seed", "-1"], "--seed 不应小于 0"),
        (["train", "--objective", "none"], "没有 'none' 这种取值"),
        (["train", "--out", "新文件夹", "--resume"], "没有检查点"),
        ([], "缺少参数"),
    ],
)
def test_bad_arguments(tool, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = tool("word2vec", *words)
    assert result.code == 2 and message in result.err, result.text


def test_bad_queries(tool, vectors):
    result = tool("word2vec", "neighbors", "--weights", vectors, "纽约")
    assert result.code == 2 and "词表里没有“纽约”" in result.err
    result = tool("word2vec", "neighbors", "--weights", vectors, "\udc80")  # 终端里的坏字节
    assert result.code == 2 and "词表里没有" in result.err
