"""检查环境：Python、各个依赖、paddle、设备、中文字体、自带的数据、磁盘，最后训练两步。

    python tools/check_env.py
    python tools/check_env.py --json      # 报告问题时把它附上

每一项说量到了什么；有一项不正常时说怎么办，退出状态为 1。不下载，也不留下文件。
"""

from __future__ import annotations

import json

from paddle_notes import cli


def main(argv: list[str] | None = None) -> int:
    parser = cli.Parser(prog="check_env.py", description=__doc__)
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    args = parser.parse_args(argv)
    from environment.checks import CHECKS, ESSENTIAL, check_disk, check_paddle_packages

    done, blocked = [], False
    for function in CHECKS:
        if blocked and function not in (check_paddle_packages, check_disk):
            continue
        check = function()
        done.append(check)
        blocked |= function in ESSENTIAL and not check.passed
        if not args.json:
            print(f"{'正常' if check.passed else '有问题'}  {check.name}：{check.found}")
            if not check.passed:
                print(f"        {check.advice}")
    if args.json:
        print(json.dumps([check._asdict() for check in done], ensure_ascii=False))
    elif blocked:
        print("其余各项要先装好依赖才能检查")
    return int(not all(check.passed for check in done))


if __name__ == "__main__":
    cli.run(main)
