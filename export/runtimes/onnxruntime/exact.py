"""Sessions that judge a graph: it is computed as it says, also where onnxruntime could do with less."""

from collections.abc import Sequence
from pathlib import Path

from export.runtimes.cuda import has_gpu
from export.runtimes.onnxruntime.session import (
    CPU,
    CUDA,
    FATAL,
    import_onnxruntime,
    infer_with,
    preload_cuda,
)
from export.runtimes.runtime import Infer, Inputs
from prune.tasks.batch import Outputs
from trellis.cores import available_cores
from trellis.errors import InputError, first_line


def on_cpu(graph: Path | bytes, outputs: Sequence[str]) -> Infer:
    """The graph in the file `graph`, or serialized, on all cores.

    Its int8 sums are exact also where the processor has no instructions for them: onnxruntime by default takes
    faster ones that can saturate. Raises InputError where onnxruntime is not installed.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    options.log_severity_level = FATAL
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(graph, options, providers=[CPU])
    return infer_with(session, outputs)


def on_gpu(graph: Path | bytes, outputs: Sequence[str]) -> Infer | None:
    """The graph on a GPU; None where onnxruntime has none.

    Raises InputError where a GPU is there and takes the graph not; so does what is returned, where it fails.
    """
    onnxruntime = import_onnxruntime()
    if CUDA not in onnxruntime.get_available_providers() or not has_gpu():
        return None
    preload_cuda(onnxruntime)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL
    try:
        # by itself it would go on on the CPU, of which nobody would hear
        session = onnxruntime.InferenceSession(graph, options, providers=[CUDA, CPU], enable_fallback=0)
    except Exception as error:  # the runtime's own classes share no public base
        raise _refused_by_gpu(error) from error
    if session.get_providers()[0] != CUDA:
        return None
    run = infer_with(session, outputs)

    def infer(inputs: Inputs) -> Outputs:
        try:
            return run(inputs)
        except Exception as error:  # as above
            raise _refused_by_gpu(error) from error

    return infer


def _refused_by_gpu(error: Exception) -> InputError:
    return InputError(
        f"onnxruntime cannot run the graph on this machine's GPU: {first_line(error)}. Set CUDA_VISIBLE_DEVICES= "
        "to have it checked on the CPU alone."
    )
