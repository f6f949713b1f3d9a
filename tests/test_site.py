"""网站：没有警告地建成，浏览器里看得到公式、找得到中文、不向别处要东西；两份笔记本从头执行得完。

没有装 ``docs`` 的依赖时跳过；没有 Chromium 时跳过要浏览器的。
"""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("material", reason='没有装建网站的依赖：pip install -e ".[docs]"')

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LESSON = "ch05_classic_cnn/01_lenet.html"
NOTEBOOKS = ("ch05_classic_cnn/01_lenet", "ch07_recurrent/03_lstm")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """建成的网站；有一个警告就失败。"""
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "tools/docs.py", "build", "--out", str(out)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def browser():
    """Chromium；没有就跳过。"""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("没有 Chromium")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(site):
    """网站在本机的地址。"""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(site))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def pages(site: Path) -> list[str]:
    """课与深入的各页。"""
    found = [page.relative_to(site).as_posix() for page in sorted(site.rglob("*.html"))]
    return [page for page in found if page.startswith("ch")]


def test_every_lesson_has_a_page_with_neighbours(site):
    lessons = [page for page in pages(site) if re.search(r"/\d\d_", page)]
    sources = list((ROOT / "docs_zh").glob("ch*/[0-9][0-9]_*.md"))
    assert len(lessons) == len(sources)
    for page in lessons:
        text = (site / page).read_text(encoding="utf-8")
        assert "md-footer__link--next" in text or "md-footer__link--prev" in text
        assert text.count(" cell") >= 6 or text.count("cell ") >= 6, page


def test_formulas_became_mathml(site):
    for page in pages(site):
        text = (site / page).read_text(encoding="utf-8")
        assert "arithmatex" not in text, page
    assert "<math" in (site / LESSON).read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme, width", [("light", 1280), ("dark", 1280), ("light", 390)])
def test_pages_are_whole_in_a_browser(site, browser, address, scheme, width):
    """没有控制台的错误，不向别处要东西，手机的宽度不横着溢出，公式没有错。"""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints, foreign = [], []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: None if request.url.startswith((address, "data:")) else foreign.append(request.url),
    )
    for name in pages(site):
        page.goto(f"{address}/{name}")
        assert page.locator("merror").count() == 0, name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert complaints == [] and foreign == []
    context.close()


def test_dark_is_dark(browser, address):
    def background(scheme: str) -> str:
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(f"{address}/{LESSON}")
        page.wait_for_timeout(300)
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        context.close()
        return color

    assert background("dark") != background("light")


@pytest.mark.parametrize("query, title", [("感受野", "卷积"), ("梯度消失", "神经网络"), ("LeNet", "LeNet")])
def test_search_finds_chinese_words(browser, address, query, title):
    page = browser.new_page()
    page.goto(f"{address}/index.html")
    page.locator(".md-search__input").first.click()
    page.locator(".md-search-result__meta", has_text="键入以开始搜索").wait_for(timeout=20_000)  # 索引读好了
    page.keyboard.type(query)
    page.keyboard.press("End")  # 汉字不是按键打出来的；搜索框等按键松开才找
    results = page.locator(".md-search-result__item h1")
    results.first.wait_for(timeout=20_000)
    found = [item.replace("\u200b", "") for item in results.all_inner_texts()]
    assert any(title in item for item in found), found
    page.close()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_from_top_to_bottom(name, tmp_path):
    pytest.importorskip("nbclient")
    command = [sys.executable, "tools/docs.py", "notebooks", f"docs_zh/{name}.md", "--run"]
    words = [*command, "--out", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / f"{name}.ipynb").exists()
