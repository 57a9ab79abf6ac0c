"""What to keep of a model: what the command line says, or as much as the model's own answers need."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from export.data import Data
from export.request import Request
from prune.choose import KINDS, Kind
from prune.choose.hard_concrete import THRESHOLD
from prune.choose.l0 import TrainedGates
from prune.choose.penalty import Penalty, paper_weight
from prune.choose.score import score
from prune.errors import InputError
from prune.layers import shape_of
from prune.plan import LayerScores, Plan, Scores, plan_above, plan_fractions, plan_shape
from prune.qa.builtin import builtin_questions, search_questions
from prune.qa.json_file import read_json
from prune.qa.windows import pad_token_id_of
from prune.search import Search, own_answers, search
from prune.shape import ModelShape
from prune.stages import Progress, TrainingWindows, trained_gates
from prune.subject import Subject
from prune.train.precision import precision_of
from prune.work import Work

SEARCH_MULTIPLE = 8
"""What a search rounds feed-forward widths up to: the last vector of an odd width is computed half empty."""

SEARCH_TARGET = 0.5
"""Fraction that gates are trained to close where the search decides how many do: about the most it takes."""


@dataclass(frozen=True)
class Choice:
    """What is to stay, and how that was found."""

    plan: Plan | None
    """None where the model is exported as it is."""
    how: str
    """In words: what decided the amount."""
    search: Search | None = None
    gates: tuple[TrainedGates, ...] = ()
    """Where gates were trained: heads and feed-forward activations apart, or jointly."""


@dataclass(frozen=True)
class _Scored:
    scores: Scores
    gates: tuple[TrainedGates, ...] = field(default=())


def choose(
    request: Request,
    subject: Subject,
    data: Data,
    windows: TrainingWindows | None,
    work: Work,
    progress: Progress,
) -> Choice:
    """Decide what to keep. `windows` are those of the training data, where gates are to be trained."""
    source = subject.source
    if request.no_prune:
        return Choice(None, "exported unchanged (--no-prune)")
    if request.plan:
        return Choice(read_plan(request, subject), f"kept what {request.plan.name} says")
    if not request.amount_given and source.shape != source.original_shape:
        return Choice(None, "the model is already cut and is exported as it is")
    wanted = _read_shape(request, subject)
    scored = None
    if request.method == "l0":
        assert windows is not None
        penalties = _penalties(request, shape_of(subject.model), wanted)
        scored = _train_gates(request, subject, windows, penalties, work, progress)
    if not request.amount_given:
        return _search(request, subject, data, scored, progress)
    scored = scored or _Scored(_scores(request, subject, data, progress))
    plan = plan_shape(scored.scores, wanted) if wanted else _plan(request, scored.scores)
    return Choice(plan, "removed what the command line asked for", gates=scored.gates)


def read_plan(request: Request, subject: Subject) -> Plan:
    """The plan of --plan: a file of its own, or what prune-export wrote with --json."""
    assert request.plan is not None
    found = read_json(request.plan, "plan")
    plan = Plan.from_dict(found["plan"] if isinstance(found, Mapping) and found.get("plan") else found)
    if len(plan.heads) != len(shape_of(subject.model).layers):
        raise InputError(
            f"{request.plan} is a plan for {len(plan.heads)} layers; {subject.source.name} has "
            f"{len(shape_of(subject.model).layers)}."
        )
    return plan


def _read_shape(request: Request, subject: Subject) -> ModelShape | None:
    if not request.shape:
        return None
    wanted = ModelShape.from_dict(read_json(request.shape, "model shape"))
    wanted.check_within(shape_of(subject.model))
    return wanted


def _scores(request: Request, subject: Subject, data: Data, progress: Progress) -> Scores:
    """Scores by gain or random: by the training data, or by the model's own answers."""
    windows = []
    if request.method != "random":
        if data.train:
            settings = subject.settings
            windows = data.train.sample(request.train_questions, request.seed, subject.tokenizer, settings)
        else:
            windows = subject.windows(
                own_answers(
                    subject,
                    builtin_questions(),
                    lambda done, total: progress("asking the model", done, total),
                )
            )
    return score(
        request.method,
        subject.model,
        windows,
        pad_token_id=pad_token_id_of(subject.tokenizer),
        seed=request.seed,
        progress=lambda done, total: progress("scoring heads and activations", done, total),
    )


def _penalties(request: Request, shape: ModelShape, wanted: ModelShape | None) -> dict[Kind, Penalty]:
    """What is to drive the gates of each kind; a kind of which nothing is to go is left out."""
    numbers: dict[Kind, int] = {"heads": shape.num_heads, "intermediate": shape.intermediate_size}
    weights: dict[Kind, float | None] = {"heads": request.lambda_heads, "intermediate": request.lambda_ffn}
    targets: dict[Kind, float] = {
        "heads": request.prune_heads or 0.0,
        "intermediate": request.prune_ffn or 0.0,
    }
    if wanted:
        targets = {
            "heads": 1 - wanted.num_heads / numbers["heads"],
            "intermediate": 1 - wanted.intermediate_size / numbers["intermediate"],
        }
    if not request.amount_given:
        targets = dict.fromkeys(KINDS, SEARCH_TARGET)
    penalties: dict[Kind, Penalty] = {}
    for kind in KINDS:
        weight = weights[kind]
        if weight is not None:
            absolute = weight if request.lambda_absolute else paper_weight(kind, numbers[kind], weight)
            penalties[kind] = Penalty(absolute)
        elif targets[kind]:
            penalties[kind] = Penalty(paper_weight(kind, numbers[kind], 1), target=targets[kind])
    return penalties


def _train_gates(
    request: Request,
    subject: Subject,
    windows: TrainingWindows,
    penalties: Mapping[Kind, Penalty],
    work: Work,
    progress: Progress,
) -> _Scored:
    """Gates of both kinds, apart or jointly; log α is the score. A kind without a penalty is kept whole."""
    settings = replace(request.gates, seed=request.seed)
    precision = precision_of(request.training.mixed_precision, subject.model.dtype)
    share = windows.share(request.gate_share, request.seed)
    together = [penalties] if request.joint else [{kind: penalty} for kind, penalty in penalties.items()]
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
    return _Scored(Scores(log_alpha["heads"], log_alpha["intermediate"]), gates)


def _plan(request: Request, scores: Scores) -> Plan:
    """The fractions asked for; or, where λ was given, the gates that are likelier open than closed."""
    multiple_of = request.multiple_of or 1
    fractions = plan_fractions(
        scores,
        heads=request.prune_heads or 0.0,
        intermediate=request.prune_ffn or 0.0,
        multiple_of=multiple_of,
    )
    if request.lambda_heads is None and request.lambda_ffn is None:
        return fractions
    above = plan_above(scores, THRESHOLD, multiple_of=multiple_of)
    return Plan(
        fractions.heads if request.lambda_heads is None else above.heads,
        fractions.intermediate if request.lambda_ffn is None else above.intermediate,
    )


def _search(
    request: Request, subject: Subject, data: Data, scored: _Scored | None, progress: Progress
) -> Choice:
    if not scored and data.train:
        scored = _Scored(_scores(request, subject, data, progress))
    found = search(
        subject,
        data.calibration or search_questions(request.seed),
        scores=scored.scores if scored else None,
        method=request.method,
        min_agreement=request.min_agreement,
        multiple_of=request.multiple_of or SEARCH_MULTIPLE,
        seed=request.seed,
        progress=progress,
    )
    gates = scored.gates if scored else ()
    if found.plan is None:
        return Choice(None, f"exported whole: {found.reason}", found, gates)
    return Choice(found.plan, f"removed as much as keeps {request.min_agreement:g} % agreement", found, gates)
