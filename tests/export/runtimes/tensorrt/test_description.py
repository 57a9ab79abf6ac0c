"""What stands beside an engine is read back as it was written, and nothing else is believed."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import tiny
from support.graphs import UNEQUAL

from export.metadata import Metadata
from export.runtimes.tensorrt.description import (
    EngineDescription,
    description_path,
    description_text,
    read_engine_description,
)
from export.runtimes.tensorrt.network import Tensor
from export.runtimes.tensorrt.profile import parse_profiles
from prune.shape import ModelShape
from trellis.errors import InputError

PLAN = bytes(range(256)) * 9
DESCRIPTION = EngineDescription(
    metadata=Metadata(
        tiny.encoder("roberta"),
        UNEQUAL,
        ModelShape.uniform(3, 4, 16),
        "portable",
        "fp16",
        "somebody/Modell für Fragen",
        {"seed": 0, "method": "gain"},
        {"max_relative": 1.2e-7, "cases": ["one", "two"]},
    ),
    profiles=parse_profiles("1x1..32..62,2..16..32x1..62"),
    library="rtx",
    library_version="1.7.1.116",
    tf32=True,
    inputs=tuple(Tensor(name, "int64", (-1, -1)) for name in ("input_ids", "attention_mask")),
    outputs=tuple(Tensor(name, "float32", (-1, -1)) for name in ("start_logits", "end_logits")),
    layers_by_dtype={"float16": 100, "float32": 29, "int64": 40},
    products_by_dtype={"float16": 15, "float32": 2},
    sha256=hashlib.sha256(PLAN).hexdigest(),
    bytes=len(PLAN),
)
FIELDS = tuple(DESCRIPTION.to_dict())


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "out.engine"
    path.write_bytes(PLAN)
    description_path(path).write_text(description_text(DESCRIPTION), encoding="utf-8")
    return path


def rewrite(engine: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Apply `change` to the description beside the engine."""
    path = description_path(engine)
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def test_round_trip(engine: Path) -> None:
    assert description_path(engine).name == "out.engine.json"
    assert read_engine_description(engine) == DESCRIPTION


def test_people_can_read_it(engine: Path) -> None:
    data = json.loads(description_path(engine).read_text(encoding="utf-8"))
    assert data["profiles"] == ["1x1..32..62", "2..16..32x1..62"]
    assert data["metadata"]["model_name"] == "somebody/Modell für Fragen"
    assert data["metadata"]["shape"] == {"num_heads": [3, 0, 1], "intermediate_size": [13, 0, 16]}


def test_no_engine(engine: Path) -> None:
    engine.unlink()
    with pytest.raises(InputError, match=r"There is no engine .*out\.engine; build one"):
        read_engine_description(engine)


def test_no_description(engine: Path) -> None:
    description_path(engine).unlink()
    with pytest.raises(InputError, match=r"There is no engine description at .*out\.engine\.json"):
        read_engine_description(engine)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (PLAN[:-1], f"is truncated: it has {len(PLAN) - 1} bytes, out.engine.json says {len(PLAN)}"),
        (b"", "is truncated: it has 0 bytes"),
        (PLAN + b"\0", "is not the one described beside it: it has"),
        (PLAN[:-1] + b"\0", "is not the one described beside it: its sha256 begins"),
    ],
)
def test_another_engine(engine: Path, plan: bytes, told: str) -> None:
    engine.write_bytes(plan)
    with pytest.raises(InputError, match=told):
        read_engine_description(engine)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '{"format": 2}', "[" * 100_000, "\x00"])
def test_a_description_that_is_none(engine: Path, text: str) -> None:
    description_path(engine).write_text(text)
    with pytest.raises(InputError, match=r"out\.engine\.json"):
        read_engine_description(engine)


def test_a_description_that_was_cut_off(engine: Path) -> None:
    path = description_path(engine)
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"out\.engine\.json is not valid JSON"):
            read_engine_description(engine)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["absent", None, -1, 1.5, True, "x", [], [1], [None], {}, {"a": 0}])
def test_a_field_that_is_absent_or_of_another_type(engine: Path, field: str, value: Any) -> None:
    if (field, value) in (("tf32", True), ("library_version", "x")):
        return
    if (field, value) in (("layers_by_dtype", {}), ("products_by_dtype", {})):
        return  # a network without layers

    def change(data: dict[str, Any]) -> None:
        data[field] = value
        if value == "absent":
            del data[field]

    rewrite(engine, change)
    with pytest.raises(InputError, match=r"out\.engine\.json is no whole description of an engine: "):
        read_engine_description(engine)


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a length that the model does not serve": (
        lambda data: data.update(profiles=["1x63"]),
        "1x63 goes to 63 tokens; the model serves at most 62",
    ),
    "a profile of another grammar": (
        lambda data: data.update(profiles=["1x1", "huge"]),
        "expected BATCHxLENGTH",
    ),
    "no profile": (lambda data: data.update(profiles=[]), "No profile is given"),
    "another library": (lambda data: data.update(library="openvino"), "expected one of tensorrt, rtx"),
    "a hash in capitals": (lambda data: data.update(sha256="A" * 64), "expected 64 hexadecimal digits"),
    "an input too few": (
        lambda data: data["inputs"].pop(),
        "Its inputs are input_ids; the model has input_ids, attention_mask",
    ),
    "an input twice": (
        lambda data: data["inputs"].append(data["inputs"][0]),
        "Its inputs are input_ids, attention_mask, input_ids",
    ),
    "inputs of floats": (
        lambda data: data["inputs"][0].update(dtype="float32"),
        "expected int32 or int64 and the shape",
    ),
    "inputs of a fixed size": (lambda data: data["inputs"][0].update(shape=[1, 384]), r"shape \[-1, -1\]"),
    "outputs of another name": (
        lambda data: data["outputs"][0].update(name="logits"),
        "Its outputs are logits",
    ),
    "no layers of a type": (lambda data: data["layers_by_dtype"].update(int8=0), "expected a positive count"),
    "a shape beyond the original": (
        lambda data: data["metadata"]["shape"]["num_heads"].__setitem__(0, 5),
        "The shape asks for num_heads 5 in layer 0",
    ),
    "another encoder": (
        lambda data: data["metadata"]["encoder"].update(model_type="gpt"),
        "The model's architecture is 'gpt'",
    ),
    "metadata of another format": (lambda data: data["metadata"].update(format=2), "no format 1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damages(engine: Path, damage: str) -> None:
    change, told = DAMAGES[damage]
    rewrite(engine, change)
    with pytest.raises(InputError, match=told):
        read_engine_description(engine)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in nested JSON something could be replaced."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(leaf for key, child in children for leaf in leaves(child, (*path, key)))]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(where=st.sampled_from([leaf for leaf in leaves(DESCRIPTION.to_dict()) if leaf]), value=JSON)
def test_whatever_is_put_in_is_refused_or_makes_a_description(
    engine: Path, where: tuple[Any, ...], value: Any
) -> None:
    data = DESCRIPTION.to_dict()
    inner = data
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    description_path(engine).write_text(json.dumps(data), encoding="utf-8")
    with suppress(InputError):
        assert isinstance(read_engine_description(engine), EngineDescription)


def test_numbers_that_json_does_not_know_are_not_written() -> None:
    metadata = replace(DESCRIPTION.metadata, parity={"max_relative": float("nan")})
    with pytest.raises(
        InputError, match=r"description would hold .* not finite at metadata\.parity\.max_relative"
    ):
        description_text(replace(DESCRIPTION, metadata=metadata))
