"""一次运行的全部设置：模式（schema）、YAML 文件、``-o a.b=c`` 覆盖。

文件与命令行只提供结构和文字，类型一律由下面的模式决定：``5e-4`` 是数，``data.path=2024`` 是文字，
配置里的任何值都不会被当作代码执行。不认识的键是错误，并指出最接近的键。

模式里每个字段的 ``description`` 就是 docs_zh/configuration.md 中那张表的内容。
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from paddle_notes import data, models
from paddle_notes.errors import UserError, closest, explain, suggestion


def _known_name(kind: str, names: dict) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"没有名为 {name} 的{kind}；{suggestion(name, names)}")
        return name

    return AfterValidator(check)


class Section(BaseModel):
    """各节的共同设置：不认识的键是错误。"""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)


class ModelConfig(Section):
    """网络。除 name 外的选项就是它的构造函数的参数，造网络时按其签名检查。"""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    name: Annotated[str, _known_name("网络", models.MODELS)] = Field(
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


class DataConfig(Section):
    """数据。"""

    name: Annotated[str, _known_name("数据集", data.DATASETS)] = Field(
        description="数据集的名字，见 paddle_notes/data/__init__.py"
    )
    path: str | None = Field(None, description="数据所在的文件或文件夹；自带的数据集不需要")
    image_size: int | None = Field(
        None, gt=0, description="把图像缩放到这个边长（像素）；不写则用数据原来的大小，大小不一的用 224"
    )
    load_size: int | None = Field(
        None, gt=0, description="先缩放到这个边长，再裁剪出 image_size：训练随机裁，验证取正中；不写则不裁剪"
    )
    batch_size: int = Field(64, gt=0, description="一批的样本数")
    augment: AugmentConfig = Field(AugmentConfig(), description="训练时的图像增广")


class TaskConfig(Section):
    """任务：一批数据的损失与指标怎么算。"""

    name: Literal["classification"] = Field("classification", description="任务的名字")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="标签平滑系数 ε，0 为不平滑")
    aux_weight: float = Field(0.3, ge=0, description="辅助分类器的损失的权重，只用于 GoogLeNet 这样的网络")


class OptimizerConfig(Section):
    """优化器与学习率。"""

    name: Literal["sgd", "momentum", "adam", "adamw"] = Field("momentum", description="优化器")
    lr: float = Field(0.1, gt=0, description="学习率的最大值")
    momentum: float = Field(0.9, ge=0, lt=1, description="动量系数，只用于 momentum")
    weight_decay: float = Field(0.0, ge=0, description="权重衰减系数；偏置与归一化的参数不衰减")
    schedule: Literal["constant", "cosine", "step"] = Field(
        "constant", description="学习率预热之后不变、按余弦降到 0、或分几级降低"
    )
    milestones: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [0.5, 0.75], description="step 的里程碑，占总步数的比例，每过一个学习率乘以 0.1"
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="预热占总步数的比例，学习率在其间从 0 线性升到 lr")


class TrainConfig(Section):
    """训练循环。"""

    epochs: int = Field(10, gt=0, description="把训练数据用几遍")
    log_interval: int = Field(20, gt=0, description="每隔多少步记录一次训练指标")


class ExpectConfig(Section):
    """预期：跑完后说明结果是否在内。只作提示，不影响退出状态。"""

    metric: str = Field("accuracy", description="验证指标的名字")
    at_least: float = Field(description="指标的下界")
    minutes: float = Field(gt=0, description="在 2 核 CPU 上大约要几分钟，仅供参考")


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
    task: TaskConfig = TaskConfig()
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


# PyYAML 的说法 -> 中文；没有的保留原文。
_YAML_PROBLEMS = {
    "found duplicate key": "键重复了",
    "key is not text": "键应是一个名字",
    "found tag": "不支持以 ! 开头的标签，直接写值就行",
    "mapping values are not allowed here": "这里不能再有冒号，检查缩进，或给值加引号",
    "found character '\\t' that cannot start any token": "不能用制表符缩进，请改用空格",
    "could not find expected ':'": "缺少冒号",
    "expected <block end>, but found '<block mapping start>'": "缩进没有对齐",
    "expected <block end>, but found '-'": "缩进没有对齐",
}


def _parse_yaml(text: str, source: str) -> Any:
    try:
        return yaml.load(text, Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _YAML_PROBLEMS.get(error.problem, error.problem)
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
        hint = f"；{suggestion(str(path), others)}" if others else ""
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


def all_keys(section: type[BaseModel] = Config, prefix: str = "") -> dict[str, Any]:
    """模式中全部的键，写成 ``optimizer.lr`` 的样子 -> 它的 pydantic 字段。"""
    keys = {}
    for name, field in section.model_fields.items():
        keys[prefix + name] = field
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for part in inner:
            if isinstance(part, type) and issubclass(part, BaseModel):
                keys.update(all_keys(part, f"{prefix}{name}."))
    return keys


def _closest_key(unknown: str) -> str:
    """与一个不认识的键最接近的键：先找别处的同名键，再找同一节里相似的。"""
    parent, _, name = unknown.rpartition(".")
    keys = all_keys()
    elsewhere = [key for key in keys if key.rpartition(".")[2] == name]
    if elsewhere:
        return f"你是不是想写 {elsewhere[0]}？"
    siblings = {key.rpartition(".")[2]: key for key in keys if key.rpartition(".")[0] == parent}
    match = closest(name, siblings)  # 只比最后一段：train.qqqq 与 train.epochs 并不相像
    return f"你是不是想写 {siblings[match]}？" if match else f"可用的有：{'、'.join(siblings.values())}"


def _describe(error: ValidationError, source: str) -> str:
    errors = error.errors()
    first = errors[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        message = f"不认识的键 {key}；{_closest_key(key)}"
    elif key == "runtime.device":
        message = f"runtime.device 应为 auto、cpu、gpu 或 gpu:N，得到 {first['input']!r}"
    else:
        message = f"{key} {explain(first)}"
    more = f"（另有 {len(errors) - 1} 处错误）" if len(errors) > 1 else ""
    return f"{source}：{message}{more}"


def parse_config(tree: dict, source: str = "配置") -> Config:
    """把一棵字典变成 :class:`Config`；不合模式时抛 :class:`UserError`。"""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise UserError(_describe(error, source)) from error


def load_config(path: str | Path, overrides: list[str] | None = None, dry_run: bool = False) -> Config:
    """读配置文件，依次应用 ``overrides``，返回完整的设置。

    没有写 ``output_dir`` 时为 ``output/<文件名>``。试运行（``dry_run``）写进
    ``overrides`` 指定的文件夹，没有指定时在原来的文件夹名后加 ``_dry``。
    """
    path = Path(path)
    tree = read_yaml(path)
    tree["output_dir"] = tree.get("output_dir") or f"output/{path.stem}"
    if dry_run:
        tree["output_dir"] = f"{tree['output_dir']}_dry"
    for override in overrides or []:
        apply_override(tree, override)
    return parse_config(tree, str(path))


def dump_config(config: Config) -> str:
    """写成 YAML，可再次交给 ``-c``。``overwrite`` 不写：重跑一份存下的配置不应悄悄覆盖什么。"""
    tree = config.model_dump(mode="json", exclude={"overwrite"})
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)
