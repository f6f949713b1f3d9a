"""一次运行的全部设置有哪些键、什么类型、默认值是什么。

每个字段的 ``description`` 就是 docs_zh/configuration.md 中那张表的内容。
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from paddle_notes import models
from paddle_notes.errors import short, suggestion

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


class Named(Section):
    """有几种的节，由 ``name`` 选一种。``readers`` 是 名字 -> 由哪里的代码来做（模块:名字），只写在这里。"""

    readers: ClassVar[dict[str, str]]
    package: ClassVar[str]

    name: str

    @field_validator("name")
    @classmethod
    def known(cls, name: str) -> str:
        if name not in cls.readers:
            raise ValueError(f"没有 {short(name)} 这种取值；{suggestion(name, cls.readers)}")
        return name

    def find(self) -> Callable[..., Any]:
        """导入并返回 ``name`` 所说的函数或类。"""
        module, _, attribute = self.readers[self.name].partition(":")
        return getattr(importlib.import_module(f"paddle_notes.{self.package}.{module}"), attribute)


class DataSection(Named):
    """数据。"""

    package = "data"

    name: str = Field(description="数据集的名字")
    batch_size: int = Field(64, gt=0, description="一批的样本数")


class TaskSection(Named):
    """任务。"""

    package = "engine"

    name: str = Field(description="任务的名字")


class LabelledImages(DataSection):
    """各种图像分类数据共有的设置。"""

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

    readers = {
        "mnist5k": "mnist5k:load",
        "mnist": "idx:load_mnist",
        "fashion_mnist": "idx:load_fashion_mnist",
        "cifar10": "cifar10:load",
        "flowers102": "flowers102:load",
        "folder": "folder:load",
    }

    path: str | None = Field(None, description="数据所在的文件或文件夹；自带的数据集不需要")
    valid_fraction: float = Field(
        0.1, gt=0, lt=0.7, description="每类随机取多少作验证；数据自带验证部分的（如 flowers102）不用它"
    )


class SceneData(LabelledImages):
    """手写数字的场景：由代码造出的彩色图像，视觉的四种困难各有一个旋钮。"""

    readers = {"digit_scenes": "digit_scenes:load"}

    num_train: int = Field(12000, gt=0, description="训练图像的张数")
    viewpoint: float = Field(0.6, ge=0, le=1, description="视角：移动、转动、缩放的幅度，0 是没有，1 是最难")
    light: float = Field(0.6, ge=0, le=1, description="光照：亮度、对比度、光的颜色与方向，同上")
    deformation: float = Field(0.6, ge=0, le=1, description="形变：笔画弯曲的幅度，同上")
    occlusion: float = Field(0.6, ge=0, le=1, description="遮挡：挡住数字的板有多大，同上")
    background: float = Field(0.6, ge=0, le=1, description="背景杂乱：颜色、纹理与别的数字的碎块，同上")


class TableData(DataSection):
    """表格数据：一行一个样本，预测一个数。"""

    readers = {
        "synthetic_linear": "tables:load_synthetic",
        "house_price": "tables:load_house_price",
    }

    path: str | None = Field(
        None, description="house_price 的 CSV（Kaggle 的形式）；不写则用随 mlxtend 安装的波士顿房价"
    )
    target: str = Field("SalePrice", description="CSV 中要预测的一列")
    num_folds: int = Field(
        5, ge=2, description="留出两成作测试之后，把其余的分成几折，一折作验证，别的几折训练"
    )
    fold: int = Field(0, ge=0, description="用第几折作验证，从 0 起")
    batch_size: int = Field(32, gt=0, description="一批的样本数")


class OrderedData(DataSection):
    """按先后划分的数据：后面的作验证，最后的作测试。"""

    valid_fraction: float = Field(0.1, gt=0, lt=0.5, description="测试之前多大的一部分作验证")
    test_fraction: float = Field(0.1, gt=0, lt=0.5, description="最后多大的一部分作测试")


class SeriesData(OrderedData):
    """时间序列：由前 window 个值预测下一个值。"""

    readers = {
        "sunspots": "series:load_sunspots",
        "co2": "series:load_co2",
        "series": "series:load_csv",
    }

    path: str | None = Field(None, description="series 的 CSV 文件")
    target: str | None = Field(None, description="CSV 中要预测的一列；不写则用最后一列")
    window: int = Field(24, gt=0, description="用前多少个值作输入")
    period: int = Field(1, gt=0, description="季节的长度，用于季节性朴素预测：一个周期之前的值；1 为坚持法")
    difference: bool = Field(False, description="是否预测与上一个值之差，适合有趋势的序列")
    valid_fraction: float = Field(0.15, gt=0, lt=0.5, description="测试之前多大的一部分作验证")
    test_fraction: float = Field(0.2, gt=0, lt=0.5, description="最后多大的一部分作测试")
    batch_size: int = Field(32, gt=0, description="一批的样本数")


class TextData(DataSection):
    """文本分类的数据。"""

    readers = {
        "reviews": "text:load_reviews",
        "imdb": "text:load_imdb",
        "text_table": "text:load_table",
    }

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


class LanguageData(OrderedData):
    """语言模型的数据：由前面的字符预测下一个字符。"""

    readers = {
        "newspaper": "language:load_newspaper",
        "text": "language:load_text",
        "verse": "language:load_verse",
    }

    path: str | None = Field(None, description="text 的 UTF-8 文本文件，或 verse 的 JSON、文本文件")
    length: int = Field(
        64, gt=0, description="一段的字符数：循环网络截断反向传播的长度，也是 GPT 至多看多少个字"
    )
    carry: bool = Field(True, description="相邻两批是否首尾相接，供循环网络接着用上一批的状态；GPT 用 false")
    max_chars: int | None = Field(None, gt=100, description="只用文本开头的多少个字符；不写则全用")
    min_count: int = Field(2, gt=0, description="训练部分里至少出现几次才进字表")
    batch_size: int = Field(32, gt=0, description="一批有几段")


class CaptionData(DataSection):
    """看图说话的数据：由 MNIST 数字拼成的图像与描述它的句子。"""

    readers = {"caption_digits": "captions:load"}

    num_train: int = Field(8000, gt=0, description="训练图像的张数")
    num_valid: int = Field(1000, gt=0, description="验证与测试的图像各多少张")
    batch_size: int = Field(64, gt=0, description="一批的样本数")


class PairData(DataSection):
    """成对的文本：由一句生成另一句。"""

    readers = {
        "chinese_dates": "dates:load",
        "pairs": "pairs:load_pairs",
    }

    path: str | None = Field(None, description="pairs 的文件：一行一对，以制表符分开，其余列不用")
    num_train: int = Field(20000, gt=0, description="chinese_dates 每轮造多少个训练样本")
    num_valid: int = Field(1000, gt=0, description="chinese_dates 的验证与测试样本各多少个")
    max_length: int = Field(48, gt=2, description="至多多少个词元，更长的句对不用")
    min_count: int = Field(2, gt=0, description="训练部分里至少出现几次才进词表")
    valid_fraction: float = Field(0.05, gt=0, lt=0.5, description="pairs 中多大的一部分作验证")
    test_fraction: float = Field(0.05, gt=0, lt=0.5, description="pairs 中多大的一部分作测试")
    batch_size: int = Field(64, gt=0, description="一批的样本数")


class WordPairData(OrderedData):
    """词向量的数据：中心词、上下文词与反例。"""

    readers = {"word_pairs": "words:load_pairs"}

    path: str | None = Field(None, description="UTF-8 文本文件，由 jieba 分词；不写则用自带的报纸，已经分好")
    architecture: Literal["skip_gram", "cbow"] = Field("skip_gram", description="跳字模型或连续词袋")
    window: int = Field(2, gt=0, description="窗口半径的最大值，单位是词")
    negatives: int = Field(5, gt=0, description="每个例子抽几个反例")
    subsample: float = Field(0.0001, ge=0, description="二次采样的阈值 t，0 为不做")
    min_count: int = Field(5, gt=0, description="训练部分里至少出现几次才进词表")
    batch_size: int = Field(4096, gt=0, description="一批的例子数")


class WordWindowData(OrderedData):
    """神经语言模型的数据：由前几个词预测下一个词。"""

    readers = {"word_windows": "words:load_windows"}

    path: str | None = Field(None, description="UTF-8 文本文件，由 jieba 分词；不写则用自带的报纸，已经分好")
    context_size: int = Field(5, gt=0, description="看前面几个词")
    min_count: int = Field(5, gt=0, description="训练部分里至少出现几次才进词表，其余的是“不认识”")
    batch_size: int = Field(1024, gt=0, description="一批预测几个词")


class ClassificationTask(TaskSection):
    """分类：交叉熵损失与准确率。"""

    readers = {"classification": "tasks:Classification"}
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="标签平滑系数 ε，0 为不平滑")
    aux_weight: float = Field(0.3, ge=0, description="辅助分类器的损失的权重，只用于 GoogLeNet 这样的网络")


class HingeTask(TaskSection):
    """分类：多类铰链损失，即线性支持向量机。L2 惩罚就是 optimizer.weight_decay。"""

    readers = {"hinge": "tasks:Hinge"}
    margin: float = Field(1.0, gt=0, description="间隔：正确类别的得分至少要高出这么多")


class RegressionTask(TaskSection):
    """回归：预测一个数，损失是均方误差，指标是均方根误差（目标原来的单位）。"""

    readers = {"regression": "tasks:Regression"}


class LanguageTask(TaskSection):
    """语言模型：每个位置的交叉熵；指标是困惑度与每字符比特数。"""

    readers = {"language_model": "sequence_tasks:LanguageModel"}


class CaptionTask(TaskSection):
    """看图说话：训练时逐字预测，验证时生成整句并看是否全对。"""

    readers = {"caption": "sequence_tasks:Caption"}


class TranslationTask(TaskSection):
    """序列到序列：训练时逐字预测，验证时贪心解码并看整句是否全对。"""

    readers = {"translation": "sequence_tasks:Translation"}
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="标签平滑系数 ε，0 为不平滑")


class WordVectorsTask(TaskSection):
    """词向量：负采样的损失，在没有训练过的各行上评估。"""

    readers = {"word_vectors": "word_tasks:WordVectors"}


class NextWordTask(TaskSection):
    """由前几个词预测下一个词；指标是困惑度。"""

    readers = {"next_word": "word_tasks:NextWord"}


class AdversarialTask(TaskSection):
    """生成对抗：判别器与生成器交替更新。"""

    readers = {"adversarial": "adversarial:Adversarial"}
    loss: Literal["non_saturating", "minimax"] = Field(
        "non_saturating", description="生成器的损失：−log D，或论文的原式 log(1 − D)"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="单侧标签平滑 ε：判别器对真图像的目标从 1 改为 1 − ε"
    )


def _one_of(what: str, *sections: type[Named], default: str | None = None) -> Any:
    """几种节中的一种，由 ``name`` 决定是哪一种；没有写 ``name`` 时取 ``default``。"""
    owner = {name: section for section in sections for name in section.readers}

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
        return {"name": name, **tree} if isinstance(tree, dict) else tree

    def tag(tree: Any) -> str:
        return owner[name_of(tree)].__name__ if isinstance(tree, (dict, Section)) else sections[0].__name__

    tagged: Any = tuple(Annotated[section, Tag(section.__name__)] for section in sections)
    union = Union[tagged]  # noqa: UP007
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
if TYPE_CHECKING:  # 由 name 决定是哪一种，类型检查看不出来
    DataConfig = DataSection
    TaskConfig = TaskSection
else:
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
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most


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
    task: TaskConfig = ClassificationTask(name="classification")
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()
    expect: ExpectConfig | None = None
    runtime: RuntimeConfig = RuntimeConfig()


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
