"""What runs the file on the CPU: a runtime of export.runtimes, or any function like `open_engine`."""

from collections.abc import Callable
from pathlib import Path

from export.metadata import Metadata
from export.provenance import allows_bfloat16
from export.runtimes import batches, runtime_of
from export.runtimes.engine_spec import EngineSpec
from export.target import CpuRuntime
from prune.tasks.batch import Run

OpenEngine = Callable[[Path, Metadata, int], Run]
"""(ONNX file, what it says of itself, threads) → the model, ready to run. Raises InputError."""


def open_engine(runtime: CpuRuntime, path: Path, metadata: Metadata, threads: int) -> Run:
    """An engine over the file at `path`; threads of the caller may share it.

    Raises InputError where the runtime is not installed, does not load the file, or finds another graph in it
    than its encoder has; the engine raises it where a batch cannot be run.
    """
    bfloat16 = allows_bfloat16(metadata.precision, metadata.provenance)
    spec = EngineSpec(runtime, "cpu", threads, metadata.encoder, metadata.shape, path, bfloat16=bfloat16)
    return batches.open_engine(runtime_of(runtime), spec)
