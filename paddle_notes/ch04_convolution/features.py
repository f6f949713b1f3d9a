"""看一看网络学到了什么：第一层的卷积核、各层的特征图、最能激活某个通道的图块。

论文：Zeiler, Fergus, *Visualizing and Understanding Convolutional Networks*, 2013：
浅的层认边缘与颜色，深的层认纹理与物体的部分。

卷积核只有第一层的能直接看：它的输入是像素。深的层的核看的是别的特征图，
要知道它在找什么，就在许多图像里找出它响应最强的那几处。
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from paddle_notes.ch04_convolution.arithmetic import ReceptiveField
from paddle_notes.fonts import label


def first_kernels(model) -> np.ndarray:
    """``model`` 第一个卷积的核 (K, C, kh, kw)；没有卷积时抛 ``ValueError``。"""
    from paddle import nn

    for layer in model.sublayers(include_self=True):
        if isinstance(layer, nn.Conv2D):
            return layer.weight.numpy()
    raise ValueError("这个网络没有 Conv2D 层，没有卷积核可看")


def feature_maps(model, images: np.ndarray, layers: list[str]) -> dict[str, np.ndarray]:
    """推理一次，取出各层的输出：层的名字 -> (N, C, h, w)。

    参数：
        images: 网络的输入，float32，(N, C, H, W)。
        layers: 层的名字，与 ``model.named_sublayers()`` 给出的相同，如 ``block1.1``；
            没有这个名字的层时抛 ``ValueError``。
    """
    import paddle

    sublayers = dict(model.named_sublayers())
    for name in layers:
        if name not in sublayers:
            raise ValueError(f"网络里没有名为 {name} 的层；有的是：{'、'.join(sublayers)}")
    outputs, hooks, training = {}, [], model.training
    for name in layers:

        def keep(layer, inputs, output, name=name):
            outputs[name] = output.numpy()

        hooks.append(sublayers[name].register_forward_post_hook(keep))
    model.eval()
    try:
        with paddle.no_grad():
            model(paddle.to_tensor(images))
    finally:
        for hook in hooks:
            hook.remove()
        if training:
            model.train()
    return outputs


def top_patches(maps: np.ndarray, images: np.ndarray, field: ReceptiveField, count: int) -> np.ndarray:
    """最能激活一个通道的 ``count`` 个图块，每张图至多取一个：(count, C, r, r)。

    参数：
        maps: 这个通道的特征图 (N, h, w)。
        images: 对应的图像 (N, C, H, W)。
        field: 这一层的感受野（:func:`.arithmetic.receptive_field`），图块就是它在图像上的范围，
            超出图像的部分补 0。
    """
    flat = maps.reshape(len(maps), -1)
    best = np.argsort(-flat.max(axis=1), kind="stable")[:count]  # 响应最强的几张图
    rows, columns = np.unravel_index(flat[best].argmax(axis=1), maps.shape[1:])
    padded = np.pad(images[best], ((0, 0), (0, 0), (field.size,) * 2, (field.size,) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (field.size, field.size), axis=(2, 3))
    # 第 i 个输出的感受野从 start + i·jump 开始，补边又往后移了 size
    top = field.size + field.start + rows * field.jump
    left = field.size + field.start + columns * field.jump
    return windows[np.arange(len(best)), :, top, left]


def tile(pictures: np.ndarray, columns: int) -> np.ndarray:
    """把 (M, h, w) 或 (M, h, w, 3) 的小图排成每行 ``columns`` 个的一张大图，间隔一个像素。

    每张各自缩放到 [0, 1]：看的是形状，不是强弱。空处是 1。
    """
    axes = tuple(range(1, pictures.ndim))
    low, high = pictures.min(axes, keepdims=True), pictures.max(axes, keepdims=True)
    scaled = (pictures - low) / np.maximum(high - low, 1e-12)
    (height, width), rows = pictures.shape[1:3], -(-len(pictures) // columns)
    canvas = np.ones((rows * (height + 1) - 1, columns * (width + 1) - 1, *pictures.shape[3:]))
    for index, picture in enumerate(scaled):
        top, left = index // columns * (height + 1), index % columns * (width + 1)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def as_pictures(images: np.ndarray) -> np.ndarray:
    """(M, C, h, w) → 画图用的 (M, h, w)（C = 1）或 (M, h, w, 3)（C = 3）；其他的 C 抛 ``ValueError``。"""
    if images.shape[1] not in (1, 3):
        raise ValueError(f"只能画 1 个或 3 个通道的核与图像，得到 {images.shape[1]} 个")
    return images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)


def draw_features(
    model, image: np.ndarray, layers: list[str], picture: Path, columns: int = 16, max_maps: int = 32
) -> None:
    """画出一张图像、第一层的卷积核、它在 ``layers`` 各层的特征图，写成 PNG。

    参数：
        model: 任何 Paddle 网络，第一个卷积有 1 或 3 个输入通道。
        image: 网络的输入，float32，(C, H, W)。
        layers: 层的名字，见 :func:`feature_maps`。
        columns: 每行画几张小图。
        max_maps: 每层至多画几个通道。
    """
    from matplotlib.figure import Figure

    kernels = as_pictures(first_kernels(model))[:max_maps]
    maps = feature_maps(model, image[None], layers)
    panels = [
        (label("输入", "input"), tile(as_pictures(image[None]), 1)),
        (label("第一层的卷积核", "first-layer kernels"), tile(kernels, columns)),
    ]
    for name in layers:
        channels = maps[name][0]  # (C, h, w)
        shape = "×".join(map(str, channels.shape))
        panels.append((f"{name}  {shape}", tile(channels[:max_maps], columns)))
    # 每栏的高度与它的高宽比成正比，输入只占一小块
    ratios = [0.14, *(tiles.shape[0] / tiles.shape[1] for _, tiles in panels[1:])]
    figure = Figure(figsize=(9, 9 * sum(ratios) + 0.4 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[ratio + 0.02 for ratio in ratios])
    for axes, (title, tiles) in zip(grid[:, 0], panels):
        axes.imshow(tiles, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.axis("off")
    figure.savefig(picture, dpi=100)
