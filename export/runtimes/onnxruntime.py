"""An exported graph, run by onnxruntime: for the parity gate, and to ask it questions."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from export.ports import TOKEN_TYPE_IDS, graph_inputs, input_names, output_names
from export.runtimes.tensorrt.cuda import has_gpu
from prune.families.encoder import Encoder
from prune.tasks.batch import Batch, Outputs, Run
from trellis.cores import available_cores
from trellis.errors import InputError, InstallationError, first_line

_FATAL = 4
"""Of onnxruntime's log: what is wrong comes as an exception as well, and is told in a sentence of ours."""
_LOGITS = ("tensor(float)", "tensor(float16)", "tensor(bfloat16)", "tensor(double)")
_CPU, _GPU = "CPUExecutionProvider", "CUDAExecutionProvider"


def import_onnxruntime(package: str = "onnxruntime") -> ModuleType:
    """The module; raises InputError where it is not installed, with the command that installs `package`."""
    # Read when it is first imported: from 1.32 on it reports its use from a thread of its own unless told not to.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError(
            f"onnxruntime is not installed; install it: pip install {package}."
        ) from error
    module: ModuleType = onnxruntime
    module.set_default_logger_severity(_FATAL)
    return module


def preload_cuda(onnxruntime: ModuleType) -> None:
    """Have it find CUDA libraries that came as Python packages."""
    if hasattr(onnxruntime, "preload_dlls"):  # from 1.21 on
        onnxruntime.preload_dlls()


def load_session(
    path: Path, options: Any, outputs: Sequence[str] = (), *, providers: Sequence[str] = (_CPU,), **how: Any
) -> Any:
    """An InferenceSession of the file at `path`, given `how` as it stands.

    Raises InputError where it does not load, or where one of `outputs` is there and is none of numbers.
    """
    onnxruntime = import_onnxruntime()
    options.log_severity_level = _FATAL
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=list(providers), **how)
    except Exception as error:  # the runtime's own classes share no public base
        raise InputError(f"onnxruntime does not load {path}: {first_line(error)}") from error
    for output in session.get_outputs():
        if output.name in outputs and output.type not in _LOGITS:
            raise InputError(
                f"{path} gives {output.name} as {output.type}, expected one of {', '.join(_LOGITS)}: it is no model "
                "of prune-export's; export it again."
            )
    return session


def open_session(file: Path | bytes) -> Any:
    """An InferenceSession on the CPU of the graph in `file`, or of a serialized one.

    It is the graph that is judged: its int8 sums are exact also where the processor has no instructions for
    them, and onnxruntime by default takes faster ones that can saturate. Raises InputError where onnxruntime
    is not installed.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(file, options, providers=[_CPU])


def open_gpu_session(file: Path | bytes) -> Any | None:
    """An InferenceSession on a GPU of the graph in `file`, or of a serialized one; None where onnxruntime has none.

    Raises InputError where a GPU is there and takes the graph not.
    """
    onnxruntime = import_onnxruntime()
    if _GPU not in onnxruntime.get_available_providers() or not has_gpu():
        return None
    preload_cuda(onnxruntime)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    try:
        # by itself it would go on on the CPU, of which nobody would hear
        session = onnxruntime.InferenceSession(file, options, providers=[_GPU, _CPU], enable_fallback=0)
    except Exception as error:  # the runtime's own classes share no public base
        raise InputError(_refused_by_gpu(error)) from error
    return session if session.get_providers()[0] == _GPU else None


def run_session(session: Any, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> Outputs:
    """The `outputs` of the graph that `session` holds; raises InputError where a GPU fails."""
    try:
        found = session.run(list(outputs), dict(inputs))
    except Exception as error:  # the runtime's own classes share no public base
        if session.get_providers()[0] != _GPU:
            raise
        raise InputError(_refused_by_gpu(error)) from error
    return dict(zip(outputs, found, strict=True))


def _refused_by_gpu(error: Exception) -> str:
    return (
        f"onnxruntime cannot run the graph on this machine's GPU: {first_line(error)}. Set CUDA_VISIBLE_DEVICES= "
        "to have it checked on the CPU alone."
    )


def graph_runner(session: Any, encoder: Encoder) -> Run:
    """An engine that runs the graph that `session` holds, of an encoder of that kind."""
    takes_token_types = TOKEN_TYPE_IDS in input_names(encoder)

    def run(batch: Batch) -> Outputs:
        return run_session(session, graph_inputs(batch, takes_token_types), output_names(encoder))

    return run
