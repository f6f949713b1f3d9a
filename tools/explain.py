"""网络看的是图像的哪里：显著图、遮挡图，与每个像素只改一点就认错的对抗样本。

    python tools/explain.py --weights output/lenet/best --out explain.png
    python tools/explain.py --weights output/lenet/best --input photos/ --levels 8 --out explain.png

不写 --input 时用测试部分（没有时用验证部分），另报告全部图像的对抗样本上的准确率；数据由检查点说明。
"""

from __future__ import annotations

from pathlib import Path

from paddle_notes import cli

NUM_ROWS = 4  # 画几张


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="explain.py", description=__doc__)
    cli.add_weights_argument(parser)
    cli.add_out_argument(parser, "PNG", "图画在这里", required=True)
    parser.add_argument("--input", type=Path, metavar="FILE|FOLDER", help="图像文件，或装着图像的文件夹")
    parser.add_argument(
        "--levels", type=int, default=32, metavar="N", help="对抗样本的每个像素改几级（共 256 级），默认 32"
    )
    cli.add_override_argument(parser, "data.path=别处")
    cli.add_device_argument(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes.errors import UserError

    if not 0 <= args.levels < 256:
        raise UserError(f"--levels 应在 0 与 255 之间，得到 {args.levels}")

    import numpy as np

    from paddle_notes.data.files import list_files
    from paddle_notes.inference import load

    trained = load(args.weights, overrides=args.override, device=args.device)
    if type(trained).__name__ != "ImageClassifier":
        raise UserError(f"{args.weights} 不是图像分类的检查点，这些图只用于图像分类")

    from paddle_notes.analysis.explain import draw, explain, fooled

    preprocess = trained.preprocess
    if args.input is not None:
        images = np.stack([preprocess.read(file) for file in list_files(args.input)[:NUM_ROWS]])
    else:
        data = trained.part("valid" if trained.parts.test is None else "test")
        before, after = fooled(trained.model, data, preprocess, args.levels)
        print(f"{data.num_samples} 张图像：准确率 {before:.1%}；每个像素改 {args.levels} 级之后 {after:.1%}")
        chosen = np.linspace(0, data.num_samples - 1, NUM_ROWS).astype(int)  # 各类的都有
        images, _ = data.dataset[chosen]
    found = explain(trained.model, images, preprocess, args.levels)
    draw(found, trained.info.class_names, args.out)
    print(args.out)
    return 0


if __name__ == "__main__":
    cli.run(main)
