"""时间序列：按时间划分，缩放只用训练部分，缺失内插，对照与手算相同，坏的 CSV。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.config import SeriesData
from paddle_notes.data import build_data
from paddle_notes.data.series import interpolate, load_co2, load_sunspots, split
from paddle_notes.errors import UserError

VALUES = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])


def config(**options) -> SeriesData:
    return SeriesData(**{"name": "series", "window": 2, **options})


def test_windows_and_targets():
    """10 个值，后 2 个验证：训练的目标是第 2 至 7 个，窗口是它之前的两个。"""
    train, valid = split(VALUES, config(), "x")
    assert (len(train), len(valid)) == (6, 2)
    seen = VALUES[:8]
    scaled = (VALUES - seen.mean()) / seen.std()
    inputs, targets = train[np.arange(6)]
    assert inputs.shape == (6, 2, 1) and inputs.dtype == targets.dtype == np.float32
    for row in range(6):
        assert np.allclose(inputs[row, :, 0], scaled[row : row + 2])
        assert np.isclose(targets[row], scaled[row + 2])
    assert np.allclose(valid[np.arange(2)][1], scaled[8:])
    assert np.array_equal(valid.truth(), VALUES[8:])
    assert np.allclose(valid.predict(valid[np.arange(2)][1]), VALUES[8:])


def test_differences():
    train, valid = split(VALUES, config(difference=True), "x")
    steps = np.diff(VALUES[:8])
    assert (train.first, train.mean, train.std) == (3, steps.mean(), steps.std())
    inputs, targets = train[np.array([0])]
    assert np.allclose(inputs[0, :, 0] * train.std + train.mean, [-2, 3])
    assert np.isclose(targets[0] * train.std + train.mean, -3)
    assert np.allclose(valid.predict(valid[np.arange(2)][1]), VALUES[8:], atol=1e-6)
    no_change = -valid.mean / valid.std * np.ones(2)  # 预测“不变”就是坚持法
    assert np.allclose(valid.predict(no_change), VALUES[7:9])


def test_the_future_is_unseen():
    """改动验证部分，训练的输入、目标与缩放都不变。"""
    train, _ = split(VALUES, config(), "x")
    changed = VALUES.copy()
    changed[8:] = [1000, np.nan]
    other, _ = split(changed, config(), "x")
    assert (train.mean, train.std) == (other.mean, other.std)
    assert all(np.array_equal(a, b) for a, b in zip(train[np.arange(6)], other[np.arange(6)]))


def test_gaps():
    nan = np.nan
    assert interpolate(np.array([nan, 1, nan, nan, 4, nan])).tolist() == [1, 1, 2, 3, 4, 4]
    with pytest.raises(UserError, match="没有一个数"):
        interpolate(np.array([nan, nan]))
    gap = VALUES.copy()
    gap[7] = nan  # 训练部分的最后一个：只能由以前的值补
    train, valid = split(gap, config(), "x")
    assert train.values[7] == 2 and valid.values[7] == 2


def test_baselines():
    _, valid = split(VALUES, config(period=3), "x")
    found = valid.baselines()
    assert np.isclose(found["坚持法"]["rmse"], np.sqrt((1**2 + 2**2) / 2))
    assert np.isclose(found["季节性朴素（周期 3）"]["rmse"], np.sqrt((4**2 + 1**2) / 2))
    assert list(split(VALUES, config(), "x")[1].baselines()) == ["坚持法"]


def test_constant_series():
    """处处相等：标准差是零，不能除以它。"""
    train, _ = split(np.full(20, 7.0), config(), "x")
    assert train.std == 1 and np.array_equal(train[np.arange(3)][1], np.zeros(3))


def test_bundled_series():
    train, valid = load_sunspots(SeriesData(name="sunspots", window=24, period=11))
    assert len(train.values) == 309 and (train.last, valid.last) == (247, 309)
    train, _ = load_co2(SeriesData(name="co2", window=52, period=52))
    assert len(train.values) == 2284 and np.isfinite(train.values).all()
    with pytest.raises(UserError, match=r"不需要 data\.path"):
        load_sunspots(SeriesData(name="sunspots", path="a.csv"))


def test_any_csv(tmp_path):
    file = tmp_path / "a.csv"
    rows = "\n".join(f"{i},{value},x" for i, value in enumerate([*VALUES, "", *VALUES]))
    file.write_text(f"日期,气温,注\n{rows}\n", encoding="utf-8-sig")
    train, valid = build_data(config(path=str(file), target="气温", batch_size=4), 0)
    assert train.info()["name"] == "气温" and len(train.dataset.values) == 21
    assert train.dataset.values[10] == 3  # 空格内插
    assert next(valid.epoch())[0].shape == (4, 2, 1)
    with pytest.raises(UserError, match="没有 风 一列，有的是 日期、气温、注"):
        build_data(config(path=str(file), target="风"), 0)
    with pytest.raises(UserError, match="没有一个数"):
        build_data(config(path=str(file)), 0)  # 不写则取最后一列，全是文字


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "不是合法的 CSV"),
        (b"a\n1\n2\n3\n", "序列只有 3 个值"),
        (b"a\n", "序列只有 0 个值"),
        ("气温\n1\n".encode("gb18030"), "不是 UTF-8 编码"),
        (b'a\n"1\n', "不是合法的 CSV"),
    ],
)
def test_bad_csv(tmp_path, content, message):
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        build_data(config(path=str(file)), 0)


def test_missing_csv(tmp_path):
    with pytest.raises(UserError, match=r"要用 -o data\.path"):
        build_data(config(), 0)
    with pytest.raises(UserError, match="找不到"):
        build_data(config(path=str(tmp_path / "a.csv")), 0)
