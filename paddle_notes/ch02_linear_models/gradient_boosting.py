"""梯度提升树：每棵树拟合前面各棵剩下的残差，NumPy 手写。

论文：Friedman, *Greedy Function Approximation: A Gradient Boosting Machine*, 2001。

想法：先用一个常数预测，看差多少；造一棵小树去预测这个差，按学习率 η 加上一部分；再看还差多少，再造一棵。
平方损失 ½(y − F)² 对 F 的负梯度恰好是残差 y − F，所以这是在函数空间里做梯度下降，一棵树是一步。
换一种损失，只要把残差换成那种损失的负梯度。

    python -m paddle_notes.ch02_linear_models.gradient_boosting

在 scikit-learn 自带的乳腺癌数据上比较树的棵数与深度，以及逻辑回归与线性支持向量机。
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Node:
    """树的一个结点。叶子只有 ``value``；内部结点按 ``x[feature] <= threshold`` 分到左右。"""

    value: float
    feature: int = -1
    threshold: float = 0.0
    left: Node | None = None
    right: Node | None = None


def best_split(X: np.ndarray, y: np.ndarray, min_samples_leaf: int) -> tuple[int, float] | None:
    """使两边的平方和下降最多的划分 (特征, 阈值)；没有可分的返回 None。X (n, d)，y (n,)。

    用均值预测时，平方和是 Σy² − (Σy)²/n。划分前后 Σy² 不变，所以下降最多就是
    (Σ左)²/n左 + (Σ右)²/n右 最大。每个特征排序一次，前缀和给出全部划分点。
    """
    n = len(y)
    order = np.argsort(X, axis=0, kind="stable")  # (n, d)
    values = np.take_along_axis(X, order, axis=0)  # 各列从小到大，(n, d)
    left_sum = np.cumsum(y[order], axis=0)[:-1]  # 前 i + 1 个的和，(n − 1, d)
    left_count = np.arange(1, n)[:, None]  # (n − 1, 1)
    score = left_sum**2 / left_count + (y.sum() - left_sum) ** 2 / (n - left_count)
    # 相同的值分不开；叶子不能太小
    allowed = (values[1:] > values[:-1]) & (np.minimum(left_count, n - left_count) >= min_samples_leaf)
    score = np.where(allowed, score, -np.inf)
    row, feature = np.unravel_index(np.argmax(score), score.shape)
    # 一定不比不分差；没有真的变好（例如 y 全相同）就不分
    if score[row, feature] <= y.sum() ** 2 / n * (1 + 1e-12):
        return None
    return int(feature), float((values[row, feature] + values[row + 1, feature]) / 2)


class RegressionTree:
    """回归树：把空间切成长方体，每块里预测一个常数。

    参数：
        max_depth: 深度，1 只切一刀，称为树桩。
        min_samples_leaf: 叶子里至少几个样本。
    """

    def __init__(self, max_depth: int = 3, min_samples_leaf: int = 1):
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf

    def fit(self, X: np.ndarray, y: np.ndarray, hessian: np.ndarray | None = None) -> RegressionTree:
        """X (n, d)，y (n,)。给出 ``hessian`` (n,) 时叶子的值取牛顿法的一步 Σy/Σh，否则取均值。"""
        self.root = self._grow(X, y, np.ones(len(y)) if hessian is None else hessian, self.max_depth)
        return self

    def _grow(self, X: np.ndarray, y: np.ndarray, hessian: np.ndarray, depth: int) -> Node:
        total = hessian.sum()
        # 全都已经分对、概率饱和成 0 或 1 时 Σh = 0，不再更新
        node = Node(value=float(y.sum() / total) if total > 0 else 0.0)
        split = best_split(X, y, self.min_samples_leaf) if depth > 0 and len(y) > 1 else None
        if split is not None:
            node.feature, node.threshold = split
            left = X[:, node.feature] <= node.threshold  # (n,)
            node.left = self._grow(X[left], y[left], hessian[left], depth - 1)
            node.right = self._grow(X[~left], y[~left], hessian[~left], depth - 1)
        return node

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n, d) → (n,)。"""
        out = np.empty(len(X))
        waiting = [(self.root, np.arange(len(X)))]
        while waiting:
            node, rows = waiting.pop()
            if node.left is None:
                out[rows] = node.value
                continue
            left = X[rows, node.feature] <= node.threshold
            waiting += [(node.left, rows[left]), (node.right, rows[~left])]
        return out


class BoostedRegressor:
    """梯度提升回归，平方损失。

    参数：
        num_trees: 树的棵数。
        learning_rate: η，每棵树只加上一部分；η 小则要更多的树，泛化通常更好。
        max_depth、min_samples_leaf: 见 :class:`RegressionTree`。
    """

    def __init__(
        self, num_trees: int = 100, learning_rate: float = 0.1, max_depth: int = 3, min_samples_leaf: int = 1
    ):
        self.num_trees = num_trees
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf

    def fit(self, X: np.ndarray, y: np.ndarray) -> BoostedRegressor:
        """X (n, d)，y (n,)。"""
        # F₀ = ȳ
        self.initial = float(y.mean())
        self.trees: list[RegressionTree] = []
        scores = np.full(len(y), self.initial)  # F，(n,)
        for _ in range(self.num_trees):
            # r = −∂/∂F ½(y − F)² = y − F
            residual = y - scores
            tree = RegressionTree(self.max_depth, self.min_samples_leaf).fit(X, residual)
            # F ← F + η·tree(x)
            scores += self.learning_rate * tree.predict(X)
            self.trees.append(tree)
        return self

    def staged_scores(self, X: np.ndarray) -> np.ndarray:
        """只用前 0、1、2、… 棵树时的 F，(棵数 + 1, n)。"""
        steps = [np.full(len(X), self.initial)]
        steps += [self.learning_rate * tree.predict(X) for tree in self.trees]
        return np.cumsum(steps, axis=0)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(n, d) → (n,)。"""
        return self.staged_scores(X)[-1]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e⁻ˣ)，写成 tanh 不会溢出。"""
    return (1 + np.tanh(x / 2)) / 2


class BoostedClassifier(BoostedRegressor):
    """梯度提升二分类，对数损失：F 是 logit，p = σ(F)，标签是 0 或 1。"""

    def fit(self, X: np.ndarray, y: np.ndarray) -> BoostedClassifier:
        """X (n, d)，y (n,) 为 0 或 1，两类都要有；否则抛 ValueError。"""
        if set(np.unique(y).tolist()) != {0, 1}:
            raise ValueError("标签要有 0 与 1 两类，也只能是 0 与 1；请先把类别编号")
        # F₀ = log(p̄ / (1 − p̄))
        self.initial = float(np.log(y.mean() / (1 - y.mean())))
        self.trees = []
        scores = np.full(len(y), self.initial)
        for _ in range(self.num_trees):
            p = sigmoid(scores)
            # 负梯度 r = y − p，二阶导 h = p(1 − p)
            tree = RegressionTree(self.max_depth, self.min_samples_leaf).fit(X, y - p, p * (1 - p))
            # F ← F + η·tree(x)，叶子的值 Σr/Σh
            scores += self.learning_rate * tree.predict(X)
            self.trees.append(tree)
        return self

    def predict_probability(self, X: np.ndarray) -> np.ndarray:
        """属于第 1 类的概率，(n,)。"""
        return sigmoid(self.staged_scores(X)[-1])

    def predict(self, X: np.ndarray) -> np.ndarray:
        """类别 0 或 1，(n,)。"""
        return (self.staged_scores(X)[-1] > 0).astype(int)


def compare() -> list[tuple[str, float, float]]:
    """乳腺癌数据上各模型的 (名字, 训练准确率, 测试准确率)：569 个样本，测试占 30%，分层划分。

    支持向量机用铰链损失、C = 0.1，与 :func:`.svm.fit_binary` 是同一个目标；``LinearSVC`` 默认的是
    铰链损失的平方，那是另一个目标。
    """
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    candidates = {
        "提升树，1 棵，深度 1": BoostedClassifier(1, max_depth=1),
        "提升树，10 棵，深度 1": BoostedClassifier(10, max_depth=1),
        "提升树，100 棵，深度 1": BoostedClassifier(100, max_depth=1),
        "提升树，100 棵，深度 3": BoostedClassifier(100, max_depth=3),
        "逻辑回归，先标准化": make_pipeline(StandardScaler(), LogisticRegression()),
        "线性支持向量机，先标准化": make_pipeline(
            StandardScaler(), LinearSVC(loss="hinge", C=0.1, max_iter=10_000, random_state=0)
        ),
    }
    rows = []
    for name, model in candidates.items():
        model.fit(X_train, y_train)
        accuracies = [np.mean(model.predict(x) == t) for x, t in ((X_train, y_train), (X_test, y_test))]
        rows.append((name, *map(float, accuracies)))
    return rows


if __name__ == "__main__":
    for name, train_accuracy, test_accuracy in compare():
        print(f"训练 {train_accuracy:6.1%}  测试 {test_accuracy:6.1%}  {name}")
