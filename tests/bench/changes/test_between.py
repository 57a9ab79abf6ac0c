import json
import math
from typing import Any

import pytest
from support.plain_result import CANDIDATE_SECONDS, plain_result

from bench.changes.between import Changes, ModelChange, changes_between
from bench.measure.statistics import student_t
from bench.result.result import Result
from bench.workload import Traffic, Workload
from trellis.errors import InputError

OLD = ([0.5], [0.6], [0.7])
NEW = ([0.35], [0.4], [0.45])


def _compare(old: dict[str, Any], new: dict[str, Any]) -> Changes:
    return changes_between(Result.from_dict(old), Result.from_dict(new), sources=("old.json", "new.json"))


def test_what_changed_at_a_point_both_have() -> None:
    changes = _compare(plain_result(*OLD), plain_result(*NEW))
    (point,) = changes.points
    assert point.where == "batch 2, seq 16"
    assert point.pair.label == "out.onnx against twin (onnxruntime, fp32, 2 threads)"
    assert point.old.estimate == pytest.approx(math.exp(0.6))
    assert point.new.estimate == pytest.approx(math.exp(0.4))
    assert point.new.low == pytest.approx(math.exp(0.4 - student_t(0.95, 2) * 0.05 / math.sqrt(3)))
    assert point.change.estimate == pytest.approx(math.exp(-0.2))
    assert point.p50 == {
        "baseline": pytest.approx((CANDIDATE_SECONDS * math.exp(0.6), CANDIDATE_SECONDS * math.exp(0.4))),
        "candidate": (CANDIDATE_SECONDS, CANDIDATE_SECONDS),
    }
    assert changes.same_environment
    assert changes.only_old == changes.only_new == changes.models == changes.accuracy == changes.engines == ()


def test_the_speed_ups_are_those_that_bench_itself_found() -> None:
    old = plain_result([0.5, 0.55], [0.6, 0.7], [0.7, 0.3], [0.4, 0.5], pilot=3, clients=3)
    (point,) = _compare(old, plain_result(*NEW, clients=3)).points
    assert point.old.to_dict() == pytest.approx(old["comparisons"][0]["points"][0]["speedup"])
    assert point.old.estimate == pytest.approx(math.exp((0.525 + 0.65 + 0.5 + 0.45) / 4))


def test_in_different_environments_times_are_not_compared() -> None:
    new = plain_result(*NEW, cores=4, gpu="Some GPU", packages={"onnxruntime": "2.0", "openvino": "1"})
    changes = _compare(plain_result(*OLD), new)
    assert [(one.what, one.old, one.new) for one in changes.differences] == [
        ("cores", "2", "4"),
        ("gpu", "none", "Some GPU"),
        ("onnxruntime", "1.0", "2.0"),
        ("openvino", None, "1"),
    ]
    assert not changes.same_environment
    (point,) = changes.points
    assert point.p50 is None
    assert point.change.estimate == pytest.approx(math.exp(-0.2))


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ({"cpu": "Other"}, "cpu"),
        ({"processors": 3}, "processors"),
        ({"cpu_flags": ("avx2",)}, "cpu flags"),
        ({"memory_bytes": 2**35}, "memory"),
        ({"system": "Other"}, "system"),
        ({"python": "3.12.0"}, "python"),
        ({"governor": "powersave"}, "governor"),
    ],
)
def test_all_that_times_depend_on_is_looked_at(place: dict[str, Any], what: str) -> None:
    changes = _compare(plain_result(*OLD), plain_result(*NEW, **place))
    assert [one.what for one in changes.differences] == [what]


def test_date_load_and_a_megabyte_of_memory_make_no_other_environment() -> None:
    place = {"date": "2027-01-01", "load_average": None, "memory_bytes": 2**34 + 2**20}
    assert _compare(plain_result(*OLD), plain_result(*NEW, **place)).same_environment


def test_inputs_and_device_are_looked_at() -> None:
    new = plain_result(*NEW)
    new["settings"]["inputs"] = "zeros"
    for role in ("baseline", "candidate"):
        new["comparisons"][0][role]["device"] = "cuda"
    changes = _compare(plain_result(*OLD), new)
    assert [one.what for one in changes.differences] == ["inputs", "device"]


def test_what_only_one_side_has_is_listed() -> None:
    old = plain_result(*OLD, loads=[Workload(1, 16), Workload(2, 16)])
    new = plain_result(*NEW, loads=[Workload(2, 16), Traffic("sorted by length", ((3, 4),), None, 2)])
    changes = _compare(old, new)
    assert [point.where for point in changes.points] == ["batch 2, seq 16"]
    assert [where for _, where in changes.only_old] == ["batch 1, seq 16"]
    assert [where for _, where in changes.only_new] == ["sorted by length"]


@pytest.mark.parametrize(
    "other", [{"name": "other.onnx"}, {"baseline": "other"}, {"threads": 4}, {"clients": 2}]
)
def test_what_is_not_the_same_comparison_is_not_matched(other: dict[str, Any]) -> None:
    changes = _compare(plain_result(*OLD), plain_result(*NEW, **other))
    assert not changes.points
    assert len(changes.only_old) == len(changes.only_new) == 1
    assert changes.same_environment
    assert [one.what for one in changes.engines] == [what for what in other if what in ("threads", "clients")]


def test_precisions_of_both_models_tell_comparisons_apart() -> None:
    new = plain_result(*NEW)
    new["comparisons"][0]["baseline"]["precision"] = "int8"
    changes = _compare(plain_result(*OLD), new)
    assert not changes.points
    assert "fp32 against int8" in changes.only_new[0][0].label


def test_another_file_of_the_same_name_is_said() -> None:
    changes = _compare(plain_result(*OLD), plain_result(*NEW, sha256="cd" * 32))
    assert changes.models == (ModelChange("out.onnx", "ab" * 32, "cd" * 32),)


def test_accuracy_is_compared_where_both_have_it() -> None:
    assert not _compare(plain_result(*OLD, f1=(80.0, 79.0)), plain_result(*NEW)).accuracy
    new = plain_result(*NEW, f1=(80.0, 78.5))
    changes = _compare(plain_result(*OLD, f1=(80.0, 79.0)), new)
    assert [(one.metric, one.role, one.old, one.new) for one in changes.accuracy] == [
        ("F1 as served", "baseline", 80.0, 80.0),
        ("F1 as served", "candidate", 79.0, 78.5),
        ("F1 of refusing every question", "baseline", 80.0, 80.0),
        ("F1 of refusing every question", "candidate", 79.0, 78.5),
    ]
    assert all(one.same_questions for one in changes.accuracy)
    new["comparisons"][0]["accuracy"]["questions"] = 5
    changes = _compare(plain_result(*OLD, f1=(80.0, 79.0)), new)
    assert not any(one.same_questions for one in changes.accuracy)


def test_plain_values_are_json() -> None:
    changes = _compare(plain_result(*OLD, f1=(80.0, 79.0)), plain_result(*NEW, f1=(80.0, 79.0), sha256=None))
    found = json.loads(json.dumps(changes.to_dict(), allow_nan=False))
    assert found["format"] == 1
    (point,) = found["points"]
    assert (point["candidate"], point["where"]) == ("out.onnx", "batch 2, seq 16")
    assert point["change"]["verdict"] == "undecided"
    assert point["p50"]["candidate"] == {"old": CANDIDATE_SECONDS, "new": CANDIDATE_SECONDS}
    assert found["models"] == [{"name": "out.onnx", "old_sha256": "ab" * 32, "new_sha256": None}]


def test_a_comparison_that_is_there_twice_is_refused() -> None:
    old = plain_result(*OLD)
    old["comparisons"] *= 2
    with pytest.raises(InputError, match=r"old\.json holds .* at batch 2, seq 16 more than once"):
        _compare(old, plain_result(*NEW))


def test_what_would_steer_a_terminal_is_spelled_out() -> None:
    hostile = {"name": "a\x1b[2J\n\ud800é", "cpu": "\x9b31m", "packages": {"\x07": "1"}}
    changes = _compare(plain_result(*OLD, **hostile), plain_result(*NEW))
    assert changes.only_old[0][0].candidate == r"a\x1b[2J\n\ud800é"
    assert [(one.what, one.old) for one in changes.differences] == [
        ("cpu", r"\x9b31m"),
        (r"\x07", "1"),
        ("onnxruntime", None),
    ]
