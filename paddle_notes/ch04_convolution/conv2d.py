"""二维卷积：同一个小窗口滑过整张图，每到一处做一次加权求和。

论文：LeCun, Bottou, Bengio, Haffner, *Gradient-Based Learning Applied to Document Recognition*, 1998；
im2col 的做法：Chellapilla, Puri, Simard,
*High Performance Convolutional Neural Networks for Document Processing*, 2006。

从一个通道、一张图的定义写起，再到多通道、步幅、填充的两种写法：逐个输出循环（照着公式读），
与 im2col（把每个窗口排成一列，整批只做一次矩阵乘法）。形状一律是

    x (N, C, H, W)，weight (K, C, kh, kw)，bias (K)，y (N, K, oh, ow)

各函数的 ``stride`` 与 ``padding`` 在高、宽两个方向上相同，窗口放不下的几行几列丢掉，与 Paddle 一致。
"""

from __future__ import annotations

import numpy as np

from paddle_notes.ch04_convolution.arithmetic import output_size

# ---------------------------------------------------------------- 一个通道


def cross_correlate2d(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """互相关，也就是深度学习里的“卷积”：(H, W)，(kh, kw) → (H − kh + 1, W − kw + 1)。"""
    kh, kw = kernel.shape
    y = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1))
    for i, j in np.ndindex(y.shape):
        # y[i, j] = Σ_a Σ_b x[i + a, j + b]·kernel[a, b]
        y[i, j] = np.sum(x[i : i + kh, j : j + kw] * kernel)
    return y


def convolve2d(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """信号处理中的卷积：下标是减号，等于先把核上下、左右翻转，再做互相关。形状同上。

    核是学出来的时候，翻不翻转只是给权重换个编号，所以各框架都省去这一步。
    """
    # y[i, j] = Σ_a Σ_b x[i + kh − 1 − a, j + kw − 1 − b]·kernel[a, b]
    return cross_correlate2d(x, kernel[::-1, ::-1])


# ---------------------------------------------------------------- 写法一：逐个输出循环


def pad(x: np.ndarray, padding: int) -> np.ndarray:
    """四周各补 ``padding`` 圈 0：(N, C, H, W) → (N, C, H + 2p, W + 2p)。"""
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def unpad(x: np.ndarray, padding: int) -> np.ndarray:
    """去掉四周的 ``padding`` 圈，是 :func:`pad` 的反向。"""
    return x[:, :, padding : x.shape[2] - padding, padding : x.shape[3] - padding]


def output_shape(x: np.ndarray, kh: int, kw: int, stride: int, padding: int) -> tuple[int, int]:
    """输出的高与宽。"""
    height, width = x.shape[2:]
    return (
        output_size(height, kh, stride, padding, floor=True),
        output_size(width, kw, stride, padding, floor=True),
    )


def conv2d_loops(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """卷积，逐个输出地算。一个核同时看全部 C 个通道，得到一张特征图；K 个核得到 K 张。"""
    kh, kw = weight.shape[2:]
    y = np.zeros((len(x), len(weight), *output_shape(x, kh, kw, stride, padding)))
    padded = pad(x, padding)
    for n, k, i, j in np.ndindex(y.shape):
        top, left = i * stride, j * stride
        # y[n, k, i, j] = Σ_c Σ_a Σ_b x[n, c, i·t + a, j·t + b]·weight[k, c, a, b] + bias[k]
        y[n, k, i, j] = np.sum(padded[n, :, top : top + kh, left : left + kw] * weight[k]) + bias[k]
    return y


def conv2d_loops_backward(
    dy: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """给定 ∂L/∂y，返回 ∂L/∂x、∂L/∂weight、∂L/∂bias。

    前向里 y[n, k, i, j] 用到哪个窗口、哪个核，梯度就原路送回那里；被几个输出用到，就加上几份。
    """
    kh, kw = weight.shape[2:]
    padded = pad(x, padding)
    dpadded, dweight, dbias = np.zeros_like(padded), np.zeros_like(weight), np.zeros(len(weight))
    for n, k, i, j in np.ndindex(dy.shape):
        rows, columns = slice(i * stride, i * stride + kh), slice(j * stride, j * stride + kw)
        # ∂y/∂窗口 = 核，∂y/∂核 = 窗口，∂y/∂偏置 = 1
        dpadded[n, :, rows, columns] += dy[n, k, i, j] * weight[k]
        dweight[k] += dy[n, k, i, j] * padded[n, :, rows, columns]
        dbias[k] += dy[n, k, i, j]
    return unpad(dpadded, padding), dweight, dbias


# ---------------------------------------------------------------- 写法二：im2col，整批一次矩阵乘法


def sliding_windows(x: np.ndarray, kh: int, kw: int, stride: int) -> np.ndarray:
    """每个输出对应的窗口：(N, C, H, W) → (N, C, oh, ow, kh, kw)。只是换个看法，不复制数据。"""
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))
    return windows[:, :, ::stride, ::stride]


def im2col(x: np.ndarray, kh: int, kw: int, stride: int = 1, padding: int = 0) -> np.ndarray:
    """把整批的每个窗口排成一列：(N, C, H, W) → (C·kh·kw, N·oh·ow)。

    相邻的窗口重叠，所以数据要复制：步幅为 1 时大约变成 kh·kw 倍，这是用内存换速度。
    """
    windows = sliding_windows(pad(x, padding), kh, kw, stride)  # (N, C, oh, ow, kh, kw)
    columns = windows.transpose(1, 4, 5, 0, 2, 3)  # (C, kh, kw, N, oh, ow)
    return columns.reshape(x.shape[1] * kh * kw, -1)


def col2im(
    columns: np.ndarray, shape: tuple[int, ...], kh: int, kw: int, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """:func:`im2col` 的反向：把每一列加回它来自的窗口，(C·kh·kw, N·oh·ow) → ``shape`` = (N, C, H, W)。

    只在窗口里的 kh·kw 个位置上循环：每一步把全部窗口的同一个位置一起加回去，彼此不重叠。
    """
    num_images, channels, height, width = shape
    padded = np.zeros((num_images, channels, height + 2 * padding, width + 2 * padding), columns.dtype)
    oh = output_size(height, kh, stride, padding, floor=True)
    ow = output_size(width, kw, stride, padding, floor=True)
    windows = columns.reshape(channels, kh, kw, num_images, oh, ow)
    for a, b in np.ndindex(kh, kw):
        rows, cols = slice(a, a + stride * oh, stride), slice(b, b + stride * ow, stride)
        padded[:, :, rows, cols] += windows[:, a, b].transpose(1, 0, 2, 3)  # (N, C, oh, ow)
    return unpad(padded, padding)


def conv2d(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """卷积，整批只做一次矩阵乘法。"""
    num_kernels, _, kh, kw = weight.shape
    oh, ow = output_shape(x, kh, kw, stride, padding)
    columns = im2col(x, kh, kw, stride, padding)  # (C·kh·kw, N·oh·ow)
    # Y = W·X + b，W 的每一行是一个核，X 的每一列是一个窗口
    y = weight.reshape(num_kernels, -1) @ columns + bias[:, None]  # (K, N·oh·ow)
    return y.reshape(num_kernels, len(x), oh, ow).transpose(1, 0, 2, 3)  # (N, K, oh, ow)


def conv2d_backward(
    dy: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """给定 ∂L/∂y，返回 ∂L/∂x、∂L/∂weight、∂L/∂bias；也是两次矩阵乘法。"""
    num_kernels, _, kh, kw = weight.shape
    columns = im2col(x, kh, kw, stride, padding)  # X：(C·kh·kw, N·oh·ow)
    dy = dy.transpose(1, 0, 2, 3).reshape(num_kernels, -1)  # dY：(K, N·oh·ow)
    # Y = W·X + b  ⇒  ∂L/∂W = dY·Xᵀ，∂L/∂X = Wᵀ·dY，∂L/∂b = dY 按行求和
    dweight = (dy @ columns.T).reshape(weight.shape)
    dcolumns = weight.reshape(num_kernels, -1).T @ dy  # (C·kh·kw, N·oh·ow)
    dbias = dy.sum(axis=1)
    return col2im(dcolumns, x.shape, kh, kw, stride, padding), dweight, dbias


# ---------------------------------------------------------------- 每个通道各自卷积


def depthwise_conv2d(x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    """逐通道卷积：第 c 个核只看第 c 个通道，通道之间不混合。weight (C, 1, kh, kw)，y (N, C, oh, ow)。"""
    windows = sliding_windows(pad(x, padding), *weight.shape[2:], stride)  # (N, C, oh, ow, kh, kw)
    # y[n, c, i, j] = Σ_a Σ_b x[n, c, i·t + a, j·t + b]·weight[c, 0, a, b]
    return np.einsum("ncijab,cab->ncij", windows, weight[:, 0])


def depthwise_conv2d_backward(
    dy: np.ndarray, x: np.ndarray, weight: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """给定 ∂L/∂y，返回 ∂L/∂x、∂L/∂weight。"""
    kh, kw = weight.shape[2:]
    windows = sliding_windows(pad(x, padding), kh, kw, stride)
    dweight = np.einsum("ncij,ncijab->cab", dy, windows)[:, None]
    dwindows = np.einsum("ncij,cab->cabnij", dy, weight[:, 0])  # (C, kh, kw, N, oh, ow)
    return col2im(dwindows.reshape(-1, dy[:, 0].size), x.shape, kh, kw, stride, padding), dweight


# ---------------------------------------------------------------- 写法三：Paddle 的基本运算


def conv2d_primitives(x, weight, bias, stride: int = 1, padding: int = 0):
    """同样的 im2col，用 Paddle 的 unfold 与 matmul 写；梯度由自动求导给出，不必再写反向。"""
    import paddle
    import paddle.nn.functional as F

    num_images = x.shape[0]
    num_kernels, _, kh, kw = weight.shape
    oh = output_size(x.shape[2], kh, stride, padding, floor=True)
    ow = output_size(x.shape[3], kw, stride, padding, floor=True)
    columns = F.unfold(x, [kh, kw], stride, padding)  # (N, C·kh·kw, oh·ow)
    columns = columns.transpose([1, 0, 2]).flatten(1)  # (C·kh·kw, N·oh·ow)
    y = paddle.matmul(weight.flatten(1), columns) + bias.unsqueeze(1)  # (K, N·oh·ow)
    return y.reshape([num_kernels, num_images, oh, ow]).transpose([1, 0, 2, 3])  # (N, K, oh, ow)
