"""用检查点生成：语言模型接着开头往下写，生成网络画一张样本的拼图。

    python tools/generate.py --weights output/char_lstm/best --prompt 春 --temperature 0.8 --length 100
    python tools/generate.py --weights output/dcgan/best --count 64 --out grid.png

字表与网络取自检查点旁边的说明，不需要配置文件。同样的种子写出同样的文字、画出同样的图像。
诗写到结束符为止。
"""

from __future__ import annotations

from pathlib import Path

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="generate.py", description=__doc__)
    parser.add_argument("--weights", required=True, metavar="PATH", help="检查点，如 output/char_lstm/best")
    parser.add_argument("--prompt", metavar="TEXT", help="语言模型：文字的开头")
    parser.add_argument("--length", type=int, default=100, metavar="N", help="往下写几个字符，默认 100")
    parser.add_argument(
        "--temperature", type=float, default=0.8, metavar="T", help="越低越稳妥，0 总取最可能的，默认 0.8"
    )
    parser.add_argument("--count", type=int, default=64, metavar="N", help="生成网络：画几个样本，默认 64")
    parser.add_argument("--out", type=Path, metavar="PNG", help="生成网络：图像写到这里")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="随机种子，默认 0")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto、cpu、gpu 或 gpu:N")
    return parser.parse_args(argv)


def check(args) -> None:
    """参数的取值范围。"""
    import math

    from paddle_notes.errors import UserError

    for name in ("length", "count"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} 应为正整数，得到 {getattr(args, name)}")
    if not 0 <= args.temperature < math.inf:
        raise UserError(f"--temperature 应不小于 0，得到 {args.temperature}")
    if not 0 <= args.seed < 2**31:
        raise UserError(f"--seed 应在 0 与 2³¹ − 1 之间，得到 {args.seed}")


def write_text(model, info: dict, args) -> None:
    """接着 ``--prompt`` 往下写，打印开头与写出的文字。"""
    import numpy as np

    from paddle_notes.data.vocabulary import UNKNOWN, Vocabulary, clean
    from paddle_notes.errors import UserError

    prompt = clean(args.prompt or "")
    if not prompt:
        raise UserError("语言模型要有开头，例如 --prompt 春")
    vocabulary = Vocabulary(info["vocabulary"])
    ids = vocabulary.encode(prompt)
    unknown = dict.fromkeys(character for character, index in zip(prompt, ids) if index == UNKNOWN)
    if unknown:
        raise UserError(f"字表里没有“{'”“'.join(unknown)}”：训练的文字里没有它，或太少见；请换一个开头")
    generator = np.random.default_rng(args.seed)
    if info["boundary"] != UNKNOWN:  # 先读上一篇的末尾，网络由此知道这是一篇的开头
        ids = [info["boundary"], *ids]
    written = model.generate(np.array([ids], "int64"), args.length, args.temperature, generator)[0]
    print(prompt + "".join(vocabulary.decode(written)))


def draw_samples(model, args) -> None:
    """画生成网络的样本。"""
    from PIL import Image

    from paddle_notes.engine.adversarial import generate_images, make_grid
    from paddle_notes.errors import UserError

    if args.out is None:
        raise UserError("生成网络要用 --out grid.png 说明图像写到哪里")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(make_grid(generate_images(model, args.count, args.seed))).save(args.out, format="PNG")
    print(args.out)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    check(args)
    from paddle_notes import models, runtime
    from paddle_notes.errors import UserError

    runtime.prepare(args.device)

    from paddle_notes.engine.checkpoint import load_weights, read_description

    options, info = read_description(args.weights)
    model = models.build(**options)
    if info["kind"] not in ("language", "image") or not hasattr(model, "generate"):
        raise UserError(f"{args.weights} 的网络 {options['name']} 不能生成；需要语言模型或生成网络")
    load_weights(model, args.weights)
    model.eval()
    if info["kind"] == "language":
        write_text(model, info, args)
    else:
        draw_samples(model, args)
    return 0


if __name__ == "__main__":
    cli.run(main)
