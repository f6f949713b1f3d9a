"""一次运行的全部设置：模式（schema）、YAML 文件、``-o a.b=c`` 覆盖。

文件与命令行只提供结构和文字，类型一律由下面的模式决定：``5e-4`` 是数，``data.path=2024`` 是文字，
配置里的任何值都不会被当作代码执行。不认识的键是错误，并指出最接近的键。

模式里每个字段的 ``description`` 就是 docs_zh/configuration.md 中那张表的内容。
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from paddle_notes import models
from paddle_notes.errors import UserError, closest, explain, short, suggestion

PROJECT = Path(__file__).resolve().parent.parent  # 项目的根目录

Fraction = Annotated[float, Field(ge=0, lt=1)]


def _known_model(name: str) -> str:
    if name not in models.MODELS:
        raise ValueError(f"没有名为 {short(name)} 的网络；{suggestion(name, models.MODELS)}")
    return name


class Section(BaseModel):
    """各节的共同设置：不认识的键是错误。"""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)


class ModelConfig(Section):
    """网络。除 name 外的选项就是它的构造函数的参数，造网络时按其签名检查。"""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    name: Annotated[str, AfterValidator(_known_model)] = Field(
        description="网络的名字，见 paddle_notes/models.py"
    )
    num_classes: int | None = Field(None, gt=0, description="类别数；不写则由数据得到")
    in_channels: int | None = Field(None, gt=0, description="输入通道数；不写则由数据得到")
    image_size: int | None = Field(None, gt=0, description="图像边长（像素）；不写则由数据得到")

    def options(self) -> dict[str, Any]:
        """用户写出的选项：没有 name，也没有留空的。"""
        return {key: value for key, value in self.model_dump(exclude={"name"}).items() if value is not None}


class AugmentConfig(Section):
    """训练时的图像增广；验证与预测不做。"""

    shift: int = Field(0, ge=0, description="上下左右随机平移至多几个像素，空出来的地方补 0")
    flip: bool = Field(False, description="是否以 1/2 的概率左右翻转；数字与文字不应翻转")
    color_jitter: float = Field(
        0.0, ge=0, le=1, description="颜色抖动 s：亮度、对比度、饱和度各乘以 1 ± s 之间的随机数；用于彩色图"
    )
    lighting: float = Field(
        0.0, ge=0, description="PCA 光照：沿颜色的主成分加随机量，这是标准差，AlexNet 为 0.1；用于彩色图"
    )


class LabelledImages(Section):
    """各种图像分类数据共有的设置。"""

    name: str = Field(description="数据集的名字")
    image_size: int | None = Field(
        None, gt=0, description="把图像缩放到这个边长（像素）；不写则用数据原来的大小，大小不一的用 224"
    )
    load_size: int | None = Field(
        None, gt=0, description="先缩放到这个边长，再裁剪出 image_size：训练随机裁，验证取正中；不写则不裁剪"
    )
    batch_size: int = Field(64, gt=0, description="一批的样本数")
    augment: AugmentConfig = Field(AugmentConfig(), description="训练时的图像增广")
    normalize: bool = Field(True, description="是否减均值、除以标准差；false 时输入是 0 到 255 的原始像素")
    shuffle_labels: bool = Field(
        False, description="是否打乱训练标签：网络没有可学的规律，用来检查别处是否泄漏"
    )


class ImageData(LabelledImages):
    """图像分类的数据。"""

    name: Literal["mnist5k", "mnist", "fashion_mnist", "cifar10", "flowers102", "folder"] = Field(
        description="数据集的名字"
    )
    path: str | None = Field(None, description="数据所在的文件或文件夹；自带的数据集不需要")
    valid_fraction: float = Field(
        0.1, gt=0, lt=0.7, description="每类随机取多少作验证；数据自带验证部分的（如 flowers102）不用它"
    )


class SceneData(LabelledImages):
    """手写数字的场景：由代码造出的彩色图像，视觉的四种困难各有一个旋钮。"""

    name: Literal["digit_scenes"] = Field(description="数据集的名字")
    num_train: int = Field(12000, gt=0, description="训练图像的张数")
    viewpoint: float = Field(0.6, ge=0, le=1, description="视角：移动、转动、缩放的幅度，0 是没有，1 是最难")
    light: float = Field(0.6, ge=0, le=1, description="光照：亮度、对比度、光的颜色与方向，同上")
    deformation: float = Field(0.6, ge=0, le=1, description="形变：笔画弯曲的幅度，同上")
    occlusion: float = Field(0.6, ge=0, le=1, description="遮挡：挡住数字的板有多大，同上")
    background: float = Field(0.6, ge=0, le=1, description="背景杂乱：颜色、纹理与别的数字的碎块，同上")


class TableData(Section):
    """表格数据：一行一个样本，预测一个数。"""

    name: Literal["synthetic_linear", "house_price"] = Field(description="数据集的名字")
    path: str | None = Field(
        None, description="house_price 的 CSV（Kaggle 的形式）；不写则用随 mlxtend 安装的波士顿房价"
    )
    target: str = Field("SalePrice", description="CSV 中要预测的一列")
    num_folds: int = Field(
        5, ge=2, description="留出两成作测试之后，把其余的分成几折，一折作验证，别的几折训练"
    )
    fold: int = Field(0, ge=0, description="用第几折作验证，从 0 起")
    batch_size: int = Field(32, gt=0, description="一批的样本数")


class SeriesData(Section):
    """时间序列：由前 window 个值预测下一个值。"""

    name: Literal["sunspots", "co2", "series"] = Field(description="数据集的名字")
    path: str | None = Field(None, description="series 的 CSV 文件")
    target: str | None = Field(None, description="CSV 中要预测的一列；不写则用最后一列")
    window: int = Field(24, gt=0, description="用前多少个值作输入")
    period: int = Field(1, gt=0, description="季节的长度，用于季节性朴素预测：一个周期之前的值；1 为坚持法")
    difference: bool = Field(False, description="是否预测与上一个值之差，适合有趋势的序列")
    valid_fraction: float = Field(0.15, gt=0, lt=0.5, description="测试之前多大的一部分作验证")
    test_fraction: float = Field(0.2, gt=0, lt=0.5, description="最后多大的一部分作测试")
    batch_size: int = Field(32, gt=0, description="一批的样本数")


class TextData(Section):
    """文本分类的数据。"""

    name: Literal["reviews", "imdb", "text_table"] = Field(description="数据集的名字")
    path: str | None = Field(None, description="imdb 的压缩包，或 text_table 的 CSV、TSV 文件")
    text_column: str = Field("text", description="text_table 中文本的一列")
    label_column: str = Field("label", description="text_table 中标签的一列")
    tokenizer: Literal["jieba", "char", "word"] = Field(
        "jieba", description="怎样切成词元：jieba 分词、逐字、按空白与标点"
    )
    max_length: int = Field(64, gt=0, description="至多取多少个词元，更长的截断")
    min_count: int = Field(2, gt=0, description="训练部分里至少出现几次才进词表")
    max_tokens: int = Field(20000, gt=2, description="词表至多多大")
    batch_size: int = Field(64, gt=0, description="一批的样本数")


class LanguageData(Section):
    """语言模型的数据：由前面的字符预测下一个字符。"""

    name: Literal["newspaper", "text", "verse"] = Field(description="数据集的名字")
    path: str | None = Field(None, description="text 的 UTF-8 文本文件，或 verse 的 JSON、文本文件")
    length: int = Field(
        64, gt=0, description="一段的字符数：循环网络截断反向传播的长度，也是 GPT 至多看多少个字"
    )
    carry: bool = Field(True, description="相邻两批是否首尾相接，供循环网络接着用上一批的状态；GPT 用 false")
    max_chars: int | None = Field(None, gt=100, description="只用文本开头的多少个字符；不写则全用")
    min_count: int = Field(2, gt=0, description="训练部分里至少出现几次才进字表")
    valid_fraction: float = Field(0.1, gt=0, lt=0.5, description="测试之前多大的一部分作验证")
    test_fraction: float = Field(0.1, gt=0, lt=0.5, description="最后多大的一部分作测试")
    batch_size: int = Field(32, gt=0, description="一批有几段")


class CaptionData(Section):
    """看图说话的数据：由 MNIST 数字拼成的图像与描述它的句子。"""

    name: Literal["caption_digits"] = Field(description="数据集的名字")
    num_train: int = Field(8000, gt=0, description="训练图像的张数")
    num_valid: int = Field(1000, gt=0, description="验证与测试的图像各多少张")
    batch_size: int = Field(64, gt=0, description="一批的样本数")


class PairData(Section):
    """成对的文本：由一句生成另一句。"""

    name: Literal["chinese_dates", "pairs"] = Field(description="数据集的名字")
    path: str | None = Field(None, description="pairs 的文件：一行一对，以制表符分开，其余列不用")
    num_train: int = Field(20000, gt=0, description="chinese_dates 每轮造多少个训练样本")
    num_valid: int = Field(1000, gt=0, description="chinese_dates 的验证与测试样本各多少个")
    max_length: int = Field(48, gt=2, description="至多多少个词元，更长的句对不用")
    min_count: int = Field(2, gt=0, description="训练部分里至少出现几次才进词表")
    valid_fraction: float = Field(0.05, gt=0, lt=0.5, description="pairs 中多大的一部分作验证")
    test_fraction: float = Field(0.05, gt=0, lt=0.5, description="pairs 中多大的一部分作测试")
    batch_size: int = Field(64, gt=0, description="一批的样本数")


class WordPairData(Section):
    """词向量的数据：中心词、上下文词与反例。"""

    name: Literal["word_pairs"] = Field(description="数据集的名字")
    path: str | None = Field(None, description="UTF-8 文本文件，由 jieba 分词；不写则用自带的报纸，已经分好")
    architecture: Literal["skip_gram", "cbow"] = Field("skip_gram", description="跳字模型或连续词袋")
    window: int = Field(2, gt=0, description="窗口半径的最大值，单位是词")
    negatives: int = Field(5, gt=0, description="每个例子抽几个反例")
    subsample: float = Field(0.0001, ge=0, description="二次采样的阈值 t，0 为不做")
    min_count: int = Field(5, gt=0, description="训练部分里至少出现几次才进词表")
    valid_fraction: float = Field(0.1, gt=0, lt=0.5, description="测试之前多大的一部分作验证")
    test_fraction: float = Field(0.1, gt=0, lt=0.5, description="最后多大的一部分作测试")
    batch_size: int = Field(4096, gt=0, description="一批的例子数")


class WordWindowData(Section):
    """神经语言模型的数据：由前几个词预测下一个词。"""

    name: Literal["word_windows"] = Field(description="数据集的名字")
    path: str | None = Field(None, description="UTF-8 文本文件，由 jieba 分词；不写则用自带的报纸，已经分好")
    context_size: int = Field(5, gt=0, description="看前面几个词")
    min_count: int = Field(5, gt=0, description="训练部分里至少出现几次才进词表，其余的是“不认识”")
    valid_fraction: float = Field(0.1, gt=0, lt=0.5, description="测试之前多大的一部分作验证")
    test_fraction: float = Field(0.1, gt=0, lt=0.5, description="最后多大的一部分作测试")
    batch_size: int = Field(1024, gt=0, description="一批预测几个词")


class ClassificationTask(Section):
    """分类：交叉熵损失与准确率。"""

    name: Literal["classification"] = Field("classification", description="任务的名字")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="标签平滑系数 ε，0 为不平滑")
    aux_weight: float = Field(0.3, ge=0, description="辅助分类器的损失的权重，只用于 GoogLeNet 这样的网络")


class HingeTask(Section):
    """分类：多类铰链损失，即线性支持向量机。L2 惩罚就是 optimizer.weight_decay。"""

    name: Literal["hinge"] = Field(description="任务的名字")
    margin: float = Field(1.0, gt=0, description="间隔：正确类别的得分至少要高出这么多")


class RegressionTask(Section):
    """回归：预测一个数，损失是均方误差，指标是均方根误差（目标原来的单位）。"""

    name: Literal["regression"] = Field(description="任务的名字")


class LanguageTask(Section):
    """语言模型：每个位置的交叉熵；指标是困惑度与每字符比特数。"""

    name: Literal["language_model"] = Field(description="任务的名字")


class CaptionTask(Section):
    """看图说话：训练时逐字预测，验证时生成整句并看是否全对。"""

    name: Literal["caption"] = Field(description="任务的名字")


class TranslationTask(Section):
    """序列到序列：训练时逐字预测，验证时贪心解码并看整句是否全对。"""

    name: Literal["translation"] = Field(description="任务的名字")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="标签平滑系数 ε，0 为不平滑")


class WordVectorsTask(Section):
    """词向量：负采样的损失，在没有训练过的各行上评估。"""

    name: Literal["word_vectors"] = Field(description="任务的名字")


class NextWordTask(Section):
    """由前几个词预测下一个词；指标是困惑度。"""

    name: Literal["next_word"] = Field(description="任务的名字")


class AdversarialTask(Section):
    """生成对抗：判别器与生成器交替更新。"""

    name: Literal["adversarial"] = Field(description="任务的名字")
    loss: Literal["non_saturating", "minimax"] = Field(
        "non_saturating", description="生成器的损失：−log D，或论文的原式 log(1 − D)"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="单侧标签平滑 ε：判别器对真图像的目标从 1 改为 1 − ε"
    )


def _one_of(what: str, *sections: type[Section], default: str | None = None) -> Any:
    """几种节中的一种，由 ``name`` 决定是哪一种；没有写 ``name`` 时取 ``default``。"""
    owner = {
        name: section for section in sections for name in get_args(section.model_fields["name"].annotation)
    }

    def name_of(tree: Any) -> Any:
        return tree.get("name", default) if isinstance(tree, dict) else getattr(tree, "name", None)

    def check(tree: Any) -> Any:
        name = name_of(tree)
        if isinstance(tree, dict) and name is None:
            raise PydanticCustomError("missing_name", "missing")
        if isinstance(tree, (dict, Section)) and not (isinstance(name, str) and name in owner):
            raise PydanticCustomError(
                "unknown_name",
                "{text}",
                {"text": f"没有名为 {short(name)} 的{what}；{suggestion(str(name), owner)}"},
            )
        return tree

    def tag(tree: Any) -> str:
        return owner[name_of(tree)].__name__ if isinstance(tree, (dict, Section)) else sections[0].__name__

    union = Union[tuple(Annotated[section, Tag(section.__name__)] for section in sections)]  # noqa: UP007
    return Annotated[union, Discriminator(tag), BeforeValidator(check)]


DATA_SECTIONS = (
    ImageData,
    SceneData,
    TableData,
    SeriesData,
    TextData,
    LanguageData,
    CaptionData,
    PairData,
    WordPairData,
    WordWindowData,
)
TASK_SECTIONS = (
    ClassificationTask,
    HingeTask,
    RegressionTask,
    LanguageTask,
    CaptionTask,
    TranslationTask,
    WordVectorsTask,
    NextWordTask,
    AdversarialTask,
)
DataConfig = _one_of("数据集", *DATA_SECTIONS)
TaskConfig = _one_of("任务", *TASK_SECTIONS, default="classification")


class OptimizerConfig(Section):
    """优化器与学习率。"""

    name: Literal["sgd", "momentum", "adam", "adamw"] = Field("momentum", description="优化器")
    lr: float = Field(0.1, gt=0, description="学习率的最大值")
    momentum: float = Field(0.9, ge=0, lt=1, description="动量系数，只用于 momentum")
    weight_decay: float = Field(0.0, ge=0, description="权重衰减系数；偏置与归一化的参数不衰减")
    schedule: Literal["constant", "cosine", "step", "noam"] = Field(
        "constant",
        description="学习率预热之后不变、按余弦降到 0、分几级降低、或与步数的平方根成反比（noam）",
    )
    milestones: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.5, 0.75], description="step 的里程碑，占总步数的比例，每过一个学习率乘以 0.1"
    )
    start_epoch: int = Field(
        0, ge=0, description="学习率的安排从第几轮之后重新开始；训练完再练几轮，或中途要换学习率时用"
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="预热占总步数的比例，学习率在其间从 0 线性升到 lr")
    betas: tuple[Fraction, Fraction] = Field((0.9, 0.999), description="adam 与 adamw 的两个滑动平均系数")
    clip_norm: float | None = Field(
        None, gt=0, description="全部梯度的总范数超过它时按比例缩小；不写则不裁剪"
    )


class TrainConfig(Section):
    """训练循环。"""

    epochs: int = Field(10, gt=0, description="把训练数据用几遍")
    log_interval: int = Field(20, gt=0, description="每隔多少步记录一次训练指标")
    keep: int = Field(0, ge=0, description="除了 last 与 best，另留最近几轮的检查点 epoch_N")
    save_every_steps: int | None = Field(None, gt=0, description="一轮之内每隔多少步也存一次 last")
    save_every_minutes: float = Field(10, gt=0, description="一轮之内每隔多少分钟也存一次 last")
    vectors: str | None = Field(
        None, description="词嵌入的初值：lac（随 jieba 安装的单字向量）或 word2vec 格式的文本文件"
    )


class ExpectConfig(Section):
    """预期：跑完后说明结果是否在内。只作提示，不影响退出状态。"""

    metric: str = Field("accuracy", description="指标的名字，看测试部分（没有测试部分时看验证）")
    at_least: float | None = Field(None, description="指标的下界，用于越大越好的指标")
    at_most: float | None = Field(None, description="指标的上界，用于越小越好的指标")
    minutes: float = Field(gt=0, description="在 2 核 CPU 上大约要几分钟，仅供参考")

    @model_validator(mode="after")
    def one_bound(self) -> ExpectConfig:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("at_least 与 at_most 要写且只写一个")
        return self

    def bound(self) -> str:
        """写成 ``accuracy ≥ 0.97``。"""
        sign, value = ("≥", self.at_least) if self.at_most is None else ("≤", self.at_most)
        return f"{self.metric} {sign} {value:g}"

    def holds(self, value: float) -> bool:
        """指标取 ``value`` 是否在预期之内。"""
        return value >= self.at_least if self.at_most is None else value <= self.at_most


class RuntimeConfig(Section):
    """设备与线程。"""

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|gpu(:\d+)?)$",
        description="auto、cpu、gpu 或 gpu:N；auto 有 GPU 就用 GPU",
    )
    threads: int | None = Field(None, gt=0, description="CPU 线程数；不写则用全部可用的核")


class Config(Section):
    """一次运行的全部设置。"""

    output_dir: str = Field("", min_length=1, description="输出文件夹；不写则为 output/ 加配置文件的名字")
    overwrite: bool = Field(False, description="输出文件夹里已有一次运行时，是否覆盖它")
    seed: int = Field(0, ge=0, lt=2**31, description="随机种子：初始化、次序、增广、丢弃法都由它决定")
    model: ModelConfig
    data: DataConfig
    task: TaskConfig = ClassificationTask()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    expect: ExpectConfig | None = None
    runtime: RuntimeConfig = RuntimeConfig()


class _TextLoader(yaml.SafeLoader):
    """只辨认空值的 YAML 读取器：其余标量保持文字，由模式决定类型；重复的键、带标签的值是错误。"""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag == "tag:yaml.org,2002:null"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    yaml_constructors = {
        f"tag:yaml.org,2002:{kind}": yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{kind}"]
        for kind in ("null", "str", "seq", "map")
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag not in self.yaml_constructors:  # 如 !!int、!!python/object
            raise yaml.constructor.ConstructorError(None, None, "found tag", node.start_mark)
        return super().construct_object(node, deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            problem = None
            if key_node.tag != "tag:yaml.org,2002:str":
                problem = "key is not text"
            elif key_node.value in seen:
                problem = "found duplicate key"
            if problem:
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


MAX_DEPTH, MAX_VALUE, MAX_TEXT = 10, 400, 100_000  # 配置至多几层；一个值、一份文件至多几个字

# PyYAML 的说法 -> 中文；没有的只说位置。
_YAML_PROBLEMS = {
    "found duplicate key": "键重复了",
    "key is not text": "键应是一个名字",
    "found alias": "不支持 * 开头的引用，请直接写出值；值本身以 * 开头时加引号",
    "not text": "有不是文字的字符，请删去",
    "too deep": f"套得太深，配置至多 {MAX_DEPTH} 层",
    "too long": f"这个值太长，至多 {MAX_VALUE} 个字",
    "found tag": "不支持以 ! 开头的标签，直接写值就行",
    "mapping values are not allowed here": "这里不能再有冒号，检查缩进，或给值加引号",
    "found character '\\t' that cannot start any token": "不能用制表符缩进，请改用空格",
    "could not find expected ':'": "缺少冒号",
    "expected <block end>, but found '<block mapping start>'": "缩进没有对齐",
    "expected <block end>, but found '-'": "缩进没有对齐",
}


def _is_text(text: str) -> bool:
    """没有落单的代理码位与 NUL：pydantic 不认前一种，文件名里不能有后一种。"""
    return not re.search("[\0\ud800-\udfff]", text)


def _refuse_bombs(text: str, source: str) -> None:
    """太深、太长、引用来引用去的 YAML 在读成对象之前就拒绝：读它们会耗尽栈、时间或内存。"""
    if len(text) > MAX_TEXT:
        raise UserError(f"{source} 有 {len(text):,} 个字，不像一份配置；至多 {MAX_TEXT:,} 个")
    depth = 0
    for event in yaml.parse(text, Loader=_TextLoader):
        problem = None
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            problem = "found alias"
        elif depth > MAX_DEPTH:
            problem = "too deep"
        elif isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_VALUE:
            problem = "too long"
        elif isinstance(event, yaml.ScalarEvent) and not _is_text(event.value):
            problem = "not text"
        if problem:
            raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)


def _parse_yaml(text: str, source: str) -> Any:
    try:
        _refuse_bombs(text, source)
        return yaml.load(text, Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _YAML_PROBLEMS.get(error.problem, "写法不合规则，检查冒号、括号与引号，或给值加引号")
        where = f"第 {mark.line + 1} 行第 {mark.column + 1} 列" if mark else ""
        raise UserError(f"{source} {where}不是合法的 YAML：{problem}") from error
    except yaml.reader.ReaderError as error:
        raise UserError(f"{source} 不是合法的 YAML：第 {error.position + 1} 个字符不是文字") from error


def read_yaml(path: Path) -> dict:
    """读一个 YAML 文件，标量一律是文字。文件不存在、不是 UTF-8、有语法错误都抛 :class:`UserError`。"""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        others = [str(other) for other in path.parent.glob("*.yml")]
        if others:
            hint = f"；{suggestion(str(path), others)}"
        elif path.parts[:1] == ("configs",) and not path.is_absolute():
            hint = f"；请在项目的根目录（{PROJECT}）执行，或写出完整的路径"
        else:
            hint = ""
        raise UserError(f"找不到配置文件 {path}{hint}") from None
    except IsADirectoryError:
        raise UserError(f"{path} 是文件夹，请给出其中的一个 .yml 文件") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} 不是 UTF-8 编码，请另存为 UTF-8") from error
    content = _parse_yaml(text, str(path))
    if not isinstance(content, dict):
        raise UserError(f"{path} 应由“键: 值”组成，例如 configs/lenet.yml")
    return content


def apply_override(tree: dict, override: str) -> None:
    """把 ``a.b=c`` 写进 ``tree``。``c`` 可含等号；以 [ 或 { 开头时按 YAML 读，null 与 ~ 是空值。"""
    if len(override) > MAX_VALUE:
        raise UserError(f"-o {override[:40]}… 有 {len(override):,} 个字，至多 {MAX_VALUE} 个")
    if not _is_text(override):
        shown = override.encode("ascii", "replace").decode()
        raise UserError(f"-o {shown} 里有不是文字的字符，请用 UTF-8 的终端")
    key, equals, text = override.partition("=")
    if not equals or not all(parts := key.split(".")):
        raise UserError(f"-o {override} 应写成 键=值，例如 -o train.epochs=3")
    if text in ("null", "~"):
        value: Any = None
    elif text[:1] in ("[", "{"):
        value = _parse_yaml(text, f"-o {override}")
    else:
        value = text
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise UserError(f"-o {override}：{part} 之下没有别的键")
    tree[parts[-1]] = value


def as_overrides(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """``{"train": {"epochs": 3}}`` 与 ``{"train.epochs": 3}`` → ``["train.epochs=3"]``，即 -o 的写法。"""
    words = []
    for key, value in tree.items():
        if isinstance(value, dict):
            words += as_overrides(value, f"{prefix}{key}.")
        elif isinstance(value, str | Path):
            words.append(f"{prefix}{key}={value}")
        elif isinstance(value, list | tuple):
            words.append(f"{prefix}{key}=[{', '.join(map(str, value))}]")
        else:  # 数、真假、空值
            words.append(f"{prefix}{key}={json.dumps(value, ensure_ascii=False)}")
    return words


def sections_in(annotation: Any) -> list[type[Section]]:
    """一个字段的注解里出现的各节。"""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in sections_in(part)]


def all_keys(section: type[Section] | None = None, prefix: str = "") -> list[tuple[str, type[Section], Any]]:
    """模式中全部的键：(写成 ``optimizer.lr`` 的样子, 所在的节, 它的 pydantic 字段)。

    ``data`` 与 ``task`` 各有几种节，同一个键（如 ``data.path``）可以出现几次。
    """
    section = section or Config
    keys = []
    for name, field in section.model_fields.items():
        keys.append((prefix + name, section, field))
        for inner in sections_in(field.annotation):
            keys += all_keys(inner, f"{prefix}{name}.")
    return keys


def _closest_key(unknown: str, owner: str | None) -> str:
    """与一个不认识的键最接近的键：先找别处的同名键，再找同一节里相似的。

    ``owner`` 是写错的键所在的那一种 ``data`` 或 ``task`` 的名字，别的种类不必看。
    """
    parent, _, name = unknown.rpartition(".")
    kinds = {section.__name__ for section in (*DATA_SECTIONS, *TASK_SECTIONS)}
    others = kinds - {owner} if owner else set()
    keys = [key for key, section, _ in all_keys() if section.__name__ not in others]
    elsewhere = [key for key in keys if key.rpartition(".")[2] == name]
    if elsewhere:
        return f"你是不是想写 {elsewhere[0]}？"
    siblings = {key.rpartition(".")[2]: key for key in keys if key.rpartition(".")[0] == parent}
    match = closest(name, siblings)  # 只比最后一段：train.qqqq 与 train.epochs 并不相像
    return f"你是不是想写 {siblings[match]}？" if match else f"可用的有：{'、'.join(siblings.values())}"


def _describe(error: ValidationError, source: str) -> str:
    errors = error.errors()
    first = errors[0]
    kinds = {section.__name__ for section in (*DATA_SECTIONS, *TASK_SECTIONS)}
    owner = next((part for part in first["loc"] if part in kinds), None)
    key = ".".join(str(part) for part in first["loc"] if part not in kinds)
    if first["type"] == "extra_forbidden":
        message = f"不认识的键 {short(key)}；{_closest_key(key, owner)}"
    elif first["type"] == "missing_name":
        message = f"{key}.name 没有给出"
    elif first["type"] == "unknown_name":
        message = f"{key}.name {first['msg']}"
    elif key == "runtime.device":
        message = f"runtime.device 应为 auto、cpu、gpu 或 gpu:N，得到 {first['input']!r}"
    else:
        message = f"{short(key)} {explain(first)}"
    more = f"（另有 {len(errors) - 1} 处错误）" if len(errors) > 1 else ""
    return f"{source}：{message}{more}"


def parse_config(tree: dict, source: str = "配置") -> Config:
    """把一棵字典变成 :class:`Config`；不合模式时抛 :class:`UserError`。"""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise UserError(_describe(error, source)) from error


def find_config(path: str | Path) -> Path:
    """配置文件；``vgg16`` 是 configs/vgg16.yml 的简写，不在项目的根目录也行。"""
    path = Path(path)
    if path.suffix or path.exists():
        return path
    for folder in (Path("configs"), PROJECT / "configs"):
        for file in (folder / f"{path}.yml", folder / "full" / f"{path}.yml"):
            if file.is_file():
                return file
    others = [file.stem for file in (PROJECT / "configs").glob("*.yml")]
    where = suggestion(path.name, others) if others else "请在项目的根目录（有 configs 的那一层）执行"
    raise UserError(f"找不到名为 {path} 的配置；{where}")


def load_config(path: str | Path, overrides: Sequence[str] = (), dry_run: bool = False) -> Config:
    """读配置文件，依次应用 ``overrides``，返回完整的设置。

    没有写 ``output_dir`` 时为 ``output/<文件名>``。试运行（``dry_run``）写进
    ``overrides`` 指定的文件夹，没有指定时在原来的文件夹名后加 ``_dry``。
    """
    path = find_config(path)
    tree = read_yaml(path)
    tree["output_dir"] = tree.get("output_dir") or f"output/{path.stem}"
    if dry_run:
        tree["output_dir"] = f"{tree['output_dir']}_dry"
    for one in overrides:
        apply_override(tree, one)
    return parse_config(tree, str(path))


def override(config: Config, overrides: Sequence[str]) -> Config:
    """``config`` 改过 ``overrides`` 之后的样子。"""
    tree = config.model_dump(mode="json")
    for one in overrides:
        apply_override(tree, one)
    return parse_config(tree, "训练时的设置")


def dump_config(config: Config) -> str:
    """写成 YAML，可再次交给 ``-c``。``overwrite`` 不写：重跑一份存下的配置不应悄悄覆盖什么。"""
    tree = config.model_dump(mode="json", exclude={"overwrite"})
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
