"""Where a file's time goes: the runtime's own profiler, by operator.

    python -m studies.kernels out.onnx --runtime openvino --batch 1 --seq 384
    python -m studies.kernels out.onnx --device cuda

On a GPU kernels have no operator: they go by their own names, except attention and products, which are called so.

Of every kernel the fastest of several calls counts, so that what disturbs a call does not; profiling itself costs time.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from bench.measure.calls import bind
from bench.measure.inputs import random_inputs
from bench.workload import Workload
from export.provenance import allows_bfloat16
from export.runtimes import runtime_of
from export.runtimes.engine_spec import EngineSpec
from export.runtimes.runtime import Reading
from studies.pairs import main
from trellis.cores import available_cores
from trellis.errors import InputError, InstallationError
from trellis.html.format import milliseconds

WARM_UP = 5
"""Calls to a GPU that do not count: memory is taken and kernels are chosen in the first ones."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def kernels(
    file: Annotated[Path, typer.Argument(help="An .onnx file of ours.")],
    runtime: Annotated[
        Literal["onnxruntime", "openvino"], typer.Option(help="What runs it.")
    ] = "onnxruntime",
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option(help="Where; cuda is onnxruntime's, seen by PyTorch's profiler.")
    ] = "cpu",
    batch: Annotated[int, typer.Option(help="Sequences per call.")] = 1,
    seq: Annotated[int, typer.Option(help="Tokens per sequence.")] = 384,
    float32: Annotated[
        bool, typer.Option("--float32", help="OpenVINO: no bfloat16 for what is not int8.")
    ] = False,
    calls: Annotated[int, typer.Option(min=1, help="Calls; of each kernel the fastest counts.")] = 30,
) -> None:
    from export.metadata import read_metadata

    adapter = runtime_of(runtime)
    adapter.check(device)
    metadata = read_metadata(file)
    inputs = random_inputs(metadata.encoder, Workload(batch, seq))
    engine = EngineSpec(
        runtime,
        device,
        available_cores(),
        metadata.encoder,
        metadata.shape,
        file,
        timing="call" if device == "cpu" else "device",
        bfloat16=allows_bfloat16(metadata.precision, metadata.provenance) and not float32,
    )
    readings = adapter.kernels(engine, inputs, calls) if device == "cpu" else _on_gpu(engine, inputs, calls)
    found = by_operator(readings)
    total = sum(seconds for _, seconds in found.values())
    rows = Table(
        title=f"{file}, {runtime}, {device}, batch {batch}, seq {seq}: {milliseconds(total)} ms in kernels"
    )
    for heading in ("operator", "kernels", "ms", "share"):
        rows.add_column(heading, justify="left" if heading == "operator" else "right")
    for operator, (number, seconds) in found.items():
        rows.add_row(operator, str(number), milliseconds(seconds), f"{seconds / total:.1%}")
    Console().print(rows)


def by_operator(readings: Iterator[Reading]) -> dict[str, tuple[int, float]]:
    """Operator → how many kernels, and their seconds together, the fastest reading of each; the slowest first."""
    fastest: dict[tuple[str, str], float] = {}
    for kernel, seconds in readings:
        fastest[kernel] = min(seconds, fastest.get(kernel, seconds))
    found: dict[str, list[float]] = defaultdict(list)
    for (operator, _), seconds in fastest.items():
        found[operator].append(seconds)
    ordered = sorted(found.items(), key=lambda each: -sum(each[1]))
    return {operator: (len(seconds), sum(seconds)) for operator, seconds in ordered}


def _on_gpu(engine: EngineSpec, inputs: Mapping[str, Any], calls: int) -> Iterator[Reading]:
    try:
        from torch.profiler import ProfilerActivity, profile
    except ImportError as error:
        raise InstallationError(
            "Kernels of a GPU are seen by PyTorch's profiler: pip install torch."
        ) from error

    call = bind(engine)(inputs)
    for _ in range(WARM_UP):
        call.run()
    with profile(activities=[ProfilerActivity.CUDA]) as trace:
        for _ in range(calls):
            call.run()
    on_gpu = [event for event in trace.events() if event.device_type.name == "CUDA"]
    on_gpu.sort(key=lambda event: event.time_range.start)
    return in_equal_calls([(kernel_name(event.name), event.device_time / 1e6) for event in on_gpu], calls)


def in_equal_calls(kernels: Sequence[tuple[str, float]], calls: int) -> Iterator[Reading]:
    """Name and seconds of kernels in the order of their start; each call starts the same ones in the same order.

    Raises InputError where they do not come out even: some were lost, or are another's.
    """
    each, rest = divmod(len(kernels), calls)
    names = [name for name, _ in kernels]
    if rest or not each or names != names[:each] * calls:
        raise InputError(f"The profiler saw {len(kernels)} kernels in {calls} equal calls; run it again.")
    for number, (name, seconds) in enumerate(kernels):
        yield (name, str(number % each)), seconds


def kernel_name(signature: str) -> str:
    """Attention for kernels that are all of it, products for what else multiplies matrices, or the function's name."""
    if any(word in signature.lower() for word in ("attention", "fmha", "flash", "sdpa")):
        return "attention"
    if any(word in signature for word in ("gemm", "gemv", "splitK", "cutlass", "nvjet")):
        return "products"
    name = re.split(r"[<(]", signature.replace("(anonymous namespace)::", "").removeprefix("void "))[0]
    return name.split("::")[-1].strip()


if __name__ == "__main__":
    main(app)
