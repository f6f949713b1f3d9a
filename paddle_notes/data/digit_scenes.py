"""手写数字的场景：视觉的四种困难各有一个旋钮，0 是没有，1 是最难；由代码造出，不需要下载。

干净、居中、一样大的数字太容易，网络的深浅看不出差别。这里把 mnist5k 的数字移动、转动、缩放，弯曲，
照上不匀的彩色的光，盖住一部分，放在有纹理、有别的数字的碎块的彩色背景上，画成 32×32 的彩色图像。

每张图只由（哪一份, 编号）决定，与运行的种子、一共造几张都无关。训练、验证、测试的图像各只用 mnist5k
那一部分的数字，背景里的碎块也是。旋钮只放大或缩小同一组随机量，所以转一个旋钮，别的都不变。
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paddle_notes.data.images import ImageSet, make_preprocess
from paddle_notes.data.mnist5k import read_mnist5k
from paddle_notes.data.preprocess import resize
from paddle_notes.data.splits import split_three

SIDE, DIGIT = 32, 28  # 画布与数字的边长（像素）
NUM_VALID, NUM_TEST = 2000, 4000
PIECES = 3  # 背景里有几块别的数字
# 旋钮 -> 每张图用几个随机量；各旋钮各有自己的一列随机数
DRAWS = {"viewpoint": 5, "deformation": 32, "occlusion": 8, "light": 8, "background": 486 + 9 * PIECES}
CANDIDATES = (1, 3, 5, 9, 17, 33)  # K 近邻的 k

ROWS = np.arange(SIDE, dtype="float32")[:, None] - (SIDE - 1) / 2  # 画布上的坐标，原点在正中，(32, 1)
COLUMNS = ROWS.T


def spread(values) -> np.ndarray:
    """在后面添上高与宽两维，以便与图像运算：(n,) → (n, 1, 1)。"""
    return np.asarray(values)[..., None, None]


def signed(u: np.ndarray) -> np.ndarray:
    """[0, 1) → [−1, 1)。"""
    return 2 * u - 1


def place(shift: np.ndarray, angle: np.ndarray, scale=1.0, stretch=1.0) -> tuple[np.ndarray, np.ndarray]:
    """画布的各像素落在一块图的哪里，坐标以图的正中为原点，行与列各 (n, 32, 32)。

    这块图转过 ``angle`` (n,) 弧度，放大 ``scale`` 倍，又被拉长 ``stretch`` 倍，正中移到 ``shift`` (n, 2)。
    """
    cos, sin = spread(np.cos(angle)), spread(np.sin(angle))
    y, x = ROWS - spread(shift[:, 0]), COLUMNS - spread(shift[:, 1])
    return (cos * y + sin * x) / spread(scale * stretch), (cos * x - sin * y) / spread(scale / stretch)


def sample(digits: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """双线性地取数字 (n, 28, 28) 在 ``rows``、``columns`` 处的值，数字以外为 0：(n, 32, 32)。"""
    padded = np.pad(digits, ((0, 0), (1, 2), (1, 2)))  # (n, 31, 31)
    width = padded.shape[-1]
    rows, columns = (np.clip(c + (DIGIT + 1) / 2, 0, DIGIT + 1) for c in (rows, columns))
    top, left = rows.astype(int), columns.astype(int)
    down, right = rows - top, columns - left
    corner = spread(np.arange(len(digits)) * width**2) + top * width + left
    pixels = padded.ravel()
    upper = pixels[corner] * (1 - right) + pixels[corner + 1] * right
    lower = pixels[corner + width] * (1 - right) + pixels[corner + width + 1] * right
    return upper * (1 - down) + lower * down


def smooth(grid: np.ndarray) -> np.ndarray:
    """由稀疏的格点 (…, a, a) 得到平滑的一片 (…, 32, 32)：每个像素是各格点的高斯加权平均。"""
    nodes = np.linspace(-1, 1, grid.shape[-1]) * (SIDE - 1) / 2
    weights = np.exp(-(((ROWS - nodes) / (0.6 * (nodes[1] - nodes[0]))) ** 2) / 2)  # (32, a)
    weights = (weights / weights.sum(1, keepdims=True)).astype("float32")
    return weights @ grid @ weights.T


def paint(scene: np.ndarray, mask: np.ndarray, color: np.ndarray) -> np.ndarray:
    """把颜色 (n, 3) 照 ``mask`` (n, 32, 32) 涂在画面 (n, 3, 32, 32) 上；mask 是不透明的程度。"""
    return scene + mask[:, None] * (spread(color) - scene)


def view(u: np.ndarray, strength: float) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """视角：移动至多 5 像素，转至多 0.5 弧度，大小 0.65 到 1.1 倍，长宽比变至多 1.25。返回移动与坐标。"""
    shift = 5 * strength * signed(u[:, :2])
    scale = 1 + strength * (0.45 * u[:, 3] - 0.35)
    return shift, place(shift, 0.5 * strength * signed(u[:, 2]), scale, 1.25 ** (strength * signed(u[:, 4])))


def backdrop(u: np.ndarray, pool: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """背景：一种底色，粗细两种纹理，几块别的数字；笔画也从白的变成彩色的。返回画面与笔画的颜色。

    笔画的每个通道至少 0.45，底色至多 0.5，所以笔画大体上比背景亮；碎块与笔画一样亮。
    """
    ink, base, coarse, fine, pieces = np.split(u, (3, 6, 54, 486), axis=1)
    scene = spread(0.5 * base) + 0.8 * smooth(coarse.reshape(-1, 3, 4, 4) - 0.5)
    scene = np.clip(scene + 0.6 * smooth(fine.reshape(-1, 3, 12, 12) - 0.5), 0, 1)
    for piece in np.split(pieces, PIECES, axis=1):
        other = pool[(piece[:, 0] * len(pool)).astype(int)]
        where = place(16 * signed(piece[:, 1:3]), 2 * np.pi * piece[:, 3], 0.8 + 0.5 * piece[:, 4])
        scene = paint(scene, sample(other, *where), 0.3 + 0.7 * piece[:, 5:8])
    return strength * scene, 1 - 0.55 * strength * ink


def cover(u: np.ndarray, shift: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """遮挡：一块 4–10 像素宽、8–22 像素长的斜放的板，中心离数字的中心不超过 8 像素。返回遮罩与颜色。"""
    y, x = place(shift + 8 * signed(u[:, :2]), np.pi * u[:, 2])
    height, width = strength * (2 + 3 * u[:, 3]), strength * (4 + 7 * u[:, 4])
    return np.clip(spread(height) - abs(y), 0, 1) * np.clip(spread(width) - abs(x), 0, 1), u[:, 5:8]


def relight(scene: np.ndarray, u: np.ndarray, strength: float) -> np.ndarray:
    """光照：对比度降到 0.4–1 倍，彩色的光使各通道降到 0.3–1 倍，再从一边到另一边由暗到亮。"""
    middle = spread(0.2 + 0.6 * u[:, 0:1])  # 对比度降低时各像素靠拢的灰度，(n, 1, 1, 1)
    scene = middle + spread(1 - 0.6 * strength * u[:, 1:2]) * (scene - middle)
    scene = scene * spread(1 - 0.7 * strength * u[:, 2:3] * u[:, 3:6])
    angle = 2 * np.pi * u[:, 6]
    ramp = (spread(np.cos(angle)) * ROWS + spread(np.sin(angle)) * COLUMNS) / (SIDE / 2)  # (n, 32, 32)
    return scene * (1 + 0.6 * strength * spread(u[:, 7]) * ramp)[:, None]


def render(digits: np.ndarray, pool: np.ndarray, draws: dict[str, np.ndarray], knobs) -> np.ndarray:
    """画出场景：数字 (n, 28, 28)、碎块所取自的数字、随机量 → (n, 3, 32, 32) uint8。"""
    shift, (rows, columns) = view(draws["viewpoint"], knobs.viewpoint)
    bend = 5 * knobs.deformation * smooth(signed(draws["deformation"]).reshape(-1, 2, 4, 4))
    scene, ink = backdrop(draws["background"], pool, knobs.background)
    scene = paint(scene, sample(digits, rows + bend[:, 0], columns + bend[:, 1]), ink)
    scene = paint(scene, *cover(draws["occlusion"], shift, knobs.occlusion))
    scene = relight(scene, draws["light"], knobs.light)
    return (np.clip(scene, 0, 1) * 255 + 0.5).astype("uint8")


def make(digits: np.ndarray, count: int, part: int, knobs) -> tuple[np.ndarray, np.ndarray]:
    """造 ``count`` 张图像 (count, 3, 32, 32) uint8，各画的是 ``digits`` (N, 28, 28) 中的第几个数字。

    数字轮流用，各用一样多次；``part`` 是哪一份，``knobs``（如 config.data）有五个旋钮。
    """
    order = np.random.default_rng([part, 0]).permutation(len(digits))
    chosen = np.resize(order, count)
    draws = {
        knob: np.random.default_rng([part, stream]).random((count, size), dtype="float32")
        for stream, (knob, size) in enumerate(DRAWS.items(), 1)
    }
    images = np.empty((count, 3, SIDE, SIDE), "uint8")
    for first in range(0, count, 250):  # 一次几百张，中间的数组放得进缓存
        few = slice(first, first + 250)
        images[few] = render(digits[chosen[few]], digits, {k: u[few] for k, u in draws.items()}, knobs)
    return images, chosen


def knn_accuracy(train: tuple, others: tuple, candidates: tuple[int, ...]) -> list[float]:
    """K 近邻（欧氏距离）在 ``others`` 上的准确率，每个候选的 k 各一个；两份都是（图像, 标签）。"""
    (x, y), (new, answers) = ((images.reshape(len(images), -1), labels) for images, labels in (train, others))
    x = x.astype("float32") / 255
    norms = np.einsum("nd,nd->n", x, x)
    correct = np.zeros(len(candidates))
    for first in range(0, len(new), 500):
        few = slice(first, first + 500)
        distance = norms - 2 * (new[few].astype("float32") / 255) @ x.T  # ‖a‖² 对各 x 相同，不影响次序
        near = np.argpartition(distance, max(candidates), axis=1)[:, : max(candidates)]
        near = np.take_along_axis(near, np.take_along_axis(distance, near, 1).argsort(1), 1)  # 从近到远
        votes = np.eye(10, dtype=int)[y[near]].cumsum(1)  # 前 k 个邻居的票数，(b, k, 10)
        for i, k in enumerate(candidates):
            correct[i] += (votes[:, k - 1].argmax(1) == answers[few]).sum()
    return (correct / len(new)).tolist()


@dataclass(frozen=True)
class SceneSet(ImageSet):
    """一份场景。属性见 :class:`ImageSet`，另有：

    scenes: 缩放之前的 (N, 3, 32, 32) uint8，K 近邻用它。
    sources: (N,) 各画的是 mnist5k 的第几个数字。
    """

    scenes: np.ndarray
    sources: np.ndarray

    def baselines(self, others: dict[str, SceneSet]) -> dict[str, dict[str, dict[str, float]]]:
        """K 近邻。k 由训练部分里留出的一成数字挑选：同一个数字的几张图不分在两边。"""
        held = np.isin(self.sources, np.unique(self.sources)[::10])
        rest, held = ((self.scenes[index], self.labels[index]) for index in (~held, held))
        accuracy = knn_accuracy(rest, held, CANDIDATES)
        best = CANDIDATES[accuracy.index(max(accuracy))]
        train = self.scenes, self.labels
        scores = {
            name: {"accuracy": knn_accuracy(train, (other.scenes, other.labels), (best,))[0]}
            for name, other in others.items()
        }
        return {"K 近邻": scores}


def load(config) -> tuple[SceneSet, SceneSet, SceneSet]:
    """训练、验证、测试三份，与运行的种子无关；均值与标准差由训练图像算出。"""
    images, labels = read_mnist5k()
    digits = images[..., 0].astype("float32") / 255
    parts = []
    for part, count in enumerate((config.num_train, NUM_VALID, NUM_TEST)):
        index = split_three(labels)[part]
        scenes, chosen = make(digits[index], count, part, config)
        parts.append((scenes, index[chosen]))
    pixels = parts[0][0]
    statistics = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), dtype="float32")
    mean, std = (tuple(round(float(value) / 255, 4) for value in channels) for channels in statistics)
    preprocess = make_preprocess(config, SIDE, mean, std)
    train, valid, test = (
        SceneSet(
            resize(scenes.transpose(0, 2, 3, 1), preprocess.load_size),
            labels[sources],
            tuple("0123456789"),
            preprocess,
            scenes,
            sources,
        )
        for scenes, sources in parts
    )
    return train, valid, test
