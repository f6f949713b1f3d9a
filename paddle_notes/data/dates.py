"""中文日期 → ISO 8601，由程序现造：各种写法，如“二〇二四年六月六日”→ 2024-06-06。

每轮、每个样本都由（种子, 轮次, 编号）造出，永不重复用完；日期按自身的散列分成三份，
验证与测试的日期训练时从不出现。
"""

from __future__ import annotations

import datetime
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paddle_notes.data.batches import Arrays, Batches
from paddle_notes.data.info import PairInfo
from paddle_notes.data.vocabulary import Vocabulary, pad
from paddle_notes.errors import UserError
from paddle_notes.tokens import BEGIN, END, SPECIAL

FIRST_DAY, LAST_DAY = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)
NUM_DAYS = (LAST_DAY - FIRST_DAY).days + 1
HELD_OUT = 10  # 十个日期里有一个只用来验证，另有一个只用来测试

DIGITS = "零一二三四五六七八九"
CAPITALS = "零壹贰叁肆伍陆柒捌玖"  # 支票上的大写
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def part_of(day: datetime.date) -> str:
    """这个日期属于 train、valid、test 中的哪一份：只由日期本身决定。"""
    return {0: "valid", 1: "test"}.get(zlib.crc32(day.isoformat().encode()) % HELD_OUT, "train")


def spell(number: int, digits: str, zero: str = "零") -> str:
    """逐位写出：2024 → 二零二四，``zero`` 是零的写法。"""
    return "".join(digits[int(d)] if d != "0" else zero for d in str(number))


def count_in_tens(number: int) -> str:
    """两位以内的数目：6 → 六，10 → 十，24 → 二十四。"""
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else DIGITS[tens] + "十"
    return head + (DIGITS[ones] if ones or not tens else "")


def count_in_thousands(number: int) -> str:
    """四位的数目：1998 → 一千九百九十八，2024 → 二千零二十四，2000 → 二千。"""
    thousands, rest = divmod(number, 1000)
    hundreds, rest = divmod(rest, 100)
    text = DIGITS[thousands] + "千" + (DIGITS[hundreds] + "百" if hundreds else "")
    if not rest:
        return text
    tens, ones = divmod(rest, 10)
    if not hundreds or not tens:  # 中间有空位，补一个零
        text += "零"
    return text + (DIGITS[tens] + "十" if tens else "") + (DIGITS[ones] if ones else "")


def count_in_capitals(number: int, padded: bool) -> str:
    """大写的月、日：6 → 零陆（``padded``）或陆，10 → 零壹拾 或 壹拾，24 → 贰拾肆。"""
    tens, ones = divmod(number, 10)
    text = (CAPITALS[tens] + "拾" if tens else "") + (CAPITALS[ones] if ones else "")
    return "零" + text if padded and (number <= 10 or not ones) else text


def write_date(day: datetime.date, generator: random.Random) -> str:
    """随机取一种写法。年、月、日各有几种写法，可以混用，如“2024年六月6号”。"""

    def pick(*choices):
        return generator.choice(choices)

    year, month, date = day.year, day.month, day.day
    form = generator.randrange(10)
    if form == 0:  # 只有数字与分隔符
        mark = pick("-", "/", ".")
        text = mark.join(pick((str(year), f"{month}", f"{date}"), (str(year), f"{month:02d}", f"{date:02d}")))
        return pick(text, text.translate(FULL_WIDTH))
    if form == 1:  # 支票上的大写
        padded = generator.random() < 0.5
        m, d = count_in_capitals(month, padded), count_in_capitals(date, padded)
        return f"{spell(year, CAPITALS)}年{m}月{d}日"
    chinese_year = (spell(year, DIGITS, pick("〇", "零", "○")), count_in_thousands(year))
    chinese_month = count_in_tens(month) if month > 1 else pick("一", "元", "正")
    chinese_day = count_in_tens(date)
    plain = (str(year), pick(str(month), f"{month:02d}"), pick(str(date), f"{date:02d}"))
    if form <= 6:  # 汉字，多数逐位读年份
        y, m, d = chinese_year[generator.random() < 0.2], chinese_month, chinese_day
    elif form <= 8:  # 阿拉伯数字
        y, m, d = plain
    else:  # 混用
        y, m, d = pick(chinese_year[0], plain[0]), pick(chinese_month, plain[1]), pick(chinese_day, plain[2])
    text = f"{pick('', '', '', '公元')}{y}年{m}月{d}{pick('日', '日', '号')}"
    return text.translate(FULL_WIDTH) if generator.random() < 0.2 else text


SOURCE_CHARACTERS = "".join(
    sorted(
        {*DIGITS, *CAPITALS, *"0123456789", *"〇○十拾百千元正年月日号公-/."}
        | set("0123456789".translate(FULL_WIDTH))
    )
)


@dataclass(frozen=True)
class DateSet:
    """现造的日期。``part`` 是 train 的每轮不同；valid 与 test 的与种子无关，各次运行都相同。"""

    count: int
    part: str
    seed: int = 0

    max_length = len("2024-06-06") + 1  # 加上结束符
    sources = Vocabulary([*SPECIAL, *SOURCE_CHARACTERS])
    targets = Vocabulary([*SPECIAL, *"-0123456789"])

    def __len__(self) -> int:
        return self.count

    def sample(self, epoch: int, index: int) -> tuple[str, str]:
        """第 ``epoch`` 轮的第 ``index`` 个样本：(中文写法, ISO 写法)。"""
        # 以文字作种子：random 取它的 SHA-512，各个平台与版本都相同，又比 NumPy 造一个生成器快得多
        seed = f"{self.seed} {epoch} {index}" if self.part == "train" else f"{self.part} {index}"
        generator = random.Random(seed)
        while True:
            day = FIRST_DAY + datetime.timedelta(generator.randrange(NUM_DAYS))
            if part_of(day) == self.part:
                return write_date(day, generator), day.isoformat()

    def read(self, epoch: int, index: np.ndarray) -> Arrays:
        """(源句 (B, S), 目标句 (B, T), 是第几句 (B,))，int64。"""
        pairs = [self.sample(epoch, int(i)) for i in index]
        sources, _ = pad([self.sources.encode(source) for source, _ in pairs])
        targets, _ = pad([[BEGIN, *self.targets.encode(target), END] for _, target in pairs])
        return sources, targets, index

    def __getitem__(self, index: np.ndarray) -> Arrays:
        return self.read(0, index)

    def texts(self) -> tuple[list[str], list[list[str]]]:
        """第 0 轮的全部源句，与各句的参考译文（都只有一个）。"""
        sources, targets = zip(*(self.sample(0, index) for index in range(self.count)))
        return list(sources), [[target] for target in targets]

    def info(self) -> PairInfo:
        return PairInfo(
            source_vocabulary=self.sources.tokens,
            target_vocabulary=self.targets.tokens,
            source_tokenizer="char",
            target_tokenizer="char",
            max_length=self.max_length,
            name="chinese_dates",
        )

    def batches(self, config, training: bool = False, seed: int = 0) -> Batches:
        if not training:
            return Batches(self, config.batch_size)
        return DateBatches(DateSet(self.count, self.part, seed), config.batch_size, True, seed)


class DateBatches(Batches):
    """每轮现造的日期。"""

    def reader(self, epoch: int) -> Callable[[np.ndarray], Arrays]:
        return lambda index: self.dataset.read(epoch, index)


def load(config) -> tuple[DateSet, DateSet, DateSet]:
    """中文日期 → ISO。没有对照：规则就是造它的程序，写得出来，总是全对。"""
    if config.path is not None:
        raise UserError("chinese_dates 由程序现造，不需要 data.path，请删去它；自己的句对用 data.name=pairs")
    return tuple(
        DateSet(count, part)
        for part, count in (
            ("train", config.num_train),
            ("valid", config.num_valid),
            ("test", config.num_valid),
        )
    )
