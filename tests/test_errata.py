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


# ---------------------------------------------------------------- 网络


def test_lenet_has_sigmoid_after_its_convolutions():
    from paddle_notes.ch05_classic_cnn.lenet import LeNet

    layers = LeNet(form="original").sublayers()
    after = [type(layers[i + 1]) for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2D)]
    assert after == [nn.Sigmoid, nn.Sigmoid]
    assert not any(isinstance(layer, nn.Softmax) for layer in layers)


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
