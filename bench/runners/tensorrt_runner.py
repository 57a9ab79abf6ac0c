"""TensorRT itself, or TensorRT for RTX, running engines that prune-export built."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from bench.runners import Logits, Run
from bench.spec import Device, Engine
from export.graph import OUTPUTS
from prune.errors import InputError


def check(device: Device) -> None:
    """Raise InputError where neither library is installed, or there is no GPU that it could use."""
    from export.engine.library import find_library

    if device == "cpu":
        raise InputError("--runtime tensorrt runs engines on a GPU; add --device cuda.")
    if device == "tensorrt":
        raise InputError(
            "--device tensorrt is a provider of onnxruntime; with --runtime tensorrt give --device cuda."
        )
    find_library().started("Runtime")


def load(engine: Engine) -> Run:
    """The engine at `engine.path`, loaded; a call copies its inputs to the GPU and the logits back.

    Raises InputError where it does not load, or serves no such size.
    """
    from export.engine.runner import EngineRunner

    assert engine.path is not None
    runner = EngineRunner(engine.path)
    runner.__enter__()  # until the process ends: a worker runs one engine

    def run(inputs: Mapping[str, NDArray[Any]]) -> Logits:
        found = runner.infer(inputs)
        start, end = (found[output] for output in OUTPUTS)
        return start, end

    return run
