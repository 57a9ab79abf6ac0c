import copy
import gzip
import json
from pathlib import Path

import pytest
from support.plain_result import plain_result

from bench.changes.between import changes_between
from bench.result.result import Result, read_result

STORED = Path(__file__).parents[3] / "studies" / "results"
OLD = ([0.5], [0.6], [0.7])


def test_a_result_of_before_is_read_and_its_figures_called_what_they_are() -> None:
    """Format 3 called F1 what was at the best threshold; as served it stood further down."""
    new = plain_result(*OLD, f1=(80.0, 79.0))
    old = copy.deepcopy(new)
    old["format"] = 3
    accuracy = old["comparisons"][0]["accuracy"]
    del accuracy["thresholds"], accuracy["warnings"]
    names = ("F1", "F1, has answer", "EM", "F1 as served")
    accuracy["metrics"] = [
        {"name": name, "values": {"baseline": 70.0, "candidate": 69.0}, "change": None} for name in names
    ]
    before = copy.deepcopy(old)
    read = Result.from_dict(old, "old.json")
    assert old == before  # what was read is not changed
    (comparison,) = read.comparisons
    assert comparison.accuracy is not None
    assert [metric.name for metric in comparison.accuracy.metrics] == [
        "F1 at the best threshold",
        "has-answer F1, none refused",
        "exact match at the best threshold",
        "F1 as served",
    ]
    changes = changes_between(read, Result.from_dict(new)).accuracy
    assert [(one.metric, one.role, one.old, one.new) for one in changes] == [
        ("F1 as served", "baseline", 70.0, 80.0),
        ("F1 as served", "candidate", 69.0, 79.0),
    ]
    # by thresholds of another kind, figures as served are of different things
    new["comparisons"][0]["accuracy"]["thresholds"] = "folds"
    assert changes_between(read, Result.from_dict(new)).accuracy == ()


@pytest.mark.parametrize("name", ["gpu-fp16", "gpu-fp32", "lengths"])
def test_what_format_3_wrote_is_all_there_and_what_came_since_is_said_to_be_none(name: str) -> None:
    path = STORED / f"{name}.json.gz"
    with gzip.open(path) as file:
        old = json.load(file)
    assert old["format"] == 3
    new = read_result(path).to_dict()
    assert Result.from_dict(json.loads(json.dumps(new))).to_dict() == new
    assert (new["format"], new["settings"].pop("firm"), new.pop("warnings")) == (4, False, [])
    assert new["disturbance"].pop("throttled_seconds") == 0
    for comparison in new["comparisons"]:
        assert comparison.pop("warnings") == []
        assert [point.pop("warnings") for point in comparison["points"]] == [[]] * len(comparison["points"])
    assert json.loads(json.dumps(new)) == {**old, "format": 4}
