"""How long a run of prune-export takes: counted work at a measured rate, and never more digits than that is worth."""

from prune.loaded_model import LoadedModel
from prune.methods.random import random_scores
from prune.plan import Plan, plan_fractions
from prune.shape import ModelShape
from prune.source import Source
from trellis.cli.prune_export.data import Data
from trellis.cli.prune_export.preflight import stays_as_it_is
from trellis.cli.prune_export.request import Request
from trellis.cli.prune_export.speed import Rate, measured_rate
from trellis.cli.prune_export.workload import Work, total_shape, workload
from trellis.progress import duration

WORTH_SAYING = 1e12
"""Multiply-adds from which on a run says beforehand how long it takes: some ten seconds of two cores."""

SPREAD = 0.7, 1.6
"""How many times as long as by the measured rate it may take, at least and at most: training with dropout, odd
widths, and long texts are slower, large batches faster, and other programs come and go."""


def estimate(
    request: Request,
    subject: LoadedModel,
    teacher: LoadedModel | None,
    data: Data,
    wanted: Plan | ModelShape | None,
) -> str | None:
    """How long `request` takes to compute if nothing is kept of an earlier run, in a few words; None for a moment."""
    after, _ = shape_after(request, subject.source, wanted)
    work = workload(request, subject, teacher, data, wanted, after)
    if _total(work)[1] < WORTH_SAYING:
        return None
    return f"{time_range(work, measured_rate(subject))} in all, where nothing else is at work{left_out(request, data)}"


def shape_after(
    request: Request, source: Source, wanted: Plan | ModelShape | None
) -> tuple[ModelShape | None, bool]:
    """What is left of the model, None where nobody knows; and whether its layers are known, or its totals alone."""
    shape = source.shape
    if stays_as_it_is(request, source):
        return shape, False
    if wanted:
        return (wanted.shape if isinstance(wanted, Plan) else wanted), True
    if not request.amount_given or request.l0.lambda_heads is not None or request.l0.lambda_ffn is not None:
        return None, False
    heads, intermediate = request.amount.prune_heads or 0.0, request.amount.prune_ffn or 0.0
    if request.method == "random":
        scores = random_scores(shape, seed=request.seed)
        multiple_of = request.amount.multiple_of or 1
        return plan_fractions(
            scores, heads=heads, intermediate=intermediate, multiple_of=multiple_of
        ).shape, True
    return total_shape(
        shape.num_heads - round(heads * shape.num_heads),
        shape.intermediate_size - round(intermediate * shape.intermediate_size),
        shape,
    ), False


def time_range(work: list[Work], rate: Rate) -> str:
    """How long `work` takes at `rate`, in words."""
    low, high = _total(work)
    shortest, longest = SPREAD[0] * low / rate.fastest, SPREAD[1] * high / rate.slowest
    return "under a second" if longest < 1 else f"{duration(shortest)} to {duration(longest)}"


def left_out(request: Request, data: Data) -> str:
    """What is not in the time."""
    trained = request.training.is_wanted or request.method != "random"
    missing = [
        f"the questions of {flag}"
        for flag, found, is_used in (("--train", data.train, trained), ("--dev", data.dev, True))
        if found and is_used and found.num_questions is None
    ]
    missing += ["what --max-f1-loss may try"] * (request.output.max_f1_loss is not None)
    missing += ["rounding to int8"] * (request.output.precision == "int8")
    missing += ["the engine"] * (request.output.engine is not None)
    return f"; reading, writing{''.join(f', {what}' for what in missing)} come on top"


def _total(work: list[Work]) -> tuple[float, float]:
    """(least, most) multiply-adds."""
    return sum(each.multiply_adds[0] for each in work), sum(each.multiply_adds[1] for each in work)
