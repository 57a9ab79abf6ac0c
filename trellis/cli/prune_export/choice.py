"""What to keep of a model: what the command line says, or as much as the model's own answers need."""

from collections.abc import Mapping
from pathlib import Path

from prune.cut import check_plan
from prune.families.layers import shape_of
from prune.loaded_model import LoadedModel
from prune.methods.job import Job
from prune.methods.target import Fractions, Sizes
from prune.plan import Plan
from prune.search.amount import Amount, Choice
from prune.search.by_agreement import MULTIPLE_OF, ByAgreement
from prune.search.given import Given, Unchanged, Units
from prune.shape import ModelShape
from prune.stages import Progress
from prune.tasks.question_answering.builtin import builtin_questions, search_questions
from prune.work import Work
from trellis.cli.prune_export.data import Data
from trellis.cli.prune_export.preflight import stays_as_it_is, training_settings
from trellis.cli.prune_export.request import Request
from trellis.errors import InputError, Parameter
from trellis.files.json_file import read_json


def choose(request: Request, amount: Amount, job: Job, work: Work, progress: Progress) -> Choice:
    """Decide what to keep. Raises InputError where nothing is to be cut, and the model would learn from itself."""
    choice = amount.settle(request.method, job, work, progress)
    learns_from_itself = request.training.distill is not None and not request.training.teacher
    if choice.search and not choice.cut and learns_from_itself:
        raise InputError(
            "Nothing is to be cut, for {}, so that the model would learn from itself; say how much is to go ({}, {}), "
            "or use {}.",
            choice.search.reason,
            *map(Parameter, ("prune_heads", "prune_ffn", "retrain")),
        )
    return choice


def job_of(request: Request, subject: LoadedModel, data: Data) -> Job:
    """What a method has to work with."""
    trains = data.train and (request.training.is_wanted or request.method.trains)
    return Job(
        subject,
        data.train,
        text=builtin_questions(),
        training=request.settings,
        reading=training_settings(request, subject) if trains else None,
        seed=request.seed,
    )


def amount_of(request: Request, subject: LoadedModel, data: Data) -> Amount:
    """How much is to go. Raises InputError where --plan or --shape says what the model has not."""
    wanted, how = request.amount, "removed what the command line asked for"
    if wanted.no_prune:
        return Unchanged("exported unchanged (--no-prune)")
    if stays_as_it_is(request, subject.source):
        return Unchanged("the model is already cut and is exported as it is")
    if wanted.plan:
        return Units(_read_plan(wanted.plan, subject), f"kept what {wanted.plan.name} says")
    if wanted.shape:
        return Given(_read_shape(wanted.shape, subject), how)
    if request.amount_given:
        multiple_of = wanted.multiple_of or 1
        fractions = Fractions(wanted.prune_heads or 0.0, wanted.prune_ffn or 0.0, multiple_of)
        return Given(request.method.target(fractions), how)
    questions = data.calibration or search_questions(request.seed)
    return ByAgreement(questions, wanted.min_agreement, wanted.multiple_of or MULTIPLE_OF)


def _read_shape(path: Path, subject: LoadedModel) -> Sizes:
    wanted = ModelShape.from_dict(read_json(path, "model shape"))
    wanted.check_within(shape_of(subject.model))
    return Sizes(wanted)


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
