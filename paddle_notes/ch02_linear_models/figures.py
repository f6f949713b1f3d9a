"""第 2 章的图：线性回归、损失函数、熵与 softmax、支持向量机；优化的图在 figures_training 里。"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from paddle_notes.ch02_linear_models import entropy, linear_regression, losses, softmax, svm
from paddle_notes.ch02_linear_models.figures_training import FIGURES as TRAINING_FIGURES
from paddle_notes.fonts import label


def new_figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def linear_regression_fit(file: Path) -> None:
    """合成数据的一个剖面与拟合的直线；参数怎样走到 (2, −3.4, 4.2)。"""
    X, y = linear_regression.synthetic_data(200, noise=1.0)
    w, b = linear_regression.closed_form(X, y)
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    without_first = y - w[0] * X[:, 0]  # 减去第一个特征的部分，剩下的只与第二个特征有关
    left.plot(X[:, 1], without_first, ".", color="0.6", label=label("样本", "samples"))
    ends = np.array([X[:, 1].min(), X[:, 1].max()])
    left.plot(ends, w[1] * ends + b, color="tab:red", label=f"{w[1]:.2f}·x₂ + {b:.2f}")
    left.vlines(X[:, 1], w[1] * X[:, 1] + b, without_first, color="tab:red", linewidth=0.4)
    left.set(xlabel="x₂", ylabel=f"y − {w[0]:.2f}·x₁", title=label("闭式解，噪声 1", "closed form, noise 1"))
    left.legend()

    X, y = linear_regression.synthetic_data()
    w, b, path = np.zeros(2), 0.0, [(0.0, 0.0, 0.0)]
    for batch in linear_regression.minibatches(len(X), 10, epochs=2):
        dw, db = linear_regression.gradients(X[batch], y[batch], w, b)
        w, b = w - 0.03 * dw, b - 0.03 * db
        path.append((*w, b))
    truth = (*linear_regression.TRUE_W, linear_regression.TRUE_B)
    for values, true, name in zip(np.array(path).T, truth, ("w₁", "w₂", "b")):
        (line,) = right.plot(values, label=f"{name} → {true}")
        right.axhline(true, color=line.get_color(), linewidth=0.6, linestyle="--")
    right.set(
        xlabel=label("步（每步 10 个样本）", "step (10 samples each)"),
        title=label("小批量随机梯度下降，噪声 0.01", "mini-batch SGD, noise 0.01"),
    )
    right.legend()
    figure.savefig(file)


def loss_curves(file: Path) -> None:
    """各回归损失与分类损失，和它们的导数。"""
    e = np.linspace(-3, 3, 601)
    zero, one = np.zeros_like(e), np.ones_like(e)
    regression = [
        (label("平方 e²", "squared e²"), losses.squared_error, losses.squared_error_backward, {}),
        (label("绝对值 |e|", "absolute |e|"), losses.absolute_error, losses.absolute_error_backward, {}),
        ("Huber, δ = 1", losses.huber, losses.huber_backward, {}),
        (
            label("平滑 L1，β = 0.5", "smooth L1, β = 0.5"),
            losses.smooth_l1,
            losses.smooth_l1_backward,
            {"beta": 0.5},
        ),
    ]
    figure = new_figure(10, 7)
    (top_left, top_right), (bottom_left, bottom_right) = figure.subplots(2, 2)
    for name, forward, backward, options in regression:
        top_left.plot(e, forward(e, zero, **options), label=name)
        top_right.plot(e, backward(one, e, zero, **options))
    top_left.set(title=label("回归的损失", "regression losses"), xlabel="e = ŷ − y", ylim=(-0.2, 4))
    top_right.set(title=label("对预测的导数", "derivative"), xlabel="e = ŷ − y", ylim=(-3.2, 3.2))

    # 两类，正确的标签是 +1：分数越大越对
    classification = [
        (
            label("交叉熵 log(1 + e⁻ˢ)", "cross-entropy log(1 + e⁻ˢ)"),
            losses.binary_cross_entropy,
            losses.binary_cross_entropy_backward,
        ),
        (label("铰链 max(0, 1 − s)", "hinge max(0, 1 − s)"), losses.hinge, losses.hinge_backward),
        (label("平方 (s − 1)²", "squared (s − 1)²"), losses.squared_error, losses.squared_error_backward),
    ]
    for name, forward, backward in classification:
        bottom_left.plot(e, forward(e, one), label=name)
        bottom_right.plot(e, backward(one, e, one))
    bottom_left.plot(e, e < 0, color="0.5", linestyle=":", label=label("分错为 1", "0–1 error"))
    bottom_left.set(
        title=label("分类的损失，标签是 +1", "classification losses, label +1"),
        xlabel=label("分数 s", "score s"),
        ylim=(-0.2, 6),
    )
    bottom_right.set(
        title=label("对分数的导数", "derivative"), xlabel=label("分数 s", "score s"), ylim=(-3.2, 3.2)
    )
    for axes in (top_left, bottom_left):
        axes.legend(fontsize=8, loc="upper center")
    for axes in (top_left, top_right, bottom_left, bottom_right):
        axes.grid(color="0.92")
    figure.savefig(file)


def fit_line(x: np.ndarray, y: np.ndarray, backward: Callable, steps: int = 4000) -> tuple[float, float]:
    """用梯度下降拟合 y = wx + b；步长逐渐缩小，绝对值损失才停得下来。"""
    w = b = 0.0
    for t in range(steps):
        dlosses = backward(np.full(len(x), 1 / len(x)), w * x + b, y)  # (N,)
        lr = 0.3 / (1 + 0.01 * t)
        w, b = w - lr * float(dlosses @ x), b - lr * float(dlosses.sum())
    return w, b


def outliers_mae_mse(file: Path) -> None:
    """同一批点，改坏其中三个：MSE 的直线被拉走，MAE 与 Huber 的几乎不动。"""
    generator = np.random.default_rng(0)
    x = np.linspace(-2, 2, 30)
    clean = 1.5 * x + 1 + 0.2 * generator.standard_normal(30)
    spoiled = clean.copy()
    spoiled[-3:] -= 12
    methods = [
        ("MSE", losses.squared_error_backward),
        ("MAE", losses.absolute_error_backward),
        ("Huber, δ = 1", losses.huber_backward),
    ]
    titles = (label("没有离群点", "no outliers"), label("三个离群点", "three outliers"))
    figure = new_figure(10, 4)
    for axes, y, title in zip(figure.subplots(1, 2, sharey=True), (clean, spoiled), titles):
        axes.plot(x, y, "o", color="0.6", markersize=4)
        for (name, backward), style in zip(methods, ("-", "-", "--")):
            w, b = fit_line(x, y, backward)
            axes.plot(x, w * x + b, style, label=f"{name}: {w:.2f}x + {b:.2f}")
        axes.set(title=title, xlabel="x")
        axes.legend()
    figure.savefig(file)


def entropy_and_temperature(file: Path) -> None:
    """两个符号的熵与交叉熵；温度改变 softmax 的尖锐程度。"""
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    p = np.linspace(0.001, 0.999, 500)
    pairs = np.stack([p, 1 - p], 1)  # (500, 2)
    left.plot(p, [entropy.entropy(pair) for pair in pairs], label=label("熵 H(p)", "entropy H(p)"))
    coin = np.array([0.8, 0.2])
    left.plot(
        p,
        [entropy.cross_entropy(coin, pair) for pair in pairs],
        label=label("交叉熵 H((0.8, 0.2), q)", "cross-entropy H((0.8, 0.2), q)"),
    )
    left.plot(0.8, entropy.entropy(coin), "o", color="tab:red", label=label("q = p 时最小", "least at q = p"))
    left.set(
        xlabel=label("第一个符号的概率", "probability of the first symbol"),
        ylabel=label("位", "bits"),
        ylim=(0, 3),
        title=label("两个符号的熵与交叉熵", "entropy and cross-entropy of two symbols"),
    )
    left.legend()

    scores = np.array([2.0, 1.0, 0.0, -1.0])
    width = 0.2
    for i, temperature in enumerate((0.25, 1.0, 4.0)):
        probabilities = softmax.softmax(scores / temperature)
        right.bar(np.arange(4) + (i - 1) * width, probabilities, width, label=f"T = {temperature:g}")
    right.set(
        xticks=np.arange(4),
        xticklabels=[f"{score:g}" for score in scores],
        xlabel=label("分数", "score"),
        ylabel=label("概率", "probability"),
        title="softmax(s / T)",
    )
    right.legend()
    figure.savefig(file)


def draw_svm(
    axes, features: Callable[[np.ndarray], np.ndarray], X: np.ndarray, signs: np.ndarray, C: float
) -> str:
    """在特征 ``features(X)`` 上训练线性 SVM，画出点、分界面（实线）、间隔的两边（虚线），支持向量加圈。

    返回一句话：间隔与支持向量的个数。
    """
    w, b = svm.fit_binary(features(X), signs, C, steps=8000)
    limit = 1.1 * np.abs(X).max()
    grid = np.stack(np.meshgrid(*[np.linspace(-limit, limit, 201)] * 2))  # (2, 201, 201)
    scores = (features(grid.reshape(2, -1).T) @ w + b).reshape(201, 201)
    axes.contourf(*grid, scores > 0, levels=[-0.5, 0.5, 1.5], colors=["#fde8e4", "#e4eefb"])
    axes.contour(*grid, scores, levels=[-1, 0, 1], colors="0.3", linestyles=["--", "-", "--"])
    for sign, colour in ((1, "tab:blue"), (-1, "tab:red")):
        axes.plot(*X[signs == sign].T, "o", color=colour, markersize=4)
    support = svm.support_vectors(features(X), signs, w, b)
    axes.plot(*X[support].T, "o", color="0.2", fillstyle="none", markersize=9, markeredgewidth=0.8)
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    return label(
        f"间隔 {svm.margin(w):.2f}，{len(support)} 个支持向量",
        f"margin {svm.margin(w):.2f}, {len(support)} support vectors",
    )


def svm_margin(file: Path) -> None:
    """间隔与支持向量；C 小则间隔宽；二次特征里的平面是原来的曲线。"""
    generator = np.random.default_rng(0)
    signs = np.where(np.arange(60) % 2 == 0, 1, -1)
    blobs = 0.75 * generator.standard_normal((60, 2)) + 1.1 * signs[:, None]
    figure = new_figure(12, 4.3)
    panels = figure.subplots(1, 3)
    for axes, C in zip(panels, (10.0, 0.02)):
        axes.set_title(f"C = {C:g}: " + draw_svm(axes, np.asarray, blobs, signs, C))
    facts = draw_svm(panels[2], svm.polynomial_features, *svm.rings(), C=1.0)
    panels[2].set_title(label("二次特征：", "quadratic features: ") + facts)
    figure.savefig(file)


FIGURES: dict[str, Callable[[Path], None]] = {
    "linear_regression_fit": linear_regression_fit,
    "loss_curves": loss_curves,
    "outliers_mae_mse": outliers_mae_mse,
    "entropy_and_temperature": entropy_and_temperature,
    "svm_margin": svm_margin,
    **TRAINING_FIGURES,
}
