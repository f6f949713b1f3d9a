"""网络看的是哪里：显著图、遮挡图与对抗样本。

- 显著图：类别的得分对每个像素的导数，导数大的地方，改一点得分就变。
  Simonyan 等, *Deep Inside Convolutional Networks*, 2013。
- 遮挡图：把一小块换成均值，看概率降多少。Zeiler 与 Fergus,
  *Visualizing and Understanding Convolutional Networks*, 2013。
- 对抗样本：每个像素只改 ε，方向由导数的正负决定，就能让网络认错。Goodfellow 等,
  *Explaining and Harnessing Adversarial Examples*, 2014。

前两种说的是“网络的输出与哪些像素有关”，不是“网络为什么这样想”；第三种说明这种关系可以多么奇怪。
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes.fonts import chinese_font, label


def gradient(model: nn.Layer, images: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
    """``score(logits)`` 之和对像素的导数 (N, C, H, W)；网络的参数与它们的梯度不变。"""
    images = images.detach()
    images.stop_gradient = False
    (found,) = paddle.grad(score(model(images)).sum(), images)
    return found


def saliency(model: nn.Layer, images: Tensor, classes: Tensor) -> Tensor:
    """显著图 (N, H, W)：|∂s_c/∂x| 在各通道里的最大值，s_c 是 ``classes`` (N,) 那一类的 logit。"""
    index = classes.unsqueeze(1)
    found = gradient(model, images, lambda logits: paddle.take_along_axis(logits, index, axis=1))
    return found.abs().max(axis=1)


@paddle.no_grad()
def occlusion(model: nn.Layer, images: Tensor, classes: Tensor, size: int, stride: int) -> np.ndarray:
    """遮挡图 (N, h, w)：边长 ``size`` 的方块每次移 ``stride``，遮住之后那一类的概率降了多少。

    遮住就是换成 0：输入已减去均值，0 是“没有信息”的灰。
    """
    index = classes.unsqueeze(1)

    def probability(x: Tensor) -> np.ndarray:
        return paddle.take_along_axis(F.softmax(model(x), axis=-1), index, axis=1).squeeze(1).numpy()

    before = probability(images)
    rows = range(0, images.shape[2] - size + 1, stride)
    columns = range(0, images.shape[3] - size + 1, stride)
    drops = np.zeros((len(before), len(rows), len(columns)), "float32")
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            covered = images.clone()
            covered[:, :, top : top + size, left : left + size] = 0.0
            drops[:, i, j] = before - probability(covered)
    return drops


def rising_direction(model: nn.Layer, images: Tensor, labels: Tensor) -> Tensor:
    """每个像素往哪边改，损失升高：sign(∂L/∂x) (N, C, H, W)，L 是交叉熵，值是 −1、0 或 1。"""
    return gradient(model, images, lambda logits: F.cross_entropy(logits, labels, reduction="none")).sign()


def fast_gradient_sign(model: nn.Layer, images: Tensor, labels: Tensor, epsilon: Tensor) -> Tensor:
    """对抗样本 (N, C, H, W)：x + ε·sign(∂L/∂x)。

    ``epsilon`` 以网络输入的单位计，可以是每个通道一个数 (C, 1, 1)。超出像素范围的没有截掉，由调用者处理。
    """
    return images + epsilon * rising_direction(model, images, labels)


class Explanation(NamedTuple):
    """一批图像的三种图。"""

    images: np.ndarray  # 原图 (N, C, H, W) uint8
    classes: np.ndarray  # 网络的判断 (N,)
    probabilities: np.ndarray  # 与把握 (N,)
    saliency: np.ndarray  # (N, H, W)
    occlusion: np.ndarray  # (N, h, w)
    adversarial: np.ndarray  # 对抗样本 (N, C, H, W) uint8
    fooled: np.ndarray  # 网络对它的判断 (N,)
    fooled_probabilities: np.ndarray  # 与把握 (N,)


def explain(model: nn.Layer, images: np.ndarray, preprocess, levels: int) -> Explanation:
    """``images`` (N, C, H, W) uint8 的三种图；对抗样本的每个像素改 ``levels`` 级灰度。

    ``preprocess`` 有 ``normalize`` 与 ``std``，即 :class:`paddle_notes.data.preprocess.Preprocess`。
    """
    model.eval()

    def judge(pixels: np.ndarray) -> tuple[Tensor, np.ndarray, np.ndarray]:
        x = paddle.to_tensor(preprocess.normalize(pixels))
        with paddle.no_grad():
            p = F.softmax(model(x), axis=-1).numpy()
        return x, p.argmax(1), p.max(1)

    x, classes, probabilities = judge(images)
    labels, side = paddle.to_tensor(classes), images.shape[2]
    direction = rising_direction(model, x, labels).numpy()  # 归一化只是缩放，方向不变
    adversarial = np.clip(images + levels * direction, 0, 255).astype("uint8")
    return Explanation(
        images,
        classes,
        probabilities,
        saliency(model, x, labels).numpy(),
        occlusion(model, x, labels, max(1, side // 5), max(1, side // 14)),
        adversarial,
        *judge(adversarial)[1:],
    )


def fooled(model: nn.Layer, data, preprocess, levels: int) -> tuple[float, float]:
    """一份数据的全部图像上，原图与对抗样本的准确率。"""
    mean, std = (
        np.array(values, "float32").reshape(-1, 1, 1) for values in (preprocess.mean, preprocess.std)
    )
    low, high, epsilon = (
        paddle.to_tensor(one) for one in (-mean / std, (1 - mean) / std, levels / 255 / std)
    )
    right = [0, 0]
    for arrays in data.epoch():
        images, labels = map(paddle.to_tensor, arrays)
        moved = fast_gradient_sign(model, images, labels, epsilon)
        for i, x in enumerate((images, paddle.minimum(paddle.maximum(moved, low), high))):
            with paddle.no_grad():
                right[i] += int((model(x).argmax(-1) == labels).sum())
    return right[0] / data.num_samples, right[1] / data.num_samples


def draw(found: Explanation, class_names: list[str], picture: Path) -> None:
    """一张图一行：原图、显著图、遮挡图、对抗样本，题目是网络的判断与把握。"""
    from matplotlib.figure import Figure

    chinese_font()
    count = len(found.images)
    figure = Figure(figsize=(8, 2.2 * count), layout="constrained")
    grid = figure.subplots(count, 4, squeeze=False)
    for i, row in enumerate(grid):
        pictures = (found.images[i], found.saliency[i], found.occlusion[i], found.adversarial[i])
        titles = (
            f"{class_names[found.classes[i]]} {found.probabilities[i]:.1%}",
            label("显著图", "saliency"),
            label("遮挡，至多降 ", "occlusion, drop ") + f"{found.occlusion[i].max():.1%}",
            f"{class_names[found.fooled[i]]} {found.fooled_probabilities[i]:.1%}",
        )
        for axes, image, title in zip(row, pictures, titles):
            if image.ndim == 3:  # (C, H, W)
                image = image.transpose(1, 2, 0).squeeze()
                axes.imshow(image, cmap="gray", vmin=0, vmax=255)
            else:
                axes.imshow(image, cmap="magma", vmin=0)
            axes.set_title(title, fontsize=10)
            axes.set_axis_off()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, format="png", dpi=100)
