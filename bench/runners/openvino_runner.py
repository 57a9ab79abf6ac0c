"""OpenVINO, on the CPU."""

from pathlib import Path

from bench.runners import Run
from bench.spec import Device, Engine
from export.compiled import compile_graph, import_openvino, infer_with
from export.metadata import read_metadata
from prune.errors import InputError


def check(device: Device) -> None:
    """Raise InputError where OpenVINO is not installed, or is asked for a device that it does not serve here."""
    if device != "cpu":
        raise InputError(
            f"--device {device} is a provider of onnxruntime; with --runtime openvino give --device cpu."
        )
    import_openvino()


def load(engine: Engine) -> Run:
    """The file at `engine.path`, compiled for its clients with the threads asked for.

    Raises InputError where the file does not load.
    """
    assert engine.path is not None, "OpenVINO runs files"
    precision = _precision_of(engine.path)
    return infer_with(compile_graph(engine.path, precision, engine.threads, clients=engine.clients))


def _precision_of(path: Path) -> str:
    try:
        return read_metadata(path).precision
    except InputError:  # another's graph, in float32; where it is damaged, compiling it will say so
        return "fp32"
