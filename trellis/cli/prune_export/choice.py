"""What to keep of a model: what the command line says, or as much as the model's own answers need."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prune.cut import check_plan
from prune.families.layers import shape_of
from prune.loaded_model import LoadedModel
from prune.methods.hard_concrete import THRESHOLD
from prune.methods.l0 import TrainedGates
from prune.methods.score import score
from prune.plan import Plan, Scores, plan_above, plan_fractions, plan_shape
from prune.search.by_agreement import Search, own_answers, search
from prune.shape import ModelShape
from prune.stages import Progress, TrainingWindows, gains
from prune.tasks.question_answering.builtin import builtin_questions, search_questions
from prune.tasks.question_answering.windows import pad_token_id_of
from prune.work import Work
from trellis.cli.prune_export.data import Data
from trellis.cli.prune_export.gating import Scored, penalties_of, scores_by_gates
from trellis.cli.prune_export.preflight import stays_as_it_is
from trellis.cli.prune_export.request import Request
from trellis.errors import InputError
from trellis.files.json_file import read_json

SEARCH_MULTIPLE = 8
"""What a search rounds feed-forward widths up to: the last vector of an odd width is computed half empty."""


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
    warnings: tuple[str, ...] = ()
    """Whether gates did not come near what was wanted of them."""


def choose(
    request: Request,
    subject: LoadedModel,
    data: Data,
    wanted: Plan | ModelShape | None,
    windows: TrainingWindows | None,
    work: Work,
    progress: Progress,
) -> Choice:
    """Decide what to keep. `windows` are those of the training data, where gates are to be trained."""
    if request.amount.no_prune:
        return Choice(None, "exported unchanged (--no-prune)")
    if stays_as_it_is(request, subject.source):
        return Choice(None, "the model is already cut and is exported as it is")
    if isinstance(wanted, Plan):
        assert request.amount.plan
        return Choice(wanted, f"kept what {request.amount.plan.name} says")
    scored = None
    if request.method == "l0":
        assert windows is not None
        penalties = penalties_of(request, shape_of(subject.model), wanted)
        scored = scores_by_gates(request, subject, windows, penalties, work, progress)
    if not request.amount_given:
        return _search(request, subject, data, scored, work, progress)
    scored = scored or Scored(_scores(request, subject, data, work, progress))
    plan = plan_shape(scored.scores, wanted) if wanted else _plan(request, scored.scores)
    return Choice(
        plan, "removed what the command line asked for", gates=scored.gates, warnings=scored.warnings
    )


def read_wanted(request: Request, subject: LoadedModel) -> Plan | ModelShape | None:
    """What --plan or --shape says, if one of them is given. Raises InputError where the model has not as much."""
    if request.amount.plan:
        return _read_plan(request.amount.plan, subject)
    if not request.amount.shape:
        return None
    wanted = ModelShape.from_dict(read_json(request.amount.shape, "model shape"))
    wanted.check_within(shape_of(subject.model))
    return wanted


def _read_plan(path: Path, subject: LoadedModel) -> Plan:
    """A plan from a file of its own, or from what prune-export wrote with --json."""
    found = read_json(path, "plan")
    if isinstance(found, Mapping) and "plan" in found:
        if found["plan"] is None:
            raise InputError(f"{path} is of a run that cut nothing; export with --no-prune instead.")
        found = found["plan"]
    plan = Plan.from_dict(found)
    shape = shape_of(subject.model)
    if len(plan.heads) != len(shape.layers):
        raise InputError(
            f"{path} is a plan for {len(plan.heads)} layers; {subject.source.name} has {len(shape.layers)}."
        )
    check_plan(plan, shape)
    return plan


def _scores(request: Request, subject: LoadedModel, data: Data, work: Work, progress: Progress) -> Scores:
    """Scores by gain or random: by the training data, or by the model's own answers."""
    if request.method == "gain" and data.train:
        return gains(work, data.train, subject, request.gain.train_questions, request.seed, progress)
    windows = []
    if request.method == "gain":
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


def _plan(request: Request, scores: Scores) -> Plan:
    """The fractions asked for; or, where λ was given, the gates that are likelier open than closed."""
    multiple_of = request.amount.multiple_of or 1
    fractions = plan_fractions(
        scores,
        heads=request.amount.prune_heads or 0.0,
        intermediate=request.amount.prune_ffn or 0.0,
        multiple_of=multiple_of,
    )
    if request.l0.lambda_heads is None and request.l0.lambda_ffn is None:
        return fractions
    above = plan_above(scores, THRESHOLD, multiple_of=multiple_of)
    return Plan(
        fractions.heads if request.l0.lambda_heads is None else above.heads,
        fractions.intermediate if request.l0.lambda_ffn is None else above.intermediate,
    )


def _search(
    request: Request, subject: LoadedModel, data: Data, scored: Scored | None, work: Work, progress: Progress
) -> Choice:
    if not scored and data.train:
        scored = Scored(_scores(request, subject, data, work, progress))
    found = search(
        subject,
        data.calibration or search_questions(request.seed),
        scores=scored.scores if scored else None,
        method=request.method,
        min_agreement=request.amount.min_agreement,
        multiple_of=request.amount.multiple_of or SEARCH_MULTIPLE,
        seed=request.seed,
        progress=progress,
    )
    gates, told = (scored.gates, scored.warnings) if scored else ((), ())
    if found.plan is None:
        if request.training.distill is not None and not request.training.teacher:
            raise InputError(
                f"Nothing is to be cut, for {found.reason}, so that the model would learn from itself; say how "
                "much is to go (--prune-heads, --prune-ffn), or use --retrain."
            )
        return Choice(None, f"exported whole: {found.reason}", found, gates, told)
    how = f"removed as much as keeps {request.amount.min_agreement:g} % agreement"
    return Choice(found.plan, how, found, gates, told)
