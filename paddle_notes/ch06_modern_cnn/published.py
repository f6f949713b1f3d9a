"""公开的 ImageNet 准确率：各网络的参数、乘加与 top-1 放在一起看。

准确率抄自 torchvision 的权重表（:data:`SOURCE`），是 ImageNet-1K 验证集的 top-1：短边缩放到 256（“新配方”是
232），取正中的 224×224，一张图只看一次。MobileNet v1 不在表里，抄自它的论文的表 4（:data:`MOBILENET`）。
GoogLeNet 不列：那里的权重属于把 5×5 写成 3×3 的变体。参数与乘加是我们自己数的（224×224、1000 类），
与 torchvision 写的相等，由测试核对。

每个准确率都属于一份配方：同一个 ResNet-50，换一份配方就从 76.1 % 到 80.9 %，比用原来的配方换成 ResNet-152
还高。所以要在同一份配方之内比较网络。
"""

from __future__ import annotations

from typing import NamedTuple

SOURCE = "https://docs.pytorch.org/vision/stable/models.html"
MOBILENET = "https://arxiv.org/abs/1704.04861"


class Published(NamedTuple):
    """一个网络的一份公开的权重。"""

    network: str  # 本项目里的名字
    family: str  # 图上同一族用一种颜色
    parameters: int
    macs: int  # 一张图的乘加次数
    top1: float  # 百分数
    recipe: str  # :data:`RECIPES` 的键


# 配方 -> 说明。前三种都有 torchvision 的链接：
# https://github.com/pytorch/vision/tree/main/references/classification
# https://pytorch.org/blog/how-to-train-state-of-the-art-models-using-torchvision-latest-primitives/
RECIPES: dict[str, str] = {
    "90 轮": "批大小 256，学习率 0.1（没有批量归一化的 0.01），每 30 轮除以 10",
    "300 轮": "学习率 0.045，每轮乘以 0.98",
    "新配方": "600 轮，余弦下降，标签平滑，更强的增广",
    "移植": "原作者用 LuaTorch 训练，转换而来",
    "另训": "别人照论文训练的",
    "论文": "论文自己的数",
}

IMAGENET: tuple[Published, ...] = (
    Published("alexnet_one_tower", "AlexNet", 61_100_840, 714_188_480, 56.522, "90 轮"),
    Published("vgg11", "VGG", 132_863_336, 7_609_090_048, 69.020, "90 轮"),
    Published("vgg13", "VGG", 133_047_848, 11_308_466_176, 69.928, "90 轮"),
    Published("vgg16", "VGG", 138_357_544, 15_470_264_320, 71.592, "90 轮"),
    Published("vgg19", "VGG", 143_667_240, 19_632_062_464, 72.376, "90 轮"),
    Published("resnet18", "ResNet", 11_689_512, 1_814_073_344, 69.758, "90 轮"),
    Published("resnet34", "ResNet", 21_797_672, 3_663_761_408, 73.314, "90 轮"),
    Published("resnet50", "ResNet", 25_557_032, 4_089_184_256, 76.130, "90 轮"),
    Published("resnet50", "ResNet", 25_557_032, 4_089_184_256, 80.858, "新配方"),
    Published("resnet101", "ResNet", 44_549_160, 7_801_405_440, 77.374, "90 轮"),
    Published("resnet152", "ResNet", 60_192_808, 11_513_626_624, 78.312, "90 轮"),
    Published("densenet121", "DenseNet", 7_978_856, 2_834_161_664, 74.434, "移植"),
    Published("densenet169", "DenseNet", 14_149_480, 3_359_843_328, 75.600, "移植"),
    Published("densenet201", "DenseNet", 20_013_928, 4_291_365_888, 76.896, "移植"),
    Published("squeezenet1_0", "SqueezeNet", 1_248_424, 818_924_576, 58.092, "另训"),
    Published("squeezenet1_1", "SqueezeNet", 1_235_496, 349_151_936, 58.178, "另训"),
    Published("mobilenet_v1", "MobileNet", 4_231_976, 568_740_352, 70.6, "论文"),
    Published("mobilenet_v2", "MobileNet", 3_504_872, 300_774_272, 71.878, "300 轮"),
    Published("shufflenet_v2_x0_5", "ShuffleNet", 1_366_792, 40_476_448, 60.552, "另训"),
    Published("shufflenet_v2_x1_0", "ShuffleNet", 2_278_604, 144_907_992, 69.362, "另训"),
    Published("shufflenet_v2_x1_5", "ShuffleNet", 3_503_624, 295_759_392, 72.996, "新配方"),
    Published("shufflenet_v2_x2_0", "ShuffleNet", 7_393_996, 583_253_464, 76.230, "新配方"),
)
