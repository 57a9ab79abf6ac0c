"""What runs the file: onnxruntime on the CPU. Another runtime is one more function like `open_onnxruntime`."""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from export.graph import OUTPUTS, TOKEN_TYPE_IDS, input_names
from export.session import graph_inputs
from prune.arch import Encoder
from prune.errors import InputError, InstallationError
from prune.qa.answer import Logits, Run
from prune.qa.windows import Batch

OpenEngine = Callable[[Path, Encoder, int], Run]
"""(ONNX file, the encoder that it is of, threads) → the model, ready to run. Raises InputError."""


def open_onnxruntime(path: Path, encoder: Encoder, threads: int) -> Run:
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
        raise InputError(f"onnxruntime does not load {path}: {_first_line(error)}") from error
    expected = input_names(encoder)
    _check_names(path, "inputs", [port.name for port in session.get_inputs()], expected)
    _check_names(path, "outputs", [port.name for port in session.get_outputs()], OUTPUTS)
    takes_token_types = TOKEN_TYPE_IDS in expected

    def run(batch: Batch) -> tuple[Logits, Logits]:
        try:
            start, end = session.run(list(OUTPUTS), graph_inputs(batch, takes_token_types))
        except Exception as error:
            rows, tokens = batch.input_ids.shape
            raise InputError(
                f"onnxruntime cannot run {path} on {rows} windows of {tokens} tokens: {_first_line(error)}"
            ) from error
        return start, end

    return run


def _check_names(path: Path, what: str, found: list[str], expected: tuple[str, ...]) -> None:
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


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
