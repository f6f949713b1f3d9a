"""第 2 章后一半的图：梯度下降、学习率、批大小、惩罚与提升树。"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from paddle_notes.ch02_linear_models import optimizers, regularization
from paddle_notes.ch02_linear_models.gradient_boosting import BoostedRegressor
from paddle_notes.fonts import label


def make_problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y = Xw + 噪声，w = (2, −3.4)，两列的尺度是 3 比 1；返回 X (256, 2)、y (256,)、最小二乘的解 (2,)。"""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((256, 2)) * [1.2, 0.4]
    y = X @ np.array([2.0, -3.4]) + generator.standard_normal(256)
    X, y = X - X.mean(0), y - y.mean()  # 不要偏置，只剩两个参数，才画得成图
    return X, y, np.linalg.lstsq(X, y, rcond=None)[0]


def new_figure(width: float, height: float):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def draw_contours(axes, cost: Callable[[np.ndarray], float], bounds: tuple, levels: np.ndarray) -> None:
    """代价在 (w₁, w₂) 平面上的等高线；``bounds`` 是 (左, 右, 下, 上)。"""
    left, right, bottom, top = bounds
    w1, w2 = np.meshgrid(np.linspace(left, right, 81), np.linspace(bottom, top, 81))
    costs = [cost(np.array(point)) for point in zip(w1.ravel(), w2.ravel())]
    axes.contour(w1, w2, np.reshape(costs, w1.shape), levels=levels, colors="0.75", linewidths=0.8)
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="w₁", ylabel="w₂")


def gradient_descent_paths(file: Path) -> None:
    """批量、小批量、随机梯度下降与动量，在等高线上走过的路。"""
    X, y, solution = make_problem()
    start = np.array([-1.5, 1.0])
    runs = [
        (label("批量：每步 256 个样本", "batch: 256 samples a step"), optimizers.SGD(0.15), 256, 30),
        (label("小批量：每步 16 个", "mini-batch: 16 a step"), optimizers.SGD(0.15), 16, 3),
        (label("随机：每步 1 个", "stochastic: 1 a step"), optimizers.SGD(0.15), 1, 1),
        (label("批量，动量 0.8", "batch, momentum 0.8"), optimizers.Momentum(0.15, 0.8), 256, 30),
    ]
    minimum = optimizers.squared_error(X, y, solution)
    figure = new_figure(9, 6.4)
    for axes, (title, optimizer, batch_size, epochs) in zip(figure.subplots(2, 2).flat, runs):
        path = optimizers.descend(X, y, start, optimizer, batch_size, epochs)
        draw_contours(
            axes,
            lambda w: optimizers.squared_error(X, y, w),
            (-2.2, 4.2, -5.2, 1.8),
            minimum + np.array([0.02, 0.1, 0.3, 0.8, 2, 4, 7]),
        )
        axes.plot(*path.T, ".-", color="tab:blue", linewidth=0.9, markersize=4)
        axes.plot(*start, "o", color="tab:green")
        axes.plot(*solution, "*", color="tab:red", markersize=12)
        steps = len(path) - 1
        seen = steps * batch_size
        axes.set_title(title + label(f"；{steps} 步，看过 {seen} 个样本", f"; {steps} steps, {seen} samples"))
    figure.savefig(file)


def learning_rates(file: Path) -> None:
    """学习率太小、合适、太大时的代价；四种衰减；衰减使随机梯度下降停下来。"""
    X, y, solution = make_problem()
    start, minimum = np.array([-1.5, 1.0]), optimizers.squared_error(X, y, solution)
    limit = optimizers.largest_learning_rate(X)
    figure = new_figure(13, 4)
    axes = figure.subplots(1, 3)
    names = [
        (0.01, label("太小", "too small")),
        (0.5, label("合适", "right")),
        (0.98, label("快到上界，来回摆动", "near the limit, oscillating")),
        (1.05, label("太大，发散", "too large, diverges")),
    ]
    for factor, name in names:
        path = optimizers.descend(X, y, start, optimizers.SGD(factor * limit), len(X), 40)
        gaps = [optimizers.squared_error(X, y, w) - minimum for w in path]
        axes[0].semilogy(gaps, label=f"{factor} × 2/λmax  {name}")
    axes[0].set(
        xlabel=label("步", "step"),
        ylabel=label("代价 − 最小的代价", "cost − minimum"),
        title=label("批量梯度下降", "batch gradient descent"),
        ylim=(1e-4, 1e8),
    )
    axes[0].legend(fontsize=8, loc="upper right")

    steps = np.arange(101)
    decays = {
        label("分级", "step"): [optimizers.step_decay(1.0, t, 30, 0.5) for t in steps],
        label("指数", "exponential"): [optimizers.exponential_decay(1.0, t, 0.97) for t in steps],
        label("反比", "inverse time"): [optimizers.inverse_time_decay(1.0, t, 0.05) for t in steps],
        label("余弦", "cosine"): [optimizers.cosine_decay(1.0, t, 100) for t in steps],
    }
    for name, rates in decays.items():
        axes[1].plot(steps, rates, label=name)
    axes[1].set(
        xlabel=label("步", "step"),
        ylabel=label("学习率 / 起始的学习率", "learning rate / initial"),
        title=label("学习率的衰减", "learning rate decay"),
    )
    axes[1].legend()

    schedules = {
        label("0.1 不变", "0.1, constant"): None,
        label("0.1 / (1 + 0.01t)", "0.1 / (1 + 0.01t)"): lambda t: optimizers.inverse_time_decay(
            0.1, t, 0.01
        ),
    }
    for name, schedule in schedules.items():
        path = optimizers.descend(X, y, start, optimizers.SGD(0.1), 1, 8, schedule=schedule)
        axes[2].semilogy(np.linalg.norm(path - solution, axis=1), linewidth=0.8, label=name)
    axes[2].set(
        xlabel=label("步", "step"),
        ylabel=label("到最小二乘解的距离", "distance to the solution"),
        title=label("随机梯度下降，每步 1 个样本", "stochastic, 1 sample a step"),
    )
    axes[2].legend()
    figure.savefig(file)


def batch_noise(file: Path) -> None:
    """批大小改变损失曲线的抖动；梯度的方差与批大小成反比。"""
    X, y, solution = make_problem()
    start, minimum = np.array([-1.5, 1.0]), optimizers.squared_error(X, y, solution)
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    for batch_size in (1, 8, 64, 256):
        path = optimizers.descend(X, y, start, optimizers.SGD(0.1), batch_size, 6)
        gaps = [optimizers.squared_error(X, y, w) - minimum for w in path]
        name = label(f"批大小 {batch_size}", f"batch size {batch_size}")
        left.semilogy(np.arange(len(path)) * batch_size / len(X), gaps, linewidth=0.9, label=name)
    left.set(
        xlabel=label("轮", "epoch"),
        ylabel=label("代价 − 最小的代价", "cost − minimum"),
        title=label("同样的学习率 0.1，同样的 6 轮", "same learning rate 0.1, same 6 epochs"),
    )
    left.legend()

    sizes = 2 ** np.arange(9)
    generator = np.random.default_rng(0)
    noise = [optimizers.gradient_noise(X, y, start, size, 2000, generator) for size in sizes]
    right.loglog(sizes, noise, "o", label=label("量得", "measured"))
    right.loglog(sizes, optimizers.sample_variance(X, y, start) / sizes, label="tr(Σ) / B")
    right.set(
        xlabel=label("批大小 B", "batch size B"),
        ylabel=label("梯度的方差", "variance of the gradient"),
        title=label("梯度噪声与批大小成反比", "gradient noise is inverse to batch size"),
    )
    right.legend()
    figure.savefig(file)


def penalty_contours(file: Path) -> None:
    """硬约束的图：代价的等高线第一次碰到菱形（L1）是在角上，碰到圆（L2）一般不在轴上。"""
    X, y, solution = make_problem()
    strength = 1.0
    by_l1 = regularization.elastic_net(X, y, strength)[0] + 0.0  # −0.0 变成 0.0，图上不出现负号
    by_l2, _ = regularization.ridge(X, y, strength)
    minimum = optimizers.squared_error(X, y, solution)
    figure = new_figure(10, 4.4)
    angles = np.linspace(0, 2 * np.pi, 401)
    circle = np.stack([np.cos(angles), np.sin(angles)])  # (2, 401)
    balls = [
        (
            f"|w₁| + |w₂| ≤ {np.abs(by_l1).sum():.2f}",
            circle / np.abs(circle).sum(0),
            np.abs(by_l1).sum(),
            by_l1,
        ),
        (f"w₁² + w₂² ≤ {np.sum(by_l2**2):.2f}", circle, np.linalg.norm(by_l2), by_l2),
    ]
    for axes, name, (formula, unit, radius, w) in zip(figure.subplots(1, 2), ("L1", "L2"), balls):
        draw_contours(
            axes,
            lambda w: optimizers.squared_error(X, y, w),
            (-2.5, 4.5, -4.5, 2.0),
            np.sort([optimizers.squared_error(X, y, w), *(minimum + np.array([0.1, 0.4, 1, 4, 7]))]),
        )
        axes.fill(*(radius * unit), color="tab:orange", alpha=0.35)
        axes.axhline(0, color="0.4", linewidth=0.6)
        axes.axvline(0, color="0.4", linewidth=0.6)
        axes.plot(*solution, "*", color="tab:red", markersize=12, label=label("没有惩罚", "no penalty"))
        point = f"({w[0]:.2f}, {w[1]:.2f})"
        axes.plot(*w, "o", color="tab:blue", label=label(f"{name} 的解 {point}", f"{name} solution {point}"))
        axes.set(title=formula, aspect="equal")
        axes.legend(fontsize=8, loc="upper left")
    figure.savefig(file)


def regularization_paths(file: Path) -> None:
    """糖尿病数据（标准化后）的 10 个权重随惩罚的强度变化：Lasso 的一个个变成 0，岭回归的只是变小。"""
    from sklearn.datasets import load_diabetes

    data = load_diabetes()
    X, y = (data.data - data.data.mean(0)) / data.data.std(0), data.target
    strengths = np.logspace(-2, 2, 61)
    fits = [
        (label("Lasso（L1）", "lasso (L1)"), partial(regularization.elastic_net, tolerance=1e-6)),
        (label("岭回归（L2）", "ridge (L2)"), regularization.ridge),
    ]
    figure = new_figure(10, 4.2)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (title, fit) in zip(panels, fits):
        weights = np.array([fit(X, y, strength)[0] for strength in strengths])  # (61, 10)
        axes.semilogx(strengths, weights)
        axes.axhline(0, color="0.4", linewidth=0.6)
        axes.set(title=title, xlabel=label("惩罚的强度 λ", "strength λ"))
    panels[0].set_ylabel(label("权重", "weight"))
    panels[1].legend(data.feature_names, ncols=2, fontsize=8)
    figure.savefig(file)


def boosting_residuals(file: Path) -> None:
    """提升树的前几步：上面是样本与到此为止的预测，下面是剩下的残差与下一棵树。"""
    generator = np.random.default_rng(0)
    x = np.sort(generator.uniform(0, 6, 80))
    y = np.sin(x) + 0.3 * x + 0.15 * generator.standard_normal(80)
    model = BoostedRegressor(num_trees=31, learning_rate=0.5, max_depth=2, min_samples_leaf=3).fit(
        x[:, None], y
    )
    grid = np.linspace(0, 6, 600)[:, None]
    at_samples, on_grid = model.staged_scores(x[:, None]), model.staged_scores(grid)  # (32, 80)、(32, 600)
    figure = new_figure(12, 5.5)
    panels = figure.subplots(2, 4, sharex=True, sharey="row")
    for column, count in enumerate((0, 1, 3, 30)):
        residual = y - at_samples[count]
        top, bottom = panels[:, column]
        top.plot(x, y, ".", color="0.6", markersize=4)
        top.plot(grid, on_grid[count], color="tab:blue")
        top.set_title(label(f"{count} 棵树", f"{count} trees"))
        bottom.plot(x, residual, ".", color="0.6", markersize=4)
        bottom.plot(grid, model.trees[count].predict(grid), color="tab:red")
        bottom.set_title(
            label(f"残差的均方 {np.mean(residual**2):.3f}", f"mean square {np.mean(residual**2):.3f}")
        )
        bottom.set_xlabel("x")
    panels[0, 0].set_ylabel(label("样本与预测 F", "samples and F"))
    panels[1, 0].set_ylabel(label("残差 y − F 与下一棵树", "residual and next tree"))
    figure.savefig(file)


FIGURES: dict[str, Callable[[Path], None]] = {
    "gradient_descent_paths": gradient_descent_paths,
    "learning_rates": learning_rates,
    "batch_noise": batch_noise,
    "penalty_contours": penalty_contours,
    "regularization_paths": regularization_paths,
    "boosting_residuals": boosting_residuals,
}
