"""网络的字典：名字 -> 构造函数所在之处。

导入本模块不会导入 paddle，所以写错的名字在 paddle 启动之前就能指出来。
加一个网络只需在 :data:`MODELS` 里加一行。
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paddle_notes.errors import UserError, explain, short, suggestion

if TYPE_CHECKING:
    import numpy as np
    from paddle import nn

MODELS: dict[str, str] = {
    "linear_regression": "paddle_notes.ch02_linear_models.linear_regression:LinearRegression",
    "softmax_regression": "paddle_notes.ch02_linear_models.softmax_regression:SoftmaxRegression",
    "svm": "paddle_notes.ch02_linear_models.svm:LinearSVM",
    "mlp": "paddle_notes.ch03_neural_networks.mlp:MLP",
    "kernel_stack": "paddle_notes.ch04_convolution.kernel_stack:KernelStack",
    "lenet": "paddle_notes.ch05_classic_cnn.lenet:LeNet",
    "alexnet": "paddle_notes.ch05_classic_cnn.alexnet:alexnet",
    "alexnet_one_tower": "paddle_notes.ch05_classic_cnn.alexnet:alexnet_one_tower",
    "vgg11": "paddle_notes.ch05_classic_cnn.vgg:vgg11",
    "vgg13": "paddle_notes.ch05_classic_cnn.vgg:vgg13",
    "vgg16": "paddle_notes.ch05_classic_cnn.vgg:vgg16",
    "vgg19": "paddle_notes.ch05_classic_cnn.vgg:vgg19",
    "nin": "paddle_notes.ch05_classic_cnn.nin:nin",
    "nin_cifar": "paddle_notes.ch05_classic_cnn.nin:nin_cifar",
    "googlenet": "paddle_notes.ch06_modern_cnn.googlenet:GoogLeNet",
    "resnet18": "paddle_notes.ch06_modern_cnn.resnet:resnet18",
    "resnet34": "paddle_notes.ch06_modern_cnn.resnet:resnet34",
    "resnet50": "paddle_notes.ch06_modern_cnn.resnet:resnet50",
    "resnet101": "paddle_notes.ch06_modern_cnn.resnet:resnet101",
    "resnet152": "paddle_notes.ch06_modern_cnn.resnet:resnet152",
    "plain18": "paddle_notes.ch06_modern_cnn.resnet:plain18",
    "plain34": "paddle_notes.ch06_modern_cnn.resnet:plain34",
    "resnet20": "paddle_notes.ch06_modern_cnn.resnet_cifar:resnet20",
    "resnet32": "paddle_notes.ch06_modern_cnn.resnet_cifar:resnet32",
    "resnet56": "paddle_notes.ch06_modern_cnn.resnet_cifar:resnet56",
    "plain20": "paddle_notes.ch06_modern_cnn.resnet_cifar:plain20",
    "plain56": "paddle_notes.ch06_modern_cnn.resnet_cifar:plain56",
    "densenet121": "paddle_notes.ch06_modern_cnn.densenet:densenet121",
    "densenet169": "paddle_notes.ch06_modern_cnn.densenet:densenet169",
    "densenet201": "paddle_notes.ch06_modern_cnn.densenet:densenet201",
    "densenet40": "paddle_notes.ch06_modern_cnn.densenet:densenet40",
    "squeezenet1_0": "paddle_notes.ch06_modern_cnn.squeezenet:squeezenet1_0",
    "squeezenet1_1": "paddle_notes.ch06_modern_cnn.squeezenet:squeezenet1_1",
    "mobilenet_v1": "paddle_notes.ch06_modern_cnn.mobilenet_v1:MobileNetV1",
    "mobilenet_v2": "paddle_notes.ch06_modern_cnn.mobilenet_v2:MobileNetV2",
    "shufflenet_v2_x0_5": "paddle_notes.ch06_modern_cnn.shufflenet_v2:shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0": "paddle_notes.ch06_modern_cnn.shufflenet_v2:shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5": "paddle_notes.ch06_modern_cnn.shufflenet_v2:shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0": "paddle_notes.ch06_modern_cnn.shufflenet_v2:shufflenet_v2_x2_0",
    "forecaster": "paddle_notes.ch07_recurrent.forecaster:Forecaster",
    "text_rnn": "paddle_notes.ch07_recurrent.sentiment:TextRNN",
    "text_cnn": "paddle_notes.ch07_recurrent.text_cnn:TextCNN",
    "char_lstm": "paddle_notes.ch07_recurrent.char_lm:CharLSTM",
    "seq2seq": "paddle_notes.ch07_recurrent.seq2seq:Seq2Seq",
    "caption_net": "paddle_notes.ch07_recurrent.caption:CaptionNet",
    "word2vec": "paddle_notes.ch08_word_vectors.word2vec_layer:word2vec",
    "neural_lm": "paddle_notes.ch08_word_vectors.neural_lm:NeuralLM",
    "transformer": "paddle_notes.ch10_transformer.transformer:Transformer",
    "gpt": "paddle_notes.ch10_transformer.gpt:GPT",
    "gan": "paddle_notes.ch09_generative.gan:GAN",
    "dcgan": "paddle_notes.ch09_generative.dcgan:DCGAN",
}

VECTORS_STD = 0.2  # 词嵌入的初值取自别处时的标准差：字符 LSTM 第一轮的验证损失在 0.05 到 1.3 之间以它最低


def check_name(name: str) -> str:
    """名字在字典里就原样返回，否则给出最接近的名字（:class:`UserError`）。"""
    if name not in MODELS:
        raise UserError(f"没有名为 {name} 的网络；{suggestion(name, MODELS)}")
    return name


def constructor(name: str) -> Callable[..., nn.Layer]:
    """导入并返回名为 ``name`` 的构造函数（这一步会导入 paddle）。"""
    module, function = MODELS[check_name(name)].split(":")
    return getattr(importlib.import_module(module), function)


def resolve_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """按构造函数的签名检查选项、转换类型、补上默认值，返回完整的选项。

    YAML 与命令行给出的值可以是字符串（``"false"``、``"0.5"``），类型以构造函数的注解为准。
    不认识的选项、类型不符的值都是 :class:`UserError`。
    """
    parameters = inspect.signature(constructor(name)).parameters
    resolved = {key: parameter.default for key, parameter in parameters.items()}
    resolved |= check_options(name, options)
    for key, value in resolved.items():
        if value is inspect.Parameter.empty:
            raise UserError(f"网络 {name} 的选项 model.{key} 没有给出")
    return resolved


def check_options(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """按构造函数的签名检查写出的选项，返回转换过类型的；没有写出的不管。"""
    from pydantic import TypeAdapter, ValidationError

    parameters = inspect.signature(constructor(name), eval_str=True).parameters
    checked = {}
    for key, value in options.items():
        if key not in parameters:
            raise UserError(f"网络 {name} 没有选项 model.{short(key)}；{suggestion(key, parameters)}")
        try:
            checked[key] = TypeAdapter(parameters[key].annotation).validate_python(value)
        except ValidationError as error:
            raise UserError(f"model.{key} {explain(error.errors()[0])}") from error
        check_range(key, checked[key])
    return checked


def check_range(key: str, value: Any) -> None:
    """选项里的整数都是个数或大小，至少为 1；dropout 是概率，小于 1。"""
    if type(value) is int and value < 1:
        raise UserError(f"model.{key} 应为正整数，得到 {value}")
    if key == "dropout" and not 0 <= value < 1:
        raise UserError(f"model.dropout 应在 0 与 1 之间（不含 1），得到 {value}")


def build(name: str, **options: Any) -> nn.Layer:
    """造一个网络，例如 ``build("vgg16", num_classes=10, image_size=32)``。

    选项取不合适的值（如图像太小）时抛出 :class:`UserError`。
    参数名每次从头编号：优化器的状态以参数名为键，换一个进程也要对得上。
    """
    options = resolve_options(name, options)

    import paddle

    from paddle_notes import fast_conv

    with paddle.utils.unique_name.guard():
        try:
            model = constructor(name)(**options)
        except ValueError as error:
            # 构造函数不知道它的选项在配置里写在 model 之下
            keys = rf"(?<![A-Za-z0-9_.])({'|'.join(options)})(?![A-Za-z0-9_])"
            said = re.sub(keys, r"model.\1", str(error))
            raise UserError(f"造不出网络 {name}：{said}") from error
    fast_conv.speed_up(model)
    return model


def options_from_config(config, info) -> dict[str, Any]:
    """照 ``config``（ModelConfig）与数据的说明定出网络的完整选项。

    ``info.facts()`` 里的选项（类别数、图像边长、词表大小……）随数据而定；
    配置里写了而与数据不符是 :class:`UserError`。``info.unbounded()`` 是这份数据没有上限的选项与办法，
    网络要它也是 :class:`UserError`。
    """
    options, facts = config.options(), info.facts()
    accepted = inspect.signature(constructor(config.name)).parameters
    for key, remedy in info.unbounded().items():
        if key in accepted:
            raise UserError(f"网络 {config.name} 要有上限 model.{key}，而{remedy}")
    for key, value in facts.items():
        if key in options and str(options[key]) != str(value):
            raise UserError(f"model.{key} 是 {options[key]}，数据却是 {value}；请删去它，它随数据而定")
        if key in accepted:
            options[key] = value
    required = [key for key, parameter in accepted.items() if parameter.default is parameter.empty]
    if info.input_size not in accepted or not set(required) <= set(options):
        raise UserError(f"网络 {config.name} 用不了这种数据（{info.kind}）；请换一个网络，或换一个数据集")
    return resolve_options(config.name, options)


def build_from_config(config, info) -> tuple[nn.Layer, dict[str, Any]]:
    """照 :func:`options_from_config` 的选项造网络，返回网络与它的完整选项（含 name）。"""
    options = options_from_config(config, info)
    return build(config.name, **options), {"name": config.name, **options}


def start_embedding(model: nn.Layer, table: np.ndarray, found: np.ndarray) -> None:
    """``model.embedding`` 里 ``found`` (V,) 为真的各行由 ``table`` (V, D) 的开始。

    各家词向量的大小相差很远，所以平移到均值为 0，再缩放到标准差 :data:`VECTORS_STD`，学习率才不必跟着改。
    网络没有词嵌入、维数不符时抛 :class:`UserError`。
    """
    import paddle

    embedding = getattr(model, "embedding", None)
    if not isinstance(embedding, paddle.nn.Embedding):
        raise UserError("这个网络没有词嵌入，用不了 train.vectors，请删去它")
    weight = embedding.weight.numpy()  # (V, D)
    if weight.shape != table.shape:
        raise UserError(
            f"网络的词嵌入是 {weight.shape[1]} 维，train.vectors 的是 {table.shape[1]} 维；请改网络的维数"
        )
    rows = table[found] - table[found].mean(0)
    weight[found] = rows * (VECTORS_STD / rows.std())
    embedding.weight.set_value(weight)
