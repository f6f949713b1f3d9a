"""tools/benchmark.py 比较的四种做法：网络、数据、批大小、损失、优化器都相同，都在 CPU 上，返回每步的秒数。

学习率的高低不影响一步的时间，除 ours 外都不安排它。
"""

from __future__ import annotations

import itertools
import tempfile
import time


def prepare(config):
    """备好环境，读数据，造网络与任务。"""
    from paddle_notes import models, runtime
    from paddle_notes.data import build_data

    runtime.prepare("cpu", config.runtime.threads)

    from paddle_notes.engine.tasks import build_task

    parts = build_data(config.data, config.seed)
    runtime.seed_everything(config.seed)
    model, _ = models.build_from_config(config.model, parts.train.info())
    return model, build_task(config.task, parts.train.info()), parts


def full_batches(data) -> list:
    """前几个足数的批，供不计数据开销的做法循环使用。"""
    batches = [batch for _, batch in zip(range(8), data.epoch(0))]
    return [batch for batch in batches if len(batch[1]) == data.batch_size]


def run_ours(config, steps: int) -> list[float]:
    """``Trainer.fit`` 的每一步，从一步结束到下一步结束，含训练循环的全部开销。"""
    model, task, parts = prepare(config)

    from paddle_notes.data import FirstBatches
    from paddle_notes.engine.trainer import Trainer

    class Timed(FirstBatches):
        """在交出每一批之前记下时刻：相邻两次之差是完整的一步。"""

        def __init__(self, data, count: int):
            super().__init__(data, count)
            self.marks: list[float] = []

        def epoch(self, epoch: int = 0, start: int = 0):
            for batch in super().epoch(epoch, start):
                self.marks.append(time.perf_counter())
                yield batch
            self.marks.append(time.perf_counter())

    timed = Timed(parts.train, steps)
    config.train.epochs = -(-steps // len(timed))
    with tempfile.TemporaryDirectory() as folder:
        config.output_dir = folder
        Trainer(model, task, config).fit(timed, FirstBatches(parts.valid, 1))
    per_epoch = len(timed) + 1
    epochs = [timed.marks[i : i + per_epoch] for i in range(0, len(timed.marks), per_epoch)]
    return [after - before for marks in epochs for before, after in itertools.pairwise(marks)]


def run_bare(config, steps: int) -> list[float]:
    """张量已在内存里的前向、反向、裁剪、更新。"""
    model, task, parts = prepare(config)

    from paddle_notes.engine.evaluate import to_tensors
    from paddle_notes.engine.optim import build_optimizer, clip_gradients

    optimizer = build_optimizer(config.optimizer, model.parameters())
    batches = [to_tensors(batch) for batch in full_batches(parts.train)]
    model.train()
    times = []
    for step in range(steps):
        start = time.perf_counter()
        loss, _ = task.loss(model, batches[step % len(batches)])
        loss.backward()
        clip_gradients(model.parameters(), config.optimizer.clip_norm)
        optimizer.step()
        optimizer.clear_grad(set_to_zero=False)
        times.append(time.perf_counter() - start)
    return times


def run_hapi(config, steps: int) -> list[float]:
    """``paddle.Model.fit``：逐个样本读图、变换、归一化，由 DataLoader 组成批；没有快速卷积。"""
    import paddle
    from paddle.vision import transforms
    from PIL import Image

    from paddle_notes import models
    from paddle_notes.data import build_data
    from paddle_notes.engine.tasks import build_task

    paddle.set_device("cpu")
    train_data = build_data(config.data, config.seed).train
    dataset, augment = train_data.dataset, config.data.augment
    preprocess, batch_size = dataset.preprocess, config.data.batch_size
    pixels = dataset.images.transpose(0, 2, 3, 1).squeeze()  # paddle 的图像数据集给出的是 PIL 图像
    steps_list: list = [transforms.ToTensor(), transforms.Normalize(preprocess.mean, preprocess.std)]
    if augment.flip:
        steps_list.insert(0, transforms.RandomHorizontalFlip())
    if augment.shift or preprocess.load_size > preprocess.image_size:
        steps_list.insert(0, transforms.RandomCrop(preprocess.image_size, padding=augment.shift))
    transform = transforms.Compose(steps_list)

    class Samples(paddle.io.Dataset):
        def __len__(self):
            return min(steps * batch_size, len(dataset.labels))

        def __getitem__(self, index):
            return transform(Image.fromarray(pixels[index])), dataset.labels[index]

    class Clock(paddle.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.marks = [time.perf_counter()]

        def on_train_batch_end(self, step, logs=None):
            self.marks.append(time.perf_counter())

    class Accuracy(paddle.metric.Accuracy):
        """只看主分类器：``paddle.Model`` 给出的是网络的各个输出，再是标签。"""

        def compute(self, logits, *others):
            return super().compute(logits, others[-1])

    task, outputs_as_they_are = build_task(config.task, dataset.info()), paddle.nn.Identity()

    def loss(*outputs):
        """任务的损失，由网络的各个输出与最后的标签算。"""
        *outputs, labels = outputs
        logits = outputs[0] if len(outputs) == 1 else tuple(outputs)
        return task.loss(outputs_as_they_are, (logits, labels))[0]

    options = models.options_from_config(config.model, dataset.info())
    network = models.constructor(config.model.name)(**options)  # 不经 models.build，没有快速卷积
    model, clock = paddle.Model(network), Clock()
    model.prepare(hapi_optimizer(config.optimizer, network.parameters()), loss, Accuracy())
    epochs = -(-steps // -(-len(Samples()) // batch_size))
    model.fit(Samples(), epochs=epochs, batch_size=batch_size, verbose=0, callbacks=[clock], shuffle=True)
    return [after - before for before, after in itertools.pairwise(clock.marks)]


def hapi_optimizer(config, parameters):
    """照 ``config``（config.optimizer）的优化器；``paddle.Model`` 收不了分组的参数，所以全都衰减。"""
    import paddle
    from paddle import optimizer as optim

    clip = None if config.clip_norm is None else paddle.nn.ClipGradByGlobalNorm(config.clip_norm)
    common = {"parameters": parameters, "weight_decay": config.weight_decay, "grad_clip": clip}
    if config.name == "sgd":
        return optim.SGD(config.lr, **common)
    if config.name == "momentum":
        return optim.Momentum(config.lr, config.momentum, **common)
    kind = optim.Adam if config.name == "adam" else optim.AdamW
    return kind(config.lr, *config.betas, **common)


def run_torch(config, steps: int) -> list[float]:
    """PyTorch 里同样的网络，张量已在内存里的前向、反向、裁剪、更新，线程数与本项目相同。"""
    import torch
    from benchmarks.twins import build_twin

    from paddle_notes import models
    from paddle_notes.data import build_data
    from paddle_notes.runtime import available_cpus

    train_data = build_data(config.data, config.seed).train
    options = models.options_from_config(config.model, train_data.info())
    model = build_twin(config.model.name, **options).train()
    torch.set_num_threads(config.runtime.threads or available_cpus())  # 在导入 paddle 之后，它不会再改
    optimizer = torch_optimizer(config.optimizer, model.parameters())
    batches = [tuple(torch.from_numpy(array) for array in batch) for batch in full_batches(train_data)]
    times = []
    for step in range(steps):
        images, labels = batches[step % len(batches)]
        start = time.perf_counter()
        loss = torch_loss(config.task, model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        if config.optimizer.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
        optimizer.step()
        times.append(time.perf_counter() - start)
    return times


def torch_loss(config, outputs, labels):
    """照 ``config``（config.task）的损失，与 engine/tasks.py 里的相同。"""
    import torch.nn.functional as F

    logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)
    if config.name == "hinge":  # PyTorch 的除以了类别数
        return logits.shape[1] * F.multi_margin_loss(logits, labels, margin=config.margin)
    loss = F.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
    for other in auxiliary:
        loss = loss + config.aux_weight * F.cross_entropy(
            other, labels, label_smoothing=config.label_smoothing
        )
    return loss


def torch_optimizer(config, parameters):
    """照 ``config``（config.optimizer）的优化器，与 engine/optim.py 里的相同：只有多于一维的参数衰减。"""
    import torch

    parameters = list(parameters)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.name in ("sgd", "momentum"):
        return torch.optim.SGD(
            groups, config.lr, momentum=config.momentum if config.name == "momentum" else 0
        )
    kind = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return kind(groups, config.lr, betas=config.betas)


COLUMNS = {"ours": run_ours, "bare": run_bare, "hapi": run_hapi, "torch": run_torch}
