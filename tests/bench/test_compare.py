import copy
import json
import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats
from support.plain_result import CANDIDATE_SECONDS, plain_result

from bench.change import change_of, welch_degrees
from bench.compare import Changes, ModelChange, compare
from bench.json_field import Field
from bench.measure.statistics import student_t
from bench.saved import parse_saved, read_saved
from bench.workload import Traffic, Workload
from trellis.errors import InputError

OLD = ([0.5], [0.6], [0.7])
NEW = ([0.35], [0.4], [0.45])


def _compare(old: dict[str, Any], new: dict[str, Any]) -> Changes:
    return compare(parse_saved(Field(old, "old.json")), parse_saved(Field(new, "new.json")))


def test_the_change_is_welchs_where_the_launches_were_fixed() -> None:
    old, new = [0.5, 0.55, 0.71, 0.62], [0.42, 0.4, 0.45]
    found = change_of(([[one] for one in old], 4), ([[one] for one in new], 3))
    welch = scipy_stats.ttest_ind(new, old, equal_var=False)
    interval = welch.confidence_interval(0.95)
    assert math.log(found.estimate) == pytest.approx(sum(new) / 3 - sum(old) / 4)
    assert found.degrees == math.floor(welch.df)
    # As wide as Welch's, but for the degrees of freedom that were rounded down.
    wider = scipy_stats.t.ppf(0.975, found.degrees) / scipy_stats.t.ppf(0.975, welch.df)
    assert wider > 1
    half = (interval.high - interval.low) / 2
    assert math.log(found.high / found.estimate) == pytest.approx(half * wider)
    assert math.log(found.estimate / found.low) == pytest.approx(half * wider)


def test_a_launch_counts_with_the_median_of_its_blocks() -> None:
    spoilt = change_of(([[0.5, 0.5, 9.0], [0.6, -9.0, 0.6]], 2), ([[0.5], [0.6]], 2))
    assert spoilt == change_of(([[0.5], [0.6]], 2), ([[0.5], [0.6]], 2))
    assert spoilt.estimate == 1


def test_where_launches_were_added_the_spread_and_its_degrees_are_the_pilots() -> None:
    pilot, more = [0.5, 0.6, 0.7], [0.6] * 6
    found = change_of(([[one] for one in pilot + more], 3), ([[0.6], [0.6], [0.6], [0.6]], 4))
    assert found.estimate == pytest.approx(1)
    assert found.degrees == 2  # of the smaller pilot
    assert math.log(found.high) == pytest.approx(student_t(0.95, 2) * 0.1 / 3)  # s = 0.1, N = 9


def test_welch_degrees() -> None:
    assert welch_degrees([1.0, 1.0], [4, 4]) == 8
    assert welch_degrees([1.0, 0.0], [4, 9]) == 4
    assert welch_degrees([1.0, 2.0], [2, 5]) == 6  # 9 / (1/2 + 4/5) = 6.92
    assert welch_degrees([0.0, 0.0], [4, 2]) == 2


@pytest.mark.parametrize(
    ("ends", "verdict", "lost"),
    [((0.80, 0.97), "slower", True), ((0.80, 0.99), "slower", False), ((1.01, 1.1), "faster", False)],
)
def test_verdict_and_regression_need_the_whole_interval(ends, verdict: str, lost: bool) -> None:
    middle, half = (math.log(ends[0]) + math.log(ends[1])) / 2, math.log(ends[1] / ends[0]) / 2
    spread = half / student_t(0.95, 2) * math.sqrt(3)
    found = change_of(
        ([[0.0]] * 3, 3), ([[middle - spread], [middle], [middle + spread]], 3)
    )  # the first does not vary: all the interval is the second's
    assert (found.low, found.high) == (pytest.approx(ends[0]), pytest.approx(ends[1]))
    assert found.verdict == verdict
    assert found.lost_more_than(0.02) is lost


@pytest.mark.parametrize("luck", [0.01, 0.02, 0.05])
def test_the_interval_holds_the_truth_where_its_width_chose_the_launches(luck: float) -> None:
    rng = np.random.default_rng(0)
    times, pilot, goal = 4000, 5, 0.02
    t = student_t(0.95, pilot - 1)

    def measured() -> tuple[list[list[float]], int]:
        first = rng.normal(0, luck, pilot)
        added = max(0, math.ceil((t * first.std(ddof=1) / math.log1p(goal)) ** 2) - pilot)
        # Of the later launches only the mean counts: each is given as that.
        rest = [rng.normal(0, luck / math.sqrt(added))] * added if added else []
        return [[one] for one in (*first, *rest)], pilot

    held = sum((found := change_of(measured(), measured())).low <= 1 <= found.high for _ in range(times))
    assert held / times > 0.95 + NormalDist().inv_cdf(0.001) * math.sqrt(0.95 * 0.05 / times)


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


def _set(*path: Any, to: Any) -> Any:
    def change(data: dict[str, Any]) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = to

    return change


def _drop(*path: Any) -> Any:
    def change(data: dict[str, Any]) -> None:
        for step in path[:-1]:
            data = data[step]
        del data[path[-1]]

    return change


POINT = ("comparisons", 0, "points", 0)
TURN = (*POINT, "launches", 1, "blocks", 0, "candidate", 0)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_set("format", to=1), "old.json is a result of format 1, and formats 3 and 4 are what"),
        (_set("format", to="3"), "a result of format '3'"),
        (_set("format", to=2), "measure again with this version"),
        (_set("format", to=5), "compare with the version that wrote it"),
        (_set("format", to="x" * 9000), "measure again with this version"),
        (_drop("format"), "old.json is no result of bench; give a file that bench --json wrote"),
        (_drop("environment"), "the file's content has no 'environment'"),
        (_drop("environment", "cpu"), "environment has no 'cpu'"),
        (_set("environment", "cores", to=True), "environment.cores is True, expected a whole number"),
        (_set("environment", "memory_bytes", to=10**400), "environment.memory_bytes is"),
        (_set("environment", "packages", to=[]), "environment.packages is [], expected an object"),
        (_set("comparisons", to=[]), "comparisons is [], expected a list of 1 or more"),
        (_set("comparisons", to={}), "comparisons is {}, expected a list"),
        (_drop("comparisons", 0, "candidate", "sha256"), "comparisons[0].candidate has no 'sha256'"),
        (
            _set("comparisons", 0, "baseline", "name", to=7),
            "comparisons[0].baseline.name is 7, expected text",
        ),
        (_set(*POINT, "pilot", to=4), "points[0].pilot is 4, expected no more than the 3 launches there are"),
        (_set(*POINT, "pilot", to=1), "points[0].pilot is 1, expected 2 or more"),
        (_set(*POINT, "launches", to=[]), "points[0].launches is [], expected a list of 2 or more"),
        (_set(*POINT, "candidate", "p50", to=math.nan), "points[0].candidate.p50 is nan, expected a finite"),
        (
            _set(*POINT, "baseline", "p50", to=None),
            "points[0].baseline.p50 is None, expected a finite number",
        ),
        (_set(*TURN, "seconds", to=[]), "launches[1].blocks[0].candidate[0].seconds is []"),
        (_set(*TURN, "seconds", to=[0.0]), "candidate[0].seconds[0] is 0.0, expected a time from"),
        (_set(*TURN, "seconds", to=[math.inf]), "candidate[0].seconds[0] is inf, expected a finite number"),
        (_set(*TURN[:-1], to=[{"seconds": [1e-9], "wall": 1.0}]), "more than 1,000,000× as fast"),
        (_set(*TURN, "wall", to="long"), "candidate[0].wall is 'long', expected a finite number"),
    ],
)
def test_a_damaged_result_is_one_sentence_that_names_the_field(damage, said: str) -> None:
    old = plain_result(*OLD)
    damage(old)
    with pytest.raises(InputError) as caught:
        parse_saved(Field(old, "old.json"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_comparison_that_is_there_twice_is_refused() -> None:
    old = plain_result(*OLD)
    old["comparisons"] *= 2
    with pytest.raises(InputError, match="at batch 2, seq 16 more than once"):
        parse_saved(Field(old, "old.json"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not valid JSON"),
        (b'{"format": 3', "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "is no result of bench"),
        (b"3", "is no result of bench"),
    ],
)
def test_a_file_that_is_no_result_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "old.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_saved(path)


def test_what_would_steer_a_terminal_is_spelled_out() -> None:
    saved = parse_saved(Field(plain_result(*OLD, name="a\x1b[2J\n\ud800é"), "old.json"))
    assert saved.comparisons[0].pair.candidate == r"a\x1b[2J\n\ud800é"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            {"format": 1, "path": "m.onnx", "shape": {}, "parity": {}, "provenance": {}, "plan": None},
            "is what prune-export wrote with --json: it says how a model was cut and holds no times; measure",
        ),
        (
            {"format": 1, "same_environment": True, "points": [], "only_old": []},
            "is what bench compare wrote with --json",
        ),
        (
            {"format": 1, "library": "tensorrt", "profiles": [], "layers_by_dtype": {}},
            "the description of an engine",
        ),
        ({"format": 1, "name": "a", "part": "b", "arguments": [], "found": {}}, "a cell of a study"),
        ({"data": [], "version": "v2.0"}, "is no result of bench; give a file that bench --json wrote"),
        ([], "is no result of bench; give a file that bench --json wrote"),
    ],
)
def test_other_files_of_this_project_are_known_and_what_to_do_is_said(file: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_saved(Field(file, "old.json"))
    assert said in str(caught.value)
    assert "this version" not in str(caught.value)


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
    saved = parse_saved(Field(old, "old.json"))
    (comparison,) = saved.comparisons
    assert comparison.accuracy is not None
    assert list(comparison.accuracy.metrics) == [
        "F1 at the best threshold",
        "has-answer F1, none refused",
        "exact match at the best threshold",
        "F1 as served",
    ]
    changes = compare(saved, parse_saved(Field(new, "new.json"))).accuracy
    assert [(one.metric, one.role, one.old, one.new) for one in changes] == [
        ("F1 as served", "baseline", 70.0, 80.0),
        ("F1 as served", "candidate", 69.0, 79.0),
    ]
    # by thresholds of another kind, figures as served are of different things
    new["comparisons"][0]["accuracy"]["thresholds"] = "folds"
    assert compare(saved, parse_saved(Field(new, "new.json"))).accuracy == ()
