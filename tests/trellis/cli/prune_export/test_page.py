"""The page of a run of prune-export, from its JSON."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import tiny
from support.commands import invoke
from support.html_tree import Node, tree
from support.results import CUT, ENCODER, WHOLE

from prune.checkpoint import save
from prune.tasks.question_answering.questions import Answer, Question
from prune.tasks.question_answering.squad.reading import write_squad
from trellis.cli.prune_export.command import COMMAND
from trellis.cli.prune_export.page import export_page

HOSTILE = '<script>document.title="broken"</script>"\'&'
CONTEXT = "The old pear tree was trained against the south wall in 1871 by Ada Birch."


def _interval(change: float) -> dict[str, float]:
    return {"mean_difference": change, "low": change - 1.5, "high": change + 0.5}


def _compared(change: float, *measured: tuple[str, str, float, int], floor: float = 52.5) -> dict[str, Any]:
    figures = [
        {
            "name": name,
            "way": way,
            "before": before,
            "after": before + change,
            "change": _interval(change),
            "questions": questions,
        }
        for name, way, before, questions in measured
    ]
    return {"figures": figures, "floor": {"f1": floor}}


def _squad(change: float) -> dict[str, Any]:
    return _compared(
        change,
        ("F1 as served", "as served", 60.0, 1378),
        ("has-answer F1 as served", "as served", 45.0, 654),
        ("F1 at the best threshold", "at the best threshold", 61.0, 1378),
        ("has-answer F1, none refused", "none refused", 73.0, 654),
    )


def _nq() -> dict[str, Any]:
    kinds = {"long": 52.0, "short": 40.0}
    served = [(f"F1 of {kind} answers as served", "as served", f1, 7830) for kind, f1 in kinds.items()]
    return _compared(-2.0, *served, floor=0.0)


def _run(**changes: Any) -> dict[str, Any]:
    heads = [list(range(kept)) for kept in CUT["num_heads"]]
    run = {
        "format": 2,
        "warnings": [],
        "path": "out/model.onnx",
        "bytes": 60 * 2**20,
        "seconds": 93.1,
        "model": "minilm-squad2",
        "how": "cut by gain",
        "shape": CUT,
        "source_shape": WHOLE,
        "original_shape": WHOLE,
        "encoder": ENCODER,
        "parity": {
            "max_absolute": 2.9e-5,
            "max_relative": 4.9e-6,
            "tolerance": 1e-4,
            "cases": ["batch 1, 1 token", "batch 3, right padding"],
            "devices": ["CPU", "GPU"],
        },
        "provenance": {"model_name": "minilm-squad2", "versions": {"torch": "2.6"}, "kept_in_fp32": []},
        "plan": {"heads": heads, "intermediate": [list(range(kept)) for kept in CUT["intermediate_size"]]},
        "search": None,
        "gates": [],
        "training": None,
        "accuracy": None,
        "engine": None,
        "precision": "fp32",
        "precision_accuracy": None,
        "precision_agreement": None,
    }
    return run | changes


def _page(**changes: Any) -> Node:
    return tree(export_page(json.loads(json.dumps(_run(**changes))), "prune-export minilm out/model.onnx"))


def test_what_was_removed_and_what_it_is_worth() -> None:
    page = _page()
    assert page.one("h1").text == "Cut: minilm-squad2"
    assert "62.5% of the heads and 67.7% of the feed-forward activations removed" in page.one("header").text
    assert "✓ met: the file's logits are those of PyTorch" in page.one("header").text
    rows = page.by_id("amounts").one("table").rows()
    assert rows[1] == ["heads", "72", "27", "62.5%"]
    assert rows[2][1:3] == ["9216", "2976"]
    assert page.by_id("layers").one("table").rows()[1] == ["0", "12", "3", "1536", "320"]
    assert page.one("pre").text == "prune-export minilm out/model.onnx"
    assert "batch 3, right padding" in page.by_id("parity").text
    facts = dict(zip((t.text for t in page.all("dt")), (d.text for d in page.all("dd")), strict=True))
    assert facts["versions, torch"] == "2.6"
    assert facts["kept in fp32"] == "none"
    assert facts["The file ran on"] == "CPU and GPU"
    assert "not measured" in page.by_id("accuracy").text


def test_each_head_is_drawn_where_it_is_known_which_stayed() -> None:
    cells = _page().by_id("layers").one("svg").all("rect", "candidate")
    assert len(cells) == sum(CUT["num_heads"]) + 6
    # what was cut before numbers its heads anew, so that they cannot be placed
    again = _page(source_shape={"num_heads": [8] * 6, "intermediate_size": [1536] * 6}).by_id("layers")
    assert len(again.one("svg").all("rect", "candidate")) == 12


def test_accuracy_of_squad_and_of_lower_precision() -> None:
    page = _page(accuracy=_squad(-0.8), precision="int8", precision_accuracy=_squad(-0.2))
    rows = page.by_id("accuracy").one("table").rows()
    assert rows[2] == ["F1 as served", "60.00", "59.20", "-0.80", "-2.30 to -0.30", "1378"]
    assert rows[3] == ["has-answer F1 as served", "45.00", "44.20", "-0.80", "-2.30 to -0.30", "654"]
    assert rows[5][:3] == ["has-answer F1, none refused", "73.00", "72.20"]
    assert rows[6] == ["F1 of refusing every question", "52.50", "52.50", "", "", ""]
    assert rows[7] == ["In fp32, and in the precision of the file"]
    marks = page.by_id("accuracy").all("circle", "mark")
    assert ["hollow" in mark.classes for mark in marks] == [False] * 4 + [True] * 4
    head = page.one("header").text
    assert "F1 as served: 60.0 → 59.2 (-0.80, 95 % interval -2.30 to -0.30), 1378 questions" in head
    assert "none refused" not in head  # no score stands there but those as served


def test_accuracy_of_natural_questions() -> None:
    rows = _page(accuracy=_nq()).by_id("accuracy").one("table").rows()
    assert rows[2] == ["F1 of long answers as served", "52.00", "50.00", "-2.00", "-3.50 to -1.50", "7830"]
    assert rows[3][0] == "F1 of short answers as served"


def test_what_voids_the_result_stands_above_everything_else() -> None:
    head = _page(accuracy=_squad(-0.8), warnings=["The model is destroyed."]).one("header").text
    assert head.index("Warning: The model is destroyed.") < head.index("removed") < head.index("F1 as served")


def test_search_training_and_engine() -> None:
    agreement = {"mean": 91.2, "low": 88.0, "high": 94.1, "questions": 120}
    search = {"plan": None, "percent": 12, "agreement": agreement, "reason": None}
    search["trials"] = [
        {"percent": 25, "agreement": agreement | {"mean": 70.0}},
        {"percent": 12, "agreement": agreement},
    ]
    page = _page(
        search=search,
        training={"steps": 1200, "seconds": 5400.0, "best_step": 900, "log": []},
        engine={"path": "model.engine", "profiles": ["1x384"], "products_by_dtype": {"fp32": 3}},
    )
    rows = page.by_id("search").one("table").rows()
    assert rows[1:] == [["12 %", "91.2", "88.0 to 94.1"], ["25 %", "70.0", "88.0 to 94.1"]]
    assert "agree with those before the cut to 91.2 %" in page.one("header").text
    assert "90 min" in page.by_id("training").text
    assert "products by dtype, fp32" in page.by_id("engine").text


def test_what_is_whole_is_called_so() -> None:
    page = _page(shape=WHOLE, plan=None, how="exported unchanged")
    assert page.one("h1").text == "Exported whole: minilm-squad2"
    assert "Exported unchanged." in page.one("header").text


def test_no_name_breaks_out() -> None:
    run = copy.deepcopy(_run(accuracy=_squad(-0.8)))
    run |= {"model": HOSTILE, "path": HOSTILE, "how": HOSTILE, "provenance": {HOSTILE: [HOSTILE]}}
    run["parity"]["cases"] = [HOSTILE]
    html = export_page(run, HOSTILE)
    assert "<script" not in html
    assert tree(html).one("pre").text == HOSTILE


def test_drawing_needs_no_torch() -> None:
    program = "import trellis.cli.prune_export.page, sys\n"
    program += "print([n for n in ('torch', 'transformers', 'matplotlib') if n in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    save(tiny.model(), tiny.tokenizer([CONTEXT]), directory)
    return directory


def _prune_export(*arguments: object) -> tuple[int, str]:
    found = invoke(COMMAND, arguments)
    return found.exit_code, found.output


def test_the_command_writes_a_page(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["prune-export", "a model", "out/model.onnx"])
    (tmp_path / "out").mkdir()
    dev, place = tmp_path / "dev.json", tmp_path / "page.html"
    asked = [
        Question(f"q{index}", "Who?", CONTEXT, (Answer("Ada", CONTEXT.index("Ada")),)) for index in range(3)
    ]
    write_squad(asked, dev)
    amounts = ("--method", "random", "--prune-heads", 0.5, "--prune-ffn", 0.5)
    code, said = _prune_export(
        model_dir, tmp_path / "out" / "model.onnx", *amounts, "--dev", dev, "--html", place
    )
    assert code == 0, said
    page = tree(place.read_text(encoding="utf-8"))
    assert page.one("pre").text == "prune-export 'a model' out/model.onnx"
    assert page.by_id("accuracy").one("table").rows()[2][0] == "F1 as served"
    assert page.by_id("layers").one("svg").all("rect", "removed")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("absent/page.html", "there is no directory"),
        (".", "is a directory"),
        ("out.onnx", "writes itself"),
        ("config.json", "writes itself"),
    ],
)
def test_a_page_that_cannot_be_written_is_refused_before_any_work(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, printed = _prune_export(model_dir, "out.onnx", "--html", place)
    assert code == 2
    assert said in printed
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
