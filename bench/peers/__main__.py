"""The commands of bench.peers; see its package."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.peers.graphs import write_theirs
from bench.peers.pairs import PAIRS
from bench.spec import BERT_BASE, Effort
from bench.store import is_stored, read_store, write_cell
from bench.study import main, timed
from prune.cost import multiply_adds

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

_Work = Annotated[Path, typer.Option(help="Where the graphs are kept from one run to the next.")]
_Store = Annotated[Path, typer.Option(help="Where the numbers are kept, one file a pair.")]


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
    store.mkdir(parents=True, exist_ok=True)
    effort = Effort(max_time=max_time)
    for pair in PAIRS:
        if only in pair.name and not is_stored(store, pair.name, []):
            print(pair.name, flush=True)
            engines = pair.candidate.engine(work), pair.baseline.engine(work)
            write_cell(store, pair.name, pair.shows, [], timed(*engines, pair.workload, effort))


@app.command()
def table(store: _Store) -> None:
    """Print the stored numbers."""
    found = read_store(store)
    console = Console()
    for point in dict.fromkeys(pair.workload for pair in PAIRS):
        rows = Table(title=f"BERT-base, random weights, batch {point.batch}, seq {point.seq}")
        for heading in (
            "shows",
            "graph",
            "times as fast as",
            "",
            "95 % interval",
            "multiply-adds, times fewer",
        ):
            rows.add_column(heading)
        for pair in PAIRS:
            if pair.workload == point and pair.name in found:
                paired = found[pair.name]["found"]["speedup"]
                whole, cut = (
                    multiply_adds(BERT_BASE, side.shape, batch=point.batch, seq=point.seq)
                    for side in (pair.baseline, pair.candidate)
                )
                rows.add_row(
                    pair.shows,
                    pair.candidate.name,
                    pair.baseline.name,
                    f"{paired['estimate']:.2f}",
                    f"{paired['low']:.2f} to {paired['high']:.2f}",
                    f"{whole / cut:.2f}",
                )
        console.print(rows)


if __name__ == "__main__":
    main(app)
