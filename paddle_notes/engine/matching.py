"""检查点与现在的设置、数据是不是一回事：接着训练或评估之前，在这里一并对照。

检查点的说明里记着训练时的四样东西：

- ``config``：全部设置；
- ``model``：网络的选项；
- ``data``：数据的说明，即类别的名字与次序、归一化、词表……；
- ``fingerprint``：训练、验证、测试各份的样本数与一些样本的散列，用来认出数据文件换过。

早先的版本存下的检查点没有其中几样：设置改看旁边的 config.yml，别的不对照，但要说明。
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from paddle_notes.cli import quote
from paddle_notes.config import Config, load_config, parse_config
from paddle_notes.engine.checkpoint import has_state, read_state, split_suffix
from paddle_notes.errors import UserError

Changes = dict[str, tuple[Any, Any]]  # 键 -> (训练时的值, 现在的值)

# 接着训练时可以改的。文件可以搬家：读出的内容由散列核对
FREE: tuple[str, ...] = ("output_dir", "expect", "runtime", "train.epochs", "train.log_interval", "data.path")
FREE += ("train.save_every_steps", "train.save_every_minutes", "train.keep")
# 学习率的安排：要写明从第几轮起重新安排，或与现在的学习率接得上，见 Trainer.check_rate
RATE = tuple(f"optimizer.{key}" for key in ("lr", "schedule", "milestones", "warmup", "start_epoch"))
# 评估时用不着的；data.path 之外的数据选项决定怎样划分、怎样归一化，不能改
UNUSED: tuple[str, ...] = ("output_dir", "expect", "runtime", "train", "optimizer", "seed", "model")
UNUSED += ("task.label_smoothing", "task.aux_weight")
UNUSED += ("data.path", "data.batch_size", "data.augment", "data.shuffle_labels")

_PARTS = {"train": "训练部分", "valid": "验证部分", "test": "测试部分"}
_MISSING = object()


def plain(tree: Any) -> Any:
    """存成 JSON 再读回来的样子：元组是列表。"""
    return json.loads(json.dumps(tree))


def dump(config: Config) -> dict:
    """写进检查点的设置。"""
    return config.model_dump(mode="json", exclude={"overwrite"})


def _same(old: Any, new: Any) -> bool:
    """两个值是不是一样。小数的末位随机器而变（如求均值），差一点点不算。"""
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=1e-6, abs_tol=1e-9)
    return old == new


def differences(old: Any, new: Any, key: str = "") -> Changes:
    """两棵字典里不同的叶子，键写成 ``optimizer.lr`` 的样子；只在一边有的，另一边记作 None。"""
    if isinstance(old, dict) and isinstance(new, dict):
        found: Changes = {}
        for name in {**old, **new}:
            inner = f"{key}.{name}" if key else name
            found |= differences(old.get(name, _MISSING), new.get(name, _MISSING), inner)
        return found
    if _same(old, new):
        return {}
    return {key: (None if old is _MISSING else old, None if new is _MISSING else new)}


def under(key: str, names: tuple[str, ...]) -> bool:
    """``key`` 是不是 ``names`` 里的一项，或在其中一项之下。"""
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}……"


def show(changes: Changes) -> str:
    """写成 ``seed 0 → 3；optimizer.name momentum → adam``。

    换了一种网络、数据、任务的只写名字，长的列表只写个数与第一处不同。
    """
    others = [kind for kind in ("model", "data", "task") if f"{kind}.name" in changes]
    lines = []
    for key, (old, new) in changes.items():
        if under(key, tuple(others)) and not key.endswith(".name"):
            continue
        if isinstance(old, list) and isinstance(new, list) and max(len(old), len(new)) > 4:
            first = next((i for i, pair in enumerate(zip(old, new)) if not _same(*pair)), None)
            line = f"{key} {len(old)} 个 → {len(new)} 个"
            if first is not None:
                line += f"，第 {first + 1} 个起不同：{_show(old[first])} → {_show(new[first])}"
        else:
            line = f"{key} {_show(old)} → {_show(new)}"
        lines.append(line)
    return "；".join(lines)


def _data_changes(state: dict, info: dict) -> Changes:
    """数据的说明的不同之处。后来的版本新添的项检查点里没有，不对照。"""
    found: Changes = {}
    for key, (old, new) in _both(state.get("data", {}), info).items():
        found |= differences(old, new, f"数据的 {key}")
    return found


def _sample_changes(state: dict, fingerprint: dict) -> Changes:
    """各份的样本的不同之处，只看 ``fingerprint`` 里有的几份。"""
    what = {"samples": "的样本数", "sha256": "的样本（散列）"}
    found: Changes = {}
    for part, pair in _both(state.get("fingerprint", {}), fingerprint).items():
        for key, values in differences(*pair).items():
            found[_PARTS[part] + what.get(key, "")] = values
    return found


def _both(saved: dict, asked: dict) -> dict[str, tuple[Any, Any]]:
    """两边都有的键。"""
    asked = plain(asked)
    return {key: (value, asked[key]) for key, value in saved.items() if key in asked}


def saved_config(path: str | Path, state: dict) -> Config | None:
    """检查点记下的设置；没有记下的看它旁边的 config.yml，也没有时为 None。

    检查点存下之后才有的键，当时就是它的默认值。
    """
    if "config" in state:
        return parse_config(state["config"], f"检查点 {path} 记下的设置")
    file = split_suffix(path).parent / "config.yml"
    return load_config(file) if file.is_file() else None


def _config_changes(path: Path, state: dict, config: Config) -> Changes:
    """设置的不同之处。"""
    saved = saved_config(path, state)
    return {} if saved is None else differences(dump(saved), dump(config))


def check_resume(path: str | Path, state: dict, config: Config, info: dict) -> Changes:
    """从检查点 ``path``（说明是 ``state``）照 ``config`` 接着训练行不行；返回改了而又允许改的。

    ``info`` 是现在要写进检查点的 model、data、fingerprint，可以只有几样。不许改的改了时抛
    :class:`UserError`，逐项列出 训练时 → 现在。学习率的安排（:data:`RATE`）也在返回的里面，由调用者判断。
    """
    path = split_suffix(path)
    changes = _config_changes(path, state, config)
    if "model" in state:  # 网络的全部选项，类型也定了；设置里的可以是文字
        changes = {key: pair for key, pair in changes.items() if not under(key, ("model",))}
    refused = {key: pair for key, pair in changes.items() if not under(key, (*FREE, *RATE))}
    if "model" in state:
        refused |= differences(state["model"], plain(info.get("model", {})), "model")
    if not any(under(key, ("data",)) for key in refused):  # 数据的设置改了，读出的当然也不同，不必再列
        found = _data_changes(state, info.get("data", {}))
        found |= _sample_changes(state, info.get("fingerprint", {}))
        refused |= _with_path(found, changes)
    if refused:
        raise UserError(
            f"不能从 {path} 接着训练，现在的设置或数据与训练它时的不同：{show(refused)}。"
            f"请用训练时的{_where(path)}；要用新的，就换一个 output_dir 从头训练"
        )
    return {key: pair for key, pair in changes.items() if key not in refused}


def check_use(
    path: str | Path, config: Config, info: dict, fingerprint: dict, model: dict | None = None
) -> str | None:
    """检查点 ``path`` 能不能用在照 ``config`` 读出的数据上；能用而又不是训练时那一份数据时，返回要说的话。

    ``info`` 是数据的说明，``fingerprint`` 是用到的那几份的指纹，``model`` 是网络的选项（None 是不对照）。

    类别、归一化、词表、划分的办法与训练时不同的，一律抛 :class:`UserError`。只有一种情形可以是另一份数据：
    ``data.path`` 指着别处，而类别的名字与次序、归一化都相同，如另一批照片。自带的数据没有 ``data.path``，
    随所装的包的版本而变，也只说明。没有说明文件的权重不对照。
    """
    path = split_suffix(path)
    if not has_state(path):
        return None
    state = read_state(path)
    changes = _config_changes(path, state, config)
    refused = {key: pair for key, pair in changes.items() if not under(key, UNUSED)}
    if model is not None and "model" in state:
        refused |= differences(state["model"], plain(model), "model")
    found, other = _data_changes(state, info), _sample_changes(state, fingerprint)
    if found or not ("data.path" in changes or getattr(config.data, "path", None) is None):
        found |= other
    if not any(under(key, ("data",)) for key in refused):
        refused |= _with_path(found, changes)
    if refused:
        raise UserError(
            f"现在的设置或数据与训练 {path} 时的不同：{show(refused)}。请用训练时的{_where(path)}；"
            "另一批样本要放在另一处，由 data.path 指明，类别、词表、归一化都与训练时相同"
        )
    if other:
        return (
            f"注意：这不是训练 {path} 时的那份数据（{show(other)}）；其中若有训练用过的样本，得到的数就偏乐观"
        )
    return None if "fingerprint" in state else unchecked(path)


def unchecked(path: Path) -> str:
    """检查点里没有指纹时要说的话。"""
    return f"注意：{path} 没有记下数据的指纹，没有核对数据是不是同一份"


def _with_path(found: Changes, changes: Changes) -> Changes:
    """数据不同而又是从别处读的，一并说出从哪里读。"""
    moved = {key: pair for key, pair in changes.items() if key == "data.path"}
    return {**moved, **found} if found else {}


def _where(path: Path) -> str:
    """训练时的设置在哪里。"""
    file = path.parent / "config.yml"
    return f"设置（-c {quote(str(file))}）与数据" if file.is_file() else "设置与数据"
