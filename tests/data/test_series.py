"""时间序列：按时间划分，缩放只用训练部分，缺失不由未来补，对照与手算相同，坏的 CSV。"""

from __future__ import annotations

import numpy as np
import pytest

from paddle_notes.config import SeriesData
from paddle_notes.data import build_data
from paddle_notes.data.series import fill, load_co2, load_sunspots, recorded, split
from paddle_notes.errors import UserError

VALUES = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])


def config(**options) -> SeriesData:
    return SeriesData(
        **{"name": "series", "window": 2, "valid_fraction": 0.2, "test_fraction": 0.2, **options}
    )


def test_windows_and_targets():
    """10 个值，依次 6 个训练、2 个验证、2 个测试：训练的目标是第 2 至 5 个，窗口是它之前的两个。"""
    train, valid, test = split(VALUES, config(), "x")
    assert (train.targets.tolist(), valid.targets.tolist(), test.targets.tolist()) == (
        [2, 3, 4, 5],
        [6, 7],
        [8, 9],
    )
    seen = VALUES[:6]
    scaled = (VALUES - seen.mean()) / seen.std()
    inputs, targets = train[np.arange(4)]
    assert inputs.shape == (4, 2, 1) and inputs.dtype == targets.dtype == np.float32
    for row in range(4):
        assert np.allclose(inputs[row, :, 0], scaled[row : row + 2])
        assert np.isclose(targets[row], scaled[row + 2])
    assert np.allclose(test[np.arange(2)][1], scaled[8:])
    assert np.array_equal(test.truth(), VALUES[8:])
    assert np.allclose(test.predict(test[np.arange(2)][1]), VALUES[8:])


def test_differences():
    train, _, test = split(VALUES, config(difference=True), "x")
    steps = np.diff(VALUES[:6])
    assert (train.targets[0], train.mean, train.std) == (3, steps.mean(), steps.std())
    inputs, targets = train[np.array([0])]
    assert np.allclose(inputs[0, :, 0] * train.std + train.mean, [-2, 3])
    assert np.isclose(targets[0] * train.std + train.mean, -3)
    assert np.allclose(test.predict(test[np.arange(2)][1]), VALUES[8:], atol=1e-6)
    no_change = -test.mean / test.std * np.ones(2)  # 预测“不变”就是坚持法
    assert np.allclose(test.predict(no_change), VALUES[7:9])


def test_gaps():
    """训练部分之内按前后内插，末尾的取最后一个已知的；之后的只取以前的，任何一处都不含未来。"""
    nan = np.nan
    values = np.array([nan, 1, nan, nan, 4, nan, nan, 6, nan, 9])
    assert fill(values, 6).tolist() == [1, 1, 2, 3, 4, 4, 4, 6, 6, 9]
    with pytest.raises(UserError, match="训练部分里没有一个数"):
        fill(np.array([nan, nan, 1, 2]), 2)


def test_missing_values_are_no_targets():
    """缺失的值不作目标：没有真值，预测的好坏无从评判。"""
    values = np.tile(VALUES, 3)
    missing = [0, 5, 11, 20, 27]
    values[missing] = np.nan
    parts = split(values, config(), "x")
    targets = np.concatenate([part.targets for part in parts])
    assert targets.tolist() == [t for t in range(2, 30) if t not in missing]
    assert [len(part) for part in parts] == [18 - 2 - 2, 5, 5]
    assert np.array_equal(np.concatenate([part.truth() for part in parts]), values[targets])
    train, _, test = parts
    assert train.values[5] == (values[4] + values[6]) / 2 and test.values[27] == values[26]


def test_naive_forecasts():
    train, valid, test = split(VALUES, config(period=3), "x")
    found = train.baselines({"valid": valid, "test": test})
    assert np.isclose(found["坚持法"]["test"]["rmse"], np.sqrt((1**2 + 2**2) / 2))
    assert np.isclose(found["坚持法"]["valid"]["rmse"], np.sqrt((7**2 + 4**2) / 2))
    assert np.isclose(found["季节性朴素（周期 3）"]["test"]["rmse"], np.sqrt((4**2 + 1**2) / 2))


def test_constant_series():
    """处处相等：标准差是零，不能除以它。"""
    train, _, _ = split(np.full(20, 7.0), config(), "x")
    assert train.std == 1 and np.array_equal(train[np.arange(3)][1], np.zeros(3))


def test_bundled_series():
    parts = load_sunspots(SeriesData(name="sunspots", window=24, period=11))
    assert [(part.targets[0], part.targets[-1]) for part in parts] == [(24, 200), (201, 246), (247, 308)]
    parts = load_co2(SeriesData(name="co2", window=52, period=52))
    assert len(parts[0].values) == 2284 and np.isfinite(parts[0].values).all()
    assert [len(part) for part in parts] == [1390, 343, 457]
    values = parts[0].values
    assert len(values) - 52 - sum(map(len, parts)) == 42  # 缺失的 59 个里，第 52 个以后的
    with pytest.raises(UserError, match=r"不需要 data\.path"):
        load_sunspots(SeriesData(name="sunspots", path="a.csv"))


def test_any_csv(tmp_path):
    file = tmp_path / "a.csv"
    rows = "\n".join(f"{i},{value},x" for i, value in enumerate([*VALUES, "", *VALUES]))
    file.write_text(f"日期,气温,注\n{rows}\n", encoding="utf-8-sig")
    train, _, test = build_data(config(path=str(file), target="气温", batch_size=4), 0)
    assert train.info().name == "气温" and len(train.dataset.values) == 21
    assert train.dataset.values[10] == train.dataset.values[9] == 3  # 空格是缺失
    assert next(test.epoch())[0].shape == (4, 2, 1)
    with pytest.raises(UserError, match="没有 风 一列，有的是 日期、气温、注"):
        build_data(config(path=str(file), target="风"), 0)
    with pytest.raises(UserError, match="没有一个数"):
        build_data(config(path=str(file)), 0)  # 不写则取最后一列，全是文字


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "是空文件"),
        (b"a\n1\n2\n3\n", "序列只有 3 个值"),
        (b"a\n", "训练部分里没有一个数"),
        (b"a\n\xff\xff\xff\n", "编码不是 UTF-8、GB18030"),
        (b'a\n"1\n', "不是合法的 CSV"),
        (b"a\n1\x002\n", "不是文本文件"),
        (b"a,b\n" + b"1,2,3\n" * 40, "不是合法的 CSV"),  # 多一列：不能当作行的名字，其余往左移
        (b"a\n" + b"1e308\n-1e308\n" * 40, "序列里的数太大"),
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


def test_the_recorded_series():
    """随项目带着的两条序列：个数、缺测、头尾与总和，改动一个数就看得出来。"""
    spots, co2 = recorded("sunspots"), recorded("co2")
    assert len(spots) == 2008 - 1700 + 1 and spots[0] == 5.0 and spots[-1] == 2.9
    assert spots.sum() == pytest.approx(15373.399999999998) and spots.argmax() == 1957 - 1700
    assert len(co2) == 2284 and np.isnan(co2).sum() == 59 and (co2[0], co2[-1]) == (316.1, 371.5)
    assert np.nansum(co2) == pytest.approx(756816.5)
