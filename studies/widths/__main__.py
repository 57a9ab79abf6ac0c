"""The commands of studies.widths; see its package."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.graphs import best_form
from bench.workload import BERT_BASE, Effort, Workload
from export.runtimes.engine_spec import EngineSpec
from export.target import GraphPrecision, RuntimeName
from prune.cost import multiply_adds
from prune.shape import ModelShape
from studies.pairs import graph_file, main, measured_with, timed
from studies.store import is_stored, prepare_store, read_store, write_cell
from trellis.cores import available_cores
from trellis.files.scratch import scratch

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

ENCODER = replace(BERT_BASE, vocab_size=1000)
WORKLOAD = Workload(1, 384)
LAYERS = 4
KINDS: tuple[tuple[RuntimeName, GraphPrecision], ...] = (
    ("onnxruntime", "fp32"),
    ("onnxruntime", "int8"),
    ("openvino", "fp32"),
    ("openvino", "int8"),
)
WIDTH, HEADS = 1408, 8
"""What the others are timed against: 1408 is a multiple of 128."""
WIDTHS = {1407: 1, 1404: 4, 1400: 8, 1392: 16, 1344: 64}
"""Width → the largest power of two that it is a multiple of."""
FEWER_HEADS = (7, 6, 4)

_Store = Annotated[Path, typer.Option(help="File of the numbers, such as widths.json.gz.")]


@app.command()
def run(
    store: _Store,
    max_time: Annotated[float, typer.Option(metavar="SECONDS", help="To aim at per pair.")] = 20.0,
) -> None:
    """Time all that is not stored yet."""
    prepare_store(store)
    effort = Effort(aim=max_time)
    inputs = measured_with(effort)
    with scratch() as folder:
        for runtime, precision in KINDS:
            for heads, width in _sizes():
                name = f"{runtime}-{precision}-{heads}-heads-{width}-wide"
                if not is_stored(store, name, [], inputs):
                    print(name, flush=True)
                    found = _found(runtime, precision, heads, width, folder, effort)
                    write_cell(store, name, "width", [], found, inputs)


def _sizes() -> list[tuple[int, int]]:
    return [*((HEADS, width) for width in WIDTHS), *((heads, WIDTH) for heads in FEWER_HEADS)]


def _found(
    runtime: RuntimeName, precision: GraphPrecision, heads: int, width: int, scratch: Path, effort: Effort
) -> dict[str, Any]:
    cut = _engine(runtime, precision, heads, width, scratch)
    whole = _engine(runtime, precision, HEADS, WIDTH, scratch)
    less, all_ = (multiply_adds(ENCODER, one.shape, batch=1, seq=WORKLOAD.seq) for one in (cut, whole))
    return timed(cut, whole, WORKLOAD, effort) | {"multiply_add_ratio": all_ / less}


def _engine(
    runtime: RuntimeName, precision: GraphPrecision, heads: int, width: int, scratch: Path
) -> EngineSpec:
    shape = ModelShape.uniform(LAYERS, heads, width)
    path = scratch / f"{runtime}-{precision}-{heads}-{width}.onnx"
    form = best_form(runtime, "cpu", precision)
    graph_file(path, ENCODER, shape, form)
    return EngineSpec(runtime, "cpu", available_cores(), ENCODER, shape, path, bfloat16=form.bfloat16)


@app.command()
def table(store: _Store) -> None:
    """Print how much faster each size is than the largest, and how much less work it is."""
    found = read_store(store)
    rows = Table(title=f"{LAYERS} layers of BERT-base's size, against {HEADS} heads and {WIDTH} activations")
    for heading in ("heads", "activations", "multiple of", "work", *(" ".join(kind) for kind in KINDS)):
        rows.add_column(heading)
    for heads, width in _sizes():
        cells = [
            found.get(f"{runtime}-{precision}-{heads}-heads-{width}-wide") for runtime, precision in KINDS
        ]
        known = [cell["found"] for cell in cells if cell]
        if known:
            rows.add_row(
                str(heads),
                str(width),
                str(WIDTHS.get(width, "")),
                f"{known[0]['multiply_add_ratio']:.3f}",
                *(_figure(cell["found"]["speedup"]) if cell else "" for cell in cells),
            )
    Console().print(rows)


def _figure(found: dict[str, float]) -> str:
    return f"{found['estimate']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


if __name__ == "__main__":
    main(app)
