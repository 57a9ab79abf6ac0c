"""How long a run of prune-export takes: counted work at a measured rate, and never more digits than that is worth."""

from export.options import Output
from prune.cost.passes import Passes
from prune.pruning import Pruning
from trellis.cli.prune_export.speed import Rate, measured_rate
from trellis.cli.prune_export.workload import workload
from trellis.progress import duration

WORTH_SAYING = 1e12
"""Multiply-adds from which on a run says beforehand how long it takes: some ten seconds of two cores."""

SPREAD = 0.7, 1.6
"""How many times as long as by the measured rate it may take, at least and at most: training with dropout, odd
widths, and long texts are slower, large batches faster, and other programs come and go."""


def estimate(pruning: Pruning, output: Output) -> str | None:
    """How long it takes to compute if nothing is kept of an earlier run, in a few words; None for a moment."""
    work = workload(pruning, output)
    if _total(work)[1] < WORTH_SAYING:
        return None
    rate = measured_rate(pruning.subject)
    return f"{time_range(work, rate)} in all, where nothing else is at work{left_out(pruning, output)}"


def time_range(work: list[Passes], rate: Rate) -> str:
    """How long `work` takes at `rate`, in words."""
    low, high = _total(work)
    shortest, longest = SPREAD[0] * low / rate.fastest, SPREAD[1] * high / rate.slowest
    return "under a second" if longest < 1 else f"{duration(shortest)} to {duration(longest)}"


def left_out(pruning: Pruning, output: Output) -> str:
    """What is not in the time."""
    data, trained = pruning.data, pruning.training.is_wanted or pruning.method.needs != "nothing"
    missing = [
        f"the questions of {flag}"
        for flag, found, is_used in (("--train", data.train, trained), ("--dev", data.dev, True))
        if found and is_used and found.num_questions is None
    ]
    missing += ["what --max-f1-loss may try"] * (output.max_f1_loss is not None)
    missing += ["rounding to int8"] * (output.precision == "int8")
    missing += ["the engine"] * (output.engine is not None)
    return f"; reading, writing{''.join(f', {what}' for what in missing)} come on top"


def _total(work: list[Passes]) -> tuple[float, float]:
    """(least, most) multiply-adds."""
    return sum(each.multiply_adds[0] for each in work), sum(each.multiply_adds[1] for each in work)
