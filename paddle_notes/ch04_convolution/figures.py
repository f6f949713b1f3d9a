"""第 4 章的图：``python tools/figures.py 名字``。每个函数写出一张 PNG，几秒画完，不用下载数据。"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from paddle_notes.ch04_convolution import augmentation, edges, pooling
from paddle_notes.ch04_convolution.arithmetic import Window, output_size, receptive_field
from paddle_notes.ch04_convolution.conv2d import conv2d, cross_correlate2d
from paddle_notes.ch04_convolution.features import as_pictures, draw_features, feature_maps, tile, top_patches
from paddle_notes.ch04_convolution.small_training import digits, small_start, train, trained_network
from paddle_notes.fonts import label

# ---------------------------------------------------------------- 数据


def save_photographs(figure, picture: Path) -> None:
    """写成 256 色的 PNG：照片用全彩色存，文件要大好几倍。"""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=75, format="png")
    pixels = Image.open(buffer).convert("RGB")
    palette = pixels.quantize(256)
    # 用相邻像素的搭配表现中间色，否则天空里会出现一道道的边
    pixels.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(picture, optimize=True)


def photographs(size: int) -> np.ndarray:
    """scikit-learn 自带的两张照片，各裁出正中的正方形，缩到 ``size``：(2, 3, size, size)，像素在 [0, 1]。"""
    from PIL import Image, ImageOps
    from sklearn.datasets import load_sample_image

    pictures = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    pixels = np.stack([np.asarray(ImageOps.fit(picture, (size, size))) for picture in pictures])
    return pixels.transpose(0, 3, 1, 2) / 255


# ---------------------------------------------------------------- 卷积的步骤、填充与步幅


def draw_grid(axes, values: np.ndarray, title: str, marked: np.ndarray, color: str) -> None:
    """画一格格的数；``marked`` 为真的格子涂色。"""
    height, width = values.shape
    for i, j in np.ndindex(height, width):
        face = color if marked[i, j] else "white"
        axes.fill([j, j + 1, j + 1, j], [i, i, i + 1, i + 1], facecolor=face, edgecolor="0.5")
        if np.isfinite(values[i, j]):
            axes.text(j + 0.5, i + 0.5, f"{values[i, j]:g}", ha="center", va="center", fontsize=11)
    axes.set(xlim=(-0.1, width + 0.1), ylim=(height + 0.1, -0.1), aspect="equal")
    axes.set_title(title, fontsize=11)
    axes.axis("off")


def draw_cross_correlation(picture: Path) -> None:
    """3×4 的输入、2×2 的核：窗口滑过的前两处与最后一处，各得到一个输出。"""
    from matplotlib.figure import Figure

    x = np.array([[1.0, 2, 0, 1], [3, 1, 2, 0], [0, 1, 1, 3]])
    kernel = np.array([[1.0, 0], [2, -1]])
    y = cross_correlate2d(x, kernel)  # (2, 3)
    figure = Figure(figsize=(8, 7.2), layout="constrained")
    for row, (i, j) in zip(figure.subplots(3, 3, width_ratios=[4, 2, 3]), [(0, 0), (0, 1), (1, 2)]):
        window = np.zeros(x.shape, bool)
        window[i : i + 2, j : j + 2] = True
        done = np.arange(y.size).reshape(y.shape) <= i * y.shape[1] + j  # 已经算出的输出
        here = np.zeros(y.shape, bool)
        here[i, j] = True
        products = [f"{a:g}·{b:g}" if b >= 0 else f"{a:g}·({b:g})" for a, b in zip(x[window], kernel.ravel())]
        draw_grid(row[0], x, label("输入", "input"), window, "lightskyblue")
        draw_grid(row[1], kernel, label("核", "kernel"), np.ones(kernel.shape, bool), "moccasin")
        title = f"{' + '.join(products)} = {y[i, j]:g}"
        draw_grid(row[2], np.where(done, y, np.nan), title, here, "lightgreen")
        for axes in row:
            axes.set_ylim(len(x) + 0.1, -0.1)  # 三栏的格子一样大
    figure.savefig(picture, dpi=100)


def draw_padding_stride(picture: Path) -> None:
    """3×3 的窗口在边长 5 的输入上：填充与步幅怎样决定有几个窗口；最后一栏放不整齐。"""
    from matplotlib.figure import Figure

    cases = [(5, 1, 0), (5, 1, 1), (5, 2, 1), (7, 2, 0), (7, 3, 0)]
    figure = Figure(figsize=(11, 2.7), layout="constrained")
    for axes, (size, stride, padding) in zip(figure.subplots(1, len(cases)), cases):
        width = size + 2 * padding
        for i, j in np.ndindex(width, width):
            inside = padding <= i < padding + size and padding <= j < padding + size
            face = "lightskyblue" if inside else "white"
            axes.fill([j, j + 1, j + 1, j], [i, i, i + 1, i + 1], facecolor=face, edgecolor="0.6", lw=0.8)
        count = output_size(size, 3, stride, padding, floor=True)
        for i, j in np.ndindex(count, count):
            axes.plot(j * stride + 1.5, i * stride + 1.5, "o", color="tab:red", ms=5)  # 窗口的中心
        corner = (count - 1) * stride
        for start, style in ((0, "-"), (corner, "--")):  # 第一个与最后一个窗口
            edges_x, edges_y = np.array([0, 3, 3, 0, 0]) + start, np.array([0, 0, 3, 3, 0]) + start
            axes.plot(edges_x, edges_y, style, color="tab:red", lw=2)
        left_over = width - corner - 3
        result = f"→ {count}×{count}"
        if left_over:
            result += label(f"，剩 {left_over} 列", f", {left_over} left over")
        settings = label(f"步幅 {stride}，填充 {padding}", f"stride {stride}, padding {padding}")
        axes.set_title(f"{size}×{size} {result}\n{settings}", fontsize=10, linespacing=1.5)
        axes.set(xlim=(-0.3, width + 0.3), ylim=(width + 0.3, -0.3), aspect="equal")
        axes.axis("off")
    figure.savefig(picture, dpi=100)


# ---------------------------------------------------------------- 感受野


def draw_receptive_field(picture: Path) -> None:
    """一行像素的侧面图：最上面的一个输出，一层一层往下，看到输入的几个像素。"""
    from matplotlib.figure import Figure

    columns = [
        (label("一个 5×5", "one 5×5"), [Window(5)]),
        (label("两个 3×3", "two 3×3"), [Window(3)] * 2),
        (label("三个 3×3", "three 3×3"), [Window(3)] * 3),
        (label("3×3，池化，3×3", "3×3, pooling, 3×3"), [Window(3), Window(2, 2), Window(3)]),
    ]
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    for axes, (title, layers) in zip(figure.subplots(1, len(columns)), columns):
        field = receptive_field(layers)
        # 从输出往回走：这一层要哪些位置，上一层就要它们的窗口里的全部位置
        needed = [{0}]
        for window in reversed(layers):
            below = {i * window.stride + a for i in needed[0] for a in range(window.kernel_size)}
            needed.insert(0, below)
        below_layers = [receptive_field(layers[:depth]) for depth in range(len(layers) + 1)]
        for depth, (positions, own) in enumerate(zip(needed, below_layers)):
            centres = {i: own.start + i * own.jump + (own.size - 1) / 2 for i in positions}
            if depth:
                window, previous = layers[depth - 1], below_layers[depth - 1]
                for i, x in centres.items():
                    for a in range(window.kernel_size):
                        j = i * window.stride + a
                        x_below = previous.start + j * previous.jump + (previous.size - 1) / 2
                        axes.plot([x, x_below], [depth, depth - 1], color="0.7", lw=0.8, zorder=1)
            color = "tab:blue" if depth == 0 else "tab:orange"
            axes.scatter(list(centres.values()), [depth] * len(centres), s=60, color=color, zorder=2)
        size = label(f"感受野 {field.size}", f"receptive field {field.size}")
        axes.set_title(f"{title}\n{size}", fontsize=11, linespacing=1.5)
        axes.set(xlim=(-0.6, 7.6), ylim=(-0.4, 3.4))
        axes.axis("off")
    figure.savefig(picture, dpi=100)


# ---------------------------------------------------------------- 边缘


def draw_edge_detection(picture: Path) -> None:
    """上：Sobel 的两个方向与边缘的强弱；下：只给 50 张数字和它们的边缘，学出来的核，用在照片上。"""
    from matplotlib.figure import Figure

    image = augmentation.gray(photographs(160)[:1])[0, 0]  # (160, 160)
    gx, gy = cross_correlate2d(image, edges.SOBEL_X), cross_correlate2d(image, edges.SOBEL_Y)
    examples = digits(50)[0]
    targets = conv2d(examples, edges.SOBEL_X[None, None], np.zeros(1))
    learned, losses = edges.learn_kernel(examples, targets, kernel_size=3, learning_rate=1.0, num_steps=400)
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    top, bottom = figure.subplots(2, 4)
    panels = [
        (label("输入", "input"), image, 0, 1),
        (label("竖直的边缘 gx", "vertical edges gx"), gx, -2, 2),
        (label("水平的边缘 gy", "horizontal edges gy"), gy, -2, 2),
        (label("强弱 √(gx² + gy²)", "magnitude"), edges.gradient_magnitude(image), 0, 2),
    ]
    for axes, (title, pixels, low, high) in zip(top, panels):
        axes.imshow(pixels, cmap="gray", vmin=low, vmax=high)
        axes.set_title(title, fontsize=10)
        axes.axis("off")
    everywhere = np.ones((3, 3), bool)
    draw_grid(bottom[0], edges.SOBEL_X, "Sobel", everywhere, "moccasin")
    draw_grid(bottom[1], learned.round(2) + 0.0, label("学到的核", "learned kernel"), everywhere, "moccasin")
    bottom[2].semilogy(losses)
    bottom[2].set_title(label("学核时的损失", "loss while learning"), fontsize=10)
    bottom[2].set_xlabel(label("步", "step"))
    bottom[2].grid(alpha=0.3)
    bottom[3].imshow(cross_correlate2d(image, learned), cmap="gray", vmin=-2, vmax=2)
    bottom[3].set_title(label("学到的核得到的边缘", "edges by the learned kernel"), fontsize=10)
    bottom[3].axis("off")
    save_photographs(figure, picture)


# ---------------------------------------------------------------- 池化与平移


def edge_maps(images: np.ndarray) -> np.ndarray:
    """四个方向的边缘，截去负值：(N, 1, H, W) → (N, 4, H, W)。"""
    kernels = np.stack([edges.SOBEL_X, -edges.SOBEL_X, edges.SOBEL_Y, -edges.SOBEL_Y])[:, None]
    return np.maximum(conv2d(images, kernels, np.zeros(4), padding=1), 0)


POOLS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "不池化": ("no pooling", lambda x: x),
    "隔一个取一个": ("every second pixel", lambda x: pooling.subsample(x, 2)),
    "2×2 平均池化": ("2×2 average", lambda x: pooling.average_pool2d(x, 2, 2)),
    "2×2 最大池化": ("2×2 max", lambda x: pooling.max_pool2d(x, 2, 2)),
    "4×4 平均池化": ("4×4 average", lambda x: pooling.average_pool2d(x, 4, 4)),
    "4×4 最大池化": ("4×4 max", lambda x: pooling.max_pool2d(x, 4, 4)),
}


def draw_pooling_shift(picture: Path) -> None:
    """200 张数字的边缘图，右移几个像素之后，各种池化的输出变了多少。"""
    from matplotlib.figure import Figure

    maps = edge_maps(digits(200)[0])
    shifts = range(5)
    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.subplots()
    for name, (english, pool) in POOLS.items():
        style = "--" if pool is POOLS["隔一个取一个"][1] else "-"
        changes = [pooling.shift_change(pool, maps, shift) for shift in shifts]
        axes.plot(shifts, changes, style, marker="o", ms=4, label=label(name, english))
    axes.set_xticks(shifts)
    axes.set_xlabel(label("右移的像素", "shift to the right (pixels)"))
    axes.set_ylabel(label("输出的相对变化", "relative change of the output"))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=100)


# ---------------------------------------------------------------- 批量归一化


def draw_batch_norm(picture: Path) -> None:
    """同样的网络与学习率，有、没有批量归一化，两种初始权重：左边是激活之前的分布，右边是损失。"""
    import paddle
    from matplotlib.figure import Figure

    from paddle_notes.ch04_convolution.network import SmallConvNet

    images, labels = digits(2000)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for batch_norm, name in ((False, label("没有", "without")), (True, label("有", "with"))):
        for small, style in ((True, "-"), (False, ":")):
            paddle.seed(0)
            model = SmallConvNet(batch_norm=batch_norm)
            start = label("He 初始化", "He start")
            if small:
                small_start(model)
                start = label("权重 N(0, 0.01²)", "weights N(0, 0.01²)")
                layer = "block2.1" if batch_norm else "block2.0"  # 激活函数的输入
                values = first_batch(model, images[:64], layer)
                left.hist(values, bins=60, range=(-3, 3), density=True, alpha=0.6, label=name)
            losses = train(model, images, labels, learning_rate=0.01, num_steps=40)
            smooth = np.convolve(losses, np.ones(5) / 5, mode="valid")
            color = "tab:orange" if batch_norm else "tab:blue"
            right.plot(smooth, style, color=color, label=f"{name} + {start}")
    left.set_title(
        label("第 2 个激活函数的输入，训练之前", "input of the second ReLU, before training"), fontsize=10
    )
    left.set_yscale("log")
    left.legend(title=label("批量归一化", "batch norm"))
    right.set_title(label("损失（5 步平均）", "loss (mean of 5 steps)"), fontsize=10)
    right.set_xlabel(label("步", "step"))
    right.set_ylim(0, 3.4)  # 给图例留地方
    right.legend(
        title=label("批量归一化 + 初始权重", "batch norm + initial weights"),
        fontsize=8,
        ncols=2,
        loc="upper center",
    )
    right.grid(alpha=0.3)
    figure.savefig(picture, dpi=100)


def first_batch(model, images: np.ndarray, layer: str) -> np.ndarray:
    """训练模式下（用这一批的统计量），``layer`` 的全部输出，拉成一列。"""
    import paddle

    outputs = []
    hook = dict(model.named_sublayers())[layer].register_forward_post_hook(
        lambda layer, inputs, output: outputs.append(output.numpy().ravel())
    )
    with paddle.no_grad():
        model(paddle.to_tensor(images.astype("float32")))
    hook.remove()
    return outputs[0]


# ---------------------------------------------------------------- 图像增广


def draw_augmentation(picture: Path) -> None:
    """第一行是原图，以下每行一种增广。PCA 光照的 α 放大到论文的 10 倍，否则看不出来。"""
    from matplotlib.figure import Figure

    photos = photographs(96)  # (2, 3, 96, 96)
    eigenvalues, eigenvectors = augmentation.color_components(photos)
    batch = np.repeat(photos, 3, axis=0)  # (6, 3, 96, 96)，每张照片三份
    generator = np.random.default_rng(0)
    factors = np.tile([0.5, 0.75, 1.5], 2)
    rows = {
        label("原图", "original"): batch,
        label("左右翻转", "flip"): augmentation.random_flip(batch, generator),
        label("随机裁剪", "random crop"): augmentation.random_crop(batch, 64, generator),
        label("亮度", "brightness"): augmentation.adjust_brightness(batch, factors),
        label("对比度", "contrast"): augmentation.adjust_contrast(batch, factors),
        label("饱和度", "saturation"): augmentation.adjust_saturation(batch, factors),
        label("颜色抖动", "colour jitter"): augmentation.color_jitter(batch, 0.4, generator),
        label("PCA 光照", "PCA lighting"): augmentation.pca_lighting(
            batch, eigenvalues, eigenvectors, generator, std=1.0
        ),
    }
    figure = Figure(figsize=(6, 7.8), layout="constrained")
    for row, (name, images) in zip(figure.subplots(len(rows), 6), rows.items()):
        for axes, image in zip(row, images):
            axes.imshow(image.transpose(1, 2, 0))
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, fontsize=9)
    save_photographs(figure, picture)


# ---------------------------------------------------------------- 卷积核与特征图


def draw_filters_and_maps(picture: Path) -> None:
    """训练几秒的小网络：输入、第一层的卷积核、两块的特征图。"""
    model, images = trained_network()
    draw_features(model, images[1100], ["block1", "block2"], picture)


def draw_top_patches(picture: Path) -> None:
    """每行一个通道：训练集里最能激活它的 8 个图块，大小就是它的感受野。"""
    from matplotlib.figure import Figure

    model, images = trained_network()
    blocks = [Window(5, 1, 2), Window(2, 2), Window(5, 1, 2), Window(2, 2)]
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    for axes, name, depth in zip(figure.subplots(1, 2), ("block1", "block2"), (2, 4)):
        field = receptive_field(blocks[:depth])
        maps = feature_maps(model, images, [name])[name]  # (N, C, h, w)
        strongest = np.argsort(-maps.mean(axis=(0, 2, 3)), kind="stable")[:8]  # 平均响应最强的 8 个通道
        patches = [top_patches(maps[:, c], images, field, 8) for c in strongest]
        axes.imshow(tile(as_pictures(np.concatenate(patches)), 8), cmap="gray")
        size = label(f"感受野 {field.size}×{field.size}", f"receptive field {field.size}×{field.size}")
        axes.set_title(f"{name}  {size}", fontsize=10)
        axes.axis("off")
    figure.savefig(picture, dpi=100)


FIGURES: dict[str, Callable[[Path], None]] = {
    "cross_correlation_steps": draw_cross_correlation,
    "edge_detection": draw_edge_detection,
    "padding_stride": draw_padding_stride,
    "receptive_field": draw_receptive_field,
    "pooling_shift": draw_pooling_shift,
    "batch_norm": draw_batch_norm,
    "augmentation": draw_augmentation,
    "filters_and_maps": draw_filters_and_maps,
    "top_patches": draw_top_patches,
}
