"""一次运行：照配置训练，留下的东西是一个对象。

    run = train("lenet", train={"epochs": 3}, output_dir="output/mine")
    run.plot()                      # 曲线
    run.load().predict("digit.png")  # 挑出的检查点

``tools/train.py`` 调用的也是 :func:`train`。导入本模块不会导入 NumPy 与 paddle。
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paddle_notes import cli

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from paddle_notes.config import Config
    from paddle_notes.data import Parts
    from paddle_notes.engine.trainer import Trainer
    from paddle_notes.inference.trained import Trained


class Run:
    """一次训练完的运行。

    参数：
        folder: 它的输出文件夹。
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def __repr__(self) -> str:
        best = self.summary["best"]
        return f"<一次运行 {self.folder}：验证 {best['metric']} {best['value']:.4f}>"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json 的内容：最好的与最后的指标、测试、对照、用时……"""
        from paddle_notes.engine.folder import read_summary
        from paddle_notes.errors import UserError

        summary = read_summary(self.folder)
        if summary is None:
            raise UserError(f"{self.folder} 里没有运行；请先用 tools/train.py 训练")
        return summary

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """逐次的记录，一次一项：split（train、eval、test）、epoch、step 与各个指标。"""
        from paddle_notes.analysis.curves import read_metrics

        return read_metrics(self.folder / "metrics.jsonl")

    def plot(self) -> Figure:
        """损失与指标的曲线。"""
        from paddle_notes.analysis.curves import plot_curves

        return plot_curves(self.history, self.summary["best"]["metric"])

    def load(self, name: str = "best") -> Trained:
        """挑出的（best）或最后的（last）检查点，见 :func:`paddle_notes.inference.load`。"""
        from paddle_notes.inference import load

        return load(self.folder / name)


def train(
    config: str | Path,
    overrides: Sequence[str] = (),
    resume: str | Path | None = None,
    dry_run: bool = False,
    quiet: bool = False,
) -> Run:
    """照配置文件训练。

    参数：
        config: 配置文件，或 configs/ 里的一份的名字。
        overrides: 要改的设置，如 ``["train.epochs=3"]``。
        resume: 接着训练：auto 用输出文件夹里的检查点，没有就从头开始；或给出检查点。
        dry_run: 只跑两批，检查一切是否就绪。
        quiet: 不打印各步的记录；它们照样写进 train.log。
    """
    from paddle_notes import models, runtime
    from paddle_notes.config import load_config
    from paddle_notes.engine.folder import claim_folder, decide_start

    settings = load_config(config, overrides, dry_run)
    environment = runtime.prepare(settings.runtime.device, settings.runtime.threads)
    models.check_options(settings.model.name, settings.model.options())
    folder = Path(settings.output_dir)
    start = decide_start(folder, resume)
    words = ["-c", str(config), *(word for override in overrides for word in ("-o", override))]
    flags = " --dry_run" if dry_run else ""
    if start.checkpoint is not None and not start.asked:
        flags += f" --resume {cli.quote(str(resume))}"
    claim_folder(folder, settings.overwrite, start.asked, cli.command("train.py", *words), flags)

    from paddle_notes.engine.logs import log_to_console

    log_to_console(quiet)
    trainer, data = prepare(settings, start.checkpoint is None, dry_run, environment)
    trainer.fit(*data, start)
    return Run(folder)


def prepare(
    settings: Config, fresh: bool = True, dry_run: bool = False, environment: str = ""
) -> tuple[Trainer, Parts]:
    """照 ``settings`` 读数据、造网络，返回训练循环与三份数据。从头训练时，词嵌入可以由别处的开始。"""
    from paddle_notes import models, runtime
    from paddle_notes.config import ModelConfig
    from paddle_notes.data import build_data
    from paddle_notes.engine.tasks import build_task
    from paddle_notes.engine.trainer import Trainer

    data = build_data(settings.data, settings.seed)
    runtime.seed_everything(settings.seed)
    info = data.train.info()
    model, options = models.build_from_config(settings.model, info)
    settings.model = ModelConfig(**options)
    if settings.train.vectors is not None and fresh:
        from paddle_notes.data.vectors import look_up

        table, found = look_up(getattr(info, "vocabulary", []), settings.train.vectors)
        models.start_embedding(model, table, found)
        print(f"词嵌入的 {len(found):,} 行里有 {found.sum():,} 行由 {settings.train.vectors} 的词向量开始")
    baselines, fingerprint = {} if dry_run else data.baselines(), data.fingerprint()
    if dry_run:
        settings.train.epochs, data = 1, data.first(2)
    description = {"model": options, "data": info.dump(), "fingerprint": fingerprint}
    task = build_task(settings.task, info)
    return Trainer(model, task, settings, description, baselines, dry_run, environment), data
