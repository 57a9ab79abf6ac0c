"""The commands of studies.peers; see its package."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.measure.environment import environment
from bench.measure.peak import matmul_peak
from bench.workload import BERT_BASE, ROLES, Effort, Role
from prune.cost import multiply_adds
from studies.pairs import main, measured_with, timed
from studies.peers.graphs import Contestant, write_theirs
from studies.peers.pairs import PAIRS
from studies.store import is_stored, prepare_store, read_store, write_cell
from trellis.cores import available_cores
from trellis.errors import InputError

LIMIT = "matrix-products"
"""The cell that holds the machine's fastest."""
READINGS = 5
"""Of the machine's limit, each the best of many products; the best counts, as a machine has slow moments."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

_Work = Annotated[Path, typer.Option(help="Where the graphs are kept from one run to the next.")]
_Store = Annotated[Path, typer.Option(help="File of the numbers, such as peers.json.gz.")]


@app.command()
def graphs(work: _Work) -> None:
    """Have optimum and torch write their graphs."""
    work.mkdir(parents=True, exist_ok=True)
    write_theirs(work)


@app.command()
def time(
    work: _Work,
    store: _Store,
    only: Annotated[str, typer.Option(help="Pairs whose name holds this.")] = "",
    max_time: Annotated[float, typer.Option(metavar="SECONDS", help="To aim at per pair.")] = 60.0,
) -> None:
    """Time all pairs that are not stored yet, each in turn."""
    prepare_store(store)
    if not is_stored(store, LIMIT, []):
        write_cell(store, LIMIT, "the machine's limit", [], _limit())
    effort = Effort(aim=max_time)
    inputs = measured_with(effort)
    for pair in PAIRS:
        if only in pair.name and not is_stored(store, pair.name, [], inputs):
            print(pair.name, flush=True)
            engines = pair.candidate.engine(work), pair.baseline.engine(work)
            write_cell(store, pair.name, pair.shows, [], timed(*engines, pair.workload, effort), inputs)


@app.command()
def table(store: _Store) -> None:
    """Print the stored numbers."""
    found = read_store(store)
    console = Console()
    timed_pairs = [pair for pair in PAIRS if pair.name in found]
    for point in dict.fromkeys(pair.workload for pair in timed_pairs):
        pairs = [pair for pair in timed_pairs if pair.workload == point]
        processors = dict.fromkeys(_machine(found[pair.name])[0] for pair in pairs)
        where = f"batch {point.batch}, seq {point.seq}, {' and '.join(processors)}"
        rows = Table(title=f"BERT-base, random weights, {where}")
        for heading in (
            "shows",
            "graph",
            "times as fast as",
            "",
            "95 % interval",
            "multiply-adds, times fewer",
            "of the limit it reaches",
            "the other reaches",
        ):
            rows.add_column(heading)
        for pair in pairs:
            timing = found[pair.name]["found"]
            paired = timing["speedup"]
            sides: dict[Role, Contestant] = {"baseline": pair.baseline, "candidate": pair.candidate}
            products = {
                role: multiply_adds(BERT_BASE, side.shape, batch=point.batch, seq=point.seq)
                for role, side in sides.items()
            }
            shares = dict.fromkeys(ROLES, "")
            if LIMIT in found and _machine(found[LIMIT]) == _machine(found[pair.name]):
                for role, side in sides.items():
                    limit = found[LIMIT]["found"]["multiply_adds_per_second"][side.precision]
                    shares[role] = f"{products[role] / typical_seconds(timing, role) / limit:.0%}"
            rows.add_row(
                pair.shows,
                pair.candidate.name,
                pair.baseline.name,
                f"{paired['estimate']:.2f}",
                f"{paired['low']:.2f} to {paired['high']:.2f}",
                f"{products['baseline'] / products['candidate']:.2f}",
                shares["candidate"],
                shares["baseline"],
            )
        console.print(rows)


def typical_seconds(timing: Mapping[str, Any], role: Role) -> float:
    """The median call of one side of a stored pair."""
    blocks = chain.from_iterable(launch["blocks"] for launch in timing["launches"])
    turns = chain.from_iterable(block[role] for block in blocks)
    seconds: float = median(chain.from_iterable(turn["seconds"] for turn in turns))
    return seconds


def _machine(cell: Mapping[str, Any]) -> tuple[str, int]:
    """What a limit must have been read on to be a pair's."""
    place = cell["found"]["environment"]
    return place["cpu"], place["cores"]


def _limit() -> dict[str, Any]:
    """The machine's fastest matrix products, as `bench` reads them, several times over."""
    place = environment(gpu=False).to_dict()
    best = {"fp32": 0.0, "int8": 0.0}
    for _ in range(READINGS):
        for precision in best:
            matmul_peak.cache_clear()
            read = matmul_peak(precision, available_cores())
            if read is None:
                raise InputError("The machine's limit is read by onnxruntime: pip install onnxruntime")
            best[precision] = max(best[precision], read)
    return {"environment": place, "multiply_adds_per_second": best}


if __name__ == "__main__":
    main(app)
