"""ImageNet 与它的竞赛：几个数字。

数据集：Deng 等, *ImageNet: A Large-Scale Hierarchical Image Database*, 2009。
竞赛：Russakovsky 等, *ImageNet Large Scale Visual Recognition Challenge*, 2015。
"""

from __future__ import annotations

# 2009 年论文发表时的 ImageNet（“320 万张”是论文给的约数）
FIRST_IMAGES, FIRST_CATEGORIES = 3_200_000, 5_247
# 后来的总数，见 https://www.image-net.org
NUM_IMAGES, NUM_CATEGORIES = 14_197_122, 21_841
# 竞赛（2012 年起的分类任务）用的一部分
CONTEST_CLASSES = 1000
CONTEST_TRAIN, CONTEST_VALID, CONTEST_TEST = 1_281_167, 50_000, 100_000

# 年份，冠军，方法，分类任务的 top-5 错误率（%）。2012、2013 年是用了额外数据的成绩，
# 只用竞赛数据时是 16.4 与 11.7。2012 年起都是几个网络的平均，单个网络要差一些。
WINNERS = [
    (2010, "NEC-UIUC", "人工特征 + 支持向量机", 28.2),
    (2011, "XRCE", "人工特征 + 支持向量机", 25.8),
    (2012, "AlexNet", "8 层卷积网络", 15.3),
    (2013, "Clarifai（ZFNet 的作者）", "8 层卷积网络", 11.2),
    (2014, "GoogLeNet", "22 层卷积网络", 6.7),
    (2015, "ResNet", "六个残差网络的平均，最深的 152 层", 3.6),
    (2016, "Trimps-Soushen", "几种卷积网络的集成", 3.0),
    (2017, "SENet", "带通道注意力的残差网络", 2.3),
]
# 一位受过训练的人（Russakovsky 等, 2015）
HUMAN_ERROR = 5.1


def top_k_error(logits, labels, k: int) -> float:
    """top-k 错误率（%）：正确的类别不在分数最高的 k 个之中的样本所占的比例。

    ``logits`` (N, K)，``labels`` (N,)。k = 1 时就是 100 % 减去准确率。
    """
    import numpy as np

    best = np.argsort(-np.asarray(logits), axis=1, kind="stable")[:, :k]  # (N, k)
    return float(100 * np.mean((best != np.asarray(labels)[:, None]).all(axis=1)))
