"""翻译：用训练好的网络（Transformer 或循环网络）由一句写出另一句。词表与切分取自检查点，不需要配置文件。

    python tools/translate.py --weights output/transformer_dates/best --text "二〇二四年六月六日"
    python tools/translate.py --weights output/transformer_en_zh/best --text "How are you?" --beam 1
    python tools/translate.py --weights output/transformer_dates/best --text 2024年六月六日 --out a.png
    python tools/translate.py --weights output/transformer_en_zh/best --evaluate

--evaluate 在测试部分（--split valid 则是验证部分）算 BLEU、chrF 与全对的比例，与最近邻检索并列，另存为
检查点旁边的 translation.json。一句有几个参考译文时，与每一个比。
"""

from __future__ import annotations

import json
from pathlib import Path

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="translate.py", description=__doc__)
    cli.add_weights_argument(parser, "output/transformer_dates/best")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", nargs="+", metavar="TEXT", help="要翻译的句子，可以写几句")
    what.add_argument("--evaluate", action="store_true", help="算 BLEU、chrF 与整句全对的比例")
    parser.add_argument(
        "--split",
        choices=["valid", "test"],
        default="test",
        help="--evaluate 评估哪一部分，默认 test（测试）",
    )
    parser.add_argument("--beam", type=int, default=4, metavar="N", help="束搜索的宽度，默认 4；1 为贪心解码")
    parser.add_argument("--temperature", type=float, metavar="T", help="改为按温度 T 采样")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="采样的随机种子，默认 0")
    cli.add_out_argument(parser, "PNG", "画第一句的交叉注意力：每层一行，每头一列")
    parser.add_argument(
        "--vdl", type=Path, metavar="FOLDER", help="把第一句的各种注意力写进 VisualDL 的日志文件夹"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    cli.add_override_argument(parser, "data.path=cmn.txt")
    cli.add_device_argument(parser)
    return parser.parse_args(argv)


def draw(maps: dict, args) -> None:
    """画第一句的注意力。"""
    from paddle_notes.ch10_transformer.attention_maps import as_picture, draw_heads
    from paddle_notes.fonts import chinese_font

    if chinese_font() is None:
        print("没有找到中文字体，图上的汉字会缺（Linux 可安装 fonts-noto-cjk 或 fonts-wqy-microhei）")
    if args.out is not None:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        draw_heads(*maps["cross"]).savefig(args.out, dpi=100, format="png")
        print(f"注意力的图：{args.out}")
    if args.vdl is not None:
        from visualdl import LogWriter

        with LogWriter(str(args.vdl)) as writer:
            for kind, found in maps.items():
                writer.add_image(f"attention/{kind}", as_picture(draw_heads(*found)), 0)
        print(f"看图：visualdl --logdir {cli.quote(str(args.vdl))} --language zh --disable-telemetry")


def report(scores: dict, count: int, args) -> dict:
    """打印译文的分数，返回要写进 translation.json 的内容。"""
    if args.temperature is not None:
        decoding = f"采样，温度 {args.temperature:g}"
    else:
        decoding = "贪心" if args.beam == 1 else f"束搜索，宽 {args.beam}"
    result = {"split": args.split, "samples": count, "decoding": decoding, "scores": scores}
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        part = {"valid": "验证", "test": "测试"}[args.split]
        print(f"{part}部分 {count} 个不同的源句，{decoding}")
        for name, metrics in scores.items():
            print(f"{name}：" + " ".join(f"{metric} {value:.4f}" for metric, value in metrics.items()))
    return result


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes.errors import UserError

    if args.beam < 1:
        raise UserError(f"--beam 应为正整数，得到 {args.beam}")
    if args.temperature is not None and not 0 < args.temperature < float("inf"):
        raise UserError(f"--temperature 应大于 0，得到 {args.temperature}；要最可能的词请去掉它")
    if args.seed < 0:
        raise UserError(f"--seed 不应小于 0，得到 {args.seed}")
    if args.evaluate and (args.out is not None or args.vdl is not None):
        raise UserError("--out 与 --vdl 画的是 --text 的第一句，不能与 --evaluate 合用")
    if args.override and not args.evaluate:
        raise UserError("-o 只用来改 --evaluate 的数据；翻译 --text 不需要数据，请去掉它")
    from paddle_notes.inference import load

    trained = load(args.weights, overrides=args.override, device=args.device)
    if trained.tool != "translate":
        raise UserError(f"{args.weights} 不是翻译的检查点；请先训练，如 configs/transformer_dates.yml")
    decoding = {"beam": args.beam, "temperature": args.temperature, "seed": args.seed}
    if args.evaluate:
        from paddle_notes.engine.checkpoint import write_json

        scores = trained.score(args.split, **decoding)
        result = report(scores, getattr(trained.parts, args.split).num_samples, args)
        write_json(trained.weights.parent / "translation.json", result)
        return 0
    answers = trained.translate(args.text, **decoding)
    for text, answer in zip(args.text, answers):
        print(json.dumps({"text": text, "answer": answer}, ensure_ascii=False) if args.json else answer)
    if args.out is not None or args.vdl is not None:
        draw(trained.attention(args.text[0], answers[0]), args)
    return 0


if __name__ == "__main__":
    cli.run(main)
