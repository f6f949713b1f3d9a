"""让文档与代码保持一致：把代码、表格写进 docs_zh/ 与 README.md 的标记之间。

    python tools/docs.py            # 更新
    python tools/docs.py --check    # 只检查，有不一致时退出状态为 1

页面里这样引用一段代码（标记是 HTML 注释，读者看不到）：

    <!-- [[[cog quote("paddle_notes/ch05_classic_cnn/vgg.py", "make_features") ]]] -->
    <!-- [[[end]]] -->
"""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

from paddle_notes import cli

ROOT = Path(__file__).resolve().parent.parent


def find_source(file: str, name: str) -> str:
    """``file`` 中名为 ``name``（可写成 ``VGG.forward``）的定义或赋值的源代码，去掉缩进。"""
    source = (ROOT / file).read_text(encoding="utf-8")
    nodes = ast.parse(source).body
    for part in name.split("."):
        found = [node for node in nodes if _name_of(node) == part]
        if not found:
            raise LookupError(f"{file} 里没有 {name}")
        node, nodes = found[0], getattr(found[0], "body", [])
    first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
    return textwrap.dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))


def _name_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Assign):
        return getattr(node.targets[0], "id", None)
    if isinstance(node, ast.AnnAssign):
        return getattr(node.target, "id", None)
    return getattr(node, "name", None)


def quote(file: str, *names: str) -> None:
    """引用源代码；不给名字时引用整个文件。引用的片段不单独执行，它在包里由测试执行。"""
    import cog

    language = {".py": "python", ".yml": "yaml"}.get(Path(file).suffix, "text")
    pieces = [find_source(file, name) for name in names] or [
        (ROOT / file).read_text(encoding="utf-8").rstrip()
    ]
    if language == "python":
        cog.outl("<!-- skip: next -->")
    cog.outl(f"\n```{language}\n# {file}\n" + "\n\n\n".join(pieces) + "\n```\n")


def config_table() -> None:
    """由配置的模式写出“键、类型、默认值、含义”的表；data 与 task 的每一种各有一张。"""
    import cog

    from paddle_notes.config import DATA_SECTIONS, TASK_SECTIONS, AugmentConfig, all_keys, sections_in

    kinds = {section: "data" for section in (*DATA_SECTIONS, AugmentConfig)}
    kinds.update({section: "task" for section in TASK_SECTIONS})
    head = "\n| 键 | 类型 | 默认值 | 含义 |\n|---|---|---|---|"
    cog.outl(head)

    def rows(*where) -> list[tuple]:
        return [
            (key, owner, field) for key, owner, field in all_keys(*where) if not sections_in(field.annotation)
        ]

    for key, owner, field in rows():
        if owner not in kinds:
            cog.outl(_config_row(key, owner, field))
    for section in (*DATA_SECTIONS, *TASK_SECTIONS):
        title = section.__doc__.splitlines()[0].rstrip("。")
        cog.outl(f"\n### `{kinds[section]}`：{title}\n{head}")
        for key, owner, field in rows(section, f"{kinds[section]}."):
            cog.outl(_config_row(key, owner, field))
    cog.outl()


def _config_row(key: str, owner, field) -> str:
    if field.is_required():
        default = "必须写"
    else:
        default = "不写" if field.default in (None, "") else f"`{str(field.default).lower()}`"
    kind = " / ".join(owner.readers) if key in ("data.name", "task.name") else _type_name(field.annotation)
    return f"| `{key}` | {kind} | {default} | {field.description} |"


def measured(rows: dict[str, str], *metrics: str, opponents: bool = False) -> None:
    """由 docs_zh/results.json 写出几份配置的表，``rows`` 是一行的名字 -> 配置的名字。

    写几个种子在测试部分的均值（最小–最大），以及验证部分上挑轮次的那个指标；处理器时间取中位数。
    ``opponents`` 为真时，各个对照排在前面。
    """
    import statistics

    import cog

    known: dict[str, list[dict]] = {}
    for run in _records("results.json"):
        known.setdefault(run["name"], []).append(run)
    missing = [config for config in rows.values() if config not in known]
    if missing:
        raise LookupError(f"docs_zh/results.json 里没有 {missing}；请先训练，再执行 tools/results.py")
    first = known[next(iter(rows.values()))][0]
    size, chosen = first["facts"].get("image_size"), first["best"]["metric"]
    heads = ["", *(["图像"] if size else []), "参数", *(f"测试，{_METRICS[metric][0]}" for metric in metrics)]
    heads += [f"验证，{_METRICS[chosen][0]}", "种子", "处理器分钟"]
    cog.outl(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for name, parts in first["baselines"].items() if opponents else ():
        cells = [name, *(["—"] if size else []), "—"]
        cells += [_number([parts["test"].get(metric)], metric) for metric in metrics]
        cog.outl(f"| {' | '.join([*cells, _number([parts['valid'].get(chosen)], chosen), '—', '—'])} |")
    for title, config in rows.items():
        runs = known[config]
        side, minutes = runs[0]["facts"].get("image_size"), (run["cpu_seconds"] / 60 for run in runs)
        cells = [f"[{title}](../{runs[0]['config']})", *([f"{side}×{side}"] if size else [])]
        cells.append(f"{runs[0]['trainable_parameters']:,}")
        cells += [_number([run["test"][metric] for run in runs], metric) for metric in metrics]
        cells.append(_number([run["best"]["value"] for run in runs], chosen))
        cells += ["、".join(str(run["seed"]) for run in runs), f"{statistics.median(minutes):.1f}"]
        cog.outl(f"| {' | '.join(cells)} |")
    cog.outl()


def experiment_table(name: str, *columns: str) -> None:
    """由 docs_zh/experiments/<实验>.json 写出一个实验的表：几个种子的均值（最小–最大）。"""
    import cog

    runs = _records(f"experiments/{name}.json")
    metric = next(run["metric"] for run in runs if run["metric"])
    of = {column: metric if column in ("best", "test") else column for column in columns}
    parts = {"best": "验证，", "test": "测试，"}
    heads = ["运行", *(parts.get(column, "") + _METRICS[of[column]][0] for column in columns)]
    cog.outl(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for title in dict.fromkeys(run["run"] for run in runs):
        found = [run for run in runs if run["run"] == title]
        cells = [_number([run[column] for run in found], of[column]) for column in columns]
        cog.outl(f"| {title} | {' | '.join(cells)} |")
    cog.outl()


_METRICS = {  # 指标 -> (页面上的名字, 写法)
    "accuracy": ("准确率", ".1%"),
    "sentence_accuracy": ("整句全对", ".1%"),
    "eval/accuracy": ("最后一轮的验证准确率", ".1%"),
    "eval/frechet": ("最后一轮的验证 Fréchet 距离", ".2f"),
    "train/accuracy": ("最后的训练准确率", ".1%"),
    "train/loss": ("最后的训练损失", ".3f"),
    "eval/loss": ("最后一轮的验证损失", ".3f"),
    "loss": ("损失", ".3f"),
    "rmse": ("均方根误差", ".4g"),
    "bits_per_char": ("比特/字", ".3f"),
    "perplexity": ("困惑度", ".1f"),
    "frechet": ("Fréchet 距离", ".2f"),
    "confidence": ("把握", ".3f"),
    "trainable_parameters": ("参数", ",.0f"),
    "minutes": ("处理器分钟", ".1f"),
}


def _number(values: list[float | None], metric: str) -> str:
    from paddle_notes.analysis.comparison import spread

    return spread(values, _METRICS[metric][1])


def _records(file: str) -> list[dict]:
    import json

    return json.loads((ROOT / "docs_zh" / file).read_text(encoding="utf-8"))


def model_table() -> None:
    """由各网络构造函数的签名写出“网络、选项与默认值”的表。"""
    import inspect

    import cog

    from paddle_notes.models import MODELS, constructor

    cog.outl("\n| 网络 | 选项与默认值 |\n|---|---|")
    for name in MODELS:
        parameters = inspect.signature(constructor(name)).parameters.values()
        options = "，".join(
            f"`{p.name}`" if p.default is p.empty else f"`{p.name}: {p.default}`" for p in parameters
        )
        cog.outl(f"| `{name}` | {options} |")
    cog.outl()


def _type_name(annotation) -> str:
    if getattr(annotation, "__origin__", None) in (list, tuple):
        return "若干个数"
    choices = getattr(annotation, "__args__", ())
    names = {int: "整数", float: "数", bool: "true / false", str: "文字"}
    if choices and all(isinstance(choice, str) for choice in choices):
        return " / ".join(choices)
    return names.get(annotation) or names.get(choices[0] if choices else None, "文字")


def main(argv: list[str] | None = None) -> int:
    parser = cli.Parser(prog="docs.py", description=__doc__)
    parser.add_argument("--check", action="store_true", help="只检查，不改文件")
    args = parser.parse_args(argv)

    from cogapp import Cog

    pages = [str(page) for page in [ROOT / "README.md", *sorted((ROOT / "docs_zh").rglob("*.md"))]]
    prologue = "import sys; sys.path.insert(0, 'tools'); from docs import *"
    mode = ["--check"] if args.check else ["-r"]
    status = Cog().main(["cog", *mode, "-e", "-n", "utf-8", "-p", prologue, *pages])
    return int(bool(status))


if __name__ == "__main__":
    cli.run(main)
