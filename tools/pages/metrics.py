"""各个指标在页面与图上叫什么，怎样写。"""

from __future__ import annotations

from typing import NamedTuple


class Metric(NamedTuple):
    """一个指标。"""

    name: str  # 页面上的名字
    form: str = ".4g"  # 写法
    title: str = ""  # 结果表的标题


METRICS = {
    "accuracy": Metric("准确率", ".1%", "分类（准确率，越大越好）"),
    "sentence_accuracy": Metric("整句全对", ".1%", "生成句子（整句全对的比例，越大越好）"),
    "rmse": Metric("均方根误差", ".4g", "回归与时间序列（均方根误差，越小越好）"),
    "bits_per_char": Metric("比特/字", ".3f", "语言模型（每字符比特数，越小越好）"),
    "perplexity": Metric("困惑度", ".1f", "语言模型，按词（困惑度，越小越好）"),
    "loss": Metric("损失", ".3f", "词向量（损失，越小越好）"),
    "frechet": Metric("Fréchet 距离", ".2f", "生成图像（Fréchet 距离，越小越好；不同的图像大小不能互相比）"),
    "confidence": Metric("把握", ".3f"),
    "train/loss": Metric("最后的训练损失", ".3f"),
    "train/accuracy": Metric("最后的训练准确率", ".1%"),
    "eval/loss": Metric("最后一轮的验证损失", ".3f"),
    "eval/accuracy": Metric("最后一轮的验证准确率", ".1%"),
    "eval/frechet": Metric("最后一轮的验证 Fréchet 距离", ".2f"),
    "trainable_parameters": Metric("参数", ",.0f"),
    "minutes": Metric("处理器分钟", ".1f"),
}
