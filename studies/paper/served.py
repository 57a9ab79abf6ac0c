"""What the stored models of a study on SQuAD score with the threshold that was written beside them."""

from collections.abc import Iterator
from pathlib import Path

from studies.paper.format import markdown, number
from studies.store import read_store
from trellis.errors import InputError

_MEASURES = {
    "f1": "F1",
    "has_answer_f1": "has-answer F1",
    "no_answer_exact": "no-answer accuracy",
}


def served_table(store: Path) -> str:
    """Each operating point at its written threshold, and with none refused, as a Markdown table in percent.

    Cells of before hold no odds: their thresholds were set on the very questions that judge them.
    """
    rows = list(_rows(store))
    if not rows:
        raise InputError(f"{store} holds no operating points of SQuAD; name the --store of that study.")
    return markdown(["model", *_MEASURES.values(), "has-answer F1, none refused"], rows)


def _rows(store: Path) -> Iterator[list[str]]:
    for name, cell in sorted(read_store(store).items()):
        if cell["part"] != "point" or "score" not in cell["found"]["accuracy"]["after"]:
            continue
        accuracy = cell["found"]["accuracy"]
        sides = (
            {f"{name}, as it came": "before", name: "after"} if name == "whole-retrain" else {name: "after"}
        )
        for title, side in sides.items():
            found = accuracy[side]
            score = found["score"]
            none_refused = found.get("has_answer_f1", _none_refused(found))
            yield [title, *(number(score[key], 1) for key in _MEASURES), number(none_refused, 1)]


def _none_refused(found: dict[str, list[float]]) -> float | None:
    answered = found.get("answered_f1_by_question", [])
    scores = [f1 for f1, has in zip(answered, found.get("has_answer_by_question", []), strict=True) if has]
    return 100 * sum(scores) / len(scores) if scores else None
