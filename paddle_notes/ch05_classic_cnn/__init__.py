"""第 5 章 经典卷积网络：LeNet、AlexNet、VGG、NiN。"""
