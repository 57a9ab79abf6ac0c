"""A machine whose speed drifts by a factor of two, on which launches have luck and turns have noise; and a clock
that only simulated engines move."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from bench.measure.engine_process import TimeUpError
from bench.measure.statistics import Speedup, launches_needed, speedup
from bench.workload import Load, Role, Turn
from export.runtimes.engine_spec import EngineSpec

ORDERS = ((0, 1, 1, 0), (1, 0, 0, 1))


@dataclass(frozen=True)
class Machine:
    """What goes wrong on it; all relative."""

    luck: float = 0.01
    """Standard deviation of each engine's time from launch to launch."""
    noise: float = 0.02
    """Of a turn's time."""
    memory: float = 0.0
    """Correlation of an engine's neighbouring turns."""
    outliers: float = 0.0
    """Share of turns that a neighbour spoils."""
    drift: float = 2.0
    """The machine at its slowest, times as slow as at its fastest."""
    pace: float = 0.02
    """Radians of the drift's cycle that pass in a turn."""

    def launch(self, rng: np.random.Generator, true: float, launch: int, blocks: int) -> list[float]:
        """The blocks' log ratios of one launch, `true` being how many times faster the candidate is."""
        lucks, state = rng.normal(0, self.luck, 2), rng.normal(size=2)
        clock = rng.uniform(0, 2 * math.pi)
        ratios = []
        for block in range(blocks):
            logs: tuple[list[float], list[float]] = ([], [])
            for engine in ORDERS[(launch + block) % 2]:
                clock += self.pace
                fresh = math.sqrt(1 - self.memory**2) * rng.normal()
                state[engine] = self.memory * state[engine] + fresh
                log = (
                    0.5 * math.log(self.drift) * math.sin(clock) + lucks[engine] + self.noise * state[engine]
                )
                if rng.random() < self.outliers:
                    log += math.log1p(rng.exponential(0.5))
                logs[engine].append(log + (math.log(true) if engine == 0 else 0.0))
            ratios.append(sum(logs[0]) / 2 - sum(logs[1]) / 2)
        return ratios

    def measured(
        self,
        rng: np.random.Generator,
        true: float,
        *,
        blocks: int = 6,
        pilot: int = 5,
        goal: float,
        most: int,
    ) -> Speedup:
        """One whole measurement, stopping rule and limit of time (`most` launches) included."""
        launches = [self.launch(rng, true, number, blocks) for number in range(pilot)]
        wanted = min(most, launches_needed(launches, goal))
        launches += [self.launch(rng, true, number, blocks) for number in range(pilot, wanted)]
        return speedup(launches, pilot)


@dataclass
class SimulatedClock:
    """Seconds that pass because something was done, and engines that take them."""

    loading: float
    """Seconds that each engine takes to start."""
    call: dict[Role, float]
    """Of one call."""
    slowing: float = 1.0
    """So many times as long each call takes as the one before."""
    now: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def __call__(self) -> float:
        """The time."""
        return self.now

    @contextmanager
    def start(self, engine: EngineSpec, role: Role, deadline: float) -> "Iterator[SimulatedWorker]":
        """An engine that has until the deadline."""
        worker = SimulatedWorker(self, role, deadline)
        worker.take(self.loading)
        yield worker


class SimulatedWorker:
    """What measure asks of an engine; calls take what the clock says, give or take a little."""

    device_bytes: int | None = None

    def __init__(self, clock: SimulatedClock, role: Role, deadline: float) -> None:
        self._clock, self._role, self._deadline = clock, role, deadline
        self.load_seconds = clock.loading

    def take(self, seconds: float) -> float:
        """Let them pass; none pass beyond the deadline, at which whoever waits gives up."""
        if self._clock.now + seconds > self._deadline:
            self._clock.now = self._deadline
            raise TimeUpError("in no time left")
        self._clock.now += seconds
        return seconds

    def _call(self) -> float:
        seconds = self._clock.call[self._role] * math.exp(self._clock.rng.normal(0, 0.02))
        self._clock.call[self._role] *= self._clock.slowing
        return self.take(seconds)

    def prepare(self, load: Load) -> list[float]:
        """A first call, which is slower, and two more."""
        return [self._call() + self.take(self._clock.call[self._role]), self._call()]

    def turns(self, number: int, calls: int, full_wake: bool) -> list[Turn]:
        """So many turns, after waking."""
        self.take(self._clock.call[self._role] * (1 if full_wake else 0.1))
        seconds = [tuple(self._call() for _ in range(calls)) for _ in range(number)]
        return [Turn(each, sum(each)) for each in seconds]

    def peak_bytes(self) -> int | None:
        """Nothing is known of it."""
        return None

    def cpu_seconds(self) -> float | None:
        """As little."""
        return None
