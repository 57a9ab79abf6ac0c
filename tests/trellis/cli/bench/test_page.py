import copy
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.html_tree import Node, tree
from support.plain_result import plain_result
from support.results import CUT, TWIN, WHOLE, Side, comparison, gate, realistic, result, workloads

from bench.result.result import Result
from bench.workload import Traffic, Workload
from trellis.cli.bench.page import result_page
from trellis.cli.bench.page.distribution import quantile
from trellis.cli.bench.page.names import Compared, name_all

HOSTILE = '<script>document.title="broken"</script>"\'&'


def _page(data: dict[str, Any]) -> Node:
    return tree(_html(data))


def _html(data: dict[str, Any]) -> str:
    return result_page(Result.from_dict(json.loads(json.dumps(data))))


def _table(page: Node, section: str, index: int = 0) -> list[list[str]]:
    return page.by_id(section).all("table")[index].rows()


def test_everything_asked_for_is_there() -> None:
    page = _page(realistic())
    headings = [section.one("h2").text for section in page.all("section")]
    assert headings == [
        "Limits",
        "Speed-up",
        "Accuracy against speed",
        "Accuracy",
        "What each layer kept",
        "Latency by batch and length",
        "Latency distribution",
        "Models",
        "Notes",
        "How this was measured",
    ]
    for figure in page.all("figure"):
        assert figure.one("figcaption").text
        picture = figure.one("svg")
        assert picture.attributes["role"] == "img"
        assert len(picture.attributes["aria-label"] or "") > 40
    for table in page.all("table"):
        assert table.one("caption").text
    assert "bench cut/*/model.onnx" in page.one("pre").text
    assert "Some CPU" in page.one("header").text
    assert "share 2 cores" in page.by_id("notes").text
    assert ["numpy", "2.0.0"] in _table(page, "place")


def test_it_needs_nothing_but_itself() -> None:
    html = _html(realistic())
    page = tree(html)
    assert "http" not in re.sub(r'http-equiv="', "", html)
    assert not page.all("script")
    assert not [key for node in page.everything() for key in node.attributes if key.startswith("on")]
    fetched = ("src", "srcset", "data", "poster", "action", "xlink:href", "style")
    assert not [key for node in page.everything() for key in node.attributes if key in fetched]
    assert {link.attributes["href"] for link in page.all("link")} == {"data:,"}
    assert "prefers-color-scheme: dark" in page.one("style").text


def test_figures_are_those_of_the_result() -> None:
    data = plain_result(
        [math.log(2)] * 3, [math.log(2)] * 3, loads=(Workload(1, 16), Workload(2, 16)), f1=(60.0, 59.0)
    )
    page = _page(data)
    _, title, first, second = _table(page, "speed")
    assert title == ["out.onnx against twin"]
    assert first == ["batch 1, seq 16", "2.00×", "2.00 to 2.00", "faster", "2", "6", first[-1]]
    assert second[0] == "batch 2, seq 16"
    slow, fast = _table(page, "latency")[2:4]
    assert slow[:4] == ["batch 1, seq 16", "baseline", "250", "250"]
    assert fast[:4] == ["batch 1, seq 16", "candidate", "125", "125"]
    assert slow[6:9] == ["250", "12", "4"]
    assert ["F1 as served", "60.00", "59.00", "-1.00", "-2.00 to +0.00", "100"] in _table(page, "accuracy")
    assert _table(page, "layers")[2] == ["0", "12", "4", "3072", "640"]
    started = _table(page, "models", 1)
    assert started[1][0] == "baseline"
    assert started[1][3:5] == ["0.5", "250"]
    lead = page.one("header").text
    assert (
        "2.00× to 2.00× as fast as twin, by operating point (95 % intervals 2.00 to 2.00 and 2.00 to 2.00). "
        in lead
    )
    assert "F1 as served: 60.0 → 59.0 (-1.0, 95 % interval -2.0 to +0.0), on 100 questions." in lead


def test_latency_is_drawn_over_what_was_swept() -> None:
    def captions(batches: list[int], lengths: list[int]) -> list[str]:
        page = _page(result([comparison(Side("m.onnx"), loads=workloads(batches, lengths))]))
        return [caption.text for caption in page.by_id("latency").all("figcaption")]

    over_length = captions([1, 16], [128, 256, 384])
    assert [re.search(r"batch \d+", caption)[0] for caption in over_length] == ["batch 1", "batch 16"]  # type: ignore[index]
    assert "seq 384: median" in captions([1, 4, 16], [384])[0]
    assert captions([1], [384]) == ["m.onnx against unpruned twin of out/model.onnx: median latency."]


def test_traffic_of_unequal_lengths_is_drawn_as_bars() -> None:
    loads = (
        Traffic("padded to the longest of all", ((10, 20), (30,)), 30, 2),
        Traffic("sorted by length", ((10, 20), (30,)), None, 2),
    )
    page = _page(plain_result([0.5] * 3, [0.5] * 3, loads=loads))
    picture = page.by_id("latency").one("svg")
    assert len(picture.all("rect", "bar")) == 4
    assert "sorted by length" in picture.text
    assert "ms for 2 questions" in page.by_id("distribution").text


def test_a_model_against_itself_is_in_no_accuracy_and_no_front() -> None:
    side = Side("m.onnx", f1=60.0)
    of_itself = comparison(side, side)
    of_itself["points"][0]["baseline"]["load"] = {"batch": 16, "seq": 384}  # its work in another arrangement
    page = _page(result([comparison(side, Side("whole", WHOLE, f1=61.0)), of_itself]))
    assert "m.onnx against m.onnx" not in page.by_id("accuracy").text
    assert [row[0] for row in _table(page, "tradeoff")[2:]] == ["whole", "m.onnx"]
    page = _page(result([comparison(side, side)]))  # the same file, named twice
    assert "m.onnx against m.onnx" in page.by_id("accuracy").text


def test_the_distribution_passes_through_its_percentiles() -> None:
    data = result([comparison(Side("m.onnx"))])
    picture = _page(data).by_id("distribution").one("svg")
    (point,) = data["comparisons"][0]["points"]
    seconds = sorted(
        second
        for launch in point["launches"]
        for turn in launch["blocks"][0]["baseline"]
        for second in turn["seconds"]
    )
    for share in (50, 90, 95, 99):
        assert quantile(seconds, share / 100) == pytest.approx(point["baseline"][f"p{share}"])
    marks = [mark for mark in picture.all("circle", "mark") if mark.number("cy") > 20]
    heights = [mark.number("cy") for mark in marks]
    assert [(heights[0] - height) / (heights[0] - heights[-1]) for height in heights] == pytest.approx(
        [0, 40 / 49, 45 / 49, 1], abs=1e-3
    )


def test_further_comparisons_distributions_are_folded() -> None:
    page = _page(realistic())
    section = page.by_id("distribution")
    assert len(section.all("details")) == 4
    assert len(section.all("figure")) == 5 * 4


def test_the_front_is_of_models_over_one_baseline() -> None:
    whole = Side("whole", WHOLE, f1=60.0)
    page = _page(
        result(
            [
                comparison(Side("a.onnx", f1=59.0), whole, times=2.0),
                comparison(Side("b.onnx", f1=58.0), whole, times=1.5),
                comparison(
                    Side("c.onnx", f1=58.5, threads=1), Side("whole", WHOLE, f1=60.0, threads=1), times=3.0
                ),
            ]
        )
    )
    rows = _table(page, "tradeoff")
    assert [row[-1] for row in rows if len(row) > 1] == ["on the front", "yes", "yes", "no", "yes", "yes"]
    assert len(page.by_id("tradeoff").all("svg")) == 2
    assert rows[3][:3] == ["a.onnx (2 threads)", "2.00× (1.96 to 2.04)", "59.00 (57.10 to 60.80)"]


def test_random_twins_share_a_baseline_and_have_no_accuracy_of_their_own() -> None:
    other = Side("unpruned twin of b.onnx", WHOLE)
    page = _page(
        result([comparison(Side("a.onnx", f1=59.0), TWIN), comparison(Side("b.onnx", f1=60.0), other)])
    )
    assert [row[0] for row in _table(page, "tradeoff")[2:]] == ["a.onnx", "b.onnx"]
    alone = _page(result([comparison(Side("a.onnx", f1=59.0), TWIN)]))
    assert not [section for section in alone.all("section") if section.attributes["id"] == "tradeoff"]
    assert ["F1 as served", "", "59.00", "", "", "1378"] in _table(alone, "accuracy")


def test_without_questions_the_page_says_so() -> None:
    page = _page(result([comparison(Side("m.onnx"))]))
    assert "not measured" in page.by_id("accuracy").text


def test_whole_models_have_no_picture_of_what_was_kept() -> None:
    page = _page(result([comparison(Side("m.onnx", WHOLE))]))
    assert "layers" not in [section.attributes["id"] for section in page.all("section")]


def test_limits_are_told_by_sign_and_word() -> None:
    page = _page(result([comparison(Side("m.onnx"))], gates=[gate(True), gate(False, tested="bound")]))
    assert "✗ missed: 1 of 2 limits" in page.one("header").text
    _, met, missed = _table(page, "limits")
    assert met[2:] == ["✓ met", "2.00×", "estimate"]
    assert missed[2:] == ["✗ missed", "1.60×", "end of the interval"]
    assert (
        "✓ met: 1 of 1" in _page(result([comparison(Side("m.onnx"))], gates=[gate(True)])).one("header").text
    )


def test_a_slower_model_is_told_in_the_unit_of_a_faster_one() -> None:
    page = _page(result([comparison(Side("m.onnx"), times=0.89, width=0.05)]))
    lead = page.one("header").text
    assert "m.onnx: 0.89× as fast as unpruned twin of out/model.onnx (95 % interval 0.85 to 0.93)" in lead
    assert "How well it answers was not measured." in lead
    assert _table(page, "speed")[2][1:4] == ["0.89×", "0.85 to 0.93", "slower"]


def test_no_significant_difference_is_said() -> None:
    page = _page(result([comparison(Side("m.onnx"), times=1.01)]))
    assert "no significant difference" in page.one("header").text
    assert "hollow" in page.by_id("speed").one("circle").classes


def test_no_name_breaks_out() -> None:
    plain = realistic()
    unequal = {"arrangement": "sorted", "batches": [[3, 4]], "padded_to": None, "questions": 2}
    plain["comparisons"].append(comparison(Side("m.onnx", f1=60.0), loads=[unequal]))
    data = copy.deepcopy(plain)
    for compared in data["comparisons"]:
        for role in ("baseline", "candidate"):
            compared[role]["name"] += HOSTILE
            compared[role]["dialect"] = HOSTILE
        for point in compared["points"]:
            for role in ("baseline", "candidate"):
                if "arrangement" in point[role]["load"]:
                    point[role]["load"]["arrangement"] += HOSTILE
        for metric in compared["accuracy"]["metrics"]:
            metric["name"] += "" if metric["name"] == "F1 as served" else HOSTILE
    data["notes"] = [HOSTILE]
    data["command"] = HOSTILE
    data["environment"] |= {"cpu": HOSTILE, "packages": {HOSTILE: HOSTILE}, "cpu_flags": [HOSTILE]}
    for each in data["gates"]:
        each["where"] = HOSTILE
    page = _page(data)
    assert "<script" not in _html(data)
    assert [node.name for node in page.everything()].count("svg") == [
        node.name for node in _page(plain).everything()
    ].count("svg")
    assert page.one("pre").text == HOSTILE
    assert page.by_id("notes").one("li").text == HOSTILE


def _named(*comparisons: dict[str, Any]) -> list[Compared]:
    return name_all(Result.from_dict(result(comparisons)).comparisons)


def test_names_say_how_a_model_is_run_where_runs_differ_in_that() -> None:
    int8 = Side("m.onnx", precision="int8", runtime="openvino", threads=1)
    names = [each.names for each in _named(comparison(int8), comparison(Side("m.onnx")))]
    assert names[0]["candidate"] == "m.onnx (openvino, int8, 1 thread)"
    assert names[1]["candidate"] == "m.onnx (onnxruntime, 2 threads)"
    assert [each.title for each in _named(comparison(Side("/a/b.onnx"), Side("/c/whole")))] == [
        "b.onnx against whole"
    ]


def test_charts_say_the_models_names() -> None:
    loads = workloads([1, 16], [384])
    page = _page(
        result([comparison(Side("cut/m.onnx", f1=59.0), Side("whole", WHOLE, f1=60.0), loads=loads)])
    )
    for section in ("latency", "distribution"):
        for picture in page.by_id(section).all("svg"):
            words = [each.text for each in picture.all("text")]
            assert {"m.onnx", "whole"} <= {*words}
            assert not {"baseline", "candidate"} & {*words}
            assert "whole " in (picture.attributes["aria-label"] or "")
    assert "× as fast as whole" in page.by_id("speed").one("svg").text
    assert "points more than whole" in page.by_id("accuracy").one("svg").text
    several = _page(result([comparison(Side("m.onnx")), comparison(Side("n.onnx"), Side("whole", WHOLE))]))
    assert "× as fast as its baseline" in several.by_id("speed").one("svg").text


def test_long_names_have_a_line_of_the_legend_each_and_stand_in_full_below_it() -> None:
    long = "a-name-that-is-much-too-long-for-any-picture-of-that-width-and-goes-on-and-on.onnx"
    page = _page(result([comparison(Side(long), Side(f"whole-{long}", WHOLE))]))
    figure = page.by_id("distribution").one("figure")
    names = [each for each in figure.all("text") if "…" in each.text]
    assert [name.text[:7] for name in names] == ["whole-a", "a-name-"]
    assert names[0].number("y") < names[1].number("y")
    assert all(len(name.text) == 50 for name in names)
    assert f"{long} against whole-{long}" in figure.one("figcaption").text


def test_one_picture_for_each_cut_model() -> None:
    page = _page(
        result([comparison(Side("m.onnx", CUT)), comparison(Side("m.onnx", CUT), Side("n.onnx", CUT))])
    )
    assert [row[0] for row in _table(page, "layers") if len(row) == 1] == ["m.onnx", "n.onnx"]


def test_drawing_needs_no_runtime() -> None:
    program = (
        "import trellis.cli.bench.page, sys;"
        "heavy = ('torch', 'transformers', 'onnxruntime', 'onnx', 'matplotlib');"
        "print([name for name in heavy if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_command_writes_a_page(make_file, tmp_path: Path) -> None:
    arguments = ["--threads", "1", "--seq", "16", "--launches", "3", "--blocks", "3"]
    arguments += ["--precision-goal", "99%"]
    place = tmp_path / "page.html"
    bench = Path(sys.executable).with_name("bench")
    done = subprocess.run(
        [str(bench), str(make_file()), *arguments, "--html", str(place)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    page = tree(place.read_text(encoding="utf-8"))
    assert page.one("h1").text == "How fast: out.onnx"
    assert "--html" in page.one("pre").text


def test_a_page_that_cannot_be_written_is_refused_before_measuring(make_file, tmp_path: Path) -> None:
    bench = Path(sys.executable).with_name("bench")
    for place, said in (
        (tmp_path / "absent" / "page.html", "there is no directory"),
        (tmp_path, "is a directory"),
    ):
        done = subprocess.run(
            [str(bench), str(make_file()), "--html", str(place)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stdout == ""


def test_accuracy_stands_beside_speed_in_the_head() -> None:
    """One line for each model, of both; the operating points' least and most."""
    head = _page(realistic()).one("header")
    rows = [[cell.text for cell in row.children] for row in head.one("table").all("tr")]
    assert rows[0][1:] == [
        "as fast as minilm-squad2",
        "95 % intervals within",
        "F1 as served, %",
        "change in points, 95 % interval",
    ]
    assert rows[2] == ["half/model.onnx", "1.74×", "1.69 to 1.79", "60.3 → 59.6", "-0.7 (-2.6 to +1.1)"]
    assert "1,378 questions" in head.one("caption").text


def test_warnings_stand_at_the_figures_that_they_void() -> None:
    data = realistic()
    data["warnings"] = ["Other processes took 23% of the time."]
    data["comparisons"][1]["warnings"] = ["The two graphs are in different dialects."]
    data["comparisons"][2]["points"][1]["warnings"] = ["an error of measurement."]
    page = _page(data)
    said = [
        "⚠ half/model.onnx: The two graphs are in different dialects.",
        "⚠ paper/model.onnx: batch 1, seq 384: an error of measurement.",
    ]
    for place in (page.one("header"), page.by_id("speed")):
        assert [item.text for item in place.one("ul", "warnings").all("li")] == said
    assert not page.by_id("accuracy").all("ul", "warnings")
    marked = [row for row in _table(page, "speed") if any(cell.startswith("⚠") for cell in row)]
    assert [row[:2] for row in marked] == [["batch 1, seq 384", "⚠ 2.09×"]]
    assert page.by_id("latency").one("ul", "warnings").text == "⚠ Other processes took 23% of the time."
    assert not _page(realistic()).all("ul", "warnings")


def test_warnings_of_accuracy_stand_there_each_once() -> None:
    data = realistic()
    sentences = ["As served minilm-squad2 is no better.", "As served half/model.onnx is no better."]
    for each in data["comparisons"]:
        each["accuracy"]["warnings"] = sentences
        each["warnings"] = [*sentences, "The two graphs are in different dialects."]
    page = _page(data)
    said = [f"⚠ {each}" for each in sentences]
    assert [item.text for item in page.by_id("accuracy").one("ul", "warnings").all("li")] == said
    assert [item.text for item in page.one("header").one("ul", "warnings").all("li")][:2] == said
    assert not any(item.text in said for item in page.by_id("speed").one("ul", "warnings").all("li"))
