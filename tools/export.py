"""导出检查点：存成 Paddle Inference 的图，也可以另存 ONNX；没有本项目的代码也能推理，也能用 Netron 看。

    python tools/export.py --weights output/lenet/best
    python tools/export.py --weights output/lenet/best --out exported/lenet --onnx

默认写到检查点旁边的 export 文件夹：inference.json 是图，inference.pdiparams 是参数，inference.yml 说明
输入、预处理与类别名。写完再读回来，用随机的输入核对与原来的网络是否相同。
输出与训练时一样是 logits；生成对抗网络导出的是生成器。
"""

from __future__ import annotations

from paddle_notes import cli


def parse_args(argv: list[str] | None):
    parser = cli.Parser(prog="export.py", description=__doc__)
    cli.add_weights_argument(parser)
    cli.add_out_argument(parser, "FOLDER", "写到这里；默认是检查点旁边的 export")
    parser.add_argument("--onnx", action="store_true", help='另存 ONNX，要先 pip install -e ".[cpu,onnx]"')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    from paddle_notes.inference import load

    trained = load(args.weights, device="cpu")
    folder = args.out or trained.weights.parent / "export"
    for name, difference in trained.export(folder, args.onnx).items():
        print(f"{folder / name}：与网络的输出相差 {difference:.1g} 倍")
    print(f"输入与预处理：{folder / 'inference.yml'}")
    print(f"看网络：pip install netron，然后 netron {cli.quote(str(folder / 'inference.json'))}")
    return 0


if __name__ == "__main__":
    cli.run(main)
