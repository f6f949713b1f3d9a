"""用检查点作预测：给图像文件分类或写一句话，判断一段文字的类别，画时间序列的预测。

    python tools/predict.py --weights output/lenet/best --input digit.png
    python tools/predict.py --weights output/lenet/best --input photos/ --topk 3 --json
    python tools/predict.py --weights output/lstm_sentiment/best --text "房间很干净"
    python tools/predict.py --weights output/lstm_sunspots/best --out forecast.png

预处理、词表与类别名取自检查点，不需要配置文件。时间序列的数据也由检查点说明，搬了家的用 -o data.path=… 指明。

退出状态：全部读得出为 0，跳过了一些图像为 1，一个也读不出为 2。
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="predict.py", description=__doc__)
    cli.add_weights_argument(parser)
    parser.add_argument("--input", metavar="FILE|FOLDER", help="图像文件，或装着图像的文件夹")
    parser.add_argument("--text", metavar="TEXT", help="一段文字")
    cli.add_out_argument(parser, "PNG", "把时间序列的预测与真值画到这里")
    parser.add_argument("--topk", type=int, default=5, metavar="K", help="列出概率最大的几类，默认 5")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出，每个文件一行")
    cli.add_override_argument(parser, "data.path=别处.csv")
    cli.add_device_argument(parser)
    return parser.parse_args(argv)


def show(key: str, name: str, answers: list[dict] | str, as_json: bool) -> None:
    """打印一个样本的结果：概率最大的几类，或写出的一句。"""
    if as_json:
        print(json.dumps({key: name, "top": answers}, ensure_ascii=False))
    elif isinstance(answers, str):
        print(f"{name}：{answers}")
    else:
        print(f"{name}：" + "，".join(f"{a['class']} {a['probability']:.1%}" for a in answers))


def predict_files(predict, preprocess, files: list[Path], as_json: bool) -> int:
    """依次读图像文件，读不了的跳过并说明；返回退出状态。"""
    import numpy as np

    from paddle_notes.errors import UserError
    from paddle_notes.inference.trained import BATCH_SIZE

    skipped = 0
    for first in range(0, len(files), BATCH_SIZE):
        readable, images = [], []
        for file in files[first : first + BATCH_SIZE]:
            try:
                images.append(preprocess.read(file))
                readable.append(file)
            except UserError as error:
                skipped += 1
                print(f"跳过：{error}", file=sys.stderr)
        for file, answers in zip(readable, predict(np.stack(images)) if images else []):
            show("file", str(file), answers, as_json)
    if skipped:
        print(f"读出 {len(files) - skipped} 个文件，跳过 {skipped} 个", file=sys.stderr)
    return 0 if not skipped else 1 if skipped < len(files) else 2


# 训练好的网络是哪一种 -> 用哪个参数给出要预测的东西
ARGUMENTS = {
    "ImageClassifier": "input",
    "Captioner": "input",
    "TextClassifier": "text",
    "Forecaster": "out",
}


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes.errors import UserError

    if args.topk < 1:
        raise UserError(f"--topk 应为正整数，得到 {args.topk}")
    given = [name for name in ("input", "text", "out") if getattr(args, name) is not None]
    if len(given) != 1:
        raise UserError("--input（图像）、--text（文字）、--out（时间序列的图）要写且只写一个")

    from paddle_notes.data.files import list_files
    from paddle_notes.inference import load

    files = list_files(Path(args.input)) if args.input is not None else []
    trained = load(args.weights, overrides=args.override, device=args.device)
    kind, needed = trained.info.kind, ARGUMENTS.get(type(trained).__name__)
    if needed is None:
        raise UserError(f"predict.py 不能用于这种检查点（{kind}）；请用 tools/{trained.tool}.py")
    if needed != given[0]:
        raise UserError(f"{args.weights} 的数据是 {kind}，请用 --{needed}，不是 --{given[0]}")
    if needed == "text":
        from paddle_notes.data.files import clean

        text = clean(args.text)
        (answers,) = trained.predict(text, args.topk)
        show("text", text, answers, args.json)
    elif needed == "out":
        from paddle_notes.analysis.forecast import draw_forecast

        found = trained.forecast()
        draw_forecast(found.truth, found.forecast, args.out, f"{found.name} RMSE {found.rmse:.3g}")
        print(f"{args.out}：测试部分 {len(found.truth)} 个值，RMSE {found.rmse:.4f}")
    else:
        predict = partial(trained.predict, topk=args.topk) if kind == "image" else trained.predict
        return predict_files(predict, trained.preprocess, files, args.json)
    return 0


if __name__ == "__main__":
    cli.run(main)
