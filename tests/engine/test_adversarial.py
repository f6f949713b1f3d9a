"""生成对抗的任务：损失与梯度传到哪里、评判的各个数、Fréchet 距离、继续训练、样本的图。"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest
from PIL import Image, ImageSequence
from scipy.linalg import sqrtm

from paddle_notes import models
from paddle_notes.ch09_generative import adversarial_losses
from paddle_notes.config import AdversarialTask, parse_config
from paddle_notes.engine import judge
from paddle_notes.engine.adversarial import Adversarial, find_problems
from paddle_notes.engine.checkpoint import load_weights, read_arrays, read_state
from paddle_notes.engine.evaluate import evaluate, to_tensors
from paddle_notes.engine.folder import decide_start
from paddle_notes.engine.interrupt import Interrupted
from paddle_notes.engine.judge import frechet_distance
from paddle_notes.engine.samples import fixed_noise, generate_images, make_grid
from paddle_notes.engine.tasks import build_task
from paddle_notes.engine.trainer import Trainer
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything


@pytest.fixture(autouse=True)
def short_judging(monkeypatch):
    """评判网络只训练几步：这里不关心它准不准。"""
    monkeypatch.setattr(judge, "JUDGE_STEPS", 5)


@pytest.fixture
def make_adversarial(output):
    """``make_adversarial("train.epochs=2", …)``：一份很小的配置，写到 ``output`` 之下的 ``name``。"""
    from paddle_notes.config import apply_override

    def make(name: str, *overrides: str):
        tree = {
            "output_dir": str(output / name),
            "model": {"name": "gan", "hidden_size": "8", "dropout": "0.2"},
            "data": {"name": "mnist5k", "batch_size": "8"},
            "task": {"name": "adversarial"},
            "optimizer": {"name": "adam", "lr": "0.001", "betas": ["0.5", "0.999"]},
            "train": {"epochs": "3", "log_interval": "1"},
        }
        for override in overrides:
            apply_override(tree, override)
        return parse_config(tree)

    return make


def build_network(name: str = "gan"):
    if name == "dcgan":
        return models.build("dcgan", in_channels=1, image_size=8, latent_size=6, base_width=4)
    return models.build("gan", in_channels=1, image_size=28, latent_size=6, hidden_size=8)


def run(config, data, name: str = "gan", stop_at: int | None = None, resume=None) -> Trainer:
    """在“新的进程”里训练；``stop_at`` 是做完第几步时按 Ctrl-C。"""
    seed_everything(np.random.SeedSequence().entropy % 2**31)
    if resume is None:
        seed_everything(config.seed)
    Path(config.output_dir).mkdir(parents=True, exist_ok=True)
    trainer = Trainer(build_network(name), build_task(config.task, data[0].info()), config)
    train_step, start = trainer.train_step, decide_start(trainer.folder, resume)

    def step(batch):
        metrics = train_step(batch)
        trainer.stop.requested = trainer.stop.requested or trainer.step == stop_at
        return metrics

    trainer.train_step = step
    if stop_at is None:
        trainer.fit(*data, start)
    else:
        with pytest.raises(Interrupted):
            trainer.fit(*data, start)
        assert trainer.step == stop_at
    return trainer


# ---------------------------------------------------------------- Fréchet 距离


def test_frechet_distance_equals_scipy():
    """与公式直接写出来的、用 scipy 求一般矩阵平方根的结果相等。"""
    generator = np.random.default_rng(0)
    first = generator.standard_normal((200, 12)) @ generator.standard_normal((12, 12))
    second = generator.standard_normal((90, 12)) @ generator.standard_normal((12, 12)) + 0.5
    one, two = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    shift = first.mean(0) - second.mean(0)
    expected = shift @ shift + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(second, first) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_simple_gaussians():
    features = np.random.default_rng(1).standard_normal((500, 4))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)
    moved = features + np.array([3.0, 0, 0, -4.0])  # 只移动均值：3² + 4²
    assert frechet_distance(features, moved) == pytest.approx(25, rel=1e-9)
    # 只放大 3 倍：Σ(σ − 3σ)² = 4·ΣTr(Σ)，加上均值的移动
    expected = 4 * (features.var(0, ddof=1).sum() + (features.mean(0) ** 2).sum())
    assert frechet_distance(features, 3 * features) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_with_dead_features():
    """样本比特征少、有的特征恒为 0：协方差不满秩，结果仍是有限的非负数。"""
    generator = np.random.default_rng(2)
    first, second = generator.standard_normal((10, 30)), generator.standard_normal((12, 30))
    first[:, :5] = second[:, :5] = 0
    value = frechet_distance(first.astype("float32"), second.astype("float32"))
    assert np.isfinite(value) and value > 0


# ---------------------------------------------------------------- 损失与更新


def make_task(data, **options) -> Adversarial:
    return Adversarial(data.info(), AdversarialTask(name="adversarial", **options))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses_equal_those_by_hand(tiny_data, smoothing):
    real, fake = (np.random.default_rng(seed).standard_normal(7) * 3 for seed in (0, 1))
    task = make_task(tiny_data[0], label_smoothing=smoothing)
    cost, metrics = task.discriminator_loss(paddle.to_tensor(real), paddle.to_tensor(fake))
    expected = adversarial_losses.discriminator_loss(real, fake, smoothing)
    assert cost.item() == pytest.approx(float(expected), rel=1e-7)
    assert metrics["accuracy_real"].item() == (real > 0).mean()
    assert metrics["accuracy_fake"].item() == (fake < 0).mean()
    for form, by_hand in (
        ("non_saturating", adversarial_losses.non_saturating_generator_loss),
        ("minimax", adversarial_losses.minimax_generator_loss),
    ):
        loss = make_task(tiny_data[0], loss=form).generator_loss(paddle.to_tensor(fake))
        assert loss.item() == pytest.approx(float(by_hand(fake)), rel=1e-12)


def test_images_are_brought_to_the_range_of_tanh(tiny_data):
    train = tiny_data[0]
    pixels = np.array([0, 255, 51], "uint8").reshape(1, 1, 1, 3)
    inputs = train.dataset.preprocess.normalize(pixels)
    found = make_task(train).to_tanh_range(paddle.to_tensor(inputs)).numpy().ravel()
    np.testing.assert_allclose(found, [-1, 1, 51 / 127.5 - 1], atol=1e-6)


def test_each_update_moves_one_part(tiny_data):
    """判别器的梯度不传给生成器；生成器的损失经过判别器，判别器的参数却不该由它更新。"""
    seed_everything(0)
    task, model = make_task(tiny_data[0]), build_network()
    batch = to_tensors(next(iter(tiny_data[0].epoch())))
    parts = task.parameters(model)
    assert set(parts) == {"discriminator", "generator"}
    names = [parameter.name for part in parts.values() for parameter in part]
    # 滑动平均的一份不由梯度更新
    assert len(names) == len(set(names)) == len(model.parameters()) - len(model.average.parameters())
    generator, discriminator = (
        [parameter for parameter in parts[part] if not parameter.stop_gradient]  # 滑动均值与方差没有梯度
        for part in ("generator", "discriminator")
    )

    updates = task.updates(model, batch)
    part, cost, metrics = next(updates)
    cost.backward()
    assert part == "discriminator" and set(metrics) == {
        "discriminator_loss",
        "accuracy_real",
        "accuracy_fake",
    }
    assert all(parameter.grad is None for parameter in generator)
    assert all(parameter.grad is not None for parameter in discriminator)
    part, cost, metrics = next(updates)
    cost.backward()
    assert part == "generator" and metrics == {}
    assert all(np.abs(parameter.grad.numpy()).max() > 0 for parameter in generator)
    assert next(updates, None) is None


def test_generator_sees_the_updated_discriminator(tiny_data):
    """两次更新之间判别器变了，第二个损失由新的判别器算出。"""
    task, model = make_task(tiny_data[0]), build_network()
    batch = to_tensors(next(iter(tiny_data[0].epoch())))
    model.eval()  # 不用丢弃法，损失才能手算
    updates = task.updates(model, batch)
    next(updates)
    last = model.discriminator.layers[-1]
    last.weight.set_value(paddle.zeros_like(last.weight))
    last.bias.set_value(paddle.full_like(last.bias, 2.0))
    assert next(updates)[1].item() == pytest.approx(np.log1p(np.exp(-2.0)), rel=1e-6)


# ---------------------------------------------------------------- 评判


def test_summary_of_the_judged_samples(tiny_data):
    task = make_task(tiny_data[0])
    reference = np.random.default_rng(0).standard_normal((50, 3))
    assert task.summarize({"loss": 1.0}) == {"loss": 1.0}  # 训练时没有样本
    task.reference = [reference[:20], reference[20:]]
    task.right = [np.array([True, True, False]), np.array([True])]
    tops = [0] * 60 + [1] * 38 + [2] * 2  # 第 2 类恰占 2 %
    tops += [3]  # 101 个中的一个，不到 1 %
    probabilities = np.full((101, 10), 0.2 / 9)
    probabilities[np.arange(101), tops] = 0.8
    task.features = [np.zeros((101, 3))]
    task.probabilities = [probabilities[:64], probabilities[64:]]
    accuracies = {"accuracy_real": 0.6, "accuracy_fake": 0.7}
    found = task.summarize({"loss": 1.0, **accuracies})
    assert found["confidence"] == pytest.approx(0.8)
    assert found["classes"] == 3
    assert found["largest_share"] == pytest.approx(60 / 101)
    assert found["judge_accuracy"] == 0.75
    mean, variance = reference.mean(0), reference.var(0, ddof=1)
    assert found["frechet"] == pytest.approx((mean**2).sum() + variance.sum(), rel=1e-9)


def test_a_hundred_classes_can_all_appear(tiny_data):
    """类别多了，每一类的份额小：均匀的样本应当算全部出现。"""
    task = make_task(tiny_data[0])
    task.reference, task.right = [np.random.default_rng(0).standard_normal((50, 3))], [np.ones(50)]
    task.features, task.probabilities = [np.zeros((200, 3))], [np.tile(np.eye(100), (2, 1))]
    assert task.summarize({"loss": 1.0, "accuracy_real": 0.6, "accuracy_fake": 0.7})["classes"] == 100


@pytest.mark.parametrize("features", [np.full((9, 3), np.nan), np.zeros((1, 3))])
def test_samples_that_cannot_be_judged(features, tiny_data):
    task = make_task(tiny_data[0])
    task.reference, task.right = [np.random.default_rng(0).standard_normal((50, 3))], [np.ones(50)]
    task.features, task.probabilities = [features], [np.eye(10)[: len(features)]]
    with pytest.raises(UserError, match=f"没法评判生成的 {len(features)} 个样本.*--resume"):
        task.summarize({"loss": 1.0})


def test_network_and_task_must_fit(tool, root, output):
    """没有判别器的网络不能对抗，生成对抗网络不能分类：都是一句话。"""
    for config, name, message in (
        ("lenet", "adversarial", "这个网络没有判别器"),
        ("gan", "classification", "请用 task.name=adversarial"),
    ):
        path = root / "configs" / f"{config}.yml"
        options = ["expect=null", f"task.name={name}", f"output_dir={output}"]
        result = tool("train", "-c", path, "--dry_run", "-o", *options)
        assert result.code == 2 and message in result.err and "Traceback" not in result.text


HEALTHY = {"classes": 10, "largest_share": 0.25, "accuracy_real": 0.99, "accuracy_fake": 0.9}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"classes": 9}, ["模式坍塌：10 类里只有 9 类出现了，最多的一类占 25%"]),
        ({"largest_share": 0.26}, ["模式坍塌：10 类都出现了，最多的一类占 26%"]),
        ({"accuracy_fake": 0.99}, ["判别器赢了"]),
        ({"classes": 1, "largest_share": 1.0, "accuracy_fake": 1.0}, ["模式坍塌", "判别器赢了"]),
    ],
)
def test_failures_are_said(change, expected):
    problems = find_problems({**HEALTHY, **change}, 10)
    assert len(problems) == len(expected)
    assert all(problem.startswith(start) for problem, start in zip(problems, expected))
    assert all("请" in problem for problem in problems)  # 每句话都说怎么办


def judge_weights(task: Adversarial) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in task.judge.state_dict().items()}


def test_judge_is_the_same_every_time_and_ignores_the_random_state(tiny_data):
    weights = []
    for seed in (1, 2):
        seed_everything(seed)
        task = make_task(tiny_data[0])
        task.prepare(tiny_data[1])
        weights.append(judge_weights(task))
        assert not task.judge.training
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_judge_learns_from_the_validation_part_only(make_adversarial, make_data, output):
    """换一份训练数据，评判网络逐位相同；换一份验证数据，就不同了。"""
    parts, others = make_data(), make_data(num_train=48)
    found = [
        judge_weights(run(make_adversarial(f"run{i}", "train.epochs=1"), data).task)
        for i, data in enumerate(
            [parts, (others[0], parts[1], parts[2]), (parts[0], others[2], parts[2])],
        )
    ]
    assert all(np.array_equal(found[0][name], found[1][name]) for name in found[0])
    assert any(not np.array_equal(found[0][name], found[2][name]) for name in found[0])


class Copier(paddle.nn.Layer):
    """背下一份真图像、原样抄出来的“生成器”；判别器总答 0。"""

    latent_size = 1

    def __init__(self, data, task: Adversarial):
        super().__init__()
        self.images = paddle.concat([task.to_tanh_range(to_tensors(batch)[0]) for batch in data.epoch()])
        self.used = 0

    def sample(self, noise):
        self.used += len(noise)
        return self.images[self.used - len(noise) : self.used]

    def forward(self, images):
        return paddle.zeros([len(images)])


def test_reference_is_the_part_being_evaluated(tiny_data):
    """抄被评估的那一份，距离是 0；抄训练图像、抄另一份，距离都大于 0：背下训练图像骗不到分数。"""
    train, valid, test = tiny_data
    task = make_task(train)
    task.prepare(valid)
    for part in (valid, test):
        for copied in (train, valid, test):
            distance = evaluate(Copier(copied, task), task, part)["frechet"]
            assert (abs(distance) < 1e-4) == (copied is part), (distance, copied)


def test_judge_accuracy_is_that_of_the_part_being_evaluated(tiny_data):
    task, model = make_task(tiny_data[0]), build_network()
    task.prepare(tiny_data[1])
    for part in tiny_data[1:]:
        right = []
        for images, labels in map(to_tensors, part.epoch()):
            right += (task.judge(task.to_tanh_range(images)).argmax(-1) == labels).tolist()
        assert evaluate(model, task, part)["judge_accuracy"] == np.mean(right)


def test_images_of_the_judge_move_and_are_otherwise_unchanged():
    """每张各自平移至多两个像素，各个方向都有；空出来的地方是边缘的颜色。"""
    pixels = np.full((200, 1, 9, 9), 7, "uint8")
    pixels[:, :, 4, 4] = 255
    moved = judge.shift_randomly(pixels, np.random.RandomState(0))
    assert moved.shape == pixels.shape and moved.dtype == np.uint8
    places = np.argwhere(moved[:, 0] == 255)
    assert places[:, 0].tolist() == list(range(200)) and set(moved.ravel().tolist()) == {7, 255}
    assert {tuple(place) for place in places[:, 1:]} == {(y, x) for y in range(2, 7) for x in range(2, 7)}


def test_judge_learns_the_digits(mnist5k, monkeypatch):
    """评判网络自己要准：只在 500 张图上训练 100 步，它没见过的测试图像就认得出八成多。"""
    from paddle_notes.config import ImageData

    monkeypatch.setattr(judge, "JUDGE_STEPS", 100)
    config = ImageData(name="mnist5k", batch_size=100)
    _, valid, test = (part.batches(config) for part in mnist5k)
    task = make_task(valid)
    task.prepare(valid)
    right = [
        (task.judge(task.to_tanh_range(images)).argmax(-1) == labels).numpy()
        for images, labels in map(to_tensors, test.epoch())
    ]
    assert np.concatenate(right).mean() > 0.8


def test_evaluation_is_repeatable_and_uses_no_randomness(tiny_data):
    task, model = make_task(tiny_data[0]), build_network()
    task.prepare(tiny_data[1])
    seed_everything(5)
    expected = paddle.rand([1]).item()
    seed_everything(5)
    first = evaluate(model, task, tiny_data[1])
    assert paddle.rand([1]).item() == expected
    assert evaluate(model, task, tiny_data[1]) == first
    assert len(np.concatenate(task.probabilities)) == tiny_data[1].num_samples


# ---------------------------------------------------------------- 训练


@pytest.mark.parametrize(("name", "size", "stops"), [("gan", 28, [7, 11]), ("dcgan", 8, [5, 8])])
def test_resume_is_bit_for_bit(name, size, stops, make_adversarial, make_data, output):
    """一轮 5 步，共 15 步，停在一轮的中间与末尾；两个优化器、滑动均值都要接得上。"""
    data = make_data(size=size)
    run(make_adversarial("plain"), data, name)
    config, resume = make_adversarial("stopped"), None
    for stop_at in [*stops, None]:
        run(config, data, name, stop_at, resume)
        resume = output / "stopped" / "last"
    for kind in ("last", "best"):
        for suffix in (".pdparams", ".pdopt"):
            ours, theirs = (read_arrays(output / folder / kind, suffix) for folder in ("plain", "stopped"))
            assert ours.keys() == theirs.keys()
            assert all(np.array_equal(ours[key], theirs[key]) for key in ours), (kind, suffix)
        ours, theirs = (read_state(output / folder / kind) for folder in ("plain", "stopped"))
        assert ours["metrics"] == theirs["metrics"] and ours["best"] == theirs["best"]
    for file in ("samples.png", "samples.gif"):
        ours, theirs = ((output / folder / "pictures" / file).read_bytes() for folder in ("plain", "stopped"))
        assert ours == theirs


def test_best_has_the_smallest_distance_and_is_evaluated_again_exactly(make_adversarial, tiny_data, output):
    """另起一个任务、装入 best，评估得到与训练时记录的完全相同的数。"""
    trainer = run(make_adversarial("run"), tiny_data)
    assert trainer.best["metric"] == "frechet"
    state = read_state(output / "run" / "best")
    assert state["metrics"]["frechet"] == trainer.best["value"]
    model, task = build_network(), build_task(trainer.config.task, tiny_data[0].info())
    load_weights(model, output / "run" / "best")
    task.prepare(tiny_data[1])
    assert evaluate(model, task, tiny_data[1]) == state["metrics"]
    assert evaluate(model, task, tiny_data[2]) == trainer.tested


def test_sample_grids_become_an_animation(make_adversarial, tiny_data, output):
    trainer = run(make_adversarial("run"), tiny_data)
    pictures = output / "run" / "pictures"
    assert sorted(file.name for file in pictures.iterdir()) == [
        "samples.gif",
        "samples.png",
        "samples_stages.png",
    ]
    grid = make_grid(generate_images(trainer.model, 64))
    last = np.asarray(Image.open(pictures / "samples.png"))
    assert last.ndim == 2 and (last[:, :, None] == grid).all()  # 灰度，只存一个通道
    strip = np.asarray(Image.open(pictures / "samples_stages.png"))
    assert strip.shape == (len(last), 5 * last.shape[1] + 4 * 8)
    assert np.array_equal(strip[:, -last.shape[1] :], last)
    assert not np.array_equal(strip[:, : last.shape[1]], last)  # 第一轮之后与最后不同
    with Image.open(pictures / "samples.gif") as animation:
        assert animation.n_frames == 3  # 三轮，每轮评估一次
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(animation)]
    assert durations == [200, 200, 2000]


# ---------------------------------------------------------------- 样本


def test_images_follow_the_seed():
    model = build_network()
    images = generate_images(model, 70, seed=3)
    assert images.shape == (70, 1, 28, 28) and images.dtype == np.uint8
    assert np.array_equal(generate_images(model, 70, seed=3), images)
    assert not np.array_equal(generate_images(model, 70, seed=4), images)
    assert np.array_equal(generate_images(model, 5, seed=3), images[:5])
    exact = (model.sample(fixed_noise(70, 6, seed=3)).numpy() + 1) * 127.5
    assert np.abs(images - exact).max() <= 0.5 + 1e-3


def test_grid():
    images = np.arange(1, 6, dtype="uint8").reshape(5, 1, 1, 1).repeat(4, 2).repeat(4, 3)
    grid = make_grid(images, gap=1)
    assert grid.shape == (11, 16, 3)  # 两行三列，每格 4，缝 1
    assert (grid[1:5, 1:5] == 1).all() and (grid[1:5, 11:15] == 3).all() and (grid[6:10, 6:10] == 5).all()
    assert (grid[6:10, 11:15] == 0).all() and (grid[0] == 0).all() and (grid[:, 5] == 0).all()
    colors = np.zeros((1, 3, 2, 2), "uint8")
    colors[0, 2] = 9
    assert make_grid(colors)[2, 2].tolist() == [0, 0, 9]
