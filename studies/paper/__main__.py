"""The commands of the study: its cells, what was measured of them, figures and tables."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from studies.paper.cells import NATURAL_QUESTIONS, POINTS, Cell, Recipe, cells, transfer_cells
from studies.store import prepare_store, write_cell
from trellis.errors import InputError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

console = Console()

Store = Annotated[Path, typer.Option(help="File of the stored numbers, such as squad.json.gz.")]
Work = Annotated[Path, typer.Option(help="Folder for everything else; may be thrown away.")]


Train = Annotated[str, typer.Option(help="Questions to train on.")]
Dev = Annotated[str, typer.Option(help="Questions to measure on.")]
Points = Annotated[str, typer.Option(help="Operating points, multiples of the paper's λ*.")]
Only = Annotated[str, typer.Option(help="Cells whose name begins so.")]


@app.command()
def squad(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    train: Train,
    dev: Dev,
    store: Store,
    work: Work,
    points: Points = "1,2",
    seeds: Annotated[int, typer.Option(help="How often the methods are compared.")] = 1,
    only: Only = "",
) -> None:
    """Run the cells of the study on SQuAD that are not stored yet."""
    from studies.paper.run import squad_places

    chosen = cells(Recipe(seeds=seeds), _numbers(points))
    _run(chosen, squad_places(model, train, dev, work), store, store, work, only)


@app.command()
def nq(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    train: Train,
    dev: Dev,
    plans: Annotated[Path, typer.Option(help="--store of the study on SQuAD: its gates are used.")],
    store: Store,
    work: Work,
    points: Points = "1,2",
    only: Only = "",
) -> None:
    """The same on Natural Questions, with the gates that were trained on SQuAD."""
    from studies.paper.run import places

    chosen = transfer_cells(NATURAL_QUESTIONS, _numbers(points))
    _run(chosen, places(model, train, dev, work), plans, store, work, only)


@app.command()
def speed(
    store: Store,
    work: Work,
    batch: Annotated[int, typer.Option()] = 1,
    seq: Annotated[int, typer.Option()] = 384,
) -> None:
    """Measure how much faster each stored point is than the uncut model, in paired runs. Needs a calm machine."""
    from studies.paper.speed import measure_speeds

    measure_speeds(store, work, batch, seq, say=Console(stderr=True).log)


@app.command()
def cost(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A directory, bert-large, or roberta-large.")],
    batch: Annotated[int, typer.Option()] = 24,
    micro_batch: Annotated[int | None, typer.Option()] = None,
    seq: Annotated[int, typer.Option()] = 384,
    steps: Annotated[int, typer.Option(help="Steps of a stage in one turn.")] = 3,
    rounds: Annotated[int, typer.Option(help="Turns of each stage.")] = 3,
    store: Annotated[
        Path | None, typer.Option(help="File to add the numbers to, such as cost.json.gz.")
    ] = None,
) -> None:
    """Measure what a step of each stage takes, in seconds and in memory."""
    from studies.paper.cost import Load, cost_of

    if steps < 2 or rounds < 1:
        raise InputError(
            f"--steps is {steps} and --rounds {rounds}; give 2 steps or more, as the first one does not count, "
            "and a round or more."
        )
    if store:
        prepare_store(store)
    load = Load(model, batch, micro_batch, seq, steps)
    found = cost_of(load, rounds)
    for stage, numbers in found["stages"].items():
        console.print(
            f"{stage}: {numbers['seconds']:.2f} s a step, {numbers['against_retraining'][0]:.2f} times retraining "
            f"({numbers['against_retraining'][1]:.2f} to {numbers['against_retraining'][2]:.2f}); "
            f"peak memory {numbers['peak_bytes'] / 2**30:.1f} GiB",
            highlight=False,
        )
    if store:
        write_cell(store, load.name, "cost", [], found)


@app.command()
def draw(
    store: Store,
    out: Annotated[Path, typer.Option(help="Folder for the figures and their numbers.")],
    form: Annotated[Literal["svg", "png"], typer.Option(help="Of the figures.")] = "svg",
) -> None:
    """Draw all figures from the stored numbers."""
    from studies.paper.draw import draw_all

    draw_all(store, out, form)


@app.command()
def table(store: Store) -> None:
    """Print the stored numbers as Markdown tables."""
    from studies.paper.numbers import numbers_of
    from studies.paper.tables import tables_of

    print(tables_of(numbers_of(store)))


@app.command()
def served(store: Store) -> None:
    """Print what the models score on SQuAD with the threshold that was written beside each."""
    from studies.paper.served import served_table

    print(served_table(store))


def _run(
    chosen: Iterable[Cell], where: Mapping[str, str], plans: Path, store: Path, work: Path, only: str
) -> None:
    from studies.paper.run import run_cells

    prepare_store(store)
    run_cells(tuple(chosen), where, plans, store, work, Console(stderr=True).log, only=only)


def _numbers(points: str) -> tuple[int, ...]:
    try:
        chosen = tuple(int(point) for point in points.split(","))
    except ValueError:
        raise InputError(f"--points is {points!r}; expected numbers such as 1,2.") from None
    if unknown := [point for point in chosen if point not in POINTS]:
        raise InputError(
            f"--points is {points!r}; there is no {unknown[0]}, but {', '.join(map(str, POINTS))}."
        )
    return chosen


if __name__ == "__main__":
    try:
        app()
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
