"""An exported graph, run by onnxruntime on the CPU: for the parity gate, and to ask it questions."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.graph import OUTPUTS, TOKEN_TYPE_IDS, input_names
from prune.arch import Encoder
from prune.errors import InstallationError
from prune.qa.answer import Logits, Run
from prune.qa.windows import Batch


def open_session(file: Path | bytes) -> Any:
    """An InferenceSession of the graph in `file`, or of a serialized one.

    It is the graph that is judged: its int8 sums are exact also where the processor has no instructions for
    them, and onnxruntime by default takes faster ones that can saturate. Raises InputError where onnxruntime
    is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is first imported
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError("The parity check needs onnxruntime: pip install 'espalier[cpu]'.") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


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
