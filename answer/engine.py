"""What runs the file on the CPU: onnxruntime or OpenVINO. Another runtime is one more function like theirs."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from numpy.typing import NDArray

from export.compiled import compile_graph, infer_with
from export.graph import OUTPUTS, TOKEN_TYPE_IDS, input_names
from export.metadata import Metadata
from export.session import graph_inputs
from prune.errors import InputError, InstallationError, first_line
from prune.qa.answer import Logits, Run
from prune.qa.windows import Batch

OpenEngine = Callable[[Path, Metadata, int], Run]
"""(ONNX file, what it says of itself, threads) → the model, ready to run. Raises InputError."""
Runtime = Literal["onnxruntime", "openvino"]


def open_onnxruntime(path: Path, metadata: Metadata, threads: int) -> Run:
    """An engine over the file at `path`; threads of the caller may share it.

    Raises InputError where onnxruntime is not installed, does not load the file, or finds another graph in it
    than its encoder has; the engine raises it where a batch cannot be run.
    """
    onnxruntime = _import()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own classes share no public base
        raise InputError(f"onnxruntime does not load {path}: {first_line(error)}") from error
    _check_graph(
        path,
        metadata,
        [port.name for port in session.get_inputs()],
        [port.name for port in session.get_outputs()],
    )

    def infer(inputs: Mapping[str, NDArray[Any]]) -> Iterable[Logits]:
        return session.run(list(OUTPUTS), dict(inputs))  # type: ignore[no-any-return]

    return _engine("onnxruntime", path, metadata, infer)


def open_openvino(path: Path, metadata: Metadata, threads: int) -> Run:
    """As `open_onnxruntime`, on OpenVINO, which is the faster one for int8 with ranges fixed beforehand."""
    compiled = compile_graph(path, metadata.precision, threads)
    _check_graph(
        path,
        metadata,
        [port.get_any_name() for port in compiled.inputs],
        [port.get_any_name() for port in compiled.outputs],
    )
    return _engine("OpenVINO", path, metadata, infer_with(compiled))


ENGINES: Mapping[Runtime, OpenEngine] = {"onnxruntime": open_onnxruntime, "openvino": open_openvino}


def _engine(
    runtime: str,
    path: Path,
    metadata: Metadata,
    infer: Callable[[Mapping[str, NDArray[Any]]], Iterable[Logits]],
) -> Run:
    takes_token_types = TOKEN_TYPE_IDS in input_names(metadata.encoder)

    def run(batch: Batch) -> tuple[Logits, Logits]:
        try:
            start, end = infer(graph_inputs(batch, takes_token_types))
        except Exception as error:  # the runtime's own classes share no public base
            rows, tokens = batch.input_ids.shape
            raise InputError(
                f"{runtime} cannot run {path} on {rows} windows of {tokens} tokens: {first_line(error)}"
            ) from error
        return start, end

    return run


def _check_graph(path: Path, metadata: Metadata, inputs: list[str], outputs: list[str]) -> None:
    for what, found, expected in (
        ("inputs", inputs, input_names(metadata.encoder)),
        ("outputs", outputs, OUTPUTS),
    ):
        if set(found) != set(expected):
            raise InputError(
                f"The graph in {path} has the {what} {', '.join(sorted(found))}; its metadata calls for "
                f"{', '.join(sorted(expected))}. Export the model again."
            )


def _import() -> ModuleType:
    # Read when onnxruntime is first imported: from 1.32 on it reports its use unless told not to beforehand.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError(
            "Answering needs onnxruntime; install it: pip install 'espalier[cpu]'"
        ) from error
    module: ModuleType = onnxruntime
    return module
