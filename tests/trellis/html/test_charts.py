import itertools
import math

import pytest
from support.html_tree import Node, tree

from trellis.html.bars import Pair, bars
from trellis.html.intervals import Estimate, intervals
from trellis.html.layers import layers, layers_figure, layers_rows
from trellis.html.lines import BOTTOM, TOP, Series, lines
from trellis.html.scale import Scale
from trellis.html.scatter import Model, scatter
from trellis.html.svg import mark


def _picture(svg: str) -> Node:
    picture = tree(svg).one("svg")
    assert picture.attributes["role"] == "img"
    assert picture.attributes["aria-label"] == "what it shows"
    _, _, width, height = map(float, (picture.attributes["viewbox"] or "").split())
    for node in picture.everything():
        for name, end in (
            ("x", width),
            ("x1", width),
            ("x2", width),
            ("cx", width),
            ("y", height),
            ("cy", height),
        ):
            if name in node.attributes:
                assert 0 <= node.number(name) <= end
    return picture


def test_intervals_lie_where_their_ratios_are() -> None:
    row = Estimate("batch 1", 2.0, 1.6, 2.5, "2.00")
    picture = _picture(
        intervals("what it shows", [("a model", [row])], reference=1.0, axis="times", log=True)
    )
    one = picture.one("line", "reference").number("x1")
    bar, *ends = picture.all("line", "interval")
    span = bar.number("x2") - one
    assert (bar.number("x1") - one) / span == pytest.approx(math.log(1.6) / math.log(2.5), abs=1e-3)
    at = picture.one("circle").number("cx")
    assert (at - one) / span == pytest.approx(math.log(2) / math.log(2.5), abs=1e-3)
    assert [end.number("x1") for end in ends] == [bar.number("x1"), bar.number("x2")]
    assert "a model" in picture.text
    assert "hollow" not in picture.one("circle").classes


@pytest.mark.parametrize(
    ("low", "high", "hollow"), [(-1, 2, True), (0.1, 2, False), (-2, -0.1, False), (0, 1, True)]
)
def test_a_mark_is_hollow_where_no_difference_is_told(low: float, high: float, hollow: bool) -> None:
    row = Estimate("F1", (low + high) / 2, low, high, "")
    picture = _picture(intervals("what it shows", [(None, [row])], reference=0.0, axis="points"))
    assert ("hollow" in picture.one("circle").classes) is hollow


def test_bars_are_as_long_as_their_figures() -> None:
    pairs = [Pair("sorted", 8.0, 2.0), Pair("as they come", 4.0, 3.0)]
    picture = _picture(bars("what it shows", pairs, names=("baseline", "candidate"), unit="ms"))
    slow, fast = picture.all("rect", "baseline"), picture.all("rect", "candidate")
    # the first of each kind may be the legend's mark
    widths = [bar.number("width") for bar in [*slow, *fast] if "bar" in bar.classes]
    assert [width / widths[0] for width in widths] == pytest.approx([1, 0.5, 0.25, 0.375], abs=1e-3)
    assert "8 ms" in picture.text


def test_curves_go_through_their_points() -> None:
    series = [
        Series("baseline", "before", [(128, 20), (512, 80)]),
        Series("candidate", "after", [(128, 10), (512, 40)], marked=[(256, 20)]),
    ]
    picture = _picture(lines("what it shows", series, x_title="tokens", y_title="ms", x_ticks=[128, 512]))
    before, after = (_points(path) for path in picture.all("path", "stroke"))
    # both axes are of ratios: four times as much is as far on either curve, and parallel
    assert after[1][0] - after[0][0] == pytest.approx(before[1][0] - before[0][0], abs=0.02)
    assert after[1][1] - after[0][1] == pytest.approx(before[1][1] - before[0][1], abs=0.02)
    assert after[1][1] == pytest.approx((before[0][1] + before[1][1]) / 2, abs=0.02)  # 40 = √(20 · 80)
    middle, _ = picture.all("circle")
    assert middle.number("cx") == pytest.approx((after[0][0] + after[1][0]) / 2, abs=0.02)
    assert {"128", "512"} <= {text.text for text in picture.all("text")}


def test_a_given_upright_axis_is_kept_to() -> None:
    series = [Series("candidate", "after", [(1, 0), (2, 100)])]
    picture = lines(
        "what it shows",
        series,
        x_title="ms",
        y_title="%",
        y_scale=Scale(0, 100, BOTTOM, TOP),
        y_ticks=(0, 100),
    )
    assert [y for _, y in _points(_picture(picture).one("path", "stroke"))] == [BOTTOM, TOP]


def test_layers_show_what_stayed_of_what_there_was() -> None:
    picture = _picture(layers("what it shows", ([1, 0], [64, 256]), ([4, 4], [256, 256])))
    kept = [bar.number("width") for bar in picture.all("rect", "candidate")]
    whole = [bar.number("width") for bar in picture.all("rect", "removed")]
    assert [now / was for now, was in zip(kept, whole, strict=True)] == pytest.approx(
        [0.25, 0, 0.25, 1], abs=1e-3
    )
    assert [text.text for text in picture.all("text", "reading")] == ["1/4", "0/4", "64/256", "256/256"]


def test_known_heads_have_cells_of_their_own() -> None:
    shape, whole = {"num_heads": [2], "intermediate_size": [8]}, {"num_heads": [3], "intermediate_size": [8]}
    found = tree(layers_figure("<m>", shape, whole, [[0, 2]]))
    cells = [bar for bar in found.all("rect") if bar.number("x") < 180]
    assert [bar.classes[-1] for bar in cells] == ["candidate", "removed", "candidate"]
    assert "<m>: 66.7% of heads and 100.0% of feed-forward activations kept" in found.one("figcaption").text
    assert "layer 0: 2 heads, 8 activations" in (found.one("svg").attributes["aria-label"] or "")
    assert layers_rows(shape, whole) == [("0", "3", "2", "8", "8")]


def test_a_model_without_heads_or_activations_can_be_drawn() -> None:
    _picture(layers("what it shows", ([0], [0]), ([0], [0])))
    picture = _picture(layers("what it shows", ([12288], [12288]), ([12288], [12288])))
    assert len(picture.all("text", "reading")) == 2


def test_marks_on_the_front_are_filled_and_joined() -> None:
    models = [
        Model("A", "baseline", 1.0, 60.0),
        Model("B", "candidate", 2.0, 59.0, (1.9, 2.1), (57.0, 61.0)),
        Model("C", "candidate", 1.5, 58.0),
    ]
    picture = _picture(scatter("what it shows", models, x_title="times", y_title="F1"))
    assert "hollow" not in picture.one("rect", "mark").classes
    on, off = picture.all("circle", "mark")
    assert "hollow" in off.classes
    assert "hollow" not in on.classes
    stair = _points(picture.one("path", "front"))
    assert (pytest.approx(on.number("cx")), pytest.approx(on.number("cy"))) in stair
    assert all(later[0] >= sooner[0] and later[1] >= sooner[1] for sooner, later in itertools.pairwise(stair))
    across, up = picture.all("line", "interval")
    assert across.number("x1") < on.number("cx") < across.number("x2")
    assert up.number("y2") < on.number("cy") < up.number("y1")
    assert [text.text for text in picture.all("text", "label")] == ["A", "B", "C"]


def test_equal_models_can_be_drawn() -> None:
    models = [Model(f"model {index}", "candidate", 2.0, 50.0) for index in range(3)]
    found = _picture(scatter("what it shows", models, x_title="times", y_title="F1")).all("text", "label")
    places = {(text.number("x"), text.number("y")) for text in found}
    assert len(places) == 3


def test_names_lie_beside_their_marks_and_on_no_other() -> None:
    models = [
        Model(f"a-long-name-{index}", "candidate", 1 + index / 10, 50 + index / 5) for index in range(5)
    ]
    found = _picture(scatter("what it shows", models, x_title="times", y_title="F1")).all("text", "label")
    assert [text.text for text in found] == [model.name for model in models]
    boxes = [(text.number("x"), text.number("y"), 6.5 * len(text.text)) for text in found]
    for (x, y, width), (other, base, wide) in itertools.combinations(boxes, 2):
        assert abs(y - base) >= 11 or x + width <= other or other + wide <= x


def test_small_differences_look_small_and_a_cut_off_axis_is_broken() -> None:
    models = [Model("a", "baseline", 1.0, 60.0), Model("b", "candidate", 1.01, 59.9)]
    picture = _picture(scatter("what it shows", models, x_title="times", y_title="F1"))
    assert len(picture.all("path", "break")) == 1
    one, other = picture.one("rect", "mark"), picture.one("circle", "mark")
    assert abs(one.number("y") + 4.5 - other.number("cy")) < 4  # a tenth of a point of ten or more
    assert abs(one.number("x") + 4.5 - other.number("cx")) < 8
    from_zero = [Model("a", "baseline", 1.0, 0.0), Model("b", "candidate", 2.0, 100.0)]
    assert not _picture(scatter("what it shows", from_zero, x_title="times", y_title="F1")).all(
        "path", "break"
    )


def test_no_upright_line_goes_through_words() -> None:
    rows = [Estimate(f"F1 {index}", -1.0, -2.0, 0.5, "-1.00 (-2.00 to +0.50)") for index in range(3)]
    picture = _picture(intervals("what it shows", [("a model", rows)], reference=0.0, axis="points"))
    bases = [text.number("y") for text in picture.all("text")]
    for upright in picture.all("line", "grid") + picture.all("line", "reference"):
        top, bottom = sorted((upright.number("y1"), upright.number("y2")))
        assert not [base for base in bases if top < base and base - 8 < bottom and top != bottom]


def test_kinds_differ_in_shape() -> None:
    assert [tree(mark((5, 5), kind)).children[0].name for kind in ("baseline", "candidate", "other")] == [
        "rect",
        "circle",
        "path",
    ]


def _points(path: Node) -> list[tuple[float, float]]:
    pairs = (path.attributes["d"] or "").removeprefix("M").split("L")
    return [(float(x), float(y)) for x, y in (pair.split() for pair in pairs)]
