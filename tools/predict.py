"""给图像文件分类。预处理与类别名取自检查点旁边的说明，不需要配置文件。

    python tools/predict.py --weights output/lenet/best --input digit.png
    python tools/predict.py --weights output/lenet/best --input photos/ --topk 3 --json

退出状态：全部读得出为 0，跳过了一些为 1，一个也读不出为 2。
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
    parser.add_argument("--input", required=True, metavar="FILE|FOLDER", help="图像文件，或装着图像的文件夹")
    parser.add_argument("--topk", type=int, default=5, metavar="K", help="列出概率最大的几类，默认 5")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出，每个文件一行")
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto、cpu、gpu 或 gpu:N")
    return parser.parse_args(argv)


def list_files(path: Path) -> list[Path]:
    """要预测的文件：一个文件，或文件夹里（不含隐藏文件）的全部文件，按名字排序。"""
    from paddle_notes.errors import UserError

    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"找不到 {path}；--input 应是图像文件或文件夹")
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    if not files:
        raise UserError(f"文件夹 {path} 里没有文件")
    return files


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


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes import models, runtime
    from paddle_notes.errors import UserError

    if args.topk < 1:
        raise UserError(f"--topk 应为正整数，得到 {args.topk}")
    files = list_files(Path(args.input))
    runtime.prepare(args.device)

    import numpy as np
    import paddle

    from paddle_notes.data.images import Preprocess
    from paddle_notes.engine.checkpoint import load_weights, read_state

    state = read_state(args.weights)
    if not {"model", "data"} <= state.keys():
        raise UserError(f"{args.weights}.json 里没有网络与数据的说明，请用 tools/train.py 存下的检查点")
    model = models.build(**state["model"])
    load_weights(model, args.weights)
    model.eval()
    preprocess, class_names = Preprocess(**state["data"]["preprocess"]), state["data"]["class_names"]
    topk = min(args.topk, len(class_names))

    num_read = num_skipped = 0
    for first in range(0, len(files), BATCH_SIZE):
        readable, images, skipped = read_images(files[first : first + BATCH_SIZE], preprocess)
        num_read, num_skipped = num_read + len(readable), num_skipped + skipped
        if not readable:
            continue
        with paddle.no_grad():
            logits = model(paddle.to_tensor(preprocess.normalize(np.stack(images))))
        probabilities = paddle.nn.functional.softmax(logits, axis=-1).numpy()
        for file, row in zip(readable, probabilities):
            order = row.argsort()[::-1][:topk]
            answers = [{"class": class_names[k], "probability": round(float(row[k]), 6)} for k in order]
            if args.json:
                print(json.dumps({"file": str(file), "top": answers}, ensure_ascii=False))
            else:
                print(f"{file}：" + "，".join(f"{a['class']} {a['probability']:.1%}" for a in answers))
    if num_skipped:
        print(f"读出 {num_read} 个文件，跳过 {num_skipped} 个", file=sys.stderr)
    return 0 if not num_skipped else 1 if num_read else 2


if __name__ == "__main__":
    cli.run(main)
