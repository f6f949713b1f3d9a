"""特殊的词元：各处的编号都相同。"""

PAD, UNKNOWN, BEGIN, END = 0, 1, 2, 3
SPECIAL = ("<pad>", "<unk>", "<begin>", "<end>")
