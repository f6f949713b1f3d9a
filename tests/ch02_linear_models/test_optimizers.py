"""优化器与 paddle.optimizer 逐位接近；学习率的界限、梯度噪声、梯度累积与在线学习都量一量。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from paddle_notes.ch02_linear_models import optimizers
from paddle_notes.ch02_linear_models.optimizers import SGD, Adam, Momentum

STEPS = 50


def gradients(step: int) -> list[np.ndarray]:
    """第 ``step`` 步的梯度：权重 (3, 2) 与偏置 (2,)，与参数无关。"""
    generator = np.random.default_rng([7, step])
    return [generator.standard_normal((3, 2)), generator.standard_normal(2)]


def start() -> list[np.ndarray]:
    generator = np.random.default_rng(6)
    return [generator.standard_normal((3, 2)), generator.standard_normal(2)]


def by_hand(optimizer) -> list[np.ndarray]:
    params = start()
    for step in range(STEPS):
        optimizer.step(params, gradients(step))
    return params


def by_paddle(build) -> list[np.ndarray]:
    """``build(权重与偏置)`` 造出 Paddle 的优化器；梯度由 Σ w·g 求导得到，就是 g。"""
    params = []
    for value in start():
        params.append(paddle.create_parameter(value.shape, "float64"))
        params[-1].set_value(paddle.to_tensor(value))
    optimizer = build(params)
    for step in range(STEPS):
        sum((p * paddle.to_tensor(g)).sum() for p, g in zip(params, gradients(step))).backward()
        optimizer.step()
        optimizer.clear_grad()
    return [p.numpy() for p in params]


def spare_bias(params: list) -> list[dict]:
    return [{"params": params[:1], "weight_decay": 0.25}, {"params": params[1:], "weight_decay": 0.0}]


PAIRS = {
    "sgd": (lambda: SGD(0.125), lambda p: paddle.optimizer.SGD(0.125, p)),
    "sgd_weight_decay": (
        lambda: SGD(0.125, weight_decay=0.25),
        lambda p: paddle.optimizer.SGD(0.125, spare_bias(p)),
    ),
    "momentum": (lambda: Momentum(0.125, 0.5), lambda p: paddle.optimizer.Momentum(0.125, 0.5, p)),
    "adam": (
        lambda: Adam(0.125, 0.5, 0.75, 2**-20),
        lambda p: paddle.optimizer.Adam(0.125, 0.5, 0.75, 2**-20, p),
    ),
    "adamw": (
        lambda: Adam(0.125, 0.5, 0.75, 2**-20, weight_decay=0.25),
        lambda p: paddle.optimizer.AdamW(0.125, 0.5, 0.75, 2**-20, spare_bias(p)),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equals_paddle(name):
    hand, build = PAIRS[name]
    for mine, theirs in zip(by_hand(hand()), by_paddle(build)):
        assert np.abs(mine - theirs).max() < 1e-12


@pytest.mark.parametrize("optimizer", [SGD(0.25, weight_decay=0.5), Adam(0.25, weight_decay=0.5)])
def test_weights_are_decayed_and_biases_are_not(optimizer):
    """梯度全是 0：权重乘以 1 − ηλ，偏置不变。"""
    weight, bias = start()
    params = [weight.copy(), bias.copy()]
    optimizer.step(params, [np.zeros((3, 2)), np.zeros(2)])
    assert np.allclose(params[0], weight * (1 - 0.25 * 0.5), rtol=1e-15, atol=0)
    assert np.array_equal(params[1], bias)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_trainer_decays_the_same_parameters(name):
    """真正训练时用的 build_optimizer 与这里一致：梯度为 0 的一步之后，权重同样缩小，偏置不动。"""
    from paddle_notes.config import OptimizerConfig
    from paddle_notes.engine.optim import build_optimizer

    model = paddle.nn.Linear(3, 2)
    model.bias.set_value(paddle.ones([2]))
    params = [model.weight.numpy(), model.bias.numpy()]
    zeros = [np.zeros_like(value) for value in params]
    {"sgd": SGD, "adamw": Adam}[name](0.25, weight_decay=0.5).step(params, zeros)
    (0 * (model.weight.sum() + model.bias.sum())).backward()
    build_optimizer(OptimizerConfig(name=name, lr=0.25, weight_decay=0.5), model.parameters()).step()
    assert np.allclose(model.weight.numpy(), params[0], rtol=1e-6, atol=0)
    assert np.array_equal(model.bias.numpy(), params[1]) and params[1].tolist() == [1, 1]


def test_adam_does_not_see_the_scale_of_the_gradient():
    """梯度放大 1024 倍，m̂/√v̂ 不变；SGD 的步子则放大 1024 倍。"""
    small, large = np.zeros(2), np.zeros(2)
    adam_small, adam_large = Adam(0.125, epsilon=0.0), Adam(0.125, epsilon=0.0)
    for step in range(10):
        _, gradient = gradients(step)
        adam_small.step([small], [gradient])
        adam_large.step([large], [1024 * gradient])
    assert np.allclose(small, large, rtol=1e-12)


def test_momentum_reaches_one_over_one_minus_mu_times_the_step():
    """梯度恒为 1 时速度趋于 1/(1 − μ)：μ = 0.9 相当于学习率的 10 倍。"""
    w, optimizer = np.zeros(1), Momentum(1.0, 0.9)
    for _ in range(300):
        before = w.copy()
        optimizer.step([w], [np.ones(1)])
    assert before - w == pytest.approx(10, rel=1e-10)


# ---------------------------------------------------------------- 学习率


def test_decays_equal_paddle():
    schedulers = {
        lambda t: optimizers.step_decay(0.5, t, 3, 0.5): paddle.optimizer.lr.StepDecay(0.5, 3, 0.5),
        lambda t: optimizers.exponential_decay(0.5, t, 0.75): paddle.optimizer.lr.ExponentialDecay(0.5, 0.75),
        lambda t: optimizers.inverse_time_decay(0.5, t, 0.25): paddle.optimizer.lr.InverseTimeDecay(
            0.5, 0.25
        ),
        lambda t: optimizers.cosine_decay(0.5, t, 10): paddle.optimizer.lr.CosineAnnealingDecay(0.5, 10),
    }
    for mine, theirs in schedulers.items():
        for step in range(11):
            assert mine(step) == pytest.approx(theirs(), abs=1e-12)
            theirs.step()


@pytest.fixture
def problem():
    """y = Xw + 噪声，256 个样本，两列的尺度不同；返回 X、y 与最小二乘的解。"""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((256, 2)) * [2.0, 0.5]
    y = X @ np.array([2.0, -3.4]) + 0.5 * generator.standard_normal(256)
    return X, y, np.linalg.lstsq(X, y, rcond=None)[0]


def test_gradient_is_the_central_difference(problem):
    X, y, _ = problem
    w = np.array([0.3, -0.7])
    numeric = [
        (optimizers.squared_error(X, y, w + h) - optimizers.squared_error(X, y, w - h)) / 2e-5
        for h in 1e-5 * np.eye(2)
    ]
    assert np.allclose(optimizers.squared_error_gradient(X, y, w), numeric, rtol=1e-8)


@pytest.mark.parametrize(("factor", "converges"), [(0.01, True), (0.5, True), (0.99, True), (1.01, False)])
def test_two_over_the_largest_eigenvalue_is_the_limit(factor, converges, problem):
    X, y, solution = problem
    lr = factor * optimizers.largest_learning_rate(X)
    path = optimizers.descend(X, y, np.zeros(2), SGD(lr), batch_size=256, epochs=2000)
    distance = np.linalg.norm(path - solution, axis=1)
    if converges:
        assert distance[-1] < 1e-1 * distance[0]
        assert all(np.diff([optimizers.squared_error(X, y, w) for w in path[:200]]) < 0)
    else:
        assert distance[-1] > 1e6 * distance[0]


def test_batch_descent_ends_at_least_squares(problem):
    X, y, solution = problem
    path = optimizers.descend(X, y, np.zeros(2), SGD(0.2), batch_size=256, epochs=1000)
    assert path.shape == (1001, 2) and np.allclose(path[-1], solution, rtol=1e-10)


def test_decay_takes_stochastic_descent_closer(problem):
    """学习率不变，随机梯度下降在解的周围徘徊；η/(1 + γt) 使它停下来。"""
    X, y, solution = problem

    def final_distance(schedule):
        path = optimizers.descend(X, y, np.zeros(2), SGD(0.1), batch_size=1, epochs=40, schedule=schedule)
        assert path.shape == (256 * 40 + 1, 2)
        return np.linalg.norm(path[-256:] - solution, axis=1).mean()

    decayed = final_distance(lambda step: optimizers.inverse_time_decay(0.1, step, 0.01))
    assert decayed < final_distance(None) / 5


# ---------------------------------------------------------------- 批大小、累积、在线


@pytest.mark.parametrize("batch_size", [1, 4, 16, 64])
def test_gradient_noise_is_inverse_to_the_batch_size(batch_size, problem):
    """量得的噪声是 ``draws`` 个独立的值的平均，标准误是其标准差/√draws；容许 5 倍。"""
    X, y, _ = problem
    w, draws = np.array([1.0, 1.0]), 4000
    expected = optimizers.sample_variance(X, y, w) / batch_size
    groups = [
        optimizers.gradient_noise(X, y, w, batch_size, draws // 20, np.random.default_rng([batch_size, i]))
        for i in range(20)
    ]
    standard_error = np.std(groups, ddof=1) / np.sqrt(20)
    assert abs(np.mean(groups) - expected) < 5 * standard_error
    assert standard_error < 0.1 * expected  # 界限本身要够窄，这个测试才有意义


def test_minibatches_see_every_sample_once():
    batches = list(optimizers.minibatches(10, 4, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches)) == list(range(10))


def test_accumulating_without_averaging_multiplies_the_learning_rate(problem):
    X, y, _ = problem
    w = np.array([0.5, 0.5])
    full = optimizers.squared_error_gradient(X, y, w)
    summed = optimizers.accumulated_gradient(X, y, w, 32, average=False)
    assert np.allclose(summed, 8 * full, rtol=1e-12)  # 256 / 32 = 8 个小批
    by_sum, by_rate = w.copy(), w.copy()
    SGD(0.01).step([by_sum], [summed])
    SGD(8 * 0.01).step([by_rate], [full])
    assert np.allclose(by_sum, by_rate, rtol=1e-12)


@pytest.mark.parametrize("micro_batch_size", [1, 32, 100, 256])
def test_averaging_recovers_the_gradient_of_the_whole_batch(micro_batch_size, problem):
    """100 除不尽 256，最后一小批只有 56 个样本，所以要按样本数加权。"""
    X, y, _ = problem
    w = np.array([0.5, 0.5])
    averaged = optimizers.accumulated_gradient(X, y, w, micro_batch_size, average=True)
    assert np.allclose(averaged, optimizers.squared_error_gradient(X, y, w), rtol=1e-12)


def test_online_learning_follows_a_change():
    """真正的权重在半途变了：在线学习跟得上，只用前一半拟合一次的跟不上。"""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((2000, 2))
    noise = 0.1 * generator.standard_normal(2000)
    y = np.where(np.arange(2000) < 1000, X @ [2.0, -3.4], X @ [-1.0, 1.0]) + noise
    online = (optimizers.learn_online(X, y, SGD(0.05)) - y) ** 2
    fixed = (X @ np.linalg.lstsq(X[:1000], y[:1000], rcond=None)[0] - y) ** 2
    assert online[:10].mean() > 1  # 一开始什么也不会
    assert online[500:1000].mean() < 0.02  # 噪声的方差是 0.01
    assert online[1500:].mean() < 0.02 and fixed[1500:].mean() > 10
