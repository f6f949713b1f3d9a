"""把 :func:`.structure.trace` 记下的数据流合并成适合看的一张图。

卷积与其后的批量归一化、ReLU 是一个方框，一个残差块是一个方框，几个相同的是一个“×n”；:func:`part` 取出一个块。
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from paddle_notes.analysis.structure import Graph, Node
from paddle_notes.errors import UserError, suggestion

# 类名 -> 中文的种类；这些模块在网络一级的图里各是一个方框
BLOCKS = {
    "BasicBlock": "残差块",
    "Bottleneck": "瓶颈块",
    "ResidualBlock": "残差块",
    "Inception": "Inception",
    "DenseLayer": "稠密层",
    "Fire": "fire 模块",
    "DepthwiseSeparable": "深度可分离卷积",
    "InvertedResidual": "倒残差块",
    "Unit": "ShuffleNet 单元",
    "DownsamplingUnit": "ShuffleNet 单元（减半）",
    "EncoderLayer": "编码器层",
    "DecoderLayer": "解码器层",
    "MultiHeadAttention": "多头注意力",
    "FeedForward": "前馈网络",
}
# 由名字才认得出的块（多半只是 nn.Sequential）：网络的类名，名字的样子，种类
NAMED_BLOCKS = [
    ("GPT", r"layers\.\d+", "GPT 的一层"),
    ("NiN", r"features\.\d+", "NiN 块"),
    ("DenseNet", r"stages\.transition\d+", "过渡层"),
    ("GoogLeNet", r"aux\d", "辅助分类器"),
]
DROPPED = ("多头注意力", "前馈网络", "RNN", "LSTM", "GRU", "双向")  # 其后的丢弃法并进来
GROWING = ("稠密层",)  # 一个接一个、通道逐渐增多的块：形状不同也折叠


def regroup(graph: Graph, groups: Sequence[Sequence[int]], make: Callable[[list[Node]], Node]) -> Graph:
    """``groups`` 里的每一组方框合成一个，由 ``make`` 造（输入由这里填）；其余不动。"""
    owner = {index: min(group) for group in groups for index in group}
    members = {min(group): sorted(group) for group in groups}
    heads = {index: owner.get(index, index) for index in range(len(graph.nodes))}
    made: dict[int, Node] = {}
    for head in sorted(set(heads.values())):
        inside = members.get(head, [head])
        sources = [heads[s] for index in inside for s in graph.nodes[index].inputs if heads[s] != head]
        node = make([graph.nodes[index] for index in inside]) if head in members else graph.nodes[head]
        if head in members:
            sources = list(dict.fromkeys(sources))
        made[head] = replace(node, inputs=tuple(sources))
    order: list[int] = []  # 输入都在前面的次序

    def visit(head: int) -> None:
        if head not in order:
            for source in made[head].inputs:
                visit(source)
            order.append(head)

    for head in made:
        visit(head)
    place = {head: number for number, head in enumerate(order)}
    nodes = [replace(made[head], inputs=tuple(place[s] for s in made[head].inputs)) for head in order]
    return replace(graph, nodes=tuple(nodes))


def block_kind(graph: Graph, name: str) -> str | None:
    """模块 ``name`` 若是一个块，它的中文的种类。"""
    for root, pattern, words in NAMED_BLOCKS:
        if graph.modules.get("") == root and re.fullmatch(pattern, name):
            return words
    kind = graph.modules.get(name, "")
    return f"{kind} {name.split('.')[-1]}" if kind == "Inception" else BLOCKS.get(kind)


def collapse(graph: Graph, kind_of: Callable[[str], str | None] | None = None, inside: str = "") -> Graph:
    """每个块（``kind_of`` 说了算）合成一个方框；套着的只管最外面的，``inside`` 之外的不管。"""
    kind_of = kind_of or (lambda name: block_kind(graph, name))
    blocks: dict[str, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        for scope in node.scopes:
            if scope != inside and scope.startswith(f"{inside}." if inside else "") and kind_of(scope):
                blocks.setdefault(scope, []).append(index)
                break
    consumers = graph.consumers()
    for group in blocks.values():
        absorb(graph, group, consumers)
    names = {tuple(sorted(group)): name for name, group in blocks.items()}

    def make(nodes: list[Node]) -> Node:
        group = tuple(i for i, node in enumerate(graph.nodes) if any(node is one for one in nodes))
        name = names[group]
        leaving = [i for i in group if not set(consumers[i]) <= set(group)] or [group[-1]]
        last = graph.nodes[leaving[-1]]
        parameters = sum(node.parameters for node in nodes)
        outer = last.scopes[: last.scopes.index(name)] if name in last.scopes else last.scopes
        return Node(name, kind_of(name) or "", "block", last.shape, parameters, (), outer)

    return regroup(graph, list(blocks.values()), make)


def absorb(graph: Graph, group: list[int], consumers: list[list[int]]) -> None:
    """把只在这一组内部流动的变形、转置也算进来：它们写在块的方法里，不在任何一层之内。"""
    found = set(group)
    for index in range(min(group), len(graph.nodes)):
        node = graph.nodes[index]
        if node.role == "view" and node.inputs and set(node.inputs) <= found:
            found.add(index)
    for index in sorted(found - set(group), reverse=True):
        if not consumers[index] or not set(consumers[index]) <= found:
            found.discard(index)
    group[:] = sorted(found)


def chains(graph: Graph, joins: Callable[[Node, Node], bool]) -> list[list[int]]:
    """首尾相接、``joins(前, 后)`` 为真的方框排成的链；中间没有岔出去的，另外的输入只能是共有的。"""
    consumers, found = graph.consumers(), []
    taken: set[int] = set()
    for index in range(len(graph.nodes)):
        chain = [index]
        while index not in taken and len(consumers[chain[-1]]) == 1:
            after = consumers[chain[-1]][0]
            extra = set(graph.nodes[after].inputs) - {chain[-1]}  # 各解码器层都看编码器的输出
            if not extra <= set(graph.nodes[chain[-1]].inputs):
                break
            if not joins(graph.nodes[chain[-1]], graph.nodes[after]):
                break
            chain.append(after)
        if len(chain) > 1:
            found.append(chain)
            taken |= set(chain)
    return found


def merge(graph: Graph) -> Graph:
    """卷积（全连接、相加……）与其后的批量归一化、激活、丢弃法合成一个方框；见 :func:`merge_views`。"""
    graph = merge_views(graph)

    def joins(before: Node, after: Node) -> bool:
        if after.kind == "批量归一化" or after.kind == "加偏置":
            return before.role in ("conv", "linear")
        if after.kind.startswith("丢弃法") and before.kind.split()[0] in DROPPED:
            return True
        return after.role == "act" and before.role in ("conv", "linear", "norm", "join", "act")

    def make(nodes: list[Node]) -> Node:
        extras = tuple(node.kind for node in nodes[1:])
        total = sum(node.parameters for node in nodes)
        return replace(nodes[0], shape=nodes[-1].shape, parameters=total, extras=extras)

    return regroup(graph, chains(graph, joins), make)


def merge_views(graph: Graph) -> Graph:
    """几步变形与转置合起来是一件事：通道洗牌、把通道分给各头、把各头拼回来。"""

    def view(node: Node) -> bool:
        return node.kind in ("变形", "转置", "展平")

    words: dict[int, str] = {}
    groups = []
    for chain in chains(graph, lambda before, after: view(before) and view(after)):
        kinds = [graph.nodes[index].kind for index in chain]
        shape, after = graph.nodes[graph.nodes[chain[0]].inputs[0]].shape, graph.nodes[chain[-1]].shape
        if kinds == ["变形", "转置", "变形"] and shape == after:
            words[chain[-1]] = "洗牌"
        elif kinds == ["变形", "转置"] and len(shape or ()) + 1 == len(after or ()):
            words[chain[-1]] = "分成各头"
        elif kinds == ["转置", "展平"]:
            words[chain[-1]] = "各头拼接"
        else:
            continue
        groups.append(chain)
    places = {id(graph.nodes[index]): word for index, word in words.items()}
    return regroup(graph, groups, lambda nodes: replace(nodes[-1], kind=places[id(nodes[-1])]))


def fold(graph: Graph) -> Graph:
    """一连几个相同的方框（种类与输出形状都相同）折叠成一个“×n”。"""

    def joins(before: Node, after: Node) -> bool:
        alike = before.kind == after.kind and before.extras == after.extras
        return (
            alike
            and before.role in ("conv", "block")
            and (before.shape == after.shape or before.kind in GROWING)
        )

    def make(nodes: list[Node]) -> Node:
        total = sum(node.parameters for node in nodes)
        return replace(nodes[-1], parameters=total, repeat=sum(node.repeat for node in nodes))

    return regroup(graph, chains(graph, joins), make)


def simplify(graph: Graph, blocks: bool = True, repeats: bool = True) -> Graph:
    """合并成适合看的一张图。``blocks`` 为假时块不合成方框，``repeats`` 为假时相同的不折叠。"""
    graph = merge(collapse(graph) if blocks else graph)
    return fold(graph) if repeats else graph


def part(graph: Graph, *names: str, labels: Sequence[str] = ("输入",)) -> Graph:
    """只留模块（或层）``names`` 之内的，从外面来的张量是“输入”，依次叫 ``labels``。"""
    for name in names:
        known = {*graph.modules, *(node.name for node in graph.nodes)} - {""}
        if name not in known:
            raise UserError(f"这个网络里没有名为 {name} 的模块；{suggestion(name, known)}")
    inside = [
        i
        for i, node in enumerate(graph.nodes)
        if set(names) & {node.name, *node.scopes} and node.role != "input"
    ]
    if not inside:
        raise UserError(f"推理时没有用到 {'、'.join(names)}")
    absorb(graph, inside, graph.consumers())
    outside = sorted({s for i in inside for s in graph.nodes[i].inputs} - set(inside))
    place = {old: new for new, old in enumerate([*outside, *inside])}
    nodes = []
    for number, index in enumerate(outside):
        words = labels[number] if number < len(labels) else f"输入 {number + 1}"
        nodes.append(Node("", words, "input", graph.nodes[index].shape))
    for index in inside:
        node = graph.nodes[index]
        nodes.append(replace(node, inputs=tuple(place[s] for s in node.inputs)))
    return Graph(tuple(nodes), (), graph.modules)
