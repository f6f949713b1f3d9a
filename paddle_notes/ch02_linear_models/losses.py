"""损失函数：一个样本的预测与答案差多少。每个都有手推的梯度。

名字上的分别：**损失**（loss）是每个样本一个数；**代价**（cost）是一批损失的平均或和，一个数，训练要减小的是它。
所以本文件的损失返回每个样本（或每个元素）的值，再由 :func:`reduce_loss` 合成一个数；MSE、MAE、RMSE 按习惯指
合成之后的数。``X_backward(dloss, …)`` 是 ``X`` 的反向：``dloss`` 是代价对各个损失的导数，返回对预测的导数。

回归的预测 y_hat 与答案 y 同形，差记作 e = y_hat − y：

=========== ============================ ============== ====================================
 损失        公式                          对 y_hat 的导数  特点
=========== ============================ ============== ====================================
平方         e²                            2e             光滑；差越大罚得越重，怕离群点
绝对值       |e|                           sign(e)        不怕离群点；导数大小不变，0 处有尖角
Huber       |e| ≤ δ：½e²；否则 δ(|e| − ½δ)  截到 [−δ, δ]   里面像平方，外面像绝对值
平滑 L1     Huber ÷ β（β 就是 δ）           截到 [−1, 1]   同上，远处的斜率总是 1
=========== ============================ ============== ====================================
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from paddle_notes.ch02_linear_models.softmax import log_softmax, sigmoid, softmax

# ---------------------------------------------------------------- 损失合成代价


def reduce_loss(losses: np.ndarray, reduction: Literal["mean", "sum"] = "mean") -> np.ndarray:
    """把一批损失合成一个数：平均（与批大小无关，常用）或和（批加倍，梯度也加倍）。"""
    # J = 1/N · Σ lᵢ   或   J = Σ lᵢ
    return losses.mean() if reduction == "mean" else losses.sum()


def reduce_loss_backward(
    dcost: float | np.ndarray, losses: np.ndarray, reduction: Literal["mean", "sum"] = "mean"
) -> np.ndarray:
    """∂J/∂lᵢ：取平均时每个是 1/N，取和时每个是 1。"""
    share = 1 / losses.size if reduction == "mean" else 1.0
    return np.full(losses.shape, dcost * share)


def difference(y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """e = y_hat − y。

    抛出：
        ValueError: 形状不同。(N, 1) 减 (N,) 会广播成 (N, N)，不报错而结果全错，所以先检查。
    """
    if y_hat.shape != y.shape:
        raise ValueError(f"预测的形状 {y_hat.shape} 与答案的形状 {y.shape} 不同；请先把它们变成同样的形状")
    return y_hat - y


# ---------------------------------------------------------------- 回归


def squared_error(y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """平方损失，逐个元素。"""
    # l = e²
    return difference(y_hat, y) ** 2


def squared_error_backward(dloss: np.ndarray, y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    # ∂l/∂y_hat = 2e
    return dloss * 2 * difference(y_hat, y)


def absolute_error(y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """绝对值损失，逐个元素。"""
    # l = |e|
    return np.abs(difference(y_hat, y))


def absolute_error_backward(dloss: np.ndarray, y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """导数的大小总是 1，与差的大小无关；e = 0 处不可导，取 0（−1 到 1 之间都是次梯度）。"""
    # ∂l/∂y_hat = sign(e)
    return dloss * np.sign(difference(y_hat, y))


def huber(y_hat: np.ndarray, y: np.ndarray, delta: float = 1.0) -> np.ndarray:
    """Huber 损失，逐个元素。Huber, *Robust Estimation of a Location Parameter*, 1964。

    ``delta`` 以内是平方，以外是斜率为 ``delta`` 的直线，相接处值与导数都连续。
    """
    e = np.abs(difference(y_hat, y))
    # l = ½e²             |e| ≤ δ
    #     δ·(|e| − ½δ)    |e| > δ
    return np.where(e <= delta, 0.5 * e**2, delta * (e - 0.5 * delta))


def huber_backward(dloss: np.ndarray, y_hat: np.ndarray, y: np.ndarray, delta: float = 1.0) -> np.ndarray:
    # ∂l/∂y_hat = max(−δ, min(δ, e))
    return dloss * np.clip(difference(y_hat, y), -delta, delta)


def smooth_l1(y_hat: np.ndarray, y: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """平滑 L1，逐个元素。Girshick, *Fast R-CNN*, 2015，论文里 β = 1，与 δ = 1 的 Huber 相同。

    Paddle 的 ``smooth_l1_loss(delta=β)`` 默认算的是 Huber；要除以 β，写 ``is_huber=False``。
    """
    # l = huber(e; δ = β) / β
    return huber(y_hat, y, beta) / beta


def smooth_l1_backward(dloss: np.ndarray, y_hat: np.ndarray, y: np.ndarray, beta: float = 1.0) -> np.ndarray:
    return huber_backward(dloss, y_hat, y, beta) / beta


def mse(y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """均方误差：平方损失的平均，一个数，单位是 y 的单位的平方。"""
    # MSE = 1/N · Σ eᵢ²
    return reduce_loss(squared_error(y_hat, y))


def mse_backward(dcost: float | np.ndarray, y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    # ∂MSE/∂y_hat = 2e/N：链式法则，先过平均，再过平方
    return squared_error_backward(reduce_loss_backward(dcost, y), y_hat, y)


def mae(y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """平均绝对误差：绝对值损失的平均，一个数，单位与 y 相同。"""
    # MAE = 1/N · Σ |eᵢ|
    return reduce_loss(absolute_error(y_hat, y))


def mae_backward(dcost: float | np.ndarray, y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    # ∂MAE/∂y_hat = sign(e)/N
    return absolute_error_backward(reduce_loss_backward(dcost, y), y_hat, y)


def rmse(y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """均方根误差：MSE 开方，单位回到 y 的单位，便于报告。它与 MSE 在同一处最小。"""
    # RMSE = √MSE
    return np.sqrt(mse(y_hat, y))


def rmse_backward(dcost: float | np.ndarray, y_hat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """预测全对时 RMSE = 0，根号在 0 处不可导，取 0。"""
    root = rmse(y_hat, y)
    if root == 0:
        return np.zeros_like(y_hat)
    # ∂RMSE/∂y_hat = 1/(2·RMSE) · ∂MSE/∂y_hat = e/(N·RMSE)
    return mse_backward(dcost / (2 * root), y_hat, y)


# ---------------------------------------------------------------- 分类


def one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """标签 (N,) → 独热 (N, K)。

    抛出：
        ValueError: 标签不在 0 到 K − 1 之间。负数在 NumPy 里是倒数第几个，不检查就会悄悄算错。
    """
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"标签应在 0 到 {num_classes - 1} 之间，得到 {labels.min()} 到 {labels.max()}；请从 0 开始编号"
        )
    return np.eye(num_classes)[labels]


def cross_entropy(logits: np.ndarray, labels: np.ndarray, label_smoothing: float = 0.0) -> np.ndarray:
    """交叉熵损失：logits (N, K)，标签 (N,) → (N,)。对数取在预测的概率上，不在标签上。

    目标 t 是独热向量时只剩一项 −log p[正确的类]。标签平滑（Szegedy 等,
    *Rethinking the Inception Architecture for Computer Vision*, 2015）把目标改成 (1 − ε)·独热 + ε/K。
    """
    targets = smooth(one_hot(labels, logits.shape[1]), label_smoothing)  # (N, K)
    # l = −Σ_k t_k·log p_k，   p = softmax(logits)
    return -(targets * log_softmax(logits)).sum(1)


def smooth(targets: np.ndarray, epsilon: float) -> np.ndarray:
    """标签平滑：(N, K) → (N, K)，每行的和仍是 1。"""
    # t ← (1 − ε)·t + ε/K
    return (1 - epsilon) * targets + epsilon / targets.shape[1]


def cross_entropy_backward(
    dloss: np.ndarray, logits: np.ndarray, labels: np.ndarray, label_smoothing: float = 0.0
) -> np.ndarray:
    """对 logits 的导数：概率减目标。softmax 的指数与交叉熵的对数恰好抵消，错得再多梯度也不消失。"""
    targets = smooth(one_hot(labels, logits.shape[1]), label_smoothing)
    # ∂l/∂logits = p − t
    return dloss[:, None] * (softmax(logits) - targets)  # (N, K)


def binary_cross_entropy(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """二元交叉熵，逐个元素：logits 与目标（0 到 1 之间）同形。

    p = σ(z)，l = −t·log p − (1 − t)·log(1 − p)。照字面算，z = 1000 时 1 − p = 0，log 0 是 −∞；
    把 log σ 展开之后指数里只剩 −|z|，不会溢出。
    """
    difference(logits, targets)
    # l = max(z, 0) − z·t + log(1 + e^(−|z|))
    return np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))


def binary_cross_entropy_backward(dloss: np.ndarray, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    # ∂l/∂z = σ(z) − t
    return dloss * difference(sigmoid(logits), targets)


def kl_divergence(log_q: np.ndarray, p: np.ndarray) -> np.ndarray:
    """KL 散度 D(p‖q)：用 q 近似 p 时损失多少。预测的对数概率 log_q (N, K)，目标 p (N, K) → (N,)。

    它不对称，至少是 0，只在 p = q 时为 0；p_k = 0 的项按 0·log 0 = 0 计。
    与交叉熵只差目标的熵 H(p)，那与预测无关，所以两者对 q 的梯度相同。
    """
    difference(log_q, p)
    log_p = np.log(np.where(p > 0, p, 1.0))
    # D(p‖q) = Σ_k p_k·(log p_k − log q_k)
    return (p * (log_p - log_q)).sum(1)


def kl_divergence_backward(dloss: np.ndarray, p: np.ndarray) -> np.ndarray:
    """对 log_q 的导数。"""
    # ∂D/∂log q_k = −p_k
    return -dloss[:, None] * p


def check_signs(signs: np.ndarray) -> None:
    """铰链损失的标签是 ±1。

    抛出：
        ValueError: 有别的值；写成 0 与 1 时，0 类的损失总是 1，梯度总是 0，永远学不会。
    """
    if not np.isin(signs, (-1, 1)).all():
        raise ValueError("铰链损失的标签应是 −1 与 +1；标签若是 0 与 1，请用 2·标签 − 1")


def hinge(scores: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """两类的铰链损失，逐个元素：分数 s 与标签 y = ±1 同形。分对且留有 1 的余地（y·s ≥ 1）就不罚。"""
    check_signs(signs)
    # l = max(0, 1 − y·s)
    return np.maximum(0.0, 1 - signs * scores)


def hinge_backward(dloss: np.ndarray, scores: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """余地不到 1 的样本，导数是 −y；够 1 的是 0，不再影响参数。"""
    check_signs(signs)
    # ∂l/∂s = −y·1{y·s < 1}
    return dloss * np.where(signs * scores < 1, -signs, 0.0)


def multi_class_hinge(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """多类铰链损失：分数 (N, K)，标签 (N,) → (N,)。

    Weston 与 Watkins, *Support Vector Machines for Multi-Class Pattern Recognition*, 1999。
    别的类的分数若没有比正确类低 1 以上，就罚不够的那部分，各类相加。
    """
    return margins(scores, labels).sum(1)


def margins(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """各类不够的余地 max(0, s_j − s_y + 1)，(N, K)；正确的类自己不算，为 0。"""
    correct = one_hot(labels, scores.shape[1])  # (N, K)
    right_scores = (scores * correct).sum(1, keepdims=True)  # (N, 1)
    # l = Σ_{j≠y} max(0, s_j − s_y + 1)
    return np.maximum(0.0, scores - right_scores + 1) * (1 - correct)


def multi_class_hinge_backward(dloss: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """余地不够的类各得 +1；正确的类得 −(不够的类数)：每行的和是 0。"""
    violated = (margins(scores, labels) > 0).astype(scores.dtype)  # (N, K)
    # ∂l/∂s_j = 1{s_j − s_y + 1 > 0}，   ∂l/∂s_y = −Σ_{j≠y} 1{…}
    gradient = violated - one_hot(labels, scores.shape[1]) * violated.sum(1, keepdims=True)
    return dloss[:, None] * gradient
