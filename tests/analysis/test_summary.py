"""层的表：形状、参数、乘加与手算的、论文公布的相同；不改变网络与随机数；工具与图。"""

from __future__ import annotations

import json

import numpy as np
import paddle
import pytest
from paddle import nn
from PIL import Image

from paddle_notes import models
from paddle_notes.analysis import summary as summary_module
from paddle_notes.analysis.summary import (
    Row,
    chinese_number,
    count_parameters,
    draw_table,
    format_table,
    group_rows,
    layer_table,
)
from paddle_notes.runtime import seed_everything


def total(rows: list[Row], field: str) -> int:
    return sum(getattr(row, field) for row in rows)


def test_lenet_by_hand():
    rows = layer_table(models.build("lenet"), paddle.zeros([2, 1, 28, 28]))
    # 名字，输出形状，参数，乘加：后两列按公式算，批里有两张图
    expected = [
        ("features.0", "Conv2D", (2, 6, 28, 28), 6 * (25 + 1), 2 * 6 * 28 * 28 * 25),
        ("features.1", "ReLU", (2, 6, 28, 28), 0, 0),
        ("features.2", "MaxPool2D", (2, 6, 14, 14), 0, 0),
        ("features.3", "Conv2D", (2, 16, 10, 10), 16 * (6 * 25 + 1), 2 * 16 * 10 * 10 * 6 * 25),
        ("features.4", "ReLU", (2, 16, 10, 10), 0, 0),
        ("features.5", "MaxPool2D", (2, 16, 5, 5), 0, 0),
        ("classifier.0", "Linear", (2, 120), 401 * 120, 2 * 400 * 120),
        ("classifier.1", "ReLU", (2, 120), 0, 0),
        ("classifier.2", "Linear", (2, 84), 121 * 84, 2 * 120 * 84),
        ("classifier.3", "ReLU", (2, 84), 0, 0),
        ("classifier.4", "Linear", (2, 10), 85 * 10, 2 * 84 * 10),
    ]
    assert [row[:5] for row in rows] == expected
    assert [row.activation_bytes for row in rows] == [4 * int(np.prod(row.shape)) for row in rows]


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [("vgg16", 138_357_544, 15_470_264_320), ("resnet18", 11_689_512, 1_814_073_344)],
)
def test_published_figures(name, parameters, macs):
    """公布的 VGG16 是 15.5 G，ResNet18 是 1.8 G 次乘加。"""
    rows = layer_table(models.build(name), paddle.zeros([1, 3, 224, 224]))
    assert total(rows, "parameters") == parameters
    assert total(rows, "macs") == macs


@pytest.mark.parametrize("name", ["nin_cifar", "googlenet", "resnet20", "plain20", "densenet40"])
def test_parameters_add_up(name):
    """包括推理时用不到的辅助分类器、被用了几次的池化、归一化的系数。"""
    model = models.build(name, num_classes=10, in_channels=1)
    rows = layer_table(model, paddle.zeros([1, 1, 32, 32]))
    assert total(rows, "parameters") == count_parameters(model)


def test_auxiliary_heads_come_last_and_do_nothing():
    rows = layer_table(models.build("googlenet", num_classes=10, image_size=32), paddle.zeros([1, 3, 32, 32]))
    unused = [row for row in rows if row.shape is None]
    assert unused == rows[-len(unused) :]
    assert {row.name.split(".")[0] for row in unused} == {"aux1", "aux2"}
    assert total(unused, "parameters") > 0
    assert total(unused, "macs") == total(unused, "activation_bytes") == 0
    pools = [row.shape for row in rows if row.name == "pool"]  # 同一层用了四次
    assert pools == [(1, 64, 8, 8), (1, 192, 4, 4), (1, 480, 2, 2), (1, 832, 1, 1)]


def test_shared_layers_and_parameters_are_counted_once():
    class Shared(nn.Layer):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 3)
            self.tied = nn.Linear(3, 3, bias_attr=False)
            self.tied.weight = self.first.weight
            self.scale = self.create_parameter([3])

        def forward(self, x):
            return self.scale * self.tied(self.first(self.first(x)))

    model = Shared()
    rows = layer_table(model, paddle.zeros([5, 3]))
    assert [(row.name, row.parameters, row.macs) for row in rows] == [
        ("first", 12, 45),
        ("first", 0, 45),
        ("tied", 0, 45),
        ("", 3, 0),
    ]
    assert count_parameters(model) == 15


def test_grouped_convolution_and_frozen_parameters():
    model = nn.Sequential(nn.Conv2D(4, 8, 3, padding=1, groups=2), nn.Flatten(), nn.BatchNorm1D(8 * 25))
    model[0].bias.stop_gradient = True
    conv, flatten, norm = layer_table(model, paddle.zeros([1, 4, 5, 5]))
    assert (conv.parameters, conv.macs) == (8 * 2 * 9, 8 * 25 * 2 * 9)
    assert (flatten.shape, flatten.activation_bytes) == ((1, 200), 0)  # 展平不复制
    assert (norm.parameters, norm.macs) == (400, 0)  # 滑动均值与方差不算


def test_recurrent_layers_by_hand():
    """两层双向：第一层读 3 个数，第二层读 2·4 个；四个门，每步各算一遍。单元不另占一行。"""
    model = nn.Sequential(nn.LSTM(3, 4, num_layers=2, direction="bidirect"))
    (row,) = layer_table(model, paddle.zeros([5, 7, 3]))
    weights = 2 * 4 * 4 * (3 + 4) + 2 * 4 * 4 * (8 + 4)
    assert (row.name, row.kind, row.shape) == ("0", "LSTM", (5, 7, 8))
    assert (row.parameters, row.macs) == (weights + 4 * 2 * 4 * 4, 5 * 7 * weights)
    assert row.parameters == count_parameters(model)
    (row,) = layer_table(nn.Conv1D(2, 6, 3), paddle.zeros([5, 2, 10]))
    assert (row.parameters, row.macs) == (6 * (2 * 3 + 1), 5 * 6 * 8 * 2 * 3)


def test_leaves_the_network_and_the_random_numbers_alone():
    model = nn.Sequential(nn.Conv2D(1, 2, 3), nn.BatchNorm2D(2), nn.Dropout(0.5), nn.BatchNorm2D(2))
    model.train()
    model[3].eval()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    seed_everything(3)
    expected = paddle.rand([4]).numpy()
    seed_everything(3)
    layer_table(model, paddle.zeros([2, 1, 8, 8]))
    assert np.array_equal(paddle.rand([4]).numpy(), expected)
    assert [layer.training for layer in model] == [True, True, True, False]
    assert model.training
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])


def test_hooks_are_removed_after_an_error():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 6))
    with pytest.raises(ValueError):
        layer_table(model, paddle.zeros([1, 3]))
    assert not any(layer._forward_post_hooks for layer in model)
    assert model[0].training


ROWS = [
    Row("stem", "Conv2D", (1, 2, 3, 3), 20, 162, 72),
    Row("stage.a.0", "Linear", (1, 4), 8, 16, 16),
    Row("stage.a.1", "ReLU", (1, 4), 0, 0, 16),
    Row("stage.b.0", "Linear", (1, 1234), 4936, 4936, 4936),
    Row("aux", "Linear", None, 5, 0, 0),
]


def test_rows_are_grouped_until_they_fit():
    assert list(group_rows(ROWS, 4)) == ["stem", "stage.a.0", "stage.b.0", "aux"]
    assert group_rows(ROWS, 3) == {"stem": (20, 162), "stage": (4944, 4952), "aux": (5, 0)}


def test_text_table_is_aligned_and_summed():
    lines = format_table(ROWS).splitlines()
    assert len(lines) == len(ROWS) + 2
    assert len({len(line.encode("gbk")) for line in lines}) == 1  # GBK 里汉字占两个字节，正好是宽度
    assert lines[-1].split() == ["合计", "4,969", "5,114", "4.9"]
    assert "推理时不用" in lines[-2]


def test_picture_grows_with_the_bars(tmp_path):
    sizes = []
    for count in (1, 4):
        draw_table(ROWS[:count], tmp_path / "picture.png")
        with Image.open(tmp_path / "picture.png") as picture:
            assert picture.format == "PNG"
            sizes.append(picture.size)
    assert sizes[0][0] == sizes[1][0]
    assert sizes[0][1] < sizes[1][1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (850, "850"),
        (36_928, "3.693 万"),
        (16_781_312, "1678 万"),
        (99_999_999, "10000 万"),
        (102_764_544, "1.03 亿"),
        (1_849_688_064, "18.5 亿"),
    ],
)
def test_chinese_numbers(value, text):
    assert chinese_number(value) == text


def test_the_picture_is_labelled_in_chinese(tmp_path, monkeypatch):
    """有中文字体时标题与数字是中文，没有时是英文，图上不会有方框。"""
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    for font, title, number in (
        ("Noto Sans CJK SC", "乘加次数：共 18,496,881", "1850 万"),
        (None, "multiply-adds (MACs): 18,496,881", "18.50 M"),
    ):
        monkeypatch.setattr(summary_module, "chinese_font", lambda font=font: font)
        monkeypatch.setattr(
            summary_module, "label", lambda chinese, english, font=font: chinese if font else english
        )
        draw_table([Row("a", "Conv2D", (1,), 10, 18_496_881, 4)], tmp_path / "unused.png")
        axes = drawn[-1].axes[1]
        assert axes.get_title() == title
        assert number in [text.get_text() for text in axes.texts]


# ---------------------------------------------------------------- 工具


def summary(tool, *words) -> dict:
    result = tool("summary", *words, "--json")
    assert result.code == 0, result.text
    return json.loads(result.out)


def test_tool_takes_a_name(tool, tmp_path):
    told = summary(tool, "--model", "resnet20", "-o", "model.image_size=32", "--out", tmp_path / "a.png")
    assert told["input_shapes"] == [[1, 3, 32, 32]]
    assert told["total"]["parameters"] == 269_722
    assert sum(layer["macs"] for layer in told["layers"]) == told["total"]["macs"] == 40_551_040
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG"


def test_tool_takes_the_defaults_of_the_network(tool):
    assert summary(tool, "--model", "lenet")["input_shapes"] == [[1, 1, 28, 28]]
    assert summary(tool, "--model", "resnet18")["input_shapes"] == [[1, 3, 224, 224]]


def test_tool_takes_a_config(tool, root):
    """与训练的是同一个网络：图像大小、通道数、类别数随数据而定。"""
    told = summary(tool, "-c", root / "configs" / "lenet.yml", "-o", "data.image_size=32")
    assert told["input_shapes"] == [[1, 1, 32, 32]]
    assert told["layers"][0]["name"] == "features.0"
    assert told["total"]["parameters"] == 156 + 2416 + 577 * 120 + 121 * 84 + 850


def test_tool_takes_the_config_of_a_sequence_network(tool, root):
    """输入是验证数据的第一个样本：源句，与去掉最后一个词元的目标句。"""
    words = ["-o", "data.num_train=20", "data.num_valid=20"]
    told = summary(tool, "-c", root / "configs" / "transformer_dates.yml", *words)
    (one, sources), (also_one, targets) = told["input_shapes"]
    assert (one, also_one, targets) == (1, 1, 11)  # 开始符与 2024-06-06
    assert told["total"]["parameters"] == 238_464
    rows = {row["name"]: row for row in told["layers"]}
    assert rows["encoder.0.feed_forward.linear1"]["shape"] == [1, sources, 256]
    assert rows["decoder.1.cross_attention.k_proj"]["shape"] == [1, sources, 64]
    assert rows["decoder.1.cross_attention.q_proj"]["shape"] == [1, 11, 64]
    told = summary(tool, "-c", root / "configs" / "seq2seq_dates.yml", *words)
    cells = [row["macs"] for row in told["layers"] if row["name"] == "decoder"]
    assert cells == [3 * 64 * (32 + 128 + 64)] * 11  # 解码器一步走一次
    told = summary(tool, "-c", root / "configs" / "lstm_sunspots.yml")
    assert told["total"]["macs"] == 24 * 4 * 16 * (1 + 16) + 16


def test_tool_prints_a_table(tool):
    result = tool("summary", "--model", "lenet", "-o", "model.form=original")
    assert result.code == 0
    assert "Sigmoid" in result.out
    assert result.out.splitlines()[-1].split()[:3] == ["合计", "61,706", "416,520"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--model"),
        (["--model", "lenet", "-c", "configs/lenet.yml"], "二者之一"),
        (["--model", "vgg61"], "你是不是想写 vgg16？"),
        (["-c", "configs/none.yml"], "找不到配置文件"),
        (["--model", "gpt"], "网络 gpt 的输入随数据而定；请不用 --model，用 -c"),
        (["--model", "caption_net"], "网络 caption_net 的输入随数据而定"),
        (["--model", "lenet", "-o", "model.image_size=big"], "model.image_size 应为整数"),
        (["--model", "resnet18", "-o", "model.image_size=big"], "model.image_size 应为整数"),
        (["--model", "resnet18", "-o", "model.image_size=0"], "model.image_size 应为正整数，得到 0"),
        (["--model", "lenet", "-o", "model.image_size=8"], "图像至少要 12×12"),
        (["--model", "lenet", "-o", "model.from=original"], "你是不是想写 form？"),
        (["--model", "lenet", "-o", "train.epochs=3"], "-o 只能改网络的选项"),
        (["--model", "lenet", "-o", "model"], "键=值"),
        (["--model", "lenet", "--out", "none/a.png"], "找不到 none"),
    ],
)
def test_bad_input(words, message, tool):
    result = tool("summary", *words)
    assert result.code == 2
    assert result.err.startswith("错误：")
    assert message in result.err
