"""网络的结构图，由网络自己画出：推理一次，记下每个张量从哪一层到了哪一层。

三步：:func:`trace` 记下数据流（层由钩子看到；写在 ``forward`` 里的相加、拼接、展平……由暂时换上的函数看到），
:func:`.grouping.simplify` 合并成适合看的，:func:`.layout.draw` 画成 SVG。
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

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

PROJECTIONS = {"q_proj": "查询：", "k_proj": "键：", "v_proj": "值："}


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
    "stack": ("join", "各步排在一起"),
    "unbind": ("view", ""),
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
FUNCTIONS = (
    "add",
    "matmul",
    "concat",
    "chunk",
    "split",
    "stack",
    "unbind",
    "flatten",
    "reshape",
    "transpose",
    "mean",
    "sum",
)
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
                # 词向量是 (N, T, D)，分数是 (N, S) 或 (N, h, T, S)
                kind = "加位置编码" if first.ndim == 3 else "加掩码"
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


def trace(
    model,
    *inputs,
    labels: Sequence[str] = (),
    auxiliary: bool = False,
    run: Callable[..., Any] | None = None,
) -> Graph:
    """用 ``inputs``（张量，含批的一维）推理一次，记下数据流。

    参数：
        model: 网络（paddle.nn.Layer）。它的模式、参数、滑动平均都不变。
        labels: 各个输入叫什么，默认“输入”。
        auxiliary: 只有网络自己处于训练模式，各层仍是推理的：辅助分类器也会执行。
        run: 怎样执行，默认 ``model(*inputs)``；GAN 用它把生成器与判别器接起来。

    执行时暂时换掉 paddle 的若干函数，结束时（出错也一样）换回来，所以不能在几个线程里同时调用。
    """
    import paddle

    recorder = Recorder(model)
    for number, tensor in enumerate(inputs):
        words = "输入" if len(inputs) == 1 else f"输入 {number + 1}"
        words = labels[number] if number < len(labels) else words
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
