"""本章的图：不读手写数字的几张都画一遍，大小、内容都对。"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from paddle_notes.ch01_machine_learning.figures import FIGURES
from paddle_notes.fonts import chinese_font


@pytest.fixture(scope="module", autouse=True)
def font():
    """画图之前先选好字体，tools/figures.py 也是这样。"""
    chinese_font()


@pytest.mark.parametrize("name", ["image_as_array", "k_fold", "feature_scaling", "imagenet_errors", "dbscan"])
def test_figure_is_drawn(name, tmp_path, root):
    path = tmp_path / f"{name}.png"
    FIGURES[name](path)
    drawn = np.asarray(Image.open(path).convert("RGB"))
    published = Image.open(root / "docs_zh" / "images" / f"{name}.png")
    assert (drawn.shape[1], drawn.shape[0]) == published.size  # 与页面上的是同一张图
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 20


def test_every_figure_is_published(root):
    for name in FIGURES:
        assert (root / "docs_zh" / "images" / f"{name}.png").is_file()
