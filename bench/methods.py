"""What each choosing method costs at the same fractions removed, without any training after the cut.

    python -m bench.methods MODEL --train train.json --dev dev.json --fractions 0.15,0.25,0.4 --json methods.json

For each fraction, of heads and of activations alike: F1 of the cut by gain and by random, the paired interval
between the two, and each cut model's agreement with the uncut one.
"""

import random
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.study import draw, run_study
from prune.agreement import agreement
from prune.choose import Method
from prune.choose.score import score
from prune.layers import shape_of
from prune.plan import plan_fractions
from prune.qa.compare import compare
from prune.qa.json_file import write_json
from prune.qa.squad import read_squad
from prune.qa.windows import pad_token_id_of
from prune.shrink import shrink
from prune.subject import open_subject

METHODS: tuple[Method, ...] = ("random", "gain")


def methods(
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    train: Annotated[str, typer.Option(help="SQuAD JSON to score by.")],
    dev: Annotated[str, typer.Option(help="SQuAD JSON to measure on.")],
    fractions: Annotated[str, typer.Option(help="Fractions removed, a list.")] = "0.15,0.25,0.4",
    train_questions: Annotated[int, typer.Option(help="Questions of --train to score by.")] = 500,
    dev_questions: Annotated[int, typer.Option(help="Questions of --dev to measure on; 0 is all.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything that was found.")] = None,
) -> None:
    """Cut by each method at each fraction, and measure."""
    generator = random.Random(seed)
    scoring = draw(generator, read_squad(train), train_questions)
    questions = read_squad(dev)
    questions = draw(generator, questions, dev_questions) if dev_questions else questions
    subject = open_subject(model)
    windows = subject.windows(scoring)
    pad_token_id = pad_token_id_of(subject.tokenizer)
    scores = {
        method: score(method, subject.model, windows, pad_token_id=pad_token_id, seed=seed)
        for method in METHODS
    }
    threshold = subject.settings.null_threshold
    uncut = subject.answer(questions)
    own = [prediction.answer(threshold) for prediction in uncut]
    cells: list[dict[str, Any]] = []
    for fraction in track([float(part) for part in fractions.split(",")], console=Console(stderr=True)):
        answers = {}
        for method in METHODS:
            plan = plan_fractions(scores[method], heads=fraction, intermediate=fraction)
            smaller = shrink(subject.model, plan)
            answers[method] = subject.answer(questions, smaller)
            kept = agreement(questions, own, [found.answer(threshold) for found in answers[method]])
            cells.append(
                {
                    "method": method,
                    "fraction": fraction,
                    "shape": shape_of(smaller).to_dict(),
                    "agreement": asdict(kept),
                    "against_uncut": asdict(compare(questions, uncut, answers[method])),
                }
            )
        cells[-1]["against_random"] = asdict(compare(questions, answers["random"], answers["gain"]))
    Console().print(_table(cells, len(questions)))
    if json_file:
        write_json(
            json_file, {"format": 1, "model": subject.source.name, "seed": seed, "cells": cells}, indent=2
        )


def _table(cells: list[dict[str, Any]], questions: int) -> Table:
    table = Table(title=f"{questions} questions, no training after the cut")
    for heading in (
        "removed",
        "method",
        "F1",
        "F1, has answer",
        "against uncut",
        "against random",
        "agreement",
    ):
        table.add_column(heading)
    for cell in cells:
        uncut, other = cell["against_uncut"], cell.get("against_random")
        table.add_row(
            f"{cell['fraction']:.0%}",
            cell["method"],
            f"{uncut['after']['score']['f1']:.1f}",
            f"{uncut['after']['has_answer_f1']:.1f}",
            _interval(uncut["has_answer_f1_change"]),
            _interval(other["has_answer_f1_change"]) if other else "",
            f"{cell['agreement']['mean']:.1f}",
        )
    return table


def _interval(change: dict[str, float]) -> str:
    return f"{change['mean_difference']:+.1f} ({change['low']:+.1f} to {change['high']:+.1f})"


if __name__ == "__main__":
    run_study(methods)
