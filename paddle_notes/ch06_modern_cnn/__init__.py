"""第 6 章 现代卷积网络：GoogLeNet、ResNet、DenseNet；轻量的 SqueezeNet、MobileNet、ShuffleNet。"""
