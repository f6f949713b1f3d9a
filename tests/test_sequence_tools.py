"""序列的工具：训练、评估、预测与生成接得上；词表变了、开头不认识、检查点不对，都说得清楚。"""

from __future__ import annotations

import json

import numpy as np
import paddle
import pytest
from helpers import shrink_slow_parts
from PIL import Image

from paddle_notes.data.info import LanguageInfo
from paddle_notes.engine.checkpoint import read_state
from paddle_notes.engine.folder import read_summary
from paddle_notes.inference.text import Writer

WORDS = {"好评": "干净 舒服 安静 热情 满意", "差评": "肮脏 吵闹 冷淡 破旧 失望"}


def fails(result) -> str:
    """命令以状态 2 结束，只打印了一条中文的错误；返回它。"""
    assert result.code == 2, result.text
    assert result.err.startswith("错误：") and "Traceback" not in result.text
    return result.err.removeprefix("错误：").strip()


def train(load_tool, folder, tree: dict) -> None:
    """写出配置并训练；``tree`` 就是配置文件的内容（JSON 也是 YAML）。"""
    folder.mkdir()
    (folder / "c.yml").write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    assert load_tool("train").main(["-c", str(folder / "c.yml"), "-o", f"output_dir={folder / 'run'}"]) == 0


@pytest.fixture(scope="module")
def sentiment(load_tool, tmp_path_factory):
    """由每句一个词就看得出好坏的评论训练的 TextCNN。"""
    folder = tmp_path_factory.mktemp("sentiment") / "x"
    folder.parent.mkdir(exist_ok=True)
    rows = [
        f"第 {i} 家 房间 {word} {i * i},{label}"
        for label, words in WORDS.items()
        for word in words.split()
        for i in range(12)
    ]
    data = folder.parent / "a.csv"
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    tree = {
        "model": {"name": "text_cnn", "embedding_size": 16, "num_filters": 8, "kernel_sizes": [1, 2]},
        "data": {"name": "text_table", "path": str(data), "tokenizer": "word", "batch_size": 8},
        "optimizer": {"name": "adam", "lr": 0.02},
        "train": {"epochs": 8},
    }
    train(load_tool, folder, tree)
    return folder


POEM = "一二三四五，\n六七八九十。"
FIRST = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌"  # 二十一首诗，只有第一个字不同


@pytest.fixture(scope="module")
def language(load_tool, tmp_path_factory):
    """背熟了一首诗的字符语言模型：各首诗只有第一个字不同。"""
    folder = tmp_path_factory.mktemp("language") / "x"
    data = folder.parent / "a.json"
    poems = [{"paragraphs": (c + POEM).split("\n")} for c in FIRST]
    data.write_text(json.dumps(poems), encoding="utf-8")
    tree = {
        "model": {"name": "char_lstm", "embedding_size": 16, "hidden_size": 32, "dropout": 0},
        "data": {"name": "verse", "path": str(data), "length": 14, "batch_size": 4, "min_count": 1},
        "task": {"name": "language_model"},
        "optimizer": {"name": "adam", "lr": 0.02, "clip_norm": 1},
        "train": {"epochs": 40},
        "expect": {"metric": "bits_per_char", "at_most": 2, "minutes": 0.1},
    }
    train(load_tool, folder, tree)
    return folder


@pytest.fixture(scope="module")
def series(load_tool, tmp_path_factory):
    """正弦波，从 CSV 读。"""
    folder = tmp_path_factory.mktemp("series") / "x"
    data = folder.parent / "a.csv"
    wave = 20 + 5 * np.sin(np.arange(120) * 2 * np.pi / 12)
    data.write_text("\n".join(["气温", *map(str, wave)]), encoding="utf-8")
    tree = {
        "model": {"name": "forecaster", "cell": "gru", "hidden_size": 8},
        "data": {"name": "series", "path": str(data), "window": 6, "period": 12},
        "task": {"name": "regression"},
        "optimizer": {"name": "adam", "lr": 0.02},
        "train": {"epochs": 10},
    }
    train(load_tool, folder, tree)
    return folder


# ---------------------------------------------------------------- 预测


def test_predict_text(sentiment, tool):
    weights = sentiment / "run" / "last"
    result = tool("predict", "--weights", weights, "--text", "房间 很 干净")
    assert result.code == 0 and result.out.startswith("房间 很 干净：好评 ")
    for text, label in (("肮脏", "差评"), ("满意，干净", "好评")):
        result = tool("predict", "--weights", weights, "--text", text, "--json")
        answer = json.loads(result.out)
        assert answer["text"] == text and answer["top"][0]["class"] == label
        probabilities = [found["probability"] for found in answer["top"]]
        assert np.isclose(sum(probabilities), 1, atol=1e-5) and probabilities[0] > 0.8


def test_prediction_agrees_with_evaluation(sentiment, tool):
    """逐句预测的准确率与评估的相同：切词、词表、截断都照训练时的。"""
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data

    run = sentiment / "run"
    result = tool("eval", "-c", run / "config.yml", "--weights", run / "best", "--json")
    assert result.code == 0, result.text
    found = json.loads(result.out)
    assert found["accuracy"] == read_summary(run)["best"]["value"] > 0.9
    config = load_config(run / "config.yml")
    dataset = build_data(config.data, config.seed)[1].dataset
    for tokens, label in list(zip(dataset.tokens, dataset.labels))[:6]:
        text = " ".join(tokens)
        top = json.loads(tool("predict", "--weights", run / "best", "--text", text, "--json").out)["top"][0]
        assert (top["class"] == dataset.class_names[label]) or found["accuracy"] < 1


def test_predict_the_wrong_thing(sentiment, language, series, tool, tmp_path):
    def run(folder, *words) -> str:
        return fails(tool("predict", "--weights", folder / "run" / "best", *words))

    assert run(sentiment, "--text", " \ud83d") == "要判断的文字里没有一个词"
    assert "要写且只写一个" in run(sentiment)
    assert "要写且只写一个" in run(sentiment, "--text", "好", "--out", "a.png")
    assert run(series, "--text", "好").endswith("请用 --out，不是 --text")
    assert run(language, "--text", "好").endswith("请用 tools/generate.py")


def test_forecast_picture(series, tool, tmp_path):
    picture = tmp_path / "pictures" / "forecast.png"
    result = tool("predict", "--weights", series / "run" / "best", "--out", picture)
    assert result.code == 0, result.text
    tested = read_summary(series / "run")["test"]["rmse"]
    assert result.out.strip() == f"{picture}：测试部分 24 个值，RMSE {tested:.4f}"
    assert Image.open(picture).size == (900, 350)


def test_forecast_needs_the_data(series, tool, tmp_path):
    for suffix in (".json", ".pdparams"):
        (tmp_path / f"mine{suffix}").write_bytes((series / "run" / f"best{suffix}").read_bytes())
    words = ("predict", "--weights", tmp_path / "mine", "--out", tmp_path / "a.png")
    assert tool(*words).code == 0  # 设置在检查点里
    file = tmp_path / "mine.json"
    state = json.loads(file.read_text(encoding="utf-8"))
    del state["config"], state["crc32"][".json"]  # 早先的没有
    file.write_text(json.dumps(state), encoding="utf-8")
    assert "没有训练时的设置，旁边也没有 config.yml" in fails(tool(*words))
    (tmp_path / "a.png").unlink()
    data = series.parent / "a.csv"
    original = data.read_text(encoding="utf-8")
    try:
        data.write_text(original.replace("20.0", "30.0"), encoding="utf-8")
        result = tool("predict", "--weights", series / "run" / "best", "--out", tmp_path / "a.png")
        assert "数据的 mean" in fails(result) and not (tmp_path / "a.png").exists()
        lines = original.splitlines()
        lines[-1] = str(float(lines[-1]) + 1)  # 只有测试部分变了，均值与标准差都还相同
        data.write_text("\n".join(lines), encoding="utf-8")
        result = tool("predict", "--weights", series / "run" / "best", "--out", tmp_path / "a.png")
        assert "不同：测试部分的样本（散列）" in fails(result) and not (tmp_path / "a.png").exists()
    finally:
        data.write_text(original, encoding="utf-8")


# ---------------------------------------------------------------- 词表


def test_vocabulary_is_saved_beside_the_checkpoint(language):
    vocabulary = read_state(language / "run" / "best")["data"]["vocabulary"]
    assert set(POEM) < set(vocabulary) and len(vocabulary) == 4 + len(set(POEM)) + 16
    assert len(set(FIRST) - set(vocabulary)) == 5  # 验证与测试的诗的首字不在字表里


def test_changed_data_is_noticed(language, tool):
    """换掉数据里的一个字：字表一样长，编号的意思却变了。"""
    data, run = language.parent / "a.json", language / "run"
    original = data.read_text(encoding="utf-8")
    arguments = ("eval", "-c", run / "config.yml", "--weights", run / "best")
    assert tool(*arguments).code == 0
    try:
        data.write_text(original.replace(json.dumps("一")[1:-1], json.dumps("〇")[1:-1]), encoding="utf-8")
        message = fails(tool(*arguments))
    finally:
        data.write_text(original, encoding="utf-8")
    assert "数据的 vocabulary 33 个 → 33 个，第 " in message and "个起不同：一 → 〇" in message


# ---------------------------------------------------------------- 生成


def test_generate_stops_at_the_end_of_the_poem(language, tool):
    """温度为 0：接着背，到结束符为止，长度再大也不多写。"""
    result = tool("generate", "--weights", language / "run" / "best", "--prompt", "一", "--temperature", 0)
    assert (result.code, result.out) == (0, POEM + "\n")
    short = tool(
        "generate",
        "--weights",
        language / "run" / "best",
        "--prompt",
        "一二",
        "--temperature",
        0,
        "--length",
        2,
    )
    assert short.out == "一二三四\n"


@pytest.mark.parametrize(("boundary", "expected"), [(3, [[3, 5, 4]]), (1, [[5, 4]])])
def test_generation_starts_a_new_document(boundary, expected):
    """先读上一篇的末尾再读开头；字表里没有那个字符（整份文本只有一行）时只读开头。"""
    seen = []

    class Model(paddle.nn.Layer):
        def generate(self, ids, length, temperature, generator):
            seen.append(ids.tolist())
            return np.array([[4, 3, 5]])

    info = LanguageInfo(vocabulary=["", "", "", "", "一", "二"], boundary=boundary, carry=True)
    assert Writer(Model(), {}, info).write("二一") == "一" and seen == [expected]


def test_generate_is_reproducible(language, tool):
    def run(seed: int) -> str:
        words = ("--prompt", "三", "--temperature", 20, "--length", 30, "--seed", seed)
        return tool("generate", "--weights", language / "run" / "best", *words).out

    assert run(0) == run(0)
    assert len({run(seed) for seed in range(4)}) > 1


def test_generate_refuses(language, sentiment, tool, tmp_path):
    def run(*words, folder=language) -> str:
        return fails(tool("generate", "--weights", folder / "run" / "best", *words))

    assert run("--prompt", "春一雪春").startswith("字表里没有“春”“雪”")
    assert run() == run("--prompt", "\udc80") == "语言模型要有开头，例如 --prompt 春"
    assert run("--prompt", "一", "--temperature", "-1") == "--temperature 应不小于 0，得到 -1.0"
    assert "--temperature" in run("--prompt", "一", "--temperature", "nan")
    assert run("--prompt", "一", "--length", "0") == "--length 应为正整数，得到 0"
    assert "--seed" in run("--prompt", "一", "--seed", "-1")
    assert "text_cnn 不能生成" in run("--prompt", "一", folder=sentiment)
    assert "找不到检查点文件" in fails(tool("generate", "--weights", tmp_path / "x", "--prompt", "一"))


def test_generate_images(load_tool, tool, tmp_path, monkeypatch):
    """生成网络：拼图的大小由个数决定，同样的种子画出同样的图。"""
    shrink_slow_parts(monkeypatch)
    tree = {
        "model": {"name": "gan", "latent_size": 4, "hidden_size": 4},
        "data": {"name": "mnist5k"},
        "task": {"name": "adversarial"},
        "optimizer": {"name": "adam", "lr": 0.001},
    }
    (tmp_path / "c.yml").write_text(json.dumps(tree), encoding="utf-8")
    run = tmp_path / "run"
    assert tool("train", "-c", tmp_path / "c.yml", "--dry_run", "-o", f"output_dir={run}").code == 0

    def draw(*words) -> bytes:
        picture = tmp_path / "out" / "grid.png"
        result = tool("generate", "--weights", run / "last", "--count", 5, "--out", picture, *words)
        assert (result.code, result.out) == (0, f"{picture}\n")
        assert Image.open(picture).size == (3 * 30 + 2, 2 * 30 + 2)
        return picture.read_bytes()

    assert draw() == draw("--seed", 0) != draw("--seed", 1)
    assert "请用 tools/generate.py" in fails(
        tool("predict", "--weights", run / "last", "--input", tmp_path / "out")
    )
    assert "要用 --out grid.png" in fails(tool("generate", "--weights", run / "last"))
