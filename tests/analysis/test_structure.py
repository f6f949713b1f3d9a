"""结构图：数据流与网络的代码一致，参数一个不少，换上的函数都换了回来。"""

from __future__ import annotations

import inspect
import re
from xml.etree import ElementTree

import paddle
import pytest
from paddle import nn

from paddle_notes import models
from paddle_notes.analysis.diagrams import DIAGRAMS
from paddle_notes.analysis.grouping import block_kind, collapse, merge, part, simplify
from paddle_notes.analysis.layout import draw
from paddle_notes.analysis.structure import trace
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.errors import UserError


def signature(name: str):
    return inspect.signature(models.constructor(name)).parameters


IMAGE_NETWORKS = [  # 只要一张图就能推理的网络
    name
    for name in models.MODELS
    if "in_channels" in signature(name) and name not in ("caption_net", "gan", "dcgan")
]


def traced(name: str, **options):
    """小图像上的网络与它的数据流。"""
    known = signature(name)
    options |= {"num_classes": 10} if known["num_classes"].default is inspect.Parameter.empty else {}
    if "image_size" in known:
        options.setdefault("image_size", 28 if name in ("lenet", "mlp") else 96)
    model = models.build(name, **options)
    channels = options.get("in_channels", known["in_channels"].default)
    side = options.get("image_size", 64)
    return model, trace(model, paddle.zeros([1, channels, side, side]))


def test_lenet_box_by_box():
    _, graph = traced("lenet")
    boxes = [(node.kind, node.extras, node.shape, node.parameters) for node in simplify(graph).nodes]
    assert boxes == [
        ("输入", (), (1, 28, 28), 0),
        ("卷积 5×5，6", ("ReLU",), (6, 28, 28), 156),
        ("最大池化 2×2", (), (6, 14, 14), 0),
        ("卷积 5×5，16", ("ReLU",), (16, 10, 10), 2416),
        ("最大池化 2×2", (), (16, 5, 5), 0),
        ("展平", (), (400,), 0),
        ("全连接 120", ("ReLU",), (120,), 48120),
        ("全连接 84", ("ReLU",), (84,), 10164),
        ("全连接 10", (), (10,), 850),
    ]


def kinds(graph, *names: str):
    return [node for node in graph.nodes if node.kind in names]


def test_resnet18_adds_eight_times():
    _, graph = traced("resnet18")
    added = kinds(graph, "相加")
    assert len(added) == 8
    assert all(len(set(node.inputs)) == 2 for node in added)
    # 恒等的捷径直接来自前一块的 ReLU，减半的来自投影的批量归一化
    sources = [sorted(graph.nodes[source].kind for source in node.inputs) for node in added]
    assert sources[1] == ["ReLU", "批量归一化"] and sources[2] == ["批量归一化", "批量归一化"]
    stages = [(node.kind, node.repeat, node.shape) for node in simplify(graph).nodes if node.role == "block"]
    assert stages == [
        ("残差块", 2, (width, side, side)) for width, side in ((64, 16), (128, 8), (256, 4), (512, 2))
    ]
    assert kinds(traced("plain18")[1], "相加") == []


def test_inception_joins_four_branches():
    _, graph = traced("googlenet")
    joins = kinds(graph, "拼接")
    assert len(joins) == 9 and all(len(set(node.inputs)) == 4 for node in joins)
    block = merge(part(graph, "inceptions.3a"))
    (join,) = kinds(block, "拼接")
    assert [block.nodes[source].shape[0] for source in join.inputs] == [64, 128, 32, 32]
    first = [node.kind for node in block.nodes if node.inputs == (0,)]
    assert first == ["卷积 1×1，64", "卷积 1×1，96", "卷积 1×1，16", "最大池化 3×3，步幅 1"]


def test_auxiliary_heads_are_drawn_only_on_request():
    model, graph = traced("googlenet")
    heads = sum(count_parameters(head) for head in (model.aux1, model.aux2))
    assert sum(node.parameters for node in graph.unused) == heads
    full = simplify(trace(model, paddle.zeros([1, 3, 96, 96]), auxiliary=True))
    heads = kinds(full, "辅助分类器")
    assert [full.nodes[head.inputs[0]].kind for head in heads] == ["Inception 4a", "Inception 4d"]
    assert full.unused == () and full.parameters == count_parameters(model)


def test_densenet_concatenates_once_a_layer():
    _, graph = traced("densenet121")
    joins = kinds(graph, "拼接")
    assert len(joins) == 6 + 12 + 24 + 16
    assert joins[0].shape[0] == 64 + 32 and joins[5].shape[0] == 256
    folded = [(node.kind, node.repeat) for node in simplify(graph).nodes if node.role == "block"]
    assert folded == [
        *[("稠密层", 6), ("过渡层", 1), ("稠密层", 12), ("过渡层", 1)],
        *[("稠密层", 24), ("过渡层", 1), ("稠密层", 16)],
    ]


def test_shuffle_unit():
    _, graph = traced("shufflenet_v2_x1_0")
    unit = merge(part(graph, "stage2.1"))
    assert [node.kind for node in unit.nodes] == [
        *["输入", "平分通道", "卷积 1×1，58", "逐通道卷积 3×3", "卷积 1×1，58", "拼接", "洗牌"]
    ]
    assert sorted(unit.nodes[5].inputs) == [1, 4]  # 一半通道不经过卷积


@pytest.mark.parametrize("name", IMAGE_NETWORKS)
def test_every_parameter_is_in_the_picture(name):
    model, graph = traced(name)
    assert graph.parameters == count_parameters(model)
    assert simplify(graph).parameters == count_parameters(model)
    assert len(kinds(graph, "输入")) == 1
    assert all(node.inputs for node in graph.nodes[1:])  # 没有断开的方框
    ends = [index for index, targets in enumerate(graph.consumers()) if not targets]
    assert ends == [len(graph.nodes) - 1]


def test_all_image_networks_are_listed():
    assert {"lenet", "vgg16", "googlenet", "resnet152", "densenet201", "svm", "mlp"} <= set(IMAGE_NETWORKS)
    assert len(IMAGE_NETWORKS) >= 35


def everything() -> list[dict]:
    """可能被换掉的函数。"""
    from paddle.nn import functional as F

    return [dict(vars(owner)) for owner in (paddle.Tensor, paddle, paddle._C_ops, F)]


class Broken(nn.Layer):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        x = self.dropout(self.linear(x)) + x
        raise ValueError("坏了")


def test_nothing_stays_patched_even_after_an_error():
    before, model = everything(), Broken()
    with pytest.raises(ValueError, match="坏了"):
        trace(model, paddle.zeros([2, 3]))
    for old, new in zip(before, everything()):
        assert [name for name in {*old, *new} if old.get(name) is not new.get(name)] == []
    assert model.training and model.linear.training and model.dropout.training
    assert not model.linear._forward_post_hooks and not model.linear._forward_pre_hooks


def test_tracing_changes_nothing():
    model, _ = traced("resnet18", stem="small", width=8)
    model.train()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    state = paddle.get_rng_state()[0].current_seed()
    trace(model, paddle.randn([2, 3, 32, 32]))
    assert all((value.numpy() == before[name]).all() for name, value in model.state_dict().items())
    assert all(layer.training for layer in model.sublayers(include_self=True))
    assert paddle.get_rng_state()[0].current_seed() == state


class Small(nn.Layer):
    """自己的网络：捷径、共用一层、恒等的丢弃、参数写在模块里。"""

    def __init__(self):
        super().__init__()
        self.linear, self.dropout = nn.Linear(4, 4), nn.Dropout(0.5)
        self.bias = self.create_parameter([4], is_bias=True)

    def forward(self, x):
        y = self.dropout(x)
        y = self.linear(self.linear(y)) + self.bias
        return paddle.concat([x + y, 2.0 * x], axis=1)


def test_small_network():
    model = Small()
    graph = trace(model, paddle.zeros([1, 4]))
    assert [(node.kind, node.inputs, node.parameters) for node in graph.nodes] == [
        ("输入", (), 0),
        ("丢弃法 0.5", (0,), 0),
        ("全连接 4", (1,), 20),
        ("全连接 4", (2,), 0),  # 共用的参数只算一次
        ("加偏置", (3,), 4),
        ("相加", (0, 4), 0),
        ("拼接", (5, 0), 0),
    ]
    assert graph.parameters == count_parameters(model)


def test_transformer_layers():
    model = models.build(
        "transformer", src_vocab_size=11, tgt_vocab_size=13, d_model=8, num_heads=2, dim_feedforward=16
    )
    graph = trace(model, paddle.ones([1, 5], "int64"), paddle.ones([1, 7], "int64"))
    assert graph.parameters == count_parameters(model)
    whole = simplify(graph)
    layers = [(node.kind, node.repeat, len(node.inputs)) for node in whole.nodes if node.role == "block"]
    assert layers == [("编码器层", 6, 1), ("解码器层", 6, 2)]
    decoder = collapse(
        part(graph, "decoder.0", labels=("编码器的输出", "输入")),
        lambda name: block_kind(graph, name),
        inside="decoder.0",
    )
    assert [node.shape for node in kinds(decoder, "编码器的输出", "输入")] == [(5, 8), (7, 8)]
    assert len(kinds(decoder, "相加")) == 3 and len(kinds(decoder, "多头注意力")) == 2


def test_unknown_part():
    with pytest.raises(UserError, match="没有名为 featurs 的模块；你是不是想写 features？"):
        part(traced("lenet")[1], "featurs")


NAMESPACE = "{http://www.w3.org/2000/svg}"


def boxes_of(path):
    """图里的方框：(左, 上, 右, 下)。"""
    tree = ElementTree.parse(path)
    found = []
    for one in tree.iter(f"{NAMESPACE}rect"):
        x, y, width, height = (float(one.get(key)) for key in ("x", "y", "width", "height"))
        found.append((x, y, x + width, y + height))
    return found


def overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize("module", [None, "inceptions.3a"])
def test_the_picture(module, tmp_path):
    graph = traced("googlenet")[1]
    graph = merge(part(graph, module)) if module else simplify(graph)
    draw(graph, tmp_path / "a.svg", "GoogLeNet")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    boxes = boxes_of(tmp_path / "a.svg")
    assert len(boxes) == len(graph.nodes) + bool(graph.unused)
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert f"{graph.parameters:,} 个参数" in text
    assert "prefers-color-scheme:dark" in text and '"Noto Sans CJK SC"' in text
    left, top, width, height = map(float, re.search(r'viewBox="([^"]+)"', text)[1].split())
    assert all(left <= a and top <= b and c <= left + width and d <= top + height for a, b, c, d in boxes)


def test_skip_line_is_bowed_around(tmp_path):
    graph = traced("resnet18")[1]
    draw(merge(part(graph, "stage1.0")), tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    (line,) = re.findall(r'<path class="j" d="([^"]+)"', text)
    right = max(box[2] for box in boxes_of(tmp_path / "a.svg"))
    assert max(float(x) for x in re.findall(r"[ML](-?[\d.]+) ", line)) > right + 10


@pytest.mark.parametrize("name", DIAGRAMS)
def test_diagrams(name, tmp_path):
    DIAGRAMS[name](tmp_path / "a.svg")
    tree = ElementTree.parse(tmp_path / "a.svg")
    assert tree.findtext(f"{NAMESPACE}title")
    assert (tmp_path / "a.svg").stat().st_size < 60_000
