"""显著图、遮挡图、对抗样本：线性网络上与公式相同，不动网络；工具给出图与准确率。"""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from paddle import nn
from PIL import Image

from paddle_notes import models
from paddle_notes.analysis.explain import draw, explain, fast_gradient_sign, occlusion, saliency
from paddle_notes.data.preprocess import Preprocess
from paddle_notes.runtime import seed_everything

PREPROCESS = Preprocess(2, 6, (0.5, 0.25), (0.25, 0.5), 6)


@pytest.fixture
def linear():
    """logits = W·x：两个通道、6×6 的图，三类。"""
    seed_everything(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 6 * 6, 3))
    model.eval()
    return model


@pytest.fixture
def images():
    return paddle.to_tensor(np.random.default_rng(0).standard_normal((4, 2, 6, 6)).astype("float32"))


def test_saliency_of_a_linear_network_is_its_weights(linear, images):
    classes = paddle.to_tensor([0, 1, 2, 1])
    found = saliency(linear, images, classes).numpy()
    weights = np.abs(linear[1].weight.numpy()).T.reshape(3, 2, 6, 6).max(1)  # (类, 6, 6)
    np.testing.assert_allclose(found, weights[classes.numpy()], rtol=1e-5)
    assert linear[1].weight.grad is None  # 参数的梯度没有动
    assert images.stop_gradient


def test_adversarial_step_moves_every_pixel_by_epsilon(linear, images):
    """∂L/∂x = W(p − y)：每个像素恰走 ε，损失上升。"""
    labels = paddle.to_tensor([0, 1, 2, 1])
    epsilon = paddle.to_tensor(np.array([0.1, 0.3], "float32").reshape(2, 1, 1))
    step = (fast_gradient_sign(linear, images, labels, epsilon) - images).numpy()
    p = nn.functional.softmax(linear(images), axis=-1).numpy()
    p[np.arange(4), labels.numpy()] -= 1
    expected = np.sign(p @ linear[1].weight.numpy().T).reshape(4, 2, 6, 6) * epsilon.numpy()
    np.testing.assert_allclose(step, expected, atol=1e-6)
    before, after = (
        nn.functional.cross_entropy(linear(x), labels).item()
        for x in (images, images + paddle.to_tensor(step))
    )
    assert after > before


def test_occlusion_finds_the_only_pixel_that_matters(images):
    """得分只看 (3, 2) 处的一个像素：只有盖住它的方块有影响。"""
    model = nn.Sequential(nn.Flatten(), nn.Linear(72, 2))
    weight = np.zeros((72, 2), "float32")
    weight[3 * 6 + 2, 0] = 1
    model[1].weight.set_value(weight)
    x = images.clone()
    x[:, 0, 3, 2] = 2.0
    drops = occlusion(model, x, paddle.zeros([4], "int64"), size=2, stride=1)
    assert drops.shape == (4, 5, 5)
    expected = 1 / (1 + np.exp(-2)) - 0.5
    covered = np.zeros((5, 5), bool)
    covered[2:4, 1:3] = True
    np.testing.assert_allclose(drops[:, covered], expected, atol=1e-6)
    assert np.abs(drops[:, ~covered]).max() == 0
    assert (x[:, 0, 3, 2] == 2.0).all()  # 原图没有动


def test_explanation_and_its_picture(linear, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 2, 6, 6)).astype("uint8")
    found = explain(linear, pixels, PREPROCESS, levels=20)
    logits = linear(paddle.to_tensor(PREPROCESS.normalize(pixels))).numpy()
    assert np.array_equal(found.classes, logits.argmax(1))
    change = found.adversarial.astype(int) - pixels
    assert np.abs(change).max() == 20 and found.adversarial.dtype == np.uint8
    inside = (pixels >= 20) & (pixels < 236)
    assert (np.abs(change[inside]) == 20).all()
    nothing = explain(linear, pixels, PREPROCESS, levels=0)
    assert np.array_equal(nothing.adversarial, pixels) and np.array_equal(nothing.fooled, nothing.classes)


def test_color_images_are_drawn(tmp_path):
    model = models.build("lenet", in_channels=3, image_size=16, num_classes=2)
    preprocess = Preprocess(3, 16, (0.5,) * 3, (0.5,) * 3, 16)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 16, 16)).astype("uint8")
    draw(explain(model, pixels, preprocess, 8), ["猫", "狗"], tmp_path / "图" / "a.png")
    with Image.open(tmp_path / "图" / "a.png") as picture:
        assert picture.size == (800, 440)


# ---------------------------------------------------------------- 工具


@pytest.fixture(scope="module")
def trained(load_tool, root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain") / "run"
    words = ["train.epochs=2", f"output_dir={folder}"]
    assert load_tool("train").main(["-c", str(root / "configs" / "lenet.yml"), "-o", *words]) == 0
    return folder


def test_tool_on_the_test_data(trained, tool, tmp_path):
    weights = trained / "best"
    found = []
    for levels in (0, 40):
        result = tool("explain", "--weights", weights, "--out", tmp_path / "a.png", "--levels", levels)
        assert result.code == 0, result.text
        line = next(line for line in result.out.splitlines() if line.startswith("1000 张图像"))
        found.append([float(word.split("%")[0]) for word in line.replace("后 ", "率 ").split("率 ")[1:]])
    assert found[0][0] == found[0][1] == found[1][0] > 50
    assert found[1][1] < found[1][0] - 20  # 认错的多得多
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG"


def test_tool_on_files(trained, tool, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.zeros((40, 40), "uint8")).save(folder / "a.png")
    words = ["--weights", trained / "best", "--out", tmp_path / "b.png"]
    assert tool("explain", *words, "--input", folder).code == 0
    cases = [
        (["--input", tmp_path / "none"], "找不到"),
        (["--levels", "256"], "--levels 应在 0 与 255 之间"),
        (["--levels", "-1"], "--levels"),
    ]
    for more, message in cases:
        result = tool("explain", *words, *more)
        assert result.code == 2 and message in result.err and "Traceback" not in result.text
