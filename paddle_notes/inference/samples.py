"""生成对抗网络：由噪声生成图像。"""

from __future__ import annotations

import numpy as np
from paddle import nn

from paddle_notes.engine.samples import generate_images, make_grid
from paddle_notes.inference.trained import Input, Trained


class Sampler(Trained):
    """生成图像。"""

    tool = "generate"

    def sample(self, count: int = 64, seed: int = 0) -> np.ndarray:
        """``count`` 张图像 (count, C, s, s) uint8；同样的种子得到同样的图像。"""
        return generate_images(self.model, count, seed)

    def grid(self, count: int = 64, seed: int = 0) -> np.ndarray:
        """``count`` 张图像排成一张 (H, W, 3) uint8。"""
        return make_grid(self.sample(count, seed))

    def graph(self) -> nn.Layer:
        return self.model.average  # 推理时用的滑动平均

    def inputs(self) -> list[Input]:
        return [Input("noise", [None, self.model.latent_size], "float32")]
