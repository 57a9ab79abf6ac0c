"""The measurement itself: two engines taking turns, over several launches.

A launch starts both engines afresh, warms them up, and lets them take turns: in each round both have one,
and who goes first changes from round to round and from launch to launch, so that drift falls on both alike.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.engine_process import EngineProcess
from bench.spec import MIN_ROUNDS, Effort, Engine, Role, Workload

ROLES: tuple[Role, Role] = ("baseline", "candidate")

MIN_TURN_SECONDS = 0.03
"""Calls shorter than this are repeated within a turn, which then lasts about so long."""
MAX_CALLS = 50
"""Most timed calls in a turn."""
SLOW_CALL_SECONDS = 0.5
"""From here on one row of the batch wakes both engines: cold caches cost milliseconds, a call seconds."""


@dataclass(frozen=True)
class Plan:
    """How the rounds of one operating point go: fixed after the first launch's warm-up."""

    rounds: int
    """Rounds per launch."""
    calls: dict[Role, int]
    """Timed calls in one turn."""
    wake_rows: int
    """Rows in the untimed call after waking."""


@dataclass(frozen=True)
class Round:
    """One turn of each engine, neighbours in time."""

    first: Role
    seconds: dict[Role, list[float]]
    """All timed calls of the turn."""

    @property
    def ratio(self) -> float:
        """How many times longer the baseline took: the ratio of the turns' medians."""
        return median(self.seconds["baseline"]) / median(self.seconds["candidate"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"first": self.first, **{str(role): seconds for role, seconds in self.seconds.items()}}


Launch = list[Round]
Progress = Callable[[int, int], None]
"""Called with (rounds done, rounds in all, as far as they are planned)."""


def measure(
    candidate: Engine,
    baseline: Engine,
    workloads: Sequence[Workload],
    effort: Effort,
    progress: Progress = lambda done, total: None,
) -> list[list[Launch]]:
    """Time both engines; returns, for each workload, its launches.

    Raises InputError where an engine does not load or run, WorkerDiedError where its process ends. Whatever
    happens, no process is left behind.
    """
    engines: dict[Role, Engine] = {"baseline": baseline, "candidate": candidate}
    samples: list[list[Launch]] = [[] for _ in workloads]
    plans: list[Plan] = []
    done = 0
    for launch in range(effort.launches):
        with ExitStack() as stack:
            started = time.perf_counter()
            # The order of starting alternates as well: the later one finds the memory less free.
            order = ROLES if launch % 2 == 0 else ROLES[::-1]
            workers = {role: stack.enter_context(EngineProcess(engines[role], role)) for role in order}
            loading = (time.perf_counter() - started) / len(workloads)
            for index, workload in enumerate(workloads):
                started = time.perf_counter()
                warm_up = {role: worker.prepare(workload) for role, worker in workers.items()}
                if launch == 0:
                    overhead = loading + time.perf_counter() - started
                    plans.append(plan(warm_up, workload, overhead, effort))
                planned = plans[index]
                rounds: Launch = []
                samples[index].append(rounds)
                for number in range(planned.rounds):
                    order = ROLES if (launch + number) % 2 == 0 else ROLES[::-1]
                    rounds.append(_round(workers, order, planned))
                    done += 1
                    in_all = sum(known.rounds for known in plans)
                    in_all += (len(workloads) - len(plans)) * effort.rounds
                    progress(done, in_all * effort.launches)
    return samples


def plan(warm_up: dict[Role, list[float]], workload: Workload, overhead: float, effort: Effort) -> Plan:
    """How to spend `effort.seconds` on a workload whose calls took `warm_up` seconds.

    `overhead`: seconds that each launch costs before its first round. Looks at durations alone, never at how
    narrow an interval is: stopping where it looks narrow makes it too narrow.
    """
    call = {role: min(seconds) for role, seconds in warm_up.items()}
    calls = {role: max(1, min(MAX_CALLS, math.ceil(MIN_TURN_SECONDS / call[role]))) for role in ROLES}
    wake_rows = 1 if max(call.values()) > SLOW_CALL_SECONDS else workload.batch
    round_seconds = sum(call[role] * (calls[role] + wake_rows / workload.batch) for role in ROLES)
    affordable = (effort.seconds / effort.launches - overhead) / round_seconds
    return Plan(max(MIN_ROUNDS, min(effort.rounds, int(affordable))), calls, wake_rows)


def _round(workers: dict[Role, EngineProcess], order: tuple[Role, Role], planned: Plan) -> Round:
    turns = {role: workers[role].turn(planned.calls[role], planned.wake_rows) for role in order}
    return Round(order[0], {role: turns[role] for role in ROLES})
