"""Gates as a ranking of units: trained apart or together, each training a stage of its own."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from prune.checkpoint import weights_digest
from prune.loaded_model import LoadedModel
from prune.methods.job import Job
from prune.methods.l0.penalty import Penalty
from prune.methods.l0.settings import GateSettings
from prune.methods.l0.state import STATE_FILE, remove_damaged_state
from prune.methods.l0.training import TrainedGates, train_gates
from prune.methods.method import Scored
from prune.plan import UNIT_NAMES, Kind, LayerScores, Scores
from prune.shape import ModelShape
from prune.stages import TrainingWindows, stored_windows
from prune.tasks.question_answering.windows import pad_token_id_of
from prune.train.precision import autocast, precision_of
from prune.work import Work, reading
from trellis.progress import Report

NEAR = 0.25
"""How far from the fraction wanted, as a share of it, gates may end and still have decided the cut."""


def ranked(
    job: Job,
    penalties: Mapping[Kind, Penalty],
    settings: GateSettings,
    share: float,
    joint: bool,
    work: Work,
    progress: Report,
) -> Scored:
    """Gates of both kinds, apart or jointly, by a share of the training data; log α is the score."""
    assert job.train
    subject = job.subject
    windows = stored_windows(work, job.train, subject, job.reading or subject.settings, progress)
    shared = windows.share(share, job.seed)
    precision = precision_of(job.training.mixed_precision, subject.model.dtype)
    together = [penalties] if joint else [{kind: penalty} for kind, penalty in penalties.items()]
    gates = tuple(
        trained_gates(work, subject, shared, chosen, settings, precision, progress)
        for chosen in together
        if chosen
    )
    return Scored(
        scores_of(gates, job.whole),
        tuple(shortfalls(gates, penalties)),
        {"gates": [{"log": trained.to_dict()["log"]} for trained in gates]},
    )


def trained_gates(
    work: Work,
    subject: LoadedModel,
    windows: TrainingWindows,
    penalties: Mapping[Kind, Penalty],
    settings: GateSettings,
    precision: str,
    progress: Report,
) -> TrainedGates:
    """Gates for the kinds of units that have a penalty, trained jointly where there are two."""
    what = f"training gates of {' and '.join(UNIT_NAMES[kind] for kind in penalties)}"

    def compute(directory: Path) -> dict[str, Any]:
        gates = train_gates(
            subject.model,
            windows.stored,
            penalties,
            settings,
            pad_token_id=pad_token_id_of(subject.tokenizer),
            directory=directory,
            autocast=lambda: autocast(precision),
            progress=lambda record, steps: progress(f"{what} ({record.in_words()})", record.step, steps),
        )
        return gates.to_dict()

    inputs = {
        "model": weights_digest(subject.model),
        "windows": windows.key,
        "penalties": {kind: asdict(penalty) for kind, penalty in penalties.items()},
        "settings": asdict(settings),
        "precision": precision,
    }
    result, directory = work.stage(
        "gates", inputs, compute, together=True, passing=[STATE_FILE], clean=remove_damaged_state
    )
    with reading(directory):
        return TrainedGates.from_dict(result)


def scores_of(gates: Iterable[TrainedGates], whole: ModelShape) -> Scores:
    """log α of each unit, 0 for those that have no gate."""
    log_alpha: dict[Kind, LayerScores] = {
        "heads": tuple(np.zeros(layer.num_heads) for layer in whole.layers),
        "intermediate": tuple(np.zeros(layer.intermediate_size) for layer in whole.layers),
    }
    for trained in gates:
        log_alpha |= trained.log_alpha
    return Scores(log_alpha["heads"], log_alpha["intermediate"])


def shortfalls(gates: Iterable[TrainedGates], penalties: Mapping[Kind, Penalty]) -> Iterator[str]:
    """One sentence for each kind of gates that closed far less, or far more, than the fraction wanted of them."""
    for trained in gates:
        for kind, closed in trained.log[-1].removed.items():
            wanted = penalties[kind].target
            if wanted is not None and abs(closed - wanted) > NEAR * wanted:
                yield (
                    f"The gates of {UNIT_NAMES[kind]} closed {closed:.0%}, and {wanted:.0%} was wanted: what is cut "
                    "was hardly chosen by them. Train them on more data or for longer, or cut less."
                )
