"""第 10 章 Transformer。"""
