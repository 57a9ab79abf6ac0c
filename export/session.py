"""An exported graph, run by onnxruntime: for the parity gate, and to ask it questions."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.doctor import has_driver
from export.graph import OUTPUTS, TOKEN_TYPE_IDS, input_names
from prune.arch import Encoder
from prune.errors import InstallationError
from prune.qa.answer import Logits, Run
from prune.qa.windows import Batch

_CPU, _GPU = "CPUExecutionProvider", "CUDAExecutionProvider"


def open_session(file: Path | bytes) -> Any:
    """An InferenceSession on the CPU of the graph in `file`, or of a serialized one.

    It is the graph that is judged: its int8 sums are exact also where the processor has no instructions for
    them, and onnxruntime by default takes faster ones that can saturate. Raises InputError where onnxruntime
    is not installed.
    """
    onnxruntime = _import()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(file, options, providers=[_CPU])


def open_gpu_session(file: Path) -> Any | None:
    """An InferenceSession on a GPU of the graph in `file`; None where this onnxruntime has none to work on."""
    onnxruntime = _import()
    if _GPU not in onnxruntime.get_available_providers() or not has_driver():
        return None
    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()  # CUDA libraries that came as Python packages
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=[_GPU, _CPU])
    return session if session.get_providers()[0] == _GPU else None


def _import() -> ModuleType:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is first imported
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError("The parity check needs onnxruntime: pip install 'espalier[cpu]'.") from error
    module: ModuleType = onnxruntime
    return module


def graph_runner(file: Path | bytes, encoder: Encoder) -> Run:
    """An engine that runs the graph in `file`, or a serialized one, of an encoder of that kind."""
    session = open_session(file)
    takes_token_types = TOKEN_TYPE_IDS in input_names(encoder)

    def run(batch: Batch) -> tuple[Logits, Logits]:
        start, end = session.run(list(OUTPUTS), graph_inputs(batch, takes_token_types))
        return start, end

    return run


def graph_inputs(batch: Batch, takes_token_types: bool) -> dict[str, NDArray[np.int64]]:
    """What a graph reads of `batch`, [batch, longest] each, with token types or without."""
    inputs = batch.inputs()
    if not takes_token_types:
        inputs.pop(TOKEN_TYPE_IDS, None)
    elif batch.token_type_ids is None:  # the tokenizer knows none; transformers takes zeros then
        inputs[TOKEN_TYPE_IDS] = np.zeros_like(batch.input_ids)
    return inputs
