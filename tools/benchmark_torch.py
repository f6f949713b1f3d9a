"""PyTorch 里的 LeNet 与 VGG，只供 tools/benchmark.py 比较速度。"""

from __future__ import annotations

from torch import nn

from paddle_notes.ch05_classic_cnn.lenet import flat_size
from paddle_notes.ch05_classic_cnn.vgg import CONFIGURATIONS
from paddle_notes.errors import UserError


def lenet(num_classes: int, in_channels: int, image_size: int, form: str) -> nn.Module:
    activation, pooling = (nn.Sigmoid, nn.AvgPool2d) if form == "original" else (nn.ReLU, nn.MaxPool2d)
    features = [nn.Conv2d(in_channels, 6, 5, padding=2), activation(), pooling(2)]
    features += [nn.Conv2d(6, 16, 5), activation(), pooling(2), nn.Flatten()]
    head = [nn.Linear(flat_size(image_size), 120), activation(), nn.Linear(120, 84), activation()]
    return nn.Sequential(*features, *head, nn.Linear(84, num_classes))


def vgg(
    configuration: str, num_classes: int, in_channels: int, image_size: int, batch_norm: bool, dropout: float
) -> nn.Module:
    layers: list[nn.Module] = []
    for item in CONFIGURATIONS[configuration]:
        if item == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers.append(nn.Conv2d(in_channels, item, 3, padding=1, bias=not batch_norm))
        layers += [nn.BatchNorm2d(item), nn.ReLU(inplace=True)] if batch_norm else [nn.ReLU(inplace=True)]
        in_channels = item
    layers += [nn.Flatten(), nn.Linear(512 * (image_size // 32) ** 2, 4096), nn.ReLU(), nn.Dropout(dropout)]
    layers += [nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4096, num_classes)]
    return nn.Sequential(*layers)


def build_torch(config, info: dict) -> nn.Module:
    """与 ``config``（ModelConfig）同样的网络；没有 PyTorch 版时抛 :class:`UserError`。"""
    from paddle_notes.models import resolve_options

    options = {**config.options(), **info["facts"]}
    options = resolve_options(config.name, options)
    if config.name == "lenet":
        return lenet(**options)
    if config.name.startswith("vgg"):
        return vgg({"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}[config.name], **options)
    raise UserError(f"{config.name} 没有 PyTorch 版可比，请用 --against hapi")
