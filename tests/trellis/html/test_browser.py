"""The page in a real browser: Chromium without a window, where it is installed."""

import copy
import json
import re
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import Any

import pytest
from support.html_tree import tree
from support.plain_result import plain_result
from support.results import Side, comparison, realistic, result, workloads

from bench.result.result import Result
from bench.workload import Traffic
from trellis.cli.bench.page import result_page
from trellis.html.file import write_page

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
]
PHONE = 360
"""Pixels that a small phone is wide."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH (Debian: apt-get install chromium)"),
]

_PROBE = """
<!doctype html><meta charset="utf-8"><iframe id="page" width="{width}" height="800" srcdoc="{html}"></iframe><pre></pre>
<script>
document.getElementById("page").onload = event => {{
  const page = event.target.contentDocument, root = page.documentElement;
  const outside = [...page.querySelectorAll("svg.chart text")].filter(text => {{
    const [own, whole] = [text, text.ownerSVGElement].map(each => each.getBoundingClientRect());
    const away = 0.5;
    return own.left < whole.left - away || own.right > whole.right + away || own.top < whole.top - away
      || own.bottom > whole.bottom + away;
  }}).map(text => text.textContent);
  const empty = [...page.querySelectorAll("svg.chart")].filter(chart => {{
    const box = chart.getBoundingClientRect();
    return box.width < 200 || box.height < 30 || !chart.querySelector("rect, circle, path");
  }}).length;
  for (const each of page.querySelectorAll("details")) each.open = true;
  const beyond = [...page.querySelectorAll("th, td, li, figcaption")].filter(each => {{
    const words = page.createRange();
    words.selectNodeContents(each);
    return words.getBoundingClientRect().right > each.getBoundingClientRect().right + 0.5;
  }}).map(each => each.textContent);
  document.querySelector("pre").textContent = JSON.stringify({{
    width: root.clientWidth, needed: root.scrollWidth, title: page.title, outside, empty, beyond,
    charts: page.querySelectorAll("svg.chart").length,
    paper: getComputedStyle(page.body).backgroundColor,
    letters: page.querySelector("svg.chart text").getBoundingClientRect().height,
  }});
}};
</script>
"""


def _open(page: Path, tmp_path: Path, *flags: str) -> tuple[str, str]:
    """(document once scripts have run, what was logged on the console)."""
    assert CHROMIUM
    profile = tmp_path / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", *flags, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def _probed(html: str, tmp_path: Path, width: int, *flags: str) -> dict[str, Any]:
    """What the browser made of the page in a frame of that width, its own policy in force."""
    page = tmp_path / "probe.html"
    write_page(page, _PROBE.format(html=escape(html), width=width))
    dom, said = _open(page, tmp_path, "--window-size=1300,900", "--virtual-time-budget=3000", *flags)
    assert said == ""
    found = re.search(r"<pre>(\{.*?\})</pre>", dom)
    assert found, dom[-500:]
    values: dict[str, Any] = json.loads(tree(found[0]).text)
    return values


def _page_of(data: dict[str, Any]) -> str:
    return result_page(Result.from_dict(data))


def _many_kinds() -> list[dict[str, Any]]:
    """Results whose pages have every kind of chart, and names that are too long for any."""
    long = realistic()
    for compared in long["comparisons"]:
        for role in ("baseline", "candidate"):
            compared[role]["name"] = f"/{'very-' * 40}long/{compared[role]['name']}"
    unbroken = "very" * 40
    sides = [Side(f"{letter}{unbroken}.onnx", f1=60.0) for letter in "ab"]
    whole = Side(f"whole{unbroken}", f1=61.0)
    loads = workloads([1, 16], [384])
    one_baseline = result([comparison(side, whole, loads=loads) for side in sides])
    two = result([comparison(sides[0], whole), comparison(sides[1])])
    deep = Side("deep.onnx", {"num_heads": [11, 0] * 3, "intermediate_size": [12288, 0] * 3})
    deeper = comparison(deep)
    deeper["candidate"]["original_shape"] = {"num_heads": [128] * 6, "intermediate_size": [12288] * 6}
    traffic = Traffic("padded to the longest in the batch", ((10, 20), (30,)), None, 2)
    return [
        long,
        one_baseline,
        two,
        result([deeper]),
        plain_result([0.5] * 3, [0.6] * 3, loads=(traffic,), f1=(60.0, 59.5)),
    ]


def test_no_errors_and_every_chart_is_drawn(tmp_path: Path) -> None:
    data = copy.deepcopy(realistic())
    for compared in data["comparisons"]:
        compared["candidate"]["name"] += "<script>document.title='broken'</script>"
    page = tmp_path / "page.html"
    html = _page_of(data)
    write_page(page, html)
    dom, said = _open(page, tmp_path)
    assert said == ""
    assert dom.count('<svg class="chart"') == html.count('<svg class="chart"') > 30
    assert "<title>How fast" in dom


@pytest.mark.parametrize("width", [PHONE, 1200])
def test_pages_fit_the_screen_and_words_their_charts(tmp_path: Path, width: int) -> None:
    for data in _many_kinds():
        found = _probed(_page_of(data), tmp_path, width)
        assert found["needed"] <= found["width"]
        assert found["outside"] == []
        assert found["beyond"] == []
        assert found["empty"] == 0
        assert found["letters"] >= 10


def test_the_paper_is_dark_where_the_reader_wants_it(tmp_path: Path) -> None:
    html = _page_of(realistic())
    assert _probed(html, tmp_path, PHONE)["paper"] == "rgb(255, 255, 255)"
    dark = _probed(html, tmp_path, PHONE, "--blink-settings=preferredColorScheme=0")
    assert dark["paper"] == "rgb(16, 20, 26)"


def test_the_policy_stops_what_would_run(tmp_path: Path) -> None:
    html = _page_of(realistic()).replace("</main>", "<script>document.title = 'broken'</script></main>")
    page = tmp_path / "page.html"
    write_page(page, html)
    dom, said = _open(page, tmp_path)
    assert "<title>How fast" in dom
    assert "Content Security Policy" in said
