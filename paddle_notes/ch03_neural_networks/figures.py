"""本章的图：``python tools/figures.py 名字`` 调用这里的函数。"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from paddle_notes.fonts import label

from . import activations
from .autograd import Tensor
from .decision_boundary import Parameters, compare, fit, two_moons
from .dropout import dropout, sample_mask
from .initialization import SCHEMES, constant, he_normal, signal_by_depth
from .mlp import mlp
from .nonlinearity import count_pieces, sawtooth
from .perceptron import INPUTS, TRUTH_TABLES, train_perceptron
from .symmetry import train_from

COLORS = ("tab:blue", "tab:orange")  # 两类


def make_figure(width: float, height: float):
    """不经 pyplot 的 Figure：不挑后端，也不留全局状态。"""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def draw_activations(path: Path) -> None:
    """各激活函数（实线）与导数（虚线）；最后一格是 softmax。"""
    x = np.linspace(-4.0, 4.0, 401)
    figure = make_figure(9, 5.2)
    panels = list(figure.subplots(2, 3).flat)
    for axes, name in zip(panels, ("sigmoid", "tanh", "relu", "leaky_relu", "gelu")):
        function, derivative = getattr(activations, name), getattr(activations, f"{name}_derivative")
        options = {"slope": 0.1} if name == "leaky_relu" else {}  # 0.01 在图上看不出来
        axes.plot(x, function(x, **options), label=label("函数", "function"))
        axes.plot(x, derivative(x, **options), "--", label=label("导数", "derivative"))
        axes.set_title(name.replace("_", " ") + (" (slope 0.1)" if options else ""))
        axes.set_ylim(-1.2, 2.2)
        axes.legend(loc="upper left")
    axes = panels[5]
    probabilities = activations.softmax(np.stack([x, np.zeros_like(x), np.ones_like(x)], axis=1))  # (401, 3)
    for index, score in enumerate(("x", "0", "1")):
        axes.plot(x, probabilities[:, index], label=label(f"分数为 {score}", f"score {score}"))
    axes.set_title("softmax(x, 0, 1)")
    axes.set_ylim(-0.05, 1.6)
    axes.legend(loc="upper left")
    for axes in figure.axes:
        axes.grid(alpha=0.3)
        axes.set_xlabel("x")
    figure.savefig(path, dpi=100)


def draw_sawtooth(path: Path) -> None:
    """帐篷函数复合 1、2、3、5 次：每多一层，段数加倍。"""
    x = np.arange(1025) / 1024
    figure = make_figure(9, 2.3)
    for axes, depth in zip(figure.subplots(1, 4, sharey=True), (1, 2, 3, 5)):
        pieces = count_pieces(lambda x, depth=depth: sawtooth(x, depth), 1024)
        axes.plot(x, sawtooth(x, depth))
        axes.set_title(label(f"{depth} 层：{pieces} 段", f"depth {depth}: {pieces} pieces"))
        axes.set_xlabel("x")
    figure.savefig(path, dpi=100)


def draw_regions(axes, classify: Callable[[np.ndarray], np.ndarray], limits: tuple[float, ...]) -> None:
    """给平面上色：``classify`` 把 (n, 2) 的点变成 0 到 1 之间的数，等于 1/2 处是分界面。"""
    left, right, bottom, top = limits
    grid_x, grid_y = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    points = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1)  # (40000, 2)
    values = classify(points).reshape(grid_x.shape)
    axes.contourf(grid_x, grid_y, values, levels=[-0.01, 0.5, 1.01], colors=COLORS, alpha=0.25)


def positive_probability(parameters: Parameters) -> Callable[[np.ndarray], np.ndarray]:
    """多层感知机给第 1 类的概率，供 :func:`draw_regions`。"""
    return lambda points: activations.softmax(mlp(points, **parameters))[:, 1]


def draw_points(axes, x: np.ndarray, labels: np.ndarray, size: float) -> None:
    for kind, marker in enumerate("os"):
        chosen = labels == kind
        axes.scatter(*x[chosen].T, size, COLORS[kind], marker=marker, edgecolors="black", linewidths=0.6)


def draw_xor_boundary(path: Path) -> None:
    """感知机画得出“与”“或”的直线，画不出异或的；多层感知机可以。"""
    figure = make_figure(9, 2.7)
    titles = {"and": label("与", "AND"), "or": label("或", "OR"), "xor": label("异或", "XOR")}
    panels = figure.subplots(1, 4, sharey=True)
    limits = (-0.5, 1.5, -0.5, 1.5)
    for axes, (name, labels) in zip(panels, TRUTH_TABLES.items()):
        w, b, mistakes = train_perceptron(INPUTS, labels, epochs=100)
        draw_regions(axes, lambda points, w=w, b=b: (points @ w + b > 0).astype(float), limits)
        draw_points(axes, INPUTS, labels, 60)
        outcome = (
            label(f"{len(mistakes)} 轮后全对", f"solved in {len(mistakes)} epochs")
            if mistakes[-1] == 0
            else label("100 轮仍分错", "never solved")
        )
        axes.set_title(
            f"{label('感知机', 'perceptron')} · {titles[name]}\n{outcome}", fontsize=10, linespacing=1.4
        )
    parameters = fit(INPUTS, TRUTH_TABLES["xor"], hidden_size=8, num_steps=500)
    draw_regions(panels[3], positive_probability(parameters), limits)
    draw_points(panels[3], INPUTS, TRUTH_TABLES["xor"], 60)
    panels[3].set_title(
        f"{label('多层感知机', 'MLP')} · {titles['xor']}\n{label('8 个隐藏单元', '8 hidden units')}",
        fontsize=10,
        linespacing=1.4,
    )
    for axes in panels:
        axes.set_xticks([0, 1])
        axes.set_yticks([0, 1])
        axes.set_aspect("equal")
    figure.savefig(path, dpi=100)


def draw_boundaries(path: Path, rows: list[tuple], title: Callable[[int, float], str]) -> None:
    """:func:`compare` 的每一行画一格分界面，标题里写上训练与测试的准确率。"""
    x, labels = two_moons()
    figure = make_figure(2.6 * len(rows), 2.9)
    for axes, (hidden_size, decay, parameters, train, test) in zip(
        figure.subplots(1, len(rows), sharey=True), rows
    ):
        draw_regions(axes, positive_probability(parameters), (-2.0, 3.0, -1.6, 2.1))
        draw_points(axes, x, labels, 20)
        scores = label(f"训练 {train:.0%}，测试 {test:.0%}", f"train {train:.0%}, test {test:.0%}")
        axes.set_title(f"{title(hidden_size, decay)}\n{scores}", fontsize=10, linespacing=1.4)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.savefig(path, dpi=100)


def draw_hidden_units_boundary(path: Path) -> None:
    """隐藏单元从 2 个到 200 个。"""
    rows = compare((2, 3, 10, 200), (0.0,))
    draw_boundaries(path, rows, lambda size, decay: label(f"{size} 个隐藏单元", f"{size} hidden units"))


def draw_penalty_boundary(path: Path) -> None:
    """200 个隐藏单元，惩罚从没有到很强。"""
    rows = compare((200,), (0.0, 0.003, 0.03, 0.3))
    draw_boundaries(path, rows, lambda size, decay: label(f"惩罚 λ = {decay:g}", f"penalty λ = {decay:g}"))


def draw_vanishing_gradients(path: Path) -> None:
    """各种初始化下，输出与梯度的标准差随深度的变化。"""
    figure = make_figure(9, 3.8)
    left, right = figure.subplots(1, 2)
    depth = 50
    for name, (initializer, activation) in SCHEMES.items():
        outputs, gradients = signal_by_depth(initializer, activation, depth)
        left.semilogy(range(depth + 1), outputs, label=name)
        right.semilogy(range(depth + 1), gradients[::-1])
    left.set_title(label("前向：第 l 层输出的标准差", "forward: std of layer outputs"))
    left.set_xlabel(label("第 l 层", "layer"))
    right.set_title(label("反向：往回走 l 层之后梯度的标准差", "backward: std of gradients"))
    right.set_xlabel(label("往回走的层数 l", "layers from the output"))
    for axes in (left, right):
        axes.set_ylim(1e-20, 1e13)
        axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=100)


def draw_symmetry(path: Path) -> None:
    """常数初值下 8 个隐藏单元的权重始终重合；随机初值下各走各的。"""
    figure = make_figure(9, 3)
    cases = {
        label("全部初始化为 0.5：8 条线重合", "all weights start at 0.5: 8 lines coincide"): constant(0.5),
        label("He 初始化", "He initialization"): he_normal,
    }
    for axes, (title, initializer) in zip(figure.subplots(1, 2), cases.items()):
        _, history = train_from(initializer)
        axes.plot(history[:, 0, :])
        axes.set_title(title)
        axes.set_xlabel(label("步", "step"))
        axes.set_ylabel(label("8 个单元的第一个权重", "first weight of the 8 units"))
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)


def small_graph() -> Tensor:
    """一个神经元的平方损失 L = (σ(w·x + b) − t)²，用 :mod:`.autograd` 建成，并求好梯度。"""
    x, w, b, t = (Tensor(value, name) for name, value in {"x": 2.0, "w": 0.5, "b": -1.5, "t": 1.0}.items())
    loss = ((w * x + b).sigmoid() - t) ** 2
    loss.backward()
    return loss


def draw_computation_graph(path: Path) -> None:
    """计算图：每个方框是一个中间量，写着运算、值与 ∂L/∂它；箭头是前向的方向。"""
    nodes = small_graph().ancestors()
    column: dict[int, int] = {}
    for node in reversed(nodes):  # 一个量放在用到它的运算的前一列
        users = [column[id(user)] for user in nodes if any(parent is node for parent in user.parents)]
        column[id(node)] = min(users, default=1) - 1
    place = {}
    for index in sorted(set(column.values())):
        members = [node for node in nodes if column[id(node)] == index]
        members.sort(key=lambda node: not node.parents)  # 中间量在上面一行，叶子在下面
        for row, node in enumerate(members):
            place[id(node)] = (2.3 * index, -1.8 * row)

    from matplotlib.patches import FancyBboxPatch

    figure = make_figure(10, 2.9)
    axes = figure.subplots()
    width, height = 1.5, 0.9
    for node in nodes:
        x, y = place[id(node)]
        corner = (x - width / 2, y - height / 2)
        color = "lightblue" if node.parents else "moccasin"
        axes.add_patch(
            FancyBboxPatch(corner, width, height, "round,pad=0.1", facecolor=color, edgecolor="gray")
        )
        text = f"{node.op}\n{label('值', 'value')} {node.data:.4g}\n{label('梯度', 'grad')} {node.grad:.4g}"
        axes.text(x, y, text, ha="center", va="center", fontsize=10, linespacing=1.3)
        for parent in node.parents:
            start_x, start_y = place[id(parent)]
            # 同一行的从右边到左边，下一行的从上边到下边
            start, end = ((start_x + width / 2 + 0.1, y), (x - width / 2 - 0.1, y))
            if start_y != y:
                start, end = ((start_x, start_y + height / 2 + 0.1), (x - 0.3, y - height / 2 - 0.1))
            axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "gray", "shrinkA": 0})
    xs, ys = zip(*place.values())
    axes.set_xlim(min(xs) - 1, max(xs) + 1)
    axes.set_ylim(min(ys) - 0.7, max(ys) + 0.7)
    axes.set_axis_off()
    axes.set_title("L = (σ(w·x + b) − t)²")
    figure.savefig(path, dpi=100)


def draw_dropout_mask(path: Path) -> None:
    """同一层输出丢弃一次，与丢弃 1,000 次的平均。"""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[0:12, 0:12] / 11
    x = 0.5 + 0.5 * np.sin(3 * rows + 5 * columns)  # (12, 12)
    p = 0.5
    mask = sample_mask(x.shape, p, generator)
    average = np.mean([dropout(x, sample_mask(x.shape, p, generator), p) for _ in range(1000)], axis=0)
    panels = {
        label("输出 x", "output x"): x,
        label("掩码 m，p = 0.5", "mask m, p = 0.5"): mask,
        "m·x / (1 − p)": dropout(x, mask, p),
        label("1,000 个掩码的平均", "mean over 1,000 masks"): average,
    }
    figure = make_figure(9, 2.6)
    grid = figure.subplots(1, 4)
    for axes, (title, values) in zip(grid, panels.items()):
        image = axes.imshow(values, vmin=0.0, vmax=2.0, cmap="viridis")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    figure.colorbar(image, ax=grid, shrink=0.8)
    figure.savefig(path, dpi=100)


FIGURES: dict[str, Callable[[Path], None]] = {
    "activations": draw_activations,
    "sawtooth": draw_sawtooth,
    "xor_boundary": draw_xor_boundary,
    "hidden_units_boundary": draw_hidden_units_boundary,
    "penalty_boundary": draw_penalty_boundary,
    "vanishing_gradients": draw_vanishing_gradients,
    "symmetry": draw_symmetry,
    "computation_graph": draw_computation_graph,
    "dropout_mask": draw_dropout_mask,
}
