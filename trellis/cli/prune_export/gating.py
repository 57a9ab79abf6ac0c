"""Scores by gates of --method l0: what drives them, and how they are trained."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from prune.families.layers import shape_of
from prune.loaded_model import LoadedModel
from prune.methods import KINDS, Kind
from prune.methods.l0 import TrainedGates
from prune.methods.penalty import Penalty, paper_weight
from prune.plan import LayerScores, Scores
from prune.shape import ModelShape
from prune.stages import UNIT_NAMES, Progress, TrainingWindows, trained_gates
from prune.train.precision import precision_of
from prune.work import Work
from trellis.cli.prune_export.request import Request

SEARCH_TARGET = 0.5
"""Fraction that gates are trained to close where the search decides how many do: about the most it takes."""

NEAR = 0.25
"""How far from the fraction wanted, as a share of it, gates may end and still have decided the cut."""


@dataclass(frozen=True)
class Scored:
    """Scores, and the gates that they are from, if any."""

    scores: Scores
    gates: tuple[TrainedGates, ...] = ()
    warnings: tuple[str, ...] = ()
    """Where gates did not come near the fraction wanted."""


def penalties_of(request: Request, shape: ModelShape, wanted: ModelShape | None) -> dict[Kind, Penalty]:
    """What is to drive the gates of each kind; a kind of which nothing is to go, or all, is left out."""
    numbers: dict[Kind, int] = {"heads": shape.num_heads, "intermediate": shape.intermediate_size}
    weights: dict[Kind, float | None] = {
        "heads": request.l0.lambda_heads,
        "intermediate": request.l0.lambda_ffn,
    }
    targets: dict[Kind, float] = {
        "heads": request.amount.prune_heads or 0.0,
        "intermediate": request.amount.prune_ffn or 0.0,
    }
    if wanted:
        targets = dict(zip(KINDS, wanted.removed_from(shape), strict=True))
    if not request.amount_given:
        targets = dict.fromkeys(KINDS, SEARCH_TARGET)
    penalties: dict[Kind, Penalty] = {}
    for kind in KINDS:
        weight = weights[kind]
        if not numbers[kind]:
            continue
        if weight is not None:
            absolute = weight if request.l0.lambda_absolute else paper_weight(kind, numbers[kind], weight)
            penalties[kind] = Penalty(absolute)
        elif 0 < targets[kind] < 1:
            penalties[kind] = Penalty(paper_weight(kind, numbers[kind], 1), target=targets[kind])
    return penalties


def scores_by_gates(
    request: Request,
    subject: LoadedModel,
    windows: TrainingWindows,
    penalties: Mapping[Kind, Penalty],
    work: Work,
    progress: Progress,
) -> Scored:
    """Gates of both kinds, apart or jointly; log α is the score. A kind without a penalty is kept whole."""
    settings = request.l0.settings(request.settings, request.seed)
    precision = precision_of(request.settings.mixed_precision, subject.model.dtype)
    share = windows.share(request.l0.gate_share, request.seed)
    together = [penalties] if request.l0.joint else [{kind: penalty} for kind, penalty in penalties.items()]
    gates = tuple(
        trained_gates(work, subject, share, chosen, settings, precision, progress)
        for chosen in together
        if chosen
    )
    shape = shape_of(subject.model)
    log_alpha: dict[Kind, LayerScores] = {
        "heads": tuple(np.zeros(layer.num_heads) for layer in shape.layers),
        "intermediate": tuple(np.zeros(layer.intermediate_size) for layer in shape.layers),
    }
    for trained in gates:
        log_alpha |= trained.log_alpha
    return Scored(
        Scores(log_alpha["heads"], log_alpha["intermediate"]), gates, tuple(shortfalls(gates, penalties))
    )


def shortfalls(gates: Iterable[TrainedGates], penalties: Mapping[Kind, Penalty]) -> Iterator[str]:
    """One sentence for each kind of gates that closed far less, or far more, than the fraction wanted of them."""
    for trained in gates:
        for kind, closed in trained.log[-1].removed.items():
            wanted = penalties[kind].target
            if wanted is not None and abs(closed - wanted) > NEAR * wanted:
                yield (
                    f"The gates of {UNIT_NAMES[kind]} closed {closed:.0%}, and {wanted:.0%} was wanted: what is cut "
                    "was hardly chosen by them. Train them on more data or for longer (--train, --gate-share, "
                    "--gate-epochs), or cut less."
                )
