from pathlib import Path

import pytest

from studies.paper.numbers import Numbers, numbers_of
from studies.paper.tables import tables_of


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]


@pytest.mark.usefixtures("study")
def test_operating_points_stand_beside_the_papers(store: Path) -> None:
    found = rows(tables_of(numbers_of(store)))
    assert found[3][:7] == ["unpruned", "0.0 / 0.0", "trained as long", "100.0", "100.0", "–", "–"]
    distilled = next(row for row in found if row[:3] == ["(2, 2)", "50.0 / 50.0", "distilled"])
    assert distilled[3:7] == ["100.0", "100.0", "+0.0 [+0.0, +0.0]", "+0.0 [+0.0, +0.0]"]
    assert distilled[-1] == "2.00 [1.50, 2.50]"
    ours, theirs = (row for row in found if row[0].startswith("(2, 2), "))
    assert (ours[0], ours[4], ours[6]) == ("(2, 2), here", "+0.0 [+0.0, +0.0]", "2.00")
    assert theirs == ["(2, 2), paper", "53.1 / 64.9", "−3.7", "−1.4", "–", "–", "1.95"]


@pytest.mark.usefixtures("study")
def test_distilling_stands_against_retraining(store: Path) -> None:
    text = tables_of(numbers_of(store))
    _, _, after = text.partition("trained as long on the annotated answers alone.")
    row = rows(after)[2]
    assert row[:2] == ["(2, 2)", "distilled"]
    assert [change.split(" ")[0] for change in row[3:]] == ["+25.0", "+50.0"]


@pytest.mark.usefixtures("study")
def test_methods_stand_side_by_side(store: Path) -> None:
    found = rows(tables_of(numbers_of(store)))
    heads = [row for row in found if row[0] == "50"]
    assert len(heads) == 2
    assert (heads[0][1], heads[0][3]) == ("0.0 [0.0, 0.0]", "100.0 [100.0, 100.0]")
    assert heads[0][4].startswith("+50.0 [+0.0, +100.0]")


@pytest.mark.usefixtures("study")
def test_every_row_is_as_long_as_its_heading(store: Path) -> None:
    for table in tables_of(numbers_of(store)).split("\n\n"):
        lengths = {len(row) for row in rows(table)}
        assert len(lengths) <= 1


def test_what_is_missing_is_absent(put, store: Path) -> None:
    put("l0-1-1")
    text = tables_of(numbers_of(store))
    assert "L0 gates" not in text
    assert "fewer layers" not in text
    assert "| (1, 1) | 0.0 / 0.0 | not trained after the cut | 100.0 | 100.0 | – | – | – | – |" in text
    assert tables_of(Numbers((), (), (), ())) == ""


def test_of_natural_questions_both_kinds_of_answers(put, store: Path) -> None:
    def answers(right: list[int]) -> dict[str, list[int]]:
        return {"has_answer": [1, 1], "attempted": [1, 1], "correct": right}

    for name, right in (("whole-retrain", [1, 1]), ("transferred-1-1-retrain", [1, 0])):
        scores = {"long": answers(right), "short": answers([1, 1])}
        put(name, accuracy={"before": scores, "after": scores})
    text = tables_of(numbers_of(store))
    assert "| (1, 1), paper | 44.0 / 48.1 | – | −0.2 | – | – | – |" in text
    assert "| (1, 1), paper | 44.0 / 48.1 | – | −3.0 | – | – | – |" in text
    assert (
        "| (1, 1) | 0.0 / 0.0 | retrained | 50.0 | 100.0 | −50.0 [−100.0, +0.0] | +0.0 [+0.0, +0.0] |" in text
    )


def test_what_goes_beyond_the_paper_stands_against_the_plain_way(put, store: Path) -> None:
    put("option-hidden", (1, 1, 1, 0), (1, 0))
    assert "| logits and hidden states | 0.0 / 0.0 | 75.0 | 50.0 | – | – |" in tables_of(numbers_of(store))
    put("option-logits", (1, 0, 1, 0), (1, 1))
    put("option-round-1")
    found = rows(tables_of(numbers_of(store)))
    first, second = (row for row in found if row[0].endswith(("logits", "states")))
    assert first == ["teacher's logits", "0.0 / 0.0", "50.0", "100.0", "–", "–"]
    assert second[2:4] == ["75.0", "50.0"]
    assert [change.split(" ")[0] for change in second[4:]] == ["+25.0", "−50.0"]
