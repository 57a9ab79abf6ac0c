"""The commands of bench.widths; see its package."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.environment import available_cores, environment
from bench.graphs import Form, write_graph
from bench.measure import measure
from bench.paper.store import is_stored, read_store, write_cell
from bench.spec import BERT_BASE, ROLES, Effort, Engine, Runtime, Workload
from bench.stats import speedup
from export.target import Target, dialect_of, scheme_of
from prune.cost import multiply_adds
from prune.errors import InputError
from prune.shape import ModelShape

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

ENCODER = replace(BERT_BASE, vocab_size=1000)
WORKLOAD = Workload(1, 384)
LAYERS = 4
KINDS: tuple[tuple[Runtime, str], ...] = (
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

_Store = Annotated[Path, typer.Option(help="Where the numbers are kept, one file a pair.")]


@app.command()
def run(
    store: _Store,
    max_time: Annotated[float, typer.Option(metavar="SECONDS", help="To aim at per pair.")] = 20.0,
) -> None:
    """Time all that is not stored yet."""
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="espalier-") as scratch:
        for runtime, precision in KINDS:
            for heads, width in _sizes():
                name = f"{runtime}-{precision}-{heads}-heads-{width}-wide"
                if not is_stored(store, name, []):
                    print(name, flush=True)
                    found = _found(runtime, precision, heads, width, Path(scratch), Effort(max_time=max_time))
                    write_cell(store, name, "width", [], found)


def _sizes() -> list[tuple[int, int]]:
    return [*((HEADS, width) for width in WIDTHS), *((heads, WIDTH) for heads in FEWER_HEADS)]


def _found(
    runtime: Runtime, precision: str, heads: int, width: int, scratch: Path, effort: Effort
) -> dict[str, Any]:
    cut = _engine(runtime, precision, heads, width, scratch)
    whole = _engine(runtime, precision, HEADS, WIDTH, scratch)
    (samples,) = measure(cut, whole, [dict.fromkeys(ROLES, WORKLOAD)], effort).samples
    less, all_ = (multiply_adds(ENCODER, one.shape, batch=1, seq=WORKLOAD.seq) for one in (cut, whole))
    return {
        "environment": environment(gpu=False).to_dict(),
        "settings": effort.to_dict(),
        "speedup": speedup(samples.log_ratios, samples.pilot).to_dict(),
        "multiply_add_ratio": all_ / less,
        "log_ratios": samples.log_ratios,
    }


def _engine(runtime: Runtime, precision: str, heads: int, width: int, scratch: Path) -> Engine:
    from export.graph import random_weights

    shape = ModelShape.uniform(LAYERS, heads, width)
    path = scratch / f"{runtime}-{precision}-{heads}-{width}.onnx"
    if not path.is_file():
        target: Target = "openvino" if runtime == "openvino" else "onnxruntime"
        form = (
            Form(dialect_of(target, "int8"), "int8", scheme_of(target))
            if precision == "int8"
            else Form(dialect_of(target, "fp32"))
        )
        write_graph(ENCODER, shape, random_weights(ENCODER, shape), form, path)
    return Engine(runtime, "cpu", available_cores(), ENCODER, shape, path)


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
    try:
        app()
    except InputError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
