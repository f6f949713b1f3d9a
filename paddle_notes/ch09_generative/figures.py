"""本章的图：``python tools/figures.py 名字`` 调用这里的函数。"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from paddle_notes.fonts import label

from .adversarial_losses import (
    minimax_generator_loss,
    minimax_generator_loss_backward,
    non_saturating_generator_loss,
    non_saturating_generator_loss_backward,
    optimal_discriminator,
)
from .transposed_conv import conv_transpose2d


def make_figure(width: float, height: float):
    """不经 pyplot 的 Figure：不挑后端，也不留全局状态。"""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def normal_density(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    """正态分布的密度。"""
    return np.exp(-(((x - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


def draw_game(path: Path) -> None:
    """一维的例子：生成器的分布从左边移过来，最好的判别器从一道坎变成处处 1/2。"""
    x = np.linspace(-5.0, 5.0, 401)
    p = normal_density(x, 1.0, 0.8)
    stages = (
        (label("一开始", "start"), -2.0, 1.2),
        (label("训练中", "training"), -0.2, 1.0),
        (label("结束", "end"), 1.0, 0.8),
    )
    figure = make_figure(9, 3)
    for axes, (title, mean, std) in zip(figure.subplots(1, 3, sharey=True), stages):
        q = normal_density(x, mean, std)
        axes.plot(x, p, color="tab:blue", label=label("真 p(x)", "real p(x)"))
        axes.plot(x, q, color="tab:orange", label=label("生成 q(x)", "generated q(x)"))
        axes.plot(x, optimal_discriminator(p, q), "--", color="tab:green", label="D*(x) = p/(p+q)")
        axes.set_title(title)
        axes.set_xlabel("x")
        axes.set_ylim(-0.03, 1.05)
        axes.grid(alpha=0.3)
    figure.axes[0].legend(loc="center left", fontsize=8)
    figure.savefig(path, dpi=100)


def draw_generator_losses(path: Path) -> None:
    """生成器的两种损失与它们的梯度，横轴是判别器给样本的 logit。"""
    s = np.linspace(-8.0, 8.0, 161)
    one = np.array(1.0)
    forms = (
        ("ln(1 − D)", minimax_generator_loss, minimax_generator_loss_backward, "tab:blue"),
        ("−ln D", non_saturating_generator_loss, non_saturating_generator_loss_backward, "tab:orange"),
    )
    figure = make_figure(9, 3.4)
    left, right = figure.subplots(1, 2)
    for name, loss, backward, color in forms:
        left.plot(s, [loss(np.array([value])) for value in s], color=color, label=name)
        slopes = [-backward(one, np.array([value]))[0] for value in s]
        right.plot(s, slopes, color=color, label=name)
    left.set_title(label("损失", "loss"))
    right.set_title(label("推高 s 的力：−∂L/∂s", "push on s: −∂L/∂s"))
    right.annotate(
        label("刚开始训练时在这里：\n判别器一眼看穿", "training starts here:\nD is certain"),
        xy=(-7, 0.02),
        xytext=(-7.6, 0.42),
        arrowprops={"arrowstyle": "->"},
        fontsize=9,
    )
    for axes in (left, right):
        axes.set_xlabel(label("判别器给样本的 logit s，D = σ(s)", "logit s of a sample, D = sigmoid(s)"))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=100)


def draw_transposed_convolution(path: Path) -> None:
    """2×2 的输入，3×3 的核，步幅 2：每个像素盖下一块，四块叠成 5×5。"""
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    kernel = np.array([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])
    weight, zero = kernel[None, None], np.zeros(1)
    total = conv_transpose2d(x[None, None], weight, zero, stride=2)[0, 0]
    figure = make_figure(9, 2.6)
    panels = figure.subplots(1, 6, width_ratios=[2, 3, 3, 3, 3, 4])
    draw_matrix(panels[0], x, label("输入", "input"), total.max())
    for axes, (i, j) in zip(panels[1:5], np.ndindex(2, 2)):
        alone = np.zeros_like(x)
        alone[i, j] = x[i, j]  # 只留一个像素
        stamped = conv_transpose2d(alone[None, None], weight, zero, stride=2)[0, 0]
        draw_matrix(axes, stamped, label(f"{x[i, j]:.0f} × 核", f"{x[i, j]:.0f} × kernel"), total.max())
    draw_matrix(panels[5], total, label("相加", "sum"), total.max())
    figure.savefig(path, dpi=100)


def draw_matrix(axes, matrix: np.ndarray, title: str, largest: float) -> None:
    """画一个矩阵，格子里写数，0 不写。"""
    axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1.6 * largest)
    for (i, j), value in np.ndenumerate(matrix):
        if value:
            axes.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=8)
    axes.set_title(title, fontsize=10)
    axes.set_xticks(np.arange(matrix.shape[1] + 1) - 0.5, [])
    axes.set_yticks(np.arange(matrix.shape[0] + 1) - 0.5, [])
    axes.tick_params(length=0)
    axes.grid(color="white", linewidth=1)


FIGURES: dict[str, Callable[[Path], None]] = {
    "gan_game": draw_game,
    "generator_losses": draw_generator_losses,
    "transposed_convolution": draw_transposed_convolution,
}
