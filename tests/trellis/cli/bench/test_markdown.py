import re
from typing import Any

import pytest
from support.plain_result import made_result

from bench.workload import Traffic, Workload
from trellis.cli.bench.markdown import code, markdown_text, prose

LOG2 = 0.6931471805599453


def _tables(text: str) -> list[list[list[str]]]:
    """Cells of all tables, by rows; a pipe that is escaped ends no cell."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_one_point() -> None:
    text = markdown_text(made_result([LOG2], [LOG2], [LOG2]))
    assert text.splitlines()[0] == "### `out.onnx` is 2.00× as fast as `twin` (95 % interval 2.00 to 2.00)"
    (table,) = _tables(text)
    assert table[0][:2] == ["at", "model"]
    assert table[1] == ["---", "---", *["---:"] * 6]
    gmacs = [row[6] for row in table[2:]]
    # The baseline's calls take twice the candidate's 125 ms, two sequences each.
    assert table[2] == ["batch 2, seq 16", "baseline", "250", "250", "250", "8", gmacs[0], "1×"]
    assert table[3] == [
        "",
        "candidate",
        "125",
        "125",
        "125",
        "16",
        gmacs[1],
        "**2.00×** (2.00 to 2.00), faster",
    ]
    assert float(gmacs[0]) == pytest.approx(2.73, rel=0.01)  # 32 tokens through 85 million weights
    assert "52.8% of heads and 64.9% of activations removed" in text
    assert "random weights, whole" in text


@pytest.mark.parametrize(
    ("launches", "said"),
    [
        (([-LOG2], [-LOG2]), "`out.onnx` is 0.50× as fast as `twin` (95 % interval 0.50 to 0.50)"),
        (
            ([0.1], [-0.1]),
            "`out.onnx` is 1.000× as fast as `twin` (95 % interval 0.281 to 3.563): no significant difference",
        ),
    ],
)
def test_the_headline_says_what_the_interval_says(launches: Any, said: str) -> None:
    assert markdown_text(made_result(*launches)).splitlines()[0] == f"### {said}"


def test_several_points_share_a_headline_and_a_table() -> None:
    loads = [Workload(1, 16), Traffic("sorted by length", ((3, 4), (9,)), None, 2)]
    text = markdown_text(made_result([LOG2], [LOG2], loads=loads))
    assert text.startswith("### `out.onnx` is 2.00× to 2.00× as fast as `twin`\n")
    (table,) = _tables(text)
    assert [row[0] for row in table[2:]] == ["batch 1, seq 16", "", "sorted by length", ""]


def test_accuracy_limits_and_notes() -> None:
    text = markdown_text(made_result([LOG2], [LOG2], f1=(80.0, 79.0), min_speedup=3.0, load_average=2.0))
    _, accuracy = _tables(text)
    assert accuracy[2:] == [
        ["F1 as served", "80.00", "79.00", "-1.00", "-2.00 to +0.00"],
        ["F1 of refusing every question", "80.00", "79.00", "", ""],
    ]
    assert "100 questions:" in text
    assert "- `--min-speedup 3`: **MISSED**, 2.00× (out.onnx, batch 2, seq 16)" in text
    assert "- Note: The machine was busy before the start (load 2.0 on 2 cores)" in text


def test_the_environment_is_folded_up() -> None:
    text = markdown_text(made_result([LOG2], [LOG2], cpu="Some <CPU>", gpu="A & B"))
    folded = text[text.index("<details>") :]
    assert folded.startswith(
        "<details><summary>Measured on A &amp; B · Some &lt;CPU&gt; · 2 cores · Linux</summary>\n\n"
    )
    assert folded.rstrip().endswith("\n\n</details>")
    for fact in (
        "- onnxruntime: `1.0`",
        "- cpu flags: `avx2 fma`",
        "- command: `bench out.onnx`",
        "- goal: `0.02`",
    ):
        assert fact in folded.splitlines()
    assert "governor" not in folded  # not known
    assert text.count("<details>") == text.count("</details>") == 1


def test_no_name_breaks_out_of_its_place() -> None:
    name = "a|b`c``d\n| x | <b>@someone_else* [l](u) \\| "
    text = markdown_text(made_result([LOG2], [LOG2], name=name, min_speedup=1.0))
    headline = text.splitlines()[0]
    assert headline.startswith("### ``` a|b`c``d | x | <b>@someone_else* [l](u) \\| ``` is 2.00× as fast")
    (table,) = _tables(text)
    assert len(table) == 4
    assert {len(row) for row in table} == {8}
    (limit,) = [line for line in text.splitlines() if line.startswith("- `--min-speedup")]
    assert r"a\|b\`c\`\`d \| x \| \<b\>" in limit
    assert "@someone" not in limit


@pytest.mark.parametrize(
    ("text", "fenced"),
    [("a", "`a`"), ("a|b", "`a|b`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), (" a\r\n b ", "`a b`")],
)
def test_code_is_fenced_by_more_backticks_than_it_holds(text: str, fenced: str) -> None:
    assert code(text) == fenced


def test_prose_holds_no_markup() -> None:
    assert prose("a_b *c* `d` [e] <f> #1 & g|h\\") == r"a\_b \*c\* \`d\` \[e\] \<f\> \#1 \& g\|h" + "\\\\"
    assert prose("x\n- y") == "x - y"


def test_no_name_steers_a_terminal_nor_leaves_its_line() -> None:
    text = markdown_text(made_result([LOG2], [LOG2], name="a\x1b[31m\u202eb\n| c | `d`"))
    assert text.splitlines()[0].startswith("### `` a\ufffd[31m\ufffdb | c | `d` `` is 2.00× as fast")
    assert all(one.isprintable() or one == "\n" for one in text)
