"""训练、评估、翻译三个工具接得起来；画图；注意力的图写得进 PNG 与 VisualDL。"""

from __future__ import annotations

import json
import re
import warnings

import numpy as np
import pytest

from paddle_notes.ch10_transformer import attention_maps, figures

PARTS = {"valid": "验证", "test": "测试"}
TINY = [
    "model.d_model=16",
    "model.num_heads=2",
    "model.num_encoder_layers=1",
    "model.num_decoder_layers=1",
    "model.dim_feedforward=16",
    "train.epochs=1",
]


@pytest.fixture
def dates(tool, output, root):
    """只训练两批的日期网络。"""
    sizes = ["data.num_train=64", "data.num_valid=16", "data.batch_size=32", f"output_dir={output}"]
    config = root / "configs" / "transformer_dates.yml"
    result = tool("train", "-c", config, "-o", *TINY, *sizes)
    assert result.code == 0, result.text
    return output / "best"


def test_dates(tool, dates, output):
    saved = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    result = tool("eval", "-c", output / "config.yml", "--weights", dates, "--json")
    metrics = json.loads(result.out)
    assert metrics["samples"] == 16
    assert metrics["loss"] == saved["last"]["loss"]
    assert metrics["sentence_accuracy"] == saved["best"]["value"]

    texts = ["二〇二四年六月六日", "1998年1月5日"]
    for options in ([], ["--beam", "1"], ["--temperature", "0.5"]):
        result = tool("translate", "--weights", dates, "--text", *texts, *options)
        assert result.code == 0, result.text
        answers = result.out.splitlines()
        assert len(answers) == 2
        assert all(re.fullmatch(r"[-0-9]{0,11}", answer) for answer in answers)
    single = [tool("translate", "--weights", dates, "--text", text).out.strip() for text in texts]
    assert tool("translate", "--weights", dates, "--text", *texts).out.splitlines() == single  # 与填充无关

    picture, folder = output / "heads.png", output / "attention"
    options = ["--out", picture, "--vdl", folder]
    assert tool("translate", "--weights", dates, "--text", texts[0], *options).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    from visualdl import LogReader

    tags = LogReader(file_path=str(next(folder.iterdir()))).get_tags()["image"]
    assert sorted(tags) == ["attention/cross", "attention/decoder", "attention/encoder"]


def test_bad_requests(tool, dates):
    cases = [
        (["--text", "  "], "有一句里没有文字"),
        (["--text", "一", "--beam", "0"], "--beam 应为正整数，得到 0"),
        (["--text", "一", "--temperature", "0"], "--temperature 应大于 0"),
        (["--evaluate", "-o", "data.name=pairs"], "data.path"),
        (["--evaluate", "--out", "a.png"], "不能与 --evaluate 合用"),
        (["--text", "一", "-o", "data.num_valid=3"], "-o 只用来改 --evaluate 的数据"),
    ]
    for options, message in cases:
        result = tool("translate", "--weights", dates, *options)
        assert result.code == 2
        assert message in result.err


def test_pairs(tool, output, root, tmp_path):
    """句对文件：训练时打印最近邻检索的对照，--evaluate 得到同样的数。"""
    people, things = ["I", "you", "we", "they"], ["cats", "dogs", "tea", "milk", "rice"]
    chinese = dict(zip([*people, *things], ["我", "你", "我们", "他们", "猫", "狗", "茶", "牛奶", "米饭"]))
    lines = [f"{p} like {t}.\t{chinese[p]}喜欢{chinese[t]}。\tCC" for p in people for t in things]
    path = tmp_path / "pairs.txt"
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    options = [
        f"data.path={path}",
        "data.valid_fraction=0.2",
        "data.test_fraction=0.2",
        f"output_dir={output}",
    ]
    config = root / "configs" / "full" / "transformer_en_zh.yml"
    result = tool("train", "-c", config, "-o", *TINY, *options)
    assert result.code == 0, result.text
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    baseline = summary["baselines"]["最近邻检索"]
    assert set(baseline) == {"valid", "test"} and 0 < baseline["test"]["bleu"] < 100
    shown = (
        f"{name} sentence_accuracy {baseline[part]['sentence_accuracy']:.4f}" for part, name in PARTS.items()
    )
    assert f"对照：最近邻检索，{'，'.join(shown)}" in result.out

    result = tool("translate", "--weights", output / "best", "--evaluate", "--beam", "1", "--json")
    assert result.code == 0, result.text
    report = json.loads(result.out)
    assert (report["split"], report["samples"], report["decoding"]) == ("test", 4, "贪心")
    assert report["scores"]["网络"]["sentence_accuracy"] == summary["test"]["sentence_accuracy"]
    assert json.loads((output / "translation.json").read_text(encoding="utf-8")) == report
    page = tmp_path / "docs" / "results.md"
    page.parent.mkdir()
    assert tool("results", output, "--out", page).code == 0
    table = page.read_text(encoding="utf-8").partition("## 译文")[2].splitlines()
    rows = [line.split(" | ") for line in table if "贪心" in line or "| 最近邻" in line]
    assert [row[3] for row in rows] == [f"{scores['bleu']:.1f}" for scores in report["scores"].values()]
    assert report["scores"]["最近邻检索"] == baseline["test"]
    assert set(report["scores"]["网络"]) == {"bleu", "chrf", "sentence_accuracy"}
    result = tool("translate", "--weights", output / "best", "--evaluate", "--split", "valid", "--json")
    report = json.loads(result.out)
    assert report["split"] == "valid" and report["scores"]["最近邻检索"] == baseline["valid"]

    path.write_text("\n".join([*lines, "We eat fish.\t我们吃鱼。"]), encoding="utf-8")
    result = tool("translate", "--weights", output / "best", "--evaluate")
    assert result.code == 2 and "数据的 target_vocabulary 18 个 → 18 个，第 9 个起不同" in result.err


def test_gpt_on_a_text(tool, output, root, tmp_path):
    """GPT 走语言模型的任务，评估得到同样的数；别的任务的检查点不能用来翻译。"""
    path = tmp_path / "text.txt"
    lines = (f"床前明{c}光，疑是地上霜。\n举头望明{c}，低头思故乡。\n" for c in "日月星云雨风雪花山水" * 4)
    lines = (f"{chr(0x4E00 + i)}{line}" for i, line in enumerate(lines))  # 各行都不相同
    path.write_text("".join(lines), encoding="utf-8")
    sizes = ["data.name=text", f"data.path={path}", "data.length=32", "data.max_chars=900"]
    small = ["model.d_model=16", "model.num_heads=2", "model.num_layers=1", "model.dim_feedforward=16"]
    small.append("train.vectors=null")
    options = [*sizes, *small, "train.epochs=1", f"output_dir={output}"]
    result = tool("train", "-c", root / "configs" / "gpt_char.yml", "-o", *options)
    assert result.code == 0, result.text
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["baselines"]["二元模型"]) == {"valid", "test"}
    result = tool("eval", "-c", output / "config.yml", "--weights", output / "best", "--json")
    assert json.loads(result.out)["perplexity"] == summary["last"]["perplexity"] < 40

    result = tool("translate", "--weights", output / "best", "--text", "一")
    assert result.code == 2 and "不是翻译的检查点" in result.err

    result = tool("train", "-c", output / "config.yml", "-o", "data.carry=true", f"output_dir={output}_carry")
    assert result.code == 2 and "model.max_length" in result.err and "请设 data.carry=false" in result.err
    assert "Traceback" not in result.err
    result = tool("train", "-c", output / "config.yml", "-o", "data.length=16", f"output_dir={output}_short")
    assert result.code == 2 and "model.max_length 是 32，数据却是 16" in result.err


# ---------------------------------------------------------------- 图


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_is_drawn_without_missing_glyphs(name, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "label", lambda chinese, english: english)
    path = tmp_path / f"{name}.png"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*missing from.*font")
        figures.FIGURES[name](path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) < 150_000


def test_heat_maps_show_every_head_and_the_real_characters():
    generator = np.random.default_rng(0)
    layers = [generator.random((4, 3, 5)) for _ in range(2)]
    figure = attention_maps.draw_heads(layers, ["2", "0", "<end>"], list("abcde"))
    panels = [axes for axes in figure.axes if axes.images]
    assert len(panels) == 8
    for number, axes in enumerate(panels):
        np.testing.assert_array_equal(axes.images[0].get_array(), layers[number // 4][number % 4])
        assert [text.get_text() for text in axes.get_yticklabels()] == ["2", "0", "$"]
        assert [text.get_text() for text in axes.get_xticklabels()] == list("abcde")
    picture = attention_maps.as_picture(figure)
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    assert picture.min() < 100 and picture.max() == 255
