"""读配置：YAML 文件与 ``-o a.b=c`` 覆盖，变成 :class:`~paddle_notes.config.schema.Config`。

文件与命令行只提供结构和文字，类型一律由模式决定：``5e-4`` 是数，``data.path=2024`` 是文字，
配置里的任何值都不会被当作代码执行。不认识的键是错误，并指出最接近的键。
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from paddle_notes.config.hints import describe
from paddle_notes.config.schema import Config
from paddle_notes.errors import UserError, suggestion

PROJECT = Path(__file__).resolve().parent.parent.parent  # 项目的根目录


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


def parse_config(tree: dict, source: str = "配置") -> Config:
    """把一棵字典变成 :class:`Config`；不合模式时抛 :class:`UserError`。"""
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise UserError(describe(error, source)) from error


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
