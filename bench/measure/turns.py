"""The measurement itself: two engines taking turns in balanced blocks, over several launches.

A launch starts both engines afresh, warms them up, and lets them take turns, A B B A and B A A B in alternation,
so that drift falls on both alike. After the first launches it is decided how many there will be: as many as the
interval needs to become as narrow as wished (bench.measure.statistics), as far as time allows.

Where that time is a limit (Effort.firm), the first warm-up says what fits into it: launches first, since the interval
rests on them, then blocks. What an engine has not done when the time is up is left out.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from statistics import fmean
from typing import Any, Protocol

from bench.json_field import Field
from bench.measure.engine_process import WORKER, EngineProcess, TimeUpError
from bench.measure.statistics import launches_needed
from bench.workload import (
    LONGEST,
    MIN_BLOCKS,
    MIN_LAUNCHES,
    ROLES,
    Effort,
    Load,
    Role,
    Turn,
    where_of,
)
from export.runtimes.engine_spec import EngineSpec
from trellis.errors import InputError, Parameter

ORDERS: tuple[tuple[Role, ...], tuple[Role, ...]] = (
    ("baseline", "candidate", "candidate", "baseline"),
    ("candidate", "baseline", "baseline", "candidate"),
)

MIN_TURN_SECONDS = 0.03
"""Calls shorter than this are repeated within a turn, which then lasts about so long."""
MAX_CALLS = 50
"""Most timed calls in a turn."""
SLOW_CALL_SECONDS = 0.5
"""From here on one row of the batch wakes both engines: cold caches cost milliseconds, a call seconds."""
PILOT_SHARE = 0.6
"""Of the time aimed at, for the first launches; the rest is for more of them."""
SAFE_SHARE = 0.9
"""Of a limit, that is planned with: calls take longer at times than those of the warm-up did."""
_MOST = math.log(1e6)
"""Log ratio of two engines beyond which a file is not believed."""


@dataclass(frozen=True)
class Plan:
    """How the blocks of one operating point go: fixed after the first launch's warm-up."""

    launches: int
    """Those before it is decided how many there will be."""
    blocks: int
    """Blocks per launch."""
    calls: dict[Role, int]
    """Timed calls in one turn."""
    full_wake: bool
    """Whether the untimed call after waking is a whole one, or one row's."""


@dataclass(frozen=True)
class Block:
    """Two turns of each engine, neighbours in time."""

    first: Role
    turns: dict[Role, list[Turn]]

    @property
    def log_ratio(self) -> float:
        """How many times longer the baseline took, as a logarithm; of a turn, the median call counts."""
        baseline, candidate = (fmean(math.log(turn.typical) for turn in self.turns[role]) for role in ROLES)
        return baseline - candidate

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        turns = {str(role): [turn.to_dict() for turn in self.turns[role]] for role in ROLES}
        return {"first": self.first, **turns}

    @classmethod
    def from_field(cls, field: Field, clients: Mapping[Role, int]) -> "Block":
        """Inverse of `to_dict`, of engines that so many call; raises InputError where `field` is damaged."""
        turns = {
            role: [Turn.from_field(turn, clients[role]) for turn in field[role].items(least=1)]
            for role in ROLES
        }
        found = cls(field["first"].one_of(ROLES), turns)
        if abs(found.log_ratio) > _MOST:
            raise InputError(
                f"{field.source} is damaged: in {field.place} one engine is more than 1,000,000× as fast as the "
                "other; measure again."
            )
        return found


@dataclass(frozen=True)
class Start:
    """What starting an engine cost, once a launch."""

    load_seconds: float
    """From the file to an engine ready to run."""
    first_call_seconds: float
    """The first call at this operating point, which allocates and, on some runtimes, compiles."""
    peak_bytes: int | None
    """Most resident memory of its process when the launch ended; None where the system does not say."""
    device_bytes: int | None = None
    """What it took of a GPU's memory, its CUDA context left out; None: it ran on none."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "load_seconds": self.load_seconds,
            "first_call_seconds": self.first_call_seconds,
            "peak_bytes": self.peak_bytes,
            "device_bytes": self.device_bytes,
        }

    @classmethod
    def from_field(cls, field: Field) -> "Start":
        """Inverse of `to_dict`; raises InputError where `field` is damaged."""
        return cls(
            field["load_seconds"].within(0, LONGEST),
            field["first_call_seconds"].within(0, LONGEST),
            field["peak_bytes"].or_none(_size),
            field["device_bytes"].or_none(_size),
        )


def _size(field: Field) -> int:
    return field.whole(least=0)


@dataclass(frozen=True)
class Launch:
    """Both engines started once."""

    blocks: list[Block]
    starts: dict[Role, Start]

    @property
    def log_ratios(self) -> list[float]:
        """Of its blocks."""
        return [block.log_ratio for block in self.blocks]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "starts": {str(role): self.starts[role].to_dict() for role in ROLES},
            "blocks": [block.to_dict() for block in self.blocks],
        }

    @classmethod
    def from_field(cls, field: Field, clients: Mapping[Role, int]) -> "Launch":
        """Inverse of `to_dict`, of engines that so many call; raises InputError where `field` is damaged."""
        blocks = [Block.from_field(block, clients) for block in field["blocks"].items(least=1)]
        return cls(blocks, {role: Start.from_field(field["starts"][role]) for role in ROLES})


@dataclass(frozen=True)
class Measured:
    """What a pair of engines gave."""

    samples: "list[Samples]"
    """Of each pair of loads."""
    cpu_seconds: float | None
    """Processor time that the engines took; None where the system does not say."""


@dataclass
class Samples:
    """All launches at one operating point."""

    pilot: int
    """How many had been made when it was decided how many to make."""
    launches: list[Launch] = field(default_factory=list)

    @property
    def log_ratios(self) -> list[list[float]]:
        """Launch by launch, block by block."""
        return [launch.log_ratios for launch in self.launches]

    @classmethod
    def from_field(cls, point: Field, clients: Mapping[Role, int]) -> "Samples":
        """Those of a point in a result, of engines that so many call; raises InputError where it is damaged."""
        launches = [
            Launch.from_field(launch, clients) for launch in point["launches"].items(least=MIN_LAUNCHES)
        ]
        pilot = point["pilot"].whole(least=MIN_LAUNCHES)
        if pilot > len(launches):
            raise point["pilot"].wrong(f"no more than the {len(launches)} launches there are")
        return cls(pilot, launches)


Progress = Callable[[int, int], None]
"""Called with (blocks done, blocks in all, as far as they are planned), also where neither has changed."""


class Worker(Protocol):
    """What is asked of an engine in a process of its own; see EngineProcess."""

    load_seconds: float
    device_bytes: int | None

    def prepare(self, load: Load) -> list[float]:
        """Seconds of the calls that warmed it up for `load`; the first one may allocate and compile."""
        ...

    def turns(self, number: int, calls: int, full_wake: bool) -> list[Turn]:
        """So many turns in a row, each of so many timed calls of each client.

        An untimed call goes before them, a whole one (`full_wake`) or one row's.
        """
        ...

    def peak_bytes(self) -> int | None:
        """Most resident memory of its process so far; None where the system does not say."""
        ...

    def cpu_seconds(self) -> float | None:
        """Processor time that its process took so far; None where the system does not say."""
        ...


Open = Callable[[EngineSpec, Role, float], AbstractContextManager[Worker]]
"""Starts an engine, which has until the deadline."""


def open_process(worker: str = WORKER) -> Open:
    """Starts processes that the module `worker` serves."""

    def start(engine: EngineSpec, role: Role, deadline: float) -> EngineProcess:
        return EngineProcess(engine, role, worker, deadline=deadline)

    return start


def measure(
    candidate: EngineSpec,
    baseline: EngineSpec,
    loads: Sequence[dict[Role, Load]],
    effort: Effort,
    progress: Progress = lambda done, total: None,
    worker: str = WORKER,
    *,
    start: Open | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Measured:
    """Time both engines, each under its own load, each served by the module `worker`, or as `start` starts it.

    Raises InputError where an engine does not load or run, or the time is a limit and too short for any interval;
    WorkerDiedError where its process ends. Whatever happens, no process is left behind.
    """
    engines: dict[Role, EngineSpec] = {"baseline": baseline, "candidate": candidate}
    found = [Samples(effort.launches) for _ in loads]
    plans: dict[int, Plan] = {}
    wanted = [effort.launches] * len(loads)
    spent = [0.0] * len(loads)
    cpu_seconds: list[float | None] = []
    done = launch = 0
    deadline = clock() + effort.seconds * len(loads) if effort.firm else math.inf
    open_ = start or open_process(worker)

    def tell() -> None:
        progress(done, max(done, _planned(plans, wanted, effort)))

    tell()
    try:
        while todo := [index for index, number in enumerate(wanted) if launch < number]:
            with ExitStack() as stack:
                started = clock()
                # The order of starting alternates as well: the later one finds the memory less free.
                order = ROLES if launch % 2 == 0 else ROLES[::-1]
                workers = {role: stack.enter_context(open_(engines[role], role, deadline)) for role in order}
                tell()
                loading = (clock() - started) / len(todo)
                for index in todo:
                    started = clock()
                    warm_up = {role: worker.prepare(loads[index][role]) for role, worker in workers.items()}
                    overhead = loading + clock() - started
                    if index not in plans:
                        plans[index] = plan(warm_up, loads[index], overhead, effort)
                        wanted[index] = found[index].pilot = plans[index].launches
                    blocks: list[Block] = []
                    while len(blocks) < plans[index].blocks:
                        began = clock()
                        blocks.append(_block(workers, ORDERS[(launch + len(blocks)) % 2], plans[index]))
                        done += 1
                        tell()
                        if 2 * clock() - began > deadline:  # another one would not be through in time
                            break
                    starts = {
                        role: Start(
                            worker.load_seconds, warm_up[role][0], worker.peak_bytes(), worker.device_bytes
                        )
                        for role, worker in workers.items()
                    }
                    found[index].launches.append(Launch(blocks, starts))
                    spent[index] += loading + clock() - started
                cpu_seconds += [worker.cpu_seconds() for worker in workers.values()]
            launch += 1
            for index in todo:
                if launch == plans[index].launches:
                    wanted[index] = decide(found[index].log_ratios, spent[index], effort)
    except TimeUpError:
        cpu_seconds.append(None)  # what was cut off has taken some too
    for at, samples in zip(loads, found, strict=True):
        if len(samples.launches) < MIN_LAUNCHES:
            raise InputError(
                "{} was over before {} had been timed in {} launches, the least that gives an interval; give more "
                "time, or fewer or smaller calls.",
                *(Parameter("max_time", effort.seconds), where_of(at), MIN_LAUNCHES),
            )
        samples.pilot = min(samples.pilot, len(samples.launches))
    return Measured(found, total_seconds(cpu_seconds))


def total_seconds(parts: Sequence[float | None]) -> float | None:
    """Their sum; None where one is unknown."""
    known = [seconds for seconds in parts if seconds is not None]
    return sum(known) if len(known) == len(parts) else None


def plan(warm_up: dict[Role, list[float]], loads: dict[Role, Load], overhead: float, effort: Effort) -> Plan:
    """How to spend the time on loads whose calls took `warm_up` seconds.

    `overhead`: seconds that each launch costs before its first block. Raises InputError where the time is a limit, and
    too short for two launches of one block.
    """
    call = {role: min(seconds) for role, seconds in warm_up.items()}
    calls = {role: max(1, min(MAX_CALLS, math.ceil(MIN_TURN_SECONDS / call[role]))) for role in ROLES}
    full_wake = max(call.values()) <= SLOW_CALL_SECONDS
    # Two turns of each; three wakings, half of them each one's.
    wake = {role: call[role] if full_wake else call[role] / loads[role].rows for role in ROLES}
    block_seconds = sum(2 * call[role] * calls[role] + 1.5 * wake[role] for role in ROLES)

    def blocks_within(seconds: float, launches: int) -> int:
        return min(effort.blocks, int((seconds / launches - overhead) / block_seconds))

    launches = effort.launches
    blocks = max(MIN_BLOCKS, blocks_within(PILOT_SHARE * effort.seconds, launches))
    limit = SAFE_SHARE * effort.seconds
    if effort.firm and launches * (overhead + blocks * block_seconds) > limit:
        while launches >= MIN_LAUNCHES and blocks_within(limit, launches) < 1:
            launches -= 1
        if launches < MIN_LAUNCHES:
            needed = math.ceil(MIN_LAUNCHES * (overhead + block_seconds) / SAFE_SHARE)
            raise InputError(
                "{} is not enough for {}: to start both engines and warm them up takes {:.1f} s here, four turns "
                "{:.1f} s, and it takes both {} times for an interval; give {} or more, or smaller calls.",
                *(Parameter("max_time", effort.seconds), where_of(loads), overhead, block_seconds),
                *(MIN_LAUNCHES, Parameter("max_time", needed)),
            )
        blocks = blocks_within(limit, launches)
    return Plan(launches, blocks, calls, full_wake)


def decide(log_ratios: Sequence[Sequence[float]], spent: float, effort: Effort) -> int:
    """How many launches to make in all, after those whose `log_ratios` are given took `spent` seconds."""
    time_for_all = SAFE_SHARE * effort.seconds if effort.firm else effort.seconds
    affordable = int(time_for_all / (spent / len(log_ratios)))
    return max(len(log_ratios), min(launches_needed(log_ratios, effort.goal), affordable))


def _block(workers: dict[Role, Worker], order: tuple[Role, ...], planned: Plan) -> Block:
    turns: dict[Role, list[Turn]] = {role: [] for role in ROLES}
    for role, neighbours in groupby(order):
        # Two turns in a row need no waking between them.
        turns[role] += workers[role].turns(len(list(neighbours)), planned.calls[role], planned.full_wake)
    return Block(order[0], turns)


def _planned(plans: dict[int, Plan], wanted: Sequence[int], effort: Effort) -> int:
    return sum(
        number * (plans[index].blocks if index in plans else effort.blocks)
        for index, number in enumerate(wanted)
    )
