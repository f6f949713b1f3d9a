"""翻译：用训练好的 Transformer 由一句写出另一句。词表与切分取自检查点旁边的说明，不需要配置文件。

    python tools/translate.py --weights output/transformer_dates/best --text "二〇二四年六月六日"
    python tools/translate.py --weights output/transformer_en_zh/best --text "How are you?" --beam 1
    python tools/translate.py --weights output/transformer_dates/best --text 2024年六月六日 --attention a.png
    python tools/translate.py --weights output/transformer_en_zh/best --evaluate

--evaluate 在测试部分（--split valid 则是验证部分）算 BLEU、chrF 与全对的比例，与最近邻检索并列，另存为
检查点旁边的 translation.json。一句有几个参考译文时，与每一个比。
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from paddle_notes import cli

BATCH_SIZE = 64


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="translate.py", description=__doc__)
    parser.add_argument(
        "--weights", required=True, metavar="PATH", help="检查点，如 output/transformer_dates/best"
    )
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
    parser.add_argument(
        "--attention", type=Path, metavar="PNG", help="画第一句的交叉注意力：每层一行，每头一列"
    )
    parser.add_argument(
        "--vdl", type=Path, metavar="FOLDER", help="把第一句的三种注意力写进 VisualDL 的日志文件夹"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    cli.add_override_argument(parser, "data.path=cmn.txt")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto、cpu、gpu 或 gpu:N")
    return parser.parse_args(argv)


class Translator:
    """检查点里的网络与它的两份词表。"""

    def __init__(self, weights: str, args):
        from paddle_notes import models
        from paddle_notes.data.vocabulary import Vocabulary
        from paddle_notes.engine.checkpoint import load_weights, read_description
        from paddle_notes.errors import UserError

        options, info = read_description(weights)
        if info["kind"] != "pairs":
            raise UserError(f"{weights} 不是翻译的检查点；请先训练，如 configs/transformer_dates.yml")
        self.info, self.args = info, args
        self.model = models.build(**options)
        load_weights(self.model, weights)
        self.model.eval()
        self.sources = Vocabulary(self.info["source_vocabulary"])
        self.targets = Vocabulary(self.info["target_vocabulary"])

    def encode(self, texts: list[str]):
        """各句 → (N, S) int64；没有一个词元的句子是错误。"""
        from paddle_notes.data.vocabulary import pad, tokenize
        from paddle_notes.errors import UserError

        tokens = [tokenize(text, self.info["source_tokenizer"]) for text in texts]
        if not all(tokens):
            raise UserError("有一句里没有文字；请检查 --text")
        return pad([self.sources.encode(row) for row in tokens])[0]

    def write(self, ids) -> str:
        """目标句的编号 → 文字。"""
        return self.join(self.targets.decode(ids))

    def join(self, tokens: list[str]) -> str:
        """目标句的词元接成一句。"""
        return ("" if self.info["target_tokenizer"] == "char" else " ").join(tokens)

    def translate(self, texts: list[str]) -> list[str]:
        """各句的译文。"""
        import numpy as np
        import paddle

        from paddle_notes.data.vocabulary import BEGIN, END

        args, limits = self.args, (self.info["max_length"], BEGIN, END)
        generator, answers = np.random.default_rng(args.seed), []
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))  # 长短相近的放在一批
        for first in range(0, len(texts), BATCH_SIZE):
            index = order[first : first + BATCH_SIZE]
            sources = paddle.to_tensor(self.encode([texts[i] for i in index]))
            if args.temperature is not None:
                ids = self.model.sample(sources, *limits, args.temperature, generator)
            elif args.beam == 1:
                ids = self.model.decode(sources, *limits)
            else:
                ids = self.model.beam_search(sources, *limits, beam_size=args.beam)
            answers += zip(index, map(self.write, ids.tolist()))
        return [answer for _, answer in sorted(answers)]

    def attention(self, text: str, answer: str):
        """一句的各种注意力：名字 -> (每层 (h, Tq, Tk) 的权重, 行的文字, 列的文字)。"""
        import paddle

        from paddle_notes.data.vocabulary import BEGIN, END, SPECIAL, tokenize

        source = tokenize(text, self.info["source_tokenizer"])
        target = tokenize(answer, self.info["target_tokenizer"])
        ids = [BEGIN, *self.targets.encode(target)]
        with paddle.no_grad(), self.model.recording() as found:
            self.model(paddle.to_tensor(self.encode([text])), paddle.to_tensor([ids]))
        written = [*target, SPECIAL[END]]  # 每一行写出的词
        read = [SPECIAL[BEGIN], *target]  # 自注意力看的是已读入的词
        axes = {"encoder": (source, source), "decoder": (written, read), "cross": (written, source)}
        return {
            kind: ([weights[0].numpy() for weights in layers], *axes[kind]) for kind, layers in found.items()
        }


def evaluate(translator: Translator, args) -> dict:
    """在训练这个检查点的那份数据的测试（或验证）部分评估，并与最近邻检索对照。"""
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data
    from paddle_notes.data.pairs import translation_scores
    from paddle_notes.engine.matching import check_use

    config = load_config(Path(args.weights).parent / "config.yml", args.override)
    parts = build_data(config.data, config.seed)
    part = getattr(parts, args.split)
    note = check_use(args.weights, config, part.info(), {args.split: part.fingerprint()})
    if note:
        print(note, file=sys.stderr)
    sources, references = part.dataset.texts()
    answers = translator.translate(sources)
    if args.temperature is not None:
        decoding = f"采样，温度 {args.temperature:g}"
    else:
        decoding = "贪心" if args.beam == 1 else f"束搜索，宽 {args.beam}"
    scores = {"网络": translation_scores(answers, references)}
    for name, found in parts.train.baselines({args.split: part}).items():
        scores[name] = found[args.split]
    return {"split": args.split, "samples": len(sources), "decoding": decoding, "scores": scores}


def draw(translator: Translator, args, text: str, answer: str) -> None:
    """画第一句的注意力。"""
    from paddle_notes.ch10_transformer.attention_maps import as_picture, draw_heads
    from paddle_notes.fonts import chinese_font

    maps = translator.attention(text, answer)
    if chinese_font() is None:
        print("没有找到中文字体，图上的汉字会缺（Linux 可安装 fonts-noto-cjk 或 fonts-wqy-microhei）")
    if args.attention is not None:
        args.attention.parent.mkdir(parents=True, exist_ok=True)
        draw_heads(*maps["cross"]).savefig(args.attention, dpi=100, format="png")
        print(f"注意力的图：{args.attention}")
    if args.vdl is not None:
        from visualdl import LogWriter

        with LogWriter(str(args.vdl)) as writer:
            for kind, (layers, rows, columns) in maps.items():
                writer.add_image(f"attention/{kind}", as_picture(draw_heads(layers, rows, columns)), 0)
        print(f"看图：visualdl --logdir {cli.quote(str(args.vdl))} --language zh")


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import runtime
    from paddle_notes.engine.checkpoint import write_json
    from paddle_notes.errors import UserError

    if args.beam < 1:
        raise UserError(f"--beam 应为正整数，得到 {args.beam}")
    if args.temperature is not None and not 0 < args.temperature < float("inf"):
        raise UserError(f"--temperature 应大于 0，得到 {args.temperature}；要最可能的词请去掉它")
    if args.seed < 0:
        raise UserError(f"--seed 不应小于 0，得到 {args.seed}")
    if args.evaluate and (args.attention is not None or args.vdl is not None):
        raise UserError("--attention 与 --vdl 画的是 --text 的第一句，不能与 --evaluate 合用")
    if args.override and not args.evaluate:
        raise UserError("-o 只用来改 --evaluate 的数据；翻译 --text 不需要数据，请去掉它")
    runtime.prepare(args.device)
    translator = Translator(args.weights, args)
    if args.evaluate:
        result = evaluate(translator, args)
        if args.json:
            print(json.dumps(result, ensure_ascii=False))
        else:
            part = {"valid": "验证", "test": "测试"}[args.split]
            print(f"{part}部分 {result['samples']} 个不同的源句，{result['decoding']}")
            for name, metrics in result["scores"].items():
                print(f"{name}：" + " ".join(f"{metric} {value:.4f}" for metric, value in metrics.items()))
        write_json(Path(args.weights).parent / "translation.json", result)
        return 0
    answers = translator.translate(args.text)
    for text, answer in zip(args.text, answers):
        print(json.dumps({"text": text, "answer": answer}, ensure_ascii=False) if args.json else answer)
    if args.attention is not None or args.vdl is not None:
        draw(translator, args, args.text[0], answers[0])
    return 0


if __name__ == "__main__":
    cli.run(main)
