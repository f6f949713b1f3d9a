"""用检查点生成：语言模型接着开头往下写，生成网络画一张样本的拼图。

    python tools/generate.py --weights output/char_lstm/best --prompt 春 --temperature 0.8 --length 100
    python tools/generate.py --weights output/dcgan/best --count 64 --out grid.png

字表与网络取自检查点，不需要配置文件。同样的种子写出同样的文字、画出同样的图像。
诗写到结束符为止。
"""

from __future__ import annotations

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="generate.py", description=__doc__)
    cli.add_weights_argument(parser, "output/char_lstm/best")
    parser.add_argument("--prompt", metavar="TEXT", help="语言模型：文字的开头")
    parser.add_argument("--length", type=int, default=100, metavar="N", help="往下写几个字符，默认 100")
    parser.add_argument(
        "--temperature", type=float, default=0.8, metavar="T", help="越低越稳妥，0 总取最可能的，默认 0.8"
    )
    parser.add_argument("--count", type=int, default=64, metavar="N", help="生成网络：画几个样本，默认 64")
    cli.add_out_argument(parser, "PNG", "生成网络：图像写到这里")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="随机种子，默认 0")
    cli.add_device_argument(parser)
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


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    check(args)
    from paddle_notes.errors import UserError
    from paddle_notes.inference import load

    trained = load(args.weights, device=args.device)
    kind = type(trained).__name__
    if kind == "Writer":
        from paddle_notes.data.files import clean

        prompt = clean(args.prompt or "")
        print(prompt + trained.write(prompt, args.length, args.temperature, args.seed))
    elif kind == "Sampler":
        if args.out is None:
            raise UserError("生成网络要用 --out grid.png 说明图像写到哪里")
        from PIL import Image

        args.out.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(trained.grid(args.count, args.seed)).save(args.out, format="PNG")
        print(args.out)
    else:
        raise UserError(f"{args.weights} 的网络 {trained.options['name']} 不能生成；需要语言模型或生成网络")
    return 0


if __name__ == "__main__":
    cli.run(main)
