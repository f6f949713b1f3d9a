"""成对的文本：由一句生成另一句。

``chinese_dates`` 由程序现造：各种写法的中文日期 → ISO 8601，如“二〇二四年六月六日”→ 2024-06-06。
每轮、每个样本都由（种子, 轮次, 编号）造出，永不重复用完；日期按自身的散列分成三份，
验证与测试的日期训练时从不出现。

``pairs`` 是制表符分开的句对文件：英文、中文，其余列不用。英文按词、中文按字切开；
划分时英文相同或中文相同（不计标点与大小写）的句对总在同一份里，验证与测试的句子训练时从未见过。
一句有几个译文时，它们都是参考译文：与其中任何一个相同就算对。
"""

from __future__ import annotations

import datetime
import itertools
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paddle_notes.data.batches import Arrays, Batches
from paddle_notes.data.info import PairInfo
from paddle_notes.data.text import POOL, normalized
from paddle_notes.data.vocabulary import BEGIN, END, SPECIAL, Vocabulary, pad, read_text, tokenize
from paddle_notes.errors import UserError

# ---------------------------------------------------------------- 中文日期

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
        return pair_info("chinese_dates", self.sources, self.targets, ("char", "char"), self.max_length)

    def batches(self, config, training: bool = False, seed: int = 0) -> Batches:
        if not training:
            return Batches(self, config.batch_size)
        return DateBatches(DateSet(self.count, self.part, seed), config.batch_size, True, seed)


class DateBatches(Batches):
    """每轮现造的日期。"""

    def reader(self, epoch: int) -> Callable[[np.ndarray], Arrays]:
        return lambda index: self.dataset.read(epoch, index)


def pair_info(
    name: str, sources: Vocabulary, targets: Vocabulary, tokenizers: tuple[str, str], max_length: int
) -> PairInfo:
    """造网络、评估与翻译所需的事。``max_length`` 是目标句的词元数的上限，含结束符。"""
    return PairInfo(
        source_vocabulary=sources.tokens,
        target_vocabulary=targets.tokens,
        source_tokenizer=tokenizers[0],
        target_tokenizer=tokenizers[1],
        max_length=max_length,
        name=name,
    )


def load_dates(config) -> tuple[DateSet, DateSet, DateSet]:
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


# ---------------------------------------------------------------- 句对文件

TOKENIZERS = ("word", "char")  # 英文按词，中文按字


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """文件里的各对句子；空行不要，没有制表符的行是错误。

    一行是 英文、中文、其余不用的列，或 Tatoeba 网站导出的 编号、英文、编号、中文。
    """
    pairs = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) < 2:
            raise UserError(f"{path} 第 {number} 行没有制表符；每行应是“英文、制表符、中文”，其余列不用")
        if len(columns) >= 4 and columns[0].isdigit() and columns[2].isdigit():
            columns = columns[1::2]
        pairs.append((columns[0], columns[1]))
    if not pairs:
        raise UserError(f"{path} 里没有句对")
    return pairs


def connected(pairs: Sequence[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """把英文相同或中文相同（不计标点与大小写）的句对连在一起，返回各个连通的组；没有文字的不要。"""
    parent: dict[tuple[int, str], tuple[int, str]] = {}

    def root(node: tuple[int, str]) -> tuple[int, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    nodes = [[(side, normalized(text)) for side, text in enumerate(pair)] for pair in pairs]
    nodes = {pair: both for pair, both in zip(pairs, nodes) if all(text for _, text in both)}
    for source, target in nodes.values():
        parent[root(source)] = root(target)
    groups: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for pair, (source, _) in nodes.items():  # 完全相同的句对只有一个
        groups.setdefault(root(source), []).append(pair)
    return list(groups.values())


def split_pairs(
    pairs: Sequence[tuple[str, str]], valid_fraction: float, test_fraction: float
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], list[tuple[str, str]]]:
    """训练、验证、测试的句对：连通的组按散列排好次序，测试与验证从前面取，最大的一组总归训练。"""

    def key(group: list[tuple[str, str]]) -> tuple[int, str]:
        first = min(normalized(source) for source, _ in group)
        return zlib.crc32(first.encode()), first

    groups = sorted(connected(pairs), key=key)
    num_test, num_valid = (max(1, round(len(groups) * part)) for part in (test_fraction, valid_fraction))
    if len(groups) <= num_test + num_valid:
        raise UserError(f"互不相干的句子只有 {len(groups)} 组，分不出训练、验证、测试三部分")
    largest = groups.pop(max(range(len(groups)), key=lambda i: len(groups[i])))
    test, valid = groups[:num_test], groups[num_test : num_test + num_valid]
    train = [largest, *groups[num_test + num_valid :]]
    return tuple([pair for group in part for pair in group] for part in (train, valid, test))


@dataclass(frozen=True)
class PairSet:
    """一份句对。

    属性：
        pairs: 各对 (英文, 中文)。
        sources, targets: 两边的词表。
        max_length: 一句至多几个词元（目标句另有结束符）。

    ``groups`` (N,) int64 是各对的英文是第几个不同的英文句子：词元相同的就是同一句。
    """

    pairs: list[tuple[str, str]]
    sources: Vocabulary
    targets: Vocabulary
    max_length: int

    def __post_init__(self) -> None:
        source_tokens = [tuple(tokenize(pair[0], TOKENIZERS[0])) for pair in self.pairs]
        numbers = {tokens: number for number, tokens in enumerate(dict.fromkeys(source_tokens))}
        object.__setattr__(self, "groups", np.array([numbers[tokens] for tokens in source_tokens], "int64"))
        source_ids = [self.sources.encode(tokens) for tokens in source_tokens]
        target_ids = [
            [BEGIN, *self.targets.encode(tokenize(pair[1], TOKENIZERS[1])), END] for pair in self.pairs
        ]
        object.__setattr__(self, "source_ids", source_ids)
        object.__setattr__(self, "target_ids", target_ids)
        lengths = [len(a) + len(b) for a, b in zip(source_ids, target_ids)]
        object.__setattr__(self, "lengths", np.array(lengths, "int64"))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: np.ndarray) -> Arrays:
        """(源句 (B, S), 目标句 (B, T), 是第几个不同的源句 (B,))，int64。"""
        sources, _ = pad([self.source_ids[i] for i in index])
        targets, _ = pad([self.target_ids[i] for i in index])
        return sources, targets, self.groups[index]

    def texts(self) -> tuple[list[str], list[list[str]]]:
        """各个不同的源句，与各句的参考译文。"""
        references: dict[int, list[str]] = {}
        sources = []
        for group, (source, target) in zip(self.groups.tolist(), self.pairs):
            if group not in references:
                sources.append(source)
            references.setdefault(group, []).append(target)
        return sources, list(references.values())

    def info(self) -> PairInfo:
        return pair_info("pairs", self.sources, self.targets, TOKENIZERS, self.max_length + 1)

    def baselines(self, others: dict[str, PairSet]) -> dict[str, dict[str, dict[str, float]]]:
        """最近邻检索：训练部分里英文最相近的一句的中文，就当作译文。"""
        scores = {}
        for name, other in others.items():
            sources, references = other.texts()
            scores[name] = translation_scores(retrieve(self.pairs, sources), references)
        return {"最近邻检索": scores}

    def batches(self, config, training: bool = False, seed: int = 0) -> PairBatches:
        return PairBatches(self, config.batch_size, training, seed)


class PairBatches(Batches):
    """句对的批：长度相近的放在一批，填充就少；训练时打乱之后每 50 批排一次序，再打乱各批的先后。

    评估时一个样本是一个不同的源句，它的各个参考译文在同一批里，才能说译文与其中任何一个相同。
    """

    @property
    def num_samples(self) -> int:
        return len(self.dataset) if self.training else int(self.dataset.groups.max()) + 1

    def indices(self, epoch: int) -> list[np.ndarray]:
        lengths = self.dataset.lengths
        if not self.training:
            groups = self.dataset.groups
            longest = np.zeros(self.num_samples, "int64")
            np.maximum.at(longest, groups, lengths)
            place = np.empty_like(longest)  # 各源句按长度排在第几
            place[np.argsort(longest, kind="stable")] = np.arange(len(longest))
            order = np.argsort(place[groups], kind="stable")
            ends = np.arange(self.batch_size, self.num_samples, self.batch_size)
            return np.split(order, np.searchsorted(place[groups][order], ends))
        order, size, batches = self.order(epoch), self.batch_size * POOL, []
        for first in range(0, len(order), size):
            pool = order[first : first + size]
            pool = pool[np.argsort(lengths[pool], kind="stable")]
            batches += [pool[i : i + self.batch_size] for i in range(0, len(pool), self.batch_size)]
        shuffled = np.random.default_rng([self.seed, epoch, 1]).permutation(len(batches))
        return [batches[i] for i in shuffled]


def load_pairs(config) -> tuple[PairSet, PairSet, PairSet]:
    """制表符分开的句对文件：英文、中文，其余列不用；UTF-8（有没有 BOM 都行）或 GB18030。"""
    if config.path is None:
        raise UserError("data.name=pairs 要用 -o data.path=文件.txt 指明句对")
    path = Path(config.path)
    short = [
        pair
        for pair in read_pairs(path)
        if all(len(tokenize(text, how)) <= config.max_length for text, how in zip(pair, TOKENIZERS))
    ]
    if not short:
        raise UserError(f"{path} 里没有不超过 {config.max_length} 个词元的句对；请加大 data.max_length")
    parts = split_pairs(short, config.valid_fraction, config.test_fraction)
    sources, targets = (
        Vocabulary.count((tokenize(pair[side], TOKENIZERS[side]) for pair in parts[0]), config.min_count)
        for side in range(2)
    )
    train, valid, test = (PairSet(part, sources, targets, config.max_length) for part in parts)
    return train, valid, test


# ---------------------------------------------------------------- 译文的好坏


def retrieve(training: Sequence[tuple[str, str]], sources: Sequence[str]) -> list[str]:
    """对每个英文句子，找训练部分里 TF-IDF 向量（一元与二元词组）夹角最小的一句，返回它的中文。"""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        analyzer="word", tokenizer=lambda text: tokenize(text, "word"), token_pattern=None, ngram_range=(1, 2)
    )
    index = vectorizer.fit_transform([source for source, _ in training])
    similarity = vectorizer.transform(sources) @ index.T  # 各行已归一化，内积就是余弦
    return [training[row.indices[row.data.argmax()]][1] if row.nnz else "" for row in similarity]


def translation_scores(answers: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """译文与参考译文（每句可以有几个）相比：BLEU（sacrebleu 的中文切分）与 chrF 是 0 到 100，

    sentence_accuracy 是不计空白与某个参考译文完全相同的比例。
    """
    from sacrebleu.metrics import BLEU, CHRF

    streams = list(itertools.zip_longest(*references))  # 第 k 列是各句的第 k 个参考译文，没有的是 None
    right = [
        any("".join(answer.split()) == "".join(text.split()) for text in several)
        for answer, several in zip(answers, references, strict=True)
    ]
    return {
        "bleu": BLEU(tokenize="zh").corpus_score(list(answers), streams).score,
        "chrf": CHRF().corpus_score(list(answers), streams).score,
        "sentence_accuracy": sum(right) / len(right),
    }
