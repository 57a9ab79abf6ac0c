"""The stored study, told as it was served."""

from pathlib import Path

import pytest

from studies.paper.served import served_table
from studies.paper.study_result import accuracy_in
from trellis.errors import InputError

STUDY = Path(__file__).parents[3] / "studies" / "results"


def test_the_stored_points_at_the_thresholds_that_were_written() -> None:
    lines = served_table(STUDY / "squad.json.gz").splitlines()
    assert lines[0] == "| model | F1 | has-answer F1 | no-answer accuracy | has-answer F1, none refused |"
    assert "| whole-retrain, as it came | 59.7 | 36.3 | 80.8 | 73.2 |" in lines
    assert "| l0-1-1 | 56.9 | 19.0 | 91.2 | 67.1 |" in lines
    assert not any("seed" in line for line in lines)


def test_other_studies_are_refused() -> None:
    with pytest.raises(InputError, match="holds no operating points of SQuAD"):
        served_table(STUDY / "nq.json.gz")


def test_cells_with_odds_are_scored_at_their_best_threshold_as_those_of_before() -> None:
    found = accuracy_in(
        {
            "score": {"best_f1_threshold": -1.0},
            "answered_f1_by_question": [1.0, 0.5, 0.0, 0.0],
            "has_answer_by_question": [True, True, False, True],
            "null_odds_by_question": [-2.0, 3.0, 4.0, None],
        }
    )
    assert found["f1"].parts.tolist() == [1, 0, 1, 0]
    assert found["has_answer_f1"].parts.tolist() == [1, 0.5, 0]
