"""生成对抗：判别器与生成器交替更新，样本由一个分类网络评判。

生成对抗网络的损失不说明样本好不好：它只是两者之间的胜负。所以每次评估另请一个“评判网络”
（:class:`~paddle_notes.engine.judge.Judge`）来看生成的样本。它在验证图像上学分类，与样本相比的真图像是正在评估的那一部分：
训练中是验证部分，最后一次是测试部分。生成器与判别器只见过训练图像，把训练图像一张张背下来也得不到好的分数。

- confidence：它对每个样本最大的类别概率，取平均；样本像某个数字时接近 1；
- classes：样本中出现了几类，不到平均份额的十分之一（十类时是 1 %）不算；
- largest_share：最多的一类占几成；模式坍塌时接近 1；
- frechet：真、假图像在它的特征空间里的 Fréchet 距离，越小越好，据此挑最好的检查点；
- judge_accuracy：它自己把真图像分对的比例。验证图像是它学过的，只有测试部分的这个数说明它准不准。

Fréchet 距离即 FID（Heusel 等, *GANs Trained by a Two Time-Scale Update Rule Converge to a Local
Nash Equilibrium*, 2017）的做法；FID 用 Inception 的特征，这里用评判网络的，所以两者的数值不能相比。
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from paddle_notes.engine.judge import Judge, frechet_distance, train_judge
from paddle_notes.engine.logs import logger
from paddle_notes.engine.samples import fixed_noise, generate_images, make_grid, to_pixels
from paddle_notes.engine.tasks import Metrics, Task
from paddle_notes.errors import UserError
from paddle_notes.runtime import seed_everything

NUM_PICTURES = 64  # 每次评估画几个样本
MIN_SHARE = 0.1  # 一类至少占平均份额的这么多才算出现：十类时是 1 %


class Adversarial(Task):
    """生成对抗。一批是 (图像, 标签)，标签只用来训练评判网络。

    网络是 ``model(图像) -> logits (N,)``（判别器）与 ``model.sample(噪声) -> 图像``，有两部分参数
    ``model.discriminator`` 与 ``model.generator``，各有一个优化器；``model.update_average()`` 在每批之后
    更新推理时用的滑动平均；图像的值都在 [−1, 1] 之间，
    数据的归一化在这里换算过来。

    评判网络在 :meth:`prepare` 里由固定的种子在验证图像上训练，不存进检查点：继续训练与另外评估时重新训练，
    得到的是同一个网络。与样本相比的真图像，是正在评估的那一部分自己的（见 :meth:`judge_batch`）。

    ``config.loss`` 是生成器的损失：non_saturating（−log D）或 minimax（log(1 − D)，论文的原式）；
    ``config.label_smoothing`` 是单侧标签平滑 ε：判别器对真图像的目标从 1 改为 1 − ε。
    """

    kinds = ("image",)
    metric = "frechet"
    higher_is_better = False

    def __init__(self, info, config):
        super().__init__(info, config)
        mean, std = (
            np.array(values, "float32").reshape(-1, 1, 1)
            for values in (info.preprocess.mean, info.preprocess.std)
        )
        self.scale, self.shift = paddle.to_tensor(2 * std), paddle.to_tensor(2 * mean - 1)
        self.start_epoch()

    def to_tanh_range(self, images: Tensor) -> Tensor:
        """数据给出的图像 (x/255 − mean)/std 换算到 [−1, 1]，与生成器的 tanh 一致。"""
        return images * self.scale + self.shift

    def parameters(self, model: nn.Layer) -> dict[str, list]:
        if not hasattr(model, "discriminator"):
            raise UserError(
                "这个网络没有判别器，不能用 task.name=adversarial；请换成 gan、dcgan，或改 task.name"
            )
        return {
            "discriminator": model.discriminator.parameters(),
            "generator": model.generator.parameters(),
        }

    # ------------------------------------------------------------ 评判

    def prepare(self, valid_data) -> None:
        """在验证图像上训练评判网络。"""
        parts = [
            (to_pixels(self.to_tanh_range(paddle.to_tensor(images)).numpy()), labels)
            for images, labels in valid_data.epoch()
        ]
        pixels, labels = (np.concatenate(part) for part in zip(*parts))
        seed_everything(0)
        with paddle.utils.unique_name.guard():  # 不占用网络的参数名
            self.judge = Judge(self.info.preprocess.in_channels, self.info.num_classes)
            train_judge(self.judge, pixels, labels)

    def start_epoch(self) -> None:
        self.num_generated = 0
        self.reference: list[np.ndarray] = []  # 评估时真图像的特征
        self.right: list[np.ndarray] = []  # 它们分对了没有
        self.features: list[np.ndarray] = []  # 生成的样本的特征
        self.probabilities: list[np.ndarray] = []  # 与类别概率

    def judge_batch(self, real: Tensor, labels: Tensor, samples: Tensor) -> None:
        """让评判网络看一批真图像与同样多的样本。"""
        features = self.judge.features(real)
        self.reference.append(features.numpy())
        self.right.append((self.judge.classifier(features).argmax(-1) == labels).numpy())
        features = self.judge.features(samples)
        self.features.append(features.numpy())
        self.probabilities.append(F.softmax(self.judge.classifier(features), axis=-1).numpy())

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        if not self.features:  # 训练时的记录
            return means
        probabilities, features = np.concatenate(self.probabilities), np.concatenate(self.features)
        if len(features) < 2 or not np.isfinite(features).all():
            raise UserError(
                f"没法评判生成的 {len(features)} 个样本：至少要两个，而且都是有限的数；"
                "请加大验证数据，或减小 optimizer.lr 从上一个检查点 --resume"
            )
        num_classes = probabilities.shape[1]
        shares = np.bincount(probabilities.argmax(1), minlength=num_classes) / len(probabilities)
        metrics = {
            **means,
            "confidence": float(probabilities.max(1).mean()),
            "classes": int((shares >= MIN_SHARE / num_classes).sum()),
            "largest_share": float(shares.max()),
            "frechet": frechet_distance(features, np.concatenate(self.reference)),
            "judge_accuracy": float(np.concatenate(self.right).mean()),
        }
        for problem in find_problems(metrics, num_classes):
            logger.warning(problem)
        return metrics

    # ------------------------------------------------------------ 损失

    def discriminator_loss(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Metrics]:
        """判别器的损失与它在真、假图像上的准确率；``real``、``fake`` 是它给两者的 logits (N,)。"""
        # −log D(x) − log(1 − D(G(z)))，D = σ(logit)
        target = paddle.full_like(real, 1 - self.config.label_smoothing)
        cost = F.binary_cross_entropy_with_logits(real, target) + F.softplus(fake).mean()
        return cost, {
            "discriminator_loss": cost.detach(),
            "accuracy_real": (real > 0).astype("float64").mean(),
            "accuracy_fake": (fake < 0).astype("float64").mean(),
        }

    def generator_loss(self, fake: Tensor) -> Tensor:
        """生成器的损失；``fake`` 是判别器给样本的 logits (N,)。"""
        if self.config.loss == "minimax":
            return -F.softplus(fake).mean()  # log(1 − σ(s)) = −softplus(s)
        return F.softplus(-fake).mean()  # −log σ(s) = softplus(−s)

    def updates(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> Iterator[tuple[str, Tensor, Metrics]]:
        real = self.to_tanh_range(batch[0])
        fake = model.sample(paddle.randn([len(real), model.latent_size]))
        # 判别器：样本来自哪里与它无关，梯度不传给生成器
        yield "discriminator", *self.discriminator_loss(model(real), model(fake.detach()))
        # 生成器：同一批样本，由刚更新过的判别器来看
        yield "generator", self.generator_loss(model(fake)), {}
        model.update_average()  # 训练循环更新完生成器，回到这里

    def loss(self, model: nn.Layer, batch: tuple[Tensor, ...]) -> tuple[Tensor, Metrics]:
        """评估：生成与这批真图像同样多的样本，噪声每次评估都相同。返回生成器的损失。"""
        real = self.to_tanh_range(batch[0])
        noise = fixed_noise(len(real), model.latent_size, seed=1 + self.num_generated)
        self.num_generated += len(real)
        fake = model.sample(noise)
        scores = model(fake)
        if not model.training:
            self.judge_batch(real, batch[1], fake)
        return self.generator_loss(scores), self.discriminator_loss(model(real), scores)[1]

    def pictures(self, model: nn.Layer) -> dict[str, np.ndarray]:
        return {"samples": make_grid(generate_images(model, NUM_PICTURES))}


def find_problems(metrics: dict[str, float], num_classes: int) -> list[str]:
    """由评估的指标看出常见的失败，各写成一句话：现象与办法。"""
    problems = []
    share, classes = metrics["largest_share"], metrics["classes"]
    if classes < num_classes or share > 2.5 / num_classes:
        count = "都" if classes == num_classes else f"里只有 {classes} 类"
        problems.append(
            f"模式坍塌：{num_classes} 类{count}出现了，最多的一类占 {share:.0%}。"
            "开头几轮常见；一直如此，请减小 optimizer.lr，或换 seed"
        )
    if min(metrics["accuracy_real"], metrics["accuracy_fake"]) > 0.98:
        problems.append(
            "判别器赢了：真假都分得几乎全对，传给生成器的梯度没有多少信息。"
            "请设 task.label_smoothing=0.1，或减小 optimizer.lr"
        )
    return problems
