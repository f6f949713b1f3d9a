"""不用 paddle 得到词向量：手写的 NumPy 训练，或数共现。"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from dataclasses import fields
from pathlib import Path

from paddle_notes.errors import UserError

VECTORS = Path("output/word2vec_numpy/vectors.txt")


def positive(kind: type):
    """argparse 的类型：大于 0 的整数或数。"""

    def parse(text: str):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    parse.__name__ = kind.__name__
    return parse


def add_arguments(train: argparse.ArgumentParser, count: argparse.ArgumentParser) -> None:
    """两条命令的参数。"""
    for command, output in ((train, VECTORS.parent), (count, Path("output/word2vec_counts"))):
        command.add_argument("--input", type=Path, metavar="FILE", help="UTF-8 文本；不写则用自带的报纸")
        command.add_argument(
            "--out", type=Path, default=output, metavar="DIR", help=f"输出文件夹，默认 {output}"
        )
        command.add_argument("--embedding-dim", type=positive(int), metavar="D", help="维数，默认 100")
        command.add_argument("--window", type=positive(int), metavar="N", help="窗口半径，默认 2")
        command.add_argument(
            "--min-count", type=positive(int), default=5, metavar="N", help="词至少出现几次，默认 5"
        )
    train.add_argument("--architecture", choices=["skip_gram", "cbow"], help="跳字模型或连续词袋")
    train.add_argument(
        "--objective",
        choices=["negative_sampling", "hierarchical_softmax", "softmax"],
        help="负采样、层次 softmax 或完整的 softmax",
    )
    train.add_argument("--negatives", type=positive(int), metavar="N", help="每个例子的反例数，默认 5")
    train.add_argument("--subsample", type=float, metavar="T", help="二次采样的阈值，默认 0.0001；0 为不做")
    train.add_argument("--epochs", type=positive(int), metavar="N", help="语料用几遍，默认 5")
    train.add_argument("--batch-size", type=positive(int), metavar="N", help="批大小，默认 512")
    train.add_argument("--lr", type=positive(float), metavar="LR", help="开始时的学习率，默认 0.05")
    train.add_argument("--seed", type=int, metavar="N", help="随机种子，默认 0")
    existing = train.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="从输出文件夹里的检查点继续")
    existing.add_argument("--overwrite", action="store_true", help="覆盖输出文件夹里的上一次训练")


def read_corpus(args: argparse.Namespace):
    """语料与词表：各词的编号 (T,)，它在第几句 (T,)，词表。"""
    from paddle_notes.ch08_word_vectors import corpus

    if args.input is None:
        sentences = corpus.read_tagged(corpus.newspaper_path())
    else:
        print(f"用 jieba 给 {args.input} 分词……")
        sentences = corpus.read_text(args.input)
    vocabulary = corpus.Vocabulary.build(sentences, args.min_count)
    ids, numbers = vocabulary.encode(sentences)
    total = sum(map(len, sentences))
    print(f"语料 {total:,} 个词，词表 {len(vocabulary):,} 个词，其中的词共出现 {len(ids):,} 次")
    return ids, numbers, vocabulary


def count(args: argparse.Namespace) -> None:
    """数共现、点互信息、奇异值分解。"""
    from paddle_notes.ch08_word_vectors.counting import cooccurrence, positive_pmi, svd_vectors
    from paddle_notes.ch08_word_vectors.vectors import WordVectors

    embedding_dim, window = args.embedding_dim or 100, args.window or 2
    try:
        ids, numbers, vocabulary = read_corpus(args)
    except ValueError as error:
        raise UserError(str(error)) from error
    if embedding_dim >= len(vocabulary):
        raise UserError(f"--embedding-dim 是 {embedding_dim}，要小于词数 {len(vocabulary)}")
    counts = cooccurrence(ids, numbers, window, len(vocabulary))
    if counts.nnz == 0:
        raise UserError("没有哪一句剩下两个词；请减小 --min-count，或换更长的文本")
    vectors = WordVectors(vocabulary.words, svd_vectors(positive_pmi(counts), embedding_dim))
    vectors.save(args.out / "vectors.txt")
    print(f"词向量写在 {args.out / 'vectors.txt'}")


def train(args: argparse.Namespace) -> None:
    from visualdl import LogWriter

    from paddle_notes.ch08_word_vectors.training import Settings, Trainer
    from paddle_notes.ch08_word_vectors.vectors import WordVectors, write_embeddings

    given = {field.name: getattr(args, field.name) for field in fields(Settings)}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    if not 0 <= settings.subsample < float("inf"):
        raise UserError(f"--subsample 不应小于 0，得到 {settings.subsample}")
    if settings.seed < 0:
        raise UserError(f"--seed 不应小于 0，得到 {settings.seed}")
    checkpoint = args.out / "checkpoint.npz"
    if args.resume and not checkpoint.exists():
        raise UserError(f"{args.out} 里没有检查点，不能继续；请去掉 --resume")
    if checkpoint.exists() and not (args.resume or args.overwrite):
        raise UserError(f"{args.out} 里已有一次训练；请加上 --resume 继续，--overwrite 覆盖，或换一个 --out")

    try:
        ids, numbers, vocabulary = read_corpus(args)
        trainer = Trainer(ids, numbers, vocabulary, settings)
        if args.resume:
            trainer.load(checkpoint)
    except ValueError as error:
        raise UserError(str(error)) from error
    log = args.out / "vdlrecords.word2vec.log"
    if not args.resume:
        log.unlink(missing_ok=True)
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):  # 继续时它提示文件已存在，正是我们要的
        writer = LogWriter(logdir=str(args.out), file_name=log.name)
    with writer:

        def after_epoch(epoch: int, loss: float, count: int) -> None:
            nonlocal started
            speed = count / (time.perf_counter() - started)
            print(f"第 {epoch}/{settings.epochs} 轮：损失 {loss:.4f}，{count:,} 个例子，每秒 {speed:,.0f} 个")
            trainer.save(checkpoint)
            writer.add_scalar("loss", loss, epoch)
            started = time.perf_counter()

        try:
            trainer.run(after_epoch)
        except ValueError as error:
            raise UserError(str(error)) from error
        except KeyboardInterrupt:
            raise UserError("已中断；加上 --resume 从最近完成的一轮之后继续") from None
        vectors = WordVectors(vocabulary.words, trainer.input_vectors)
        write_embeddings(writer, vectors)
    vectors.save(args.out / "vectors.txt")
    print(f"词向量写在 {args.out / 'vectors.txt'}")
