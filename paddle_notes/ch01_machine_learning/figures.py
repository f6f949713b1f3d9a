"""第 1 章的图：名字 -> 画这张图、写成 PNG 的函数。由 ``python tools/figures.py 名字`` 调用。"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from paddle_notes.ch01_machine_learning import capacity, imagenet
from paddle_notes.ch01_machine_learning.dbscan import NOISE, dbscan, two_moons
from paddle_notes.ch01_machine_learning.digits import get_digits
from paddle_notes.ch01_machine_learning.features import SOBEL_X, SOBEL_Y, edge_histograms, filter_3x3
from paddle_notes.ch01_machine_learning.image import VARIATIONS, change_background, flatten, shift
from paddle_notes.ch01_machine_learning.knn import KNearestNeighbors, choose_k, l2_distance
from paddle_notes.ch01_machine_learning.preprocessing import Center, Standardize
from paddle_notes.ch01_machine_learning.splits import k_fold
from paddle_notes.fonts import label

BLUE, ORANGE, GREEN, GRAY = "#1f77b4", "#ff7f0e", "#2ca02c", "#999999"


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=100, facecolor="white")


def show(axes, image: np.ndarray, title: str = "", maximum: float = 255) -> None:
    """画一张灰度图像，不要坐标轴。"""
    axes.imshow(image, cmap="gray", vmin=0, vmax=maximum)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def clear_four(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """一个写得清楚的 4：(1, 28, 28)。"""
    return images[labels == 4][6:7]


def small_scene() -> np.ndarray:
    """一张 8×8 的彩色小图：蓝天、太阳、草地、一栋房子，(8, 8, 3) uint8。"""
    scene = np.empty((8, 8, 3), dtype=np.uint8)
    scene[:6] = (120, 180, 235)
    scene[6:] = (70, 150, 60)
    scene[0:2, 6:8] = (250, 210, 60)
    scene[4:7, 1:4] = (200, 90, 70)
    scene[3, 2] = (150, 50, 50)
    scene[5:7, 2] = (90, 60, 40)
    return scene


def image_as_array(path: Path) -> None:
    """一张彩色小图，它的三个通道与其中的数，展平成的一列。"""
    scene = small_scene()
    figure = Figure(figsize=(12, 3.4), layout="constrained")
    panels = figure.subplots(1, 5, width_ratios=[4, 4, 4, 4, 1.6])
    panels[0].imshow(scene)
    panels[0].set_title(label("图像 (8, 8, 3)", "image (8, 8, 3)"))
    names = [label("红", "red"), label("绿", "green"), label("蓝", "blue")]
    for channel, (axes, name) in enumerate(zip(panels[1:4], names)):
        values = scene[..., channel]
        axes.imshow(values, cmap=["Reds", "Greens", "Blues"][channel] + "_r", vmin=0, vmax=255)
        for h in range(8):
            for w in range(8):
                color = "black" if values[h, w] > 140 else "white"
                axes.text(w, h, values[h, w], ha="center", va="center", fontsize=7, color=color)
        axes.set_title(label(f"通道 {channel}：{name}", f"channel {channel}: {name}"))
    for axes in panels[:4]:
        axes.set_xticks([])
        axes.set_yticks([])
    column = scene.reshape(-1)
    first, last = column[:6], column[-3:]
    texts = [*map(str, first), "⋮", *map(str, last)]
    colors = ["#f4cccc", "#d9ead3", "#cfe2f3"] * 2 + ["white"] + ["#f4cccc", "#d9ead3", "#cfe2f3"]
    for row, (text, color) in enumerate(zip(texts, colors)):
        box = {
            "boxstyle": "square,pad=0.25",
            "facecolor": color,
            "edgecolor": GRAY if text != "⋮" else "white",
        }
        panels[4].text(
            0.5, 1 - (row + 0.5) / len(texts), text, ha="center", va="center", fontsize=8, bbox=box
        )
    panels[4].set_title(label("一列 (192, 1)", "column (192, 1)"))
    panels[4].set_axis_off()
    save(figure, path)


VARIATION_NAMES = {
    "shift": ("平移 4 像素", "shift 4 px"),
    "rotate": ("旋转 30°", "rotate 30°"),
    "viewpoint": ("从侧面 50° 看", "view at 50°"),
    "light": ("光照 0.3 倍", "light × 0.3"),
    "deformation": ("形变", "deformation"),
    "occlusion": ("遮挡", "occlusion"),
    "background": ("背景变亮", "background"),
}


def vision_challenges(path: Path) -> None:
    """一个数字的七种变化：各与原图相距多远，K 近邻还认得几成。"""
    train_images, train_labels, images, labels = get_digits()
    model = KNearestNeighbors(3).fit(train_images, train_labels)
    example = clear_four(images, labels)
    figure = Figure(figsize=(12, 2.3), layout="constrained")
    panels = figure.subplots(1, 1 + len(VARIATIONS))
    accuracy = (model.predict(images) == labels).mean()
    text = label("原图\n\n准确率 {:.0f}%", "original\n\naccuracy {:.0f}%")
    show(panels[0], example[0], text.format(100 * accuracy))
    text = label("{}\n距原图 {:.0f}\n准确率 {:.0f}%", "{}\ndistance {:.0f}\naccuracy {:.0f}%")
    for axes, (name, vary) in zip(panels[1:], VARIATIONS.items()):
        changed = vary(example)
        distance = l2_distance(flatten(example), flatten(changed))[0, 0]
        accuracy = (model.predict(vary(images)) == labels).mean()
        show(axes, changed[0], text.format(label(*VARIATION_NAMES[name]), distance, 100 * accuracy))
    save(figure, path)


def knn_distance_background(path: Path) -> None:
    """像素距离跟着背景走：平移一点，或换个背景，自己就比别的数字还远。"""
    train_images, train_labels, images, labels = get_digits()
    example = clear_four(images, labels)
    others = train_images[train_labels != 4]
    nearest = l2_distance(flatten(example), flatten(others))[0].argmin()
    figure = Figure(figsize=(12, 5.6), layout="constrained")
    top, bottom = figure.subfigures(2, 1)
    shown = [
        (example, label("数字 4", "a 4")),
        (shift(example, right=2), label("平移 2 像素", "shifted 2 px")),
        (shift(example, right=4), label("平移 4 像素", "shifted 4 px")),
        (change_background(example, 100), label("背景 0 → 100", "background 0 → 100")),
        (others[nearest : nearest + 1], label("最像它的别的数字", "nearest other digit")),
        (np.zeros_like(example), label("一片空白", "blank")),
    ]
    text = label("{}\n距离 {:.0f}", "{}\ndistance {:.0f}")
    for axes, (image, name) in zip(top.subplots(1, len(shown)), shown):
        show(axes, image[0], text.format(name, l2_distance(flatten(example), flatten(image))[0, 0]))

    left, right = bottom.subplots(1, 2)
    model = KNearestNeighbors(3).fit(train_images, train_labels)
    pixels = np.arange(9)
    accuracy = [100 * (model.predict(shift(images, right=p)) == labels).mean() for p in pixels]
    left.plot(pixels, accuracy, "o-", color=BLUE)
    left.axhline(10, color=GRAY, linestyle="--", label=label("瞎猜", "guessing"))
    left.set_xlabel(label("测试图像向右平移（像素）", "test images shifted right (pixels)"))
    left.set_ylabel(label("准确率（%）", "accuracy (%)"))
    left.set_ylim(0, 100)
    left.legend()

    # 训练集里单数换成灰的背景；测试图像的背景反过来
    odd_train, odd = train_labels % 2 == 1, labels % 2 == 1
    gray_train = np.where(odd_train[:, None, None], change_background(train_images, 100), train_images)
    model = KNearestNeighbors(3).fit(gray_train, train_labels)
    same = np.where(odd[:, None, None], change_background(images, 100), images)
    swapped = np.where(odd[:, None, None], images, change_background(images, 100))
    heights = [100 * (model.predict(x) == labels).mean() for x in (same, swapped)]
    names = [
        label("背景与训练时一致\n单数灰、双数黑", "as in training\nodd gray, even black"),
        label("背景对调\n单数黑、双数灰", "swapped\nodd black, even gray"),
    ]
    bars = right.bar(names, heights, color=[BLUE, ORANGE], width=0.5)
    right.bar_label(bars, fmt="%.1f")
    right.set_ylabel(label("准确率（%）", "accuracy (%)"))
    right.set_ylim(0, 112)
    save(figure, path)


def knn_choose_k(path: Path) -> None:
    """5 折交叉验证：每个 k 五个点，折线是平均，竖线是标准差。"""
    images, labels, *_ = get_digits()
    candidates = [1, 3, 5, 7, 9, 11, 15, 21, 31, 51, 101]
    accuracy = 100 * choose_k(images, labels, candidates)
    mean, std = accuracy.mean(axis=1), accuracy.std(axis=1)
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(np.repeat(candidates, 5), accuracy.ravel(), ".", color=GRAY, label=label("一折", "one fold"))
    axes.errorbar(
        candidates, mean, std, fmt="o-", color=BLUE, capsize=3, label=label("平均 ± 标准差", "mean ± std")
    )
    best = candidates[int(mean.argmax())]
    axes.axvline(best, color=ORANGE, linestyle="--", label=label(f"最好：k = {best}", f"best: k = {best}"))
    axes.set_xscale("log")
    axes.set_xticks(candidates, candidates)
    axes.minorticks_off()
    axes.set_xlabel("k")
    axes.set_ylabel(label("验证准确率（%）", "validation accuracy (%)"))
    axes.legend()
    save(figure, path)


def k_fold_diagram(path: Path) -> None:
    """5 折交叉验证中，每个样本在哪一折用来验证。13 个样本，前三折各 3 个，后两折各 2 个。"""
    num_samples, num_folds = 13, 5
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axes = figure.subplots()
    for row, (_, valid) in enumerate(k_fold(num_samples, num_folds)):
        for sample in range(num_samples):
            used = sample in valid
            axes.add_patch(
                _square(
                    sample + 0.05, num_folds - 1 - row + 0.1, ORANGE if used else BLUE, 1.0 if used else 0.3
                )
            )
            axes.text(sample + 0.5, num_folds - row - 0.5, sample, ha="center", va="center", fontsize=9)
    axes.set_xlim(0, num_samples)
    axes.set_ylim(0, num_folds)
    folds = [label(f"第 {fold} 折", f"fold {fold}") for fold in range(1, num_folds + 1)]
    axes.set_yticks([num_folds - row - 0.5 for row in range(num_folds)], folds)
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    axes.plot([], [], "s", color=ORANGE, label=label("验证", "validation"))
    axes.plot([], [], "s", color=BLUE, alpha=0.3, label=label("训练", "training"))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    save(figure, path)


def _square(x: float, y: float, color: str, alpha: float):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 0.9, 0.8, color=color, alpha=alpha, linewidth=0)


def under_overfitting(path: Path) -> None:
    """上：1、3、13 次多项式拟合 15 个点。下：误差随次数、随惩罚（参数的取值范围）怎样变。"""
    train, test = capacity.make_data(15, seed=97), capacity.make_data(1000, seed=1)
    figure = Figure(figsize=(12, 7), layout="constrained")
    top, bottom = figure.subfigures(2, 1)
    names = [label("欠拟合", "underfitting"), label("合适", "good"), label("过拟合", "overfitting")]
    x = np.linspace(-1, 1, 400)
    for axes, degree, name in zip(top.subplots(1, 3, sharey=True), (1, 3, 13), names):
        axes.plot(x, np.sin(np.pi * x), "--", color=GRAY, label=label("真实的函数", "true function"))
        w = capacity.fit_polynomial(*train, degree)
        axes.plot(x, capacity.predict(w, x), color=BLUE, label=label("拟合", "fit"))
        axes.plot(*train, "o", color=ORANGE, label=label("训练样本", "training samples"))
        axes.set_ylim(-2, 2)
        axes.set_title(label(f"{name}：{degree} 次", f"{name}: degree {degree}"))
    axes.legend(loc="lower right", fontsize=8)

    left, right = bottom.subplots(1, 2, sharey=True)
    degrees = range(14)
    _plot_errors(left, degrees, capacity.compare(train, test, [(degree, 0.0) for degree in degrees]))
    left.set_xlabel(label("次数（参数的个数减 1）", "degree (number of parameters − 1)"))
    left.set_ylabel(label("均方误差", "mean squared error"))
    penalties = np.logspace(1.5, -10, 24)
    errors = capacity.compare(train, test, [(13, penalty) for penalty in penalties])
    _plot_errors(right, [error.largest_weight for error in errors], errors)
    right.set_xscale("log")
    right.set_xlabel(
        label(
            "13 次多项式最大的 |w|：惩罚越小，越往右",
            "largest |w| of degree 13: smaller penalty further right",
        )
    )
    save(figure, path)


def _plot_errors(axes, x, errors: list[capacity.Errors]) -> None:
    axes.plot(
        x, [error.train for error in errors], "o-", color=BLUE, label=label("训练误差", "training error")
    )
    axes.plot(
        x,
        [error.generalization for error in errors],
        "s-",
        color=ORANGE,
        label=label("泛化误差", "generalization error"),
    )
    axes.set_yscale("log")
    axes.legend()


def feature_scaling(path: Path) -> None:
    """两个特征的葡萄酒数据：原始、中心化、标准化；横竖用同样的比例尺。"""
    from sklearn.datasets import load_wine

    wine = load_wine()
    x = wine.data[:, [12, 0]]  # 脯氨酸（几百到一千多），酒精（十几）
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    shown = [
        (label("原始", "raw"), x),
        (label("中心化", "centered"), Center().fit(x).transform(x)),
        (label("标准化", "standardized"), Standardize().fit(x).transform(x)),
    ]
    for axes, (name, points) in zip(figure.subplots(1, 3), shown):
        for cls, color in enumerate((BLUE, ORANGE, GREEN)):
            axes.plot(*points[wine.target == cls].T, ".", color=color, label=wine.target_names[cls])
        axes.axhline(0, color=GRAY, linewidth=0.8)
        axes.axvline(0, color=GRAY, linewidth=0.8)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_title(name)
        axes.set_xlabel(label("脯氨酸", "proline"))
        axes.set_ylabel(label("酒精", "alcohol"))
    axes.legend(fontsize=8)
    save(figure, path)


def hand_made_features(path: Path) -> None:
    """一个数字的边缘：竖直的、水平的、强度，与 4×4 小格里各个方向的票数。"""
    _, _, images, labels = get_digits()
    example = clear_four(images, labels)
    gx, gy = filter_3x3(example, SOBEL_X)[0], filter_3x3(example, SOBEL_Y)[0]
    figure = Figure(figsize=(12, 2.7), layout="constrained")
    panels = figure.subplots(1, 5)
    show(panels[0], example[0], label("像素", "pixels"))
    for axes, values, name in zip(
        panels[1:3], (gx, gy), (label("左右之差 gx", "gx"), label("上下之差 gy", "gy"))
    ):
        axes.imshow(values, cmap="RdBu", vmin=-1020, vmax=1020)
        axes.set_title(name, fontsize=10)
        axes.set_axis_off()
    show(panels[3], np.hypot(gx, gy), label("边缘的强度", "edge strength"), maximum=1020)
    histogram = edge_histograms(example).reshape(7, 7, 8)
    panels[4].imshow(np.zeros((7, 7)), cmap="gray", extent=(0, 7, 7, 0))
    # 梯度的方向与边缘垂直；每个方向画一小段边缘，长短是票数
    angles = (np.arange(8) + 0.5) / 8 * np.pi
    for i, j, b in np.ndindex(7, 7, 8):
        half = 1.2 * histogram[i, j, b]
        dx, dy = -half * np.sin(angles[b]), half * np.cos(angles[b])
        panels[4].plot(
            [j + 0.5 - dx, j + 0.5 + dx], [i + 0.5 - dy, i + 0.5 + dy], color="white", linewidth=1.2
        )
    panels[4].set_title(label("方向的直方图 7×7×8", "orientation histograms 7×7×8"), fontsize=10)
    panels[4].set_axis_off()
    save(figure, path)


def imagenet_errors(path: Path) -> None:
    """ImageNet 竞赛历年冠军的 top-5 错误率。"""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    years = [str(year) for year, *_ in imagenet.WINNERS]
    errors = [error for *_, error in imagenet.WINNERS]
    colors = [GRAY if year < "2012" else BLUE for year in years]
    names = [f"{year}\n{team.split('（')[0]}" for year, team, _, _ in imagenet.WINNERS]
    axes.bar_label(axes.bar(names, errors, color=colors), fmt="%.1f")
    axes.axhline(
        imagenet.HUMAN_ERROR,
        color=ORANGE,
        linestyle="--",
        label=label(f"一个人 {imagenet.HUMAN_ERROR}", f"a human {imagenet.HUMAN_ERROR}"),
    )
    axes.bar([0], [0], color=GRAY, label=label("人工特征", "hand-made features"))
    axes.bar([0], [0], color=BLUE, label=label("卷积网络", "convolutional network"))
    axes.set_ylabel(label("top-5 错误率（%）", "top-5 error (%)"))
    axes.tick_params(axis="x", labelsize=8)
    axes.legend()
    save(figure, path)


def dbscan_clusters(path: Path) -> None:
    """两个半圆与零星的点：聚类之前，与 DBSCAN 的结果（实心是核心点，空心是边界点，叉是噪声）。"""
    points = two_moons()
    labels, is_core = dbscan(points, radius=0.2, min_points=5)
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    left.plot(*points.T, ".", color=GRAY)
    left.set_title(label("只有点，没有标签", "points without labels"))
    for cluster, color in zip(range(labels.max() + 1), (BLUE, ORANGE, GREEN)):
        inside = labels == cluster
        right.plot(*points[inside & is_core].T, "o", color=color, markersize=4)
        right.plot(*points[inside & ~is_core].T, "o", color=color, markersize=5, fillstyle="none")
    right.plot(*points[labels == NOISE].T, "x", color="black", markersize=6)
    counts = (labels.max() + 1, int((labels == NOISE).sum()))
    right.set_title(
        label("DBSCAN：{} 类，{} 个噪声点", "DBSCAN: {} clusters, {} noise points").format(*counts)
    )
    save(figure, path)


FIGURES: dict[str, Callable[[Path], None]] = {
    "image_as_array": image_as_array,
    "vision_challenges": vision_challenges,
    "knn_distance_background": knn_distance_background,
    "knn_choose_k": knn_choose_k,
    "k_fold": k_fold_diagram,
    "under_overfitting": under_overfitting,
    "feature_scaling": feature_scaling,
    "hand_made_features": hand_made_features,
    "imagenet_errors": imagenet_errors,
    "dbscan": dbscan_clusters,
}
