"""管理参数：名字与修改、自定义层、存取张量而不执行代码、设备。"""

from __future__ import annotations

import re

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.ch03_neural_networks.mlp import MLP
from paddle_notes.ch03_neural_networks.parameters import (
    Center,
    Scale,
    available_devices,
    load_tensors,
    move,
    parameter_table,
    save_tensors,
    set_parameter,
)


def test_parameter_table():
    net = MLP(3, image_size=2, hidden_sizes=(5,))
    net.classifier.bias.stop_gradient = True
    assert parameter_table(net) == [
        ("hidden.0.weight", (4, 5), True),
        ("hidden.0.bias", (5,), True),
        ("classifier.weight", (5, 3), True),
        ("classifier.bias", (3,), False),
    ]


def test_a_shared_layer_is_listed_once():
    shared = nn.Linear(4, 4)
    assert len(parameter_table(nn.Sequential(shared, nn.ReLU(), shared))) == 2


def test_set_parameter():
    net = nn.Sequential(nn.Linear(2, 3))
    set_parameter(net, "0.weight", np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(net[0].weight.numpy(), [[0, 1, 2], [3, 4, 5]])
    assert net[0].weight.dtype == paddle.float32
    with pytest.raises(ValueError, match=re.escape("没有名为 0.wight 的参数；可用的有：0.weight、0.bias")):
        set_parameter(net, "0.wight", np.zeros((2, 3)))
    with pytest.raises(ValueError, match=re.escape("参数 0.weight 的形状是 (2, 3)，给的是 (3, 2)")):
        set_parameter(net, "0.weight", np.zeros((3, 2)))


def test_layer_without_parameters():
    x = paddle.randn([16, 3]) + 5.0
    np.testing.assert_allclose(Center()(x).mean(0).numpy(), 0, atol=1e-5)
    assert Center().parameters() == []


def test_layer_with_parameters_is_trained_and_saved():
    """目标是 (2, −1) 倍的输入：系数应学成 (2, −1)。"""
    layer = Scale(2)
    optimizer = paddle.optimizer.SGD(0.5, parameters=layer.parameters())
    x = paddle.to_tensor(np.random.default_rng(0).standard_normal((32, 2)).astype("float32"))
    for _ in range(60):
        (layer(x) - x * paddle.to_tensor([2.0, -1.0])).square().mean().backward()
        optimizer.step()
        optimizer.clear_grad()
    np.testing.assert_allclose(layer.weight.numpy(), [2, -1], atol=1e-3)
    # 缓冲区随 state_dict 存取，但不是参数
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert set(layer.state_dict()) == {"weight", "num_calls"}
    assert layer.num_calls.item() == 60
    other = Scale(2)
    other.set_state_dict(layer.state_dict())
    assert other.num_calls.item() == 60
    assert paddle.equal_all(other.weight, layer.weight)


def assert_same(before: paddle.Tensor, after: paddle.Tensor) -> None:
    assert (after.dtype, after.shape) == (before.dtype, before.shape)
    assert paddle.equal_all(before, after)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_tensors_survive_saving(tmp_path, dtype):
    path = tmp_path / "saved.npz"
    a, b = paddle.to_tensor([[1, 2], [3, 4]], dtype), paddle.to_tensor(5, dtype)

    save_tensors(path, b)
    assert_same(b, load_tensors(path))

    several = [a + index for index in range(12)]  # 第 10 个不能排在第 2 个前面
    save_tensors(path, several)
    loaded = load_tensors(path)
    assert isinstance(loaded, list) and len(loaded) == 12
    for before, after in zip(several, loaded):
        assert_same(before, after)

    named = {"layer.0/weight": a, "file": b}  # file 是 np.savez 自己的参数名
    save_tensors(path, named)
    loaded = load_tensors(path)
    assert list(loaded) == list(named)
    for name in named:
        assert_same(named[name], loaded[name])


def test_file_keeps_its_name_and_nothing_is_an_error(tmp_path):
    save_tensors(tmp_path / "weights", paddle.zeros([1]))
    assert [file.name for file in tmp_path.iterdir()] == ["weights"]
    with pytest.raises(ValueError, match="没有张量可存"):
        save_tensors(tmp_path / "empty", {})


class Payload:
    """装作一个张量：还原它就会建一个文件夹。"""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.folder),)


def test_paddle_load_executes_code_and_load_tensors_does_not(tmp_path):
    import pickle

    folder = tmp_path / "executed"
    file = tmp_path / "evil.pdparams"
    file.write_bytes(pickle.dumps({"weight": Payload(folder)}, protocol=2))
    paddle.load(str(file))
    assert folder.is_dir()

    folder.rmdir()
    evil = tmp_path / "evil.npz"
    np.savez(evil, **{"dict.weight": np.array([Payload(folder)], dtype=object)})
    for path in (evil, file):
        with pytest.raises(ValueError, match="allow_pickle="):
            load_tensors(path)
    assert not folder.exists()


def test_devices():
    devices = available_devices()
    assert devices[-1] == "cpu" and len(set(devices)) == len(devices)
    for device in devices:
        assert paddle.set_device(device) is not None
    net = nn.Linear(2, 2)
    move(net, "cpu")
    assert net.weight.place.is_cpu_place()
    with pytest.raises(ValueError, match=r"没有设备 gpu:99；可用的有：.*cpu"):
        move(net, "gpu:99")
