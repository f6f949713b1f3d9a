"""用 Paddle 管理参数：查看与修改、自定义层、存取张量、选择设备。"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
from paddle import Tensor, nn


def parameter_table(net: nn.Layer) -> list[tuple[str, tuple[int, ...], bool]]:
    """每个参数一行：名字、形状、是否训练。

    名字是从属性名一路连下来的，如 ``hidden.0.weight``；共享的参数只出现一次。
    """
    return [
        (name, tuple(parameter.shape), not parameter.stop_gradient)
        for name, parameter in net.named_parameters()
    ]


def set_parameter(net: nn.Layer, name: str, value: np.ndarray) -> None:
    """把名为 ``name`` 的参数换成 ``value``；没有这个名字或形状不同时抛 ValueError。

    ``net.set_state_dict`` 遇到错的名字或形状只给出警告，所以自己检查。
    """
    parameters = dict(net.named_parameters())
    if name not in parameters:
        raise ValueError(f"没有名为 {name} 的参数；可用的有：{'、'.join(parameters)}")
    shape = tuple(parameters[name].shape)
    if value.shape != shape:
        raise ValueError(f"参数 {name} 的形状是 {shape}，给的是 {value.shape}；请检查是否少了转置")
    parameters[name].set_value(paddle.to_tensor(value, dtype=parameters[name].dtype))


# ---------------------------------------------------------------- 自定义层


class Center(nn.Layer):
    """没有参数的自定义层：减去这一批的均值，(N, D) → (N, D)。只需写 ``forward``。"""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(axis=0, keepdim=True)


class Scale(nn.Layer):
    """有参数的自定义层：每个特征乘以一个可训练的系数，(N, D) → (N, D)。

    ``create_parameter`` 造出的参数自动进入 ``named_parameters()``，由优化器更新。
    ``register_buffer`` 登记的张量也随 ``state_dict()`` 存取，但没有梯度；这里用它数前向的次数。
    """

    def __init__(self, num_features: int):
        super().__init__()
        self.weight = self.create_parameter([num_features], default_initializer=nn.initializer.Constant(1.0))
        self.register_buffer("num_calls", paddle.zeros([], dtype="int64"))

    def forward(self, x: Tensor) -> Tensor:
        self.num_calls += 1
        # y_nd = x_nd·w_d
        return x * self.weight


# ---------------------------------------------------------------- 存取张量


def save_tensors(path: Path, tensors: Tensor | list[Tensor] | dict[str, Tensor]) -> None:
    """把一个张量、一列张量或一个字典存进 ``.npz`` 文件。

    ``paddle.save`` 写的是 pickle，而读 pickle 会执行文件里的代码，来历不明的文件因此不能用 ``paddle.load``。
    ``.npz`` 里只有数组，读的时候禁止 pickle，就只能得到数组。
    """
    if isinstance(tensors, Tensor):
        arrays = {"tensor": tensors}
    elif isinstance(tensors, list):
        arrays = {f"list.{index}": tensor for index, tensor in enumerate(tensors)}
    else:
        arrays = {f"dict.{name}": tensor for name, tensor in tensors.items()}
    if not arrays:
        raise ValueError("没有张量可存：给的是空的列表或字典")
    with path.open("wb") as stream:  # 给路径的话，numpy 会自作主张加上 .npz
        np.savez(stream, **{name: tensor.numpy() for name, tensor in arrays.items()})


def load_tensors(path: Path) -> Tensor | list[Tensor] | dict[str, Tensor]:
    """读 :func:`save_tensors` 写的文件，存的是什么就返回什么。文件里有 Python 对象时抛 ValueError。"""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: paddle.to_tensor(file[name]) for name in file.files}
    if set(arrays) == {"tensor"}:
        return arrays["tensor"]
    kinds = {name.partition(".")[0] for name in arrays}
    if kinds == {"list"}:
        return [arrays[f"list.{index}"] for index in range(len(arrays))]
    return {name.partition(".")[2]: tensor for name, tensor in arrays.items()}


# ---------------------------------------------------------------- 设备


def available_devices() -> list[str]:
    """这台机器上可用的设备，GPU 在前：如 ``["gpu:0", "gpu:1", "cpu"]``。"""
    count = paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0
    return [*(f"gpu:{index}" for index in range(count)), "cpu"]


def move(net: nn.Layer, device: str) -> nn.Layer:
    """把网络的参数与缓冲区都移到 ``device``；输入也要在同一个设备上。"""
    if device not in available_devices():
        raise ValueError(f"没有设备 {device}；可用的有：{'、'.join(available_devices())}")
    return net.to(device)
