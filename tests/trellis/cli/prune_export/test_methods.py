"""Another method is one file and one line of registry: the command knows what it needs, costs and finds."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import tiny, toy_method
from support.commands import invoke
from support.seeing import seeing

from prune.checkpoint import save
from prune.loaded_model import open_model
from prune.methods.job import Job
from prune.methods.target import Fractions
from prune.plan import Plan
from prune.tasks.question_answering.builtin import builtin_questions
from prune.work import open_work
from trellis.cli.prune_export.command import COMMAND

HALF = ("--prune-heads", "50%", "--prune-ffn", "50%")
WORDS = ["the old pear tree was trained against a south wall by her sons"]


@pytest.fixture(autouse=True)
def _toy() -> Iterator[None]:
    with toy_method.registered():
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "model"
    save(tiny.model(), tiny.tokenizer(WORDS), directory)
    return directory


def run(*arguments: object) -> tuple[int, str]:
    result = invoke(COMMAND, arguments)
    return result.exit_code, result.output


def test_a_method_that_is_registered_cuts_and_says_so(model: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    code, printed = run(model, tmp_path / "m.onnx", "--method", "loudness", *HALF, "--json", found)
    assert code == 0, printed
    noted: dict[str, Any] = json.loads(found.read_bytes())
    assert noted["provenance"]["method"] == "loudness"
    job, target = Job(open_model(str(model)), text=builtin_questions()), Fractions(0.5, 0.5)
    with open_work(None) as work:
        ranking = toy_method.Loudness().rank(job, target, work, lambda what, done, total: None)
    assert Plan.from_dict(noted["plan"]) == ranking.cut(target).plan
    assert noted["gates"] == []


def test_a_dry_run_counts_what_it_then_computes(model: Path, tmp_path: Path) -> None:
    code, printed = run(model, tmp_path / "m.onnx", "--method", "loudness", *HALF, "--dry-run")
    assert code == 0, printed
    assert "Units would be chosen by loudness: layers come out unequal, with these totals." in printed
    assert "Heads 8 → 4, feed-forward activations 24 → 12." in printed
    counts = re.findall(r"(listening|checking the graph) \((\d+) windows\)", printed)
    assert [what for what, _ in counts] == ["listening", "checking the graph"]
    with seeing() as seen:
        assert run(model, tmp_path / "m.onnx", "--method", "loudness", *HALF)[0] == 0
    assert seen.forward == sum(int(count) for _, count in counts)


def test_with_no_amount_its_cuts_are_searched(model: Path, tmp_path: Path) -> None:
    wishes = ("--method", "loudness", "--min-agreement", 0)
    code, printed = run(model, tmp_path / "m.onnx", *wishes)
    assert code == 0, printed
    assert (
        "Removed as much as keeps 0 % agreement." in printed or "Exported whole: the model gives" in printed
    )


def test_a_method_that_is_not_is_refused_with_those_that_are(model: Path, tmp_path: Path) -> None:
    code, printed = run(model, tmp_path / "m.onnx", "--method", "pain")
    assert code == 2
    assert re.search(r"'pain'.*gain.*l0.*random.*loudness", printed.replace("\n", " "))
    assert not any(tmp_path.iterdir())
