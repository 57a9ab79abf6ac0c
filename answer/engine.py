"""What runs the file on the CPU: onnxruntime or OpenVINO. Another runtime is one more function like theirs."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from export.metadata import Metadata
from export.ports import TOKEN_TYPE_IDS, graph_inputs, input_names, output_names
from export.provenance import allows_bfloat16
from export.runtimes.onnxruntime import import_onnxruntime, load_session, run_session
from export.runtimes.openvino import Infer, compile_graph, infer_with, told
from export.target import CpuRuntime
from prune.tasks.batch import Batch, Outputs, Run
from trellis.errors import InputError, first_line

OpenEngine = Callable[[Path, Metadata, int], Run]
"""(ONNX file, what it says of itself, threads) → the model, ready to run. Raises InputError."""


def open_onnxruntime(path: Path, metadata: Metadata, threads: int) -> Run:
    """An engine over the file at `path`; threads of the caller may share it.

    Raises InputError where onnxruntime is not installed, does not load the file, or finds another graph in it
    than its encoder has; the engine raises it where a batch cannot be run.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    outputs = output_names(metadata.encoder)
    session = load_session(path, options, outputs)
    _check_graph(
        path,
        metadata,
        ({port.name} for port in session.get_inputs()),
        ({port.name} for port in session.get_outputs()),
    )

    def infer(inputs: Mapping[str, NDArray[Any]]) -> Outputs:
        return run_session(session, inputs, outputs)

    return _engine("onnxruntime", path, metadata, infer, first_line)


def open_openvino(path: Path, metadata: Metadata, threads: int) -> Run:
    """As `open_onnxruntime`, on OpenVINO, which is the faster one for int8 with ranges fixed beforehand.

    A token that the graph has no embedding for is refused by onnxruntime; OpenVINO takes zeros for it.

    Raises InputError where OpenVINO is not installed, and as `open_onnxruntime` does.
    """
    bfloat16 = allows_bfloat16(metadata.precision, metadata.provenance)
    compiled = compile_graph(path, threads, bfloat16=bfloat16)
    _check_graph(
        path,
        metadata,
        (port.get_names() for port in compiled.inputs),
        (port.get_names() for port in compiled.outputs),
    )
    return _engine("OpenVINO", path, metadata, infer_with(compiled, output_names(metadata.encoder)), told)


ENGINES: Mapping[CpuRuntime, OpenEngine] = {"onnxruntime": open_onnxruntime, "openvino": open_openvino}


def _engine(
    runtime: str,
    path: Path,
    metadata: Metadata,
    infer: Infer,
    told: Callable[[Exception], str],
) -> Run:
    takes_token_types = TOKEN_TYPE_IDS in input_names(metadata.encoder)
    longest = metadata.encoder.max_length

    def run(batch: Batch) -> Outputs:
        rows, tokens = batch.input_ids.shape
        # OpenVINO does not always notice, and then gives logits of another shape, or ends
        if tokens > longest:
            raise InputError(
                f"The windows have {tokens} tokens, and the model in {path} takes {longest} at most."
            )
        try:
            return infer(graph_inputs(batch, takes_token_types))
        except MemoryError:
            raise
        except Exception as error:  # the runtime's own classes share no public base
            raise InputError(
                f"{runtime} cannot run {path} on {rows} windows of {tokens} tokens: {told(error)}"
            ) from error

    return run


def _check_graph(
    path: Path, metadata: Metadata, inputs: Iterable[set[str]], outputs: Iterable[set[str]]
) -> None:
    """Each port goes by one or several names, or none."""
    for what, ports, expected in (
        ("inputs", list(inputs), input_names(metadata.encoder)),
        ("outputs", list(outputs), output_names(metadata.encoder)),
    ):
        if len(ports) != len(expected) or not all(any(name in port for port in ports) for name in expected):
            found = ", ".join(sorted("/".join(sorted(port)) or "(nameless)" for port in ports))
            raise InputError(
                f"The graph in {path} has the {what} {found}; its metadata calls for "
                f"{', '.join(sorted(expected))}. Export the model again."
            )
