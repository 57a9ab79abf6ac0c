"""Engines built by TensorRT for RTX, which needs no GPU for it; only running one would."""

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import tiny
from support.graphs import NOTHING_LEFT, OUTPUTS, UNEQUAL

from export.metadata import Metadata, read_metadata, stamp
from export.ports import input_names
from export.runtimes.tensorrt.build import BuiltEngine, build_engine
from export.runtimes.tensorrt.description import description_path, read_engine_description
from export.runtimes.tensorrt.profile import default_profiles, parse_profiles
from prune.shape import ModelShape
from trellis.errors import InputError

pytest.importorskip("tensorrt_rtx_bindings")
ONE = parse_profiles("1..4x1..32")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where an engine stands already."""
    path = tmp_path / "out.engine"
    path.write_bytes(b"old engine")
    description_path(path).write_bytes(b"old description")
    return path


def assert_old(out: Path, *, beside: tuple[str, ...] = ()) -> None:
    """What stood there is whole, and nothing else is left."""
    assert out.read_bytes() == b"old engine"
    assert description_path(out).read_bytes() == b"old description"
    assert names(out.parent) == sorted({out.name, description_path(out).name, *beside})


@pytest.mark.parametrize("shape", [UNEQUAL, NOTHING_LEFT], ids=["unequal", "nothing left"])
@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_an_engine_and_its_description(stamped: Any, out: Path, model_type: str, shape: ModelShape) -> None:
    file = stamped(model_type, shape)
    encoder = tiny.encoder(model_type)
    built = build_engine(file, default_profiles(encoder), out)
    assert names(out.parent) == ["out.engine", "out.engine.json"]
    plan = out.read_bytes()
    weights = sum(parameter.numel() * 4 for parameter in tiny.model(model_type, shape).parameters())
    assert len(plan) > weights
    description = read_engine_description(out)
    assert description == built.description
    assert description.metadata == read_metadata(file)
    assert description.library == "rtx"
    assert description.sha256 == hashlib.sha256(plan).hexdigest()
    assert [(tensor.name, tensor.dtype) for tensor in built.inputs] == [
        (name, "int64") for name in input_names(encoder)
    ]
    assert [(tensor.name, tensor.dtype) for tensor in built.outputs] == [
        (name, "float32") for name in OUTPUTS
    ]
    attended = sum(layer.num_heads > 0 for layer in shape.layers)
    fed = sum(layer.intermediate_size > 0 for layer in shape.layers)
    assert description.products_by_dtype == {"float32": 6 * attended + 2 * fed + 1}
    assert built.notes == ()


def test_several_profiles(built: BuiltEngine) -> None:
    assert [str(profile) for profile in built.profiles] == ["1x1..32..64", "2..4..8x16..64"]
    assert json.loads(description_path(built.path).read_text())["tf32"] is True


def test_weights_beside_the_file(stamped: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = stamped(external_above=1000)
    (data,) = file.parent.glob("*.data")
    monkeypatch.chdir(file.parent)
    build_engine(Path(file.name), ONE, tmp_path / "out.engine")
    data.unlink()
    with pytest.raises(InputError, match=r"does not read out\.onnx: "):
        build_engine(Path(file.name), ONE, tmp_path / "out.engine")
    read_engine_description(tmp_path / "out.engine")


def test_tf32_can_be_forbidden(onnx_file: Path, tmp_path: Path) -> None:
    built = build_engine(onnx_file, ONE, tmp_path / "out.engine", tf32=False)
    assert built.description.tf32 is False


def test_progress_is_told(onnx_file: Path, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    build_engine(onnx_file, ONE, tmp_path / "out.engine", progress=lambda *each: told.append(each))
    assert all(what.startswith("building the engine (") and 0 <= done <= total for what, done, total in told)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert len(told) > 3


def test_a_timing_cache_is_kept_and_used_again(onnx_file: Path, tmp_path: Path) -> None:
    cache = tmp_path / "timing.cache"
    first = build_engine(onnx_file, ONE, tmp_path / "out.engine", timing_cache=cache)
    assert first.notes == ()
    assert names(tmp_path) == ["out.engine", "out.engine.json", "timing.cache"]
    stored = cache.read_bytes()
    assert stored
    second = build_engine(onnx_file, ONE, tmp_path / "out.engine", timing_cache=cache)
    if second.notes:  # without a GPU the library cannot tell that the cache is from this one
        assert str(cache) in second.notes[0]
        assert cache.read_bytes() == stored
    read_engine_description(second.path)


def test_a_timing_cache_that_does_not_fit_is_left_out_and_left_alone(onnx_file: Path, tmp_path: Path) -> None:
    cache = tmp_path / "timing.cache"
    cache.write_bytes(b"something else altogether")
    built = build_engine(onnx_file, ONE, tmp_path / "out.engine", timing_cache=cache)
    (note,) = built.notes
    assert "does not fit this TensorRT for RTX" in note
    assert cache.read_bytes() == b"something else altogether"


class EndedError(Exception):
    pass


def test_what_a_report_raises_ends_the_build(onnx_file: Path, out: Path) -> None:
    def report(what: str, done: int, total: int) -> None:
        raise EndedError

    with pytest.raises(EndedError):
        build_engine(onnx_file, ONE, out, progress=report, timing_cache=out.with_name("cache"))
    assert_old(out)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as Python has it by default, also where these tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_ends_the_build(
    onnx_file: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_engine(onnx_file, ONE, out, progress=lambda *_: signal.raise_signal(signal.SIGINT))
    assert_old(out)
    assert capfd.readouterr() == ("", "")


def test_the_fused_dialect_is_refused(stamped: Any, out: Path) -> None:
    with pytest.raises(InputError, match=r"is in the dialect onnxruntime.*--target portable"):
        build_engine(stamped(dialect="onnxruntime"), ONE, out)
    assert_old(out)


def test_operators_that_the_library_does_not_know(stamped: Any, out: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"does not read .*EmbedLayerNormalization\): .*Plugin not found.*BiasGelu\): .*Plugin not found",
    ):
        build_engine(stamped(dialect="onnxruntime", says="portable"), ONE, out)
    assert_old(out)


def hand_made(path: Path, nodes: list[onnx.NodeProto], constants: dict[str, Any]) -> Path:
    """A graph that is no encoder, with the metadata of one."""
    encoder = tiny.encoder("roberta")
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "s"]) for name in input_names(encoder)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", "s"]) for name in OUTPUTS],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    stamp(model, Metadata(encoder, UNEQUAL, UNEQUAL, "portable", "int8", "odd"))
    onnx.save(model, path)
    return path


def test_a_graph_that_cannot_be_built(out: Path) -> None:
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["gathered"]),
        helper.make_node("DequantizeLinear", ["gathered", "scale"], ["start_logits"]),
        helper.make_node("Cast", ["attention_mask"], ["end_logits"], to=TensorProto.FLOAT),
    ]
    constants = {"table": np.zeros(150, np.int8), "scale": np.float32(1)}
    file = hand_made(out.with_name("odd.onnx"), nodes, constants)
    with pytest.raises(InputError, match=r"cannot build an engine of .*odd\.onnx: .*Quantized constant"):
        build_engine(file, ONE, out)
    assert_old(out, beside=("odd.onnx",))


def test_a_graph_of_another_model(stamped: Any, onnx_file: Path, out: Path, tmp_path: Path) -> None:
    model = onnx.load(onnx_file)
    stamp(model, read_metadata(stamped("roberta")))
    onnx.save(model, tmp_path / "mixed.onnx")
    with pytest.raises(
        InputError, match=r"takes and gives input_ids \[-1, -1\].*not what its metadata promises"
    ):
        build_engine(tmp_path / "mixed.onnx", ONE, out)


def test_a_file_of_somebody_else(tmp_path: Path, out: Path) -> None:
    file = tmp_path / "other.onnx"
    model = onnx.ModelProto()
    onnx.save(model, file)
    with pytest.raises(InputError, match="no file of prune-export's"):
        build_engine(file, ONE, out)
    with pytest.raises(InputError, match="There is no file"):
        build_engine(tmp_path / "absent.onnx", ONE, out)


def test_profiles_beyond_the_model_are_refused(onnx_file: Path, out: Path) -> None:
    with pytest.raises(InputError, match="the model serves at most 64"):
        build_engine(onnx_file, parse_profiles("1x65"), out)
    assert_old(out)


def test_places_that_cannot_be_written(onnx_file: Path, tmp_path: Path) -> None:
    for out, cache, told in (
        (tmp_path / "no" / "out.engine", None, "there is no directory"),
        (tmp_path, None, "is a directory; name a file"),
        (tmp_path / "out.engine", tmp_path / "no" / "cache", "there is no directory"),
        (tmp_path / "out.engine", tmp_path, "is a directory; name a file"),
        (onnx_file, None, "is a file that is read"),
        (tmp_path / "out.engine", onnx_file, "is a file that is read"),
        (tmp_path / "out.engine", tmp_path / "out.engine.json", "writes itself"),
    ):
        with pytest.raises(InputError, match=told):
            build_engine(onnx_file, ONE, out, timing_cache=cache)
    assert names(tmp_path) == []
    read_metadata(onnx_file)


@pytest.mark.skipif(os.name != "posix" or not hasattr(signal, "SIGXFSZ"), reason="limits file sizes")
def test_a_disk_that_is_full(onnx_file: Path, out: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(InputError, match=r"out\.engine cannot be written: File too large"):
            build_engine(onnx_file, ONE, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert_old(out)
