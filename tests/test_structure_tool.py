"""tools/structure.py：画结构图的工具，与画好的图。"""

from __future__ import annotations

import re

import pytest


def test_structures_are_listed_and_drawn(tool, root):
    lines = dict(line.split("：") for line in tool("structure", "--list").out.splitlines())
    names = [name for line in lines.values() for name in line.split()]
    assert set(lines) == {"网络", "块", "示意图"} and len(names) == len(set(names))
    assert {"resnet18", "inception", "lstm_4"} <= set(names)
    pictures = root / "docs_zh" / "images" / "structure"
    assert sorted(file.stem for file in pictures.iterdir()) == sorted(names)  # 每一张都画好了，没有多余的
    for file in pictures.iterdir():
        text = file.read_text(encoding="utf-8")
        assert len(text.encode()) < 60_000
        # 手机约 360 像素宽：缩小到那么宽时，最小的字（12）仍不小于 8
        assert 12 * 360 / float(re.search(r' width="([\d.]+)"', text)[1]) >= 8, file.name


@pytest.mark.parametrize("name", ["lenet", "gpt", "gan", "fire", "lstm_4", "residual_block_cifar"])
def test_committed_structure_is_up_to_date(name, tool, root, tmp_path):
    picture = tmp_path / "new" / "a.svg"
    assert tool("structure", name, "--out", picture).out.strip() == str(picture)
    committed = root / "docs_zh" / "images" / "structure" / f"{name}.svg"
    assert picture.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8")


def test_structure_of_a_part(tool, tmp_path):
    picture = tmp_path / "a.svg"
    assert tool("structure", "resnet20", "--block", "stage2.0", "--out", picture).code == 0
    text = picture.read_text(encoding="utf-8")
    assert "resnet20 的 stage2.0" in text and "补零通道" in text
    assert tool("structure", "resnet20", "--detail", "--out", picture).code == 0
    assert picture.read_text(encoding="utf-8").count(">相加<") == 9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lenat"], "没有名为 lenat 的图；你是不是想写 lenet？"),
        ([], "请给出图的名字；--list 列出全部的图"),
        (["lenet", "mlp", "--out", "a.svg"], "--out 只能用于一张图"),
        (["inception", "--detail"], "--block 与 --detail 只能用于网络；课程里的块与示意图只有一种画法"),
        (["lenet", "--block", "features", "--detail"], "--block 已把块拆开，不必再写 --detail"),
        (["lenet", "--block", "featurs"], "这个网络里没有名为 featurs 的模块；你是不是想写 features？"),
    ],
)
def test_structure_errors(words, message, tool):
    result = tool("structure", *words)
    assert (result.code, result.err.strip()) == (2, f"错误：{message}")
