"""结构图里画哪些网络与块：输入的形状、块在哪个网络里。工具是 tools/structure.py。"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

# 输入不是图像（或没有默认的大小）的网络：选项，各个输入的名字、形状、类型
INPUTS: dict[str, tuple[dict[str, Any], list[tuple[str, list[int], str]]]] = {
    "linear_regression": ({"num_features": 2}, [("特征", [1, 2], "float32")]),
    "forecaster": ({"cell": "lstm"}, [("过去的值", [1, 36, 1], "float32")]),
    "text_rnn": (
        {"vocab_size": 10000, "num_classes": 2},
        [("词元", [1, 64], "int64"), ("句长", [1], "int64")],
    ),
    "text_cnn": (
        {"vocab_size": 10000, "num_classes": 2},
        [("词元", [1, 64], "int64"), ("句长", [1], "int64")],
    ),
    "char_lstm": ({"vocab_size": 3000}, [("词元", [1, 64], "int64")]),
    "caption_net": ({"vocab_size": 30}, [("图像", [1, 1, 64, 64], "float32"), ("词元", [1, 12], "int64")]),
    "word2vec": (
        {"vocab_size": 5000},
        [("中心词", [1], "int64"), ("上下文", [1], "int64"), ("反例", [1, 5], "int64")],
    ),
    "neural_lm": ({"vocab_size": 5000}, [("前面的词", [1, 4], "int64")]),
    "transformer": (
        {"src_vocab_size": 10000, "tgt_vocab_size": 10000},
        [("源句", [1, 20], "int64"), ("目标句", [1, 24], "int64")],
    ),
    "seq2seq": (
        {"src_vocab_size": 50, "tgt_vocab_size": 20},
        [("源句", [1, 16], "int64"), ("上一个字", [1, 1], "int64")],
    ),
    "gpt": ({"vocab_size": 3000}, [("词元", [1, 64], "int64")]),
}
CLASSES = 10  # 没有默认类别数的网络，画手写数字的


class Block(NamedTuple):
    """课程里的一个块：哪个网络里的哪几个模块，输入叫什么。"""

    network: str
    modules: tuple[str, ...]
    title: str
    labels: tuple[str, ...] = ("输入",)
    closed: str = ""  # 合成一个方框的模块的名字的末尾，与它叫什么
    closed_kind: str = ""


BLOCKS = {
    "vgg_block": Block("vgg16", tuple(f"features.{i}" for i in range(5, 10)), "VGG 的一段"),
    "nin_block": Block("nin", ("features.0",), "NiN 块"),
    "inception": Block("googlenet", ("inceptions.3a",), "Inception 3a"),
    "residual_block": Block("resnet18", ("stage1.0",), "残差块"),
    "residual_block_half": Block("resnet18", ("stage2.0",), "残差块（减半）"),
    "bottleneck_block": Block("resnet50", ("stage1.1",), "瓶颈块"),
    "residual_block_cifar": Block("resnet20", ("stage2.0",), "残差块（补零）"),
    "dense_layer": Block("densenet121", ("stages.block1.0",), "稠密层"),
    "dense_block": Block(
        "densenet121", ("stages.block1",), "稠密块", closed="new_features", closed_kind="新的特征"
    ),
    "transition": Block("densenet121", ("stages.transition1",), "过渡层"),
    "fire": Block("squeezenet1_1", ("features.fire2",), "fire 模块"),
    "depthwise_separable": Block("mobilenet_v1", ("stages.stage1.0",), "深度可分离卷积"),
    "inverted_residual": Block("mobilenet_v2", ("stages.stage2.1",), "倒残差块"),
    "shuffle_unit": Block("shufflenet_v2_x1_0", ("stage2.1",), "ShuffleNet 单元"),
    "shuffle_unit_half": Block("shufflenet_v2_x1_0", ("stage2.0",), "ShuffleNet 单元（减半）"),
    "encoder_layer": Block("transformer", ("encoder.0",), "编码器层"),
    "decoder_layer": Block("transformer", ("decoder.0",), "解码器层", ("编码器的输出", "输入")),
    "multi_head_layer": Block("transformer", ("encoder.0.self_attention",), "多头注意力"),
    "gpt_layer": Block("gpt", ("layers.0",), "GPT 的一层"),
}


def build(name: str):
    """造网络与一份输入（名字 -> 张量）：图像是论文的大小（不限大小的是 224），全零。"""
    import inspect

    import paddle

    from paddle_notes import models

    options, shapes = INPUTS.get(name, ({}, []))
    options = dict(options)
    classes = inspect.signature(models.constructor(name)).parameters.get("num_classes")
    if classes is not None and classes.default is inspect.Parameter.empty:
        options.setdefault("num_classes", CLASSES)
    model = models.build(name, **options)
    if not shapes:
        settings = models.resolve_options(name, options)
        small = ".resnet_cifar:" in models.MODELS[name]
        side = settings.get("image_size", 32 if small else 224)
        shapes = [("输入", [1, settings["in_channels"], side, side], "float32")]
    return model, {label: paddle.zeros(shape, dtype) for label, shape, dtype in shapes}


def trace_network(name: str):
    """网络的数据流。GAN 由噪声开始：生成器造出图像，判别器来看。"""
    import paddle

    from paddle_notes.analysis.structure import trace

    model, inputs = build(name)
    if name in ("gan", "dcgan"):
        noise = paddle.zeros([1, model.latent_size])
        return trace(model, noise, labels=["噪声"], run=lambda z: model.discriminator(model.generator(z)))
    return trace(model, *inputs.values(), labels=list(inputs), auxiliary=name == "googlenet")


def draw_network(name: str, path: Path, block: str | None = None, detail: bool = False) -> None:
    """画一个网络，或它的一个模块。"""
    from paddle_notes.analysis.grouping import part, simplify
    from paddle_notes.analysis.layout import draw

    graph = trace_network(name)
    if block is not None:
        graph = part(graph, block)
        draw(simplify(graph, blocks=False, repeats=False), path, f"{name} 的 {block}")
    else:
        draw(simplify(graph, blocks=not detail, repeats=not detail), path, name)


def draw_block(name: str, path: Path) -> None:
    """画课程里的一个块。"""
    from paddle_notes.analysis.grouping import block_kind, collapse, merge, part
    from paddle_notes.analysis.layout import draw

    block = BLOCKS[name]
    whole = trace_network(block.network)
    graph = part(whole, *block.modules, labels=block.labels)
    if block.closed:
        graph = collapse(graph, lambda module: block.closed_kind if module.endswith(block.closed) else None)
    elif len(block.modules) == 1:
        graph = collapse(graph, lambda module: block_kind(whole, module), inside=block.modules[0])
    draw(merge(graph), path, block.title)
