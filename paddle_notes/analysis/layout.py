"""把数据流画成 SVG：从上到下，分支并排，跨过几行的线绕在旁边。"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from paddle_notes.analysis.structure import Graph, Node
from paddle_notes.analysis.svg import SIZE, SMALL, Canvas, text_width

WIDE_HEIGHT, GAP, LANE_GAP = 48, 24, 16  # 一列时方框的高，行与行、列与列之间的空


def title_words(node: Node) -> str:
    """种类与“×n”。"""
    return node.kind + (f" *{{×{node.repeat}}}" if node.repeat > 1 else "")


def shape_words(shape: tuple[int, ...] | None) -> str:
    """(64, 56, 56) → 64×56×56；没有用到的层、一个数都不写。"""
    return "×".join(map(str, shape)) if shape else ""


def columns(graph: Graph) -> tuple[list[int], list[int]]:
    """每个方框的行（离输入最远的距离）与列（分支各占一列）。"""
    rows: list[int] = []
    consumers = graph.consumers()
    for node in graph.nodes:
        rows.append(1 + max((rows[s] for s in node.inputs), default=-1))
    for index, node in enumerate(graph.nodes):
        if not node.inputs:  # 后来才用到的输入，放在用到它的前一行
            rows[index] = min(rows[c] for c in consumers[index]) - 1 if consumers[index] else 0
    lanes = [0] * len(rows)
    busy: set[tuple[int, int]] = set()  # 占用的格子：行，列
    given: set[int] = set()  # 已经有一个分支接在正下方
    for index in sorted(range(len(rows)), key=lambda i: (rows[i], not graph.nodes[i].inputs, i)):
        inputs = graph.nodes[index].inputs
        wanted = [lanes[s] for s in inputs if s not in given]
        if len(inputs) > 1:
            wanted = [min(lanes[s] for s in inputs)]
        lane = next(c for c in [*wanted[:1], *range(len(rows))] if (rows[index], c) not in busy)
        lanes[index] = lane
        below = max((rows[c] for c in consumers[index]), default=0)
        if all(len(graph.nodes[c].inputs) > 1 for c in consumers[index]) and len(consumers[index]) == 1:
            busy |= {(row, lane) for row in range(rows[index], below)}  # 一直通到汇合的地方
        busy.add((rows[index], lane))
        given |= set(inputs)
    return rows, lanes


def packed(words: Sequence[str], size: float, limit: float, between: str = "") -> list[str]:
    """把几段文字排成几行，每行不超过 ``limit`` 像素（一段太长也不拆）；同一行的两段之间是 ``between``。"""
    lines = [words[0]]
    for word in words[1:]:
        longer = f"{lines[-1]}{between}{word}"
        if text_width(longer, size) <= limit:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def box_lines(node: Node, limit: float) -> list[tuple[str, float, str]]:
    """窄方框里的各行：文字、字号、颜色。"""
    title = packed(title_words(node).split("，"), SIZE, limit, "，")
    lines: list[tuple[str, float, str]] = [(words, SIZE, "") for words in title]
    if node.extras:
        extras = packed([f"＋{words}" for words in node.extras], SMALL, limit)
        lines += [(words, SMALL, "s") for words in extras]
    if words := shape_words(node.shape):
        lines.append((words, SMALL, "s"))
    if node.parameters:
        lines.append((f"参数 {node.parameters:,}", SMALL, "s"))
    return lines


def draw_wide(canvas: Canvas, node: Node, x: float, y: float, width: float) -> None:
    """只有一列时的方框：左边是种类，右边是输出形状与参数。"""
    canvas.box(x, y, width, WIDE_HEIGHT, node.role)
    left, right = x - width / 2 + 12, x + width / 2 - 12
    extras = "".join(f"＋{words}" for words in node.extras)
    canvas.text(left, y - 10 if extras else y, title_words(node), SIZE, "", "start")
    if extras:
        canvas.text(left, y + 11, extras, SMALL, "s", "start")
    shape, count = shape_words(node.shape), f"参数 {node.parameters:,}" if node.parameters else ""
    if shape:
        canvas.text(right, y - 10 if count else y, shape, SMALL + 1, "", "end")
    if count:
        canvas.text(right, y + 11 if shape else y, count, SMALL, "s", "end")


def wide_width(nodes: Sequence[Node]) -> float:
    """一列时方框的宽度：左右两边的字都放得下。"""
    widths = []
    for node in nodes:
        top = text_width(f"{node.kind} ×{node.repeat}", SIZE) + text_width(shape_words(node.shape), SMALL + 1)
        low = text_width("".join(f"＋{w}" for w in node.extras) + f"参数 {node.parameters:,}", SMALL)
        widths.append(max(top, low) + 46)
    return max(250.0, *widths)


def draw(graph: Graph, path: Path, title: str = "") -> None:
    """画成 SVG：从上到下，分支并排，跨过几行的线绕在旁边。"""
    canvas = Canvas()
    rows, lanes = columns(graph)
    narrow = max(lanes) > 0
    idle = sum(node.parameters for node in graph.unused)
    total = f"{graph.parameters:,} 个参数"
    count = max(rows) + 1
    by_row = [[i for i in range(len(rows)) if rows[i] == row] for row in range(count)]
    limit = {2: 150.0, 3: 120.0}.get(max(lanes) + 1, 105.0)
    if narrow:
        texts = [box_lines(node, limit) for node in graph.nodes]
        size = [
            (
                max(text_width(words, font) for words, font, _ in lines) + 20,
                sum(font * 1.35 for _, font, _ in lines) + 14,
            )
            for lines in texts
        ]
    else:
        width = wide_width(graph.nodes)
        size = [(width, float(WIDE_HEIGHT))] * len(graph.nodes)
    # 各列的中心：独占一行的放在正中，不算列宽
    passing = crossings(graph, rows, lanes)
    alone = [len(by_row[rows[i]]) == 1 and not passing[rows[i]] for i in range(len(rows))]
    widths = [
        max([90.0, *(size[i][0] for i in range(len(rows)) if lanes[i] == lane and not alone[i])])
        for lane in range(max(lanes) + 1)
    ]
    centres = [sum(widths[:lane]) + LANE_GAP * lane + widths[lane] / 2 for lane in range(len(widths))]
    whole = sum(widths) + LANE_GAP * (len(widths) - 1)
    consumers = graph.consumers()
    ends = all(not consumers[i] for i in range(len(rows)) if lanes[i])  # 旁边的列只是岔出去的，如辅助分类器
    x = [whole / 2 if alone[i] and not ends else centres[lanes[i]] for i in range(len(rows))]
    heights = [max(size[i][1] for i in members) for members in by_row]
    tops = [sum(heights[:row]) + (GAP + 6 * narrow) * row for row in range(count)]
    y = [tops[rows[i]] + heights[rows[i]] / 2 for i in range(len(rows))]
    draw_edges(canvas, graph, rows, lanes, x, y, size, centres)
    for index, node in enumerate(graph.nodes):
        if narrow:
            draw_narrow(canvas, node.role, texts[index], x[index], y[index], *size[index])
        else:
            draw_wide(canvas, node, x[index], y[index], size[index][0])
    bottom, middle = canvas.bottom, whole / 2 if narrow and not ends else x[0]
    if idle:
        words = ["推理时不用的层", f"参数 {idle:,}"]
        canvas.box(middle, bottom + 40, 220, 44, "view", words, dashed=True)
    canvas.text(middle, -26, f"{title}：{total}" if title else total, SIZE, "o")
    canvas.save(path, f"{title} 的结构" if title else "结构")


def draw_narrow(canvas: Canvas, role: str, lines, x: float, y: float, width: float, height: float) -> None:
    """几列时的方框：各行居中。"""
    canvas.box(x, y, width, height, role)
    line = y - sum(font * 1.35 for _, font, _ in lines) / 2
    for words, font, kind in lines:
        canvas.text(x, line + font * 0.675, words, font, kind)
        line += font * 1.35


def crossings(graph: Graph, rows: list[int], lanes: list[int]) -> list[bool]:
    """每一行有没有线从空着的格子里穿过。"""
    crossed = [False] * (max(rows) + 1)
    for index, node in enumerate(graph.nodes):
        for source in node.inputs:
            if straight_lane(rows, lanes, source, index) is not None:
                for row in range(rows[source] + 1, rows[index]):
                    crossed[row] = True
    return crossed


def straight_lane(rows: list[int], lanes: list[int], source: int, target: int) -> int | None:
    """跨行的线可以笔直穿过的列：起点的或终点的列，途经的格子都空着；没有则为 None，要绕。"""
    between = range(rows[source] + 1, rows[target])
    if not between:
        return None
    taken = {(rows[i], lanes[i]) for i in range(len(rows))}
    for lane in (lanes[source], lanes[target]):
        if all((row, lane) not in taken for row in between):
            return lane
    return None


def draw_edges(canvas: Canvas, graph: Graph, rows, lanes, x, y, size, centres) -> None:
    """各条线：相邻的两行直着走或斜着走，跨行的从空列穿过，没有空列就从右边（右边有方框时从左边）绕。"""
    everything = range(len(rows))
    bottoms = [
        max(y[i] + size[i][1] / 2 for i in everything if rows[i] == row) for row in range(max(rows) + 1)
    ]
    bows: list[tuple[int, int, int, int]] = []  # 绕着走的线：哪一边，第几条，占的行
    for index, node in enumerate(graph.nodes):
        direct = [s for s in node.inputs if not bowed(rows, lanes, s, index)]
        step = min(26.0, size[index][0] * 0.6 / max(1, len(direct)))
        for slot, source in enumerate(sorted(direct, key=lambda s: x[s])):
            start = (x[source], y[source] + size[source][1] / 2)
            end = (x[index] + (slot - (len(direct) - 1) / 2) * step, y[index] - size[index][1] / 2)
            lane = straight_lane(rows, lanes, source, index)
            across = start[0] if lane is None else centres[lane]
            first, last = bottoms[rows[source]] + 12, bottoms[rows[index] - 1] + 12
            points = [start, (start[0], first), (across, first), (across, last), (end[0], last), end]
            canvas.path(*tidy(points))
        for source in node.inputs:
            if bowed(rows, lanes, source, index):
                blocked = any(rows[i] in (rows[source], rows[index]) and x[i] > x[source] for i in everything)
                side = -1 if blocked else 1
                span = (rows[source], rows[index])
                used = {n for sign, n, a, b in bows if sign == side and a < span[1] and span[0] < b}
                level = next(n for n in range(99) if n not in used)
                bows.append((side, level, *span))
                out = side * (max(side * x[i] + size[i][0] / 2 for i in everything) + 18 + 16 * level)
                start = (x[source] + side * size[source][0] / 2, y[source] + 6 * (level > 0))
                end = (x[index] + side * size[index][0] / 2, y[index])
                canvas.path(start, (out, start[1]), (out, end[1]), end, skip=True)


def bowed(rows: list[int], lanes: list[int], source: int, target: int) -> bool:
    """这条线要绕。"""
    return rows[target] - rows[source] > 1 and straight_lane(rows, lanes, source, target) is None


def tidy(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """去掉重合与共线的拐点。"""
    kept = [points[0]]
    for point in points[1:]:
        if abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) < 0.5:
            continue
        if len(kept) > 1 and abs(kept[-1][0] - point[0]) < 0.5 and abs(kept[-2][0] - point[0]) < 0.5:
            kept[-1] = point
            continue
        kept.append(point)
    return kept
