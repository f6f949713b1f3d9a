"""表格数据：先留出测试、再分折；缺失、独热、标准化的规则只由训练部分得出；对照；坏的 CSV。"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from paddle_notes.config import TableData
from paddle_notes.data import build_data
from paddle_notes.data.csv_files import read_table
from paddle_notes.data.tables import Encoder, split_folds
from paddle_notes.errors import UserError


def test_the_test_part_is_the_same_in_every_fold():
    splits = [split_folds(101, 4, fold) for fold in range(4)]
    for train, valid, test in splits:
        assert sorted([*train, *valid, *test]) == list(range(101))
        assert np.array_equal(test, splits[0][2]) and len(test) == 20
    assert sorted(np.concatenate([valid for _, valid, _ in splits])) == sorted(set(range(101)) - set(test))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((100, 5, 5), "data.fold 是 5，应小于"), ((6, 6, 0), "只有 6 行数据，留出测试之后分不成 6 折")],
)
def test_impossible_folds(arguments, message):
    with pytest.raises(UserError, match=message):
        split_folds(*arguments)


def test_encoder():
    """数的列填均值、标准化；文字的列独热，没见过的取值全为 0；全缺的列不用。"""
    train = pd.DataFrame(
        {"面积": [50.0, 70.0, np.nan], "朝向": ["南", None, "北"], "空": [np.nan] * 3, "房型": [1, 1, 1]}
    )
    encoder = Encoder.fit(train, np.array([1.0, 2.0, 4.0]), log=True)
    assert encoder.numeric == {"面积": (60, 10), "房型": (1, 1)}
    assert encoder.categories == {"朝向": ["", "北", "南"]}
    other = pd.DataFrame({"面积": [80.0, np.nan], "朝向": ["南", "东"], "空": [1, 2], "房型": [2, 1]})
    assert encoder.encode(other).tolist() == [[2, 1, 0, 0, 1], [0, 0, 0, 0, 0]]
    assert np.allclose(encoder.target, (np.log(2), np.std(np.log([1, 2, 4]))))
    assert np.isclose(encoder.encode_target(np.array([2.0]))[0], 0)


def test_the_kind_of_a_column_comes_from_the_training_rows():
    """训练部分里全是数的列就是数的列；别处的文字读不出数，当作缺失。"""
    train = pd.DataFrame({"面积": ["50", "70"]})  # 别的行有文字，pandas 便把整列读成文字
    encoder = Encoder.fit(train, np.array([1.0, 2.0]), log=False)
    assert encoder.numeric == {"面积": (60, 10)} and encoder.categories == {}
    assert encoder.encode(pd.DataFrame({"面积": ["不详", "80"]})).tolist() == [[0], [2]]


def test_bundled_tables():
    parts = build_data(TableData(name="house_price"), 0)
    assert [part.num_samples for part in parts] == [324, 81, 101]
    features = parts.train.dataset.features
    assert np.allclose(features.mean(0), 0, atol=1e-5) and np.allclose(features.std(0), 1, atol=1e-5)
    assert not np.allclose(parts.test.dataset.features.mean(0), 0, atol=0.01)
    parts = build_data(TableData(name="synthetic_linear"), 0)
    assert [part.num_samples for part in parts] == [640, 160, 200]


def test_baselines():
    """合成的线性数据：岭回归的误差就是噪声，均值的误差就是目标的标准差。"""
    parts = build_data(TableData(name="synthetic_linear"), 0)
    found = parts.baselines()
    assert list(found) == ["总是猜均值", "岭回归", "梯度提升树"]
    encoder, test = parts.train.dataset.encoder, parts.test.dataset
    values = test.targets * encoder.target[1] + encoder.target[0]
    mean_error = np.sqrt(np.mean((values - encoder.target[0]) ** 2))
    assert found["总是猜均值"]["test"]["rmse"] == pytest.approx(mean_error, rel=1e-6)
    for part in ("valid", "test"):
        assert 0.007 < found["岭回归"][part]["rmse"] < 0.013  # 噪声的标准差是 0.01
        assert found["岭回归"][part]["rmse"] < found["梯度提升树"][part]["rmse"] < 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "是空文件"),
        (b"a,b\n1,2\n", "里没有 SalePrice 一列，有的是 a、b"),
        (b"a,SalePrice\n1,2\n3,0\n", "第 3 行的 SalePrice 不是正数"),
        (b"a,SalePrice\n\xff\xff,2\n", "编码不是 UTF-8、GB18030"),
        (b"a,SalePrice\n1,2\n3,4\n", "只有 2 行数据"),
        (b"a,SalePrice\n1,2\n3,inf\n", "第 3 行的 SalePrice 不是正数"),
        (b"a,SalePrice\n" + b"inf,1\n2,2\n" * 20, "表的 a 一列里有无穷大"),
        (b"a,SalePrice\n" + b"1e308,1\n-1e308,2\n" * 20, "表的 a 一列里有无穷大"),
        (b"a,SalePrice\n" + b"1,2,3\n" * 40, "不是合法的 CSV"),
        (b"SalePrice\n" + b"1\n" * 20, "除了目标没有可用的列"),
    ],
)
def test_bad_csv(tmp_path, content, message):
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        build_data(TableData(name="house_price", path=str(file)), 0)


def test_infinity_in_the_test_part(tmp_path):
    """规则只由训练部分得出，它不知道测试部分有一个无穷大。"""
    rows = [f"{i},{i + 1}" for i in range(40)]
    rows[split_folds(40, 5, 0)[2][0]] = "inf,3"
    (tmp_path / "a.csv").write_text("\n".join(["a,SalePrice", *rows]), encoding="utf-8")
    with pytest.raises(UserError, match="表里有无穷大"):
        build_data(TableData(name="house_price", path=str(tmp_path / "a.csv")), 0)


def test_a_csv_with_mixed_columns(tmp_path):
    file = tmp_path / "a.csv"
    rows = [f"{i},{i % 7 if i % 5 else 'NA'},{'东西南'[i % 3]},{10 + i % 7}" for i in range(60)]
    file.write_text("\n".join(["Id,面积,朝向,SalePrice", *rows]), encoding="utf-8-sig")
    parts = build_data(TableData(name="house_price", path=str(file)), 0)
    assert [part.num_samples for part in parts] == [38, 10, 12]
    info = parts.train.info()
    assert info.num_features == 1 + 3 and list(info.encoder["numeric"]) == ["面积"]


def test_a_table_in_gb18030(tmp_path):
    """中文 Windows 的 Excel 存出来的 CSV。"""
    path = tmp_path / "a.csv"
    path.write_bytes("面积,房价\n1,2\n3,4\n".encode("gb18030"))
    table = read_table(path)
    assert list(table) == ["面积", "房价"] and table["房价"].tolist() == [2, 4]
