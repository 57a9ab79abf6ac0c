"""What a file says of itself comes back as it was written, and nothing else is believed."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import onnx
import pytest
from hypothesis import example, given, settings
from onnx import TensorProto, helper
from support import tiny
from support.graphs import UNEQUAL

from export.graph.build import build_graph, random_weights
from export.graph.write import write_onnx
from export.metadata import PREFIX, Metadata, metadata_of, properties_message, read_metadata, stamp
from prune.shape import ModelShape
from trellis.errors import InputError

METADATA = Metadata(
    encoder=tiny.encoder("electra"),
    shape=UNEQUAL,
    original_shape=ModelShape.uniform(3, 4, 16),
    dialect="portable",
    precision="fp32",
    model_name="somebody/Modell für Fragen",
    provenance={"seed": 0, "method": "gain", "versions": {"torch": "2.13.0"}},
    parity={"max_absolute": 1.2e-7, "cases": ["one", "two"]},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A stamped file."""
    graph = build_graph(
        METADATA.encoder, UNEQUAL, random_weights(METADATA.encoder, UNEQUAL), dialect="portable"
    )
    stamp(graph, METADATA)
    write_onnx(graph, tmp_path / "out.onnx")
    return tmp_path / "out.onnx"


def damaged(path: Path, **values: Any) -> Path:
    """The file with some of its metadata replaced; a value that is a str is taken for the JSON text itself."""
    model = onnx.load(path)
    properties = {prop.key: prop.value for prop in model.metadata_props}
    for key, value in values.items():
        properties[PREFIX + key] = value if isinstance(value, str) else json.dumps(value)
    del model.metadata_props[:]
    for key, text in properties.items():
        model.metadata_props.add(key=key, value=text)
    onnx.save_model(model, path)
    return path


@pytest.mark.parametrize("model_type", tiny.MODEL_TYPES)
def test_round_trip(model_type: str) -> None:
    encoder = tiny.encoder(model_type)
    written = Metadata(encoder, UNEQUAL, UNEQUAL, "onnxruntime", "fp32", "name", {"a": [1, None]}, {"b": 1.5})
    assert metadata_of(properties_message(written), Path("out.onnx")) == written


def test_it_is_read_from_a_file(path: Path) -> None:
    assert read_metadata(path) == METADATA


def test_it_is_read_from_a_file_whose_weights_are_elsewhere(tmp_path: Path) -> None:
    graph = build_graph(METADATA.encoder, UNEQUAL, random_weights(METADATA.encoder, UNEQUAL))
    stamp(graph, METADATA)
    write_onnx(graph, tmp_path / "out.onnx", external_above=0)
    next(tmp_path.glob("*.data")).unlink()
    assert read_metadata(tmp_path / "out.onnx") == METADATA


def test_the_file_name_does_not_decide_how_it_is_read(path: Path) -> None:
    for name in ("out.json", "out.onnxtxt", "out.textproto", "model"):
        assert read_metadata(path.rename(path.with_name(name))) == METADATA
        path = path.with_name(name)


def test_appending_the_metadata_is_stamping_it(path: Path) -> None:
    graph = build_graph(
        METADATA.encoder, UNEQUAL, random_weights(METADATA.encoder, UNEQUAL), dialect="portable"
    )
    appended = graph.SerializeToString(deterministic=True) + properties_message(METADATA).SerializeToString(
        deterministic=True
    )
    assert appended == path.read_bytes()


def test_stamping_replaces_what_was_there() -> None:
    model = properties_message(METADATA)
    other = replace(METADATA, parity={"max_absolute": 0.5})
    stamp(model, other)
    assert metadata_of(model, Path("out.onnx")) == other
    assert len({prop.key for prop in model.metadata_props}) == len(model.metadata_props) == 9


def test_absent_and_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.onnx", tmp_path):
        with pytest.raises(InputError, match="There is no file"):
            read_metadata(path)


def test_cut_off_anywhere(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    metadata_begins = len(whole) - len(properties_message(METADATA).SerializeToString())
    cuts = [
        0,
        1,
        10,
        len(whole) // 3,
        metadata_begins,
        *range(metadata_begins + 1, len(whole), 7),
        len(whole) - 1,
    ]
    for size in cuts:
        (tmp_path / "cut.onnx").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"truncated|damaged|no file of prune-export"):
            read_metadata(tmp_path / "cut.onnx")


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("random") / "random.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_metadata(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damaged_byte(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(properties_message(METADATA).SerializeToString())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / "flipped.onnx"
    path.write_bytes(bytes(content))
    with suppress(InputError):
        assert isinstance(read_metadata(path), Metadata)


def test_somebody_elses_model(tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node("Relu", ["x"], ["y"])
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]))
    model.metadata_props.add(key="author", value="not json")
    onnx.save_model(model, tmp_path / "theirs.onnx")
    with pytest.raises(InputError, match=r"theirs\.onnx is no file of prune-export's"):
        read_metadata(tmp_path / "theirs.onnx")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("encoder", "{"),
        ("encoder", "null"),
        ("encoder", "[" * 100_000),
        ("parity", '{"a":' * 100_000),
        ("provenance", "9" * 5_000),
        ("provenance", '"ab"'),
        ("provenance", "[[1, 2]]"),
        ("parity", "[[[], 2]]"),
        ("parity", "7"),
        ("dialect", "7"),
        ("model_name", "null"),
        ("shape", "[]"),
        ("shape", '{"num_heads": [1], "intermediate_size": [1, 2]}'),
        ("shape", '{"num_heads": [true, 1, 1], "intermediate_size": [1, 2, 3]}'),
        ("shape", '{"num_heads": [-1, 1, 1], "intermediate_size": [1, 2, 3]}'),
        ("original_shape", '{"num_heads": [4, 4], "intermediate_size": [16, 16]}'),
        ("format", "2"),
        ("format", "{}"),
    ],
)
def test_damaged_values(path: Path, key: str, value: str) -> None:
    with pytest.raises(InputError, match=r"out\.onnx") as refused:
        read_metadata(damaged(path, **{key: value}))
    assert "\n" not in str(refused.value)


def test_a_shape_larger_than_the_original(path: Path) -> None:
    larger = {"num_heads": [3, 0, 5], "intermediate_size": [13, 0, 16]}
    with pytest.raises(InputError, match=r"num_heads 5 in layer 2.*has 4"):
        read_metadata(damaged(path, shape=larger))


def test_a_missing_entry(path: Path) -> None:
    for index in range(9):
        model = properties_message(METADATA)
        del model.metadata_props[index]
        with pytest.raises(InputError):
            metadata_of(model, path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
KEYS = sorted(key.removeprefix(PREFIX) for key in METADATA.to_properties())


@st.composite
def tampered(draw: st.DrawFn) -> dict[str, str]:
    """Metadata with one entry, or one value within an entry, replaced by anything."""
    values = {key: json.loads(text) for key, text in METADATA.to_properties().items()}
    key = PREFIX + draw(st.sampled_from(KEYS))
    if isinstance(values[key], dict) and values[key] and draw(st.booleans()):
        values[key][draw(st.sampled_from(sorted(values[key])))] = draw(JSON)
    else:
        values[key] = draw(JSON)
    texts = {key: json.dumps(value) for key, value in values.items()}
    if draw(st.booleans()):
        texts[key] = draw(st.text(max_size=20) | st.just(texts[key][:-1]))
    return texts


@settings(max_examples=400, deadline=None)
@example(METADATA.to_properties())
@given(properties=tampered())
def test_tampered_metadata_is_valid_or_refused(properties: dict[str, str]) -> None:
    model = onnx.ModelProto()
    for key, value in properties.items():
        model.metadata_props.add(key=key, value=value)
    with suppress(InputError):
        found = metadata_of(model, Path("out.onnx"))
        found.shape.check_within(found.original_shape)
        again = metadata_of(properties_message(found), Path("out.onnx"))
        assert again.to_properties() == found.to_properties()
