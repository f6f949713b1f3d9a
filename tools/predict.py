"""用检查点作预测：给图像文件分类，判断一段文字的类别，画时间序列的预测。

    python tools/predict.py --weights output/lenet/best --input digit.png
    python tools/predict.py --weights output/lenet/best --input photos/ --topk 3 --json
    python tools/predict.py --weights output/lstm_sentiment/best --text "房间很干净"
    python tools/predict.py --weights output/lstm_sunspots/best --image forecast.png

预处理、词表与类别名取自检查点旁边的说明，不需要配置文件；时间序列的数据由同一个文件夹里的 config.yml 说明。

退出状态：全部读得出为 0，跳过了一些图像为 1，一个也读不出为 2。
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from paddle_notes import cli

BATCH_SIZE = 64


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="predict.py", description=__doc__)
    parser.add_argument("--weights", required=True, metavar="PATH", help="检查点，如 output/lenet/best")
    parser.add_argument("--input", metavar="FILE|FOLDER", help="图像文件，或装着图像的文件夹")
    parser.add_argument("--text", metavar="TEXT", help="一段文字")
    parser.add_argument("--image", type=Path, metavar="PNG", help="把时间序列的预测与真值画到这里")
    parser.add_argument("--topk", type=int, default=5, metavar="K", help="列出概率最大的几类，默认 5")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出，每个文件一行")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto、cpu、gpu 或 gpu:N")
    return parser.parse_args(argv)


def read_images(files: list[Path], preprocess) -> tuple[list[Path], list, int]:
    """读出能读的图像，跳过不能读的并说明原因；返回文件、图像与跳过的个数。"""
    from paddle_notes.errors import UserError

    readable, images = [], []
    for file in files:
        try:
            images.append(preprocess.read(file))
            readable.append(file)
        except UserError as error:
            print(f"跳过：{error}", file=sys.stderr)
    return readable, images, len(files) - len(readable)


def answers_of(probabilities, class_names: list[str], topk: int) -> list[dict]:
    """概率最大的几类：probabilities (K,)。"""
    order = probabilities.argsort()[::-1][:topk]
    return [{"class": class_names[k], "probability": round(float(probabilities[k]), 6)} for k in order]


def show(key: str, name: str, answers: list[dict], as_json: bool) -> None:
    """打印一个样本的结果。"""
    if as_json:
        print(json.dumps({key: name, "top": answers}, ensure_ascii=False))
    else:
        print(f"{name}：" + "，".join(f"{a['class']} {a['probability']:.1%}" for a in answers))


def predict_images(model, info: dict, files: list[Path], args) -> int:
    """给图像分类。"""
    import numpy as np
    import paddle

    from paddle_notes.data.images import Preprocess

    preprocess = Preprocess(**info["preprocess"])
    num_read = num_skipped = 0
    for first in range(0, len(files), BATCH_SIZE):
        readable, images, skipped = read_images(files[first : first + BATCH_SIZE], preprocess)
        num_read, num_skipped = num_read + len(readable), num_skipped + skipped
        if not readable:
            continue
        with paddle.no_grad():
            logits = model(paddle.to_tensor(preprocess.normalize(np.stack(images))))
        for file, row in zip(readable, paddle.nn.functional.softmax(logits, axis=-1).numpy()):
            show("file", str(file), answers_of(row, info["class_names"], args.topk), args.json)
    if num_skipped:
        print(f"读出 {num_read} 个文件，跳过 {num_skipped} 个", file=sys.stderr)
    return 0 if not num_skipped else 1 if num_read else 2


def predict_text(model, info: dict, args) -> int:
    """判断一段文字的类别。"""
    import paddle

    from paddle_notes.data.vocabulary import Vocabulary, clean, pad, tokenize
    from paddle_notes.errors import UserError

    text = clean(args.text)
    tokens = tokenize(text, info["tokenizer"], info["max_length"])
    if not tokens:
        raise UserError("--text 里没有文字")
    inputs = pad([Vocabulary(info["vocabulary"]).encode(tokens)])
    with paddle.no_grad():
        logits = model(*map(paddle.to_tensor, inputs))  # (1, K)
    row = paddle.nn.functional.softmax(logits, axis=-1).numpy()[0]
    show("text", text, answers_of(row, info["class_names"], args.topk), args.json)
    return 0


def predict_series(model, args) -> int:
    """画测试部分的一步预测与真值。数据由检查点旁边的 config.yml 说明。"""
    import numpy as np
    import paddle

    from paddle_notes.analysis.forecast import draw_forecast
    from paddle_notes.config import load_config
    from paddle_notes.data import build_data
    from paddle_notes.engine.matching import check_use
    from paddle_notes.errors import UserError

    file = Path(args.weights).parent / "config.yml"
    if not file.is_file():
        raise UserError(f"画预测要有数据：找不到 {file}；请用 tools/train.py 的输出文件夹里的检查点")
    config = load_config(file)
    data = build_data(config.data, config.seed).test
    note = check_use(args.weights, config, data.info(), {"test": data.fingerprint()})
    if note:
        print(note, file=sys.stderr)
    with paddle.no_grad():
        outputs = [model(paddle.to_tensor(inputs)).numpy() for inputs, _ in data.epoch()]
    series = data.dataset
    truth, forecast = series.truth(), series.predict(np.concatenate(outputs))
    rmse = series.rmse(forecast)
    draw_forecast(truth, forecast, args.image, title=f"{series.name} RMSE {rmse:.3g}")
    print(f"{args.image}：测试部分 {len(truth)} 个值，RMSE {rmse:.4f}")
    return 0


# 数据的种类 -> 用哪个参数给出要预测的东西
ARGUMENTS = {"image": "input", "text": "text", "series": "image"}


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.errors import UserError

    if args.topk < 1:
        raise UserError(f"--topk 应为正整数，得到 {args.topk}")
    given = [name for name in ARGUMENTS.values() if getattr(args, name) is not None]
    if len(given) != 1:
        raise UserError("--input（图像）、--text（文字）、--image（时间序列的图）要写且只写一个")
    runtime.prepare(args.device)

    from paddle_notes.data.images import list_files
    from paddle_notes.engine.checkpoint import load_weights, read_description

    files = list_files(Path(args.input)) if args.input is not None else []
    options, info = read_description(args.weights)
    needed = ARGUMENTS.get(info["kind"])
    if needed is None:
        raise UserError(f"predict.py 不能用于这种检查点（{info['kind']}）；语言模型请用 tools/generate.py")
    if needed != given[0]:
        raise UserError(f"{args.weights} 的数据是 {info['kind']}，请用 --{needed}，不是 --{given[0]}")
    model = models.build(**options)
    if hasattr(model, "generate"):
        raise UserError(f"{args.weights} 是生成网络；请用 tools/generate.py")
    load_weights(model, args.weights)
    model.eval()
    if needed == "input":
        return predict_images(model, info, files, args)
    return predict_text(model, info, args) if needed == "text" else predict_series(model, args)


if __name__ == "__main__":
    cli.run(main)
