"""How much of a model is to go, from what is wanted and what the model has."""

from collections.abc import Mapping
from pathlib import Path

from prune.cut import check_plan
from prune.data import LoadedData
from prune.families.layers import shape_of
from prune.loaded_model import LoadedModel
from prune.methods.method import Method
from prune.methods.target import Fractions, Sizes
from prune.options import Amount
from prune.plan import Plan
from prune.search.by_agreement import MULTIPLE_OF, ByAgreement
from prune.search.extent import Extent
from prune.search.given import Given, Unchanged, Units
from prune.shape import ModelShape
from prune.source import Source
from prune.tasks.question_answering.builtin import search_questions
from trellis.errors import InputError, Parameter
from trellis.files.json_file import read_json


def is_given(amount: Amount, method: Method) -> bool:
    """Whether it is said how much to remove; otherwise the model's own answers decide."""
    return amount.is_given or bool(method.amounts)


def stays_as_it_is(amount: Amount, method: Method, source: Source) -> bool:
    """Whether nothing is to be cut: that is wanted, or no amount is given for a model that is already cut."""
    return amount.no_prune or (not is_given(amount, method) and source.shape != source.original_shape)


def extent_of(wanted: Amount, method: Method, subject: LoadedModel, data: LoadedData, seed: int) -> Extent:
    """How much is to go. Raises InputError where a plan or a shape says what the model has not."""
    given = "removed what was asked for"
    if wanted.no_prune:
        return Unchanged("exported unchanged")
    if stays_as_it_is(wanted, method, subject.source):
        return Unchanged("the model is already cut and is exported as it is")
    if wanted.plan:
        return Units(_read_plan(wanted.plan, subject), f"kept what {wanted.plan.name} says")
    if wanted.shape:
        return Given(_read_shape(wanted.shape, subject), given)
    if is_given(wanted, method):
        fractions = Fractions(wanted.prune_heads or 0.0, wanted.prune_ffn or 0.0, wanted.multiple_of or 1)
        return Given(method.target(fractions), given)
    questions = data.calibration or search_questions(seed)
    return ByAgreement(questions, wanted.min_agreement, wanted.multiple_of or MULTIPLE_OF)


def _read_shape(path: Path, subject: LoadedModel) -> Sizes:
    wanted = ModelShape.from_dict(read_json(path, "model shape"))
    wanted.check_within(shape_of(subject.model))
    return Sizes(wanted)


def _read_plan(path: Path, subject: LoadedModel) -> Plan:
    """A plan from a file of its own, or from what prune-export wrote of all that it found."""
    found = read_json(path, "plan")
    if isinstance(found, Mapping) and "plan" in found:
        if found["plan"] is None:
            raise InputError(
                "{} is of a run that cut nothing; export with {} instead.", path, Parameter("no_prune")
            )
        found = found["plan"]
    plan = Plan.from_dict(found)
    shape = shape_of(subject.model)
    if len(plan.heads) != len(shape.layers):
        raise InputError(
            f"{path} is a plan for {len(plan.heads)} layers; {subject.source.name} has {len(shape.layers)}."
        )
    check_plan(plan, shape)
    return plan
