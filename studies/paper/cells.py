"""What is to be found out, as commands: pure values, in the order in which they are worth having."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Method = Literal["l0", "gain", "random"]
"""The methods that are compared."""

Kind = Literal["heads", "ffn"]
Part = Literal["point", "curve", "option"]

SPEED = "speed"
"""Stands for a part in the cells that hold a measured speed."""

POINTS = {1: (0.440, 0.481), 2: (0.531, 0.649), 3: (0.576, 0.737), 4: (0.601, 0.784)}
"""Fractions of heads and of feed-forward activations that the paper's multiples of λ* removed (BERT-large)."""

SECOND_ROUND = (0.15, 0.3237)
"""From (1, 1) to (2, 2), of what is left: 6 of 40 heads and 1,548 of 4,783 activations of a MiniLM."""

CURVE = (0.2, 0.4, 0.6, 0.8)
"""Fractions at which the methods are compared, heads and feed-forward apart (Fig. 1)."""

WHOLE = "whole-retrain"
YARDSTICK = "yardstick"


MODEL, TRAIN, DEV = "MODEL", "TRAIN", "DEV"
CURVE_DEV = "CURVE_DEV"
"""Questions of DEV that have an answer: fewer, as many cells are asked them."""
TEACHER = "TEACHER"
"""The unpruned model, trained as long as all others."""
SMALLER = "SMALLER"
"""The model with every second layer left out."""
FIRST_ROUND = "FIRST_ROUND"
"""The model after the first of two rounds of cutting and training."""


def point_name(point: int) -> str:
    """The cell that says which units gates left at that operating point."""
    return f"l0-{point}-{point}"


_QUICK = ("--dropout", "0", "--learning-rate", "1e-4")


def plan_name(point: int) -> str:
    """Stands for the units that gates of SQuAD left at that operating point, as they are stored."""
    return f"PLAN_{point}"


@dataclass(frozen=True)
class Recipe:
    """What is the same for all cells of a study."""

    task: str = "squad"
    epochs: float = 1
    gate_share: float = 0.3
    curve_gate_share: float = 0.2
    options: tuple[str, ...] = ("--train-length", "256", *_QUICK)
    task_weight: float = 0.5
    seeds: int = 1


NATURAL_QUESTIONS = Recipe(task="nq", options=("--null-share", "0.1", *_QUICK), epochs=1)
"""The documents at hand have few windows, so that more of those without an answer are kept than usual."""


@dataclass(frozen=True)
class Cell:
    """One run of prune-export: its name, and its arguments but for where it writes.

    What lies elsewhere for everybody stands under the names above, such as TRAIN.
    """

    name: str
    part: Part
    arguments: tuple[str, ...]
    saves_as: str | None = None
    """Where later cells need the model that comes out: the name that they give it."""


def cells(recipe: Recipe, points: tuple[int, ...] = (1, 2)) -> Iterator[Cell]:
    """All cells of a study, those first that others need, then those that answer most."""
    yield whole_cell(recipe)
    for point in points:
        cut, distilled, _ = _point_cells(recipe, point)
        yield cut
        yield distilled
    yield Cell(
        f"{YARDSTICK}-distill",
        "point",
        (SMALLER, *_common(recipe), "--no-prune", *_distilled(recipe)),
    )
    for point in points:
        *_, retrained = _point_cells(recipe, point)
        yield retrained
    for seed in range(recipe.seeds):
        yield from _curve_cells(recipe, seed)
    if {1, 2} <= {*points}:  # whose units they keep
        yield from _option_cells(recipe)


def transfer_cells(recipe: Recipe, points: tuple[int, ...] = (1, 2), epochs: float = 2) -> Iterator[Cell]:
    """Gates of one task on another: the model learns the new task whole, is cut as for the old one, goes on.

    The unpruned model goes on as long as the cut ones, so that what it gains is not put down to them.
    """
    learning = (MODEL, *_common(recipe), "--no-prune", "--retrain", f"{epochs:g}")
    yield Cell(WHOLE, "point", learning, saves_as=TEACHER)
    longer = (TEACHER, *_common(recipe), "--no-prune", "--retrain", f"{recipe.epochs:g}")
    yield Cell(f"{WHOLE}-longer", "point", longer)
    for point in points:
        cut = (TEACHER, *_common(recipe), "--plan", plan_name(point))
        name = f"transferred-{point}-{point}"
        yield Cell(name, "point", cut)
        mixed = ("--distill", f"{recipe.epochs:g}", "--task-weight", f"{recipe.task_weight:g}")
        yield Cell(f"{name}-distill", "point", (*cut, *mixed))
        yield Cell(f"{name}-retrain", "point", (*cut, "--retrain", f"{recipe.epochs:g}"))


def whole_cell(recipe: Recipe) -> Cell:
    """The unpruned model, trained as long as the pruned ones: the baseline, and everybody's teacher."""
    arguments = (MODEL, *_common(recipe), "--no-prune", "--retrain", f"{recipe.epochs:g}")
    return Cell(WHOLE, "point", arguments, saves_as=TEACHER)


def _point_cells(recipe: Recipe, point: int) -> tuple[Cell, Cell, Cell]:
    """One operating point: not trained after the cut, distilled, retrained; the same units in all three."""
    heads, ffn = POINTS[point]
    gates = ("--method", "l0", "--gate-share", f"{recipe.gate_share:g}")
    amount = ("--prune-heads", f"{heads:g}", "--prune-ffn", f"{ffn:g}")
    same = (MODEL, *_common(recipe), "--plan", plan_name(point))
    name = point_name(point)
    return (
        Cell(name, "point", (MODEL, *_common(recipe), *gates, *amount)),
        Cell(f"{name}-distill", "point", (*same, *_distilled(recipe))),
        Cell(f"{name}-retrain", "point", (*same, "--retrain", f"{recipe.epochs:g}")),
    )


def _curve_cells(recipe: Recipe, seed: int) -> Iterator[Cell]:
    methods: tuple[Method, ...] = ("random", "gain", "l0")
    for kind in ("heads", "ffn"):
        for fraction in CURVE:
            for method in methods:
                share = ("--gate-share", f"{recipe.curve_gate_share:g}") if method == "l0" else ()
                yield Cell(
                    f"{method}-{kind}-{round(100 * fraction)}-seed-{seed}",
                    "curve",
                    (
                        MODEL,
                        *("--task", recipe.task, "--train", TRAIN, "--dev", CURVE_DEV),
                        *recipe.options,
                        *("--method", method, *share, "--seed", str(seed)),
                        *(f"--prune-{kind}", f"{fraction:g}"),
                    ),
                )


def _option_cells(recipe: Recipe) -> Iterator[Cell]:
    """What the paper does not do, at its point (2, 2) and on a short training, so that each costs little.

    The uncut model as it came is the teacher. Two rounds share the same epochs, and end with as many units.
    """
    epochs = 0.3
    mixed = ("--task-weight", f"{recipe.task_weight:g}")
    cut = (MODEL, *_common(recipe), "--plan", plan_name(2))
    yield Cell("option-logits", "option", (*cut, "--distill", f"{epochs:g}", *mixed))
    yield Cell("option-hidden", "option", (*cut, "--distill", f"{epochs:g}", *mixed, "--hidden-weight", "1"))
    half = ("--distill", f"{epochs / 2:g}", "--teacher", MODEL, *mixed)
    first = (MODEL, *_common(recipe), "--plan", plan_name(1), *half)
    yield Cell("option-round-1", "option", first, saves_as=FIRST_ROUND)
    gates = ("--method", "l0", "--gate-share", f"{recipe.gate_share:g}")
    heads, ffn = SECOND_ROUND
    amount = ("--prune-heads", f"{heads:g}", "--prune-ffn", f"{ffn:g}")
    yield Cell("option-round-2", "option", (FIRST_ROUND, *_common(recipe), *gates, *amount, *half))


def _common(recipe: Recipe) -> tuple[str, ...]:
    return "--task", recipe.task, "--train", TRAIN, "--dev", DEV, *recipe.options


def _distilled(recipe: Recipe) -> tuple[str, ...]:
    return (
        *("--distill", f"{recipe.epochs:g}", "--teacher", TEACHER),
        *("--task-weight", f"{recipe.task_weight:g}"),
    )
