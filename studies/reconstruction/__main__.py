"""The commands of studies.reconstruction; see its package."""

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from studies.pairs import main
from studies.store import is_stored, prepare_store, read_store, write_cell

if TYPE_CHECKING:
    from prune.loaded_model import LoadedModel
    from prune.tasks.question_answering.questions import Question
    from prune.tasks.question_answering.stored import StoredWindows

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

_Store = Annotated[Path, typer.Option(help="File of the numbers, such as reconstruction.json.gz.")]


@app.command()
def run(
    store: _Store,
    model: Annotated[Path, typer.Option(help="Directory of the model to cut.")],
    train: Annotated[list[str], typer.Option(help="Questions to calibrate on; their answers play no part.")],
    dev: Annotated[list[str], typer.Option(help="Questions to measure on.")],
    ratio: Annotated[list[float], typer.Option(help="Multiply-adds so many times fewer.")],
    work: Annotated[Path | None, typer.Option(help="Folder that keeps answers, to go on with.")] = None,
    calibration_windows: Annotated[int, typer.Option(help="Windows that weights are fitted to.")] = 512,
    seed: Annotated[int, typer.Option(help="Of the windows drawn.")] = 0,
) -> None:
    """Cut and measure for each ratio that is not stored yet; all of them share one calibration."""
    from prune.checkpoint import weights_digest
    from prune.loaded_model import open_model
    from prune.methods.reconstruction.budget import fewer_multiply_adds
    from prune.methods.reconstruction.calibrated import calibrate
    from prune.methods.reconstruction.choice import one_shot
    from prune.methods.reconstruction.divergence import Reference
    from prune.methods.reconstruction.inputs import batches_of
    from prune.methods.reconstruction.reconstruct import cut_to
    from prune.methods.reconstruction.settings import ReconstructionSettings
    from prune.stages import model_answers, stored_windows, tokenizer_digest
    from prune.tasks.question_answering.squad.reading import read_squad
    from prune.tasks.question_answering.squad.task import SquadTraining, read_exam
    from prune.tasks.question_answering.windows import pad_token_id_of
    from prune.work import open_work

    prepare_store(store)
    names = {each: f"{each:g}x-{calibration_windows}-windows-seed-{seed}" for each in ratio}
    subject, exam = open_model(str(model)), read_exam(dev)
    training = SquadTraining([question for file in train for question in read_squad(file, split="train")])
    settings = ReconstructionSettings(calibration_windows=calibration_windows, seed=seed)
    inputs = {
        "model": weights_digest(subject.model)[:16],
        "tokenizer": tokenizer_digest(subject.tokenizer)[:16],
        "decoding": json.dumps(subject.settings.to_dict(), sort_keys=True),
        "train": training.fingerprint[:16],
        "dev": exam.fingerprint[:16],
        "settings": json.dumps(asdict(settings), sort_keys=True),
    }
    wanted = {each: name for each, name in names.items() if not is_stored(store, name, [], inputs)}
    if not wanted:
        return
    pad_token_id, dev_windows = (
        pad_token_id_of(subject.tokenizer),
        _some_windows(subject, exam.questions, seed),
    )
    on_dev = Reference.of(subject.model, batches_of(subject.model, dev_windows, pad_token_id))
    with open_work(work) as folder:
        windows = stored_windows(folder, training, subject, subject.settings, _say).stored
        before = model_answers(folder, exam, subject, subject.model, "asking the model", _say)
        habit = exam.habit(before, subject.settings.null_threshold)
        begun = time.process_time()
        calibrated = calibrate(subject.model, windows, settings, pad_token_id=pad_token_id, progress=_say)
        calibrating = time.process_time() - begun
        for each, name in wanted.items():
            begun = time.process_time()
            result = cut_to(calibrated, fewer_multiply_adds(subject.model, each), progress=_say)
            cutting = time.process_time() - begun
            after = model_answers(
                folder, exam, subject, result.model, f"asking the model cut {each:g} times", _say
            )
            compared = exam.compare(before, after, habit)
            elsewhere = {
                "one_shot": on_dev.divergence(one_shot(calibrated, result.plan)),
                "rebuilt": on_dev.divergence(result.model),
            }
            found = {
                "shape": result.plan.shape.to_dict(),
                "predicted": result.predicted,
                "one_shot": result.one_shot,
                "rebuilt": result.rebuilt.after,
                "dev": elsewhere,
                "cpu_seconds": {"calibrating": calibrating, "cutting": cutting},
                "figures": compared.to_dict()["figures"],
            }
            write_cell(store, name, "reconstruction", [], found, inputs)
            print(name, *(f"{value:.4f}" for value in elsewhere.values()), flush=True)


@app.command()
def table(store: _Store) -> None:
    """Print divergence and changes of F1 for each cell."""
    rows = Table(
        title="KL of the logits as priced, on the windows that decide what stays rebuilt, and on windows of --dev; "
        "changes in points of F1, with 95 % intervals"
    )
    headings = ("one-shot, deciding", "rebuilt, deciding", "one-shot, dev", "rebuilt, dev")
    for heading in ("", "priced", *headings, *_MEASURES.values(), "CPU s"):
        rows.add_column(heading)
    for name, cell in read_store(store).items():
        found = cell["found"]
        places = (found, found.get("dev", {}))
        divergences = (
            f"{place[key]:.3f}" if key in place else "–"
            for place in places
            for key in ("one_shot", "rebuilt")
        )
        seconds = sum(found["cpu_seconds"].values())
        rows.add_row(
            name, f"{found['predicted']:.3f}", *divergences, *_changes(found["figures"]), f"{seconds:.0f}"
        )
    Console().print(rows)


_DEV_QUESTIONS = 256
"""Of --dev, drawn with the seed, so many say how far a cut model is on other text than it was cut by."""

_MEASURES = {
    "has-answer F1, none refused": "has answer, none refused",
    "F1 at the best threshold": "F1, best threshold",
    "F1 as served": "F1 as served",
}


def _some_windows(subject: "LoadedModel", questions: Sequence["Question"], seed: int) -> "StoredWindows":
    """Of _DEV_QUESTIONS questions, or of all where there are fewer."""
    from prune.tasks.question_answering.stored import StoredWindows

    drawn = random.Random(seed).sample(questions, min(_DEV_QUESTIONS, len(questions)))
    return StoredWindows.of(enumerate(subject.windows(drawn)))


def _changes(figures: list[dict[str, Any]]) -> Iterator[str]:
    by_name = {figure["name"]: figure["change"] for figure in figures}
    for name in _MEASURES:
        change = by_name[name]
        yield f"{change['mean_difference']:+.1f} ({change['low']:+.1f} to {change['high']:+.1f})"


def _say(what: str, done: int, total: int) -> None:
    if done == total:
        print(f"{what}: {total}", flush=True)


if __name__ == "__main__":
    main(app)
