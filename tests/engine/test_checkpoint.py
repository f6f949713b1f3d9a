"""检查点：原子地写，校验着读，不执行文件里的代码。"""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import subprocess
import sys

import numpy as np
import paddle
import pytest
from paddle import nn

from paddle_notes.engine.checkpoint import (
    SUFFIXES,
    copy_checkpoint,
    crc32,
    load_weights,
    newest_whole,
    read_arrays,
    read_state,
    save_checkpoint,
    settle,
    split_suffix,
    write_json,
)
from paddle_notes.errors import UserError

SAVE, REPLACE = paddle.save, os.replace


def network(fill: float = 1.0) -> nn.Layer:
    """有参数也有缓冲区的小网络，全部参数为 ``fill``。"""
    with paddle.utils.unique_name.guard():
        model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1D(2))
    for parameter in model.parameters():
        parameter.set_value(paddle.full(parameter.shape, fill))
    return model


def save(path, fill: float = 1.0, **state) -> None:
    model = network(fill)
    optimizer = paddle.optimizer.Adam(0.1, parameters=model.parameters())
    if fill != 0:
        model(paddle.ones([4, 3])).sum().backward()
        optimizer.step()
    save_checkpoint(path, model.state_dict(), optimizer.state_dict(), {"step": int(fill), **state})


def contents(folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def checkpoint(tmp_path):
    """一个写好的检查点 ``last``。"""
    save(tmp_path / "last", 1.0)
    return tmp_path / "last"


# ---------------------------------------------------------------- 写与读


def test_save_and_load(checkpoint):
    assert sorted(contents(checkpoint.parent)) == ["last.json", "last.pdopt", "last.pdparams"]
    assert read_state(checkpoint)["step"] == 1
    model = network(5.0)
    load_weights(model, checkpoint)
    arrays = read_arrays(checkpoint)
    assert arrays.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), arrays[name])


def test_paddle_can_load_it(checkpoint):
    """用户也可以不经过本项目，直接用 paddle.load。"""
    loaded = paddle.load(str(checkpoint) + ".pdparams")
    assert all(np.array_equal(loaded[name].numpy(), value) for name, value in read_arrays(checkpoint).items())
    model = network(5.0)
    missing, unexpected = model.set_state_dict(loaded)
    assert not missing and not unexpected


def test_what_paddle_saved_can_be_loaded(tmp_path):
    """没有 .json 的 .pdparams（别处用 paddle.save 存的）也能装进网络。"""
    paddle.save(network(7.0).state_dict(), str(tmp_path / "other.pdparams"))
    model = network(0.0)
    load_weights(model, tmp_path / "other.pdparams")
    assert (model[0].weight.numpy() == 7).all()


def test_optimizer_state_survives(tmp_path):
    model = network()
    optimizer = paddle.optimizer.Adam(0.1, parameters=model.parameters())
    model(paddle.ones([4, 3])).sum().backward()
    optimizer.step()
    save_checkpoint(tmp_path / "a", model.state_dict(), optimizer.state_dict(), {})
    found = read_arrays(tmp_path / "a", ".pdopt")
    for name, value in optimizer.state_dict().items():
        if isinstance(value, paddle.Tensor):
            assert np.array_equal(found[name], value.numpy()), name
    assert any("moment1" in name for name in found)


@pytest.mark.parametrize("suffix", ["", *SUFFIXES])
def test_any_suffix_names_the_checkpoint(checkpoint, suffix):
    name = str(checkpoint) + suffix
    assert split_suffix(name) == checkpoint
    assert read_state(name)["step"] == 1
    assert read_arrays(name).keys() == read_arrays(checkpoint).keys()


def test_dots_in_a_name_are_kept(tmp_path):
    path = tmp_path / "v1.2"
    save(path)
    assert sorted(contents(tmp_path)) == ["v1.2.json", "v1.2.pdopt", "v1.2.pdparams"]
    assert read_state(path)["step"] == 1 and split_suffix(path) == path


def test_checksums_are_stored(checkpoint):
    stored = read_state(checkpoint)["crc32"]
    assert stored.keys() == {".pdparams", ".pdopt", ".json"}
    for suffix in (".pdparams", ".pdopt"):
        assert stored[suffix] == crc32(checkpoint.with_suffix(suffix))
    (checkpoint.parent / "x").write_bytes(b"123456789")
    assert crc32(checkpoint.parent / "x") == 0xCBF43926  # CRC-32 的标准检验值


def test_copy(checkpoint):
    copy_checkpoint(checkpoint, checkpoint.with_name("best"))
    for suffix in SUFFIXES:
        assert (
            checkpoint.with_suffix(suffix).read_bytes() == checkpoint.with_name(f"best{suffix}").read_bytes()
        )
    assert len(contents(checkpoint.parent)) == 6


# ---------------------------------------------------------------- 原子性


def half_written(fail_on: str):
    """写到一半磁盘满了的 paddle.save。"""

    def fake(content, path, *args, **kwargs):
        if fail_on in path:
            with open(path, "wb") as stream:
                stream.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        SAVE(content, path, *args, **kwargs)

    return fake


@pytest.mark.parametrize("suffix", [".pdparams", ".pdopt"])
def test_full_disk_while_saving(checkpoint, monkeypatch, suffix):
    before = contents(checkpoint.parent)
    monkeypatch.setattr(paddle, "save", half_written(suffix))
    with pytest.raises(OSError, match="No space left"):
        save(checkpoint, 2.0)
    assert contents(checkpoint.parent) == before


def test_full_disk_while_writing_the_state(checkpoint, monkeypatch):
    before = contents(checkpoint.parent)

    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save(checkpoint, 2.0)
    assert contents(checkpoint.parent) == before
    with pytest.raises(OSError, match="No space left"):
        write_json(checkpoint.with_suffix(".json"), {"step": 9})
    assert contents(checkpoint.parent) == before


@pytest.mark.parametrize("source", [suffix + end for suffix in SUFFIXES for end in ("", ".tmp")])
@pytest.mark.parametrize("copy", [False, True])
def test_failed_rename(tmp_path, monkeypatch, source, copy):
    """Windows 上，别的程序开着的文件不能改名：在哪一个文件上失败，原来的检查点都照样能读。"""
    save(tmp_path / "new", 2.0)
    save(tmp_path / "last", 1.0)
    before = contents(tmp_path)
    # 检查点的 .json 自己也是先写临时文件再换名
    victims = {f"last{source}", "last.json.tmp.tmp"} if source == ".json.tmp" else {f"last{source}"}

    def replace(old, new):
        if os.path.basename(old) in victims:
            raise PermissionError(errno.EACCES, "in use")
        REPLACE(old, new)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(PermissionError):
        copy_checkpoint(tmp_path / "new", tmp_path / "last") if copy else save(tmp_path / "last", 2.0)
    assert contents(tmp_path) == before
    model = network(0.0)
    load_weights(model, tmp_path / "last")
    assert read_state(tmp_path / "last")["step"] == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_full_disk_while_copying(tmp_path, monkeypatch, suffix):
    save(tmp_path / "last", 2.0)
    save(tmp_path / "best", 1.0)
    before, copyfile = contents(tmp_path), shutil.copyfile

    def fail(source, target):
        if str(source).endswith(suffix):
            target.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return copyfile(source, target)

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(OSError, match="No space left"):
        copy_checkpoint(tmp_path / "last", tmp_path / "best")
    assert contents(tmp_path) == before


def test_interrupt_while_saving(checkpoint, monkeypatch):
    before = contents(checkpoint.parent)

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(paddle, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(checkpoint, 2.0)
    assert contents(checkpoint.parent) == before


def test_new_save_replaces_the_old(checkpoint):
    save(checkpoint, 2.0)
    assert read_state(checkpoint)["step"] == 2
    assert read_arrays(checkpoint)["0.weight"].min() > 1.5
    assert len(contents(checkpoint.parent)) == 3


KILLED = """
import os, sys
from pathlib import Path
from paddle_notes.engine import checkpoint

count = 0
def dying(action):
    def act(*args, **kwargs):
        global count
        count += 1
        if count == int(sys.argv[3]):
            os._exit(9)
        return action(*args, **kwargs)
    return act

os.replace, os.fsync, Path.unlink = map(dying, (os.replace, os.fsync, Path.unlink))
checkpoint.shutil.copyfile = dying(checkpoint.shutil.copyfile)
checkpoint.copy_checkpoint(Path(sys.argv[1]), Path(sys.argv[2]))
print(count)
"""


def test_killed_at_any_file_operation(tmp_path):
    """进程死在任何一次文件操作上：读到的不是旧的就是新的，三个文件总是一套；再写一次也照常。"""
    copied = []
    for operation in range(1, 100):
        folder = tmp_path / str(operation)
        folder.mkdir()
        save(folder / "new", 2.0)
        save(folder / "last", 1.0)
        words = [sys.executable, "-c", KILLED, str(folder / "new"), str(folder / "last"), str(operation)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=100)
        step = read_state(folder / "last")["step"]
        model = network(0.0)
        load_weights(model, folder / "last")
        read_arrays(folder / "last", ".pdopt")
        assert model.state_dict()["0.weight"].numpy().max() == float(step)
        assert newest_whole(folder) == (folder / "last", [])
        copied.append(step)
        settled = shutil.copytree(folder, tmp_path / f"settled-{operation}")
        settle(settled / "last")
        assert not list(settled.glob("*.old"))
        load_weights(model, settled / "last")
        assert read_state(settled / "last")["step"] == step == model.state_dict()["0.weight"].numpy().max()
        save(folder / "last", 3.0)
        assert read_state(folder / "last")["step"] == 3 and not list(folder.glob("*.old"))
        if done.returncode == 0:
            break
        assert done.returncode == 9, done.stderr
    assert copied == sorted(copied) and set(copied) == {1, 2} and len(copied) > 12


@pytest.mark.parametrize("change", ["step", "inner", "removed"])
def test_an_edited_description_is_refused(checkpoint, change):
    """说明文件也有自己的校验和：改一个数、删一项都看得出来。"""
    save(checkpoint, 1.0)
    file = checkpoint.with_suffix(".json")
    content = json.loads(file.read_text(encoding="utf-8"))
    assert read_state(checkpoint)["step"] == content["step"]
    if change == "step":
        content["step"] += 1
    elif change == "inner":
        content["crc32"][".pdparams"] += 1
    else:
        content.pop("step")
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="已损坏、被改动过"):
        read_state(checkpoint)
    assert newest_whole(checkpoint.parent) == (None, [checkpoint])


def test_descriptions_written_before_are_read(checkpoint):
    save(checkpoint, 1.0)
    file = checkpoint.with_suffix(".json")
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["crc32"][".json"]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert read_state(checkpoint)["step"] == content["step"]


def test_deep_json_is_refused(checkpoint):
    save(checkpoint, 1.0)
    checkpoint.with_suffix(".json").write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    with pytest.raises(UserError, match="已损坏、被改动过"):
        read_state(checkpoint)


def test_the_newest_whole_checkpoint(tmp_path):
    assert newest_whole(tmp_path) == (None, [])
    save(tmp_path / "best", 1.0)
    save(tmp_path / "last", 2.0)
    assert newest_whole(tmp_path) == (tmp_path / "last", [])
    (tmp_path / "last.pdopt").write_bytes(b"half")
    assert newest_whole(tmp_path) == (tmp_path / "best", [tmp_path / "last"])
    (tmp_path / "best.json").write_text("{", encoding="utf-8")
    assert newest_whole(tmp_path) == (None, [tmp_path / "last", tmp_path / "best"])


# ---------------------------------------------------------------- 坏文件


def refused(function, *args) -> str:
    with pytest.raises(UserError) as caught:
        function(*args)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".pdparams", ".pdopt"])
def test_truncated(checkpoint, suffix):
    file = checkpoint.with_suffix(suffix)
    file.write_bytes(file.read_bytes()[:-7])
    text = refused(read_arrays, checkpoint, suffix)
    assert text == f"检查点 {file} 不完整或已损坏（校验和不符），请改用另一个检查点"
    checkpoint.with_suffix(".json").unlink()
    assert "不是 paddle 保存的参数文件，或已损坏" in refused(read_arrays, checkpoint, suffix)


def test_flipped_bit(checkpoint):
    """paddle.load 会照样读进去；这里用校验和发现。"""
    file = checkpoint.with_suffix(".pdparams")
    content = bytearray(file.read_bytes())
    content[content.index(np.float32(1 - 0.1).tobytes()[:2])] ^= 1  # 参数中的一个比特
    file.write_bytes(content)
    assert "校验和不符" in refused(load_weights, network(), checkpoint)


class Payload:
    """反序列化时创建一个文件的对象。"""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: {"0.weight": x}, lambda x: {"0.weight": np.array([x], object)}]
)
def test_payload_is_not_executed(tmp_path, wrap):
    mark, file = tmp_path / "executed", tmp_path / "evil.pdparams"
    file.write_bytes(pickle.dumps(wrap(Payload(mark))))
    assert "不是 paddle 保存的参数文件，或已损坏：不允许的内容" in refused(load_weights, network(), file)
    assert not mark.exists()
    pickle.loads(file.read_bytes())  # 确认这份文件真的有害
    assert mark.exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello", bytes(100), b"PK\x03\x04" + bytes(50), pickle.dumps([1, 2]), pickle.dumps("x")]
)
def test_foreign_file(tmp_path, content):
    file = tmp_path / "a.pdparams"
    file.write_bytes(content)
    assert str(file) in refused(load_weights, network(), file)


def test_missing_checkpoint_lists_the_others(checkpoint):
    text = refused(read_state, checkpoint.with_name("best"))
    assert text == f"找不到检查点文件 {checkpoint.with_name('best.json')}；可用的检查点：{checkpoint}"
    text = refused(read_arrays, checkpoint.with_name("best"))
    assert text == f"找不到检查点文件 {checkpoint.with_name('best.pdparams')}；可用的检查点：{checkpoint}"


def test_folder_instead_of_a_checkpoint(checkpoint):
    assert refused(read_arrays, checkpoint.parent).endswith(f"可用的检查点：{checkpoint}")


def test_nothing_to_suggest(tmp_path):
    assert refused(read_state, tmp_path / "none" / "best").endswith("；请先训练，或检查路径")


def test_missing_json(checkpoint):
    checkpoint.with_suffix(".json").unlink()
    assert "找不到检查点文件" in refused(read_state, checkpoint)
    load_weights(network(), checkpoint)  # 参数本身还能用


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '"x"', "\x00"])
def test_bad_json(checkpoint, text):
    checkpoint.with_suffix(".json").write_text(text, encoding="utf-8")
    said = refused(read_state, checkpoint)
    assert "已损坏" in said or "不是本项目写的检查点说明文件" in said


def test_json_of_another_encoding(checkpoint):
    checkpoint.with_suffix(".json").write_bytes("中文".encode("gbk"))
    assert "已损坏" in refused(read_state, checkpoint)


def test_chinese_class_names_are_readable(tmp_path):
    save(tmp_path / "a", class_names=["猫", "狗"])
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert '"猫"' in text and json.loads(text)["class_names"] == ["猫", "狗"]


# ---------------------------------------------------------------- 另一个网络的权重


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (
            lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1D(4)),
            "0.weight 的形状是 [3, 2]，网络里是 [3, 4]",
        ),
        (lambda: nn.Sequential(nn.Linear(3, 2)), "多出 1.weight"),
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1D(2), nn.Linear(2, 1)), "缺少 2.weight"),
    ],
)
def test_weights_of_another_network(checkpoint, other, problem):
    model = other()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    text = refused(load_weights, model, checkpoint)
    assert text.startswith(f"{checkpoint} 是另一个网络的权重：{problem}（共 ")
    assert all(np.array_equal(before[name], value.numpy()) for name, value in model.state_dict().items())


def test_numbers_in_place_of_arrays(tmp_path):
    file = tmp_path / "a.pdparams"
    file.write_bytes(pickle.dumps({name: 3 for name in network().state_dict()}))
    assert "0.weight 的形状是 []，网络里是 [3, 2]" in refused(load_weights, network(), file)
