"""第 6 章 现代卷积网络：GoogLeNet、ResNet、DenseNet。"""
