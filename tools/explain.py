"""网络看的是图像的哪里：显著图、遮挡图，与每个像素只改一点就认错的对抗样本。

    python tools/explain.py --weights output/lenet/best --image explain.png
    python tools/explain.py --weights output/lenet/best --input photos/ --levels 8 --image explain.png

不写 --input 时用测试部分（没有时用验证部分），另报告全部图像的对抗样本上的准确率；数据由检查点旁边的
config.yml 说明。
"""

from __future__ import annotations

import sys
from pathlib import Path

from paddle_notes import cli

NUM_ROWS = 4  # 画几张


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="explain.py", description=__doc__)
    parser.add_argument("--weights", required=True, metavar="PATH", help="检查点，如 output/lenet/best")
    parser.add_argument("--image", type=Path, required=True, metavar="PNG", help="图画在这里")
    parser.add_argument("--input", type=Path, metavar="FILE|FOLDER", help="图像文件，或装着图像的文件夹")
    parser.add_argument(
        "--levels", type=int, default=32, metavar="N", help="对抗样本的每个像素改几级（共 256 级），默认 32"
    )
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto、cpu、gpu 或 gpu:N")
    return parser.parse_args(argv)


def report(model, data, preprocess, levels: int) -> None:
    """全部图像上，原图与对抗样本的准确率。"""
    import numpy as np
    import paddle

    from paddle_notes.analysis.explain import fast_gradient_sign

    mean, std = (
        np.array(values, "float32").reshape(-1, 1, 1) for values in (preprocess.mean, preprocess.std)
    )
    low, high, epsilon = (
        paddle.to_tensor(one) for one in (-mean / std, (1 - mean) / std, levels / 255 / std)
    )
    right = [0, 0]
    for arrays in data.epoch():
        images, labels = map(paddle.to_tensor, arrays)
        moved = fast_gradient_sign(model, images, labels, epsilon)
        for i, x in enumerate((images, paddle.minimum(paddle.maximum(moved, low), high))):
            with paddle.no_grad():
                right[i] += int((model(x).argmax(-1) == labels).sum())
    before, after = (count / data.num_samples for count in right)
    print(f"{data.num_samples} 张图像：准确率 {before:.1%}；每个像素改 {levels} 级之后 {after:.1%}")


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.errors import UserError

    if not 0 <= args.levels < 256:
        raise UserError(f"--levels 应在 0 与 255 之间，得到 {args.levels}")
    runtime.prepare(args.device)

    import numpy as np

    from paddle_notes.analysis.explain import draw, explain
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data
    from paddle_notes.data.images import Preprocess, list_files
    from paddle_notes.engine.checkpoint import load_weights, read_description
    from paddle_notes.engine.matching import check_use

    options, info = read_description(args.weights)
    model = models.build(**options)
    if info["kind"] != "image" or hasattr(model, "generator"):
        raise UserError(f"{args.weights} 不是图像分类的检查点，这些图只用于图像分类")
    load_weights(model, args.weights)
    model.eval()
    preprocess = Preprocess(**info["preprocess"])
    if args.input is not None:
        images = np.stack([preprocess.read(file) for file in list_files(args.input)[:NUM_ROWS]])
    else:
        file = Path(args.weights).parent / "config.yml"
        if not file.is_file():
            raise UserError(f"找不到 {file}，不知道用什么数据；请用 --input 给出图像")
        config = load_config(file)
        parts = build_data(config.data, config.seed)
        split = "valid" if parts.test is None else "test"
        data = getattr(parts, split)
        note = check_use(args.weights, config, data.info(), {split: data.fingerprint()})
        if note:
            print(note, file=sys.stderr)
        report(model, data, preprocess, args.levels)
        chosen = np.linspace(0, data.num_samples - 1, NUM_ROWS).astype(int)  # 各类的都有
        images, _ = data.dataset[chosen]
    draw(explain(model, images, preprocess, args.levels), info["class_names"], args.image)
    print(args.image)
    return 0


if __name__ == "__main__":
    cli.run(main)
