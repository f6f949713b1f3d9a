"""证明手写的 NumPy、Paddle 的原语、paddle.nn 是同一件事：值相等，梯度相等，差分检验通过。

    python tools/verify.py                       # 全部题目
    python tools/verify.py ch03 ch04.conv2d      # 一章，或一个题目
    python tools/verify.py --json

每个题目打印三个数，都用 float64：各种写法的输出之差、梯度之差、手推的梯度与差分之差。
随机的题目（丢弃法、初始化）看它们的矩是否落在由抽样个数推出的界限之内。
有一个题目不通过，退出状态就是 1。
"""

from __future__ import annotations

import json
import time

from paddle_notes import cli

SEED = 0


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="verify.py", description=__doc__)
    parser.add_argument(
        "topics", nargs="*", metavar="TOPIC", help="题目或章，如 ch03.sigmoid、ch04；不写则全部"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    return parser.parse_args(argv)


def select(names: list[str], wanted: list[str]) -> list[str]:
    """``wanted`` 指的题目：全名、一章，或不带章号的题目名。"""
    from paddle_notes.errors import UserError, suggestion

    chosen = []
    for word in wanted:
        matches = [name for name in names if word in (name, *name.split(".", 1))]
        if not matches:
            chapters = {name.split(".")[0] for name in names}
            shorts = {name.split(".", 1)[1] for name in names}
            raise UserError(f"没有名为 {word} 的题目；{suggestion(word, {*names, *chapters, *shorts})}")
        chosen += [name for name in matches if name not in chosen]
    return chosen or names


def show(value: float | None) -> str:
    return f"{'—':>9}" if value is None else f"{value:9.1e}"


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import runtime

    environment = runtime.prepare("cpu")

    import numpy as np

    from paddle_notes.verification import all_topics
    from paddle_notes.verification.core import GRAD_BAR, GRADCHECK_BAR, VALUE_BAR, check

    topics = all_topics()
    names = select(list(topics), args.topics)
    started, results = time.perf_counter(), []
    if not args.json:
        print(environment)
        print(f"界限：值 {VALUE_BAR:g}，梯度 {GRAD_BAR:g}，差分 {GRADCHECK_BAR:g}（都是 float64 的相对差）\n")
        print(f"{'topic':<36}{'value':>9} {'grad':>9} {'check':>9}  结果")
    for name in names:
        runtime.seed_everything(SEED)
        topic = topics[name](np.random.default_rng(SEED))
        result = check(name, topic, np.random.default_rng(SEED + 1))
        results.append(result)
        if args.json:
            continue
        numbers = " ".join(show(v) for v in (result.value_diff, result.grad_diff, result.gradcheck))
        verdict = "通过" if result.passed else "不通过"
        print(f"{name:<36}{numbers}  {verdict}" + (f"  （{result.note}）" if result.note else ""), flush=True)
        for moment in result.moments:
            if not moment.passed:
                band = f"{moment.expected:g} ± {moment.bound:g}"
                print(f"    {moment.name}：{moment.measured:g}，应在 {band} 之内")
    failed = [result.topic for result in results if not result.passed]
    if args.json:
        print(json.dumps([result.as_dict() for result in results], ensure_ascii=False))
    else:
        seconds = time.perf_counter() - started
        print(f"\n{len(results)} 个题目，{len(results) - len(failed)} 个通过，用时 {seconds:.1f} 秒")
        if failed:
            print(f"没有通过：{'、'.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    cli.run(main)
