"""第 2 章的题目：线性映射、各种损失函数、softmax 一族、三个线性模型；优化的题目在 ch02_training 里。"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from paddle_notes.ch02_linear_models import (
    linear_algebra,
    linear_regression,
    logistic_regression,
    losses,
    softmax,
    softmax_regression,
    svm,
)
from paddle_notes.verification.ch02_training import TOPICS as TRAINING_TOPICS
from paddle_notes.verification.core import Topic, functional, layer

# 样本数、特征数、类别数。K = 4：Paddle 在 multi_margin_loss 里把 1/K 存成 float32，1/4 没有误差
N, D, K = 5, 8, 4
HALF = 0.5  # 各个常数（δ、β、ε、λ）都取 0.5，道理相同


def residuals(generator: np.random.Generator) -> np.ndarray:
    """预测与答案之差 (N, D)，有大有小，都离尖角 0 与 ±0.5 至少 0.1。"""
    sizes = np.where(
        generator.random((N, D)) < 0.5,
        generator.uniform(0.1, 0.4, (N, D)),
        generator.uniform(0.6, 3.0, (N, D)),
    )
    return sizes * generator.choice([-1.0, 1.0], (N, D))


def regression(forward: Callable, backward: Callable, primitive: Callable, paddle_nn: Callable) -> Callable:
    """回归损失的题目：四个函数都接受 (…, y_hat, y)，只对预测 y_hat 求导。"""

    def topic(generator: np.random.Generator) -> Topic:
        y = generator.standard_normal((N, D))
        target = paddle.to_tensor(y)
        return Topic(
            inputs={"y_hat": y + residuals(generator)},
            forward=lambda y_hat: forward(y_hat, y),
            backward=lambda dy, y_hat: {"y_hat": backward(dy, y_hat, y)},
            forms={
                "原语": functional(lambda y_hat: primitive(y_hat - target)),
                "paddle.nn": functional(lambda y_hat: paddle_nn(y_hat, target)),
            },
        )

    return topic


def huber_primitive(e):
    """Huber 损失 δ = 0.5：差的绝对值分成两段，0.5 以内的一段算平方，以外的一段算直线。"""
    inside = e.abs().clip(max=HALF)
    return inside.square() / 2 + HALF * (e.abs() - inside)


def kl_divergence(generator: np.random.Generator) -> Topic:
    p = softmax.softmax(generator.standard_normal((N, K)))
    p[0] = [0.25, 0.5, 0.25, 0.0]  # 0·log 0 按 0 计
    target, present = paddle.to_tensor(p), paddle.to_tensor(np.where(p > 0, p, 1.0))
    return Topic(
        inputs={"log_q": softmax.log_softmax(generator.standard_normal((N, K)))},
        forward=lambda log_q: losses.kl_divergence(log_q, p),
        backward=lambda dy, log_q: {"log_q": losses.kl_divergence_backward(dy, p)},
        forms={
            "原语": functional(lambda log_q: (target * (present.log() - log_q)).sum(-1)),
            "paddle.nn": functional(lambda log_q: F.kl_div(log_q, target, reduction="none").sum(-1)),
        },
    )


def last_axis(forward: Callable, backward: Callable, primitive: Callable, paddle_nn: Callable) -> Callable:
    """softmax 一族的题目：沿最后一维计算，没有答案。"""

    def topic(generator: np.random.Generator) -> Topic:
        return Topic(
            inputs={"x": 2 * generator.standard_normal((N, K))},
            forward=forward,
            backward=lambda dy, x: {"x": backward(dy, x)},
            forms={"原语": functional(primitive), "paddle.nn": functional(paddle_nn)},
        )

    return topic


def primitive_softmax(x):
    exps = (x - x.max(-1, keepdim=True)).exp()
    return exps / exps.sum(-1, keepdim=True)


def primitive_log_sum_exp(x):
    m = x.max(-1, keepdim=True).detach()
    return m[:, 0] + (x - m).exp().sum(-1).log()


def cross_entropy(generator: np.random.Generator) -> Topic:
    labels = generator.integers(0, K, N)
    target = paddle.to_tensor(labels)
    return Topic(
        inputs={"logits": 2 * generator.standard_normal((N, K))},
        forward=lambda logits: losses.cross_entropy(logits, labels),
        backward=lambda dy, logits: {"logits": losses.cross_entropy_backward(dy, logits, labels)},
        forms={
            "原语": functional(lambda logits: softmax_regression.cross_entropy_primitive(logits, target)),
            "paddle.nn": functional(lambda logits: F.cross_entropy(logits, target, reduction="none")),
        },
    )


def label_smoothing_cross_entropy(generator: np.random.Generator) -> Topic:
    labels = generator.integers(0, K, N)
    target = paddle.to_tensor(labels)
    smoothed = HALF * F.one_hot(target, K).astype("float64") + HALF / K
    return Topic(
        inputs={"logits": 2 * generator.standard_normal((N, K))},
        forward=lambda logits: losses.cross_entropy(logits, labels, HALF),
        backward=lambda dy, logits: {"logits": losses.cross_entropy_backward(dy, logits, labels, HALF)},
        forms={
            "原语": functional(
                lambda logits: -(smoothed * (logits - primitive_log_sum_exp(logits).unsqueeze(-1))).sum(-1)
            ),
            # 有标签平滑时，Paddle 的结果是 (N, 1)
            "paddle.nn": functional(
                lambda logits: F.cross_entropy(
                    logits, target, reduction="none", label_smoothing=HALF
                ).squeeze(-1)
            ),
        },
    )


def binary_cross_entropy(generator: np.random.Generator) -> Topic:
    targets = generator.random((N, D))
    target = paddle.to_tensor(targets)
    return Topic(
        inputs={"logits": 2 * generator.standard_normal((N, D))},
        forward=lambda logits: losses.binary_cross_entropy(logits, targets),
        backward=lambda dy, logits: {"logits": losses.binary_cross_entropy_backward(dy, logits, targets)},
        forms={
            "原语": functional(lambda logits: (1 + (-logits).exp()).log() + (1 - target) * logits),
            "paddle.nn": functional(
                lambda logits: F.binary_cross_entropy_with_logits(logits, target, reduction="none")
            ),
        },
    )


def hinge(generator: np.random.Generator) -> Topic:
    signs = generator.choice([-1.0, 1.0], (N, D))
    target = paddle.to_tensor(signs)
    return Topic(
        inputs={"scores": signs + residuals(generator)},  # y·s 离尖角 1 至少 0.1
        forward=lambda scores: losses.hinge(scores, signs),
        backward=lambda dy, scores: {"scores": losses.hinge_backward(dy, scores, signs)},
        forms={
            "原语": functional(lambda scores: (1 - target * scores).clip(min=0)),
            # 排序损失 max(0, 1 − y·(s − 0))，与 0 比就是铰链损失
            "paddle.nn": functional(
                lambda scores: F.margin_ranking_loss(
                    scores, paddle.zeros_like(scores), target, margin=1.0, reduction="none"
                )
            ),
        },
    )


def multi_class_hinge(generator: np.random.Generator) -> Topic:
    labels = generator.integers(0, K, N)
    target = paddle.to_tensor(labels)
    return Topic(
        inputs={"scores": away_from_kinks(lambda: 2 * generator.standard_normal((N, K)), labels)},
        forward=lambda scores: losses.multi_class_hinge(scores, labels),
        backward=lambda dy, scores: {"scores": losses.multi_class_hinge_backward(dy, scores, labels)},
        forms={
            "原语": functional(lambda scores: svm.multi_class_hinge(scores, target)),
            "paddle.nn": functional(lambda scores: K * F.multi_margin_loss(scores, target, reduction="none")),
        },
    )


def away_from_kinks(draw: Callable[[], np.ndarray], labels: np.ndarray) -> np.ndarray:
    """反复抽取分数 (N, K)，直到每个 s_j − s_y + 1（j ≠ y）都离 0 至少 0.01。"""
    while True:
        scores = draw()
        gaps = scores - np.take_along_axis(scores, labels[:, None], 1) + 1  # 正确的类那一格是 1
        if np.abs(gaps).min() > 0.01:
            return scores


def linear_map(generator: np.random.Generator) -> Topic:
    return Topic(
        inputs={
            "X": generator.standard_normal((N, D)),
            "W": generator.standard_normal((D, K)),
            "b": generator.standard_normal(K),
        },
        forward=linear_algebra.linear_map,
        backward=lambda dy, X, W, b: linear_algebra.linear_map_backward(dy, X, W),
        forms={
            "原语": functional(lambda X, W, b: X @ W + b),
            "paddle.nn": layer(lambda: nn.Linear(D, K), {"W": "weight", "b": "bias"}),
        },
    )


def linear_regression_cost(generator: np.random.Generator) -> Topic:
    X, y = linear_regression.synthetic_data(N, noise=0.5, seed=int(generator.integers(1000)))
    inputs, target = paddle.to_tensor(X), paddle.to_tensor(y)

    def backward(dy, w, b):
        dw, db = linear_regression.gradients(X, y, w, b)
        return {"w": dy * dw, "b": np.reshape(dy * db, b.shape)}

    return Topic(
        inputs={"w": generator.standard_normal(X.shape[1]), "b": generator.standard_normal(1)},
        forward=lambda w, b: linear_regression.cost(X, y, w, b),
        backward=backward,
        forms={
            "原语": functional(lambda w, b: (inputs @ w + b - target).square().mean() / 2),
            "paddle.nn": functional(
                lambda w, b: F.mse_loss(F.linear(inputs, w.unsqueeze(-1), b)[:, 0], target) / 2
            ),
        },
    )


def softmax_regression_cost(generator: np.random.Generator) -> Topic:
    images, labels = generator.standard_normal((N, 2, 2, 2)), generator.integers(0, K, N)
    X = images.reshape(N, D)
    inputs, target = paddle.to_tensor(images), paddle.to_tensor(labels)

    def backward(dy, W, b):
        dW, db = softmax_regression.gradients(X, labels, W, b)
        return {"W": dy * dW, "b": dy * db}

    def primitive(W, b):
        return softmax_regression.cross_entropy_primitive(inputs.flatten(1) @ W + b, target).mean()

    return Topic(
        inputs={"W": generator.standard_normal((D, K)), "b": generator.standard_normal(K)},
        forward=lambda W, b: softmax_regression.cost(X, labels, W, b),
        backward=backward,
        forms={
            "原语": functional(primitive),
            "paddle.nn": layer(
                lambda: softmax_regression.SoftmaxRegression(K, in_channels=2, image_size=2),
                {"W": "linear.weight", "b": "linear.bias"},
                call=lambda net: F.cross_entropy(net(inputs), target),
            ),
        },
    )


def logistic_regression_cost(generator: np.random.Generator) -> Topic:
    X, targets = generator.standard_normal((N, D)), generator.integers(0, 2, N).astype("float64")
    inputs, target = paddle.to_tensor(X), paddle.to_tensor(targets)

    def backward(dy, w, b):
        dw, db = logistic_regression.gradients(X, targets, w, b, HALF)
        return {"w": dy * dw, "b": np.reshape(dy * db, b.shape)}

    def primitive(w, b):
        p = 1 / (1 + (-(inputs @ w + b)).exp())
        likelihood = (target * p.log() + (1 - target) * (1 - p).log()).sum()
        return w.square().sum() / 2 - HALF * likelihood

    def paddle_nn(w, b):
        logits = F.linear(inputs, w.unsqueeze(-1), b)[:, 0]
        likelihood = -F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
        return w.square().sum() / 2 - HALF * likelihood

    return Topic(
        inputs={"w": generator.standard_normal(D), "b": generator.standard_normal(1)},
        forward=lambda w, b: logistic_regression.cost(X, targets, w, b, HALF),
        backward=backward,
        forms={"原语": functional(primitive), "paddle.nn": functional(paddle_nn)},
    )


def linear_svm(generator: np.random.Generator) -> Topic:
    images, labels = generator.standard_normal((N, 2, 2, 2)), generator.integers(0, K, N)
    X = images.reshape(N, D)
    inputs, target = paddle.to_tensor(images), paddle.to_tensor(labels)
    W = generator.standard_normal((D, K))
    offset = X @ W
    b = (away_from_kinks(lambda: offset + generator.standard_normal(K), labels) - offset)[0]

    def backward(dy, W, b):
        dW, db = svm.gradients(X, labels, W, b, HALF)
        return {"W": dy * dW, "b": dy * db}

    def primitive(W, b):
        hinge = svm.multi_class_hinge(inputs.flatten(1) @ W + b, target).mean()
        return hinge + HALF / 2 * W.square().sum()

    def paddle_nn(net):
        hinge = K * F.multi_margin_loss(net(inputs), target)
        return hinge + HALF / 2 * net.linear.weight.square().sum()

    return Topic(
        inputs={"W": W, "b": b},
        forward=lambda W, b: svm.cost(X, labels, W, b, HALF),
        backward=backward,
        forms={
            "原语": functional(primitive),
            "paddle.nn": layer(
                lambda: svm.LinearSVM(K, in_channels=2, image_size=2),
                {"W": "linear.weight", "b": "linear.bias"},
                call=paddle_nn,
            ),
        },
    )


TOPICS: dict[str, Callable[[np.random.Generator], Topic]] = {
    "linear_map": linear_map,
    "mse": regression(losses.mse, losses.mse_backward, lambda e: e.square().mean(), F.mse_loss),
    "mae": regression(losses.mae, losses.mae_backward, lambda e: e.abs().mean(), F.l1_loss),
    "rmse": regression(
        losses.rmse,
        losses.rmse_backward,
        lambda e: e.square().mean().sqrt(),
        lambda y_hat, y: F.mse_loss(y_hat, y).sqrt(),
    ),
    "huber": regression(
        lambda y_hat, y: losses.huber(y_hat, y, HALF),
        lambda dy, y_hat, y: losses.huber_backward(dy, y_hat, y, HALF),
        huber_primitive,
        lambda y_hat, y: F.smooth_l1_loss(y_hat, y, reduction="none", delta=HALF),
    ),
    "smooth_l1": regression(
        lambda y_hat, y: losses.smooth_l1(y_hat, y, HALF),
        lambda dy, y_hat, y: losses.smooth_l1_backward(dy, y_hat, y, HALF),
        lambda e: huber_primitive(e) / HALF,
        lambda y_hat, y: F.smooth_l1_loss(y_hat, y, reduction="none", delta=HALF, is_huber=False),
    ),
    "log_sum_exp": last_axis(
        softmax.log_sum_exp,
        softmax.log_sum_exp_backward,
        primitive_log_sum_exp,
        lambda x: paddle.logsumexp(x, -1),
    ),
    "softmax": last_axis(softmax.softmax, softmax.softmax_backward, primitive_softmax, F.softmax),
    "log_softmax": last_axis(
        softmax.log_softmax,
        softmax.log_softmax_backward,
        lambda x: x - primitive_log_sum_exp(x).unsqueeze(-1),
        F.log_softmax,
    ),
    "cross_entropy": cross_entropy,
    "label_smoothing_cross_entropy": label_smoothing_cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "kl_divergence": kl_divergence,
    "hinge": hinge,
    "multi_class_hinge": multi_class_hinge,
    "linear_regression": linear_regression_cost,
    "softmax_regression": softmax_regression_cost,
    "logistic_regression": logistic_regression_cost,
    "linear_svm": linear_svm,
    **TRAINING_TOPICS,
}
