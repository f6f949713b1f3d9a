"""PyTorch 里的同样的网络（孪生），供 tools/benchmark.py 比较速度。

孪生与本项目的网络逐层相同，参数也按同样的次序排列：把参数抄过去，输出就相同，测试核对这一点。
torchvision 有同样的网络就用它的，开头的卷积换成收这份数据的；其余的照本项目的表，用 torch.nn 堆出来。
初始化与速度无关，取 PyTorch 的默认值。
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from paddle_notes.ch05_classic_cnn import alexnet as alexnet_tables
from paddle_notes.ch05_classic_cnn import nin as nin_tables
from paddle_notes.ch05_classic_cnn import vgg as vgg_tables
from paddle_notes.ch05_classic_cnn.lenet import flat_size
from paddle_notes.ch06_modern_cnn import googlenet as googlenet_tables
from paddle_notes.ch06_modern_cnn import mobilenet_v1 as mobilenet_v1_tables
from paddle_notes.errors import UserError
from paddle_notes.models import constructor

# ---------------------------------------------------------------- 全连接与第 4、5 章的网络

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def linear(num_classes: int, in_channels: int, image_size: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))


def mlp(
    num_classes: int,
    in_channels: int,
    image_size: int,
    hidden_sizes: tuple[int, ...],
    dropout: float,
    activation: str,
    initialization: str,
) -> nn.Module:
    sizes = [in_channels * image_size**2, *hidden_sizes]
    layers: list[nn.Module] = [nn.Flatten()]
    for num_inputs, num_outputs in zip(sizes, hidden_sizes):
        layers += [nn.Linear(num_inputs, num_outputs), ACTIVATIONS[activation](), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], num_classes))


def kernel_stack(
    num_classes: int, in_channels: int, image_size: int, width: int, kernel_sizes: tuple[int, ...]
) -> nn.Module:
    layers = [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    for size in kernel_sizes:
        layers += [nn.Conv2d(width, width, size, padding=size // 2), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.Flatten(), nn.Linear(width * (image_size // 4) ** 2, num_classes)]
    return nn.Sequential(*layers)


def lenet(num_classes: int, in_channels: int, image_size: int, form: str) -> nn.Module:
    activation, pooling = (nn.Sigmoid, nn.AvgPool2d) if form == "original" else (nn.ReLU, nn.MaxPool2d)
    features = [nn.Conv2d(in_channels, 6, 5, padding=2), activation(), pooling(2)]
    features += [nn.Conv2d(6, 16, 5), activation(), pooling(2), nn.Flatten()]
    head = [nn.Linear(flat_size(image_size), 120), activation(), nn.Linear(120, 84), activation()]
    return nn.Sequential(*features, *head, nn.Linear(84, num_classes))


def three_linear(num_inputs: int, num_classes: int, dropout: float) -> list[nn.Module]:
    """AlexNet 与 VGG 末尾的三个全连接层。"""
    layers = [nn.Flatten(), nn.Linear(num_inputs, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)]
    layers += [nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)]
    return [*layers, nn.Linear(4096, num_classes)]


def alexnet(
    configuration: str, groups: int, num_classes: int, in_channels: int, image_size: int, dropout: float
) -> nn.Module:
    table = alexnet_tables.CONFIGURATIONS[configuration]
    layers: list[nn.Module] = []
    for item in table:
        if item == "M":
            layers.append(nn.MaxPool2d(3, stride=2))
        elif item == "N":
            layers.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))  # 与 Paddle 一样取平均
        else:
            kernel_size, out_channels, stride, padding, grouped = item
            num_groups = groups if grouped else 1
            layers.append(
                nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=num_groups)
            )
            layers.append(nn.ReLU(inplace=True))
            in_channels = out_channels
    side = alexnet_tables.output_side(table, image_size)
    return nn.Sequential(*layers, *three_linear(256 * side**2, num_classes, dropout))


def vgg(
    configuration: str,
    num_classes: int,
    in_channels: int,
    image_size: int,
    batch_norm: bool,
    dropout: float,
    large_classifier: bool,
) -> nn.Module:
    layers: list[nn.Module] = []
    for item in vgg_tables.CONFIGURATIONS[configuration]:
        if item == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers.append(nn.Conv2d(in_channels, item, 3, padding=1, bias=not batch_norm))
        layers += [nn.BatchNorm2d(item), nn.ReLU(inplace=True)] if batch_norm else [nn.ReLU(inplace=True)]
        in_channels = item
    if large_classifier:
        return nn.Sequential(*layers, *three_linear(512 * (image_size // 32) ** 2, num_classes, dropout))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes))


def nin(configuration: str, num_classes: int, in_channels: int, image_size: int, dropout: float) -> nn.Module:
    layers: list[nn.Module] = []
    for item in nin_tables.CONFIGURATIONS[configuration]:
        if item == "M":
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        elif item == "D":
            layers.append(nn.Dropout(dropout))
        else:
            first, second, third = (number or num_classes for number in item.channels)
            layers += [nn.Conv2d(in_channels, first, item.kernel_size, item.stride, item.padding)]
            layers += [nn.ReLU(inplace=True), nn.Conv2d(first, second, 1)]
            layers += [nn.ReLU(inplace=True), nn.Conv2d(second, third, 1), nn.ReLU(inplace=True)]
            in_channels = third
    layers.pop()  # 最后一块输出 logits，末尾没有 ReLU
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


# ---------------------------------------------------------------- 第 6 章的网络


def conv_norm(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    padding = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out_channels)]


def conv_relu(inputs: int, outputs: int, kernel: tuple[int, int], stride: int, batch_norm: bool) -> nn.Module:
    """GoogLeNet 的卷积与 ReLU，中间可有批量归一化。"""
    padding = tuple(side // 2 for side in kernel)
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=not batch_norm)]
    layers += [nn.BatchNorm2d(outputs)] if batch_norm else []
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


class Inception(nn.Module):
    def __init__(self, in_channels: int, widths: tuple, batch_norm: bool, factorize: bool):
        super().__init__()
        unit = partial(conv_relu, stride=1, batch_norm=batch_norm)
        width1, reduced3, width3, reduced5, width5, width_pool = widths
        sides = [(1, 3), (3, 1)] if factorize else [(3, 3)]
        channels = [*[reduced3] * len(sides), width3]
        conv3 = [unit(a, b, kernel) for a, b, kernel in zip(channels, channels[1:], sides)]
        pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.branches = nn.ModuleList(
            [
                unit(in_channels, width1, (1, 1)),
                nn.Sequential(unit(in_channels, reduced3, (1, 1)), *conv3),
                nn.Sequential(unit(in_channels, reduced5, (1, 1)), unit(reduced5, width5, (5, 5))),
                nn.Sequential(pool, unit(in_channels, width_pool, (1, 1))),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class GoogLeNet(nn.Module):
    """训练时输出 (logits, 辅助 logits 1, 辅助 logits 2)，与本项目的相同。"""

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        batch_norm: bool,
        factorize: bool,
        aux: bool,
        dropout: float,
    ):
        super().__init__()
        unit = partial(conv_relu, batch_norm=batch_norm)
        normalize = nn.Identity if batch_norm else partial(nn.LocalResponseNorm, 5)
        pool = partial(nn.MaxPool2d, 3, stride=2, ceil_mode=True)
        layers = [unit(in_channels, 64, (7, 7), 2), pool(), normalize(), unit(64, 64, (1, 1), 1)]
        self.stem = nn.Sequential(*layers, unit(64, 192, (3, 3), 1), normalize(), pool())
        self.stages = nn.ModuleDict()
        channels = 192
        for name, widths in googlenet_tables.INCEPTIONS.items():
            block = Inception(channels, widths, batch_norm, factorize)
            self.stages[name] = nn.Sequential(pool(), block) if name in ("4a", "5a") else block
            width1, _, width3, _, width5, width_pool = widths
            channels = width1 + width3 + width5 + width_pool
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout)]
        self.classifier = nn.Sequential(*head, nn.Linear(channels, num_classes))
        side = (image_size + 1) // 16
        window = min(5, side)
        side = (side - window) // 3 + 1
        self.heads = nn.ModuleDict()
        for name, inputs in (("4a", 512), ("4d", 528)) if aux else ():
            layers = [nn.AvgPool2d(window, stride=3), unit(inputs, 128, (1, 1), 1), nn.Flatten()]
            layers += [nn.Linear(128 * side * side, 1024), nn.ReLU(inplace=True), nn.Dropout(0.7)]
            self.heads[name] = nn.Sequential(*layers, nn.Linear(1024, num_classes))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = self.stem(x)
        auxiliary = []
        for name, stage in self.stages.items():
            x = stage(x)
            if self.training and name in self.heads:
                auxiliary.append(self.heads[name](x))
        logits = self.classifier(x)
        return (logits, *auxiliary) if auxiliary else logits


class Residual(nn.Module):
    """残差块：``body`` 的输出加上捷径的输出，再 ReLU；``shortcut`` 为 None 时没有捷径。"""

    def __init__(self, body: list[nn.Module], shortcut: nn.Module | None):
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return F.relu(y, inplace=True)


class PadChannels(nn.Module):
    """CIFAR 上 ResNet 的捷径（选项 A）：隔一个像素取一个，增加的通道填 0。"""

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, ::2, ::2]
        return torch.cat([x, torch.zeros_like(x)], 1)


def basic_body(in_channels: int, channels: int, stride: int) -> list[nn.Module]:
    first = [*conv_norm(in_channels, channels, 3, stride), nn.ReLU(inplace=True)]
    return [*first, *conv_norm(channels, channels, 3)]


def bottleneck_body(in_channels: int, channels: int, stride: int) -> list[nn.Module]:
    first = [*conv_norm(in_channels, channels, 1), nn.ReLU(inplace=True)]
    second = [*conv_norm(channels, channels, 3, stride), nn.ReLU(inplace=True)]
    return [*first, *second, *conv_norm(channels, 4 * channels, 1)]


def resnet(
    block: type,
    num_blocks: tuple[int, ...],
    num_classes: int,
    in_channels: int,
    stem: str,
    width: int,
    shortcut: bool,
) -> nn.Module:
    body = basic_body if block.expansion == 1 else bottleneck_body
    if stem == "imagenet":
        layers = [*conv_norm(in_channels, width, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    else:
        layers = [*conv_norm(in_channels, width, 3), nn.ReLU(inplace=True)]
    inputs = width
    for stage, count in enumerate(num_blocks):
        channels = width * 2**stage
        for index in range(count):
            stride, outputs = 2 if stage and index == 0 else 1, channels * block.expansion
            projects = stride == 2 or inputs != outputs
            skip = nn.Sequential(*conv_norm(inputs, outputs, 1, stride)) if projects else nn.Identity()
            layers.append(Residual(body(inputs, channels, stride), skip if shortcut else None))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, num_classes))


def cifar_resnet(num_blocks: int, num_classes: int, in_channels: int, shortcut: bool) -> nn.Module:
    layers = [*conv_norm(in_channels, 16, 3), nn.ReLU(inplace=True)]
    inputs = 16
    for channels in (16, 32, 64):
        for _ in range(num_blocks):
            stride = channels // inputs
            skip = PadChannels() if stride == 2 else nn.Identity()
            layers.append(Residual(basic_body(inputs, channels, stride), skip if shortcut else None))
            inputs = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))


def mobilenet_v1(num_classes: int, in_channels: int, stem: str, width_multiplier: float) -> nn.Module:
    inputs = int(32 * width_multiplier)
    layers = [*conv_norm(in_channels, inputs, 3, 2 if stem == "imagenet" else 1), nn.ReLU(inplace=True)]
    for width, count, stride in mobilenet_v1_tables.STAGES:
        outputs = int(width * width_multiplier)
        for index in range(count):
            layers += conv_norm(inputs, inputs, 3, 1 if index else stride, groups=inputs)
            layers += [nn.ReLU(inplace=True), *conv_norm(inputs, outputs, 1), nn.ReLU(inplace=True)]
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, num_classes))


# ---------------------------------------------------------------- torchvision 里有的


def torchvision_models():
    """``torchvision.models``。

    PyPI 上 Linux 版的 torchvision 与 CPU 版的 torch 装在一起时，载不进它自带的算子，导入就出错。
    分类网络用不着这些算子，声明它们的名字就能导入。
    """
    try:
        from torchvision import models
    except RuntimeError:
        for name in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", schema)
        from torchvision import models
    return models


def replace_conv(layers: nn.Sequential, in_channels: int, small: bool) -> None:
    """换掉 ``layers`` 开头的卷积：收 ``in_channels`` 个通道；``small`` 时是步幅 1、不缩小的 3×3 卷积。"""
    old = layers[0]
    kernel, stride, padding = (3, 1, 1) if small else (old.kernel_size, old.stride, old.padding)
    layers[0] = nn.Conv2d(in_channels, old.out_channels, kernel, stride, padding, bias=old.bias is not None)


def densenet(
    num_layers: tuple[int, ...],
    num_classes: int,
    in_channels: int,
    image_size: int,
    stem: str,
    growth_rate: int,
    bc: bool,
) -> nn.Module:
    if not bc:
        raise UserError("torchvision 的 DenseNet 都是 BC 形式，没有 bc=False 的可比；请用 --against hapi")
    models = torchvision_models()
    model = models.DenseNet(growth_rate, num_layers, 2 * growth_rate, num_classes=num_classes)
    replace_conv(model.features, in_channels, stem == "small")
    if stem == "small":
        model.features.norm0 = model.features.relu0 = model.features.pool0 = nn.Identity()
    return model


def squeezenet(
    version: str, num_classes: int, in_channels: int, image_size: int, stem: str, dropout: float
) -> nn.Module:
    model = torchvision_models().SqueezeNet(version.replace(".", "_"), num_classes, dropout)
    replace_conv(model.features, in_channels, stem == "small")
    if stem == "small":
        model.features[2] = nn.Identity()
    return model


def mobilenet_v2(
    num_classes: int, in_channels: int, stem: str, width_multiplier: float, dropout: float
) -> nn.Module:
    model = torchvision_models().MobileNetV2(num_classes, width_multiplier, dropout=dropout)
    replace_conv(model.features[0], in_channels, stem == "small")
    return model


def shufflenet_v2(channels: tuple[int, ...], num_classes: int, in_channels: int, stem: str) -> nn.Module:
    model = torchvision_models().ShuffleNetV2([4, 8, 4], [24, *channels], num_classes)
    replace_conv(model.conv1, in_channels, stem == "small")
    if stem == "small":
        model.maxpool = nn.Identity()
    return model


# ---------------------------------------------------------------- 对应关系

# 本项目的类 -> 它的孪生
TWINS = {
    "SoftmaxRegression": linear,
    "LinearSVM": linear,
    "MLP": mlp,
    "KernelStack": kernel_stack,
    "LeNet": lenet,
    "AlexNet": alexnet,
    "VGG": vgg,
    "NiN": nin,
    "GoogLeNet": GoogLeNet,
    "ResNet": resnet,
    "CifarResNet": cifar_resnet,
    "DenseNet": densenet,
    "SqueezeNet": squeezenet,
    "MobileNetV1": mobilenet_v1,
    "MobileNetV2": mobilenet_v2,
    "ShuffleNetV2": shufflenet_v2,
}


def build_twin(name: str, **options) -> nn.Module:
    """名为 ``name`` 的网络的孪生，``options`` 是它的完整选项；没有孪生时抛 :class:`UserError`。"""
    build = constructor(name)  # 类，或给了前几个参数的类，如 partial(VGG, "D")
    network, given = (build.func, build.args) if isinstance(build, partial) else (build, ())
    if network.__name__ not in TWINS:
        raise UserError(f"{name} 没有 PyTorch 的孪生可比；请用 --against hapi")
    return TWINS[network.__name__](*given, **options)
