"""训练之前的体检：准确率停在瞎猜的水平时，逐项排除原因。

每一项都是能在几秒里算出来的事实：输入的均值与标准差、最近邻能不能认出标签、一开始的损失是不是 ln K、
各单元的初始权重是不是一样、照配置的学习率能不能学会一小批数据。

准确率**远低于**瞎猜是另一种毛病：什么也没学会的网络也有 1/K，低得多就说明它学会了，只是对错了号，
或者把 0 到 1 的比例当成了百分数。这两样由 :func:`check_numbering` 与 :func:`check_expectation` 查。
"""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import dataclass

import numpy as np
import paddle
from paddle import nn

from paddle_notes.engine.evaluate import to_tensors
from paddle_notes.engine.optim import build_optimizer, clip_gradients
from paddle_notes.runtime import seed_everything

NUM_NEIGHBORS, NUM_QUERIES = 2000, 300  # 最近邻用的样本数
STEPS = 40  # 学一小批数据用的步数


@dataclass(frozen=True)
class Check:
    """一项检查。

    属性：
        name: 查什么。
        passed: 是否正常。
        found: 量到了什么。
        advice: 不正常时怎么办。
    """

    name: str
    passed: bool
    found: str
    advice: str = ""


def check_inputs(inputs: np.ndarray) -> Check:
    """输入应大致以 0 为中心、标准差为 1：差得多了，同样的学习率会太大或太小。"""
    mean, std = float(inputs.mean()), float(inputs.std())
    passed = abs(mean) < 3 and 0.1 < std < 5
    found = f"均值 {mean:.3g}，标准差 {std:.3g}"
    return Check("输入", passed, found, "输入没有归一化；请减去均值、除以标准差（data.normalize=true）")


def nearest_neighbor_accuracy(inputs: np.ndarray, labels: np.ndarray) -> float:
    """前几百个样本的标签，由其余样本中欧氏距离最近的一个来猜，猜对的比例。样本少时前一半作问题。"""
    rows = inputs.reshape(len(inputs), -1).astype("float32")
    count = min(NUM_QUERIES, len(rows) // 2)
    queries, others = rows[:count], rows[count:]
    # ‖q − o‖² = ‖q‖² − 2q·o + ‖o‖²，第一项对谁最近没有影响
    distances = (others**2).sum(1) - 2 * queries @ others.T
    guessed = labels[count:][distances.argmin(1)]
    return float((guessed == labels[:count]).mean())


def check_labels(inputs: np.ndarray, labels: np.ndarray, num_classes: int) -> Check:
    """标签与输入有没有关系：最近邻应比瞎猜好得多，它不训练，与学习率、初始化都无关。"""
    accuracy = nearest_neighbor_accuracy(inputs, labels)
    chance = max(np.bincount(labels, minlength=num_classes)) / len(labels)
    found = f"最近邻 {accuracy:.1%}，总猜最多的一类 {chance:.1%}"
    advice = "标签与输入对不上，多半是打乱时没有一起打乱；请随机抽几个样本看看（data.shuffle_labels=false）"
    return Check("标签", bool(accuracy > 1.5 * chance), found, advice)


def check_first_loss(loss: float, num_classes: int) -> Check:
    """没有训练时，K 类的概率应大致相等，交叉熵应在 ln K 附近。"""
    expected = math.log(num_classes)
    passed = math.isfinite(loss) and loss < 2 * expected
    found = f"{loss:.3f}，ln {num_classes} = {expected:.3f}"
    return Check("一开始的损失", passed, found, "损失远大于 ln K：输入或初始权重太大，输出一开始就很自信")


def check_symmetry(model: nn.Layer) -> Check:
    """同一层各单元的初始权重若都一样，它们永远一样，一层等于一个单元。"""
    same = []
    for name, parameter in model.named_parameters():
        if parameter.stop_gradient or parameter.ndim < 2:
            continue
        weight = parameter.numpy()
        # 全连接层的权重 (输入, 输出)，卷积核 (输出, 输入, k, k)
        units = weight.T if weight.ndim == 2 else weight
        if len(units) > 1 and np.ptp(units, axis=0).max() == 0:
            same.append(name)
    found = f"{same[0]} 各单元的权重完全相同（共 {len(same)} 个参数如此）" if same else "各单元的权重各不相同"
    return Check("初始化", not same, found, "不要用常数初始化权重；ReLU 用 He，sigmoid 与 tanh 用 Xavier")


def fit_one_batch(model: nn.Layer, task, batch: tuple, config, steps: int = STEPS) -> list[float]:
    """照配置的优化器与学习率反复学同一批，返回每一步的损失；``model`` 不变。"""
    model = copy.deepcopy(model)
    model.train()
    optimizer = build_optimizer(config, model.parameters())
    losses = []
    for step in range(steps):
        seed_everything(step)
        loss, _ = task.loss(model, batch)
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
        loss.backward()
        clip_gradients(model.parameters(), config.clip_norm)
        optimizer.step()
        optimizer.clear_grad()
    return losses


def check_learning_rate(losses: list[float], lr: float) -> Check:
    """学得会一小批：损失几乎不动是学习率太小；途中冲得很高而没有学会，是学习率太大。"""
    first, peak, last = losses[0], max(losses), float(np.mean(losses[-5:]))
    found = f"同一批学 {len(losses)} 步，损失 {first:.3f} → {last:.3f}"
    if not math.isfinite(last) or (peak > 3 * first and last > 0.5 * first):
        found += "" if math.isfinite(peak) and peak == last else f"，最高 {peak:.3g}"
        return Check("学习率", False, found, f"太大了；请试 -o optimizer.lr={lr / 10:g}")
    advice = f"几乎没有动，太小了；请试 -o optimizer.lr={lr * 10:g}"
    return Check("学习率", last < 0.95 * first, found, advice)


def check_expectation(at_least: float, num_classes: int) -> Check:
    """配置里预期的准确率是 0 到 1 的比例：大于 1 的是写成了百分数，不比 1/K 大的什么也没有要求。"""
    chance = 1 / num_classes
    found = f"准确率 ≥ {at_least:g}，瞎猜 {chance:g}"
    if at_least > 1:
        return Check(
            "预期", False, found, f"准确率是 0 到 1 的比例；请写成 expect.at_least={at_least / 100:g}"
        )
    advice = f"不比瞎猜高；若本是百分数 {at_least:g}%，那比瞎猜还差，请核对单位"
    return Check("预期", at_least > chance, found, advice)


def match_numbers(predicted: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """预测的编号怎样一一改写才与标签最相合：返回 0 … K − 1 的一个排列，预测 k 应改成第 k 个数。"""
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (predicted, labels), 1)
    counts += 0.001 * np.eye(num_classes)  # 一样好时不改
    return linear_sum_assignment(counts, maximize=True)[1]


def check_numbering(predicted: np.ndarray, labels: np.ndarray, class_names: list[str]) -> Check:
    """预测与标签用的是不是同一套编号，由预测的类别 (N,) 与标签 (N,) 看出。

    随便猜的准确率是 1/K，N 个样本上的标准差是 √(1/K·(1 − 1/K)/N)；低于它 4 倍标准差，靠运气几乎不可能，
    是系统地对错了号。把编号重新对应之后准确率若高得多，就是类别的次序变了。
    """
    num_classes, chance = len(class_names), 1 / len(class_names)
    accuracy = float((predicted == labels).mean())
    mapping = match_numbers(predicted, labels, num_classes)
    matched = float((mapping[predicted] == labels).mean())
    found = f"准确率 {accuracy:.4f}（即 {accuracy:.2%}），瞎猜 {chance:.4f}"
    if matched > 0.5 and matched > accuracy + 0.1:
        moved = [k for k in np.unique(predicted) if mapping[k] != k]
        pairs = "、".join(f"{class_names[k]} → {class_names[mapping[k]]}" for k in moved[:5])
        found += f"，把编号重新对应之后 {matched:.4f}"
        advice = f"类别的次序与训练时不同：{pairs}（共 {len(moved)} 类）；请核对类别的名字与次序"
        return Check("编号", False, found, advice)
    passed = accuracy > chance - 4 * math.sqrt(chance * (1 - chance) / len(labels))
    advice = "比瞎猜还低得多，却不是类别换了次序；请核对标签与样本有没有错开，准确率是不是已经乘过或除过 100"
    return Check("编号", passed, found, advice)


@paddle.no_grad()
def predict_classes(model: nn.Layer, data) -> tuple[np.ndarray, np.ndarray]:
    """推理模式下在 ``data`` 上预测的类别 (N,) 与标签 (N,)。"""
    model.eval()
    predicted, labels = [], []
    for *inputs, targets in data.epoch():
        predicted.append(model(*to_tensors(tuple(inputs))).argmax(-1).numpy())
        labels.append(targets)
    return np.concatenate(predicted), np.concatenate(labels)


def examine(model: nn.Layer, task, train_data, config) -> list[Check]:
    """训练之前的全部检查。``config`` 是 :class:`~paddle_notes.config.OptimizerConfig`；只用于分类。"""
    needed = NUM_QUERIES + NUM_NEIGHBORS
    count = -(-needed // train_data.batch_size)
    batches = list(itertools.islice(train_data.epoch(), count))
    inputs = np.concatenate([batch[0] for batch in batches])[:needed]
    labels = np.concatenate([batch[-1] for batch in batches])[:needed]
    num_classes = task.info.num_classes
    batch = to_tensors(batches[0])
    model.eval()
    with paddle.no_grad():
        first_loss = task.loss(model, batch)[0].item()
    losses = fit_one_batch(model, task, batch, config)
    return [
        check_inputs(inputs),
        check_labels(inputs, labels, num_classes),
        check_symmetry(model),
        check_first_loss(first_loss, num_classes),
        check_learning_rate(losses, config.lr),
    ]
