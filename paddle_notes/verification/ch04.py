"""第 4 章的题目：卷积、池化、归一化的手写前向与反向，与 Paddle 的各种写法相等。

LRN 与批量归一化的常数取 float32 能精确表示的数（0.75、2⁻¹⁰ 等）：Paddle 把这些属性存成 float32。
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from paddle_notes.ch04_convolution import conv2d as conv
from paddle_notes.ch04_convolution import fully_connected as fc
from paddle_notes.ch04_convolution import normalization as norm
from paddle_notes.ch04_convolution import pooling
from paddle_notes.verification.core import Topic, functional, layer

EPSILON = 2.0**-10


# ---------------------------------------------------------------- 卷积


def make_conv_topic(
    generator: np.random.Generator,
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
) -> Topic:
    """im2col 写法的前向与反向，对照 Paddle 的基本运算与 ``nn.Conv2D``。"""
    from paddle import nn

    window = {"stride": stride, "padding": padding}
    shape = (out_channels, in_channels, kernel_size, kernel_size)

    def backward(dy, x, weight, bias):
        dx, dweight, dbias = conv.conv2d_backward(dy, x, weight, **window)
        return {"x": dx, "weight": dweight, "bias": dbias}

    return Topic(
        inputs={
            "x": generator.standard_normal((2, in_channels, 6, 5)),
            "weight": generator.standard_normal(shape),
            "bias": generator.standard_normal(out_channels),
        },
        forward=lambda x, weight, bias: conv.conv2d(x, weight, bias, **window),
        backward=backward,
        forms={
            "原语": functional(lambda x, weight, bias: conv.conv2d_primitives(x, weight, bias, **window)),
            "paddle.nn": layer(
                lambda: nn.Conv2D(in_channels, out_channels, kernel_size, **window),
                {"weight": "weight", "bias": "bias"},
            ),
        },
    )


def conv2d(generator: np.random.Generator) -> Topic:
    return make_conv_topic(generator, in_channels=1, out_channels=1, kernel_size=3)


def conv2d_stride_padding(generator: np.random.Generator) -> Topic:
    return make_conv_topic(generator, in_channels=1, out_channels=2, kernel_size=3, stride=2, padding=1)


def conv2d_channels(generator: np.random.Generator) -> Topic:
    return make_conv_topic(generator, in_channels=3, out_channels=4, kernel_size=3, padding=1)


def conv2d_1x1(generator: np.random.Generator) -> Topic:
    return make_conv_topic(generator, in_channels=4, out_channels=3, kernel_size=1)


def conv2d_loops(generator: np.random.Generator) -> Topic:
    """逐个输出循环的写法，对照 ``F.conv2d``。"""
    import paddle.nn.functional as F

    def backward(dy, x, weight, bias):
        dx, dweight, dbias = conv.conv2d_loops_backward(dy, x, weight, stride=2, padding=1)
        return {"x": dx, "weight": dweight, "bias": dbias}

    return Topic(
        inputs={
            "x": generator.standard_normal((2, 2, 4, 5)),
            "weight": generator.standard_normal((2, 2, 3, 3)),
            "bias": generator.standard_normal(2),
        },
        forward=lambda x, weight, bias: conv.conv2d_loops(x, weight, bias, stride=2, padding=1),
        backward=backward,
        forms={"paddle.nn": functional(lambda x, weight, bias: F.conv2d(x, weight, bias, 2, 1))},
    )


def conv2d_im2col(generator: np.random.Generator) -> Topic:
    """两种手写的写法相等：im2col 与逐个输出循环，前向与反向都是。"""

    def backward(dy, x, weight, bias):
        dx, dweight, dbias = conv.conv2d_backward(dy, x, weight, stride=2, padding=1)
        return {"x": dx, "weight": dweight, "bias": dbias}

    def loops(dy, x, weight, bias):
        dx, dweight, dbias = conv.conv2d_loops_backward(dy, x, weight, stride=2, padding=1)
        y = conv.conv2d_loops(x, weight, bias, stride=2, padding=1)
        return y, {"x": dx, "weight": dweight, "bias": dbias}

    return Topic(
        inputs={
            "x": generator.standard_normal((2, 3, 5, 5)),
            "weight": generator.standard_normal((4, 3, 3, 3)),
            "bias": generator.standard_normal(4),
        },
        forward=lambda x, weight, bias: conv.conv2d(x, weight, bias, stride=2, padding=1),
        backward=backward,
        forms={"循环": loops},
    )


def convolution_flip(generator: np.random.Generator) -> Topic:
    """信号处理的卷积 = 翻转核的互相关；只比值，梯度在 conv2d 各题里。"""
    from scipy.signal import convolve2d

    def scipy_form(dy, x, kernel):
        return convolve2d(x, kernel, mode="valid"), {}

    def flipped(x, kernel):
        import paddle.nn.functional as F

        kernel = kernel.flip([0, 1])
        return F.conv2d(x.unsqueeze([0, 1]), kernel.unsqueeze([0, 1]))[0, 0]

    return Topic(
        inputs={"x": generator.standard_normal((6, 7)), "kernel": generator.standard_normal((3, 2))},
        forward=conv.convolve2d,
        forms={"scipy.signal": scipy_form, "原语": functional(flipped)},
    )


def depthwise_conv(generator: np.random.Generator) -> Topic:
    """每个通道各自卷积：组数等于通道数。"""
    import paddle.nn.functional as F
    from paddle import nn

    def backward(dy, x, weight):
        return dict(zip(("x", "weight"), conv.depthwise_conv2d_backward(dy, x, weight, stride=2, padding=1)))

    return Topic(
        inputs={
            "x": generator.standard_normal((2, 3, 6, 5)),
            "weight": generator.standard_normal((3, 1, 3, 3)),
        },
        forward=lambda x, weight: conv.depthwise_conv2d(x, weight, stride=2, padding=1),
        backward=backward,
        forms={
            "原语": functional(lambda x, weight: F.conv2d(x, weight, None, 2, 1, groups=3)),
            "paddle.nn": layer(
                lambda: nn.Conv2D(3, 3, 3, 2, 1, groups=3, bias_attr=False), {"weight": "weight"}
            ),
        },
    )


def fc_as_conv(generator: np.random.Generator) -> Topic:
    """7×7 特征图上的全连接层，等于 7×7 卷积，也等于 ``nn.Linear``。"""
    import paddle.nn.functional as F
    from paddle import nn

    def backward(dy, x, weight, bias):
        return dict(zip(("x", "weight", "bias"), fc.fully_connected_backward(dy, x, weight)))

    def by_conv(x, weight, bias):
        return F.conv2d(x, fc.as_kernel(weight, 2, 7, 7), bias).flatten(1)  # (N, K, 1, 1) → (N, K)

    return Topic(
        inputs={
            "x": generator.standard_normal((2, 2, 7, 7)),
            "weight": generator.standard_normal((2 * 7 * 7, 3)),
            "bias": generator.standard_normal(3),
        },
        forward=fc.fully_connected,
        backward=backward,
        forms={
            "原语": functional(by_conv),
            "paddle.nn": layer(
                lambda: nn.Linear(2 * 7 * 7, 3),
                {"weight": "weight", "bias": "bias"},
                call=lambda net, x: net(x.flatten(1)),
            ),
        },
    )


# ---------------------------------------------------------------- 池化


def make_pool_topic(
    x: np.ndarray, forward: Callable, backward: Callable, reduce: Callable, build: Callable
) -> Topic:
    """窗口 4×4、步幅 2：彼此重叠，一个像素可以属于几个窗口；1/16 能用 float32 精确表示。"""

    def primitive(x):
        import paddle.nn.functional as F

        num_images, channels, height, width = x.shape
        columns = F.unfold(x, 4, 2).reshape([num_images, channels, 16, -1])  # (N, C, 16, oh·ow)
        y = reduce(columns)  # (N, C, oh·ow)
        return y.reshape([num_images, channels, (height - 4) // 2 + 1, (width - 4) // 2 + 1])

    return Topic(
        inputs={"x": x},
        forward=lambda x: forward(x, 4, 2),
        backward=lambda dy, x: {"x": backward(dy, x, 4, 2)},
        forms={"原语": functional(primitive), "paddle.nn": layer(build, {})},
    )


def max_pool(generator: np.random.Generator) -> Topic:
    from paddle import nn

    # 打乱的等差数列：没有并列的最大值，差分的步长也改变不了谁最大
    x = generator.permutation(np.linspace(-2, 2, 2 * 2 * 7 * 6)).reshape(2, 2, 7, 6)
    return make_pool_topic(
        x,
        pooling.max_pool2d,
        pooling.max_pool2d_backward,
        lambda columns: columns.max(2),
        lambda: nn.MaxPool2D(4, 2),
    )


def average_pool(generator: np.random.Generator) -> Topic:
    from paddle import nn

    return make_pool_topic(
        generator.standard_normal((2, 2, 7, 6)),
        pooling.average_pool2d,
        pooling.average_pool2d_backward,
        lambda columns: columns.mean(2),
        lambda: nn.AvgPool2D(4, 2),
    )


# ---------------------------------------------------------------- 归一化


def per_channel(values):
    """(C) → (1, C, 1, 1)。"""
    return values.reshape([1, -1, 1, 1])


def batch_norm_training(generator: np.random.Generator) -> Topic:
    from paddle import nn

    def backward(dy, x, gamma, beta):
        gradients = norm.batch_norm_training_backward(dy, x, gamma, EPSILON)
        return dict(zip(("x", "gamma", "beta"), gradients))

    def primitive(x, gamma, beta):
        mean = x.mean([0, 2, 3], keepdim=True)
        variance = ((x - mean) ** 2).mean([0, 2, 3], keepdim=True)
        return per_channel(gamma) * (x - mean) / (variance + EPSILON).sqrt() + per_channel(beta)

    return Topic(
        inputs={
            "x": generator.normal(0.5, 2, (4, 3, 3, 2)),
            "gamma": generator.uniform(0.5, 1.5, 3),
            "beta": generator.standard_normal(3),
        },
        forward=lambda x, gamma, beta: norm.batch_norm_training(x, gamma, beta, EPSILON),
        backward=backward,
        forms={
            "原语": functional(primitive),
            "paddle.nn": layer(
                lambda: nn.BatchNorm2D(3, epsilon=EPSILON), {"gamma": "weight", "beta": "bias"}
            ),
        },
    )


def batch_norm_inference(generator: np.random.Generator) -> Topic:
    import paddle
    import paddle.nn.functional as F
    from paddle import nn

    mean, variance = generator.standard_normal(3), generator.uniform(0.5, 2, 3)
    running = [paddle.to_tensor(mean), paddle.to_tensor(variance)]

    def backward(dy, x, gamma, beta):
        gradients = norm.batch_norm_inference_backward(dy, x, gamma, mean, variance, EPSILON)
        return dict(zip(("x", "gamma", "beta"), gradients))

    def call(net, x):
        net.eval()
        net._mean.set_value(running[0])
        net._variance.set_value(running[1])
        return net(x)

    return Topic(
        inputs={
            "x": generator.normal(0.5, 2, (2, 3, 3, 2)),
            "gamma": generator.uniform(0.5, 1.5, 3),
            "beta": generator.standard_normal(3),
        },
        forward=lambda x, gamma, beta: norm.batch_norm_inference(x, gamma, beta, mean, variance, EPSILON),
        backward=backward,
        forms={
            "原语": functional(
                lambda x, gamma, beta: F.batch_norm(x, *running, gamma, beta, False, epsilon=EPSILON)
            ),
            "paddle.nn": layer(
                lambda: nn.BatchNorm2D(3, epsilon=EPSILON), {"gamma": "weight", "beta": "bias"}, call
            ),
        },
    )


def batch_norm_running_statistics(generator: np.random.Generator) -> Topic:
    """一步之后的滑动均值与方差，(2, C)；它们没有梯度，只比值。"""
    import paddle
    from paddle import nn

    def primitive(x, mean, variance):
        batch_mean = x.mean([0, 2, 3])
        batch_variance = ((x - per_channel(batch_mean)) ** 2).mean([0, 2, 3])
        return paddle.stack([(mean + batch_mean) / 2, (variance + batch_variance) / 2])

    def by_layer(x, mean, variance):
        net = nn.BatchNorm2D(3, momentum=0.5)
        net.to(dtype="float64")
        net._mean.set_value(mean)
        net._variance.set_value(variance)
        net(x)
        return paddle.stack([net._mean, net._variance])

    return Topic(
        inputs={
            "x": generator.normal(0.5, 2, (4, 3, 3, 2)),
            "mean": generator.standard_normal(3),
            "variance": generator.uniform(0.5, 2, 3),
        },
        forward=lambda x, mean, variance: np.stack(norm.update_running(mean, variance, x, momentum=0.5)),
        forms={"原语": functional(primitive), "paddle.nn": functional(by_layer)},
        note="momentum 取 0.5：Paddle 把它存成 float32；方差除以 m，不是 m − 1",
    )


def lrn(generator: np.random.Generator) -> Topic:
    import paddle
    from paddle import nn

    size, alpha, beta, k = 5, 0.025, 0.75, 2.0

    def primitive(x):
        zeros = paddle.zeros_like(x)[:, : size // 2]
        squares = paddle.concat([zeros, x**2, zeros], axis=1)  # 两端各补 ⌊n/2⌋ 个通道
        total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
        return x / (k + alpha * total) ** beta

    return Topic(
        inputs={"x": generator.standard_normal((2, 7, 2, 3))},
        forward=lambda x: norm.local_response_norm(x, size, alpha, beta, k),
        backward=lambda dy, x: {"x": norm.local_response_norm_backward(dy, x, size, alpha, beta, k)},
        forms={
            "原语": functional(primitive),
            "paddle.nn": layer(lambda: nn.LocalResponseNorm(size, alpha=size * alpha, beta=beta, k=k), {}),
        },
        note="Paddle 对 n 个平方取平均，所以它的 alpha 是 n·α；它的反向把 1/n 存成 float32，梯度之差由此而来",
    )


TOPICS: dict[str, Callable[[np.random.Generator], Topic]] = {
    function.__name__: function
    for function in (
        conv2d,
        conv2d_stride_padding,
        conv2d_channels,
        conv2d_1x1,
        conv2d_loops,
        conv2d_im2col,
        convolution_flip,
        depthwise_conv,
        fc_as_conv,
        max_pool,
        average_pool,
        batch_norm_training,
        batch_norm_inference,
        batch_norm_running_statistics,
        lrn,
    )
}
