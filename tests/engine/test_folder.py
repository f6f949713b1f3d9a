"""输出文件夹：不悄悄覆盖别的运行，覆盖时不碰用户自己的文件。"""

from __future__ import annotations

import json

import pytest

from paddle_notes.engine.folder import (
    FILES,
    VDL,
    claim_folder,
    clear_folder,
    holds,
    read_summary,
    write_summary,
)
from paddle_notes.errors import UserError

COMMAND = "python tools/train.py -c a.yml"


@pytest.fixture
def folder(tmp_path):
    """一个装着一次已完成的运行、还有用户自己的文件的文件夹。"""
    folder = tmp_path / "run"
    (folder / VDL).mkdir(parents=True)
    for name in FILES:
        (folder / name).write_text(name, encoding="utf-8")
    (folder / VDL / "vdlrecords.train.log").write_bytes(b"x")
    (folder / "我的笔记.txt").write_text("别删", encoding="utf-8")
    (folder / "mine").mkdir()
    (folder / "mine" / "config.yml").write_text("别删", encoding="utf-8")
    write_summary(folder, {"status": "finished", "epochs": 10, "dry_run": False})
    return folder


def files(folder) -> dict:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def refusal(folder, **options) -> list[str]:
    """被拒绝时的消息的各行；文件夹里什么都没有变。"""
    before = files(folder)
    with pytest.raises(UserError) as caught:
        claim_folder(folder, command=COMMAND, **options)
    assert files(folder) == before
    return str(caught.value).splitlines()


def test_new_folder_is_made(tmp_path):
    claim_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_folder_without_a_run_is_welcome(tmp_path):
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    claim_folder(tmp_path)
    assert list(files(tmp_path)) == ["notes.txt"]


def test_finished_run_is_refused_with_the_exact_commands(folder):
    assert refusal(folder) == [
        f"{folder} 里已有一次运行（已完成）。",
        "  继续它：python tools/train.py -c a.yml --resume -o train.epochs=15 optimizer.start_epoch=10",
        "  覆盖它：python tools/train.py -c a.yml -o overwrite=true",
        "  另存一处：python tools/train.py -c a.yml -o output_dir=<新文件夹>",
    ]


@pytest.mark.parametrize(
    ("status", "said"), [("running", "未完成"), ("interrupted", "被中断"), ("failed", "失败")]
)
def test_unfinished_run_is_refused_too(folder, status, said):
    write_summary(folder, {"status": status})
    first, resume, *_ = refusal(folder)
    assert first == f"{folder} 里已有一次运行（{said}）。"
    assert resume == f"  继续它：{COMMAND} --resume"


def test_flags_of_this_command_are_repeated(folder):
    _, resume, overwrite, elsewhere = refusal(folder, flags=" --dry_run")
    assert resume == f"  继续它：{COMMAND} --resume -o train.epochs=15 optimizer.start_epoch=10"
    assert overwrite == f"  覆盖它：{COMMAND} --dry_run -o overwrite=true"
    assert elsewhere == f"  另存一处：{COMMAND} --dry_run -o output_dir=<新文件夹>"


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null"])
def test_damaged_summary_still_protects_the_run(folder, text):
    (folder / "summary.json").write_text(text, encoding="utf-8")
    assert "已有一次运行" in refusal(folder)[0]


@pytest.mark.parametrize("options", [{"overwrite": True}, {"resume": True}])
def test_claiming_never_deletes(folder, options):
    before = files(folder)
    claim_folder(folder, **options)
    assert files(folder) == before


def test_dry_run_gives_way(folder):
    write_summary(folder, {"status": "finished", "dry_run": True})
    claim_folder(folder)


def test_clearing_deletes_only_what_a_run_leaves(folder):
    clear_folder(folder)
    assert sorted(files(folder)) == ["mine/config.yml", "我的笔记.txt"]
    clear_folder(folder)


def test_files_of_the_user_inside_our_folders_stay(folder):
    (folder / "pictures").mkdir()
    write_summary(folder, {"status": "finished", "pictures": ["samples.gif"]})
    for name in ("pictures/samples.gif", "pictures/mine.png", "vdl/vdlrecords.other.log"):
        (folder / name).write_bytes(b"x")
    clear_folder(folder)
    assert sorted(files(folder)) == [
        "mine/config.yml",
        "pictures/mine.png",
        "vdl/vdlrecords.other.log",
        "我的笔记.txt",
    ]


@pytest.mark.parametrize(
    "name", ["config.yml", "train.log", "best.json", "vdl/a.log", "pictures/猫.jpg", "bad_batch.npz"]
)
@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}], ids=str)
def test_names_of_ours_taken_by_the_user_are_left_alone(tmp_path, name, options):
    """没有本项目的 summary.json：同名的文件是用户自己的，覆盖也不行。"""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("用户的", encoding="utf-8")
    if not (options.get("resume") and name == "best.json"):  # 那是要继续的检查点，读它的时候再说
        assert "不是本项目的运行留下的，不会动它" in refusal(tmp_path, **options)[0]
    with pytest.raises(UserError):
        clear_folder(tmp_path)
    assert files(tmp_path) == {name: "用户的".encode()}


def test_a_summary_of_something_else_is_not_ours(folder):
    (folder / "summary.json").write_text('{"total": 3}', encoding="utf-8")
    assert "不是本项目的运行留下的" in refusal(folder, overwrite=True)[0]


def test_read_summary(tmp_path):
    assert read_summary(tmp_path) is None
    assert read_summary(tmp_path / "absent") is None
    write_summary(tmp_path, {"status": "finished", "model": "网络"})
    assert read_summary(tmp_path) == {"status": "finished", "model": "网络"}
    assert json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))["model"] == "网络"


def test_file_in_the_way(tmp_path):
    """输出文件夹的上一级是文件：说的是路径不对，而不是“已有一次运行”。"""
    (tmp_path / "a").write_text("x", encoding="utf-8")
    with pytest.raises(OSError):
        claim_folder(tmp_path / "a" / "b")
    with pytest.raises(FileExistsError):
        claim_folder(tmp_path / "a")
    assert files(tmp_path) == {"a": b"x"}


@pytest.mark.parametrize(
    ("checkpoint", "inside"),
    [
        ("last", True),
        ("best.pdparams", True),
        ("sub/last", False),
        ("../b/last", False),
        ("../run/last", True),
    ],
)
def test_whose_checkpoint(folder, checkpoint, inside):
    assert holds(folder, folder / checkpoint) is inside
