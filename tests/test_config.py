"""配置：文件与 -o 只给文字，类型由模式决定；写错了要说清楚。"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from paddle_notes.config import (
    DATA_SECTIONS,
    TASK_SECTIONS,
    Config,
    ImageData,
    all_keys,
    apply_override,
    dump_config,
    load_config,
    parse_config,
    read_yaml,
    sections_in,
)
from paddle_notes.errors import UserError, closest, suggestion

FOLDER = Path(__file__).parent.parent / "configs"
CONFIGS = sorted([*FOLDER.glob("*.yml"), *(FOLDER / "full").glob("*.yml")])
MINIMAL = "model:\n  name: lenet\ndata:\n  name: mnist5k\n"


@pytest.fixture
def write(tmp_path):
    """``write(内容)``：写一个配置文件，返回它的路径；默认的内容是最短的合法配置。"""

    def write(text: str = MINIMAL, name: str = "a.yml", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def message(function, *args) -> str:
    """``function(*args)`` 抛出的 UserError 的消息；它应是一段完整的中文。"""
    with pytest.raises(UserError) as caught:
        function(*args)
    text = str(caught.value)
    assert any("\u4e00" <= character <= "\u9fff" for character in text)
    assert "Traceback" not in text and "pydantic" not in text
    return text


# ---------------------------------------------------------------- 往返


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_round_trip(path, write):
    config = load_config(path)
    again = load_config(write(dump_config(config)))
    assert again == config
    assert dump_config(again) == dump_config(config)
    assert config.output_dir == f"output/{path.stem}"
    if path.parent.name == "configs":  # configs/full/ 要下载数据、用 GPU，没有在 2 核 CPU 上跑过
        assert config.expect is not None, "每份配置都要写明预期"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configs_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 35


def test_dump_is_complete_but_never_overwrites(write):
    config = load_config(write(), ["overwrite=true", "model.dropout=0.5"])
    assert config.overwrite is True
    tree = yaml.safe_load(dump_config(config))
    assert set(tree) == set(Config.model_fields) - {"overwrite"}
    assert tree["model"]["dropout"] == "0.5"
    assert tree["optimizer"]["lr"] == config.optimizer.lr


def test_every_field_has_a_chinese_description():
    for key, _, field in all_keys():
        described = [section.__doc__ for section in sections_in(field.annotation)] or [field.description]
        for text in described:
            assert any("\u4e00" <= character <= "\u9fff" for character in text), key


def test_all_keys_reach_every_level():
    keys = {key for key, _, _ in all_keys()}
    assert {
        "seed",
        "model.name",
        "data.augment.shift",
        "data.window",
        "task.margin",
        "runtime.threads",
    } <= keys


@pytest.mark.parametrize("section", [*DATA_SECTIONS, *TASK_SECTIONS])
def test_every_name_is_read_by_something(section):
    assert section.readers
    for name in section.readers:
        assert callable(section(name=name).find())


def test_names_of_data_and_tasks_are_different():
    for sections in (DATA_SECTIONS, TASK_SECTIONS):
        names = [name for section in sections for name in section.readers]
        assert len(set(names)) == len(names)


def test_a_name_of_another_section():
    with pytest.raises(ValidationError, match="没有 cifar11 这种取值；你是不是想写 cifar10？"):
        ImageData(name="cifar11")


# ---------------------------------------------------------------- 类型由模式决定


@pytest.mark.parametrize("text", ["5e-4", "5E-4", "0.0005", "5.0e-04", "'5e-4'"])
def test_scientific_notation_is_a_number(write, text):
    config = load_config(write(f"{MINIMAL}optimizer:\n  lr: {text}\n"))
    assert config.optimizer.lr == 0.0005
    assert load_config(write(), [f"optimizer.lr={text.strip(chr(39))}"]).optimizer.lr == 0.0005


@pytest.mark.parametrize(
    "path", ["2024", "true", "1e3", "2024-01-02", "012", "1:30", "a=b", "no", "C:\\图片"]
)
def test_text_stays_text(write, path):
    assert (
        load_config(write(f"model: {{name: lenet}}\ndata:\n  name: mnist5k\n  path: {path}\n")).data.path
        == path
    )
    assert load_config(write(), [f"data.path={path}"]).data.path == path


@pytest.mark.parametrize("text", ["false", "False", "0"])
def test_false_is_false(write, text):
    assert load_config(write(f"{MINIMAL}overwrite: {text}\n")).overwrite is False
    assert load_config(write(), [f"overwrite={text}"]).overwrite is False


@pytest.mark.parametrize("text", ["null", "~"])
def test_null(write, text):
    config = load_config(write(f"{MINIMAL}expect: {text}\n"), [f"data.image_size={text}"])
    assert config.expect is None and config.data.image_size is None


def test_model_options_may_be_lists(write):
    assert load_config(write(), ["model.widths=[64, 128]"]).model.options()["widths"] == ["64", "128"]


def test_nothing_is_evaluated(write, tmp_path):
    mark = tmp_path / "executed"
    code = f"__import__('pathlib').Path(r'{mark}').touch()"
    assert load_config(write(), [f"data.path={code}"]).data.path == code
    assert "应为数" in message(load_config, write(), [f"optimizer.lr={code}"])
    tag = f"!!python/object/apply:os.mkdir ['{mark}']"
    assert "第 5 行第 7 列" in message(load_config, write(f"{MINIMAL}seed: {tag}\n"))
    assert "标签" in message(load_config, write(), [f"data.path=[{tag}]"])
    assert not mark.exists()


# ---------------------------------------------------------------- -o


def test_overrides_apply_in_order(write):
    config = load_config(write(), ["seed=1", "train.epochs=3", "seed=2"])
    assert (config.seed, config.train.epochs) == (2, 3)


def test_value_may_contain_equals_signs(write):
    assert load_config(write(), ["data.path=a=b==c"]).data.path == "a=b==c"


def test_override_of_an_absent_section(write):
    config = load_config(write(), ["expect.at_least=0.9", "expect.minutes=1", "data.augment.shift=2"])
    assert (config.expect.at_least, config.expect.metric, config.data.augment.shift) == (0.9, "accuracy", 2)


@pytest.mark.parametrize("override", ["train.epochs", "=3", "train.=3", ".epochs=3", "", "train..epochs=3"])
def test_malformed_override(override):
    assert message(apply_override, {}, override) == f"-o {override} 应写成 键=值，例如 -o train.epochs=3"


def test_override_below_a_value(write):
    assert "seed 之下没有别的键" in message(load_config, write(f"{MINIMAL}seed: 1\n"), ["seed.x=1"])


def test_override_with_bad_yaml(write):
    assert "-o model.widths=[1, 2 第 1 行" in message(load_config, write(), ["model.widths=[1, 2"])


# ---------------------------------------------------------------- 输出文件夹


def test_output_folder(write):
    path = write(name="my.net.yml")
    assert load_config(path).output_dir == "output/my.net"
    assert load_config(path, dry_run=True).output_dir == "output/my.net_dry"
    assert load_config(path, ["output_dir=here"], dry_run=True).output_dir == "here"
    path = write(f"{MINIMAL}output_dir: there\n")
    assert load_config(path).output_dir == "there"
    assert load_config(path, dry_run=True).output_dir == "there_dry"


@pytest.mark.parametrize("line", ["output_dir:", "output_dir: null", "output_dir: ''"])
def test_blank_output_folder_is_the_default(write, line):
    path = write(f"{MINIMAL}{line}\n")
    assert load_config(path).output_dir == "output/a"
    assert load_config(path, dry_run=True).output_dir == "output/a_dry"


def test_output_folder_is_never_the_current_one(write):
    assert "output_dir" in message(load_config, write(), ["output_dir="])


# ---------------------------------------------------------------- 写错的键与值


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("sede", "seed"),
        ("optimiser", "optimizer"),
        ("optimizer.Lr", "optimizer.lr"),
        ("optimizer.momentun", "optimizer.momentum"),
        ("data.augment.shfit", "data.augment.shift"),
        ("train.epoch", "train.epochs"),
        ("lr", "optimizer.lr"),
        ("batch_size", "data.batch_size"),
        ("train.lr", "optimizer.lr"),
        ("runtime.device_name", "runtime.device"),
        ("task.label_smooting", "task.label_smoothing"),
    ],
)
def test_unknown_key_suggests_the_nearest(write, key, meant):
    assert f"不认识的键 {key}；你是不是想写 {meant}？" in message(load_config, write(), [f"{key}=1"])


def test_unknown_key_like_nothing_lists_the_section(write):
    text = message(load_config, write(), ["train.qqqq=1"])
    assert "可用的有：train.epochs、train.log_interval" in text


def test_unknown_key_in_the_file_names_the_file(write):
    path = write(f"{MINIMAL}trian:\n  epochs: 3\n")
    assert message(load_config, path) == f"{path}：不认识的键 trian；你是不是想写 train？"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("model.name=lenett", "model.name 没有名为 lenett 的网络；你是不是想写 lenet？"),
        ("model.name=vgg61", "model.name 没有名为 vgg61 的网络；你是不是想写 vgg16？"),
        ("model.name=VGG16", "model.name 没有名为 VGG16 的网络；你是不是想写 vgg16？"),
        ("data.name=mnist5", "data.name 没有名为 mnist5 的数据集；你是不是想写 mnist5k？"),
        ("optimizer.name=adm", "optimizer.name 没有 'adm' 这种取值；你是不是想写 adam？"),
        ("optimizer.schedule=x", "可用的有：constant、cosine、noam、step"),
        ("task.name=clasification", "你是不是想写 classification？"),
        ("train.epochs=abc", "train.epochs 应为整数，得到 'abc'"),
        ("train.epochs=1.5", "train.epochs 应为整数，得到 '1.5'"),
        ("train.epochs=null", "train.epochs 应为整数，得到 None"),
        ("train.epochs=[1]", "train.epochs 应为整数，得到 ['1']"),
        ("optimizer.lr=fast", "optimizer.lr 应为数，得到 'fast'"),
        ("optimizer.lr=nan", "optimizer.lr 应为有限的数"),
        ("optimizer.lr=inf", "optimizer.lr 应为有限的数"),
        ("overwrite=maybe", "overwrite 应为 true 或 false，得到 'maybe'"),
        ("data.path=[a]", "data.path 应为一段文字，得到 ['a']"),
        ("model=vgg16", "model 应为若干个“键: 值”，得到 'vgg16'"),
        ("train.epochs=0", "train.epochs 应大于 0，得到 0"),
        ("train.epochs=-1", "train.epochs 应大于 0，得到 -1"),
        ("train.log_interval=0", "train.log_interval 应大于 0，得到 0"),
        ("data.batch_size=0", "data.batch_size 应大于 0，得到 0"),
        ("data.batch_size=-8", "data.batch_size 应大于 0，得到 -8"),
        ("data.image_size=-28", "data.image_size 应大于 0，得到 -28"),
        ("data.augment.shift=-1", "data.augment.shift 不应小于 0，得到 -1"),
        ("optimizer.lr=0", "optimizer.lr 应大于 0，得到 0"),
        ("optimizer.momentum=1", "optimizer.momentum 应小于 1，得到 1"),
        ("optimizer.weight_decay=-0.1", "optimizer.weight_decay 不应小于 0"),
        ("optimizer.warmup=1", "optimizer.warmup 应小于 1，得到 1"),
        ("seed=-1", "seed 不应小于 0，得到 -1"),
        ("seed=2147483648", "seed 应小于"),
        ("runtime.device=tpu", "runtime.device 应为 auto、cpu、gpu 或 gpu:N，得到 'tpu'"),
        ("runtime.device=gpu:x", "runtime.device 应为 auto、cpu、gpu 或 gpu:N，得到 'gpu:x'"),
        ("runtime.threads=0", "runtime.threads 应大于 0，得到 0"),
        ("expect.at_least=0.9", "expect.minutes 没有给出"),
    ],
)
def test_bad_values(write, override, expected):
    assert expected in message(load_config, write(), [override])


def test_several_mistakes_are_counted(write):
    assert "（另有 2 处错误）" in message(load_config, write(), ["seed=x", "train.epochs=0", "foo=1"])


def test_missing_sections(write):
    assert "model 没有给出（另有 1 处错误）" in message(load_config, write("seed: 1\n"))
    assert "model.name 没有给出" in message(
        load_config, write("model:\n  form: modern\ndata:\n  name: mnist5k\n")
    )


def test_assignment_is_checked_too():
    config = parse_config({"model": {"name": "lenet"}, "data": {"name": "mnist5k"}})
    with pytest.raises(ValidationError):
        config.train.epochs = 0


# ---------------------------------------------------------------- 写错的文件


def test_missing_file_suggests_another(write):
    path = write(name="lenet.yml")
    missing = path.with_name("lenat.yml")
    assert message(load_config, missing) == f"找不到配置文件 {missing}；你是不是想写 {path}？"


def test_missing_file_in_an_empty_folder(tmp_path):
    assert message(load_config, tmp_path / "a.yml") == f"找不到配置文件 {tmp_path / 'a.yml'}"


def test_folder_instead_of_a_file(tmp_path):
    assert message(load_config, tmp_path) == f"{tmp_path} 是文件夹，请给出其中的一个 .yml 文件"


@pytest.mark.parametrize("text", ["", "\n\n", "# 只有注释\n", "- a\n- b\n", "hello\n", "---\n"])
def test_file_without_keys(write, text):
    path = write(text)
    assert message(load_config, path) == f"{path} 应由“键: 值”组成，例如 configs/lenet.yml"


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("model:\n  name: lenet: x\n", 2, 14, "这里不能再有冒号"),
        ("model:\n\tname: lenet\n", 2, 1, "不能用制表符缩进，请改用空格"),
        ("model:\n  name: a\n form: b\n", 3, 2, "缩进没有对齐"),
        ("seed: 1\nmodel:\n  name: a\nseed: 2\n", 4, 1, "键重复了"),
        ("model:\n  name: a\n  name: b\n", 3, 3, "键重复了"),
        ("model:\n  name a\n  form: b\n", 3, 7, "冒号"),
        ("model:\n  widths: [1, 2\n", 3, 1, ""),
        ("model:\n  name: {{ name }}\n", 2, 10, "键应是一个名字"),
        ("[a, b]: c\n", 1, 1, "键应是一个名字"),
        ("null: c\n", 1, 1, "键应是一个名字"),
        ("seed: !!int abc\n", 1, 7, "不支持以 ! 开头的标签"),
        ("seed: *one\n", 1, 7, ""),
    ],
)
def test_syntax_errors_have_line_and_column(write, text, line, column, problem):
    path = write(text)
    said = message(load_config, path)
    assert said.startswith(f"{path} 第 {line} 行第 {column} 列不是合法的 YAML：")
    assert problem in said


def test_binary_file(write):
    assert "第 6 个字符不是文字" in message(load_config, write("a: b\n\x00"))


def test_byte_order_mark_is_ignored(write):
    assert load_config(write(encoding="utf-8-sig")) == load_config(write())


@pytest.mark.parametrize("encoding", ["gbk", "utf-16"])
def test_other_encodings(write, encoding):
    path = write("# 手写数字识别\n" + MINIMAL, encoding=encoding)
    assert message(load_config, path) == f"{path} 不是 UTF-8 编码，请另存为 UTF-8"


def test_windows_line_ends(write):
    assert read_yaml(write(MINIMAL.replace("\n", "\r\n"))) == read_yaml(write())


# ---------------------------------------------------------------- 建议


@pytest.mark.parametrize(
    ("word", "match"),
    [("vgg61", "vgg16"), ("vgg-19", "vgg19"), ("LeNet", "lenet"), ("lenet5", "lenet"), ("transformer", None)],
)
def test_closest(word, match):
    assert closest(word, ["vgg11", "vgg13", "vgg16", "vgg19", "lenet"]) == match


def test_suggestion_lists_all_when_nothing_is_close():
    assert suggestion("xyz", ["b", "a"]) == "可用的有：a、b"


# ---------------------------------------------------------------- 炸弹


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deep: " + "[" * 5000 + "]" * 5000, "套得太深"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "引用"),
        ("a: &a [*a]\n", "引用"),
        ("seed: " + "9" * 5000, "太长"),
        ("x: 1\n" * 30_000, "不像一份配置"),
        ("? [a, b]\n: 1\n", "键应是一个名字"),
        ("? {a: b}\n: 1\n", "键应是一个名字"),
        ("a: 'x\n", "写法不合规则"),
        ('output_dir: "a\\ud800b"\n', "有不是文字的字符"),
        ('output_dir: "a\\0b"\n', "有不是文字的字符"),
        ("k" * 390 + ": 1\nmodel: {name: mlp}\ndata: {name: mnist5k}\n", "不认识的键"),
    ],
)
def test_bombs_are_one_short_sentence(tmp_path, text, said):
    file = tmp_path / "a.yml"
    file.write_text(text, encoding="utf-8")
    started = time.perf_counter()
    with pytest.raises(UserError, match=said) as error:
        load_config(file)
    assert time.perf_counter() - started < 5 and len(str(error.value)) < 300


@pytest.mark.parametrize("value", ["[[1]]", "{a: 1}", "[]"])
@pytest.mark.parametrize("section", ["data", "task"])
def test_a_name_that_is_no_text(root, section, value):
    with pytest.raises(UserError, match=rf"{section}\.name 没有名为 .+ 的"):
        load_config(root / "configs" / "lenet.yml", [f"{section}.name={value}"])


def test_half_characters_are_refused(root):
    """终端的编码不对时，命令行里会有半个字：它写不进任何文件。"""
    with pytest.raises(UserError, match="不是文字的字符"):
        load_config(root / "configs" / "lenet.yml", ["output_dir=\ud800"])


def test_long_values_are_cut_in_messages(root):
    with pytest.raises(UserError) as error:
        load_config(root / "configs" / "lenet.yml", [f"train.epochs=[{'1, ' * 100}]"])
    assert len(str(error.value)) < 300
    for override in ("task.name=[0]", "data.name={a: 1}", f"model.name={'x' * 390}", "seed=\ud800"):
        with pytest.raises(UserError) as error:
            load_config(root / "configs" / "lenet.yml", [override])
        assert len(str(error.value)) <= 600 and "x" * 100 not in str(error.value)
    with pytest.raises(UserError, match="至多 400 个"):
        load_config(root / "configs" / "lenet.yml", [f"seed={'1' * 5000}"])


def test_long_arguments_are_cut_in_messages():
    from paddle_notes import cli

    parser = cli.Parser(prog="x")
    parser.add_argument("--topk", type=int, choices=[1, 2])
    for words in (["--topk", "x" * 4000], ["--" + "x" * 4000]):
        with pytest.raises(UserError) as error:
            parser.parse_args(words)
        assert len(str(error.value)) < 300
    said = cli._explain_os_error(OSError(36, "File name too long", "x" * 4000))
    assert len(said) < 400 and said.startswith("读写")


def test_short_names_and_where_to_stand(tmp_path, monkeypatch):
    """configs/ 里的名字在哪里都认得；不在项目的根目录时说该站在哪里。"""
    assert load_config("lenet", ["seed=2"]) == load_config(FOLDER / "lenet.yml", ["seed=2"])
    assert load_config("vgg16_cifar10").output_dir == "output/vgg16_cifar10"
    monkeypatch.chdir(tmp_path)
    assert load_config("lenet").model.name == "lenet"
    with pytest.raises(UserError) as caught:
        load_config("configs/lenet.yml")
    assert f"请在项目的根目录（{FOLDER.parent}）执行，或写出完整的路径" in str(caught.value)
    with pytest.raises(UserError, match="找不到名为 lenett 的配置；你是不是想写 lenet？"):
        load_config("lenett")
