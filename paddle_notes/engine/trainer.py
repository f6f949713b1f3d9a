"""训练循环。``Trainer.fit`` 从头读到尾，就是一次训练的全部步骤。"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import numpy as np
import paddle
from paddle import Tensor, nn
from tqdm import tqdm

from paddle_notes.analysis.curves import draw_curves
from paddle_notes.analysis.summary import count_parameters
from paddle_notes.cli import command
from paddle_notes.config import Config, dump_config
from paddle_notes.engine.animation import save_animations
from paddle_notes.engine.checkpoint import (
    copy_checkpoint,
    is_whole,
    kept_epochs,
    load_weights,
    read_arrays,
    read_progress,
    read_state,
    remove_checkpoint,
    save_checkpoint,
    settle,
)
from paddle_notes.engine.diagnose import (
    check_weights,
    explain_bad_gradients,
    explain_bad_loss,
    gradients_are_fine,
    hint_if_stuck,
    keep_batch,
)
from paddle_notes.engine.evaluate import Meter, evaluate, format_metrics, to_tensors
from paddle_notes.engine.folder import (
    BAD_BATCH,
    FRESH,
    PICTURES,
    VDL,
    VDL_FILE,
    Start,
    clear_folder,
    holds,
    more_epochs,
    read_summary,
    write_summary,
)
from paddle_notes.engine.interrupt import Interrupted, StopSignal
from paddle_notes.engine.lock import FolderLock
from paddle_notes.engine.logs import RunLog, format_seconds, logger
from paddle_notes.engine.matching import (
    Changes,
    check_resume,
    dump,
    show,
    unchecked,
)
from paddle_notes.engine.optim import build_optimizer, clip_gradients, scheduled_rate
from paddle_notes.engine.rate import check_rate, check_start_epoch
from paddle_notes.engine.report import report, summarize
from paddle_notes.errors import UserError, out_of_memory
from paddle_notes.runtime import seed_everything

TASK_STATE = "task."  # 检查点里任务的状态的键的前缀
PART_NAMES = {"valid": "验证", "test": "测试"}


class Trainer:
    """训练一个网络，并在输出文件夹里留下配置、日志、曲线与检查点。

    参数：
        model: 网络。
        task: 任务，见 :mod:`paddle_notes.engine.tasks`。
        config: 完整的设置；输出到 ``config.output_dir``。
        info: 造网络与预处理所需的设置，原样存进检查点，预测时取出。
        baselines: 不训练网络就能得到的对照，名字 -> {valid、test: {指标: 值}}，结束时与结果并列。
        dry_run: 是否试运行；试运行的结果随时可以被覆盖。
        environment: 运行环境的一行说明，写进日志。

    随机性：第 t 步用的种子只由（种子, t）决定，所以不需要保存随机数的状态，
    停在任何一步再继续，结果都与没有停过时逐位相同。
    """

    def __init__(
        self,
        model: nn.Layer,
        task,
        config: Config,
        info: dict | None = None,
        baselines: dict[str, dict[str, dict[str, float]]] | None = None,
        dry_run: bool = False,
        environment: str = "",
    ):
        if config.expect is not None and config.expect.metric != task.metric:
            raise UserError(f"expect.metric 应为 {task.metric}，得到 {config.expect.metric}")
        self.model = model
        self.task = task
        self.config = config
        self.folder = Path(config.output_dir)
        self.info = info or {}
        self.baselines = baselines or {}
        self.dry_run = dry_run
        self.environment = environment
        self.parameters = task.parameters(model)
        self.optimizers = {
            part: build_optimizer(config.optimizer, parameters)
            for part, parameters in self.parameters.items()
        }
        self.step = 0  # 已经做完的更新次数
        self.best: dict = {}  # 最好的指标，及其轮次与步数
        self.last: dict = {}  # 最近一次验证的指标
        self.tested: dict = {}  # 最好的检查点在测试部分的指标
        self.pictures: list[str] = []  # 训练结束时画的图的文件名
        self.started, self.started_step = time.perf_counter(), 0
        self.saved = self.started  # 上一次存盘的时刻
        self.seconds = 0.0  # 中断之前用去的秒数
        self.train_seconds = 0.0  # 其中训练的秒数
        self.num_seen = 0  # 训练用过的样本数
        self.meter = Meter(task)  # 上一条训练记录之后的各批
        self.changes: Changes = {}  # 接着训练时改了哪些设置
        self.recent_loss = float("nan")  # 最近一次记录的训练损失
        self.stop = StopSignal()

    # ---------------------------------------------------------------- 主循环

    def fit(self, train_data, valid_data, test_data=None, start: Start = FRESH) -> dict:
        """训练到 ``config.train.epochs`` 轮，返回 summary.json 的内容。

        三份数据都有 ``len()``（批数）与 ``epoch(e, start)``（从第 start 批起的各批）。挑最好的一轮只看
        ``valid_data``；``test_data`` 只在最后用挑出的检查点评估一次。``start`` 说明从哪里开始。
        Ctrl-C 会存下 ``last`` 再停；损失变成 NaN 时停下并说明原因。
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with FolderLock(self.folder), paddle.utils.unique_name.guard(), self.stop:
            self.begin(train_data, valid_data, test_data, start)
            try:
                while self.epoch < self.config.train.epochs:
                    self.train_epoch(train_data)
                    self.validate(valid_data)
                    self.save_checkpoint()
                    self.keep_epoch()
                    self.stop_if_requested()
                if test_data is not None:
                    self.test(test_data)
                return self.finish()
            except BaseException as error:
                interrupted = isinstance(error, (Interrupted, KeyboardInterrupt))
                with contextlib.suppress(FileNotFoundError):  # 文件夹被删去了
                    self.write_summary("interrupted" if interrupted else "failed")
                if isinstance(error, Exception) and out_of_memory(error):
                    raise UserError(self.smaller_batch()) from error
                raise
            finally:
                self.log.close()

    def begin(self, train_data, valid_data, test_data, start: Start) -> None:
        """准备输出文件夹与日志；接着训练时恢复训练的状态。"""
        resume = start.checkpoint
        self.steps_per_epoch = len(train_data)
        self.total_steps = self.steps_per_epoch * self.config.train.epochs
        if resume is not None:
            self.restore(resume)
        check_start_epoch(self.config.optimizer.start_epoch, self.epoch)
        if not start.continues:
            clear_folder(self.folder)
        if resume is not None:
            self.restore_best(resume)
        if start.continues:  # 上一次可能死在换名的途中
            for path in (self.folder / "last", self.folder / "best", *kept_epochs(self.folder)):
                settle(path)
        self.write_summary("running")  # 最先写：有了它，别的文件才认得出是这次运行的
        (self.folder / "config.yml").write_text(dump_config(self.config), encoding="utf-8")
        self.log = RunLog(self.folder, self.step if start.continues else None)
        self.started = self.saved = time.perf_counter()
        self.started_step = self.step
        logger.info(self.environment)
        logger.info(
            "网络 %s，%s 个可训练参数；训练 %d 批/轮，验证 %d 批，测试 %d 批；输出 %s",
            self.config.model.name,
            f"{count_parameters(self.model):,}",
            len(train_data),
            len(valid_data),
            0 if test_data is None else len(test_data),
            self.folder,
        )
        if resume is not None:
            logger.info("从 %s 继续：已完成 %d 轮，共 %d 步", resume, self.epoch, self.step)
            if "fingerprint" in self.info and "fingerprint" not in read_state(resume):
                logger.info(unchecked(resume))
        for key, pair in self.changes.items():
            logger.info("与检查点不同的设置：%s", show({key: pair}))
        self.task.prepare(valid_data)

    def smaller_batch(self) -> str:
        """内存不够时的办法。"""
        size = self.config.data.batch_size
        smaller = f"请减小批大小，例如 -o data.batch_size={size // 2}" if size > 1 else "请换一个小些的网络"
        return f"内存不够：放不下一批 {size} 个样本的计算；{smaller}，图像也可以缩小"

    @property
    def epoch(self) -> int:
        """正在进行的轮次，从 0 起。"""
        return self.step // self.steps_per_epoch

    def elapsed(self) -> float:
        """训练、验证与存盘总共的秒数，包括中断之前的。"""
        return self.seconds + time.perf_counter() - self.started

    def train_epoch(self, data) -> None:
        """把这一轮剩下的各批训练完。"""
        self.model.train()
        epoch, mark = self.epoch, time.perf_counter()
        first = self.step % self.steps_per_epoch
        if first == 0:  # 从一轮的半途继续时，跨批的状态、还没有记录的各批已由检查点恢复
            self.task.start_epoch()
            self.meter = Meter(self.task)
        bar = tqdm(
            total=self.steps_per_epoch,
            initial=first,
            desc=f"epoch {epoch + 1}/{self.config.train.epochs}",
            disable=None,
            leave=False,
        )
        with bar:
            for index, arrays in enumerate(data.epoch(epoch, first), start=first + 1):
                batch = to_tensors(arrays)
                self.meter.add(self.train_step(batch), batch)
                bar.update()
                if index % self.config.train.log_interval == 0 or index == self.steps_per_epoch:
                    mark = self.log_training(epoch, index, batch, mark)
                    self.meter = Meter(self.task)
                if index < self.steps_per_epoch:
                    self.stop_if_requested()
                    self.save_in_between()

    @property
    def lr(self) -> float:
        """这一步的学习率。"""
        return self.lr_at(self.step)

    def lr_at(self, step: int) -> float:
        """第 ``step`` 步的学习率。"""
        return scheduled_rate(step, self.total_steps, self.steps_per_epoch, self.config.optimizer)

    def train_step(self, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """前向、反向、更新，返回这一批的损失与指标。多数任务一批更新一次，生成对抗网络更新两次。"""
        seed_everything((self.config.seed * 1_000_003 + self.step) % 2**31)
        record = {}
        for part, loss, metrics in self.task.updates(self.model, batch):
            if loss.place.is_cpu_place():  # GPU 上每步读数会拖慢训练，改为记录日志时检查
                self.check_loss(loss.item(), batch)
            loss.backward()
            if loss.place.is_cpu_place():
                self.check_gradients(part, batch)
            clip_gradients(self.parameters[part], self.config.optimizer.clip_norm)
            self.optimizers[part].set_lr(self.lr)
            self.optimizers[part].step()
            for optimizer in self.optimizers.values():
                optimizer.clear_grad(set_to_zero=False)
            record.update({"loss": loss.detach(), **metrics})
        self.step += 1
        return record

    def check_loss(self, loss: float, batch: tuple[Tensor, ...]) -> None:
        if not np.isfinite(loss):
            self.fail(f"损失是 {loss}", explain_bad_loss(self.model, self.task, batch, self.lr), batch)

    def check_gradients(self, part: str, batch: tuple[Tensor, ...]) -> None:
        """更新之前：损失还是有限数，梯度却不是。"""
        if not gradients_are_fine(self.parameters[part]):
            reason = explain_bad_gradients(self.model, self.config.optimizer, self.lr)
            self.fail("梯度坏了，损失还是有限数", reason, batch)

    def check_weights(self) -> None:
        """刚做完的一步之后，参数是不是有限数。"""
        done = self.step - 1
        check_weights(self.model, done // self.steps_per_epoch + 1, self.step, self.lr_at(done))

    def fail(self, what: str, reason: str, batch: tuple[Tensor, ...]) -> NoReturn:
        """训练坏了：存下这一批，说明原因。"""
        kept = keep_batch(self.folder / BAD_BATCH, batch, self.epoch, self.step)
        raise UserError(f"第 {self.epoch + 1} 轮第 {self.step + 1} 步的{what}，训练停止：{reason}；{kept}")

    def log_training(self, epoch: int, index: int, batch: tuple[Tensor, ...], mark: float) -> float:
        """记录上次以来的平均损失与指标，返回现在的时刻。"""
        means = self.task.summarize(self.meter.mean())
        self.check_loss(means["loss"], batch)
        self.check_weights()
        self.recent_loss = means["loss"]
        now = time.perf_counter()
        num_samples = self.meter.num_samples()
        self.train_seconds += now - mark
        self.num_seen += num_samples
        lr = next(iter(self.optimizers.values())).get_lr()
        ips = num_samples / (now - mark)
        pace = (now - self.started) / (self.step - self.started_step)
        eta = format_seconds(pace * (self.total_steps - self.step))
        self.log.record(
            "train",
            epoch + 1,
            self.step,
            {**means, "lr": lr, "ips": ips},
            f"[Train] epoch {epoch + 1}/{self.config.train.epochs} step {index}/{self.steps_per_epoch} "
            f"{format_metrics(means)} lr {lr:.6f} ips {ips:.1f} samples/s eta {eta}",
        )
        return time.perf_counter()

    def validate(self, data) -> None:
        """在验证数据上评估，记下最好的一次。"""
        epoch = self.step // self.steps_per_epoch
        self.last = evaluate(self.model, self.task, data)
        value = self.last[self.task.metric]
        sign = 1 if self.task.higher_is_better else -1
        if not self.best or sign * value > sign * self.best["value"]:
            self.best = {"metric": self.task.metric, "value": value, "epoch": epoch, "step": self.step}
        self.log.record(
            "eval",
            epoch,
            self.step,
            self.last,
            f"[Eval] epoch {epoch}/{self.config.train.epochs} {format_metrics(self.last)} "
            f"best {self.best['value']:.4f} (epoch {self.best['epoch']})",
        )
        loss = min(self.recent_loss, self.last["loss"])
        hint = hint_if_stuck(self.task, loss, epoch, self.steps_per_epoch, self.folder / "config.yml")
        if hint and not self.dry_run:
            logger.warning(hint)
        self.log.record_pictures(self.task.pictures(self.model), self.step)

    def test(self, data) -> None:
        """用挑出的检查点在测试部分评估一次；网络随后恢复成最后一步的样子。"""
        last = {name: value.clone() for name, value in self.model.state_dict().items()}
        load_weights(self.model, self.folder / "best")
        self.tested = evaluate(self.model, self.task, data)
        self.model.set_state_dict(last)
        self.log.record(
            "test",
            self.best["epoch"],
            self.step,
            self.tested,
            f"[Test] 第 {self.best['epoch']} 轮的检查点 {format_metrics(self.tested)}",
        )

    # ---------------------------------------------------------------- 检查点

    def save_in_between(self) -> None:
        """一轮之内到了该存的步数或时间，就存下 ``last``：一轮很长时，断电也只丢掉这一点。"""
        every, minutes = self.config.train.save_every_steps, self.config.train.save_every_minutes
        due = every is not None and self.step % every == 0
        if due or time.perf_counter() - self.saved >= 60 * minutes:
            self.save_checkpoint()

    def save_checkpoint(self) -> None:
        """写 ``last``；这一步正是最好的一步时，再复制成 ``best``。"""
        self.check_weights()  # 坏了的不存，原来的检查点还在
        self.saved = time.perf_counter()
        folder = self.folder
        if not (folder / "summary.json").exists():  # 它最先写下：没有了，就是文件夹被删去或搬走了
            folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
        state = {
            **self.info,
            "config": dump(self.config),
            "epoch": self.step // self.steps_per_epoch,
            "step": self.step,
            "steps_per_epoch": self.steps_per_epoch,
            "total_steps": self.total_steps,
            "metrics": self.last,
            "best": self.best,
            "seconds": self.elapsed(),
            "train_seconds": self.train_seconds,
            "num_seen": self.num_seen,
            "unlogged": self.meter.state(),
        }
        optimizers = {}
        for optimizer in self.optimizers.values():  # 以参数名为键，各部分不会重名
            optimizers.update(optimizer.state_dict())
        optimizers.update({TASK_STATE + key: value for key, value in self.task.state().items()})
        save_checkpoint(folder / "last", self.model.state_dict(), optimizers, state)
        if folder != self.folder:
            raise UserError(
                f"输出文件夹 {self.folder} 在训练的途中被删去或搬走了，训练停止；"
                f"现在的权重（第 {self.step} 步）存到了 {folder / 'last'}"
            )
        if self.best.get("step") == self.step:
            copy_checkpoint(self.folder / "last", self.folder / "best")

    def keep_epoch(self) -> None:
        """另留最近几轮的检查点，``last`` 与 ``best`` 都坏了还有它们。"""
        if self.config.train.keep:
            copy_checkpoint(self.folder / "last", self.folder / f"epoch_{self.epoch:04d}")
            for path in kept_epochs(self.folder)[self.config.train.keep :]:
                remove_checkpoint(path)

    def restore(self, path: str | Path) -> None:
        """从检查点恢复网络、优化器与进度。"""
        state = read_progress(path)
        self.changes = check_resume(path, state, self.config, self.info)
        if state["steps_per_epoch"] != self.steps_per_epoch:
            raise UserError(
                f"检查点 {path} 每轮 {state['steps_per_epoch']} 步，现在是 {self.steps_per_epoch} 步；"
                "继续训练时不能改变数据与批大小"
            )
        if state["step"] >= self.total_steps and not self.unfinished(path):
            raise UserError(
                f"{path} 已经训练完 {state['epoch']} 轮；要接着训练，请加大轮数，并让学习率从那里重新安排，"
                f"例如 {more_epochs(state['epoch'])}"
            )
        check_rate(path, state, self.changes, self.config, self.steps_per_epoch)
        load_weights(self.model, path)
        arrays = read_arrays(path, ".pdopt")
        self.task.set_state(
            {
                key.removeprefix(TASK_STATE): value
                for key, value in arrays.items()
                if key.startswith(TASK_STATE)
            }
        )
        for optimizer in self.optimizers.values():
            optimizer.set_state_dict({k: v for k, v in arrays.items() if not k.startswith(TASK_STATE)})
        self.step, self.best, self.last = state["step"], state["best"], state["metrics"]
        self.seconds, self.train_seconds = state["seconds"], state["train_seconds"]
        self.num_seen = state["num_seen"]
        self.meter = Meter(self.task, state.get("unlogged"))

    def unfinished(self, path: str | Path) -> bool:
        """最后一步已经存下，却没来得及测试、画曲线、写总结：接着做完就行。"""
        return holds(self.folder, path) and (read_summary(self.folder) or {}).get("status") != "finished"

    def restore_best(self, resume: Path) -> None:
        """使 ``self.best`` 与文件夹里的 ``best`` 相符：它可能没来得及写、坏了，也可能留在别的文件夹里。"""
        best = self.folder / "best"
        found = read_state(best)["best"] if is_whole(best) else {}
        if self.best and self.best["step"] != found.get("step"):
            for source in (resume, *kept_epochs(self.folder)):
                if is_whole(source) and read_state(source)["step"] == self.best["step"]:
                    copy_checkpoint(source, best)
                    return
        self.best = found

    # ---------------------------------------------------------------- 结束

    def write_summary(self, status: str) -> dict:
        """写 summary.json，返回其内容。"""
        summary = summarize(self, status)
        write_summary(self.folder, summary)
        return summary

    def finish(self) -> dict:
        """画曲线、写总结，告诉用户结果在哪里、接下来敲什么。"""
        draw_curves(self.folder / "metrics.jsonl", self.folder / "curves.png", self.task.metric)
        self.pictures = save_animations(self.folder / VDL / VDL_FILE, self.folder / PICTURES)
        summary = self.write_summary("finished")
        for line in report(summary, self.folder):
            logger.info(line)
        return summary

    def stop_if_requested(self) -> None:
        """用户按过 Ctrl-C 而训练还没完，就存下 ``last`` 再停。"""
        if self.stop.requested and self.step < self.total_steps:
            self.save_checkpoint()
            raise Interrupted(
                f"训练被中断，已存下 {self.folder / 'last'}（第 {self.epoch + 1} 轮，共 {self.step} 步）。\n"
                f"  继续：{command('train.py', '-c', str(self.folder / 'config.yml'), '--resume')}"
            )
