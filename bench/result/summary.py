"""From samples to figures: what follows from the turns of one operating point."""

from statistics import median

from bench.measure.statistics import Latency, latency, speedup
from bench.measure.turns import Samples
from bench.models import Model
from bench.result.point import Point
from bench.workload import ROLES, Load, Role
from prune.cost import multiply_adds


def summarize(
    loads: dict[Role, Load],
    samples: Samples,
    models: dict[Role, Model],
    peaks: dict[Role, float | None] | None = None,
) -> Point:
    """What follows from the samples of one operating point.

    `peaks`: multiply-adds per second of this machine's fastest matrix product in each model's precision, where known.
    """
    latencies = {role: _latency(samples, role, loads[role].served) for role in ROLES}
    computed = {role: _multiply_adds(models[role], loads[role]) for role in ROLES}
    peaks = peaks or dict.fromkeys(ROLES)
    return Point(
        loads=loads,
        samples=samples,
        latencies=latencies,
        speedup=speedup(samples.log_ratios, samples.pilot),
        multiply_adds=computed,
        of_peak={
            role: (peak := peaks[role]) and computed[role] / latencies[role].p50 / peak for role in ROLES
        },
    )


def _multiply_adds(model: Model, load: Load) -> int:
    engine = model.engine
    return sum(
        multiply_adds(engine.encoder, engine.shape, batch=call.batch, seq=call.seq) for call in load.calls
    )


def _latency(samples: Samples, role: Role, served: int) -> Latency:
    turns = [turn for launch in samples.launches for block in launch.blocks for turn in block.turns[role]]
    seconds = [second for turn in turns for second in turn.seconds]
    # With several clients a unit takes its time while others go on beside it.
    throughput = None if turns[0].clients == 1 else served / median(turn.typical for turn in turns)
    return latency(seconds, served, throughput)
