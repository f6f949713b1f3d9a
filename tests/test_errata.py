"""笔记勘误：docs_zh/errata.md 里的每一条由这里的一个测试说了算。"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn

PAGE = Path(__file__).resolve().parent.parent / "docs_zh" / "errata.md"


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum()


def weighted_layers(model: nn.Layer) -> list[str]:
    """带权重的层（卷积与全连接）的种类，依次排列。"""
    kinds = (nn.Conv2D, nn.Linear)
    return [type(layer).__name__ for layer in model.sublayers() if isinstance(layer, kinds)]


# ---------------------------------------------------------------- 损失


def test_logistic_regression_minimises_cross_entropy():
    """y = 1 时 −log σ(z) 的二阶导处处为正，(σ(z) − 1)² 的在 z < −log 2 处为负，而且错得越离谱梯度越小。"""
    z = np.linspace(-10, 10, 2001)
    h = z[1] - z[0]

    def curvature(loss):
        return (loss[2:] - 2 * loss[1:-1] + loss[:-2]) / h**2

    cross_entropy, squared = -np.log(sigmoid(z)), (sigmoid(z) - 1) ** 2
    assert (curvature(cross_entropy) > 0).all()
    middle = z[1:-1]
    assert (curvature(squared)[middle < -np.log(2) - h] < 0).all()
    assert (curvature(squared)[middle > -np.log(2) + h] > 0).all()

    logit = paddle.to_tensor([-10.0], dtype="float64", stop_gradient=False)
    F.binary_cross_entropy_with_logits(logit, paddle.ones([1], "float64")).backward()
    by_cross_entropy = logit.grad.item()
    logit.clear_gradient()
    F.mse_loss(F.sigmoid(logit), paddle.ones([1], "float64")).backward()
    assert by_cross_entropy == pytest.approx(sigmoid(-10.0) - 1)  # σ(z) − y，几乎是 −1
    assert 0 > logit.grad.item() > -1e-4


def test_cross_entropy_takes_the_logarithm_of_the_prediction():
    label, p = np.array([0.0, 1.0, 0.0]), np.array([0.2, 0.7, 0.1])
    right = -np.sum(label * np.log(p))
    by_paddle = F.cross_entropy(paddle.to_tensor(np.log(p)[None]), paddle.to_tensor([1]))
    assert right == pytest.approx(-np.log(0.7)) == pytest.approx(by_paddle.item())
    with np.errstate(divide="ignore"):
        assert -np.sum(p * np.log(label)) == np.inf  # 标签里的 0 取不了对数

    # 标签不是独热时：写对的在 p = 标签 处最小；写反的对 p 是线性的，把概率全押给最可能的一类更小
    label = np.array([0.5, 0.3, 0.2])
    others = np.random.default_rng(0).dirichlet(np.ones(3), 1000)
    assert (-(label * np.log(others)).sum(1) > -(label * np.log(label)).sum()).all()
    assert -np.sum(np.array([1.0, 0, 0]) * np.log(label)) < -np.sum(label * np.log(label))


def test_softmax_denominator_sums_over_its_own_index():
    z = np.array([1.0, 2.0, 3.0])
    right = np.array([np.exp(z[i]) / sum(np.exp(z[j]) for j in range(3)) for i in range(3)])
    assert right.sum() == pytest.approx(1)
    assert right == pytest.approx(F.softmax(paddle.to_tensor(z)).numpy())
    # 分母也用 i：里面的循环改掉了外面的 i，分子总是最后一个
    same_index = []
    for i in range(3):
        total = 0.0
        for i in range(3):
            total += np.exp(z[i])
        same_index.append(np.exp(z[i]) / total)
    assert same_index == pytest.approx([right[2]] * 3)
    # 对 j 求和而加的是 e^{z_i}：分子分母约去，与 z 无关
    wrong_term = [np.exp(z[i]) / sum(np.exp(z[i]) for j in range(3)) for i in range(3)]
    assert wrong_term == pytest.approx([1 / 3] * 3)


def test_sigmoid_is_the_two_class_case_of_softmax():
    for z in (-3.0, 0.0, 1.5):
        assert softmax(np.array([z, 0.0]))[0] == pytest.approx(sigmoid(z), rel=1e-14)
    for a, b in ((2.0, 1.0), (-1.0, 3.0)):
        assert softmax(np.array([a, b]))[0] == pytest.approx(sigmoid(a - b), rel=1e-14)
    scores = np.array([2.0, 1.0, -0.5])
    # 逐个 sigmoid 不是概率分布
    assert sigmoid(scores).sum() > 1.9 and softmax(scores).sum() == pytest.approx(1)
    # 改动一个分数，softmax 的各项都变，sigmoid 只变这一项
    moved = np.array([2.0, 1.0, 0.5])
    assert (softmax(moved) != softmax(scores)).all()
    assert (sigmoid(moved) != sigmoid(scores)).tolist() == [False, False, True]


def test_gradient_of_the_squared_error_is_prediction_minus_answer():
    rng = np.random.default_rng(0)
    y, y_hat = rng.standard_normal((2, 6))

    def mse(y_hat):
        return np.mean((y_hat - y) ** 2)

    h, steps = 1e-6, np.eye(6)
    numeric = np.array([(mse(y_hat + h * e) - mse(y_hat - h * e)) / (2 * h) for e in steps])
    prediction = paddle.to_tensor(y_hat, stop_gradient=False)
    F.mse_loss(prediction, paddle.to_tensor(y)).backward()
    right = 2 * (y_hat - y) / 6
    assert right == pytest.approx(numeric, abs=1e-9)
    assert right == pytest.approx(prediction.grad.numpy(), abs=1e-12)
    # 沿负梯度走，代价变小；照 2(y − ŷ)/N 走，变大
    wrong = -right
    assert mse(y_hat - 0.5 * right) < mse(y_hat) < mse(y_hat - 0.5 * wrong)


def logistic_descent(X: np.ndarray, t: np.ndarray, lr: float, steps: int) -> np.ndarray:
    """没有惩罚的逻辑回归，从 0 开始做 ``steps`` 步梯度下降，返回权重（最后一个是偏置）。"""
    A = np.column_stack([X, np.ones(len(X))])
    w = np.zeros(A.shape[1])
    for _ in range(steps):
        w -= lr * A.T @ (sigmoid(A @ w) - t) / len(t)
    return w


def test_logistic_regression_depends_on_scaling_unless_unpenalised_and_solved():
    from sklearn.linear_model import LogisticRegression

    from paddle_notes.ch02_linear_models.logistic_regression import fit

    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3))
    t = (rng.random(300) < sigmoid(X @ [1.0, -2.0, 1.0])).astype(float)  # 分不开，所以没有惩罚也有最小值
    scaled = X * [1, 1, 1e-3]

    def probabilities(X, penalty: float):
        w, b, _ = fit(X, t, C=1 / penalty, max_steps=200)
        return sigmoid(X @ w + b)

    # 求到底：惩罚小到没有时，预测不变；惩罚是 scikit-learn 默认的强度时，变了，变法也与它相同
    unchanged = np.abs(probabilities(X, 1e-10) - probabilities(scaled, 1e-10)).max()
    changed = np.abs(probabilities(X, 1.0) - probabilities(scaled, 1.0)).max()
    assert unchanged < 1e-4 and changed > 0.1
    theirs = LogisticRegression(tol=1e-10, max_iter=10_000).fit(scaled, t).predict_proba(scaled)[:, 1]
    assert theirs == pytest.approx(probabilities(scaled, 1.0), abs=1e-4)
    # 没有惩罚而梯度下降走固定的步数：也变了
    before, after = (logistic_descent(Z, t, lr=0.5, steps=100) for Z in (X, scaled))
    assert np.abs(sigmoid(X @ before[:3] + before[3]) - sigmoid(scaled @ after[:3] + after[3])).max() > 0.1


def test_small_batches_are_the_noisier_ones():
    from paddle_notes.ch02_linear_models import optimizers
    from paddle_notes.ch02_linear_models.figures_training import make_problem

    X, y, solution = make_problem()
    start, generator = np.array([-1.5, 1.0]), np.random.default_rng(0)
    sizes = np.array([1, 4, 16, 64])
    noise = np.array([optimizers.gradient_noise(X, y, start, size, 4000, generator) for size in sizes])
    assert noise * sizes == pytest.approx(np.full(4, optimizers.sample_variance(X, y, start)), rel=0.1)

    def jitter(batch_size: int) -> float:
        """学习率相同，走同样的 2,048 步，最后一半里代价在最小值之上的平均。"""
        epochs = 2048 * batch_size // len(X)
        path = optimizers.descend(X, y, start, optimizers.SGD(0.1), batch_size, epochs)[1024:]
        minimum = optimizers.squared_error(X, y, solution)
        return float(np.mean([optimizers.squared_error(X, y, w) - minimum for w in path]))

    jitters = [jitter(size) for size in (1, 8, 64)]
    assert jitters[0] > 5 * jitters[1] > 25 * jitters[2]


def test_a_smaller_loss_is_not_robustness():
    """一个特征有八成五与标签同号，300 个特征各自只偏 0.15 个标准差；后者合起来更准，却一推就倒。"""
    rng = np.random.default_rng(0)

    def sample(count: int) -> tuple[np.ndarray, np.ndarray]:
        t = rng.integers(0, 2, count)
        y = 2 * t - 1
        strong = y * np.where(rng.random(count) < 0.85, 1, -1)
        weak = rng.standard_normal((count, 300)) + 0.15 * y[:, None]
        return np.column_stack([strong, weak]), t

    X, t = sample(4_000)
    test_X, test_t = sample(4_000)
    pushed = test_X - 0.3 * (2 * test_t - 1)[:, None]  # 每个特征都向错的一边推 0.3
    results = []
    for columns in (1, 301):
        w = logistic_descent(X[:, :columns], t, lr=0.5, steps=100)

        def loss_and_accuracy(X, w=w, columns=columns):
            z = X[:, :columns] @ w[:-1] + w[-1]
            loss = np.mean(np.logaddexp(0, z) - test_t * z)
            return float(loss), float(np.mean((z > 0) == test_t))

        results.append((*loss_and_accuracy(test_X), loss_and_accuracy(pushed)[1]))
    (loss_one, accuracy_one, robust_one), (loss_all, accuracy_all, robust_all) = results
    assert loss_all < loss_one / 5 and accuracy_all > 0.98 and 0.8 < accuracy_one < 0.9
    assert robust_one == accuracy_one and robust_all < 0.05


# ---------------------------------------------------------------- 正则化


@pytest.fixture(scope="module")
def diabetes():
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    return X * 1000 + 3, y  # 各列的均值不是 0，标准差不是 1


def test_stronger_penalty_fits_less_closely(diabetes):
    from paddle_notes.ch02_linear_models.regularization import elastic_net, ridge

    X, y = diabetes
    X = (X - X.mean(0)) / X.std(0)
    for fit in (ridge, elastic_net):
        errors = []
        for strength in (0.0, 0.1, 1.0, 10.0, 40.0):
            w, b = fit(X, y, strength)
            errors.append(np.mean((X @ w + b - y) ** 2))
        assert (np.diff(errors) > 0).all()


def test_l2_penalty_is_the_sum_of_squares():
    """Paddle 的 L2Decay(λ) 加上的梯度是 λw，即 λ/2·Σw² 的梯度；开了方的梯度是 λw/‖w‖，长度恒为 λ。"""
    value = np.array([3.0, 4.0])
    w = paddle.create_parameter([2], "float64")
    w.set_value(paddle.to_tensor(value))
    (0 * w.sum()).backward()
    paddle.optimizer.SGD(1.0, [w], weight_decay=paddle.regularizer.L2Decay(0.5)).step()
    added = value - w.numpy()
    assert added.tolist() == (0.5 * value).tolist()
    assert added.tolist() != pytest.approx((0.5 * value / np.linalg.norm(value)).tolist())


def test_dividing_by_the_deviation_is_not_regularisation(diabetes):
    """标准化之后的最小二乘，预测与原来的一模一样；正则化之后的不一样，训练误差变大。"""
    from paddle_notes.ch02_linear_models.regularization import ridge

    X, y = diabetes
    standardised = (X - X.mean(0)) / X.std(0)

    def predict(X, strength):
        w, b = ridge(X, y, strength)
        return X @ w + b

    plain = predict(X, 0.0)
    assert np.allclose(predict(standardised, 0.0), plain, rtol=1e-8)
    regularised = predict(standardised, 1.0)
    assert np.abs(regularised - plain).max() > 1
    assert np.mean((regularised - y) ** 2) > np.mean((plain - y) ** 2)


# ---------------------------------------------------------------- 卷积


def test_two_3x3_kernels_have_18_weights_a_channel_pair():
    for channels in (1, 8):

        def conv(size, channels=channels):
            return nn.Conv2D(channels, channels, size, padding=size // 2, bias_attr=False)

        pair, single = nn.Sequential(conv(3), conv(3)), conv(5)
        counts = [sum(p.size for p in model.parameters()) for model in (pair, single)]
        assert counts == [18 * channels**2, 25 * channels**2]
        # 看到的范围一样大：中间的一个输出只依赖 5×5 的输入
        for model in (pair, single):
            x = paddle.zeros([1, channels, 11, 11])
            x.stop_gradient = False
            model(x)[0, :, 5, 5].sum().backward()
            seen = np.argwhere(x.grad.numpy()[0].any(0))
            assert (seen.min(0).tolist(), seen.max(0).tolist()) == ([3, 3], [7, 7])


def test_one_kernel_over_three_channels_gives_one_map():
    paddle.seed(0)
    images = paddle.randn([2, 3, 8, 8])
    one, eight = nn.Conv2D(3, 1, 3), nn.Conv2D(3, 8, 3)
    assert one(images).shape == [2, 1, 6, 6] and eight(images).shape == [2, 8, 6, 6]
    assert one.weight.shape == [1, 3, 3, 3] and sum(p.size for p in one.parameters()) == 3 * 9 + 1
    # 三个通道各自卷积，再加起来：一张图
    separate = [F.conv2d(images[:, c : c + 1], one.weight[:, c : c + 1]) for c in range(3)]
    assert np.allclose((sum(separate) + one.bias).numpy(), one(images).numpy(), atol=1e-6)


def test_pooling_has_no_parameters_and_is_no_attention():
    def count(model) -> int:
        return sum(p.size for p in model.parameters())

    def convolutions(shrink):
        return nn.Sequential(nn.Conv2D(3, 8, 3, padding=1), shrink, nn.Conv2D(8, 16, 3, padding=1))

    assert count(nn.MaxPool2D(2)) == count(nn.AvgPool2D(2)) == 0
    assert count(convolutions(nn.MaxPool2D(2))) == count(convolutions(nn.Identity()))
    # 展平的全连接层变小，是因为特征图变小；隔一个取一个（步幅 2）一样
    sides = [
        convolutions(shrink)(paddle.zeros([1, 3, 8, 8])).shape[-1]
        for shrink in (nn.Identity(), nn.MaxPool2D(2))
    ]
    strided = nn.Conv2D(3, 8, 3, stride=2, padding=1)(paddle.zeros([1, 3, 8, 8])).shape[-1]
    assert sides == [8, 4] and strided == 4

    rng = np.random.default_rng(0)
    images = [rng.standard_normal((1, 1, 2, 2)) for _ in range(2)]

    def weights(pool, image) -> np.ndarray:
        """输出对窗口里各个位置的导数，也就是它们的权重。"""
        x = paddle.to_tensor(image, stop_gradient=False)
        pool(x).sum().backward()
        return x.grad.numpy().ravel()

    average = [weights(lambda x: F.avg_pool2d(x, 2), image) for image in images]
    assert average[0].tolist() == average[1].tolist() == [0.25] * 4  # 与内容无关
    largest = [weights(lambda x: F.max_pool2d(x, 2), image) for image in images]
    for weight, image in zip(largest, images):
        assert np.array_equal(weight, image.ravel() == image.max())  # 只取一个，别处是 0
    # 注意力：同样的输入，查询不同，权重就不同；每个位置都有份，和为 1
    keys = rng.standard_normal((4, 3))
    attention = [softmax(keys @ query) for query in rng.standard_normal((2, 3))]
    assert np.abs(attention[0] - attention[1]).max() > 0.1
    assert all((weight > 0).all() and weight.sum() == pytest.approx(1) for weight in attention)


# ---------------------------------------------------------------- 归一化


def test_batch_norm_works_without_convolutions():
    rng = np.random.default_rng(0)
    x = paddle.to_tensor((3 + 2 * rng.standard_normal((64, 5))).astype("float32"))
    dense, spatial = nn.BatchNorm1D(5), nn.BatchNorm2D(5)
    y = dense(x)  # (N, D)：每个特征在这一批里均值 0、方差 1
    assert np.abs(y.numpy().mean(0)).max() < 1e-5 and y.numpy().var(0) == pytest.approx(np.ones(5), abs=1e-4)
    assert np.allclose(y.numpy(), spatial(x.reshape([64, 5, 1, 1])).numpy()[..., 0, 0], atol=1e-6)

    # 全连接的网络，初值的标准差 0.01：没有归一化，信号一层层缩小，学不动
    labels = paddle.to_tensor((x.numpy()[:, 0] > 3).astype("int64"))

    def train(normalize: bool) -> float:
        paddle.seed(0)
        small = paddle.ParamAttr(initializer=nn.initializer.Normal(std=0.01))
        layers = []
        for num_inputs in (5, 32, 32):
            layers.append(nn.Linear(num_inputs, 32, weight_attr=small))
            layers += [nn.BatchNorm1D(32), nn.ReLU()] if normalize else [nn.ReLU()]
        model = nn.Sequential(*layers, nn.Linear(32, 2))
        optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
        for _ in range(50):
            loss = F.cross_entropy(model(x - 3), labels)
            loss.backward()
            optimizer.step()
            optimizer.clear_grad()
        return loss.item()

    assert train(normalize=False) > 0.6  # 停在 ln 2 = 0.693 附近
    assert train(normalize=True) < 0.1


def test_local_response_norm_is_five_channels_and_no_regularisation():
    from paddle_notes.ch02_linear_models.regularization import ridge
    from paddle_notes.ch04_convolution.normalization import local_response_norm

    rng = np.random.default_rng(0)
    a = 30 * rng.standard_normal((2, 9, 3, 3))
    b = local_response_norm(a, size=5, alpha=1e-4, beta=0.75, k=2)
    squares = (a[:, 2:7] ** 2).sum(1)  # 第 4 个通道与左右各两个：五个平方，不是三个
    assert b[:, 4] == pytest.approx(a[:, 4] / (2 + 1e-4 * squares) ** 0.75)
    paddles = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)  # Paddle 取平均，所以 α 乘以 5
    assert np.allclose(paddles(paddle.to_tensor(a.astype("float32"))).numpy(), b, rtol=1e-4, atol=1e-5)
    assert not paddles.parameters()
    moved = a.copy()
    moved[:, 1] += 100  # 第 1 个通道在第 4 个的邻域之外，在第 3 个的邻域之内
    c = local_response_norm(moved, 5, 1e-4, 0.75, 2)
    assert np.array_equal(c[:, 4], b[:, 4]) and not np.array_equal(c[:, 3], b[:, 3])

    # 不限制能拟合什么：在它的输出上，随机的标签照样拟合得一个不差；真正的正则化不能
    features = local_response_norm(30 * rng.standard_normal((20, 40, 1, 1)), 5, 1e-4, 0.75, 2)[:, :, 0, 0]
    labels = rng.choice([-1.0, 1.0], 20)

    def training_error(strength: float) -> float:
        w, bias = ridge(features, labels, strength)
        return float(np.mean((features @ w + bias - labels) ** 2))

    assert training_error(1e-9) < 1e-9 and training_error(100.0) > 0.01


# ---------------------------------------------------------------- 网络


def test_lenet_has_sigmoid_after_its_convolutions():
    from paddle_notes.ch05_classic_cnn.lenet import LeNet

    layers = LeNet(form="original").sublayers()
    after = [type(layers[i + 1]) for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2D)]
    assert after == [nn.Sigmoid, nn.Sigmoid]
    assert not any(isinstance(layer, nn.Softmax) for layer in layers)
    # 论文的 1.7159·tanh(2a/3) 就是放缩、平移了的 sigmoid；softmax 不是逐个元素的函数
    a = np.linspace(-5, 5, 101)
    assert 1.7159 * np.tanh(2 * a / 3) == pytest.approx(1.7159 * (2 * sigmoid(4 * a / 3) - 1))
    assert softmax(a)[50] != pytest.approx(softmax(a[40:])[10])  # 同一个 0，邻居不同，结果就不同


def test_lenet_was_not_the_first_neural_network():
    from paddle_notes.ch03_neural_networks.autograd import Tensor
    from paddle_notes.ch03_neural_networks.perceptron import INPUTS, TRUTH_TABLES, train_perceptron

    # 1958 年的规则学会“与”“或”，一千轮也学不会“异或”
    learned = {
        name: min(train_perceptron(INPUTS, truth, 1000)[2]) == 0 for name, truth in TRUTH_TABLES.items()
    }
    assert learned == {"and": True, "or": True, "xor": False}
    # 1986 年的反向传播加一个隐藏层，学会了
    rng = np.random.default_rng(0)
    parameters = [
        Tensor(value) for value in (rng.standard_normal((2, 8)), np.zeros(8), rng.standard_normal((8, 1)))
    ]
    w1, b1, w2 = parameters
    target = TRUTH_TABLES["xor"][:, None]
    for _ in range(500):
        y = ((Tensor(INPUTS) @ w1 + b1).tanh() @ w2).sigmoid()
        (-(target * y.log() + (1 - target) * (1 - y).log()).mean()).backward()
        for parameter in parameters:
            parameter.data = parameter.data - 1.0 * parameter.grad
            parameter.grad = np.zeros_like(parameter.grad)
    assert ((y.data > 0.5) == target).all()
    # 页面里的年表：每一行有出处，年份递增，最后才是 LeNet-5
    section = PAGE.read_text(encoding="utf-8").split("## LeNet 是第一个神经网络")[1].split("\n## ")[0]
    rows = re.findall(
        r"^\| (\d{4}) \| (.+?) \| \[.+\]\(https://doi\.org/10\.\S+\) \|$", section, re.MULTILINE
    )
    years = [int(year) for year, _ in rows]
    assert len(rows) == 7 and years == sorted(years) and rows[-1] == ("1998", "LeNet-5") and years[-2] < 1998


def test_alexnet_has_8_layers_with_weights():
    from paddle_notes.ch05_classic_cnn.alexnet import alexnet

    model = alexnet(num_classes=10, image_size=67)
    assert weighted_layers(model) == ["Conv2D"] * 5 + ["Linear"] * 3
    without = (nn.MaxPool2D, nn.ReLU, nn.LocalResponseNorm, nn.Dropout)
    others = [layer for layer in model.sublayers() if isinstance(layer, without)]
    assert len(others) == 14  # 3 个池化、7 个 ReLU、2 个 LRN、2 个丢弃，都没有权重
    assert not any(layer.parameters() for layer in others)


def test_vgg16_has_13_convolutions_and_3_linear_layers():
    from paddle_notes.ch05_classic_cnn.vgg import vgg16

    model = vgg16(num_classes=10, image_size=32)
    assert weighted_layers(model) == ["Conv2D"] * 13 + ["Linear"] * 3
    convolutions = [layer for layer in model.sublayers() if isinstance(layer, nn.Conv2D)]
    assert {tuple(conv.weight.shape[2:]) for conv in convolutions} == {(3, 3)}  # 1×1 的在配置 C 里
    assert [conv.weight.shape[0] for conv in convolutions] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert not any(isinstance(layer, nn.LocalResponseNorm) for layer in model.sublayers())


def test_googlenet_is_22_layers_deep():
    """沿最长的路数带权重的层：开头 3 个卷积，9 个 Inception 各 2 个，分类器 1 个。"""
    from paddle_notes.ch06_modern_cnn.googlenet import INCEPTIONS, GoogLeNet

    model = GoogLeNet(num_classes=10, image_size=64)
    stem = weighted_layers(model.stem)
    depths = [
        max(len(weighted_layers(branch)) for branch in (block.branch1, block.branch3, block.branch5))
        for block in model.inceptions.values()
    ]
    assert stem == ["Conv2D"] * 3 and depths == [2] * 9
    assert len(stem) + sum(depths) + 1 == 22
    assert all(len(weighted_layers(block)) == 6 for block in model.inceptions.values())
    for block, widths in zip(model.inceptions.values(), INCEPTIONS.values()):
        kernels = [layer.weight.shape for layer in block.sublayers() if isinstance(layer, nn.Conv2D)]
        assert kernels[4][2:] == [5, 5]  # 是真的 5×5，不是 3×3
        assert block.out_channels == widths[0] + widths[2] + widths[4] + widths[5]  # 四条支路拼接
    saved = sum((25 - 9) * widths[3] * widths[4] for widths in INCEPTIONS.values())
    assert saved == 380_928  # 写成 3×3 的程序库少了这么多参数
    # 池化支路：先池化，后 1×1 卷积
    assert isinstance(next(iter(block.branch_pool.children())), nn.MaxPool2D)
    # 末尾是全局平均池化，只有一个全连接层；辅助分类器只在训练时有输出
    assert model.classifier.weight.shape == [1024, 10]
    images = paddle.zeros([2, 3, 64, 64])
    model.train()
    assert len(model(images)) == 3
    model.eval()
    assert model(images).shape == [2, 10]


def test_densenet_concatenates_instead_of_adding():
    from paddle_notes.ch06_modern_cnn.densenet import DenseLayer, densenet121, make_block

    paddle.seed(0)
    x = paddle.randn([2, 16, 8, 8])
    y = DenseLayer(16, growth_rate=12, bc=True)(x)
    assert y.shape == [2, 16 + 12, 8, 8]  # 多出 k 个通道；相加的话通道数不变
    assert np.array_equal(y[:, :16].numpy(), x.numpy())  # 原来的通道原样留着
    assert make_block(64, num_layers=6, growth_rate=32, bc=True)(paddle.zeros([1, 64, 4, 4])).shape[1] == 256

    model = densenet121(num_classes=10, growth_rate=4, image_size=32)
    # 121 = 第一个卷积 + 58 个稠密层各 2 个卷积 + 3 个过渡层 + 分类器
    assert len(weighted_layers(model)) == 121 == 1 + 2 * (6 + 12 + 24 + 16) + 3 + 1


# ---------------------------------------------------------------- 页面


def test_the_page_names_every_test():
    """每一条都写着证明它的测试，名字没有写错；每个测试都在页面里。"""
    page = PAGE.read_text(encoding="utf-8")
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    named = [re.findall(r"`(test_\w+)`", section) for section in sections]
    assert all(named), "有一条没有写证明它的测试"
    ours = {name for name in globals() if name.startswith("test_")} - {"test_the_page_names_every_test"}
    assert set().union(*named) == ours
