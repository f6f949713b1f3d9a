"""房价：表的编码、只看训练部分的统计、k 折、提交文件，以及各种坏的 CSV。"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from paddle_notes.ch02_linear_models import house_price
from paddle_notes.ch02_linear_models.house_price import LinearPrice, TableEncoder, log_rmse
from paddle_notes.ch02_linear_models.regularization import ridge

# 自己编的一张小表，列的样子与竞赛的相同：数字、文字、空缺、NA
TRAIN = """\
Id,Area,Rooms,Zone,Fence,SalePrice
1,50,2,A,NA,100000
2,80,3,B,Wood,160000
3,,4,A,NA,200000
4,120,NA,C,Stone,260000
5,60,2,B,,120000
6,150,5,A,Wood,330000
"""
TEST = """\
Id,Area,Rooms,Zone,Fence
101,70,3,A,NA
102,NA,2,新区,Iron
"""


@pytest.fixture
def csv(tmp_path):
    """``csv("train.csv", 文字)``：写一个文件，返回路径。"""

    def write(name: str, text: str, encoding: str = "utf-8"):
        file = tmp_path / name
        file.write_text(text, encoding=encoding)
        return file

    return write


@pytest.fixture
def features(csv):
    return house_price.split_target(house_price.read_table(csv("train.csv", TRAIN)))[0]


# ---------------------------------------------------------------- 编码


def test_encoding(features):
    encoder = TableEncoder().fit(features)
    assert encoder.names() == ["Area", "Rooms", "Zone=A", "Zone=B", "Zone=C", *FENCES]
    X = encoder.transform(features)
    areas = np.array([50, 80, 120, 60, 150])
    assert np.allclose(X[[0, 1, 3, 4, 5], 0], (areas - areas.mean()) / areas.std(), rtol=1e-12)
    assert X[2, 0] == 0 and X[3, 1] == 0  # 空缺是均值，标准化之后是 0
    assert X[:, 2:5].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert X[:, 5:].sum(axis=1).tolist() == [1] * 6  # 空缺也是一类
    assert X[:, 7].tolist() == [1, 0, 1, 0, 1, 0]


FENCES = ["Fence=Stone", "Fence=Wood", "Fence=None"]


def test_unseen_categories_are_all_zero(features, csv):
    encoder = TableEncoder().fit(features)
    X = encoder.transform(house_price.read_table(csv("test.csv", TEST)))
    assert X.shape == (2, 8) and np.isfinite(X).all()
    assert X[0, 2:].tolist() == [1, 0, 0, 0, 0, 1]
    assert X[1].tolist() == [0.0, X[1, 1], 0, 0, 0, 0, 0, 0]


def test_statistics_come_from_the_fitted_rows_only(features):
    """验证的行改成离谱的数，编码器与训练的行都不变。"""
    changed = features.copy()
    changed.loc[4:, "Area"] = "1000000"
    changed.loc[4:, "Zone"] = "从未见过"
    before, after = (TableEncoder().fit(table.iloc[:4]) for table in (features, changed))
    assert before.to_dict() == after.to_dict()
    assert before.numeric["Area"][0] == pytest.approx((50 + 80 + 120) / 3)


def test_cross_validation_fits_the_encoder_on_the_training_part(features, monkeypatch):
    sizes = []
    fit = TableEncoder.fit
    monkeypatch.setattr(TableEncoder, "fit", lambda self, table: sizes.append(len(table)) or fit(self, table))
    house_price.cross_validate(features, np.arange(1.0, 7.0), k=3)
    assert sizes == [4, 4, 4]


def test_state_goes_through_json(features, csv):
    encoder = TableEncoder().fit(features)
    again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    test = house_price.read_table(csv("test.csv", TEST))
    assert again.names() == encoder.names() and np.array_equal(again.transform(test), encoder.transform(test))


def test_constant_and_empty_columns():
    """常数的列变成 0（0.1 的平均不恰好是 0.1，标准差不恰好是 0）；全空的列不要。"""
    table = pd.DataFrame({"same": [0.1] * 7, "gone": [np.nan] * 7, "x": [1.0, 2, 3, np.inf, 5, 6, 7]})
    encoder = TableEncoder().fit(table[["same", "gone"]])
    assert encoder.names() == ["same"]
    other = pd.DataFrame({"same": [0.1, 0.2], "gone": [1, 2]})
    assert np.allclose(encoder.transform(other), [[0], [0.1]], atol=1e-15)
    assert "x=inf" in TableEncoder().fit(table).names()  # 不是有限的数，当作文字，看得见


def test_text_among_numbers_in_the_test_table(features):
    """训练中是数字的列，测试里混进的文字当作空缺。"""
    encoder = TableEncoder().fit(features)
    table = features.copy()
    table.loc[0, "Area"] = "很大"
    assert encoder.transform(table)[0, 0] == 0


def test_missing_and_extra_columns(features):
    encoder = TableEncoder().fit(features)
    with pytest.raises(ValueError, match="缺少训练时有的列：Rooms、Zone；"):
        encoder.transform(features.drop(columns=["Rooms", "Zone"]))
    assert np.array_equal(encoder.transform(features.assign(more="x")), encoder.transform(features))


# ---------------------------------------------------------------- 训练


def test_trained_model_is_the_closed_form():
    """小批量 Adam 的结果接近岭回归的闭式解：损失相同到千分之一，偏置不受惩罚。"""
    features, prices = house_price.uci_housing()
    assert features.shape == (506, 13)
    X, target = TableEncoder().fit(features).transform(features), np.log(prices)
    model = LinearPrice().fit(X, target)
    w, b = ridge(X, target, model.weight_decay)

    def cost(w, b):
        return np.mean((X @ w + b - target) ** 2) / 2 + model.weight_decay / 2 * np.sum(w**2)

    assert cost(w, b) <= cost(model.w[:, 0], model.b[0]) < 1.001 * cost(w, b)
    assert np.abs(model.w[:, 0] - w).max() < 0.01 and abs(model.b[0] - b) < 0.001


def test_log_rmse():
    assert log_rmse(np.array([100.0, 1000.0]), np.array([110.0, 1100.0])) == pytest.approx(np.log(1.1))
    assert log_rmse(np.array([2.0, 8.0]), np.array([2.0, 2.0])) == pytest.approx(np.log(4) / np.sqrt(2))


def test_k_fold_covers_every_row_once():
    folds = house_price.k_fold(11, 3)
    assert [len(valid) for _, valid in folds] == [4, 4, 3]
    assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(11))
    assert all(sorted(np.concatenate(fold)) == list(range(11)) for fold in folds)
    with pytest.raises(ValueError, match="只有 2 行，分不成 3 份"):
        house_price.k_fold(2, 3)


def test_uci_housing(capsys):
    """五折的验证误差落在量过的范围里；只猜平均价格的误差是 0.41。"""
    house_price.main([])
    out = capsys.readouterr().out
    assert out.count("折") == 5
    assert 0.18 < float(out.split()[-1]) < 0.21
    prices = house_price.uci_housing()[1]
    assert log_rmse(prices, np.full(506, np.exp(np.log(prices).mean()))) == pytest.approx(0.4084, abs=1e-4)


def test_submission(csv, tmp_path, capsys):
    out = tmp_path / "submission.csv"
    arguments = ["--train", csv("train.csv", TRAIN), "--test", csv("test.csv", TEST), "--out", out]
    house_price.main([str(word) for word in arguments])
    submission = pd.read_csv(out)
    assert list(submission.columns) == ["Id", "SalePrice"] and submission.Id.tolist() == [101, 102]
    assert submission.SalePrice.between(50_000, 500_000).all()
    assert f"提交文件写在 {out}" in capsys.readouterr().out


def test_utf8_with_byte_order_mark(csv):
    """Excel 另存的 UTF-8 开头有 BOM，第一列的名字不能带上它。"""
    assert house_price.read_table(csv("bom.csv", TRAIN, "utf-8-sig")).columns[0] == "Id"


# ---------------------------------------------------------------- 坏的 CSV

BAD_TABLES = {
    "empty": ("", "utf-8", "是空的"),
    "header_only": ("Id,Area,SalePrice\n", "utf-8", "只有表头，没有数据行"),
    "no_target": ("Id,Area\n1,50\n", "utf-8", "没有 SalePrice 一列，只有 Id、Area…"),
    "no_numeric_rows": ("Id,Area,SalePrice\n1,50,贵\n2,60,NA\n", "utf-8", "SalePrice 一列里没有一个正数"),
    "one_bad_price": (
        "Id,Area,SalePrice\n1,50,10\n2,60,-3\n",
        "utf-8",
        "第 2 行数据的 SalePrice 不是正数：-3",
    ),
    "encoding": ("Id,Zone,SalePrice\n1,东区,10\n", "gbk", "不是 UTF-8 编码；请用编辑器或 Excel 另存为"),
    "ragged": ("Id,SalePrice\n1,2\n1,2,3,4\n", "utf-8", "不是合格的 CSV"),
    "no_features": ("Id,SalePrice\n" + "1,2\n" * 9, "utf-8", "没有可用的特征列"),
    "few_rows": ("Id,Area,SalePrice\n1,50,10\n2,60,20\n", "utf-8", "只有 2 行，分不成 5 份"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables_are_explained(name, csv):
    text, encoding, message = BAD_TABLES[name]
    file = csv("train.csv", text, encoding)
    with pytest.raises(ValueError, match=message):
        house_price.cross_validate(*house_price.split_target(house_price.read_table(file)))
    with pytest.raises(SystemExit, match=f"错误：.*{message}"):  # 命令行只打印一句话
        house_price.main(["--train", str(file)])


def test_other_mistakes(csv, tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"错误：.*none\.csv"):
        house_price.main(["--train", str(tmp_path / "none.csv")])
    train, test = csv("train.csv", TRAIN), csv("test.csv", TEST.replace("Id", "Number"))
    with pytest.raises(SystemExit, match="测试的表里没有 Id 一列"):
        house_price.main(["--train", str(train), "--test", str(test), "--out", str(tmp_path / "out.csv")])
    with pytest.raises(SystemExit):
        house_price.main(["--test", str(test)])
    assert "给了 --test 也要给 --train" in capsys.readouterr().err
