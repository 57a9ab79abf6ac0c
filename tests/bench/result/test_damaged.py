import math
from pathlib import Path
from typing import Any

import pytest
from support.plain_result import plain_result

from bench.result.result import Result, read_result
from trellis.errors import InputError

OLD = ([0.5], [0.6], [0.7])


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
        (_set("settings", "launches", to=1), "settings: "),
        (_set("settings", "firm", to=0), "settings.firm is 0, expected true or false"),
        (
            _set("comparisons", 0, "candidate", "encoder", to={}),
            "comparisons[0].candidate.encoder: An encoder",
        ),
        (
            _set("comparisons", 0, "candidate", "shape", "num_heads", to=[12] * 11),
            "comparisons[0].candidate.shape: A model shape names 11 layers in num_heads and 12",
        ),
        (
            _set("comparisons", 0, "candidate", "shape", "num_heads", 0, to=13),
            "comparisons[0].candidate.shape: The shape asks for num_heads 13 in layer 0; the model has 12",
        ),
        (
            _set("comparisons", 0, "candidate", "weights", to="good"),
            "candidate.weights is 'good', expected one of trained, random",
        ),
        (_set(*POINT, "speedup", "low", to=9.0), "speedup.estimate is 1.8"),
        (_set(*POINT, "speedup", "high", to=0.0), "speedup.high is 0.0, expected a number from"),
        (
            _set(*POINT, "candidate", "multiply_adds", to=0),
            "candidate.multiply_adds is 0, expected 1 or more",
        ),
        (
            _set(*POINT, "candidate", "load", "seq", to=10**9),
            "candidate.load.seq is 1000000000, expected 1 or",
        ),
        (_set(*POINT, "launches", 0, "starts", to={}), "launches[0].starts has no 'baseline'"),
        (_set("notes", to=[1]), "notes[0] is 1, expected text"),
        (_set("gates", to=[{}]), "gates[0] has no 'name'"),
    ],
)
def test_a_damaged_result_is_one_sentence_that_names_the_field(damage, said: str) -> None:
    old = plain_result(*OLD)
    damage(old)
    with pytest.raises(InputError) as caught:
        Result.from_dict(old, "old.json")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


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
        read_result(path)


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
        Result.from_dict(file, "old.json")
    assert said in str(caught.value)
    assert "this version" not in str(caught.value)
