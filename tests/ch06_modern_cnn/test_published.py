"""公开的 ImageNet 准确率：参数与乘加是真的数出来的，也与 torchvision 写的相等；图画得出来。"""

from __future__ import annotations

import inspect
import warnings

import paddle
import pytest

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters, layer_table
from paddle_notes.ch06_modern_cnn import figures
from paddle_notes.ch06_modern_cnn.published import IMAGENET, RECIPES

ROWS = {one.network: one for one in IMAGENET}
# https://docs.pytorch.org/vision/stable/models.html 里的 num_params 与 GFLOPS（其实是乘加，单位 10⁹）
TORCHVISION = {
    "alexnet_one_tower": (61_100_840, 0.714),
    "vgg11": (132_863_336, 7.609),
    "vgg13": (133_047_848, 11.308),
    "vgg16": (138_357_544, 15.470),
    "vgg19": (143_667_240, 19.632),
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801),
    "resnet152": (60_192_808, 11.514),
    "densenet121": (7_978_856, 2.834),
    "densenet169": (14_149_480, 3.360),
    "densenet201": (20_013_928, 4.291),
    "squeezenet1_0": (1_248_424, 0.819),
    "squeezenet1_1": (1_235_496, 0.349),
    "mobilenet_v2": (3_504_872, 0.301),
    "shufflenet_v2_x0_5": (1_366_792, 0.040),
    "shufflenet_v2_x1_0": (2_278_604, 0.145),
    "shufflenet_v2_x1_5": (3_503_624, 0.296),
    "shufflenet_v2_x2_0": (7_393_996, 0.583),
}


# 更大的几个造一次要几秒；它们的参数个数由各自的测试核对
@pytest.mark.parametrize("name", [name for name, one in ROWS.items() if one.parameters < 15e6])
def test_counts_are_our_own(name):
    sized = "image_size" in inspect.signature(models.constructor(name)).parameters
    model = models.build(name, **({"image_size": 224} if sized else {}))
    assert count_parameters(model) == ROWS[name].parameters
    rows = layer_table(model, paddle.zeros([1, 3, 224, 224]))
    assert sum(row.macs for row in rows) == ROWS[name].macs


@pytest.mark.parametrize("name", TORCHVISION)
def test_counts_equal_the_published_ones(name):
    parameters, giga_macs = TORCHVISION[name]
    assert ROWS[name].parameters == parameters
    assert round(ROWS[name].macs / 1e9, 3) == giga_macs


def test_every_row_has_a_recipe():
    assert {one.recipe for one in IMAGENET} == set(RECIPES)
    assert set(ROWS) - set(TORCHVISION) == {"mobilenet_v1"}  # 抄自它的论文
    assert len({(one.network, one.recipe) for one in IMAGENET}) == len(IMAGENET)


@pytest.mark.parametrize("name", figures.FIGURES)
def test_figure_is_written(name, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "label", lambda chinese, english: english)
    path = tmp_path / f"{name}.png"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # 缺字形、坐标轴越界
        figures.FIGURES[name](path)
    assert path.stat().st_size > 10_000
