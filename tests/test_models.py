"""网络的字典：每个网络都造得出、算得对形状，写错的名字与选项有建议。"""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import numpy as np
import paddle
import pytest

from paddle_notes import models
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.data.info import ImageInfo
from paddle_notes.data.preprocess import Preprocess
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything

# 图像边长的候选：每个网络用它能接受的最小的一个
SIZES = (32, 64, 96, 224)


def options_of(name: str) -> set[str]:
    return set(inspect.signature(models.constructor(name)).parameters)


# 给图像分类的网络；序列等别的网络在它们那一章的测试里
CLASSIFIERS = [name for name in models.MODELS if {"in_channels", "num_classes"} <= options_of(name)]


def build_small(name: str, **options):
    """造一个尽量小的网络，返回它与一批合适的输入。"""
    parameters = inspect.signature(models.constructor(name)).parameters
    channels = parameters["in_channels"].default if "in_channels" in parameters else 3
    options.setdefault("num_classes", 7)
    if "image_size" not in parameters:
        return models.build(name, **options), paddle.randn([2, channels, 64, 64])
    for size in SIZES:
        try:
            model = models.build(name, image_size=size, **options)
        except UserError as error:
            assert "图像至少要" in str(error)
        else:
            return model, paddle.randn([2, channels, size, size])
    raise AssertionError(f"{name} 不接受 {SIZES} 中的任何边长")


# ---------------------------------------------------------------- 每个网络


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_builds_and_classifies(name):
    seed_everything(0)
    model, images = build_small(name)
    model.eval()
    with paddle.no_grad():
        logits = model(images)
    assert logits.shape == [2, 7]
    assert logits.dtype == paddle.float32
    assert bool(paddle.isfinite(logits).all())
    trainable = [parameter for parameter in model.parameters() if not parameter.stop_gradient]
    assert len({parameter.name for parameter in trainable}) == len(trainable)


@pytest.mark.parametrize("name", models.MODELS)
def test_module_has_a_chinese_introduction(name):
    """每章的文件开头说明想法与论文；构造函数说明每个选项。"""
    module = models.MODELS[name].split(":")[0]
    assert module.split(".")[1].startswith("ch")
    constructor = models.constructor(name)
    introduction = inspect.getmodule(getattr(constructor, "func", constructor)).__doc__
    assert "论文" in introduction or module < "paddle_notes.ch04"  # 线性模型早于论文
    described = getattr(constructor, "func", constructor).__doc__
    for option in inspect.signature(constructor).parameters:
        assert f"{option}: " in described or f"{option}、" in described or f"、{option}" in described


def test_same_seed_same_weights_and_names():
    def build():
        seed_everything(3)
        return models.build("lenet")

    first, second = build(), build()
    assert [p.name for p in first.parameters()] == [p.name for p in second.parameters()]
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(first.parameters(), second.parameters()))


# ---------------------------------------------------------------- 参数个数


@pytest.mark.parametrize("form", ["original", "modern"])
def test_lenet_parameters(form):
    assert count_parameters(models.build("lenet", num_classes=10, form=form)) == 61_706


@pytest.mark.parametrize(
    ("name", "count"),
    [("vgg11", 132_863_336), ("vgg13", 133_047_848), ("vgg16", 138_357_544), ("vgg19", 143_667_240)],
)
def test_vgg_parameters(name, count):
    with paddle.LazyGuard():  # 只定形状，不花时间初始化
        assert count_parameters(models.build(name, num_classes=1000, image_size=224)) == count


def test_running_statistics_are_not_counted():
    assert count_parameters(paddle.nn.BatchNorm2D(8)) == 16


# ---------------------------------------------------------------- 名字与选项


@pytest.mark.parametrize(
    ("name", "meant"), [("vgg61", "vgg16"), ("VGG-19", "vgg19"), ("lenet5", "lenet"), ("LeNet", "lenet")]
)
def test_misspelt_name(name, meant):
    with pytest.raises(UserError, match=f"没有名为 {name} 的网络；你是不是想写 {meant}？"):
        models.build(name)


def test_name_like_nothing_lists_some():
    with pytest.raises(UserError, match=rf"可用的有：alexnet、.*lenet、.*……共 {len(models.MODELS)} 个"):
        models.check_name("qqqqqqqq")


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("lenet", {"from": "modern"}, "网络 lenet 没有选项 model.from；你是不是想写 form？"),
        ("vgg16", {"batchnorm": True}, "网络 vgg16 没有选项 model.batchnorm；你是不是想写 batch_norm？"),
        ("vgg16", {"configuration": "A"}, "网络 vgg16 没有选项 model.configuration"),
        ("lenet", {"form": "moden"}, "model.form 没有 'moden' 这种取值；你是不是想写 modern？"),
        ("lenet", {"num_classes": "ten"}, "model.num_classes 应为整数，得到 'ten'"),
        ("vgg11", {"dropout": "half"}, "model.dropout 应为数，得到 'half'"),
        ("vgg11", {"batch_norm": "maybe"}, "model.batch_norm 应为 true 或 false，得到 'maybe'"),
        ("lenet", {"image_size": 8}, "图像至少要 12×12，得到 8×8"),
        ("vgg16", {"image_size": 28}, "图像至少要 32×32，得到 28×28；请把 data.image_size 设为 32 以上"),
    ],
)
def test_bad_options(name, options, expected):
    with pytest.raises(UserError) as caught:
        models.build(name, **options)
    assert expected in str(caught.value)


def test_options_given_as_text_are_converted():
    options = models.resolve_options("vgg16", {"dropout": "0.25", "batch_norm": "false", "num_classes": "10"})
    assert options == {
        "num_classes": 10,
        "in_channels": 3,
        "image_size": 224,
        "batch_norm": False,
        "dropout": 0.25,
        "large_classifier": True,
    }


# ---------------------------------------------------------------- 由数据定的选项

INFO = ImageInfo(class_names=list("0123456789"), preprocess=Preprocess(1, 28, (0.5,), (0.25,), 28))


def config(name: str = "lenet", **options):
    return SimpleNamespace(name=name, options=lambda: options)


def test_data_decides_the_sizes():
    model, options = models.build_from_config(config(form="original"), INFO)
    assert options == {
        "name": "lenet",
        "num_classes": 10,
        "in_channels": 1,
        "image_size": 28,
        "form": "original",
    }
    assert model(paddle.zeros([1, 1, 28, 28])).shape == [1, 10]
    assert models.build(**options).state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize(
    ("key", "value", "fact"), [("num_classes", 9, 10), ("in_channels", 3, 1), ("image_size", 32, 28)]
)
def test_sizes_that_disagree_with_the_data(key, value, fact):
    with pytest.raises(UserError, match=f"model.{key} 是 {value}，数据却是 {fact}"):
        models.build_from_config(config(**{key: value}), INFO)


def test_sizes_that_agree_with_the_data():
    _, options = models.build_from_config(config(num_classes=10, image_size=28), INFO)
    assert options["num_classes"] == 10


def test_looking_up_names_does_not_import_paddle(run_python):
    code = (
        "import sys\nfrom paddle_notes import models\nfrom paddle_notes.errors import UserError\n"
        "try:\n    models.check_name('vgg61')\nexcept UserError as error:\n    print(error)\n"
        "print({'paddle', 'matplotlib', 'numpy'} & set(sys.modules))"
    )
    result = run_python(code)
    assert result.out.splitlines() == ["没有名为 vgg61 的网络；你是不是想写 vgg16？", "set()"], result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": "1.5"}, "model.dropout 应在 0 与 1 之间"),
        ({"dropout": -0.1}, "model.dropout 应在 0 与 1 之间"),
        ({"num_classes": 0}, "model.num_classes 应为正整数"),
        ({"in_channels": -3}, "model.in_channels 应为正整数"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(UserError, match=message):
        models.resolve_options("vgg16", options)
