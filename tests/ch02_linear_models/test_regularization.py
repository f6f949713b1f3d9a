"""惩罚的梯度，岭回归、Lasso、弹性网与 scikit-learn 相等，硬约束与惩罚等价，先验与惩罚等价。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddle_notes.ch02_linear_models import regularization as reg


@pytest.fixture(scope="module")
def diabetes():
    """糖尿病数据，442 个样本、10 列，标准化到标准差 1；目标减去均值。"""
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    return (X - X.mean(0)) / X.std(0), y - y.mean()


PENALTIES = {
    "l1": (reg.l1_penalty, reg.l1_penalty_gradient, (0.75,)),
    "l2": (reg.l2_penalty, reg.l2_penalty_gradient, (0.75,)),
    "elastic_net": (reg.elastic_net_penalty, reg.elastic_net_penalty_gradient, (0.75, 0.25)),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_gradients_are_central_differences(name):
    penalty, gradient, strengths = PENALTIES[name]
    w = np.array([[0.5, -1.5], [2.0, -0.25]])
    for index in np.ndindex(w.shape):
        step = np.zeros_like(w)
        step[index] = 1e-6
        numeric = (penalty(w + step, *strengths) - penalty(w - step, *strengths)) / 2e-6
        assert gradient(w, *strengths)[index] == pytest.approx(numeric, rel=1e-8)


def test_values_by_hand():
    w = np.array([3.0, -4.0])
    assert reg.l1_penalty(w, 0.5) == 0.5 * (3 + 4)
    assert reg.l2_penalty(w, 0.5) == 0.5 / 2 * (9 + 16)
    assert reg.elastic_net_penalty(w, 0.5, 0.25) == 0.5 * (0.25 * 7 + 0.75 / 2 * 25)


@pytest.mark.parametrize(
    ("regularizer", "gradient"),
    [
        (paddle.regularizer.L1Decay(0.25), reg.l1_penalty_gradient),
        (paddle.regularizer.L2Decay(0.25), reg.l2_penalty_gradient),
    ],
    ids=["L1Decay", "L2Decay"],
)
def test_paddle_regularizers_add_these_gradients(regularizer, gradient):
    """损失的梯度为 0、学习率为 1 的一步 SGD，走的就是惩罚的梯度。"""
    value = np.array([[0.5, -1.5], [2.0, -0.25]])
    w = paddle.create_parameter([2, 2], "float64")
    w.set_value(paddle.to_tensor(value))
    (0 * w.sum()).backward()
    paddle.optimizer.SGD(1.0, [w], weight_decay=regularizer).step()
    assert np.array_equal(w.numpy(), value - gradient(value, 0.25))


# ---------------------------------------------------------------- 与 scikit-learn 相等

STRENGTHS = [0.001, 0.1, 1.0, 10.0, 40.0]


@pytest.mark.parametrize("strength", STRENGTHS)
def test_ridge_equals_sklearn(strength, diabetes):
    from sklearn.linear_model import Ridge

    X, y = diabetes
    X, y = X + 3.0, y + 150.0  # 均值不是 0，偏置才有用
    w, b = reg.ridge(X, y, strength)
    model = Ridge(alpha=len(X) * strength, solver="cholesky").fit(X, y)
    assert np.allclose(w, model.coef_, rtol=1e-9) and b == pytest.approx(model.intercept_, rel=1e-10)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_elastic_net_equals_sklearn(strength, l1_ratio, diabetes):
    from sklearn.linear_model import ElasticNet

    X, y = diabetes
    X, y = X + 3.0, y + 150.0
    w, b = reg.elastic_net(X, y, strength, l1_ratio)
    model = ElasticNet(alpha=strength, l1_ratio=l1_ratio, tol=1e-14, max_iter=100_000).fit(X, y)
    assert np.allclose(w, model.coef_, atol=1e-8) and b == pytest.approx(model.intercept_, abs=1e-8)


def test_lasso_path_equals_sklearn(diabetes):
    from sklearn.linear_model import lasso_path

    X, y = diabetes
    alphas, path, _ = lasso_path(X, y, alphas=20, tol=1e-14, max_iter=100_000)
    mine = np.stack([reg.elastic_net(X, y, alpha)[0] for alpha in alphas], axis=1)
    assert np.allclose(mine, path, atol=1e-8)
    assert np.array_equal(mine == 0, path == 0)  # 连哪些权重恰好为 0 都相同


def test_constant_column_is_refused():
    with pytest.raises(ValueError, match=r"第 1 列是常数.*请先去掉这一列"):
        reg.elastic_net(np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([0.0, 1.0]), 0.1)


def test_too_few_sweeps(diabetes):
    with pytest.raises(ValueError, match="坐标下降 3 轮之后还没有收敛"):
        reg.elastic_net(*diabetes, 0.001, max_sweeps=3)


# ---------------------------------------------------------------- 惩罚做了什么


@pytest.mark.parametrize("fit", [reg.ridge, reg.elastic_net], ids=["ridge", "lasso"])
def test_stronger_penalty_fits_the_training_data_less_closely(fit, diabetes):
    X, y = diabetes
    errors, sizes = [], []
    for strength in [0.0, *STRENGTHS]:
        w, b = fit(X, y, strength)
        errors.append(np.mean((X @ w + b - y) ** 2))
        sizes.append(np.abs(w).sum() if fit is reg.elastic_net else np.sum(w**2))
    assert (np.diff(errors) > 0).all() and (np.diff(sizes) < 0).all()


def test_the_bias_is_not_penalised(diabetes):
    """惩罚极强时权重趋于 0，而预测趋于 y 的均值，不是 0；把偏置也罚进去，预测就趋于 0 了。"""
    X, y = diabetes
    y = y + 150.0
    w, b = reg.ridge(X, y, 1e9)
    assert np.abs(w).max() < 1e-6 and b == pytest.approx(150.0)
    with_ones = np.column_stack([X, np.ones(len(X))])
    penalised = np.linalg.solve(with_ones.T @ with_ones / len(X) + 1e9 * np.eye(11), with_ones.T @ y / len(X))
    assert np.abs(with_ones @ penalised).max() < 1e-5


def test_lasso_is_sparse_and_ridge_is_not(diabetes):
    X, y = diabetes
    zeros = [int(np.sum(reg.elastic_net(X, y, strength)[0] == 0)) for strength in STRENGTHS]
    assert zeros == [0, 1, 3, 6, 8]
    assert all((reg.ridge(X, y, strength)[0] != 0).all() for strength in STRENGTHS)
    # 大过 max|Xᵀy|/n 的惩罚使全部权重为 0
    limit = np.abs(X.T @ y).max() / len(X)
    assert not reg.elastic_net(X, y, limit * 1.0001)[0].any()
    assert reg.elastic_net(X, y, limit * 0.999)[0].any()


def test_soft_threshold_is_the_minimum():
    """S(x, t) 在 ½(w − x)² + t|w| 的网格上没有更好的点；|x| ≤ t 时恰好是 0。"""
    grid = np.linspace(-4, 4, 8001)
    for x in (-3.0, -1.0, -0.5, 0.0, 0.75, 2.0):
        w = reg.soft_threshold(x, 1.0)
        assert (w == 0) == (abs(x) <= 1)
        assert (w - x) ** 2 / 2 + abs(w) <= ((grid - x) ** 2 / 2 + np.abs(grid)).min() + 1e-12


# ---------------------------------------------------------------- 硬约束与惩罚


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_ridge_equals_a_constraint_on_the_length(strength, diabetes):
    """取 r = 岭回归的解的长度，‖w‖₂ ≤ r 之内的最小二乘就是岭回归。"""
    X, y = diabetes
    w, _ = reg.ridge(X, y, strength)
    radius = np.linalg.norm(w)
    constrained = reg.constrained_least_squares(X, y, lambda v: reg.project_l2_ball(v, radius))
    assert np.allclose(constrained, w, atol=1e-8)


@pytest.mark.parametrize("strength", [1.0, 10.0])
def test_lasso_equals_a_constraint_on_the_sum_of_sizes(strength, diabetes):
    X, y = diabetes
    w, _ = reg.elastic_net(X, y, strength)
    radius = np.abs(w).sum()
    constrained = reg.constrained_least_squares(X, y, lambda v: reg.project_l1_ball(v, radius))
    assert np.allclose(constrained, w, atol=1e-7)
    assert np.array_equal(constrained == 0, w == 0)


@pytest.mark.parametrize(("project", "order"), [(reg.project_l1_ball, 1), (reg.project_l2_ball, 2)])
def test_projection_is_the_nearest_point(project, order):
    """落在球面上；球里随机取的点都不比它近；球里的点不动。"""
    generator = np.random.default_rng(0)
    for _ in range(20):
        w = generator.standard_normal(4) * 3
        nearest = project(w, 1.0)
        assert np.linalg.norm(nearest, order) == pytest.approx(1.0)
        others = generator.standard_normal((500, 4))
        others *= generator.random((500, 1)) / np.linalg.norm(others, order, axis=1, keepdims=True)
        assert (np.linalg.norm(others - w, axis=1) >= np.linalg.norm(nearest - w)).all()
        inside = w / np.linalg.norm(w, order) / 2
        assert np.array_equal(project(inside, 1.0), inside)
    assert np.array_equal(project(np.zeros(3), 1.0), np.zeros(3))


# ---------------------------------------------------------------- 先验


def test_priors_equal_scipy():
    from scipy import stats

    w = np.array([0.5, -1.5, 2.0])
    assert reg.negative_log_gaussian(w, 0.7) == pytest.approx(-stats.norm(scale=0.7).logpdf(w).sum())
    assert reg.negative_log_laplace(w, 0.7) == pytest.approx(-stats.laplace(scale=0.7).logpdf(w).sum())


@pytest.mark.parametrize("name", ["gaussian", "laplace"])
def test_penalised_least_squares_is_the_posterior_maximum(name, diabetes):
    """−log 后验乘以 σ²/n，与带惩罚的代价只差一个常数；带惩罚的解处，往哪里走 −log 后验都变大。"""
    X, y = diabetes
    n, noise_std, strength = len(X), 50.0, 1.0
    if name == "gaussian":
        width = noise_std / np.sqrt(n * strength)  # λ = σ²/(nτ²)
        solution, _ = reg.ridge(X, y, strength)
        prior, penalty = reg.negative_log_gaussian, reg.l2_penalty
    else:
        width = noise_std**2 / (n * strength)  # λ = σ²/(ns)
        solution, _ = reg.elastic_net(X, y, strength)
        prior, penalty = reg.negative_log_laplace, reg.l1_penalty

    def posterior(w):
        return reg.negative_log_posterior(X, y, w, noise_std, prior(w, width))

    def cost(w):
        return np.sum((X @ w - y) ** 2) / (2 * n) + penalty(w, strength)

    generator = np.random.default_rng(0)
    points = solution + generator.standard_normal((50, 10))
    constants = [posterior(w) * noise_std**2 / n - cost(w) for w in points]
    assert np.ptp(constants) < 1e-9 * abs(cost(solution))
    assert all(posterior(w) > posterior(solution) for w in points)
    assert all(posterior(w) > posterior(solution) for w in solution + 1e-3 * (points - solution))
