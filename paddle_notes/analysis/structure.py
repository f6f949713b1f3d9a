"""网络的结构图，由网络自己画出：推理一次，记下每个张量从哪一层到了哪一层。

三步：:func:`trace` 记下数据流（层由钩子看到；写在 ``forward`` 里的相加、拼接、展平……由暂时换上的函数看到），
:func:`simplify` 合并（卷积与其后的批量归一化、ReLU 是一个方框，一个残差块是一个方框，几个相同的是一个“×n”），
:func:`draw` 画成 SVG。画一个块的内部，用 :func:`part` 取出它。
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

from paddle_notes.analysis.svg import SIZE, SMALL, Canvas, text_width
from paddle_notes.errors import UserError, suggestion

# ---------------------------------------------------------------- 数据


@dataclass(frozen=True)
class Node:
    """一个方框：一层、一次张量运算，或合并起来的几个。"""

    name: str  # 层在网络里的名字；运算是所在的模块的名字
    kind: str  # 中文的一句，如“卷积 3×3，64”
    role: str  # 颜色，见 svg.COLORS
    shape: tuple[int, ...] | None  # 输出的形状，不含批的一维；没有用到的层没有
    parameters: int = 0
    inputs: tuple[int, ...] = ()  # 从哪几个方框来（Graph.nodes 里的位置）
    scopes: tuple[str, ...] = ()  # 它在哪些模块之内，从外到内
    extras: tuple[str, ...] = ()  # 并进来的层，如 ("批量归一化", "ReLU")
    repeat: int = 1


@dataclass(frozen=True)
class Graph:
    """一个网络的数据流。``nodes`` 按执行的次序排列；``unused`` 是没有用到的层，如推理时的辅助分类器。"""

    nodes: tuple[Node, ...]
    unused: tuple[Node, ...] = ()
    modules: dict[str, str] = field(default_factory=dict)  # 由几层组成的模块：名字 -> 类名

    @property
    def parameters(self) -> int:
        """图里全部方框的参数之和，等于 :func:`.summary.count_parameters`。"""
        return sum(node.parameters for node in (*self.nodes, *self.unused))

    def consumers(self) -> list[list[int]]:
        """每个方框的输出到哪几个方框去。"""
        found: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for source in node.inputs:
                found[source].append(index)
        return found


# ---------------------------------------------------------------- 一层叫什么

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
PROJECTIONS = {"q_proj": "查询：", "k_proj": "键：", "v_proj": "值："}
GROWING = ("稠密层",)  # 一个接一个、通道逐渐增多的块：形状不同也折叠


def times(size) -> str:
    """窗口的大小：3 或 (3, 3) → 3×3。"""
    sides = (size, size) if isinstance(size, int) else tuple(size)
    return "×".join(map(str, sides))


def describe_convolution(layer) -> str:
    """卷积、转置卷积、一维卷积。"""
    kernel, channels = tuple(layer._kernel_size), layer._out_channels
    if len(kernel) == 1:
        return f"一维卷积 宽 {kernel[0]}，{channels}"
    transposed = "Transpose" in type(layer).__name__
    words = f"{'转置卷积' if transposed else '卷积'} {times(kernel)}，{channels}"
    if layer._groups == layer._in_channels == channels > 1:
        words = f"逐通道卷积 {times(kernel)}"
    elif layer._groups > 1:
        words += f"，{layer._groups} 组"
    stride = layer._stride if isinstance(layer._stride, int) else layer._stride[0]
    return words if stride == 1 else f"{words}，步幅 {stride}"


def describe_pooling(layer, word: str) -> str:
    """有窗口的池化；步幅等于窗口时不写。"""
    size, stride = layer.ksize, layer.stride or layer.ksize
    words = f"{word} {times(size)}"
    return words if times(stride) == times(size) else f"{words}，步幅 {times(stride).split('×')[0]}"


def describe_recurrent(layer, word: str) -> str:
    """循环层：方向与层数。"""
    words = f"{'双向 ' if layer.num_directions == 2 else ''}{word} {layer.hidden_size}"
    return words if layer.num_layers == 1 else f"{words}，{layer.num_layers} 层"


def describe_adaptive(layer, word: str) -> str:
    size = layer._output_size
    return f"全局{word}" if size in (1, [1, 1], (1, 1)) else f"{word}到 {times(size)}"


# 类名 -> (颜色, 中文的种类)
LAYERS: dict[str, tuple[str, str | Callable[[Any], str]]] = {
    "Conv1D": ("conv", describe_convolution),
    "Conv2D": ("conv", describe_convolution),
    "Conv2DTranspose": ("conv", describe_convolution),
    "MaxPool2D": ("pool", lambda layer: describe_pooling(layer, "最大池化")),
    "AvgPool2D": ("pool", lambda layer: describe_pooling(layer, "平均池化")),
    "AdaptiveAvgPool2D": ("pool", lambda layer: describe_adaptive(layer, "平均池化")),
    "Linear": ("linear", lambda layer: f"全连接 {layer.weight.shape[1]}"),
    "Embedding": ("linear", lambda layer: f"词嵌入 {layer.weight.shape[1]}"),
    "SimpleRNN": ("block", lambda layer: describe_recurrent(layer, "RNN")),
    "LSTM": ("block", lambda layer: describe_recurrent(layer, "LSTM")),
    "GRU": ("block", lambda layer: describe_recurrent(layer, "GRU")),
    "BatchNorm1D": ("norm", "批量归一化"),
    "BatchNorm2D": ("norm", "批量归一化"),
    "LayerNorm": ("norm", "层归一化"),
    "LocalResponseNorm": ("norm", "局部响应归一化"),
    "Dropout": ("act", lambda layer: f"丢弃法 {layer.p:g}"),
    "Flatten": ("view", "展平"),
    "Softmax": ("act", "softmax"),
    "Sigmoid": ("act", "sigmoid"),
    "Tanh": ("act", "tanh"),
}

# 张量运算 -> (颜色, 种类)；种类为空的不画，输出就当作它的输入
OPERATIONS: dict[str, tuple[str, str]] = {
    "add": ("join", "相加"),
    "sub": ("join", "相减"),
    "mul": ("join", "逐个相乘"),
    "div": ("join", "相除"),
    "matmul": ("join", "矩阵相乘"),
    "concat": ("join", "拼接"),
    "chunk": ("view", "平分通道"),
    "split": ("view", "分开"),
    "flatten": ("view", "展平"),
    "reshape": ("view", "变形"),
    "transpose": ("view", "转置"),
    "getitem": ("view", "切片"),
    "mean": ("pool", "平均"),
    "sum": ("pool", "求和"),
    "adaptive_max_pool1d": ("pool", "全局最大池化"),
    "relu": ("act", "ReLU"),
    "relu6": ("act", "ReLU6"),
    "gelu": ("act", "GELU"),
    "tanh": ("act", "tanh"),
    "sigmoid": ("act", "sigmoid"),
    "softmax": ("act", "softmax"),
    "logsigmoid": ("act", "log σ"),
    "neg": ("view", ""),
    "squeeze": ("view", ""),
    "unsqueeze": ("view", ""),
    "masked_fill": ("view", ""),
    "detach": ("view", ""),
    "astype": ("view", ""),
    "clip": ("view", ""),
}
METHODS = {f"__{sign}{op}__": op for op in ("add", "sub", "mul") for sign in ("", "r")}
METHODS |= {"__truediv__": "div", "__matmul__": "matmul", "__getitem__": "getitem", "__neg__": "neg"}
METHODS |= {
    op: op
    for op in (
        *("matmul", "chunk", "split", "flatten", "reshape", "transpose", "mean", "sum"),
        *("squeeze", "unsqueeze", "masked_fill", "detach", "astype", "clip"),
    )
}
FUNCTIONS = ("add", "matmul", "concat", "chunk", "split", "flatten", "reshape", "transpose", "mean", "sum")
KERNELS = ("relu", "relu6", "gelu", "tanh", "sigmoid", "softmax", "logsigmoid")  # F.relu 最终调用的


# ---------------------------------------------------------------- 记下数据流


def tensors_in(value) -> Iterator[Any]:
    """``value`` 里的张量：它自己，或元组、列表、字典里的。"""
    import paddle

    if isinstance(value, paddle.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


class Recorder:
    """推理时一边走一边记。``depth`` 大于 0 时在一层或一次运算之内，里面的不记。"""

    def __init__(self, model):
        self.nodes: list[Node] = []
        self.source: dict[int, int] = {}  # 张量的 id -> 由哪个方框给出
        self.alive: list[Any] = []  # 留住张量，id 才不会被别的张量再用
        self.stack: list[str] = []  # 正在执行的模块
        self.depth = 0
        self.uncounted = {id(p): p.size for p in model.parameters() if not p.stop_gradient}
        self.leaves: dict[str, Any] = {}
        self.modules: dict[str, Any] = {}
        self.sort_layers(model, "", set())

    def sort_layers(self, layer, name: str, seen: set[int]) -> None:
        """把各层分成不再拆开的（paddle 自己的层，没有下级的层）与由几层组成的模块。"""
        from paddle import nn

        if id(layer) in seen:
            return
        seen.add(id(layer))
        containers = (nn.Sequential, nn.LayerList, nn.LayerDict)
        own = type(layer).__module__.startswith("paddle.") and type(layer) not in containers
        if own or not layer.sublayers():
            self.leaves[name] = layer
            return
        self.modules[name] = layer
        for key, child in layer.named_children():
            self.sort_layers(child, f"{name}.{key}" if name else key, seen)

    def count(self, parameters) -> int:
        """还没有算过的可训练参数的个数。"""
        return sum(self.uncounted.pop(id(parameter), 0) for parameter in parameters)

    def scopes(self, name: str) -> tuple[str, ...]:
        """正在执行的模块，加上由名字看出的：``attention.keys_values(x)`` 执行时没有进入 attention。"""
        found = list(dict.fromkeys(self.stack))
        top = self.stack[-1] if self.stack else ""
        if name.startswith(top):
            found += [m for m in self.modules if m not in found and m != name and name.startswith(f"{m}.")]
        return tuple(found)

    def add(self, node: Node, inputs, outputs) -> None:
        """记下一个方框，``inputs``、``outputs`` 里的张量是它的输入与输出。"""
        sources = [self.source[id(tensor)] for tensor in tensors_in(inputs) if id(tensor) in self.source]
        self.nodes.append(replace(node, inputs=tuple(sources)))
        self.point(outputs, len(self.nodes) - 1)

    def point(self, outputs, index: int) -> None:
        for tensor in tensors_in(outputs):
            self.source[id(tensor)] = index
            self.alive.append(tensor)

    # -------------------------------------------------- 层

    def enter_leaf(self, layer, inputs) -> None:
        self.depth += 1

    def leave_leaf(self, name: str):
        def hook(layer, inputs, output):
            from paddle import nn

            if self.depth == 1:
                if isinstance(layer, nn.Identity) or getattr(layer, "p", None) == 0:  # 丢弃 0 也是原样
                    self.depth -= 1
                    return None
                kept = {id(tensor) for tensor in tensors_in(inputs)}
                if id(output) in kept:  # 推理时的丢弃法原样返回输入：换成另一个张量，两者才分得开
                    output = output.clone()
                first = next(tensors_in(output))
                role, kind = describe(layer)
                kind = PROJECTIONS.get(name.split(".")[-1], "") + kind
                if kind.startswith("词嵌入") and not kept & set(self.source):
                    kind = kind.replace("词嵌入", "位置向量")  # 输入不是词元，是 0、1、2……
                shape = tuple(first.shape[1:])
                own = self.count(layer.parameters())
                self.add(Node(name, kind, role, shape, own, (), self.scopes(name)), inputs, output)
            self.depth -= 1
            return output

        return hook

    # -------------------------------------------------- 运算

    def wrap(self, op: str, function):
        """代替 ``function``：照样去算，再记下这一次。"""

        @wraps(function, assigned=("__name__", "__doc__"), updated=())
        def recorded(*args, **kwargs):
            if self.depth:
                return function(*args, **kwargs)
            self.depth += 1
            try:
                output = function(*args, **kwargs)
            finally:
                self.depth -= 1
            self.record(op, args, kwargs, output)
            return output

        return recorded

    def record(self, op: str, args, kwargs, output) -> None:
        given = list(tensors_in([args, kwargs]))
        known = [tensor for tensor in given if id(tensor) in self.source]
        if not known or output is NotImplemented:
            return
        role, kind = OPERATIONS[op]
        first = next(tensors_in(output), None)
        if first is None:
            return
        own = self.count(given)
        others = [tensor for tensor in given if id(tensor) not in self.source]
        if op in ("add", "sub", "mul", "div") and len(known) == 1 and len(given) < 3:
            if own:
                kind, role = {"add": "加偏置"}.get(op, kind), "linear"
            elif op == "add" and others and others[0].ndim > 1:
                kind = "加掩码" if first.ndim == 4 else "加位置编码"
            elif len(given) == 1 or others:  # 与一个常数：只是缩放
                kind = ""
        elif op == "matmul" and others:
            kind, role = f"线性 {first.shape[-1]}", "linear"
        elif op == "concat" and others and len(known) == 1:
            kind, role = "补零通道", "view"
        elif op == "mean" and first.ndim == 2 and known[0].ndim == 4:
            kind = "全局平均池化"
        elif op == "getitem" and kind:
            where = args[1]
            if isinstance(where, tuple) and where[-1] == -1:
                kind = "取最后一个时刻"
            elif isinstance(where, tuple) and any(isinstance(w, slice) and w.step == 2 for w in where):
                kind = "隔一个取一个"
        if not kind:
            self.point(output, self.source[id(known[0])])
            return
        scopes = self.scopes("")
        self.add(
            Node(self.stack[-1] if self.stack else "", kind, role, tuple(first.shape[1:]), own, (), scopes),
            given,
            output,
        )


def describe(layer) -> tuple[str, str]:
    """一层的颜色与种类；不认识的写类名。"""
    name = type(layer).__name__
    role, kind = LAYERS.get(name, ("act" if not list(layer.parameters()) else "block", name))
    return role, kind if isinstance(kind, str) else kind(layer)


@contextlib.contextmanager
def patched(recorder: Recorder) -> Iterator[None]:
    """在 ``with`` 之内，张量运算换成会记录的；出去时（出错也一样）全部换回来。"""
    import paddle
    from paddle.nn import functional as F

    places: list[tuple[Any, str, str]] = [(paddle.Tensor, name, op) for name, op in METHODS.items()]
    places += [(paddle, name, name) for name in FUNCTIONS]
    places += [(paddle._C_ops, name, name) for name in KERNELS]
    places += [(F, "adaptive_max_pool1d", "adaptive_max_pool1d")]
    before: list[tuple[Any, str, Any]] = []
    try:
        for owner, name, op in places:
            old = getattr(owner, name)
            before.append((owner, name, old))
            setattr(owner, name, recorder.wrap(op, old))
        yield
    finally:
        for owner, name, old in reversed(before):
            setattr(owner, name, old)


def trace(model, *inputs, auxiliary: bool = False, run: Callable[..., Any] | None = None) -> Graph:
    """用 ``inputs``（张量，含批的一维）推理一次，记下数据流。

    参数：
        model: 网络（paddle.nn.Layer）。它的模式、参数、滑动平均都不变。
        auxiliary: 只有网络自己处于训练模式，各层仍是推理的：辅助分类器也会执行。
        run: 怎样执行，默认 ``model(*inputs)``；GAN 用它把生成器与判别器接起来。

    执行时暂时换掉 paddle 的若干函数，结束时（出错也一样）换回来，所以不能在几个线程里同时调用。
    """
    import paddle

    recorder = Recorder(model)
    for number, tensor in enumerate(inputs):
        words = "输入" if len(inputs) == 1 else f"输入 {number + 1}"
        recorder.nodes.append(Node("", words, "input", tuple(tensor.shape[1:])))
        recorder.point(tensor, number)
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    hooks = []
    for name, layer in recorder.leaves.items():
        hooks.append(layer.register_forward_pre_hook(recorder.enter_leaf))
        hooks.append(layer.register_forward_post_hook(recorder.leave_leaf(name)))
    for name, layer in recorder.modules.items():
        hooks.append(
            layer.register_forward_pre_hook(lambda layer, inputs, name=name: recorder.stack.append(name))
        )
        hooks.append(
            layer.register_forward_post_hook(lambda layer, inputs, output: void(recorder.stack.pop()))
        )
    model.eval()
    model.training = auxiliary
    try:
        with paddle.no_grad(), patched(recorder):
            (run or model)(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for layer, training in modes:
            layer.training = training
    used = {node.name for node in recorder.nodes}
    unused = []
    for name, layer in recorder.leaves.items():
        own = recorder.count(layer.parameters())
        if own or (name not in used and not isinstance(layer, paddle.nn.Identity)):
            role, kind = describe(layer)
            unused.append(Node(name, kind, role, None, own))
    rest = sum(recorder.uncounted.values())
    if rest:
        unused.append(Node("", "别的参数", "view", None, rest))
    modules = {name: type(layer).__name__ for name, layer in recorder.modules.items()}
    return Graph(tuple(without_idle_inputs(recorder.nodes)), tuple(unused), modules)


def void(_) -> None:
    """钩子的返回值会代替输出，所以要返回 None。"""


def without_idle_inputs(nodes: Sequence[Node]) -> list[Node]:
    """去掉没有流向任何方框的输入（如只用来造掩码的句长）。"""
    wanted = {source for node in nodes for source in node.inputs}
    keep = [i for i, node in enumerate(nodes) if node.role != "input" or i in wanted]
    place = {old: new for new, old in enumerate(keep)}
    return [replace(nodes[i], inputs=tuple(place[j] for j in nodes[i].inputs)) for i in keep]


# ---------------------------------------------------------------- 合并


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


# ---------------------------------------------------------------- 画


def shape_words(shape: tuple[int, ...] | None) -> str:
    """(64, 56, 56) → 64×56×56；没有用到的层、一个数都不写。"""
    return "×".join(map(str, shape)) if shape else ""


def columns(graph: Graph) -> tuple[list[int], list[int]]:
    """每个方框的行（离输入最远的距离）与列（分支各占一列）。"""
    rows: list[int] = []
    consumers = graph.consumers()
    for node in graph.nodes:
        rows.append(1 + max((rows[s] for s in node.inputs), default=-1))
    for index, node in enumerate(graph.nodes):
        if not node.inputs:  # 后来才用到的输入，放在用到它的前一行
            rows[index] = min(rows[c] for c in consumers[index]) - 1 if consumers[index] else 0
    lanes = [0] * len(rows)
    busy: set[tuple[int, int]] = set()  # 占用的格子：行，列
    given: set[int] = set()  # 已经有一个分支接在正下方
    for index in sorted(range(len(rows)), key=lambda i: (rows[i], not graph.nodes[i].inputs, i)):
        inputs = graph.nodes[index].inputs
        wanted = [lanes[s] for s in inputs if s not in given]
        if len(inputs) > 1:
            wanted = [min(lanes[s] for s in inputs)]
        lane = next(c for c in [*wanted[:1], *range(len(rows))] if (rows[index], c) not in busy)
        lanes[index] = lane
        below = max((rows[c] for c in consumers[index]), default=0)
        if all(len(graph.nodes[c].inputs) > 1 for c in consumers[index]) and len(consumers[index]) == 1:
            busy |= {(row, lane) for row in range(rows[index], below)}  # 一直通到汇合的地方
        busy.add((rows[index], lane))
        given |= set(inputs)
    return rows, lanes


def packed(words: Sequence[str], size: float, limit: float, between: str = "") -> list[str]:
    """把几段文字排成几行，每行不超过 ``limit`` 像素（一段太长也不拆）；同一行的两段之间是 ``between``。"""
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]}{between}{word}"
        if text_width(longer, size) <= limit:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def box_lines(node: Node, limit: float) -> list[tuple[str, float, str]]:
    """窄方框里的各行：文字、字号、颜色。"""
    title = packed(node.kind.split("，"), SIZE, limit, "，")
    if node.repeat > 1:
        title[-1] += f" ×{node.repeat}"
    lines: list[tuple[str, float, str]] = [(words, SIZE, "") for words in title]
    if node.extras:
        extras = packed([f"＋{words}" for words in node.extras], SMALL, limit)
        lines += [(words, SMALL, "s") for words in extras]
    if words := shape_words(node.shape):
        lines.append((words, SMALL, "s"))
    if node.parameters:
        lines.append((f"参数 {node.parameters:,}", SMALL, "s"))
    return lines


def draw_wide(canvas: Canvas, node: Node, x: float, y: float, width: float, dashed: bool = False) -> None:
    """只有一列时的方框：左边是种类，右边是输出形状与参数。"""
    canvas.box(x, y, width, WIDE_HEIGHT, node.role, dashed=dashed)
    left, right = x - width / 2 + 12, x + width / 2 - 12
    title = node.kind + (f" ×{node.repeat}" if node.repeat > 1 else "")
    extras = "".join(f"＋{words}" for words in node.extras)
    canvas.text(left, y - 10 if extras else y, title, SIZE, "", "start")
    if extras:
        canvas.text(left, y + 11, extras, SMALL, "s", "start")
    shape, count = shape_words(node.shape), f"参数 {node.parameters:,}" if node.parameters else ""
    if shape:
        canvas.text(right, y - 10 if count else y, shape, SMALL + 1, "", "end")
    if count:
        canvas.text(right, y + 11 if shape else y, count, SMALL, "s", "end")


def wide_width(nodes: Sequence[Node]) -> float:
    """一列时方框的宽度：左右两边的字都放得下。"""
    widths = []
    for node in nodes:
        top = text_width(f"{node.kind} ×{node.repeat}", SIZE) + text_width(shape_words(node.shape), SMALL + 1)
        low = text_width("".join(f"＋{w}" for w in node.extras) + f"参数 {node.parameters:,}", SMALL)
        widths.append(max(top, low) + 46)
    return max(250.0, *widths)


WIDE_HEIGHT, GAP, LANE_GAP = 48, 24, 16


def draw(graph: Graph, path: Path, title: str = "") -> None:
    """画成 SVG：从上到下，分支并排，跨过几行的线绕在旁边。"""
    canvas = Canvas()
    rows, lanes = columns(graph)
    narrow = max(lanes) > 0
    idle = sum(node.parameters for node in graph.unused)
    total = f"{graph.parameters:,} 个参数"
    count = max(rows) + 1
    by_row = [[i for i in range(len(rows)) if rows[i] == row] for row in range(count)]
    limit = {2: 150.0, 3: 120.0}.get(max(lanes) + 1, 105.0)
    if narrow:
        texts = [box_lines(node, limit) for node in graph.nodes]
        size = [
            (
                max(text_width(words, font) for words, font, _ in lines) + 20,
                sum(font * 1.35 for _, font, _ in lines) + 14,
            )
            for lines in texts
        ]
    else:
        width = wide_width(graph.nodes)
        size = [(width, float(WIDE_HEIGHT))] * len(graph.nodes)
    # 各列的中心：独占一行的放在正中，不算列宽
    passing = crossings(graph, rows, lanes)
    alone = [len(by_row[rows[i]]) == 1 and not passing[rows[i]] for i in range(len(rows))]
    widths = [
        max([90.0, *(size[i][0] for i in range(len(rows)) if lanes[i] == lane and not alone[i])])
        for lane in range(max(lanes) + 1)
    ]
    centres = [sum(widths[:lane]) + LANE_GAP * lane + widths[lane] / 2 for lane in range(len(widths))]
    whole = sum(widths) + LANE_GAP * (len(widths) - 1)
    consumers = graph.consumers()
    ends = all(not consumers[i] for i in range(len(rows)) if lanes[i])  # 旁边的列只是岔出去的，如辅助分类器
    x = [whole / 2 if alone[i] and not ends else centres[lanes[i]] for i in range(len(rows))]
    heights = [max(size[i][1] for i in members) for members in by_row]
    tops = [sum(heights[:row]) + (GAP + 6 * narrow) * row for row in range(count)]
    y = [tops[rows[i]] + heights[rows[i]] / 2 for i in range(len(rows))]
    draw_edges(canvas, graph, rows, lanes, x, y, size, centres)
    for index, node in enumerate(graph.nodes):
        if narrow:
            draw_narrow(canvas, node.role, texts[index], x[index], y[index], *size[index])
        else:
            draw_wide(canvas, node, x[index], y[index], size[index][0])
    bottom, middle = canvas.bottom, x[0]
    if idle:
        unused = Node("", "推理时不用的层", "view", None, idle)
        canvas.box(middle, bottom + 40, 220, 44, "view", [unused.kind, f"参数 {idle:,}"], dashed=True)
    canvas.text(middle, -26, f"{title}：{total}" if title else total, SIZE, "o")
    canvas.save(path, f"{title} 的结构" if title else "结构")


def draw_narrow(canvas: Canvas, role: str, lines, x: float, y: float, width: float, height: float) -> None:
    """几列时的方框：各行居中。"""
    canvas.box(x, y, width, height, role)
    line = y - sum(font * 1.35 for _, font, _ in lines) / 2
    for words, font, kind in lines:
        canvas.text(x, line + font * 0.675, words, font, kind)
        line += font * 1.35


def crossings(graph: Graph, rows: list[int], lanes: list[int]) -> list[bool]:
    """每一行有没有线从空着的格子里穿过。"""
    crossed = [False] * (max(rows) + 1)
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            if straight_lane(rows, lanes, source, index) is not None:
                for row in range(rows[source] + 1, rows[index]):
                    crossed[row] = True
    return crossed


def straight_lane(rows: list[int], lanes: list[int], source: int, target: int) -> int | None:
    """跨行的线可以笔直穿过的列：起点的或终点的列，途经的格子都空着；没有则为 None，要绕。"""
    between = range(rows[source] + 1, rows[target])
    if not between:
        return None
    taken = {(rows[i], lanes[i]) for i in range(len(rows))}
    for lane in (lanes[source], lanes[target]):
        if all((row, lane) not in taken for row in between):
            return lane
    return None


def draw_edges(canvas, graph: Graph, rows, lanes, x, y, size, centres) -> None:
    """各条线：相邻的两行直着走或斜着走，跨行的从空列穿过，没有空列就从右边（右边有方框时从左边）绕。"""
    everything = range(len(rows))
    bottoms = [
        max(y[i] + size[i][1] / 2 for i in everything if rows[i] == row) for row in range(max(rows) + 1)
    ]
    bows: list[tuple[int, int, int, int]] = []  # 绕着走的线：哪一边，第几条，占的行
    for index, node in enumerate(graph.nodes):
        direct = [s for s in node.inputs if not bowed(rows, lanes, s, index)]
        step = min(26.0, size[index][0] * 0.6 / max(1, len(direct)))
        for slot, source in enumerate(sorted(direct, key=lambda s: x[s])):
            start = (x[source], y[source] + size[source][1] / 2)
            end = (x[index] + (slot - (len(direct) - 1) / 2) * step, y[index] - size[index][1] / 2)
            lane = straight_lane(rows, lanes, source, index)
            across = start[0] if lane is None else centres[lane]
            first, last = bottoms[rows[source]] + 12, bottoms[rows[index] - 1] + 12
            points = [start, (start[0], first), (across, first), (across, last), (end[0], last), end]
            canvas.path(*tidy(points))
        for source in node.inputs:
            if bowed(rows, lanes, source, index):
                blocked = any(rows[i] in (rows[source], rows[index]) and x[i] > x[source] for i in everything)
                side = -1 if blocked else 1
                span = (rows[source], rows[index])
                used = {n for sign, n, a, b in bows if sign == side and a < span[1] and span[0] < b}
                level = next(n for n in range(99) if n not in used)
                bows.append((side, level, *span))
                out = side * (max(side * x[i] + size[i][0] / 2 for i in everything) + 18 + 16 * level)
                start = (x[source] + side * size[source][0] / 2, y[source] + 6 * (level > 0))
                end = (x[index] + side * size[index][0] / 2, y[index])
                canvas.path(start, (out, start[1]), (out, end[1]), end, skip=True)


def bowed(rows: list[int], lanes: list[int], source: int, target: int) -> bool:
    """这条线要绕。"""
    return rows[target] - rows[source] > 1 and straight_lane(rows, lanes, source, target) is None


def tidy(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """去掉重合与共线的拐点。"""
    kept = [points[0]]
    for point in points[1:]:
        if abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) < 0.5:
            continue
        if len(kept) > 1 and abs(kept[-1][0] - point[0]) < 0.5 and abs(kept[-2][0] - point[0]) < 0.5:
            kept[-1] = point
            continue
        kept.append(point)
    return kept
